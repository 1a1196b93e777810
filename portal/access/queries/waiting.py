"""What waits for a sponsor, what waited and was decided, and who knocks."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, not_, or_, select
from sqlalchemy.orm import Session

from portal.access.queries.views import (
    GuestView,
    SponsorshipView,
    sponsorship_view,
    sponsorships_with_names,
    views,
)
from portal.applications.models import Application, Entitlement
from portal.foundation.db import parts
from portal.guests.models import Guest
from portal.guests.rules import Reason, State
from portal.sponsorship.models import Grant, Sponsorship
from portal.sponsorship.queries import awaiting, grants_under, is_due
from portal.sponsorship.rules import Standing
from portal.trust.models import Contract, Offer, Organisation
from portal.trust.queries import organisations_decided_by

PAGE = 50


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

    @property
    def display_name(self) -> str:
        """How people call the guest: by name, else by address."""
        return self.guest_name or self.guest_email or "somebody without a name"


def inbox(session: Session, staff_id: UUID, now: datetime) -> list[Waiting]:
    """Return what waits for the organisations an employee decides for, most urgent first.

    Requests and people let in at once are shown to everybody who may decide; a review to who
    vouches, and to the others once it is overdue. What time has decided already is left out.
    """
    found = _open_questions(session, staff_id, _places(session, staff_id), now)
    grants: dict[UUID, list[str]] = {}
    for grant in grants_under(session, [row.id for row, *_ in found]):
        name = f"{grant.application}: {grant.entitlement}"
        grants.setdefault(grant.sponsorship_id, []).append(name)
    items = []
    for row, guest_name, guest_email, organisation in found:
        kind = _kind(row)
        end, reason = row.end
        items.append(
            Waiting(
                kind=kind,
                sponsorship=row,
                guest_name=guest_name,
                guest_email=guest_email,
                organisation=organisation,
                proposed=tuple(grants.get(row.id, ())),
                since=row.review_due_at or row.requested_at,
                then_at=end,
                then=reason,
            )
        )
    return sorted(items, key=lambda one: (one.then_at, one.since))


def inbox_count(session: Session, staff_id: UUID, now: datetime) -> int:
    """Count what waits: the number beside the menu."""
    places = _places(session, staff_id)
    asked = {row.id for row, *_ in _open_questions(session, staff_id, places, now)}
    proposals = session.execute(_proposals(staff_id, places, now))
    return len(asked | {row.sponsorship_id for row in proposals})


def _places(session: Session, staff_id: UUID) -> list[UUID]:
    return [one.id for one in organisations_decided_by(session, staff_id)]


Question = tuple[SponsorshipView, str | None, str | None, str]


def _open_questions(
    session: Session, staff_id: UUID, places: list[UUID], now: datetime
) -> list[Question]:
    query = _with_guest().where(
        Sponsorship.organisation_id.in_(places),
        or_(awaiting(), _review_asked(staff_id, now)),
        not_(is_due(now)),
    )
    return [(sponsorship_view(values), *about) for values, *about in session.execute(query)]


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


def proposals_waiting(session: Session, staff_id: UUID, now: datetime) -> list[Waiting]:
    """Return which guests of an employee could get something as well, longest proposed first.

    Nothing happens if nobody decides: they go on without it. Whom time has taken out already is
    left out.
    """
    found: dict[UUID, Waiting] = {}
    rows = session.execute(_proposals(staff_id, _places(session, staff_id), now)).all()
    by_id = _sponsorships(session, {row.sponsorship_id for row in rows})
    for row in rows:
        earlier = found.get(row.sponsorship_id)
        name = f"{row.application}: {row.entitlement}"
        found[row.sponsorship_id] = (
            replace(earlier, proposed=(*earlier.proposed, name))
            if earlier
            else Waiting(
                kind=Kind.PROPOSAL,
                sponsorship=by_id[row.sponsorship_id],
                guest_name=row.guest_name,
                guest_email=row.email,
                organisation=row.organisation,
                proposed=(name,),
                since=row.proposed_at,
                then_at=None,
                then=None,
            )
        )
    return list(found.values())


def _proposals(staff_id: UUID, places: list[UUID], now: datetime) -> Select[*tuple[Any, ...]]:
    return (
        select(
            Grant.sponsorship_id,
            Grant.proposed_at,
            Guest.name.label("guest_name"),
            Guest.email,
            Organisation.name.label("organisation"),
            Application.name.label("application"),
            Entitlement.name.label("entitlement"),
        )
        .join(Sponsorship, Sponsorship.id == Grant.sponsorship_id)
        .join(Contract, Contract.id == Sponsorship.contract_id)
        .join(Guest, Guest.id == Grant.guest_id)
        .join(Organisation, Organisation.id == Guest.organisation_id)
        .join(Offer, Offer.id == Grant.offer_id)
        .join(Entitlement, Entitlement.id == Grant.entitlement_id)
        .join(Application, Application.id == Entitlement.application_id)
        .where(
            Sponsorship.sponsor_id == staff_id,
            Sponsorship.organisation_id.in_(places),
            Sponsorship.state == Standing.ACTIVE,
            Sponsorship.approve_by.is_(None),
            not_(is_due(now)),
            Grant.state == "proposed",
            Offer.withdrawn_at.is_(None),
        )
        .order_by(Grant.proposed_at, Grant.id)
    )


def _sponsorships(session: Session, ids: Iterable[UUID]) -> dict[UUID, SponsorshipView]:
    found: dict[UUID, SponsorshipView] = {}
    for some in parts(ids):
        query = sponsorships_with_names().where(Sponsorship.id.in_(some))
        found |= {one.id: one for one in map(sponsorship_view, session.scalars(query))}
    return found


def next_review(session: Session, staff_id: UUID, now: datetime) -> tuple[datetime, int] | None:
    """Return when an employee is asked next whether they still vouch, and for how many then.

    Counted are those due within thirty days of the first one.
    """
    query = select(Sponsorship.review_due_at).where(
        Sponsorship.sponsor_id == staff_id,
        Sponsorship.state == Standing.ACTIVE,
        Sponsorship.approve_by.is_(None),
        Sponsorship.review_due_at > now,
    )
    due = sorted(at for at in session.scalars(query) if at is not None)
    if not due:
        return None
    return due[0], sum((at - due[0]).days <= 30 for at in due)  # noqa: PLR2004 - a month


def knocking(session: Session, staff_id: UUID, now: datetime) -> list[GuestView]:
    """Return the removed people behind a tombstone who came back to the door, latest first."""
    query = select(Guest.id).where(*_knocks(_places(session, staff_id)))
    query = query.order_by(Guest.knocked_at.desc(), Guest.id)
    return views(session, list(session.scalars(query)), now)


def knocking_count(session: Session, staff_id: UUID) -> int:
    """Count who knocks: the number beside the menu."""
    query = select(func.count(Guest.id)).where(*_knocks(_places(session, staff_id)))
    return session.scalar(query) or 0


def _knocks(places: list[UUID]) -> tuple[ColumnElement[bool], ...]:
    return (
        Guest.organisation_id.in_(places),
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
    query = _with_guest().where(
        Sponsorship.decided_at.is_not(None), Sponsorship.decided_by == staff_id
    )
    if before is not None:
        at, key = before
        earlier = and_(Sponsorship.decided_at == at, Sponsorship.id < key)
        query = query.where(or_(Sponsorship.decided_at < at, earlier))
    query = query.order_by(Sponsorship.decided_at.desc(), Sponsorship.id.desc()).limit(limit)
    return [
        PastDecision(sponsorship_view(values), name, email, organisation)
        for values, name, email, organisation in session.execute(query)
    ]
