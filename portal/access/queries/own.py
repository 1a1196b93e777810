"""A sponsor's own guests: who is in on their word, whom time suspended, whom nobody has left."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    exists,
    func,
    not_,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import Session

from portal.access.queries.listing import PAGE, begins
from portal.access.queries.order import Place, beyond, end_in_sql
from portal.access.queries.views import GuestView, SponsorshipView, views
from portal.foundation.db import table_of
from portal.guests.models import Guest
from portal.guests.rules import Reason, State
from portal.sponsorship.models import Sponsorship
from portal.sponsorship.queries import OPEN, is_due
from portal.sponsorship.rules import Standing
from portal.trust.models import Contract
from portal.trust.queries import decided_by

INSIDE, OVER = 0, 1  # the parts of the list


@dataclass(frozen=True, slots=True)
class SponsorGuest:
    """A guest, and of the sponsorships of the employee who reads the one that counts for them.

    Of a guest whom a leaver left to nobody it is the latest.
    """

    guest: GuestView
    sponsorship: SponsorshipView


@dataclass(frozen=True, slots=True)
class SponsorGuests:
    """A page of a sponsor's guests.

    Attributes:
        inside: who is in on the sponsor's word, or held by a human; what ends first first.
        inside_last: where they go on on another page, if they do.
        count: how many there are, on all pages.
        over: who was, until time suspended them, and whom a leaver left to nobody; who has been
            out for longest first.
        over_last: where they go on on another page, if they do.
    """

    inside: tuple[SponsorGuest, ...]
    inside_last: Place | None
    count: int
    over: tuple[SponsorGuest, ...]
    over_last: Place | None


_FURTHER = 20  # pages that are gone through where nobody of them is shown


def sponsor_guests(
    session: Session,
    staff_id: UUID,
    now: datetime,
    *,
    text: str | None = None,
    after: Place | None = None,
    limit: int = PAGE,
) -> SponsorGuests:
    """Return the guests whom an employee vouches for, what ends first first, by pages.

    Beside them those whom time suspended: they were in on this employee's word and may be again.
    And those whose sponsor has left when there was nobody else: they are nobody's, so everybody
    who decides there may vouch for them.
    Only of organisations that the employee may decide for. It is the same whether or not a sweep
    has run.

    Args:
        session: of this request.
        staff_id: who vouches.
        now: the policy clock, aware.
        text: begins the address or the name, as in ``listing.GuestFilter``; none: everybody.
        after: where the page before ended: only the part that it is in goes on.
        limit: of each part.
    """
    inside, over = (part(staff_id, now, text) for part in (_inside, _over))
    first, first_last = _page(session, INSIDE, inside, after, limit)
    second, second_last = _page(session, OVER, over, after, limit)
    whole = after is None and first_last is None
    count = len(first) if whole else _count(session, inside)
    known = {one.id: one for one in views(session, [*first, *second], now)}
    out = _out(known, second, staff_id)
    # Who has been out for longest stands first: of many whom no sweep has removed yet, none is.
    for _ in range(_FURTHER):
        if out or second_last is None:
            break
        second, second_last = _page(session, OVER, over, second_last, limit)
        out = _out({one.id: one for one in views(session, second, now)}, second, staff_id)
    return SponsorGuests(
        tuple(_with_word(known, first, staff_id, _carries(now))),
        first_last,
        count,
        out,
        second_last,
    )


def count_vouched(session: Session, staff_id: UUID, organisation_id: UUID) -> int:
    """Count the guests of an organisation whom an employee vouches for."""
    query = select(func.count(Sponsorship.guest_id.distinct())).where(
        Sponsorship.organisation_id == organisation_id,
        Sponsorship.sponsor_id == staff_id,
        Sponsorship.state == Standing.ACTIVE,
        Sponsorship.approve_by.is_(None),
    )
    return session.scalar(query) or 0


_TABLES = (
    table_of(Sponsorship)
    .join(table_of(Contract), Contract.id == Sponsorship.contract_id)
    .join(table_of(Guest), Guest.id == Sponsorship.guest_id)
)
# Of whom time suspended; who was in at once, and approved by nobody, may be vouched for as well.
_WAS = (Standing.ACTIVE, Standing.ENDED)
_Lines = Select[*tuple[Any, ...]]


def _own(staff_id: UUID, text: str | None) -> ColumnElement[bool]:
    theirs = Sponsorship.organisation_id.in_(decided_by(staff_id))
    return and_(Sponsorship.sponsor_id == staff_id, theirs, _named(text))


def _named(text: str | None) -> ColumnElement[bool]:
    return Guest.id.in_(begins(text.strip())) if text and text.strip() else true()


def _given() -> ColumnElement[bool]:
    """Return the condition of a word that was given: what is at once waits in the inbox."""
    return and_(Sponsorship.state == Standing.ACTIVE, Sponsorship.approve_by.is_(None))


def _inside(staff_id: UUID, now: datetime, text: str | None) -> _Lines:
    """Return guests in on an employee's word, each with the last end of it.

    Where nothing is due, neither for the word nor for the guest, the guest is in or held.
    """
    return (
        select(Sponsorship.guest_id.label("id"), func.max(end_in_sql()).label("at"))
        .select_from(_TABLES)
        .where(_own(staff_id, text), _given(), not_(is_due(now)))
        .group_by(Sponsorship.guest_id)
    )


def _over(staff_id: UUID, now: datetime, text: str | None) -> _Lines:
    """Return guests who may be vouched for again, each once, since when they had no word."""
    lines = union_all(_suspended(staff_id, now, text), _left(staff_id, now, text)).subquery()
    return select(lines.c.id, func.max(lines.c.at).label("at")).group_by(lines.c.id)


def _left(staff_id: UUID, now: datetime, text: str | None) -> _Lines:
    """Return guests whom a leaver left to nobody."""
    return select(Guest.id.label("id"), Guest.state_since.label("at")).where(
        Guest.organisation_id.in_(decided_by(staff_id)),
        Guest.state == State.SUSPENDED,
        Guest.state_reason == Reason.SPONSOR_LEFT,
        Guest.hold.is_(False),
        Guest.removes_at > now,
        _named(text),
    )


def _suspended(staff_id: UUID, now: datetime, text: str | None) -> _Lines:
    """Return guests whom time suspended, or will once it is settled, since when they had no word.

    Among those who are not settled are some whom time removes: ``_is_over`` knows them.
    """
    other, contract = (table_of(one).alias() for one in (Sponsorship, Contract))
    goes_on = (
        exists()
        .where(
            other.c.guest_id == Guest.id,
            other.c.state.in_(OPEN),
            contract.c.id == other.c.contract_id,
            not_(is_due(now, other, contract)),
        )
        .correlate(table_of(Guest))
    )
    over = or_(
        and_(Guest.state == State.SUSPENDED, Guest.hold.is_(False), Guest.removes_at > now),
        and_(Guest.state == State.ACTIVE, not_(goes_on)),
    )
    ended_at = case((Sponsorship.state == Standing.ENDED, Sponsorship.state_since))
    return (
        select(
            Sponsorship.guest_id.label("id"),
            func.max(func.coalesce(ended_at, end_in_sql())).label("at"),
        )
        .select_from(_TABLES)
        .where(_own(staff_id, text), Sponsorship.state.in_(_WAS), over)
        .group_by(Sponsorship.guest_id)
    )


def _page(
    session: Session, part: int, lines: _Lines, after: Place | None, limit: int
) -> tuple[list[UUID], Place | None]:
    """Return the guests of a page of one part, and where it ended if there is another page."""
    if after is not None and after.part != part:
        return [], None
    found = lines.subquery()
    columns = (found.c.at, found.c.id)
    query = select(*columns).order_by(*columns).limit(limit + 1)
    if after is not None:
        query = query.where(beyond(columns, (after.at, after.id)))
    rows = [(at, key) for at, key in session.execute(query)]
    keys = [key for _, key in rows[:limit]]
    if len(rows) <= limit:
        return keys, None
    at, key = rows[limit - 1]
    return keys, Place(part, at, at, key)


def _count(session: Session, lines: _Lines) -> int:
    return session.scalar(select(func.count()).select_from(lines.subquery())) or 0


def _with_word(
    known: dict[UUID, GuestView],
    keys: Sequence[UUID],
    staff_id: UUID,
    counts: Callable[[SponsorshipView], bool],
) -> Iterator[SponsorGuest]:
    """Put beside each guest the employee's sponsorship that counts and ends last."""
    for guest in (known[key] for key in keys):
        own = [one for one in guest.sponsorships if one.sponsor_id == staff_id and counts(one)]
        # Whoever decided between two statements of this page has taken the word away.
        if own:
            yield SponsorGuest(guest, max(own, key=lambda one: one.end[0]))


def _carries(now: datetime) -> Callable[[SponsorshipView], bool]:
    def carries(one: SponsorshipView) -> bool:
        given = one.state == Standing.ACTIVE and not one.awaits_decision
        return given and one.end[0] > now

    return carries


def _out(
    known: dict[UUID, GuestView], keys: Sequence[UUID], staff_id: UUID
) -> tuple[SponsorGuest, ...]:
    theirs = {one.guest.id: one for one in _with_word(known, keys, staff_id, _was)}
    for key in keys:
        guest = known[key]
        if guest.state_reason == Reason.SPONSOR_LEFT and guest.leading is not None:
            theirs.setdefault(key, SponsorGuest(guest, guest.leading))
    return tuple(theirs[key] for key in keys if key in theirs and _is_over(theirs[key].guest))


def _was(one: SponsorshipView) -> bool:
    return one.state in _WAS


def _is_over(guest: GuestView) -> bool:
    standing = guest.decision.standing
    return standing.state == State.SUSPENDED and not standing.hold
