"""Access: what a guest may do now, until when, and every reason against it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar
from uuid import UUID

from portal.guests.rules import Reason, State
from portal.sponsorship.rules import (
    GuestDates,
    OpenSponsorship,
    course,
    end_of,
    is_live,
)


class Against(StrEnum):
    """What stands against access."""

    PENDING = "pending"
    SUSPENDED = "suspended"
    REMOVED = "removed"
    NO_SPONSORSHIP = "no_sponsorship"
    INACTIVE = "inactive"
    ORGANISATION_SUSPENDED = "organisation_suspended"
    IDENTITY_PROVIDER_DISABLED = "identity_provider_disabled"
    TERMS = "terms"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class AccessFacts:
    """What the rows say."""

    guest: GuestDates
    sponsorships: tuple[OpenSponsorship, ...]
    organisation_active: bool
    identity_provider_enabled: bool
    terms_accepted: int
    terms_current: int
    aside_until: datetime | None


@dataclass(frozen=True, slots=True)
class AccessDecision:
    """Whether a guest has access, every reason against it, and until when it lasts.

    Attributes:
        allowed: access now.
        reasons: everything that stands against it; empty when allowed.
        until: the first instant without access if nobody does anything; null without access.
        standing: how the guest stands once everything due is settled.
    """

    allowed: bool
    reasons: tuple[Against, ...]
    until: datetime | None
    standing: GuestDates


def access(facts: AccessFacts, now: datetime) -> AccessDecision:
    """Decide access from rows and the clock; no job needs to have run.

    Args:
        facts: read in one query.
        now: the policy clock, aware.
    """
    # Settled or not, the reasons are the same: whom time suspended, nobody vouches for any more.
    _, standing, left = course(facts.guest, facts.sponsorships, now)
    live = [one for one in left if is_live(one, now)]
    checks = {
        Against.PENDING: standing.state != State.PENDING,
        Against.SUSPENDED: standing.state != State.SUSPENDED,
        Against.REMOVED: standing.state != State.REMOVED,
        Against.NO_SPONSORSHIP: bool(live),
        Against.INACTIVE: (standing.state, standing.reason) != (State.SUSPENDED, Reason.INACTIVE),
        Against.ORGANISATION_SUSPENDED: facts.organisation_active,
        Against.IDENTITY_PROVIDER_DISABLED: facts.identity_provider_enabled,
        Against.TERMS: facts.terms_accepted >= facts.terms_current,
        Against.ADDRESS: facts.aside_until is None or now < facts.aside_until,
    }
    reasons = tuple(reason for reason, holds in checks.items() if not holds)
    until = None if reasons else _until(facts, live)
    return AccessDecision(not reasons, reasons, until, standing)


def _until(facts: AccessFacts, live: list[OpenSponsorship]) -> datetime:
    ends = [max(end_of(one)[0] for one in live)]
    ends += [end for end in (facts.guest.inactive_at, facts.aside_until) if end is not None]
    return min(ends)


class Held(Protocol):
    """What the decision needs to know of a grant."""

    @property
    def sponsorship_id(self) -> UUID:
        """Under which it stands."""

    @property
    def state(self) -> str:
        """Proposed, active or ended."""

    @property
    def offer_withdrawn_at(self) -> datetime | None:
        """Since when its offer no longer stands."""


Grant = TypeVar("Grant", bound=Held)


def usable(
    decision: AccessDecision,
    grants: Iterable[Grant],
    sponsorships: Iterable[OpenSponsorship],
    now: datetime,
) -> tuple[Grant, ...]:
    """Return the grants that may be used now: each needs its own live sponsorship and its offer.

    Args:
        decision: on the guest's access as a whole.
        grants: of that guest, whatever their state.
        sponsorships: the guest's open ones.
        now: the policy clock, aware.
    """
    if not decision.allowed:
        return ()
    live = {one.id for one in sponsorships if is_live(one, now)}
    return tuple(
        grant
        for grant in grants
        if grant.state == "active"
        and grant.sponsorship_id in live
        and (grant.offer_withdrawn_at is None or now < grant.offer_withdrawn_at)
    )
