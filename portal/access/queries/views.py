"""Guests as people and scripts read them: who they are, who vouches, what they may use now.

A page of guests costs three statements, whatever their number; a guest's own page none that the
session of its request has not asked already.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, select
from sqlalchemy.orm import Session

from portal.access.queries.facts import Known, gather
from portal.access.rules import AccessDecision, access, usable
from portal.foundation.db import parts, table_of
from portal.foundation.packed import packed, packed_rows
from portal.guests.models import Guest
from portal.guests.rules import Reason, State
from portal.sponsorship.models import Sponsorship
from portal.sponsorship.queries import OPEN, GrantRow, grants_of, standing_grants_to
from portal.sponsorship.rules import (
    GuestDates,
    OpenSponsorship,
    Standing,
    end_of,
    is_live,
    still_open,
)
from portal.staff.models import Staff
from portal.trust.models import Contract

# What ``WHOLE_COLUMNS`` brings, not yet made anything of: sponsorships, newest first, and grants.
Whole = tuple[Sequence[Sequence[Any]], Sequence[Sequence[Any]]]


@dataclass(frozen=True)
class SponsorshipView:
    """A sponsorship with the names of who vouches and who decided, and its contract."""

    id: UUID
    guest_id: UUID
    state: Standing
    state_reason: Reason
    state_since: datetime
    sponsor_id: UUID
    sponsor: str
    sponsor_name: str
    contract_id: UUID
    contract: str
    time_zone: str
    contract_begins_at: datetime
    contract_ends_at: datetime | None
    last_day: date
    expires_at: datetime
    requested_at: datetime
    lapses_at: datetime | None
    at_once: bool
    approve_by: datetime | None
    decided_at: datetime | None
    decider_id: UUID | None
    decided_by: str | None
    decided_by_name: str | None
    decision_note: str | None
    review_ask_at: datetime | None
    review_due_at: datetime | None
    review_ends_at: datetime | None
    why: str | None
    works_with: str | None

    @cached_property
    def open(self) -> OpenSponsorship | None:
        """What the rules need of it, while it is requested or active."""
        if self.state not in OPEN:
            return None
        return OpenSponsorship(
            self.id,
            self.state,
            self.expires_at,
            self.lapses_at,
            self.approve_by,
            self.review_ends_at,
            self.contract_begins_at,
            self.contract_ends_at,
        )

    @property
    def awaits_decision(self) -> bool:
        """Say whether a sponsor must still decide: a request, or access given at once."""
        return self.state == Standing.REQUESTED or (
            self.state == Standing.ACTIVE and self.approve_by is not None
        )

    @cached_property
    def end(self) -> tuple[datetime, Reason]:
        """The first instant at which it no longer carries access, and why."""
        one = self.open
        return end_of(one) if one else (self.state_since, self.state_reason)

    @property
    def runs_until(self) -> datetime:
        """Until when a sponsor's word and the contract reach, whatever is still to be answered."""
        return min(filter(None, (self.expires_at, self.contract_ends_at)))

    def live(self, now: datetime) -> bool:
        """Say whether it carries access now."""
        one = self.open
        return one is not None and is_live(one, now)

    def as_dict(self) -> dict[str, Any]:
        """Return what scripts read of it."""
        return {name: getattr(self, name) for name in _SPONSORSHIP_KEYS}


_SPONSORSHIP_KEYS = (
    "id",
    "state",
    "state_reason",
    "sponsor",
    "sponsor_name",
    "contract",
    "last_day",
    "time_zone",
    "expires_at",
    "requested_at",
    "decided_at",
    "decided_by",
    "approve_by",
    "review_due_at",
    "review_ends_at",
    "at_once",
    "why",
    "works_with",
)


@dataclass(frozen=True, slots=True)
class GuestView:
    """A guest with everything that a list or a page says of one.

    Attributes:
        state: as the row has it; ``decision.standing`` is how the guest stands once everything
            due is settled.
        sponsorships: newest first.
        grants: proposed and active ones.
        usable: of the grants, what may be used now.
    """

    id: UUID
    organisation_id: UUID
    organisation: str
    organisation_name: str
    identity_provider: str
    identity_provider_name: str
    issuer: str
    subject: str
    email: str | None
    name: str | None
    profile: dict[str, str]
    email_aside: str | None
    aside_until: datetime | None
    state: State
    state_reason: Reason
    state_since: datetime
    state_note: str | None
    hold: bool
    tombstone: bool
    expires_at: datetime
    inactive_at: datetime | None
    lapses_at: datetime | None
    removes_at: datetime | None
    last_sign_in_at: datetime | None
    knocked_at: datetime | None
    created_at: datetime
    arrived_at: datetime
    terms_version: int
    sponsorships: tuple[SponsorshipView, ...]
    grants: tuple[GrantRow, ...]
    usable: tuple[GrantRow, ...]
    decision: AccessDecision

    @property
    def display_name(self) -> str:
        """How people call the guest: by name, else by address."""
        return self.name or self.email or "somebody without a name"

    @property
    def live(self) -> SponsorshipView | None:
        """The active sponsorship that lasts longest, or none."""
        active = [one for one in self.sponsorships if one.state == Standing.ACTIVE]
        return max(active, key=lambda one: (one.end[0], one.requested_at), default=None)

    @property
    def leading(self) -> SponsorshipView | None:
        """The active sponsorship that lasts longest, else the latest one."""
        return self.live or next(iter(self.sponsorships), None)

    def carried_beside(self, one: SponsorshipView, at: datetime) -> bool:
        """Say whether another word carries access at an instant, when this one may end."""
        return any(other.id != one.id and other.live(at) for other in self.sponsorships)

    def stays_without(self, one: SponsorshipView, now: datetime) -> bool:
        """Say whether the guest stays one if this sponsorship is ended now: another one stands.

        What is over by now, settled or not, vouches for nobody.
        """
        dates = GuestDates(
            self.state,
            self.state_reason,
            self.state_since,
            self.hold,
            self.tombstone,
            self.inactive_at,
            self.removes_at,
        )
        standing = [row.open for row in self.sponsorships if row.open is not None]
        return any(other.id != one.id for other in still_open(dates, standing, now))

    @property
    def review_due_at(self) -> datetime | None:
        """When a sponsor must say next that they still vouch."""
        due = [
            one.review_due_at
            for one in self.sponsorships
            if one.state == Standing.ACTIVE and one.review_due_at is not None
        ]
        return min(due, default=None)

    @property
    def entitlements(self) -> list[str]:
        """Codes (``application/entitlement``) of what may be used now."""
        return sorted({grant.code for grant in self.usable})

    def as_dict(self) -> dict[str, Any]:
        """Return what ``guest list --json`` says of a guest; the keys are stable."""
        leading = self.leading
        return {name: getattr(self, name) for name in _GUEST_KEYS} | {
            "sponsor": leading.sponsor if leading else None,
            "sponsorships": [one.as_dict() for one in self.sponsorships],
            "access": self.decision.allowed,
            "access_reasons": list(self.decision.reasons),
            "until": self.decision.until,
            "entitlements": self.entitlements,
        }


_GUEST_KEYS = (
    "id",
    "organisation",
    "organisation_name",
    "identity_provider",
    "issuer",
    "subject",
    "email",
    "name",
    "state",
    "state_reason",
    "state_since",
    "state_note",
    "hold",
    "tombstone",
    "expires_at",
    "review_due_at",
    "last_sign_in_at",
    "created_at",
    "inactive_at",
    "lapses_at",
    "removes_at",
)


def views(session: Session, guest_ids: Sequence[UUID], now: datetime) -> list[GuestView]:
    """Return guests in the order of their ids given; an id that nobody has is left out."""
    if not guest_ids:
        return []
    known = gather(session, guest_ids)
    return _views(session, [known[one] for one in guest_ids if one in known], now)


def guest_view(session: Session, guest_id: UUID, now: datetime) -> GuestView | None:
    """Return one guest, or nothing."""
    return next(iter(views(session, [guest_id], now)), None)


def view_of(known: Known, whole: Whole, decision: AccessDecision, now: datetime) -> GuestView:
    """Return a guest of whom everything is read already, and decided on: the one who asks."""
    sponsorships, grants = whole
    return _view(
        known,
        map(sponsorship_view, sponsorships),
        [GrantRow(*one) for one in grants],
        decision,
        now,
    )


def _views(session: Session, guests: Sequence[Known], now: datetime) -> list[GuestView]:
    ids = [known.guest_id for known in guests]
    sponsorships = sponsorships_of(session, ids)
    grants: dict[UUID, list[GrantRow]] = {}
    for grant in grants_of(session, ids):
        grants.setdefault(grant.guest_id, []).append(grant)
    return [
        _view(
            known,
            sponsorships.get(known.guest_id, ()),
            grants.get(known.guest_id, ()),
            access(known.facts, now),
            now,
        )
        for known in guests
    ]


def _view(
    known: Known,
    sponsorships: Iterable[SponsorshipView],
    grants: Iterable[GrantRow],
    decision: AccessDecision,
    now: datetime,
) -> GuestView:
    held = tuple(grants)
    return GuestView(
        **known.columns,
        sponsorships=tuple(sponsorships),
        grants=held,
        usable=usable(decision, held, known.facts.sponsorships, now),
        decision=decision,
    )


def sponsorships_of(
    session: Session, guest_ids: Iterable[UUID]
) -> dict[UUID, list[SponsorshipView]]:
    """Return all sponsorships of each guest, newest first."""
    found: dict[UUID, list[SponsorshipView]] = {}
    for ids in parts(guest_ids):
        for values in session.scalars(_OF_GUESTS, {"guests": ids}):
            one = sponsorship_view(values)
            found.setdefault(one.guest_id, []).append(one)
    return found


_SPONSORSHIP_FIELDS = tuple(SponsorshipView.__dataclass_fields__)
_SPONSORSHIP, _CONTRACT, _STAFF = table_of(Sponsorship), table_of(Contract), table_of(Staff)
_GUEST = table_of(Guest)
_DECIDER = _STAFF.alias("decider")
_JOINED: dict[str, ColumnElement[Any]] = {
    "sponsor": _STAFF.c.email,
    "sponsor_name": _STAFF.c.name,
    "contract": _CONTRACT.c.reference,
    "time_zone": _CONTRACT.c.time_zone,
    "contract_begins_at": _CONTRACT.c.begins_at,
    "contract_ends_at": _CONTRACT.c.ends_at,
    "decider_id": _SPONSORSHIP.c.decided_by,
    "decided_by": _DECIDER.c.email,
    "decided_by_name": _DECIDER.c.name,
}
_COLUMNS = {
    name: _JOINED[name] if name in _JOINED else _SPONSORSHIP.c[name] for name in _SPONSORSHIP_FIELDS
}
_FROM = (
    _SPONSORSHIP.join(_STAFF, _STAFF.c.id == _SPONSORSHIP.c.sponsor_id)
    .join(_CONTRACT, _CONTRACT.c.id == _SPONSORSHIP.c.contract_id)
    .outerjoin(_DECIDER, _DECIDER.c.id == _SPONSORSHIP.c.decided_by)
)
_NEWEST_FIRST = (_SPONSORSHIP.c.requested_at.desc(), _SPONSORSHIP.c.id.desc())
_SPONSORSHIPS = select(packed(*_COLUMNS.values()).label("sponsorship")).select_from(_FROM)
_OF_GUESTS = _SPONSORSHIPS.where(
    _SPONSORSHIP.c.guest_id.in_(bindparam("guests", expanding=True))
).order_by(*_NEWEST_FIRST)

# Beside the facts of one guest, what else its own pages show: with them it is one statement.
WHOLE_COLUMNS: tuple[ColumnElement[Any], ...] = (
    packed_rows(
        select(*(column.label(name) for name, column in _COLUMNS.items()))
        .select_from(_FROM)
        .where(_SPONSORSHIP.c.guest_id == _GUEST.c.id)
        .order_by(*_NEWEST_FIRST)
        .correlate(_GUEST)
    ),
    packed_rows(standing_grants_to(_GUEST.c.id).correlate(_GUEST)),
)


def sponsorships_with_names() -> Select[*tuple[Any, ...]]:
    """Return the statement whose first column ``sponsorship_view`` reads; the rest is added."""
    return _SPONSORSHIPS


def sponsorship_view(read: Sequence[Any]) -> SponsorshipView:
    """Return what ``sponsorships_with_names`` read as a ``SponsorshipView``."""
    values = dict(zip(_SPONSORSHIP_FIELDS, read, strict=True))
    values["state"] = Standing(values["state"])
    values["state_reason"] = Reason(values["state_reason"])
    return SponsorshipView(**values)
