"""Read the audit log: by filters, newest first, pages by keyset."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from portal.audit.models import AuditEvent, AuditPersonal
from portal.foundation.weeks import mondays, week_of

PAGE = 40  # a page with all their details stays below 150 kB
BATCH = 500  # of an export, which nobody holds as a whole


@dataclass(frozen=True, slots=True)
class Filter:
    """What the reader asked for; ``None`` asks for everything."""

    reference: str | None = None
    event: str | None = None
    organisation_id: UUID | None = None
    guest_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as it is shown: what it carries and what is still held of the person."""

    seq: int
    id: UUID
    at: datetime
    event: str
    actor: str
    organisation_id: UUID | None
    guest_id: UUID | None
    reason: str | None
    reference: str
    data: Mapping[str, Any]
    personal: Mapping[str, Any]


def midnight(day: date | None) -> datetime | None:
    """Return the first instant of a day in UTC, for ``Filter.since``."""
    return datetime.combine(day, time(), UTC) if day else None


def midnight_after(day: date | None) -> datetime | None:
    """Return the end of a last day, which is shown too; nothing is after the calendar's."""
    try:
        return midnight(day + timedelta(days=1)) if day else None
    except OverflowError:
        return None


def pages(
    session: Session, wanted: Filter, *, oldest_first: bool = False, batch: int = BATCH
) -> Iterator[list[Entry]]:
    """Yield all events that fit, page by page, so that a log of any length fits into memory."""
    last = None
    while entries := search(session, wanted, beyond=last, limit=batch, oldest_first=oldest_first):
        yield entries
        last = entries[-1].seq


def search(
    session: Session,
    wanted: Filter,
    *,
    beyond: int | None = None,
    limit: int | None = PAGE,
    oldest_first: bool = False,
) -> list[Entry]:
    """Return events, newest first unless told otherwise, as they follow in that order (keyset).

    Events of one instant stand in the order in which they were written.

    Args:
        session: to read with.
        wanted: what fits.
        beyond: sequence number of the last event of the page before; without it, from the start.
        limit: the most that are returned; none: all of them.
        oldest_first: the other way round.
    """
    query = select(AuditEvent, AuditPersonal.data).outerjoin(
        AuditPersonal, AuditPersonal.event_id == AuditEvent.id
    )
    exact = {
        AuditEvent.reference: wanted.reference,
        AuditEvent.event: wanted.event,
        AuditEvent.organisation_id: wanted.organisation_id,
        AuditEvent.guest_id: wanted.guest_id,
    }
    for column, value in exact.items():
        if value is not None:
            query = query.where(column == value)
    if wanted.since is not None:
        query = query.where(AuditEvent.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEvent.at < wanted.until)
    order = (AuditEvent.at, AuditEvent.seq)
    if beyond is not None:
        instant = select(AuditEvent.at).where(AuditEvent.seq == beyond).scalar_subquery()
        place, last = tuple_(*order), tuple_(instant, beyond)
        query = query.where(place > last if oldest_first else place < last)
    query = query.order_by(*(order if oldest_first else (one.desc() for one in order)))
    if limit is not None:
        query = query.limit(limit)
    return [
        Entry(
            seq=row.seq,
            id=row.id,
            at=row.at,
            event=row.event,
            actor=row.actor,
            organisation_id=row.organisation_id,
            guest_id=row.guest_id,
            reason=row.reason,
            reference=row.reference,
            data=row.data,
            personal=personal or {},
        )
        for row, personal in session.execute(query)
    ]


def refused_by_organisation(session: Session, since: datetime) -> list[tuple[UUID, str, int]]:
    """Count refused sign-ins since an instant by organisation and reason, most first."""
    query = (
        select(AuditEvent.organisation_id, AuditEvent.reason, func.count())
        .where(
            AuditEvent.event == "sign_in.refused",
            AuditEvent.at >= since,
            AuditEvent.organisation_id.is_not(None),
        )
        .group_by(AuditEvent.organisation_id, AuditEvent.reason)
        .order_by(func.count().desc())
    )
    return [(key, reason or "", count) for key, reason, count in session.execute(query) if key]


@dataclass(frozen=True, slots=True)
class SignIns:
    """How a week's sign-ins went: how many were let in, how many turned away."""

    begins: date
    let_in: int
    refused: int


def sign_ins(
    session: Session, organisation_id: UUID, now: datetime, back: timedelta
) -> list[SignIns]:
    """Count an organisation's sign-ins of the weeks since *back* ago, the present one last.

    Args:
        session: of this request.
        organisation_id: whose people.
        now: aware; weeks begin on Mondays in UTC, and the first is counted whole.
        back: how far to look.
    """
    weeks = mondays(now - back, now)
    seen = (
        select(week_of(AuditEvent.at, weeks), AuditEvent.event)
        .where(
            AuditEvent.organisation_id == organisation_id,
            AuditEvent.at >= midnight(weeks[0]),
            AuditEvent.at <= now,
            AuditEvent.event.in_(("sign_in.succeeded", "sign_in.refused")),
        )
        .subquery()
    )
    query = select(seen.c.week, seen.c.event, func.count()).group_by(seen.c.week, seen.c.event)
    found = {(week, event): count for week, event, count in session.execute(query)}
    return [
        SignIns(
            begins,
            found.get((number, "sign_in.succeeded"), 0),
            found.get((number, "sign_in.refused"), 0),
        )
        for number, begins in enumerate(weeks)
    ]


def replayable(session: Session) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield (data, personal) of every event, oldest first, for ``rules.fold``."""
    query = (
        select(AuditEvent.data, AuditPersonal.data)
        .outerjoin(AuditPersonal, AuditPersonal.event_id == AuditEvent.id)
        .order_by(AuditEvent.seq)
    )
    for data, personal in session.execute(query):
        yield data, personal or {}
