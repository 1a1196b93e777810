"""Change guests: the only writer of a guest's state, with its audit events and its seat.

Every function but ``write_unmoved`` takes rows that were read under lock. Set-wise: one guest is a
batch of one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, Select, Update, bindparam, select, update
from sqlalchemy.orm import Session

from portal.audit.changes import record
from portal.audit.rules import Event
from portal.foundation.db import table_of, uuid7
from portal.foundation.transaction import Tx
from portal.guests.models import FederatedIdentity, Guest, TermsAcceptance
from portal.guests.queries import GuestRow
from portal.guests.rules import (
    REMOVED_AFTER,
    Reason,
    State,
    family,
    keeps_its_hold,
    require_transition,
)
from portal.trust.models import Organisation

# What tells of the person, a human's words about them too.
PERSONAL = frozenset({"email", "name", "profile", "email_aside", "state_note"})


@dataclass(frozen=True, slots=True)
class NewGuest:
    """What a first sign-in makes a guest of."""

    organisation_id: UUID
    identity_provider_id: UUID
    issuer: str
    subject: str
    email: str | None
    name: str | None
    profile: Mapping[str, str]
    terms_id: UUID
    terms_version: int


@dataclass(frozen=True, slots=True)
class Move:
    """One guest's change of state: what it becomes, why, since when, and further columns."""

    guest: GuestRow
    state: State
    reason: Reason
    since: datetime
    values: Mapping[str, Any]


def places(session: Session, organisation_id: UUID) -> int:
    """Count the places that an organisation's guests take, as a first look."""
    return session.scalars(_places(organisation_id)).one()


def _places(organisation_id: UUID) -> Select[int]:
    return select(Organisation.seats + Organisation.waiting).where(
        Organisation.id == organisation_id
    )


def lock_places(tx: Tx, organisation_id: UUID) -> int:
    """Count the places that an organisation's guests take; nobody else arrives until the commit."""
    return tx.session.scalars(_places(organisation_id).with_for_update()).one()


def _move_seats(tx: Tx, organisation_id: UUID, seats: int, waiting: int) -> None:
    if seats or waiting:
        moved = {"organisation": organisation_id, "more_seats": seats, "more_waiting": waiting}
        tx.execute(_SEATS, moved)


_ORGANISATION = table_of(Organisation)
_SEATS = (
    update(_ORGANISATION)
    .where(_ORGANISATION.c.id == bindparam("organisation"))
    .values(
        seats=_ORGANISATION.c.seats + bindparam("more_seats"),
        waiting=_ORGANISATION.c.waiting + bindparam("more_waiting"),
    )
)


def take_place(tx: Tx, organisation_id: UUID, state: State) -> None:
    """Take a place for a guest about to be created; nobody else arrives until the commit."""
    _move_seats(tx, organisation_id, _seat(state), int(state == State.PENDING))


def create(
    tx: Tx,
    new: NewGuest,
    *,
    state: State,
    reason: Reason,
    expires_at: datetime,
    lapses_at: datetime | None,
    inactive_at: datetime | None,
) -> UUID:
    """Create a guest with its federated identity and its yes to the terms, in a place it took.

    Where the identity exists already, the transaction's end raises IntegrityError: a lost race, to
    be decided once more.
    """
    require_transition(None, state)
    guest_id, identity_id = uuid7(), uuid7()
    owned = {
        "organisation_id": new.organisation_id,
        "state": state,
        "state_reason": reason,
        "state_since": tx.now,
        "state_note": None,
        "hold": False,
        "tombstone": False,
        "expires_at": expires_at,
        "inactive_at": inactive_at,
        "lapses_at": lapses_at,
        "removes_at": None,
        "last_sign_in_at": tx.now,
        "knocked_at": None,
        "terms_version": new.terms_version,
        "created_at": tx.now,
        "arrived_at": tx.now,
        "session_epoch": 1,
        "aside_until": None,
    }
    personal = {
        "email": new.email,
        "name": new.name,
        "profile": dict(new.profile),
        "email_aside": None,
    }
    identity = {
        "guest_id": guest_id,
        "organisation_id": new.organisation_id,
        "issuer": new.issuer,
        "identity_provider_id": new.identity_provider_id,
    }
    accepted = {"guest_id": guest_id, "terms_id": new.terms_id, "accepted_at": tx.now}
    tx.insert_at_end(table_of(Guest), [{"id": guest_id, **owned, **personal}])
    tx.insert_at_end(
        table_of(FederatedIdentity), [{"id": identity_id, **identity, "subject": new.subject}]
    )
    tx.insert_at_end(table_of(TermsAcceptance), [accepted])
    record(
        tx,
        [
            Event(
                "guest.created",
                organisation_id=new.organisation_id,
                guest_id=guest_id,
                reason=family(reason),
                sets={f"guest:{guest_id}": owned, f"federated_identity:{identity_id}": identity},
                personal={
                    f"guest:{guest_id}": personal,
                    f"federated_identity:{identity_id}": {"subject": new.subject},
                },
            )
        ],
    )
    return guest_id


def move(tx: Tx, event: str, moves: Sequence[Move]) -> None:
    """Change the state of guests: one UPDATE, one audit INSERT, one seat count an organisation.

    Each event bears what moved the guest; the row does so too, unless an admin's hold outlives it.

    Raises:
        IllegalTransition: one of them cannot; nothing is changed.
    """
    if not moves:
        return
    seats: Counter[UUID] = Counter()
    waiting: Counter[UUID] = Counter()
    rows, events = [], []
    for one in moves:
        require_transition(one.guest.state, one.state)
        values = _values(one)
        rows.append({"guest": one.guest.id, **values})
        events.append(_event(event, one.guest, values, family(one.reason)))
        seats[one.guest.organisation_id] += _seat(one.state) - _seat(one.guest.state)
        waiting[one.guest.organisation_id] += (one.state == State.PENDING) - (
            one.guest.state == State.PENDING
        )
    for organisation_id in sorted(seats, key=str):
        _move_seats(tx, organisation_id, seats[organisation_id], waiting[organisation_id])
    _update(tx, rows)
    record(tx, events)


def _values(one: Move) -> dict[str, Any]:
    """Return every column that a change of state sets."""
    given = dict(one.values)
    suspended = one.state == State.SUSPENDED
    held = keeps_its_hold(one.state, one.guest.state_reason, hold=one.guest.hold)
    return {
        "state": one.state,
        "state_reason": one.guest.state_reason if held else one.reason,
        "state_since": one.since,
        "state_note": given.pop("state_note", None),
        "hold": given.pop("hold", False),
        "tombstone": given.pop("tombstone", False) or held,
        "removes_at": given.pop("removes_at", one.since + REMOVED_AFTER) if suspended else None,
        "lapses_at": given.pop("lapses_at", None),
        **given,
    }


def _seat(state: State) -> int:
    return int(state in (State.ACTIVE, State.SUSPENDED))


def _update(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows that may set different columns: one executemany for each set of columns."""
    shapes: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        shapes.setdefault(tuple(row), []).append(row)
    table = table_of(Guest)
    for shape, alike in shapes.items():
        columns: dict[str, Any] = {name: bindparam(name) for name in shape if name != "guest"}
        statement = update(table).where(table.c.id == bindparam("guest")).values(columns)
        tx.execute(statement, alike)


def write(
    tx: Tx, event: str, guest: GuestRow, values: Mapping[str, Any], reason: str | None = None
) -> None:
    """Set columns of one guest other than its state, with the event that tells of it."""
    _update(tx, [{"guest": guest.id, **values}])
    record(tx, [_event(event, guest, values, reason)])


def _event(name: str, guest: GuestRow, values: Mapping[str, Any], reason: str | None) -> Event:
    key = f"guest:{guest.id}"
    # That there is nothing (any more) tells of nobody.
    personal = {
        name: value for name, value in values.items() if name in PERSONAL and value is not None
    }
    owned = {name: value for name, value in values.items() if name not in personal}
    return Event(
        name,
        organisation_id=guest.organisation_id,
        guest_id=guest.id,
        reason=reason,
        sets={key: owned} if owned else {},
        personal={key: personal} if personal else {},
    )


def write_unmoved(
    tx: Tx, event: str, guest: GuestRow, values: Mapping[str, Any], reason: str | None = None
) -> bool:
    """Do what ``write`` does to a guest that was read without a lock, if it was not moved since.

    Returns:
        False when it was: nothing is written.
    """
    as_read = {"guest": guest.id, **{f"as_read_{name}": getattr(guest, name) for name in _MOVES}}
    if tx.execute(_unmoved(tuple(values)), {**as_read, **values}).rowcount != 1:
        return False
    record(tx, [_event(event, guest, values, reason)])
    return True


# Whatever moves a guest, its end, or the clock of its address sets these.
_MOVES = ("state", "state_since", "session_epoch", "expires_at", "aside_until")


def _as_read(name: str) -> BindParameter[Any]:
    return bindparam(f"as_read_{name}", type_=table_of(Guest).c[name].type)


@cache
def _unmoved(names: tuple[str, ...]) -> Update:
    table = table_of(Guest)
    return (
        update(table)
        .where(
            table.c.id == bindparam("guest"),
            *(table.c[name].is_not_distinct_from(_as_read(name)) for name in _MOVES),
        )
        .values({name: bindparam(name) for name in names})
    )


def reckon(tx: Tx, ends: Sequence[tuple[GuestRow, datetime]]) -> None:
    """Set when guests' last sponsorship expires, where that has changed."""
    changed = [(guest, end) for guest, end in ends if guest.expires_at != end]
    if not changed:
        return
    _update(tx, [{"guest": guest.id, "expires_at": end} for guest, end in changed])
    record(
        tx,
        [
            Event(
                "guest.reckoned",
                organisation_id=guest.organisation_id,
                guest_id=guest.id,
                sets={f"guest:{guest.id}": {"expires_at": end}},
            )
            for guest, end in changed
        ],
    )


def accept_terms(tx: Tx, guest: GuestRow, terms_id: UUID, version: int) -> None:
    """Note a guest's yes to a version of the terms; saying it twice is saying it once."""
    if guest.terms_version >= version:
        return
    tx.insert(
        table_of(TermsAcceptance),
        {"guest_id": guest.id, "terms_id": terms_id, "accepted_at": tx.now},
    )
    write(tx, "terms.accepted", guest, {"terms_version": version})
