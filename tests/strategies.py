"""Hypothesis strategies for what the pure decisions take."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import strategies as st

from portal.guests.rules import REMOVED_AFTER, Reason, State
from portal.sponsorship.rules import GuestDates, OpenSponsorship, Standing

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

# Whole days, few of them: what falls on the same instant is where orders go wrong.
days = st.integers(-20, 60).map(lambda number: START + timedelta(days=number))
HOLDS = (Reason.SUSPENDED_BY_STAFF, Reason.SUSPENDED_BY_ADMIN)
maybe_days = st.none() | days


@st.composite
def open_sponsorships(draw: st.DrawFn, number: int, states: st.SearchStrategy[Standing]):
    """A requested or active sponsorship with dates before and after each other."""
    state = draw(states)
    requested = state == Standing.REQUESTED
    return OpenSponsorship(
        id=UUID(int=number),
        state=state,
        expires_at=draw(days),
        lapses_at=draw(days) if requested else None,
        approve_by=None if requested else draw(maybe_days),
        review_ends_at=None if requested else draw(maybe_days),
        contract_begins_at=START - timedelta(days=90),
        contract_ends_at=draw(maybe_days),
    )


@st.composite
def guests_with_sponsorships(draw: st.DrawFn) -> tuple[GuestDates, tuple[OpenSponsorship, ...]]:
    """A guest as the state machines allow it, with what is open."""
    state = draw(st.sampled_from(State))
    hold = state == State.SUSPENDED and draw(st.booleans())
    since = draw(days)
    guest = GuestDates(
        state=state,
        reason=draw(st.sampled_from(HOLDS if hold else Reason)),
        since=since,
        hold=hold,
        tombstone=state == State.REMOVED and draw(st.booleans()),
        inactive_at=draw(days) if state == State.ACTIVE else None,
        removes_at=since + REMOVED_AFTER if state == State.SUSPENDED else None,
    )
    if state == State.PENDING:
        count, states = 1, st.just(Standing.REQUESTED)
    elif state == State.ACTIVE:
        count, states = draw(st.integers(1, 3)), st.just(Standing.ACTIVE)
    else:
        count, states = draw(st.integers(0, 3)) if hold else 0, st.just(Standing.ACTIVE)
    found = tuple(draw(open_sponsorships(number, states)) for number in range(count))
    return guest, found
