"""The writer of guests, and what the database itself refuses, on both databases."""

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from portal.access.rules import Against
from portal.foundation.db import uuid7
from portal.guests import changes
from portal.guests.changes import Move, NewGuest
from portal.guests.models import TermsAcceptance
from portal.guests.queries import address_taken, get, lock
from portal.guests.rules import IllegalTransition, Reason, State
from portal.sponsorship.changes import people
from portal.sponsorship.changes.settling import end_sponsorships
from portal.sponsorship.queries import open_rows
from portal.trust import changes as trust
from portal.trust.queries import current_terms
from tests.replay import folded, kept
from tests.scene import Partner, Scene


@pytest.fixture
def scene(database) -> Scene:
    return Scene()


@pytest.fixture
def acme(scene: Scene) -> Partner:
    return scene.partner()


def new_guest(scene: Scene, acme: Partner, subject: str) -> NewGuest:
    terms = current_terms(scene.session)
    return NewGuest(
        organisation_id=acme.id,
        identity_provider_id=acme.provider_id,
        issuer=acme.issuer,
        subject=subject,
        email=f"{subject}@acme.example",
        name=None,
        profile={},
        terms_id=terms.id,
        terms_version=terms.version,
    )


def test_one_guest_an_identity(scene: Scene, acme: Partner):
    """UNIQUE (organisation, issuer, subject): the database decides a lost race."""
    scene.guest(acme)
    before = kept(scene.session)
    new = new_guest(scene, acme, "jane")

    def create() -> None:
        with scene.tx() as tx:
            changes.create(
                tx,
                new,
                state=State.PENDING,
                reason=Reason.AWAITING_DECISION,
                expires_at=scene.now,
                lapses_at=scene.now,
                inactive_at=None,
            )

    with pytest.raises(IntegrityError):
        create()
    assert kept(scene.session) == before
    assert scene.seats(acme) == (0, 1)


@pytest.mark.parametrize("state", [State.SUSPENDED, State.REMOVED])
def test_nobody_is_created_suspended_or_removed(scene: Scene, acme: Partner, state: State):
    new = new_guest(scene, acme, "jane")
    with pytest.raises(IllegalTransition), scene.tx() as tx:
        changes.create(
            tx,
            new,
            state=state,
            reason=Reason.APPROVED,
            expires_at=scene.now,
            lapses_at=None,
            inactive_at=None,
        )
    assert scene.find(acme) is None


def test_a_batch_with_one_illegal_move_changes_nobody(scene: Scene, acme: Partner):
    """Set-wise: all or nothing."""
    jane, john = scene.active(acme, "jane"), scene.guest(acme, "john")
    before, events = kept(scene.session), len(scene.events())

    def suspend_both() -> None:
        with scene.tx() as tx:
            moves = [
                Move(guest, State.SUSPENDED, Reason.SPONSOR_LEFT, scene.now, {})
                for guest in lock(tx, [jane, john])
            ]
            changes.move(tx, "guest.suspended", moves)

    with pytest.raises(IllegalTransition, match="a guest that is pending cannot become suspended"):
        suspend_both()
    assert kept(scene.session) == before
    assert len(scene.events()) == events
    with scene.tx() as tx:
        changes.move(tx, "guest.suspended", [])
    assert len(scene.events()) == events


# What no code of ours may write, were it to try: (what is set on an active guest)
IMPOSSIBLE = {
    "an unknown state": "state = 'asleep'",
    "a tombstone on somebody who is in": "tombstone = true",
    "a hold on somebody who is in": "hold = true",
    "in without a date of silence": "inactive_at = null",
    "in with a date of removal": "removes_at = expires_at",
    "suspended without a date of removal": "state = 'suspended'",
    "in with a date to lapse": "lapses_at = expires_at",
    "pending without a date to lapse": "state = 'pending'",
    "without an end": "expires_at = null",
}


@pytest.mark.parametrize("impossible", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_the_database_refuses_what_cannot_be(scene: Scene, acme: Partner, impossible: str):
    scene.active(acme)
    before = kept(scene.session)
    with pytest.raises(IntegrityError), scene.tx() as tx:
        tx.session.execute(text(f"UPDATE guest SET {impossible}"))
    assert kept(scene.session) == before


IMPOSSIBLE_WORDS = {
    "an unknown state": "state = 'asleep'",
    "an end to approve by, but not at once": "approve_by = expires_at",
    "half a review": "review_ends_at = null",
    "grace that ends before the review": "review_ends_at = requested_at",
    "without an end": "expires_at = null",
}


@pytest.mark.parametrize("impossible", IMPOSSIBLE_WORDS.values(), ids=IMPOSSIBLE_WORDS)
def test_the_database_refuses_impossible_sponsorships(scene: Scene, acme: Partner, impossible: str):
    jane = scene.guest(acme)
    scene.approve(jane, acme.sponsor, days=200)
    before = kept(scene.session)
    with pytest.raises(IntegrityError), scene.tx() as tx:
        tx.session.execute(text(f"UPDATE sponsorship SET {impossible}"))
    assert kept(scene.session) == before


def test_seats_cannot_fall_below_nothing(scene: Scene, acme: Partner):
    with pytest.raises(IntegrityError), scene.tx() as tx:
        tx.session.execute(text("UPDATE organisation SET seats = -1"))


def test_a_yes_to_new_terms(scene: Scene, acme: Partner):
    """Noted once for a version; until then a session has access to nothing else."""
    jane = scene.active(acme)
    with scene.tx() as tx:
        trust.publish_terms(tx, "Version two.", published_by="Grace")
    decision = scene.access(jane)
    assert decision.reasons == (Against.TERMS,)
    terms = current_terms(scene.session)
    for _ in range(2):
        with scene.tx() as tx:
            changes.accept_terms(tx, lock(tx, [jane])[0], terms.id, terms.version)
    assert scene.access(jane).allowed
    assert scene.row(jane).terms_version == 2
    assert scene.session.scalar(select(func.count()).select_from(TermsAcceptance)) == 2
    assert scene.event_names(jane).count("terms.accepted") == 1
    assert folded(scene.session) == kept(scene.session)


def test_reckoning_what_has_not_changed_is_not_told(scene: Scene, acme: Partner):
    jane = scene.active(acme)
    events = len(scene.events())
    with scene.tx() as tx:
        guest = lock(tx, [jane])[0]
        changes.reckon(tx, [(guest, guest.expires_at)])
    assert len(scene.events()) == events


def test_who_holds_an_address(scene: Scene, acme: Partner):
    """Anybody but those whom time removed, and oneself."""
    jane = scene.active(acme)
    zeta = scene.partner("zeta")
    email = "jane@acme.example"
    assert [one.id for one in address_taken(scene.session, email)] == [jane]
    assert address_taken(scene.session, email, jane) == []
    assert address_taken(scene.session, "jane@zeta.example") == []
    scene.later(days=200)
    scene.sweep()
    assert address_taken(scene.session, email) == []
    assert zeta.id != acme.id


def test_nobody(scene: Scene):
    assert get(scene.session, uuid7()) is None


def test_an_admins_hold_outlives_any_removal(scene: Scene, acme: Partner):
    """Whoever moves the guest need not know: the row says so, the event what removed them."""
    jane = scene.active(acme)
    with scene.tx() as tx:
        people.suspend(tx, jane, "Under investigation", by_admin=True)
    with scene.tx() as tx:
        end_sponsorships(
            tx, [(row, Reason.EXPIRED, tx.now) for row in open_rows(tx.session, [jane])]
        )
        gone = Move(lock(tx, [jane])[0], State.REMOVED, Reason.SPONSOR_LEFT, tx.now, {})
        changes.move(tx, "guest.removed", [gone])
    guest = scene.row(jane)
    assert (guest.state, guest.tombstone) == (State.REMOVED, True)
    assert guest.state_reason == Reason.SUSPENDED_BY_ADMIN
    assert scene.events("guest.removed")[-1].reason == "lifecycle.sponsor_left"
    assert folded(scene.session) == kept(scene.session)
