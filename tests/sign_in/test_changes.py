"""Attempts and sessions as rows, on both databases: what may end, ends; what may not be, is not."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from portal.foundation import clock
from portal.foundation.crypto import hash_token
from portal.foundation.db import db, uuid7
from portal.foundation.transaction import Tx, single_write
from portal.sign_in import changes, jobs, queries
from portal.sign_in.attempt import Errand, NewAttempt, OpenAttempt, Purpose
from portal.sign_in.changes import AttemptUsed, NewSession
from portal.sign_in.models import ProviderDocument, Session, SignInAttempt
from portal.sign_in.shelved import FETCHES, PER, Shelved
from portal.trust.models import IdentityProvider
from portal.trust.queries import provider_by_id
from tests import factories
from tests.factories import writing
from tests.sign_in.door import Door

AT = clock.protocol_now()
IDLE = timedelta(hours=8)


def attempt(tx: Tx, provider_id: UUID | None, *, state: str = "s", **errand: Any) -> UUID:
    new = NewAttempt(Errand(**errand), AT, "browser", state=state, nonce="n", code_verifier="v")
    return changes.begin_attempt(tx, new, provider_id)


def count(model: Any) -> int:
    found = db.session.scalar(select(func.count()).select_from(model)) or 0
    db.session.rollback()
    return found


def live(token: str, at: Any = AT) -> bool:
    found = queries.live_session(db.session(), token=token, at=at, idle=IDLE) is not None
    db.session.rollback()
    return found


@pytest.fixture
def provider_id(door: Door) -> UUID:
    """The identity provider of the door's guest."""
    found = door.connections["main"].id
    assert found is not None
    return found


def test_an_attempt_is_found_as_it_was_begun(door: Door, provider_id: UUID) -> None:
    """By state, browser and provider, with everything that must be remembered."""
    with writing() as tx:
        attempt_id = attempt(tx, provider_id, next_url="/me", max_age=60)
    found = queries.check_attempt(
        queries.attempt_of(db.session(), "s"),
        browser_secret="browser",
        identity_provider_id=provider_id,
        at=AT,
    )
    assert isinstance(found, OpenAttempt)
    assert (found.id, found.next_url, found.max_age) == (attempt_id, "/me", 60)
    assert (found.nonce, found.code_verifier) == ("n", "v")
    db.session.rollback()


def test_an_attempt_is_used_once(door: Door, provider_id: UUID) -> None:
    """The second use undoes what its transaction did; giving up is harmless."""
    with writing() as tx:
        attempt_id = attempt(tx, provider_id)
        changes.use_up(tx, attempt_id, AT)

    def again() -> None:
        with writing() as tx:
            attempt(tx, provider_id, state="other")
            changes.use_up(tx, attempt_id, AT)

    with pytest.raises(AttemptUsed):
        again()
    assert count(SignInAttempt) == 1
    with writing() as tx:
        changes.give_up(tx, attempt_id, AT)
        changes.give_up(tx, None, AT)


@pytest.mark.parametrize(
    "wrong",
    [
        {"purpose": Purpose.STAFF},
        {"purpose": Purpose.TRIAL},
        {"purpose": Purpose.SIGN_IN, "staff_link_id": uuid7()},
        {"purpose": Purpose.SIGN_IN, "staff_id": uuid7()},
    ],
)
def test_attempts_that_cannot_be(door: Door, provider_id: UUID, wrong: dict[str, Any]) -> None:
    """Staff at the host's provider, a trial by an admin, links for staff."""
    with pytest.raises(IntegrityError), writing() as tx:
        attempt(tx, provider_id, **wrong)


def test_sessions_that_cannot_be(door: Door, provider_id: UUID) -> None:
    """A session is one person's; a guest's came through a provider; break-glass is for staff."""
    with writing() as tx:
        staff_id = factories.staff(tx)
    guest = {"guest_id": door.guest_id, "identity_provider_id": provider_id, "guest_epoch": 1}
    for wrong in (
        {},
        {**guest, "staff_id": staff_id},
        {"guest_id": door.guest_id, "guest_epoch": 1},
        {**guest, "break_glass": True},
        {"staff_id": staff_id, "latest_end": AT - timedelta(seconds=1)},
    ):
        with pytest.raises(IntegrityError), writing() as tx:
            changes.start_session(tx, NewSession(**wrong), AT)


def test_what_ends_sessions(door: Door, provider_id: UUID) -> None:
    """Of a guest, of a provider, of an employee, one by its cookie: no other one."""
    with writing() as tx:
        staff_id = factories.staff(tx)
    guest = NewSession(
        guest_id=door.guest_id, identity_provider_id=provider_id, guest_epoch=1, amr=("mfa",)
    )
    employee = NewSession(staff_id=staff_id, break_glass=True, life=timedelta(hours=1))
    ends = [
        (guest, lambda tx, _: changes.end_sessions_of_guests(tx, [door.guest_id], AT)),
        (guest, lambda tx, _: changes.end_sessions_of_provider(tx, provider_id, AT)),
        (employee, lambda tx, _: changes.end_sessions_of_staff(tx, [staff_id], AT)),
        (guest, lambda tx, one: changes.end_session(tx, one.token, AT)),
    ]
    for new, end in ends:
        with writing() as tx:
            one = changes.start_session(tx, new, AT)
            other = changes.start_session(tx, employee if new is guest else guest, AT)
        assert live(one.token)
        with writing() as tx:
            assert end(tx, one) == 1
            assert end(tx, one) == 0
        assert not live(one.token)
        assert live(other.token)
        with writing() as tx:
            changes.end_session(tx, other.token, AT)
    with writing() as tx:
        assert changes.end_sessions_of_guests(tx, [], AT) == 0


def test_w05_a_session_never_outlives_access(door: Door, provider_id: UUID) -> None:
    """The earliest of life and end of access."""
    guest = {"guest_id": door.guest_id, "identity_provider_id": provider_id, "guest_epoch": 1}
    soon, late = AT + timedelta(minutes=5), AT + timedelta(days=5)
    for latest, ends in ((soon, soon), (late, AT + timedelta(hours=12)), (None, None)):
        with writing() as tx:
            one = changes.start_session(tx, NewSession(**guest, latest_end=latest), AT)
        assert one.ends_at == (ends or AT + timedelta(hours=12))
        assert live(one.token)
        assert not live(one.token, one.ends_at)


def test_w01_the_session_before_ends(door: Door, provider_id: UUID) -> None:
    """Whatever the browser came with is dead after a sign-in."""
    new = NewSession(guest_id=door.guest_id, identity_provider_id=provider_id, guest_epoch=1)
    with writing() as tx:
        before = changes.start_session(tx, new, AT)
    with writing() as tx:
        after = changes.start_session(tx, new, AT, replacing=before.token)
    assert not live(before.token)
    assert live(after.token)


def test_what_is_past_is_deleted_in_batches(door: Door, provider_id: UUID) -> None:
    """Attempts after their fifteen minutes, sessions after their end, used or not."""
    new = NewSession(guest_id=door.guest_id, identity_provider_id=provider_id, guest_epoch=1)
    with writing() as tx:
        for number in range(7):
            attempt(tx, provider_id, state=str(number))
            changes.start_session(tx, new, AT)
    with writing() as tx:
        assert changes.delete_expired(tx, AT + timedelta(minutes=14)) == 0
    rounds = []
    while True:
        with writing() as tx:
            rounds.append(changes.delete_expired(tx, AT + timedelta(minutes=15), limit=3))
        if not rounds[-1]:
            break
    assert rounds == [3, 3, 1, 0]
    assert count(Session) == 7
    with writing() as tx:
        assert changes.delete_expired(tx, AT + timedelta(hours=12)) == 7


def test_tidying_goes_by_the_real_clock(door: Door, provider_id: UUID) -> None:
    """What is past goes, twice does no harm; a policy clock months ahead deletes nothing."""
    now = clock.protocol_now()  # not AT: a long run of tests may have begun long ago
    with writing() as tx:
        for state, begun in (("new", now), ("old", now - timedelta(hours=1))):
            attempt(tx, provider_id, state=state)
            tx.session.execute(
                update(SignInAttempt)
                .where(SignInAttempt.state_hash == hash_token(state))
                .values(created_at=begun, expires_at=begun + timedelta(minutes=15))
            )
    clock.set_offset(timedelta(days=91).total_seconds())
    assert jobs.tidy() == 1
    assert jobs.tidy() == 0
    assert count(SignInAttempt) == 1


def test_documents_are_shelved(database: Flask) -> None:
    """What was fetched is kept for all; so is how often."""
    name = "partner https://id.acme.example"
    with writing() as tx:
        noted = [changes.note_fetch(tx, name, AT) for _ in range(FETCHES + 2)]
    assert noted == [True] * FETCHES + [False] * 2
    assert queries.shelved(db.session(), name) is None
    for fetched_at in (AT, AT + timedelta(hours=1)):
        with writing() as tx:
            changes.shelve(tx, name, Shelved({"issuer": "x"}, {"keys": []}, fetched_at))
    kept = queries.shelved(db.session(), name)
    assert kept is not None
    assert (kept.document, kept.fetched_at) == ({"issuer": "x"}, AT + timedelta(hours=1))
    with writing() as tx:
        assert not changes.note_fetch(tx, name, AT)  # shelving does not forget the fetches
        assert changes.note_fetch(tx, name, AT + PER)
        assert changes.note_fetch(tx, "another", AT)
    with writing() as tx:
        assert changes.delete_expired(tx, AT + timedelta(days=31)) == 1
    assert count(ProviderDocument) == 1


def test_fetches_that_a_clock_ahead_has_noted_count_no_longer(database: Flask) -> None:
    """Once it is put right, nobody waits until that time comes."""
    with writing() as tx:
        ahead = [changes.note_fetch(tx, "ahead", AT + timedelta(days=1)) for _ in range(FETCHES)]
        assert all(ahead)
        assert changes.note_fetch(tx, "ahead", AT)


def test_an_attempt_begins_at_the_address_of_an_enabled_provider(provider_id: UUID) -> None:
    """One statement finds the provider, remembers the attempt, and tells of the provider."""
    known = provider_by_id(db.session(), provider_id)
    assert known is not None
    new = NewAttempt(Errand(next_url="/me"), AT, "browser")
    with single_write() as tx:
        row = changes.begin_attempt_at(tx, "acme", known.slug, new)
    assert row == known
    db.session.rollback()
    kept = queries.attempt_of(db.session(), new.state)
    assert kept is not None
    assert (kept.identity_provider_id, kept.next_url) == (provider_id, "/me")
    assert kept.expires_at == AT + timedelta(minutes=15)
    checked = queries.check_attempt(
        kept, browser_secret="browser", identity_provider_id=provider_id, at=AT
    )
    assert isinstance(checked, OpenAttempt)
    assert (checked.nonce, checked.code_verifier) == (new.nonce, new.code_verifier)


def test_no_attempt_begins_where_nobody_may_leave(provider_id: UUID) -> None:
    """Another organisation's slug, nobody's, or a provider that an admin has disabled."""
    known = provider_by_id(db.session(), provider_id)
    assert known is not None
    with writing() as tx:
        tx.session.execute(update(IdentityProvider).values(state="disabled"))
    for organisation, provider in (("acme", known.slug), ("other", known.slug), ("acme", "x")):
        with single_write() as tx:
            new = NewAttempt(Errand(), AT, "browser")
            assert changes.begin_attempt_at(tx, organisation, provider, new) is None
    assert count(SignInAttempt) == 0
