"""What is due, by kind, in keyset batches; and what the sweeps did."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import Select, case, exists, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from portal.foundation.weeks import mondays, week_of
from portal.guests.models import Guest
from portal.guests.queries import due_guests
from portal.guests.rules import State
from portal.lifecycle.models import SweepRun
from portal.sponsorship.models import Sponsorship
from portal.sponsorship.queries import OPEN, due, open_under_contract
from portal.sponsorship.rules import Standing
from portal.trust.models import Contract

Cursor = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True)
class Due:
    """One row that is due: its place in the index, and the guest it is about."""

    cursor: Cursor
    guest_id: UUID


Fetch = Callable[[Session, datetime, Cursor | None, int], list[Due]]


def _of_sponsorships(column: str, state: Standing) -> Fetch:
    def fetch(session: Session, now: datetime, after: Cursor | None, n: int) -> list[Due]:
        rows = due(session, column, state, now, after, n)
        return [Due((at, key), guest_id) for at, key, guest_id in rows]

    return fetch


def _of_guests(column: str, state: State) -> Fetch:
    def fetch(session: Session, now: datetime, after: Cursor | None, n: int) -> list[Due]:
        return [
            Due((at, key), key) for at, key in due_guests(session, column, state, now, after, n)
        ]

    return fetch


# Every kind is settled by the same function; they differ in the index that finds them.
KINDS: Mapping[str, Fetch] = MappingProxyType(
    {
        "expired": _of_sponsorships("expires_at", Standing.ACTIVE),
        "review_missed": _of_sponsorships("review_ends_at", Standing.ACTIVE),
        "not_approved": _of_sponsorships("approve_by", Standing.ACTIVE),
        "lapsed": _of_sponsorships("lapses_at", Standing.REQUESTED),
        "request_expired": _of_sponsorships("expires_at", Standing.REQUESTED),
        "inactive": _of_guests("inactive_at", State.ACTIVE),
        "suspended_too_long": _of_guests("removes_at", State.SUSPENDED),
    }
)

MOST_COUNTED = 1000

review_asks: Fetch = _of_sponsorships("review_ask_at", Standing.ACTIVE)


@dataclass(frozen=True, slots=True)
class EndedContract:
    """A contract that has ended, and whose it was."""

    id: UUID
    organisation_id: UUID


def ended_contracts(session: Session, now: datetime) -> list[EndedContract]:
    """Return the contracts that have ended and whose end is not carried out yet.

    One that is concluded may still carry somebody who came in while it ended.
    """
    open_under = exists().where(Sponsorship.contract_id == Contract.id, Sponsorship.state.in_(OPEN))
    query = select(Contract.id, Contract.organisation_id).where(
        Contract.ends_at <= now, or_(Contract.settled_at.is_(None), open_under)
    )
    rows = session.execute(query.order_by(Contract.ends_at, Contract.id))
    return [EndedContract(*row) for row in rows]


def guests_of(session: Session, organisation_id: UUID, after: UUID | None, n: int) -> list[UUID]:
    """Return the next guests of an organisation who are not removed, by id."""
    query = select(Guest.id).where(
        Guest.organisation_id == organisation_id, Guest.state != State.REMOVED
    )
    if after is not None:
        query = query.where(Guest.id > after)
    return list(session.scalars(query.order_by(Guest.id).limit(n)))


def count_due(session: Session, now: datetime) -> dict[str, int]:
    """Count what is due by kind, up to a thousand each (health: should be nothing).

    A guest counts once, under the first kind that finds them: the sweep settles all of it there.
    """
    counts: dict[str, int] = {}
    settled: set[UUID] = set()
    rows: set[UUID] = set()
    for kind, fetch in KINDS.items():
        found = fetch(session, now, None, MOST_COUNTED)
        guests = {due.guest_id for due in found} - settled
        counts[kind] = len(guests)
        settled |= guests
        rows |= {due.cursor[1] for due in found}
    ended = ended_contracts(session, now)
    under = {
        guest_id
        for contract in ended
        for _, guest_id in open_under_contract(session, contract.id, None, MOST_COUNTED)
    }
    counts["contract_ended"] = len(under - settled)
    counts["contracts"] = len(ended)
    # Of a guest who is in on others' word the other reviews are asked all the same.
    asks = review_asks(session, now, None, MOST_COUNTED)
    counts["review_asked"] = len([due for due in asks if not {due.cursor[1], due.guest_id} & rows])
    return counts


def guests_under_contract(session: Session, *contract_ids: UUID) -> int:
    """Count the guests whom the end of a contract, or of several, would touch."""
    query = select(func.count(Sponsorship.guest_id.distinct())).where(
        Sponsorship.contract_id.in_(contract_ids),
        or_(Sponsorship.state == Standing.ACTIVE, Sponsorship.state == Standing.REQUESTED),
    )
    return session.scalar(query) or 0


def _cut_short(contract_id: UUID, *columns: Any) -> Select[Any]:
    """Select of the sponsorships that a contract ends before the day that a sponsor approved."""
    return (
        select(*columns, func.count(Sponsorship.guest_id.distinct()))
        .join(Contract, Contract.id == Sponsorship.contract_id)
        .where(
            Contract.id == contract_id,
            Sponsorship.state == Standing.ACTIVE,
            Sponsorship.approve_by.is_(None),  # given at once: nobody has approved a day yet
            Sponsorship.expires_at > Contract.ends_at,
        )
    )


def cut_short(
    session: Session, contract_id: UUID, *, but: UUID | None
) -> Sequence[tuple[UUID, UUID, int]]:
    """Return whose word a contract ends before its time: sponsor, organisation, so many guests.

    Args:
        session: of the transaction that has moved the end.
        contract_id: of the contract.
        but: a sponsor who is left out.
    """
    whose = (Sponsorship.sponsor_id, Sponsorship.organisation_id)
    query = _cut_short(contract_id, *whose).where(Sponsorship.sponsor_id != but).group_by(*whose)
    return [(sponsor, of, count) for sponsor, of, count in session.execute(query)]


def guests_cut_short(session: Session, contract_id: UUID) -> int:
    """Count the guests who end with a contract before the day that a sponsor approved."""
    return session.scalar(_cut_short(contract_id)) or 0


def guests_by_contract(session: Session, contract_ids: Collection[UUID]) -> dict[UUID, int]:
    """Count for each of these contracts the guests whom its end would touch."""
    query = (
        select(Sponsorship.contract_id, func.count(Sponsorship.guest_id.distinct()))
        .where(Sponsorship.contract_id.in_(contract_ids), Sponsorship.state.in_(OPEN))
        .group_by(Sponsorship.contract_id)
    )
    found = dict(session.execute(query).all())
    return {one: found.get(one, 0) for one in contract_ids}


def alone_by_contract(session: Session, contract_ids: Collection[UUID]) -> dict[UUID, int]:
    """Count for each of these contracts the guests who have nothing that lasts beyond its end."""
    other, beyond = aliased(Sponsorship), aliased(Contract)
    goes_on = exists().where(
        other.guest_id == Sponsorship.guest_id,
        other.state == Standing.ACTIVE,
        other.approve_by.is_(None),
        other.expires_at > Contract.ends_at,
        beyond.id == other.contract_id,
        or_(beyond.ends_at.is_(None), beyond.ends_at > Contract.ends_at),
    )
    query = (
        select(Sponsorship.contract_id, func.count(Sponsorship.guest_id.distinct()))
        .join(Contract, Contract.id == Sponsorship.contract_id)
        .where(Sponsorship.contract_id.in_(contract_ids), Sponsorship.state.in_(OPEN), ~goes_on)
        .group_by(Sponsorship.contract_id)
    )
    found = dict(session.execute(query).all())
    return {one: found.get(one, 0) for one in contract_ids}


@dataclass(frozen=True, slots=True)
class RunRow:
    """One sweep."""

    began_at: datetime
    ended_at: datetime
    settled: Mapping[str, Any]
    failed: int


def last_runs(session: Session, now: datetime, n: int = 10) -> list[RunRow]:
    """Return the latest sweeps, newest first; one of a clock that was ahead tells nothing yet."""
    query = select(SweepRun.began_at, SweepRun.ended_at, SweepRun.settled, SweepRun.failed)
    query = query.where(SweepRun.began_at <= now)
    rows = session.execute(query.order_by(SweepRun.began_at.desc()).limit(n))
    return [RunRow(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Week:
    """What falls into a week: how many reviews are due, how many sponsorships end."""

    begins: date
    reviews: int
    ends: int


def coming(session: Session, now: datetime, ahead: timedelta) -> list[Week]:
    """Return the weeks until *ahead* in which something falls due, by their Monday (UTC).

    A contract's end counts where it comes before the last day; no review is due after either.

    Args:
        session: of this request.
        now: aware; weeks begin on Mondays in UTC.
        ahead: how far to look.
    """
    until = now + ahead
    weeks = mondays(now, until)
    ends_at = case(
        (Contract.ends_at < Sponsorship.expires_at, Contract.ends_at),
        else_=Sponsorship.expires_at,
    )
    due_at = Sponsorship.review_due_at
    counts: list[dict[int, int]] = []
    for moment, further in ((due_at, due_at < ends_at), (ends_at, true())):
        # Counted where it stands: a row a week, however many it is about.
        falling = (
            select(week_of(moment, weeks))
            .select_from(Sponsorship)
            .join(Contract, Contract.id == Sponsorship.contract_id)
            .where(Sponsorship.state == Standing.ACTIVE, moment > now, moment <= until, further)
            .subquery()
        )
        query = select(falling.c.week, func.count()).group_by(falling.c.week)
        counts.append(dict(session.execute(query).all()))
    reviews, ends = counts
    return [
        Week(begins, reviews.get(number, 0), ends.get(number, 0))
        for number, begins in enumerate(weeks)
        if number in reviews or number in ends
    ]
