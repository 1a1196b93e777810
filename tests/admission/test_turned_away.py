"""Who is turned away, and what lets them in again (A14, A17, A19, A23)."""

from datetime import timedelta

import pytest

from portal.admission.changes import Arrived, SignedIn, TurnedAway
from portal.admission.rules import Refusal
from portal.guests.rules import LAPSES_AFTER, Reason, State
from portal.lifecycle.changes import suspend_organisation
from portal.sponsorship.changes import deciding, people
from portal.sponsorship.changes.requesting import vouch
from portal.staff.changes import remove as let_go
from portal.trust import changes as trust
from tests.admission.outcomes import refusal
from tests.replay import folded, kept
from tests.scene import Partner, Scene


@pytest.mark.parametrize(
    "why", ["suspended", "not begun", "ended", "no eligible sponsor", "provider disabled"]
)
def test_a14_a_partner_that_is_not_in_a_state_to_send_people(scene: Scene, why: str):
    acme = scene.partner(last_day=scene.day(30) if why == "ended" else None)
    if why == "suspended":
        with scene.tx() as tx:
            suspend_organisation(tx, acme.id, "Unpaid")
    elif why == "not begun":
        scene.later(days=-400)
    elif why == "ended":
        scene.now = scene.ends_at(acme.contract_id)
    elif why == "no eligible sponsor":
        with scene.tx() as tx:
            let_go(tx, acme.sponsor)
    else:
        with scene.tx() as tx:
            trust.disable(tx, acme.provider_id)
    expected = Refusal.IDP_DISABLED if why == "provider disabled" else Refusal.PARTNER_STATE
    assert refusal(scene, scene.knock(acme, scene.identity(acme))) == (expected,)
    assert scene.find(acme) is None
    assert scene.mails() == []


def test_a17_a_tombstone_keeps_out(scene: Scene, acme: Partner):
    """Removed by a sponsor, back a minute later: refused, told once, not created again."""
    jane = scene.active(acme)
    with scene.as_staff(acme.sponsor) as tx:
        deciding.end(tx, scene.sponsorship(jane).id, acme.sponsor, "Over")
    for _ in range(2):
        scene.later(minutes=1)
        result = scene.knock(acme, scene.identity(acme))
        assert refusal(scene, result) == (Refusal.TOMBSTONE,)
    assert isinstance(result, TurnedAway)
    assert result.guest is not None
    assert result.guest.id == jane
    assert scene.row(jane).knocked_at == scene.now
    assert len(scene.mails("sponsor.knocked")) == 1
    assert scene.seats(acme) == (0, 0)
    assert [e.event for e in scene.events(guest_id=jane)][-2:] == [
        "sign_in.refused",
        "guest.knocked",
    ]
    assert folded(scene.session) == kept(scene.session)
    with scene.as_staff(acme.sponsor) as tx:
        people.let_back(tx, jane, acme.sponsor)
    assert isinstance(scene.knock(acme, scene.identity(acme)), SignedIn)
    assert scene.row(jane).knocked_at is None


def test_a17_removed_by_time_comes_again_on_the_same_record(scene: Scene, acme: Partner):
    """Pending, whatever the policy; the old grants stay ended; the terms are asked again."""
    wiki = scene.offer(acme, default=True)
    jane = scene.guest(acme)
    scene.approve(jane, acme.sponsor, days=5, offers=[wiki])
    scene.policy(acme, approval="at-once")
    with scene.tx() as tx:
        trust.publish_terms(tx, "New terms.", published_by="Root")
    scene.later(days=40)
    result = scene.sign_in(acme, scene.identity(acme, name="Jane Doe"))
    assert isinstance(result, SignedIn)
    assert (result.guest_id, result.session_epoch) == (jane, 2)
    guest = scene.row(jane)
    assert (guest.state, guest.state_reason) == (State.PENDING, Reason.AWAITING_DECISION)
    assert (guest.terms_version, guest.name) == (2, "Jane Doe")
    assert guest.last_sign_in_at == scene.now
    assert guest.lapses_at == scene.now + LAPSES_AFTER
    assert guest.expires_at == scene.sponsorship(jane).expires_at
    states = [(grant.state, grant.state_reason) for grant in scene.grants(jane)]
    assert sorted(states) == [("ended", "expired"), ("proposed", "default")]
    assert scene.seats(acme) == (0, 1)
    assert not scene.access(jane).allowed
    assert folded(scene.session) == kept(scene.session)


def test_a19_more_than_the_hour_allows(scene: Scene):
    """The door says later, resumes by itself, tells admins once; who is in is not touched."""
    scene.staff("root", role="admin")
    acme = scene.partner(most_new_per_hour=3)
    begun = scene.later(minutes=30)
    first = scene.active(acme, "p0")
    for number in (1, 2):
        scene.guest(acme, f"p{number}")
    scene.now = begun.replace(minute=59, second=30)  # a flood goes on over the full hour
    for number in range(3, 9):
        scene.later(seconds=10)
        result = scene.knock(acme, scene.identity(acme, f"p{number}"))
        assert refusal(scene, result) == (Refusal.LATER,)
    assert len(scene.mails("admin.later")) == 1
    assert scene.mails("admin.later")[0].payload["most_new_per_hour"] == 3
    assert isinstance(scene.knock(acme, scene.identity(acme, "p0")), SignedIn)
    assert scene.access(first).allowed
    scene.now = begun + timedelta(hours=1) - timedelta(microseconds=1)
    assert isinstance(scene.knock(acme, scene.identity(acme, "p9")), TurnedAway)
    scene.now = begun + timedelta(hours=1)
    assert isinstance(scene.knock(acme, scene.identity(acme, "p9")), Arrived)


def test_a19_a_clock_that_was_ahead_keeps_the_door_shut_for_no_longer(scene: Scene):
    """Whoever arrived in its future does not count until then; a flood after it is told as well."""
    scene.staff("root", role="admin")
    acme = scene.partner(most_new_per_hour=1)
    right = scene.now
    scene.later(days=30)
    scene.guest(acme, "p0")
    assert isinstance(scene.knock(acme, scene.identity(acme, "p1")), TurnedAway)
    scene.now = right
    scene.guest(acme, "p1")
    assert isinstance(scene.knock(acme, scene.identity(acme, "p2")), TurnedAway)
    assert len(scene.mails("admin.later")) == 2


def test_a23_silence(scene: Scene, acme: Partner):
    """Suspended once; refused until the sponsor vouches again; the sign-in does not wake it."""
    jane = scene.active(acme)
    scene.later(days=60)
    for _ in range(2):
        result = scene.knock(acme, scene.identity(acme))
        assert refusal(scene, result) == (Refusal.INACTIVE,)
    guest = scene.row(jane)
    assert (guest.state, guest.state_reason) == (State.SUSPENDED, Reason.INACTIVE)
    assert guest.last_sign_in_at != scene.now
    assert len(scene.mails("guest.suspended")) == 1
    with scene.as_staff(acme.sponsor) as tx:
        vouch(tx, jane, acme.sponsor, scene.day(30), ())
    assert isinstance(scene.knock(acme, scene.identity(acme)), SignedIn)
    assert folded(scene.session) == kept(scene.session)
