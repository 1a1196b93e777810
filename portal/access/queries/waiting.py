"""What waits for a sponsor, what waited and was decided, and who knocks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    func,
    literal_column,
    not_,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from portal.access.queries.listing import PAGE
from portal.access.queries.order import Place, beyond, end_in_sql
from portal.access.queries.views import (
    GuestView,
    SponsorshipView,
    sponsorship_view,
    sponsorships_with_names,
    views,
)
from portal.foundation.db import table_of
from portal.guests.models import Guest
from portal.guests.rules import Reason, State
from portal.sponsorship.models import Grant, Sponsorship
from portal.sponsorship.queries import OPEN, GrantRow, awaiting, grants_under, is_due, open_of
from portal.sponsorship.rules import Standing, is_live
from portal.trust.models import Contract, Offer, Organisation
from portal.trust.queries import decided_by


class Kind(StrEnum):
    """What a sponsor is asked."""

    REQUEST = "request"  # may this person come in?
    AT_ONCE = "at_once"  # this person is in already: may they stay?
    REVIEW = "review"  # do you still vouch?
    PROPOSAL = "proposal"  # may they have this as well?


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that waits for a sponsor.

    Attributes:
        proposed: names of what is proposed, "application: entitlement".
        since: when it was asked; of a review, by when an answer is due.
        then_at: when something happens if nobody does anything; null: nothing does.
        then: why access or the request ends then.
        carried: access goes on then, on another word.
    """

    kind: Kind
    sponsorship: SponsorshipView
    guest_name: str | None
    guest_email: str | None
    organisation: str
    proposed: tuple[str, ...]
    since: datetime
    then_at: datetime | None
    then: Reason | None
    carried: bool

    @property
    def display_name(self) -> str:
        """How people call the guest: by name, else by address."""
        return self.guest_name or self.guest_email or "somebody without a name"


@dataclass(frozen=True, slots=True)
class InboxPage:
    """A page of what waits, and where the next one goes on if there is one."""

    items: tuple[Waiting, ...]
    last: Place | None


def inbox(
    session: Session,
    staff_id: UUID,
    now: datetime,
    *,
    after: Place | None = None,
    limit: int = PAGE,
) -> InboxPage:
    """Return what waits for the organisations an employee decides for, most urgent first.

    Requests and people let in at once are shown to everybody who may decide; a review to who
    vouches, and to the others once it is overdue. What time has decided already is left out.
    Behind all of them stands what is proposed for guests of the employee's own, longest first:
    nothing happens there if nobody decides. Whoever is asked about anyhow stands there once.
    """
    lines = _lines(staff_id, now).subquery()
    columns = (lines.c.part, lines.c.at, lines.c.since, lines.c.id)
    query = select(*columns).order_by(*columns).limit(limit + 1)
    if after is not None:
        query = query.where(beyond(columns, (after.part, after.at, after.since, after.id)))
    found = [Place(*row) for row in session.execute(query)]
    last = found[limit - 1] if len(found) > limit else None
    return InboxPage(tuple(_waiting(session, found[:limit])), last)


def inbox_count(session: Session, staff_id: UUID, now: datetime) -> int:
    """Count what waits: the number beside the menu, and above the inbox."""
    lines = _lines(staff_id, now).subquery()
    return session.scalar(select(func.count()).select_from(lines)) or 0


_QUESTION, _PROPOSAL = 0, 1  # the parts of the inbox


_TABLES = (
    table_of(Sponsorship)
    .join(table_of(Contract), Contract.id == Sponsorship.contract_id)
    .join(table_of(Guest), Guest.id == Sponsorship.guest_id)
)


def _lines(staff_id: UUID, now: datetime) -> CompoundSelect[Any]:
    """Return the sub-select of what waits: part, instant, second instant, sponsorship."""
    places = decided_by(staff_id).subquery()
    tables = _TABLES.join(places, places.c.organisation_id == Sponsorship.organisation_id)
    questions: Select[*tuple[Any, ...]] = (
        select(
            literal_column(str(_QUESTION)).label("part"),
            end_in_sql().label("at"),
            func.coalesce(Sponsorship.review_due_at, Sponsorship.requested_at).label("since"),
            Sponsorship.id.label("id"),
        )
        .select_from(tables)
        .where(
            Sponsorship.state.in_(OPEN),
            not_(is_due(now)),
            or_(awaiting(), _review_asked(staff_id, now)),
        )
    )
    proposed_at = func.min(Grant.proposed_at)
    proposals: Select[*tuple[Any, ...]] = (
        select(literal_column(str(_PROPOSAL)), proposed_at, proposed_at, Sponsorship.id)
        .select_from(
            tables.join(
                table_of(Grant),
                # The guest as well: that has an index.
                and_(
                    Grant.guest_id == Sponsorship.guest_id, Grant.sponsorship_id == Sponsorship.id
                ),
            ).join(table_of(Offer), Offer.id == Grant.offer_id)
        )
        .where(
            not_(is_due(now)),
            Sponsorship.sponsor_id == staff_id,
            Sponsorship.state == Standing.ACTIVE,
            Sponsorship.approve_by.is_(None),
            not_(_review_asked(staff_id, now)),
            Grant.state == "proposed",
            Offer.withdrawn_at.is_(None),
        )
        .group_by(Sponsorship.id)
    )
    return union_all(questions, proposals)


def _waiting(session: Session, places: Sequence[Place]) -> Iterator[Waiting]:
    """Read what stands at these places, in their order."""
    ids = [place.id for place in places]
    if not ids:
        return
    query = _with_guest().where(Sponsorship.id.in_(ids))
    rows = [(sponsorship_view(values), *about) for values, *about in session.execute(query)]
    by_id = {row[0].id: row for row in rows}
    grants: dict[UUID, list[GrantRow]] = {}
    for grant in grants_under(session, ids):
        grants.setdefault(grant.sponsorship_id, []).append(grant)
    standing = open_of(session, {row[0].guest_id for row in rows})
    for place in places:
        row, guest_name, guest_email, organisation = by_id[place.id]
        only_proposed = place.part == _PROPOSAL
        end, reason = (None, None) if only_proposed else row.end
        yield Waiting(
            kind=Kind.PROPOSAL if only_proposed else _kind(row),
            sponsorship=row,
            guest_name=guest_name,
            guest_email=guest_email,
            organisation=organisation,
            proposed=tuple(
                f"{grant.application}: {grant.entitlement}"
                for grant in grants.get(place.id, ())
                if not only_proposed or _is_proposed(grant)
            ),
            since=place.since,
            then_at=end,
            then=reason,
            carried=any(
                end is not None and other.id != row.id and is_live(other, end)
                for other in standing.get(row.guest_id, ())
            ),
        )


def _is_proposed(grant: GrantRow) -> bool:
    return grant.state == "proposed" and grant.offer_withdrawn_at is None


def _with_guest() -> Select[*tuple[Any, ...]]:
    return (
        sponsorships_with_names()
        .join(Guest, Guest.id == Sponsorship.guest_id)
        .join(Organisation, Organisation.id == Sponsorship.organisation_id)
        .add_columns(Guest.name, Guest.email, Organisation.name)
    )


def _review_asked(staff_id: UUID, now: datetime) -> ColumnElement[bool]:
    return and_(
        Sponsorship.state == Standing.ACTIVE,
        Sponsorship.approve_by.is_(None),
        Sponsorship.review_due_at.is_not(None),
        or_(Sponsorship.review_ask_at.is_(None), Sponsorship.review_ask_at <= now),
        or_(Sponsorship.sponsor_id == staff_id, Sponsorship.review_due_at <= now),
    )


def _kind(row: SponsorshipView) -> Kind:
    if row.state == Standing.REQUESTED:
        return Kind.REQUEST
    return Kind.AT_ONCE if row.awaits_decision else Kind.REVIEW


def next_review(session: Session, staff_id: UUID, now: datetime) -> tuple[datetime, int] | None:
    """Return when an employee is asked next whether they still vouch, and for how many then.

    Counted are those due within thirty days of the first one. Nobody is asked about what is over
    by then: by time, or with a contract that was shortened.
    """
    due_at = Sponsorship.review_due_at
    later = and_(
        Sponsorship.sponsor_id == staff_id,
        Sponsorship.state == Standing.ACTIVE,
        Sponsorship.approve_by.is_(None),
        due_at > now,
        or_(Contract.ends_at.is_(None), due_at < Contract.ends_at),
        not_(is_due(now)),
    )
    first = session.scalar(select(func.min(due_at)).select_from(_TABLES).where(later))
    if first is None:
        return None
    month = and_(later, due_at < first + timedelta(days=31))
    people = select(func.count(Sponsorship.guest_id.distinct())).select_from(_TABLES).where(month)
    return first, session.scalar(people) or 0


def knocking(
    session: Session,
    staff_id: UUID,
    now: datetime,
    *,
    before: tuple[datetime, UUID] | None = None,
    limit: int = PAGE,
) -> list[GuestView]:
    """Return the removed people behind a tombstone who came back to the door, latest first.

    Args:
        session: of this request.
        staff_id: who may let them back.
        now: the policy clock, aware.
        before: instant and id of the last one of the page before.
        limit: how many at most.
    """
    query = select(Guest.id).where(*_knocks(staff_id))
    if before is not None:
        at, key = before
        earlier = and_(Guest.knocked_at == at, Guest.id < key)
        query = query.where(or_(Guest.knocked_at < at, earlier))
    query = query.order_by(Guest.knocked_at.desc(), Guest.id.desc()).limit(limit)
    return views(session, list(session.scalars(query)), now)


def knocking_count(session: Session, staff_id: UUID) -> int:
    """Count who knocks: the number beside the menu."""
    return session.scalar(select(func.count(Guest.id)).where(*_knocks(staff_id))) or 0


def _knocks(staff_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return (
        Guest.organisation_id.in_(decided_by(staff_id)),
        Guest.state == State.REMOVED,
        Guest.tombstone.is_(True),
        Guest.knocked_at.is_not(None),
    )


@dataclass(frozen=True, slots=True)
class PastDecision:
    """What an employee decided about somebody, and what became of it."""

    sponsorship: SponsorshipView
    guest_name: str | None
    guest_email: str | None
    organisation: str
    organisation_id: UUID

    @property
    def display_name(self) -> str:
        """How people call the guest: by name, else by address."""
        return self.guest_name or self.guest_email or "somebody without a name"


def past_decisions(
    session: Session,
    staff_id: UUID,
    *,
    before: tuple[datetime, UUID] | None = None,
    limit: int = PAGE,
) -> list[PastDecision]:
    """Return what an employee decided, latest first, before (instant, sponsorship id)."""
    query = (
        _with_guest()
        .add_columns(Organisation.id)
        .where(Sponsorship.decided_at.is_not(None), Sponsorship.decided_by == staff_id)
    )
    if before is not None:
        at, key = before
        earlier = and_(Sponsorship.decided_at == at, Sponsorship.id < key)
        query = query.where(or_(Sponsorship.decided_at < at, earlier))
    query = query.order_by(Sponsorship.decided_at.desc(), Sponsorship.id.desc()).limit(limit)
    return [
        PastDecision(sponsorship_view(values), *about) for values, *about in session.execute(query)
    ]
