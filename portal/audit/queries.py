"""Read the audit log: by filters, newest first, pages by keyset."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from portal.audit.models import AuditEvent, AuditPersonal

PAGE = 40  # a page with all their details stays below 150 kB


@dataclass(frozen=True, slots=True)
class Filter:
    """What the reader asked for; ``None`` asks for everything."""

    reference: str | None = None
    event: str | None = None
    organisation_id: UUID | None = None
    guest_id: UUID | None = None
    actor: str | None = None
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


def search(
    session: Session,
    wanted: Filter,
    *,
    before: int | None = None,
    limit: int | None = PAGE,
    oldest_first: bool = False,
) -> list[Entry]:
    """Return events, newest first, before the event of sequence number *before* (keyset).

    Events of one instant stand in the order in which they were written.
    """
    query = select(AuditEvent, AuditPersonal.data).outerjoin(
        AuditPersonal, AuditPersonal.event_id == AuditEvent.id
    )
    exact = {
        AuditEvent.reference: wanted.reference,
        AuditEvent.event: wanted.event,
        AuditEvent.organisation_id: wanted.organisation_id,
        AuditEvent.guest_id: wanted.guest_id,
        AuditEvent.actor: wanted.actor,
    }
    for column, value in exact.items():
        if value is not None:
            query = query.where(column == value)
    if wanted.since is not None:
        query = query.where(AuditEvent.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditEvent.at < wanted.until)
    if before is not None:
        instant = select(AuditEvent.at).where(AuditEvent.seq == before).scalar_subquery()
        query = query.where(tuple_(AuditEvent.at, AuditEvent.seq) < tuple_(instant, before))
    order = (AuditEvent.at, AuditEvent.seq)
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


def replayable(session: Session) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield (data, personal) of every event, oldest first, for ``rules.fold``."""
    query = (
        select(AuditEvent.data, AuditPersonal.data)
        .outerjoin(AuditPersonal, AuditPersonal.event_id == AuditEvent.id)
        .order_by(AuditEvent.seq)
    )
    for data, personal in session.execute(query):
        yield data, personal or {}
