"""Lists of guests: filtered, newest first, pages by keyset; counts by state."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from string import ascii_lowercase, ascii_uppercase
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    SQLColumnExpression,
    func,
    select,
    union,
)
from sqlalchemy.orm import Session

from portal.access.queries.views import GuestView, views
from portal.guests.models import SEARCHED_WORDS, Guest, name_from
from portal.guests.rules import State

PAGE = 50
LAST = "\U0010ffff"  # sorts behind every character that a name may have
ASCII_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


@dataclass(frozen=True, slots=True)
class GuestFilter:
    """What the reader asked for; ``None`` asks for everything.

    Attributes:
        text: begins the address, the name, or one of the next words of the name.
    """

    organisation_id: UUID | None = None
    state: State | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class GuestPage:
    """A page of guests, and where the next one begins if there is one."""

    guests: tuple[GuestView, ...]
    before: UUID | None


def guests(
    session: Session,
    wanted: GuestFilter,
    now: datetime,
    *,
    before: UUID | None = None,
    limit: int = PAGE,
) -> GuestPage:
    """Return guests, last created first, after those on the page before (keyset by id)."""
    ids = find(session, wanted, before=before, limit=limit + 1)
    more = len(ids) > limit
    return GuestPage(tuple(views(session, ids[:limit], now)), ids[limit - 1] if more else None)


def find(
    session: Session, wanted: GuestFilter, *, before: UUID | None = None, limit: int
) -> list[UUID]:
    """Return the ids of the guests that a filter finds, last created first: one indexed query."""
    query = select(Guest.id).where(*_conditions(wanted))
    if wanted.state is not None:
        query = query.where(Guest.state == wanted.state)
    if before is not None:
        query = query.where(Guest.id < before)
    return list(session.scalars(query.order_by(Guest.id.desc()).limit(limit)))


def guest_names(session: Session, ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return what guests are called: by name, else by address; who has neither is left out."""
    query = select(Guest.id, Guest.name, Guest.email).where(Guest.id.in_(list(ids)))
    return {key: said for key, name, email in session.execute(query) if (said := name or email)}


def counts(session: Session, wanted: GuestFilter) -> dict[State, int]:
    """Count the guests of a filter by state, whatever state it asks for; each state is there."""
    query = select(Guest.state, func.count()).where(*_conditions(wanted)).group_by(Guest.state)
    found = {State(state): count for state, count in session.execute(query)}
    return {state: found.get(state, 0) for state in State}


def _conditions(wanted: GuestFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.organisation_id is not None:
        conditions.append(Guest.organisation_id == wanted.organisation_id)
    if wanted.text and (text := wanted.text.strip()):
        conditions.append(Guest.id.in_(begins(text)))
    return conditions


def begins(text: str) -> CompoundSelect[Any]:
    """Return the guests whose address, or a word of whose name, begins with a text.

    Each of the selects is a range of one index. LIKE would use none, and of ranges joined by OR
    SQLite would use none.
    """
    names = [name_from(word) for word in range(1, SEARCHED_WORDS + 1)]
    places: list[tuple[SQLColumnExpression[Any], str]] = [(Guest.email, text.lower())]
    places += [(name, said) for said in _spellings(text) for name in names]
    return union(
        *(
            select(Guest.id).where(place >= prefix, place < prefix + LAST)
            for place, prefix in places
        )
    )


def _spellings(text: str) -> list[str]:
    """Return how a text may stand in the index of names, where only ASCII is in lower case."""
    said = (text.lower(), text.title(), text.upper())
    return sorted({one.translate(ASCII_LOWER) for one in said})
