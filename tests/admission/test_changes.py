"""The door carried out, on both databases: cases of part 3 by their ids."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal.admission import changes as admission
from portal.admission.changes import Arrived, SignedIn
from portal.admission.changes.arriving import Acceptance
from portal.admission.models import Arrival
from portal.admission.queries import gather, open_arrival
from portal.admission.rules import Outcome, Refusal
from portal.guests.rules import LAPSES_AFTER, Reason, State
from portal.sponsorship.rules import Standing
from portal.trust import changes as trust
from portal.trust.queries import current_terms, provider_by_id
from tests.admission.outcomes import refusal
from tests.racing import beside
from tests.replay import folded, kept
from tests.scene import HOST_DOMAINS, Partner, Scene

DAY = timedelta(days=1)


def accept_twice(scene: Scene, partner: Partner, first: Arrived, second: Arrived):
    return scene.accept(partner, first), scene.accept(partner, second)


def test_a01_a_first_sign_in(scene: Scene, acme: Partner):
    """One guest that waits, with what the claims may fill and what the policy says."""
    wiki = scene.offer(acme, default=True)
    finance = scene.offer(acme, when=("department", "Finance"))
    scene.offer(acme)
    identity = scene.identity(
        acme,
        profile={"department": "Finance", "phone": "1"},
        claims={"sub": "jane", "department": "Finance", "shoe_size": 43},
    )
    arrived = scene.knock(acme, identity)
    assert isinstance(arrived, Arrived)
    assert scene.find(acme) is None
    before = len(scene.events())
    result = scene.accept(acme, arrived, why="The pump station", works_with="Ada")
    assert isinstance(result, SignedIn)
    guest = scene.row(result.guest_id)
    row = scene.sponsorship(guest.id)
    assert (guest.state, guest.state_reason) == (State.PENDING, Reason.AWAITING_DECISION)
    assert (guest.email, guest.name) == ("jane@acme.example", "Jane Roe")
    assert guest.profile == {"department": "Finance", "phone": "1"}
    assert (guest.hold, guest.tombstone, guest.inactive_at) == (False, False, None)
    assert guest.lapses_at == row.lapses_at == scene.now + LAPSES_AFTER
    assert guest.expires_at == row.expires_at
    assert guest.last_sign_in_at == scene.now
    assert guest.terms_version == 1
    assert (row.state, row.sponsor_id) == (Standing.REQUESTED, acme.sponsor)
    assert (row.contract_id, row.last_day) == (acme.contract_id, scene.day(365))
    assert (row.why, row.works_with) == ("The pump station", "Ada")
    assert {(one.offer_id, one.state, one.by_claim) for one in scene.grants(guest.id)} == {
        (wiki, "proposed", False),
        (finance, "proposed", True),
    }
    assert not scene.access(guest.id).allowed
    assert scene.seats(acme) == (0, 1)
    (mail,) = scene.mails()
    assert (mail.kind, mail.to) == ("sponsor.request", "sam-acme@host.example")
    assert mail.payload["why"] == "The pump station"
    assert mail.payload["lapses_at"].startswith("2026-03-16T09:00:00")
    assert [event.event for event in scene.events()[before:]] == [
        "guest.created",
        "sponsorship.requested",
        "grant.proposed",
        "grant.proposed",
    ]
    created = scene.events("guest.created")[0]
    assert created.reason == "lifecycle.awaiting_decision"
    assert "email" not in str(created.data["sets"])
    assert created.personal[f"guest:{guest.id}"]["email"] == "jane@acme.example"
    assert folded(scene.session) == kept(scene.session)


def test_a01_at_once(scene: Scene):
    """Restricted access from the first minute, to be approved within the policy's days."""
    acme = scene.partner(approval="at-once", approval_days=4, inactivity_days=9)
    wiki = scene.offer(acme, default=True)
    scene.offer(acme)
    jane = scene.guest(acme)
    guest, row = scene.row(jane), scene.sponsorship(jane)
    assert (guest.state, guest.state_reason) == (State.ACTIVE, Reason.AT_ONCE)
    assert (guest.inactive_at, guest.lapses_at) == (scene.now + 9 * DAY, None)
    assert (row.state, row.at_once) == (Standing.ACTIVE, True)
    assert (row.approve_by, row.lapses_at) == (scene.now + 4 * DAY, None)
    assert row.decided_at is None
    assert row.awaits_decision
    (grant,) = scene.grants(jane)
    assert (grant.offer_id, grant.state, grant.state_reason) == (wiki, "active", "at_once")
    assert grant.starts_at == scene.now
    assert scene.access(jane).allowed
    assert scene.seats(acme) == (1, 0)
    (mail,) = scene.mails("sponsor.request")
    assert mail.payload["at_once"] is True
    assert mail.payload["lapses_at"] is None
    assert folded(scene.session) == kept(scene.session)


def test_a01_an_arrival_keeps_what_somebody_decides_by(scene: Scene):
    """Nothing else that a provider says, which may be a megabyte; of power the name alone."""
    acme = scene.partner(provider={"required_claims": {"hd": "acme.example"}})
    scene.offer(acme, when=("realm.roles", "writer"))
    scene.offer(acme, when=("groups", "writers"))
    wanted = {
        "hd": "acme.example",
        "realm": {"roles": ["writer"], "more": 1},
        "groups": ["readers"],
        "hasgroups": "true",
    }
    claims = {**wanted, "picture": "x" * 1_000_000, "address": {"street": "1"}, "Role": "x" * 9}
    arrived = scene.knock(acme, scene.identity(acme, claims=claims))
    kept = open_arrival(scene.session, arrived.token, scene.now)
    assert kept is not None
    assert kept.identity.claims == {**wanted, "Role": None}
    result = scene.accept(acme, arrived)
    assert [one.by_claim for one in scene.grants(result.guest_id)] == [True]
    assert scene.events("sign_in.attribute_ignored")[0].data == {"claims": ["Role"]}


def test_a12_a21_claims_make_nobody_more_than_a_guest(scene: Scene, acme: Partner):
    """Power in claims is ignored and noted; later sign-ins change nothing of the host's."""
    power = {
        "sub": "jane",
        "roles": ["admin"],
        "userType": "Member",
        "is_sponsor": True,
        "expires_at": "2099-01-01",
        "status": "active",
    }
    jane = scene.guest(acme, claims=power, profile={"department": "IT"})
    assert scene.row(jane).state == State.PENDING
    (event,) = scene.events("sign_in.attribute_ignored")
    assert event.data == {"claims": ["expires_at", "is_sponsor", "roles", "status", "userType"]}
    assert (event.reason, event.guest_id) == ("attr.ignored", jane)
    scene.approve(jane, acme.sponsor, days=30)
    before, row = scene.row(jane), scene.sponsorship(jane)
    scene.later(days=2)
    later = scene.identity(
        acme,
        name="Jane Doe",
        claims=power | {"state": "removed", "sponsor": "eve", "organisation": "zeta"},
        profile={"phone": "2"},
        email="jane.doe@acme.example",
    )
    assert isinstance(scene.knock(acme, later), SignedIn)
    guest = scene.row(jane)
    assert guest == replace(
        before,
        name="Jane Doe",
        profile={"phone": "2"},
        email="jane.doe@acme.example",
        last_sign_in_at=scene.now,
        inactive_at=scene.now + 60 * DAY,
    )
    assert scene.sponsorship(jane) == row
    assert folded(scene.session) == kept(scene.session)


def test_a21_what_a_claim_no_longer_says_stays(scene: Scene, acme: Partner):
    """A name that is not sent any more does not vanish from the record."""
    jane = scene.active(acme)
    scene.knock(acme, scene.identity(acme, name=None))
    assert scene.row(jane).name == "Jane Roe"


def test_a15_no_place_left(scene: Scene):
    """Who waits takes a place too; a place that time has freed is free, swept or not."""
    acme = scene.partner(most_guests=2)
    scene.active(acme, "p0", days=300)
    scene.guest(acme, "p1")
    result = scene.knock(acme, scene.identity(acme, "p2"))
    assert refusal(scene, result) == (Refusal.CAP,)
    scene.later(days=14)
    assert isinstance(scene.sign_in(acme, scene.identity(acme, "p2")), SignedIn)
    assert scene.seats(acme) == (1, 1)
    assert folded(scene.session) == kept(scene.session)


def test_a15_decided_again_when_accepting(scene: Scene):
    """Two stand on the arrival page for one place: the second is refused there."""
    acme = scene.partner(most_guests=1)
    one, two = (scene.knock(acme, scene.identity(acme, who)) for who in ("one", "two"))
    assert isinstance(one, Arrived)
    assert isinstance(two, Arrived)
    first, second = accept_twice(scene, acme, one, two)
    assert isinstance(first, SignedIn)
    assert refusal(scene, second) == (Refusal.CAP,)
    assert scene.find(acme, "two") is None


def test_a16_two_tabs_of_one_person(scene: Scene, acme: Partner):
    """The second acceptance finds the guest: no second request, no second mail."""
    one, two = (scene.knock(acme, scene.identity(acme)) for _ in range(2))
    assert isinstance(one, Arrived)
    assert isinstance(two, Arrived)
    first, second = accept_twice(scene, acme, one, two)
    assert first == second
    assert len(scene.mails("sponsor.request")) == 1
    assert len(scene.events("guest.created")) == 1


class TestArrival:
    def test_is_used_once(self, scene: Scene, acme: Partner):
        arrived = scene.knock(acme, scene.identity(acme))
        assert isinstance(arrived, Arrived)
        arrival = open_arrival(scene.session, arrived.token, scene.now)
        assert arrival is not None
        assert replace(arrival.identity, claims={"sub": "jane"}) == scene.identity(acme)
        scene.accept(acme, arrived)
        assert open_arrival(scene.session, arrived.token, scene.now) is None
        with scene.tx() as tx:
            assert admission.take_up(tx, arrived.token) is None

    def test_lasts_thirty_minutes(self, scene: Scene, acme: Partner):
        arrived = scene.knock(acme, scene.identity(acme))
        assert isinstance(arrived, Arrived)
        scene.later(minutes=30, microseconds=-1)
        assert open_arrival(scene.session, arrived.token, scene.now) is not None
        scene.later(microseconds=1)
        assert open_arrival(scene.session, arrived.token, scene.now) is None
        assert open_arrival(scene.session, "another token", scene.now) is None

    def test_is_taken_up_as_it_was_shown_and_no_later(self, scene: Scene, acme: Partner):
        """What is taken up is what the page showed; nothing of it is left for another browser."""
        arrived = scene.knock(acme, scene.identity(acme))
        assert isinstance(arrived, Arrived)
        shown = open_arrival(scene.session, arrived.token, scene.now)
        scene.later(minutes=30)
        with scene.tx() as tx:
            assert admission.take_up(tx, arrived.token) is None
            assert admission.take_up(tx, "another token") is None
        scene.later(microseconds=-1)
        with scene.tx() as tx:
            assert admission.take_up(tx, arrived.token) == shown
            assert admission.take_up(tx, arrived.token) is None

    def test_is_encrypted_and_purged_to_a_count(self, scene: Scene, acme: Partner):
        for subject in ("one", "two", "three"):
            arrived = scene.knock(acme, scene.identity(acme, subject))
            assert isinstance(arrived, Arrived)
        scene.accept(acme, arrived)
        rows = scene.session.query(Arrival).all()
        assert all("acme.example" not in row.identity for row in rows)
        assert all(arrived.token not in (row.token_hash, row.identity) for row in rows)
        scene.later(minutes=31)
        assert scene.sweep()["arrivals_deleted"] == 3
        assert scene.session.query(Arrival).count() == 0
        (event,) = scene.events("arrival.abandoned")
        assert event.data == {"count": 2}
        assert "arrivals_deleted" not in scene.sweep()

    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_two_sweeps_at_once_count_it_once(self, scene: Scene, acme: Partner):
        """The one that is second counts nothing that the first one deletes."""
        for subject in ("one", "two"):
            scene.knock(acme, scene.identity(acme, subject))
        scene.later(minutes=31)
        other, faults = beside(lambda: Scene(now=scene.now).sweep())
        with scene.tx() as tx:
            assert admission.delete_expired(tx, scene.now, 500) == 2
            other.start()
            other.join(2)
        other.join(20)
        assert faults == []
        assert [event.data for event in scene.events("arrival.abandoned")] == [{"count": 2}]


def acceptance(scene: Scene):
    return Acceptance(current_terms(scene.session), None, None)


class TestTrial:
    def test_decides_and_creates_nothing(self, scene: Scene, acme: Partner):
        identity = scene.identity(acme)
        with scene.tx() as tx:
            decision, door = admission.trial(tx, identity, scene_provider(tx, acme), HOST_DOMAINS)
        assert decision.outcome == Outcome.ARRIVE
        assert door.contract is not None
        assert scene.find(acme) is None
        assert scene.session.query(Arrival).count() == 0

    def test_sees_what_time_has_done(self, scene: Scene, acme: Partner):
        """Nothing is settled, and yet the answer is that of the door."""
        jane = scene.active(acme)
        scene.later(days=60)
        before = kept(scene.session)
        with scene.tx() as tx:
            decision, _ = admission.trial(
                tx, scene.identity(acme), scene_provider(tx, acme), HOST_DOMAINS
            )
        assert decision.reasons == (Refusal.INACTIVE,)
        assert kept(scene.session) == before
        assert scene.row(jane).state == State.ACTIVE


def scene_provider(tx, partner: Partner):
    return provider_by_id(tx.session, partner.provider_id)


def test_claims_choose_at_every_sign_in(scene: Scene, acme: Partner):
    """Gone with the claim; what is new is proposed, put before one sponsor, mailed once a day."""
    finance = scene.offer(acme, when=("department", "Finance"))
    it = scene.offer(acme, when=("department", "IT"))
    wiki = scene.offer(acme, default=True)
    jane = scene.guest(acme, claims={"department": "Finance"})
    scene.approve(jane, acme.sponsor, offers=[finance, wiki])
    scene.later(days=1)
    scene.knock(acme, scene.identity(acme, claims={"department": ["IT"]}))
    scene.knock(acme, scene.identity(acme, claims={"department": ["IT"]}))
    found = {(one.offer_id, one.state, one.state_reason) for one in scene.grants(jane)}
    assert found == {
        (finance, "ended", "claim_gone"),
        (it, "proposed", "by_claim"),
        (wiki, "active", "approved"),
    }
    (mail,) = scene.mails("sponsor.proposal")
    assert mail.payload["entitlement"] == "Read"
    assert folded(scene.session) == kept(scene.session)


def test_another_connection_makes_no_stranger(scene: Scene, acme: Partner):
    """The connection is no part of the identity: the same issuer and subject are the same guest."""
    jane = scene.active(acme)
    with scene.tx() as tx:
        trust.disable(tx, acme.provider_id)
    second = scene.provider(acme, "second", issuer=acme.issuer, client_id="other")
    identity = scene.identity(acme, identity_provider_id=second)
    result = scene.knock(acme, identity)
    assert isinstance(result, SignedIn)
    assert result.guest_id == jane
    assert scene.access(jane).allowed
    assert folded(scene.session) == kept(scene.session)


def test_an_issuer_of_another_partner_reaches_only_its_own_people(scene: Scene, acme: Partner):
    """The organisation is part of who somebody is."""
    scene.active(acme)
    zeta = scene.partner("zeta")
    stranger = scene.identity(zeta, issuer=acme.issuer, email="jane@zeta.example")
    assert isinstance(scene.knock(zeta, stranger), Arrived)


def test_a_pending_person_sees_where_they_stand(scene: Scene, acme: Partner):
    """Signing in again neither asks again nor moves a date."""
    jane = scene.guest(acme)
    before = scene.row(jane)
    scene.later(days=3)
    assert isinstance(scene.knock(acme, scene.identity(acme)), SignedIn)
    assert scene.row(jane) == replace(before, last_sign_in_at=scene.now)
    assert len(scene.mails("sponsor.request")) == 1


def test_a_limit_raised_at_this_moment_lets_nobody_past_it(scene: Scene, acme: Partner):
    """Who arrived is counted up to the limit that was read first: that many may be more."""
    for number in range(3):
        scene.guest(acme, f"guest {number}")
    identity = scene.identity(acme, "late")
    now_known = scene.provider_row(acme, identity)
    before = replace(now_known, policy=replace(now_known.policy, most_new_per_hour=1))
    with scene.tx() as tx:
        exact, capped = (
            gather(tx.connection, identity, row, HOST_DOMAINS, tx.now, new=True).facts
            for row in (now_known, before)
        )
    assert exact.arrived_last_hour == 3
    assert capped.most_new_per_hour == exact.most_new_per_hour > 3
    assert capped.arrived_last_hour >= capped.most_new_per_hour
