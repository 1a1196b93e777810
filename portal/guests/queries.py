"""Read guests: by identity, by id under lock, for lists."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from portal.foundation.db import parts
from portal.foundation.transaction import Tx
from portal.guests.models import FederatedIdentity, Guest, TermsAcceptance
from portal.guests.rules import Reason, State
from portal.trust.models import Terms


@dataclass(frozen=True, slots=True)
class GuestRow:
    """A guest as its changes and rules see it."""

    id: UUID
    organisation_id: UUID
    state: State
    state_reason: Reason
    state_since: datetime
    hold: bool
    tombstone: bool
    expires_at: datetime
    inactive_at: datetime | None
    lapses_at: datetime | None
    removes_at: datetime | None
    last_sign_in_at: datetime | None
    knocked_at: datetime | None
    terms_version: int
    session_epoch: int
    email: str | None
    name: str | None
    profile: dict[str, str]
    email_aside: str | None
    aside_until: datetime | None


FIELDS = tuple(GuestRow.__dataclass_fields__)
COLUMNS = tuple(getattr(Guest, field) for field in FIELDS)


def row_of(row: Sequence[Any]) -> GuestRow:
    """Return the first columns of a result row as a ``GuestRow``."""
    values = dict(zip(FIELDS, row, strict=False))
    values["state"] = State(values["state"])
    values["state_reason"] = Reason(values["state_reason"])
    return GuestRow(**values)


def lock(tx: Tx, guest_ids: Iterable[UUID]) -> list[GuestRow]:
    """Lock guests in the order of their ids and read them afresh."""
    locked = []
    for ids in parts(sorted(set(guest_ids))):
        query = select(*COLUMNS).where(Guest.id.in_(ids)).order_by(Guest.id)
        locked += [row_of(row) for row in tx.session.execute(query.with_for_update())]
    return locked


def get(session: Session, guest_id: UUID) -> GuestRow | None:
    """Return one guest."""
    row = session.execute(select(*COLUMNS).where(Guest.id == guest_id)).first()
    return row_of(row) if row else None


def by_identity(
    session: Session, organisation_id: UUID, issuer: str, subject: str
) -> GuestRow | None:
    """Return the guest that signs in with this identity; an address never finds anybody."""
    query = (
        select(*COLUMNS)
        .join(FederatedIdentity, FederatedIdentity.guest_id == Guest.id)
        .where(
            FederatedIdentity.organisation_id == organisation_id,
            FederatedIdentity.issuer == issuer,
            FederatedIdentity.subject == subject,
        )
    )
    row = session.execute(query).first()
    return row_of(row) if row else None


def known_people(session: Session, organisation_id: UUID, issuer: str) -> int:
    """Count the identities by which people of an organisation are known at an issuer."""
    query = (
        select(func.count())
        .select_from(FederatedIdentity)
        .where(
            FederatedIdentity.organisation_id == organisation_id,
            FederatedIdentity.issuer == issuer,
        )
    )
    return session.scalar(query) or 0


def address_taken(session: Session, email: str, except_guest: UUID | None = None) -> list[GuestRow]:
    """Return the guests who hold an address: any but those removed by time."""
    query = select(*COLUMNS).where(
        Guest.email == email, or_(Guest.state != State.REMOVED, Guest.tombstone)
    )
    if except_guest is not None:
        query = query.where(Guest.id != except_guest)
    return [row_of(row) for row in session.execute(query.limit(5))]


def terms_accepted(session: Session, guest_id: UUID) -> tuple[int, datetime] | None:
    """Return the latest version of the terms that a guest accepted, and when."""
    query = (
        select(Terms.version, TermsAcceptance.accepted_at)
        .join(Terms, Terms.id == TermsAcceptance.terms_id)
        .where(TermsAcceptance.guest_id == guest_id)
        .order_by(Terms.version.desc())
    )
    row = session.execute(query.limit(1)).first()
    return (row[0], row[1]) if row else None


HOUR = timedelta(hours=1)


def due_guests(
    session: Session, column: str, state: State, now: datetime, after: Sequence[Any] | None, n: int
) -> list[tuple[datetime, UUID]]:
    """Return the next (instant, guest id) whose date in *column* has come, after a cursor."""
    date = getattr(Guest, column)
    query = select(date, Guest.id).where(Guest.state == state, date <= now)
    if after is not None:
        query = query.where(or_(date > after[0], and_(date == after[0], Guest.id > after[1])))
    return [(at, key) for at, key in session.execute(query.order_by(date, Guest.id).limit(n))]
