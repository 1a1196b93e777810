"""Lists of guests: filtered, newest first, pages by keyset; counts by state; a sponsor's own."""

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
    and_,
    func,
    or_,
    select,
    union,
)
from sqlalchemy.orm import Session

from portal.access.queries.views import GuestView, SponsorshipView, views
from portal.guests.models import SEARCHED_WORDS, Guest, name_from
from portal.guests.rules import State
from portal.sponsorship.models import Sponsorship
from portal.sponsorship.rules import Standing
from portal.trust.queries import organisations_decided_by

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
        conditions.append(Guest.id.in_(_begins(text)))
    return conditions


def _begins(text: str) -> CompoundSelect[Any]:
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


@dataclass(frozen=True, slots=True)
class SponsorGuest:
    """A guest who is in on a sponsor's word, or was until time suspended them (*over*)."""

    guest: GuestView
    sponsorship: SponsorshipView
    over: bool


def sponsor_guests(session: Session, staff_id: UUID, now: datetime) -> list[SponsorGuest]:
    """Return the guests whom an employee vouches for, what ends first first.

    Those whom time suspended come last: they were in on this employee's word and may be again.
    Only of organisations that the employee may decide for.
    """
    places = [one.id for one in organisations_decided_by(session, staff_id)]
    own = and_(Sponsorship.sponsor_id == staff_id, Sponsorship.organisation_id.in_(places))
    query = (
        select(Guest.id)
        .join(Sponsorship, Sponsorship.guest_id == Guest.id)
        .where(
            own,
            or_(
                and_(Sponsorship.state == Standing.ACTIVE, Sponsorship.approve_by.is_(None)),
                and_(Sponsorship.state == Standing.ENDED, Guest.state == State.SUSPENDED),
            ),
        )
        .distinct()
    )
    found = [
        one
        for guest in views(session, list(session.scalars(query)), now)
        if (one := _in_on_their_word(guest, staff_id, now))
    ]
    return sorted(found, key=lambda one: (one.over, one.sponsorship.end[0]))


def _in_on_their_word(guest: GuestView, staff_id: UUID, now: datetime) -> SponsorGuest | None:
    """Return how the guest stands to a sponsor by now, whether or not a sweep has run."""
    own = [
        one
        for one in guest.sponsorships
        if one.sponsor_id == staff_id and one.state in (Standing.ACTIVE, Standing.ENDED)
    ]
    own.sort(key=lambda one: one.state != Standing.ACTIVE)
    standing = guest.decision.standing
    if not own or standing.state == State.REMOVED:
        return None
    if standing.state == State.SUSPENDED and not standing.hold:
        return SponsorGuest(guest, own[0], over=True)
    runs = own[0].state == Standing.ACTIVE and own[0].end[0] > now
    return SponsorGuest(guest, own[0], over=False) if runs else None


def count_vouched(session: Session, staff_id: UUID, organisation_id: UUID) -> int:
    """Count the guests of an organisation whom an employee vouches for."""
    query = select(func.count(Sponsorship.guest_id.distinct())).where(
        Sponsorship.organisation_id == organisation_id,
        Sponsorship.sponsor_id == staff_id,
        Sponsorship.state == Standing.ACTIVE,
        Sponsorship.approve_by.is_(None),
    )
    return session.scalar(query) or 0
