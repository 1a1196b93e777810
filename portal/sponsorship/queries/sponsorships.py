"""Read sponsorships: what is open, what is due, what waits for whom."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, bindparam, case, exists, func, or_, select
from sqlalchemy.orm import Session

from portal.foundation.db import parts, table_of
from portal.guests.models import FederatedIdentity, Guest
from portal.guests.rules import Reason, State
from portal.sponsorship.models import Sponsorship
from portal.sponsorship.queries.parts import OPEN, OPEN_COLUMNS, is_due, open_in, with_open
from portal.sponsorship.rules import OpenSponsorship, Standing
from portal.staff.models import Staff
from portal.trust.models import Contract, IdentityProvider, Organisation
from portal.trust.queries.sponsors import MAY_DECIDE, NAMED, STAFF, WITH_STAFF


@dataclass(frozen=True, slots=True)
class SponsorshipRow:
    """One sponsorship with every column."""

    id: UUID
    guest_id: UUID
    organisation_id: UUID
    contract_id: UUID
    sponsor_id: UUID
    state: Standing
    state_reason: Reason
    state_since: datetime
    last_day: date
    expires_at: datetime
    requested_at: datetime
    lapses_at: datetime | None
    at_once: bool
    approve_by: datetime | None
    decided_at: datetime | None
    decided_by: UUID | None
    decision_note: str | None
    review_ask_at: datetime | None
    review_due_at: datetime | None
    review_ends_at: datetime | None
    why: str | None
    works_with: str | None
    version: int

    @property
    def awaits_decision(self) -> bool:
        """Say whether a sponsor must still decide: a request, or access given at once."""
        return self.state == Standing.REQUESTED or (
            self.state == Standing.ACTIVE and self.approve_by is not None
        )


FIELDS = tuple(SponsorshipRow.__dataclass_fields__)
COLUMNS = tuple(getattr(Sponsorship, field) for field in FIELDS)


def row_of(row: Sequence[Any]) -> SponsorshipRow:
    """Return the first columns of a result row as a ``SponsorshipRow``."""
    values = dict(zip(FIELDS, row, strict=False))
    values["state"] = Standing(values["state"])
    values["state_reason"] = Reason(values["state_reason"])
    return SponsorshipRow(**values)


def get(session: Session, sponsorship_id: UUID) -> SponsorshipRow | None:
    """Return one sponsorship, as it is in the database now."""
    row = session.execute(select(*COLUMNS).where(Sponsorship.id == sponsorship_id)).first()
    return row_of(row) if row else None


def of_guest(session: Session, guest_id: UUID) -> list[SponsorshipRow]:
    """Return all sponsorships of a guest, newest first."""
    query = select(*COLUMNS).where(Sponsorship.guest_id == guest_id)
    query = query.order_by(Sponsorship.requested_at.desc(), Sponsorship.id.desc())
    return [row_of(row) for row in session.execute(query)]


def open_of(session: Session, guest_ids: Iterable[UUID]) -> dict[UUID, list[OpenSponsorship]]:
    """Return what is requested or active of each guest, with the contract's end joined."""
    found: dict[UUID, list[OpenSponsorship]] = {}
    for ids in parts(guest_ids):
        for guest_id, *values in session.execute(_OPEN_OF, {"guests": ids}):
            if (one := open_in(values)) is not None:
                found.setdefault(guest_id, []).append(one)
    return found


_GUEST = table_of(Guest)
_OPEN_OF = (
    select(_GUEST.c.id, *OPEN_COLUMNS)
    .select_from(with_open(_GUEST, _GUEST.c.id))
    .where(_GUEST.c.id.in_(bindparam("guests", expanding=True)))
)


def open_rows(session: Session, guest_ids: Iterable[UUID]) -> list[SponsorshipRow]:
    """Return the open sponsorships of guests with every column."""
    rows: list[SponsorshipRow] = []
    for ids in parts(guest_ids):
        query = select(*COLUMNS).where(Sponsorship.guest_id.in_(ids), Sponsorship.state.in_(OPEN))
        rows += [row_of(row) for row in session.execute(query)]
    return sorted(rows, key=lambda row: row.id)


def due_in(session: Session, organisation_id: UUID, now: datetime) -> list[UUID]:
    """Return the guests of an organisation for whom something is due, by id."""
    query = (
        select(Guest.id)
        .outerjoin(Sponsorship, and_(Sponsorship.guest_id == Guest.id, Sponsorship.state.in_(OPEN)))
        .outerjoin(Contract, Contract.id == Sponsorship.contract_id)
        .where(
            Guest.organisation_id == organisation_id,
            Guest.state != State.REMOVED,
            is_due(now),
        )
    )
    return list(session.scalars(query.distinct().order_by(Guest.id)))


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a message goes to."""

    id: UUID
    name: str
    email: str


def staff_people(session: Session, staff_ids: Iterable[UUID]) -> dict[UUID, Person]:
    """Return employees by id, as a message addresses them."""
    query = select(Staff.id, Staff.name, Staff.email).where(Staff.id.in_(list(staff_ids)))
    return {row[0]: Person(*row) for row in session.execute(query)}


def organisation_names(session: Session, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the names of organisations."""
    query = select(Organisation.id, Organisation.name).where(Organisation.id.in_(list(ids)))
    return dict(session.execute(query).all())


def is_closed(session: Session, guest_id: UUID) -> bool:
    """Say whether a guest is kept out with all the others: the organisation is, or every way in."""
    way_in = exists().where(
        FederatedIdentity.guest_id == Guest.id,
        IdentityProvider.id == FederatedIdentity.identity_provider_id,
        IdentityProvider.state == "enabled",
    )
    is_open = (
        select(Guest.id)
        .join(Organisation, Organisation.id == Guest.organisation_id)
        .where(Guest.id == guest_id, Organisation.state == "active", way_in)
    )
    return session.scalar(is_open) is None


def due(
    session: Session,
    column: str,
    state: Standing,
    now: datetime,
    after: Sequence[Any] | None,
    n: int,
) -> list[tuple[datetime, UUID, UUID]]:
    """Return the next (instant, sponsorship id, guest id) whose date in *column* has come."""
    moment = getattr(Sponsorship, column)
    query = select(moment, Sponsorship.id, Sponsorship.guest_id).where(
        Sponsorship.state == state, moment <= now
    )
    if after is not None:
        query = query.where(
            or_(moment > after[0], and_(moment == after[0], Sponsorship.id > after[1]))
        )
    rows = session.execute(query.order_by(moment, Sponsorship.id).limit(n))
    return [(at, key, guest_id) for at, key, guest_id in rows]


def open_under_contract(
    session: Session, contract_id: UUID, after: UUID | None, n: int
) -> list[tuple[UUID, UUID]]:
    """Return the next (sponsorship id, guest id) still open under a contract."""
    query = select(Sponsorship.id, Sponsorship.guest_id).where(
        Sponsorship.contract_id == contract_id, Sponsorship.state.in_(OPEN)
    )
    if after is not None:
        query = query.where(Sponsorship.id > after)
    return [(a, b) for a, b in session.execute(query.order_by(Sponsorship.id).limit(n))]


def open_by_sponsor(session: Session, staff_id: UUID) -> list[SponsorshipRow]:
    """Return what an employee vouches for or is asked about, across organisations."""
    query = select(*COLUMNS).where(Sponsorship.sponsor_id == staff_id, Sponsorship.state.in_(OPEN))
    return [row_of(row) for row in session.execute(query.order_by(Sponsorship.id))]


def out_of_reach(session: Session, staff_id: UUID) -> list[SponsorshipRow]:
    """Return what an employee vouches for or is asked about, and may not decide about (any more).

    They have an address of that organisation, or the guest's own, or are not named there.
    """
    themselves = exists().where(
        _GUEST.c.id == Sponsorship.guest_id,
        STAFF.c.id == Sponsorship.sponsor_id,
        or_(_GUEST.c.email == STAFF.c.email, _GUEST.c.email_aside == STAFF.c.email),
    )
    may_decide = (
        select(NAMED.c.id)
        .select_from(WITH_STAFF)
        .where(
            NAMED.c.organisation_id == Sponsorship.organisation_id,
            NAMED.c.staff_id == Sponsorship.sponsor_id,
            MAY_DECIDE,
        )
        .correlate(table_of(Sponsorship))
        .exists()
    )
    query = select(*COLUMNS).where(
        Sponsorship.sponsor_id == staff_id,
        Sponsorship.state.in_(OPEN),
        or_(themselves, ~may_decide),
    )
    return [row_of(row) for row in session.execute(query.order_by(Sponsorship.id))]


def ended_by_contract(session: Session, contract_id: UUID, ends_at: datetime) -> tuple[int, int]:
    """Count the guests whom a contract's end at this instant took a sponsorship from.

    Returns:
        How many there were, and how many of them had nothing else, and are out.
    """
    out = and_(Guest.state == State.REMOVED, Guest.state_since == ends_at)
    query = (
        select(
            func.count(Sponsorship.guest_id.distinct()),
            func.count(case((out, Sponsorship.guest_id)).distinct()),
        )
        .join(Guest, Guest.id == Sponsorship.guest_id)
        .where(
            Sponsorship.contract_id == contract_id,
            Sponsorship.state == Standing.ENDED,
            Sponsorship.state_reason == Reason.CONTRACT_ENDED,
            Sponsorship.state_since == ends_at,
        )
    )
    were, left = session.execute(query).one()
    return were, left
