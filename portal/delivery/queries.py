"""Read the outbox: what waits, what is dead, since when."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Text, exists, func, or_, select, type_coerce
from sqlalchemy.orm import Session

from portal.delivery.models import Outbox
from portal.delivery.rules import FOR_EMPLOYEES, KEPT_SENT, SECRET_FIELDS, STANDSTILL, State
from portal.foundation.db import Reader


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message as it is shown; its payload stays where it is."""

    id: UUID
    kind: str
    to: str
    state: str
    tries: int
    not_before: datetime
    created_at: datetime
    settled_at: datetime | None
    reference: str
    last_error: str | None


_SHOWN = (
    Outbox.id,
    Outbox.kind,
    Outbox.to,
    Outbox.state,
    Outbox.tries,
    Outbox.not_before,
    Outbox.created_at,
    Outbox.settled_at,
    Outbox.reference,
    Outbox.last_error,
)


def listed(
    session: Session, *, state: State | None = None, limit: int | None = None
) -> list[OutboxRow]:
    """Return messages, oldest first."""
    query = select(*_SHOWN).order_by(Outbox.created_at, Outbox.id).limit(limit)
    if state is not None:
        query = query.where(Outbox.state == state)
    return [OutboxRow(**row) for row in session.execute(query).mappings()]


def dead(session: Session, limit: int = 100) -> list[OutboxRow]:
    """Return messages that nobody tries any more, oldest first."""
    return listed(session, state=State.DEAD, limit=limit)


def dead_for_employees(session: Reader) -> list[tuple[UUID, str, str]]:
    """Return (id, recipient, reference) of the dead messages to employees of the host."""
    theirs = or_(*(Outbox.kind.startswith(begin, autoescape=True) for begin in FOR_EMPLOYEES))
    query = select(Outbox.id, Outbox.to, Outbox.reference).where(Outbox.state == State.DEAD, theirs)
    return [(id_, to, reference) for id_, to, reference in session.execute(query)]


def counts(session: Session) -> Mapping[State, int]:
    """Return how many messages are in each state."""
    found = dict(session.execute(select(Outbox.state, func.count()).group_by(Outbox.state)).all())
    return {state: found.get(state, 0) for state in State}


def oldest_waiting(session: Session) -> datetime | None:
    """Return since when the oldest unsent message has been waiting."""
    return session.scalar(select(func.min(Outbox.created_at)).where(Outbox.state == State.WAITING))


def standing_since(session: Session, now: datetime) -> datetime | None:
    """Return since when no mail goes out, or None where it does or none has to.

    One that its own server puts off is no standstill: then others went out meanwhile, and not
    under a clock that was ahead.
    """
    oldest, lately = oldest_waiting(session), now - STANDSTILL
    if oldest is None or oldest > lately:
        return None
    sent = exists().where(
        Outbox.state == State.SENT, Outbox.settled_at > lately, Outbox.settled_at <= now
    )
    return None if session.scalar(select(sent)) else oldest


def past_keeping(query: Select[Any], now: datetime) -> Select[Any]:
    """Return *query* for the mails that were sent so long ago that nothing of them is kept.

    Nothing is sent before it was put, so that the index by state and ``created_at`` finds them.
    """
    long_ago = now - KEPT_SENT
    return query.where(
        Outbox.state == State.SENT, Outbox.created_at <= long_ago, Outbox.settled_at <= long_ago
    )


def count_past_keeping(session: Session, now: datetime) -> int:
    """Count the mails that the next sweep deletes."""
    return session.scalar(past_keeping(select(func.count()).select_from(Outbox), now)) or 0


def read_payload(payload: str) -> dict[str, Any] | None:
    """Return what a row says, or None: one that cannot be read must not hold up the others."""
    try:
        read = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def sealed_fields(kind: str, payload: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the encrypted fields of a payload; one that cannot be read is empty: no key opens it.

    Args:
        kind: of the message.
        payload: as it is stored; None where it cannot be read.
    """
    stored = {field: (payload or {}).get(field) for field in sorted(SECRET_FIELDS.get(kind, ()))}
    return {
        field: text if isinstance(text, str) and text.isascii() else ""
        for field, text in stored.items()
    }


def unsent_secrets(session: Session) -> list[tuple[UUID, str, tuple[str, ...]]]:
    """Return (id, recipient, encrypted fields) of the unsent messages that carry a secret."""
    query = (
        select(Outbox.id, Outbox.to, Outbox.kind, type_coerce(Outbox.payload, Text))
        .where(Outbox.kind.in_(SECRET_FIELDS), Outbox.state != State.SENT)
        .order_by(Outbox.id)
    )
    return [
        (id_, to, tuple(sealed_fields(kind, read_payload(payload)).values()))
        for id_, to, kind, payload in session.execute(query)
    ]
