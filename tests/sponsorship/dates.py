"""Sponsorships and guests around one instant, for the tables of the rules."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from portal.guests.rules import REMOVED_AFTER, Reason, State
from portal.sponsorship.rules import GuestDates, OpenSponsorship, SponsorshipEnds, Standing

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)
END = NOW + 100 * DAY
ONE, TWO, THREE = (UUID(int=number) for number in (1, 2, 3))

REQUESTED = OpenSponsorship(
    id=ONE,
    state=Standing.REQUESTED,
    expires_at=NOW + 100 * DAY,
    lapses_at=NOW + 14 * DAY,
    approve_by=None,
    review_ends_at=None,
    contract_begins_at=NOW - 30 * DAY,
    contract_ends_at=NOW + 200 * DAY,
)
ACTIVE = replace(REQUESTED, state=Standing.ACTIVE, lapses_at=None)
AT_ONCE = replace(ACTIVE, approve_by=NOW + 7 * DAY)
REVIEWED = replace(ACTIVE, review_ends_at=NOW + 50 * DAY)
OPEN_ENDED = replace(ACTIVE, contract_ends_at=None)

PENDING = GuestDates(
    state=State.PENDING,
    reason=Reason.AWAITING_DECISION,
    since=NOW,
    hold=False,
    tombstone=False,
    inactive_at=None,
    removes_at=None,
)
IN = replace(PENDING, state=State.ACTIVE, reason=Reason.APPROVED, inactive_at=NOW + 60 * DAY)
OUT = replace(PENDING, state=State.SUSPENDED, reason=Reason.EXPIRED, removes_at=NOW + REMOVED_AFTER)
HELD = replace(OUT, reason=Reason.SUSPENDED_BY_STAFF, hold=True)
HELD_BY_ADMIN = replace(HELD, reason=Reason.SUSPENDED_BY_ADMIN)
GONE = replace(PENDING, state=State.REMOVED, reason=Reason.CONTRACT_ENDED)


def ends(key: UUID, reason: Reason, at: datetime) -> SponsorshipEnds:
    """The step in which a sponsorship ends."""
    return SponsorshipEnds(key, reason, at)
