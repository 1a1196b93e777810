"""What is settled once is settled: whatever sweeps ran, nobody is in on nothing."""

from dataclasses import replace

from hypothesis import given

from portal.guests.rules import State
from portal.sponsorship.rules import (
    due_steps,
    outlook,
    still_open,
)
from tests.sponsorship.dates import (
    ACTIVE,
    DAY,
    END,
    IN,
    NOW,
    TICK,
    TWO,
)
from tests.strategies import days, guests_with_sponsorships

SILENT = NOW + 60 * DAY


SECOND = replace(ACTIVE, id=TWO)


# Seen every day: only the sponsorships' own dates come.
AWAKE = replace(IN, inactive_at=NOW + 900 * DAY)


def test_still_open():
    """What has ended, or ends with the guest, is no longer open; the rest is, in its order."""
    longer = replace(SECOND, expires_at=END + DAY)
    assert still_open(AWAKE, (ACTIVE, longer), END - TICK) == (ACTIVE, longer)
    assert still_open(AWAKE, (ACTIVE, longer), END) == (longer,)
    assert still_open(IN, (ACTIVE, longer), SILENT) == ()


@given(guests_with_sponsorships(), days, days)
def test_a_sweep_in_between_changes_nothing(case, first, second):
    """Settling at one instant and then at a later one is settling at the later one."""
    guest, sponsorships = case
    early, late = min(first, second), max(first, second)
    before = due_steps(guest, sponsorships, early)
    then = due_steps(outlook(guest, sponsorships, early), still_open(*case, early), late)
    assert before + then == due_steps(guest, sponsorships, late)


@given(guests_with_sponsorships(), days)
def test_steps_bear_instants_in_order_and_leave_nothing_due(case, now):
    """No step lies in the future or before one that it follows; settled twice is settled once."""
    guest, sponsorships = case
    steps = due_steps(guest, sponsorships, now)
    instants = [step.at for step in steps]
    assert instants == sorted(instants)
    assert all(at <= now for at in instants)
    assert due_steps(outlook(guest, sponsorships, now), still_open(*case, now), now) == ()


@given(guests_with_sponsorships(), days)
def test_nobody_is_in_on_nothing(case, now):
    """Whoever is still in has an open sponsorship; whom time suspended or removed has none."""
    guest, sponsorships = case
    seen, left = outlook(guest, sponsorships, now), still_open(*case, now)
    if seen.state in (State.ACTIVE, State.PENDING):
        assert left
    elif not seen.hold:
        assert not left
