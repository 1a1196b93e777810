"""What a sponsorship's dates mean: tables at the very instant, and what holds for all of them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.guests.rules import REMOVED_AFTER, Reason, State
from portal.sponsorship.rules import (
    Bound,
    Candidate,
    GuestDates,
    GuestMoves,
    IllegalStep,
    Latest,
    OpenSponsorship,
    Review,
    SponsorshipEnds,
    Standing,
    due_steps,
    end_of,
    expiry_of,
    is_live,
    latest_expiry,
    latest_last_day,
    local_day,
    outlook,
    require_step,
    review_after,
    review_when_moved,
    still_open,
    who_is_asked,
)
from portal.trust.rules import FIRST_DEFAULTS, ContractFacts, effective
from tests.strategies import days, guests_with_sponsorships

param = pytest.param

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)
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
GONE = replace(PENDING, state=State.REMOVED, reason=Reason.CONTRACT_ENDED)


@pytest.mark.parametrize(
    ("sponsorship", "expected"),
    [
        param(ACTIVE, (NOW + 100 * DAY, Reason.EXPIRED), id="last day"),
        param(OPEN_ENDED, (NOW + 100 * DAY, Reason.EXPIRED), id="open-ended contract"),
        param(
            replace(ACTIVE, contract_ends_at=NOW + 99 * DAY),
            (NOW + 99 * DAY, Reason.CONTRACT_ENDED),
            id="contract moved to an earlier day",
        ),
        param(
            replace(ACTIVE, contract_ends_at=NOW + 100 * DAY),
            (NOW + 100 * DAY, Reason.CONTRACT_ENDED),
            id="contract and last day together: the contract removes",
        ),
        param(
            replace(ACTIVE, contract_ends_at=NOW + 100 * DAY + TICK),
            (NOW + 100 * DAY, Reason.EXPIRED),
            id="last day a moment before the contract",
        ),
        param(REVIEWED, (NOW + 50 * DAY, Reason.REVIEW_MISSED), id="review unanswered"),
        param(
            replace(REVIEWED, review_ends_at=NOW + 100 * DAY),
            (NOW + 100 * DAY, Reason.EXPIRED),
            id="review and last day together",
        ),
        param(
            replace(REVIEWED, review_ends_at=NOW + 100 * DAY - TICK),
            (NOW + 100 * DAY - TICK, Reason.REVIEW_MISSED),
            id="review a moment before the last day",
        ),
        param(AT_ONCE, (NOW + 7 * DAY, Reason.NOT_APPROVED), id="never approved"),
        param(
            replace(AT_ONCE, review_ends_at=NOW + 7 * DAY),
            (NOW + 7 * DAY, Reason.REVIEW_MISSED),
            id="review and approval together",
        ),
        param(
            replace(AT_ONCE, contract_ends_at=NOW + 7 * DAY),
            (NOW + 7 * DAY, Reason.CONTRACT_ENDED),
            id="contract and approval together",
        ),
        param(REQUESTED, (NOW + 14 * DAY, Reason.LAPSED), id="nobody decides"),
        param(
            replace(REQUESTED, expires_at=NOW + 14 * DAY),
            (NOW + 14 * DAY, Reason.EXPIRED),
            id="request and last day together",
        ),
        param(
            replace(REQUESTED, contract_ends_at=NOW + 13 * DAY),
            (NOW + 13 * DAY, Reason.CONTRACT_ENDED),
            id="contract ends while somebody waits",
        ),
        param(
            replace(REQUESTED, lapses_at=None),
            (NOW + 100 * DAY, Reason.EXPIRED),
            id="a request without a date to lapse",
        ),
        param(
            replace(REQUESTED, review_ends_at=NOW + DAY, approve_by=NOW + DAY),
            (NOW + 14 * DAY, Reason.LAPSED),
            id="what only an active one has does not end a request",
        ),
        param(
            replace(ACTIVE, lapses_at=NOW + DAY),
            (NOW + 100 * DAY, Reason.EXPIRED),
            id="what only a request has does not end an active one",
        ),
        param(
            replace(AT_ONCE, review_ends_at=NOW + 6 * DAY, contract_ends_at=NOW + 5 * DAY),
            (NOW + 5 * DAY, Reason.CONTRACT_ENDED),
            id="all of them: the first",
        ),
    ],
)
def test_end_of(sponsorship, expected):
    """The earliest date ends it; within an instant what removes is not hidden by what suspends."""
    assert end_of(sponsorship) == expected


@pytest.mark.parametrize(
    ("sponsorship", "now", "expected"),
    [
        param(ACTIVE, NOW, True, id="in between"),
        param(ACTIVE, NOW + 100 * DAY - TICK, True, id="last moment of the last day"),
        param(ACTIVE, NOW + 100 * DAY, False, id="first moment after it"),
        param(ACTIVE, NOW - 30 * DAY, True, id="the contract begins"),
        param(ACTIVE, NOW - 30 * DAY - TICK, False, id="the contract has not begun"),
        param(REQUESTED, NOW, False, id="a request carries nothing"),
        param(AT_ONCE, NOW + 7 * DAY - TICK, True, id="at once, last moment"),
        param(AT_ONCE, NOW + 7 * DAY, False, id="at once, not approved"),
        param(OPEN_ENDED, NOW + 99 * DAY, True, id="open-ended contract"),
    ],
)
def test_is_live(sponsorship, now, expected):
    """It carries access from the contract's begin until the first of its ends."""
    assert is_live(sponsorship, now) is expected


R, A, J, E = Standing.REQUESTED, Standing.ACTIVE, Standing.REJECTED, Standing.ENDED
LEGAL_STEPS = {(R, R), (R, A), (R, J), (R, E), (A, A), (A, J), (A, E)}


@pytest.mark.parametrize("current", Standing)
@pytest.mark.parametrize("wanted", Standing)
def test_only_these_steps_are_legal(current, wanted):
    """What is rejected or ended stays so; nothing becomes a request again."""
    if (current, wanted) in LEGAL_STEPS:
        require_step(current, wanted)
        return
    with pytest.raises(IllegalStep) as refused:
        require_step(current, wanted)
    assert str(refused.value) == f"a sponsorship that is {current} cannot become {wanted}"


def ends(key: UUID, reason: Reason, at: datetime) -> SponsorshipEnds:
    return SponsorshipEnds(key, reason, at)


def moves(state: State, reason: Reason, at: datetime, *, tombstone: bool = False) -> GuestMoves:
    return GuestMoves(state, reason, at, tombstone)


SUSPENDED, REMOVED = State.SUSPENDED, State.REMOVED
END = NOW + 100 * DAY
SILENT = NOW + 60 * DAY
SECOND = replace(ACTIVE, id=TWO)
# Seen every day: only the sponsorships' own dates come.
AWAKE = replace(IN, inactive_at=NOW + 900 * DAY)


@pytest.mark.parametrize(
    ("guest", "sponsorships", "now", "expected"),
    [
        param(IN, (ACTIVE,), NOW, (), id="nothing is due"),
        param(AWAKE, (ACTIVE,), END - TICK, (), id="a moment before the last day is over"),
        param(
            AWAKE,
            (ACTIVE,),
            END,
            (ends(ONE, Reason.EXPIRED, END), moves(SUSPENDED, Reason.EXPIRED, END)),
            id="last day over",
        ),
        param(
            AWAKE,
            (ACTIVE, SECOND),
            END,
            (
                ends(ONE, Reason.EXPIRED, END),
                ends(TWO, Reason.EXPIRED, END),
                moves(SUSPENDED, Reason.EXPIRED, END),
            ),
            id="two end together, in the order of their ids",
        ),
        param(
            AWAKE,
            (SECOND, replace(ACTIVE, expires_at=END - DAY)),
            END - DAY,
            (ends(ONE, Reason.EXPIRED, END - DAY),),
            id="another one still carries the guest",
        ),
        param(
            AWAKE,
            (replace(SECOND, expires_at=END + DAY), ACTIVE),
            END + 2 * DAY,
            (
                ends(ONE, Reason.EXPIRED, END),
                ends(TWO, Reason.EXPIRED, END + DAY),
                moves(SUSPENDED, Reason.EXPIRED, END + DAY),
            ),
            id="the last one counts",
        ),
        param(IN, (ACTIVE,), SILENT - TICK, (), id="a moment before silence counts"),
        param(
            IN,
            (SECOND, ACTIVE),
            SILENT,
            (
                ends(ONE, Reason.INACTIVE, SILENT),
                ends(TWO, Reason.INACTIVE, SILENT),
                moves(SUSPENDED, Reason.INACTIVE, SILENT),
            ),
            id="silent: every sponsorship ends with it",
        ),
        param(
            replace(IN, inactive_at=END),
            (ACTIVE,),
            END,
            (ends(ONE, Reason.EXPIRED, END), moves(SUSPENDED, Reason.EXPIRED, END)),
            id="silent at the instant of the last end: the end counts",
        ),
        param(
            replace(IN, inactive_at=END),
            (ACTIVE, replace(SECOND, expires_at=END + DAY)),
            END,
            (
                ends(ONE, Reason.EXPIRED, END),
                ends(TWO, Reason.INACTIVE, END),
                moves(SUSPENDED, Reason.INACTIVE, END),
            ),
            id="silent at the instant of the first of two ends",
        ),
        param(
            AWAKE,
            (ACTIVE,),
            END + REMOVED_AFTER - TICK,
            (ends(ONE, Reason.EXPIRED, END), moves(SUSPENDED, Reason.EXPIRED, END)),
            id="a moment before suspended for too long",
        ),
        param(
            AWAKE,
            (ACTIVE,),
            END + REMOVED_AFTER,
            (
                ends(ONE, Reason.EXPIRED, END),
                moves(SUSPENDED, Reason.EXPIRED, END),
                moves(REMOVED, Reason.SUSPENDED_TOO_LONG, END + REMOVED_AFTER),
            ),
            id="nobody swept for a month",
        ),
        param(OUT, (), NOW + REMOVED_AFTER - TICK, (), id="suspended, last moment"),
        param(
            OUT,
            (),
            NOW + REMOVED_AFTER,
            (moves(REMOVED, Reason.SUSPENDED_TOO_LONG, NOW + REMOVED_AFTER),),
            id="suspended for too long by time: no tombstone",
        ),
        param(
            HELD,
            (ACTIVE, SECOND),
            NOW + REMOVED_AFTER,
            (
                ends(ONE, Reason.SUSPENDED_TOO_LONG, NOW + REMOVED_AFTER),
                ends(TWO, Reason.SUSPENDED_TOO_LONG, NOW + REMOVED_AFTER),
                moves(REMOVED, Reason.SUSPENDED_TOO_LONG, NOW + REMOVED_AFTER, tombstone=True),
            ),
            id="held for too long: a tombstone",
        ),
        param(
            HELD,
            (replace(ACTIVE, expires_at=NOW + DAY),),
            NOW + 2 * DAY,
            (ends(ONE, Reason.EXPIRED, NOW + DAY),),
            id="held: what runs out runs out, the guest stays as it is",
        ),
        param(
            HELD,
            (replace(ACTIVE, contract_ends_at=NOW + DAY),),
            NOW + DAY,
            (
                ends(ONE, Reason.CONTRACT_ENDED, NOW + DAY),
                moves(REMOVED, Reason.CONTRACT_ENDED, NOW + DAY, tombstone=True),
            ),
            id="held while the contract ends",
        ),
        param(
            HELD,
            (replace(ACTIVE, contract_ends_at=NOW + REMOVED_AFTER),),
            NOW + REMOVED_AFTER,
            (
                ends(ONE, Reason.CONTRACT_ENDED, NOW + REMOVED_AFTER),
                moves(REMOVED, Reason.CONTRACT_ENDED, NOW + REMOVED_AFTER, tombstone=True),
            ),
            id="held for too long at the instant of the contract's end",
        ),
        param(
            AWAKE,
            (replace(ACTIVE, contract_ends_at=END),),
            END,
            (
                ends(ONE, Reason.CONTRACT_ENDED, END),
                moves(REMOVED, Reason.CONTRACT_ENDED, END),
            ),
            id="the contract ends: removed at once, no tombstone",
        ),
        param(
            AWAKE,
            (replace(ACTIVE, contract_ends_at=END), replace(SECOND, contract_ends_at=None)),
            END,
            (
                ends(TWO, Reason.EXPIRED, END),
                ends(ONE, Reason.CONTRACT_ENDED, END),
                moves(REMOVED, Reason.CONTRACT_ENDED, END),
            ),
            id="the contract ends last within an instant",
        ),
        param(
            AWAKE,
            (replace(ACTIVE, contract_ends_at=END - DAY), SECOND),
            END - DAY,
            (ends(ONE, Reason.CONTRACT_ENDED, END - DAY),),
            id="another contract carries the guest",
        ),
        param(
            AWAKE,
            (replace(ACTIVE, contract_ends_at=END - DAY), SECOND),
            END,
            (
                ends(ONE, Reason.CONTRACT_ENDED, END - DAY),
                ends(TWO, Reason.EXPIRED, END),
                moves(SUSPENDED, Reason.EXPIRED, END),
            ),
            id="what the contract did not carry alone is suspended",
        ),
        param(
            AWAKE,
            (REVIEWED,),
            NOW + 50 * DAY,
            (
                ends(ONE, Reason.REVIEW_MISSED, NOW + 50 * DAY),
                moves(SUSPENDED, Reason.REVIEW_MISSED, NOW + 50 * DAY),
            ),
            id="review missed",
        ),
        param(
            replace(AWAKE, reason=Reason.AT_ONCE),
            (AT_ONCE,),
            NOW + 7 * DAY,
            (
                ends(ONE, Reason.NOT_APPROVED, NOW + 7 * DAY),
                moves(SUSPENDED, Reason.NOT_APPROVED, NOW + 7 * DAY),
            ),
            id="at once, never approved",
        ),
        param(PENDING, (REQUESTED,), NOW + 14 * DAY - TICK, (), id="waits, last moment"),
        param(
            PENDING,
            (REQUESTED,),
            NOW + 14 * DAY,
            (
                ends(ONE, Reason.LAPSED, NOW + 14 * DAY),
                moves(REMOVED, Reason.LAPSED, NOW + 14 * DAY),
            ),
            id="nobody decided: gone, may come again",
        ),
        param(
            PENDING,
            (replace(REQUESTED, expires_at=NOW + DAY),),
            NOW + DAY,
            (
                ends(ONE, Reason.EXPIRED, NOW + DAY),
                moves(REMOVED, Reason.EXPIRED, NOW + DAY),
            ),
            id="the longest stay is shorter than the wait",
        ),
        param(GONE, (), NOW + 900 * DAY, (), id="removed for good"),
        param(GONE, (ACTIVE,), END, (ends(ONE, Reason.EXPIRED, END),), id="removed, a left-over"),
        param(
            replace(GONE, inactive_at=NOW, removes_at=NOW), (), NOW, (), id="dates of the removed"
        ),
        param(replace(IN, inactive_at=None), (), END, (), id="in without a date of silence"),
        param(replace(OUT, removes_at=None), (), END, (), id="suspended without a date"),
        param(replace(IN, removes_at=NOW), (ACTIVE,), NOW, (), id="in: no date of removal counts"),
        param(replace(OUT, inactive_at=NOW), (), NOW, (), id="out: no date of silence counts"),
    ],
)
def test_due_steps(guest, sponsorships, now, expected):
    """Everything that fell due, in order, each at its own instant."""
    assert due_steps(guest, sponsorships, now) == expected


@pytest.mark.parametrize(
    ("guest", "sponsorships", "now", "expected"),
    [
        param(IN, (ACTIVE,), NOW, IN, id="as it is"),
        param(
            AWAKE,
            (ACTIVE,),
            END,
            replace(
                AWAKE,
                state=SUSPENDED,
                reason=Reason.EXPIRED,
                since=END,
                inactive_at=None,
                removes_at=END + REMOVED_AFTER,
            ),
            id="suspended for thirty days",
        ),
        param(
            HELD,
            (),
            NOW + REMOVED_AFTER,
            replace(
                HELD,
                state=REMOVED,
                reason=Reason.SUSPENDED_TOO_LONG,
                since=NOW + REMOVED_AFTER,
                hold=False,
                tombstone=True,
                removes_at=None,
            ),
            id="a hold becomes a tombstone",
        ),
    ],
)
def test_outlook(guest, sponsorships, now, expected):
    """How the guest will stand is known before any sweep."""
    assert outlook(guest, sponsorships, now) == expected


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


@pytest.mark.parametrize(
    ("expiries", "ended", "expected"),
    [
        param({}, [], None, id="nothing was open"),
        param({ONE: END, TWO: END + DAY}, [], END + DAY, id="the latest"),
        param(
            {ONE: END + DAY, TWO: END}, [ends(ONE, Reason.REVIEW_MISSED, NOW)], END, id="one left"
        ),
        param(
            {ONE: END + DAY, TWO: END},
            [ends(ONE, Reason.REVIEW_MISSED, NOW), ends(TWO, Reason.EXPIRED, END)],
            END,
            id="none left: what the last one had",
        ),
        param(
            {ONE: END + DAY, TWO: END, THREE: END - DAY},
            [ends(key, Reason.INACTIVE, NOW) for key in (ONE, TWO, THREE)],
            END + DAY,
            id="all together: the latest of them",
        ),
    ],
)
def test_latest_expiry(expiries, ended, expected):
    """A guest's end is the latest of what is open, or of what was open last."""
    assert latest_expiry(expiries, ended) == expected


@given(guests_with_sponsorships(), days, days)
def test_a_sweep_in_between_reckons_the_same_end(case, first, second):
    """Whatever ended in an earlier sweep, the guest's end comes out the same."""
    guest, sponsorships = case
    early, late = min(first, second), max(first, second)

    def ending(steps):
        return [step for step in steps if isinstance(step, SponsorshipEnds)]

    at_once = ending(due_steps(guest, sponsorships, late))
    expiries = {one.id: one.expires_at for one in sponsorships}
    before = ending(due_steps(guest, sponsorships, early))
    left = {one.id: one.expires_at for one in still_open(*case, early)}
    then = [step for step in at_once if step not in before]
    swept = latest_expiry(left, then) if left else latest_expiry(expiries, before)
    assert swept == latest_expiry(expiries, at_once)


# -- how far a sponsor may go ---------------------------------------------------------------------

POLICY = effective(FIRST_DEFAULTS, None)
CONTRACT = ContractFacts(
    id=ONE,
    reference="C-1",
    begins_at=datetime(2025, 12, 31, 23, tzinfo=UTC),
    ends_at=datetime(2027, 3, 28, 22, tzinfo=UTC),
    last_day=date(2027, 3, 28),
    time_zone="Europe/Berlin",
)


@pytest.mark.parametrize(
    ("contract", "longest", "now", "expected"),
    [
        param(
            CONTRACT,
            365,
            NOW,
            Latest(date(2027, 3, 2), Bound.LONGEST, "Europe/Berlin"),
            id="the policy bounds",
        ),
        param(
            replace(CONTRACT, last_day=date(2027, 3, 1)),
            365,
            NOW,
            Latest(date(2027, 3, 1), Bound.CONTRACT, "Europe/Berlin"),
            id="the contract bounds",
        ),
        param(
            replace(CONTRACT, last_day=date(2027, 3, 2)),
            365,
            NOW,
            Latest(date(2027, 3, 2), Bound.CONTRACT, "Europe/Berlin"),
            id="both the same day: the contract is named",
        ),
        param(
            replace(CONTRACT, last_day=None, ends_at=None),
            30,
            NOW,
            Latest(date(2026, 4, 1), Bound.LONGEST, "Europe/Berlin"),
            id="open-ended",
        ),
        param(
            replace(CONTRACT, time_zone="Pacific/Auckland"),
            1,
            datetime(2026, 3, 2, 11, 30, tzinfo=UTC),
            Latest(date(2026, 3, 4), Bound.LONGEST, "Pacific/Auckland"),
            id="today is tomorrow there",
        ),
    ],
)
def test_latest_last_day(contract, longest, now, expected):
    """A last day is bounded by the contract and the policy, counted from today there."""
    assert latest_last_day(replace(POLICY, longest_days=longest), contract, now) == expected


@pytest.mark.parametrize(
    ("now", "zone", "expected"),
    [
        (datetime(2026, 3, 2, 22, 59, tzinfo=UTC), "Europe/Berlin", date(2026, 3, 2)),
        (datetime(2026, 3, 2, 23, 0, tzinfo=UTC), "Europe/Berlin", date(2026, 3, 3)),
        (datetime(2026, 3, 2, 4, 59, tzinfo=UTC), "America/New_York", date(2026, 3, 1)),
    ],
)
def test_local_day(now, zone, expected):
    """A day begins at midnight there."""
    assert local_day(now, zone) == expected


@pytest.mark.parametrize(
    ("last_day", "contract", "expected"),
    [
        param(
            date(2027, 3, 27),
            CONTRACT,
            datetime(2027, 3, 27, 23, tzinfo=UTC),
            id="midnight in winter time",
        ),
        param(
            date(2027, 3, 28),
            CONTRACT,
            datetime(2027, 3, 28, 22, tzinfo=UTC),
            id="J13: a last day of 23 hours",
        ),
        param(
            date(2027, 6, 1), CONTRACT, datetime(2027, 3, 28, 22, tzinfo=UTC), id="never past it"
        ),
        param(
            date(2027, 6, 1),
            replace(CONTRACT, ends_at=None, last_day=None),
            datetime(2027, 6, 1, 22, tzinfo=UTC),
            id="open-ended",
        ),
        param(
            date(2027, 3, 28),
            replace(CONTRACT, ends_at=datetime(2027, 3, 28, 12, tzinfo=UTC)),
            datetime(2027, 3, 28, 12, tzinfo=UTC),
            id="a contract that was ended in the course of a day",
        ),
    ],
)
def test_expiry_of(last_day, contract, expected):
    """A last day ends at midnight in the contract's zone, never past the contract."""
    assert expiry_of(last_day, contract) == expected


DUE = NOW + 90 * DAY


@pytest.mark.parametrize(
    ("review_days", "grace_days", "expires_at", "expected"),
    [
        param(90, 14, END, Review(DUE - 14 * DAY, DUE, DUE + 14 * DAY), id="usual"),
        param(90, 14, DUE + TICK, Review(DUE - 14 * DAY, DUE, DUE + 14 * DAY), id="just before"),
        param(90, 14, DUE, Review(None, None, None), id="it ends when it would be due"),
        param(90, 0, END, Review(DUE - 14 * DAY, DUE, DUE), id="no grace"),
        param(14, 1, END, Review(NOW, NOW + 14 * DAY, NOW + 15 * DAY), id="asked at once"),
        param(3, 1, END, Review(NOW, NOW + 3 * DAY, NOW + 4 * DAY), id="never asked in the past"),
        param(15, 1, END, Review(NOW + DAY, NOW + 15 * DAY, NOW + 16 * DAY), id="asked tomorrow"),
    ],
)
def test_review_after(review_days, grace_days, expires_at, expected):
    """Asked fourteen days before it is due, access ends after the grace, no review past the end."""
    policy = replace(POLICY, review_days=review_days, grace_days=grace_days)
    assert review_after(policy, NOW, expires_at) == expected


ASKED = Review(None, NOW + 5 * DAY, NOW + 19 * DAY)


@pytest.mark.parametrize(
    ("standing", "expires_at", "expected"),
    [
        param(ASKED, END, ASKED, id="asked already: it stands"),
        param(ASKED, NOW + 5 * DAY + TICK, ASKED, id="due just before the new end"),
        param(ASKED, NOW + 5 * DAY, Review(None, None, None), id="it ends before it is due"),
        param(
            Review(None, None, None),
            END,
            Review(DUE - 14 * DAY, DUE, DUE + 14 * DAY),
            id="a short stay made long is asked about",
        ),
        param(Review(None, None, None), DUE, Review(None, None, None), id="still too short"),
    ],
)
def test_review_when_moved(standing, expires_at, expected):
    """Moving the end neither answers a review nor escapes one."""
    assert review_when_moved(standing, POLICY, NOW, expires_at) == expected


def candidate(key: UUID, role: str = "sponsor", *, lead: bool = False, waiting: int = 0):
    return Candidate(key, role, lead, waiting)


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        param((), None, id="nobody"),
        param((candidate(ONE),), ONE, id="the only one"),
        param((candidate(ONE, waiting=2), candidate(TWO, waiting=1)), TWO, id="fewest requests"),
        param((candidate(TWO), candidate(ONE)), TWO, id="a tie: the first given"),
        param(
            (candidate(ONE), candidate(TWO, lead=True, waiting=9)), TWO, id="the named one, always"
        ),
        param((candidate(ONE, "deputy"), candidate(TWO, waiting=9)), TWO, id="deputy last"),
        param((candidate(ONE, "deputy"),), ONE, id="the deputy alone"),
        param(
            (candidate(ONE, "deputy", lead=True), candidate(TWO)), TWO, id="a deputy never leads"
        ),
    ],
)
def test_who_is_asked(candidates, expected):
    """The named sponsor, else the one with fewest requests, else the deputy."""
    assert who_is_asked(candidates) == expected


@given(
    st.lists(
        st.builds(
            Candidate,
            staff_id=st.uuids(),
            role=st.sampled_from(["sponsor", "deputy"]),
            lead=st.booleans(),
            open_requests=st.integers(0, 3),
        ),
        min_size=1,
    )
)
def test_somebody_is_asked_whenever_anybody_may_decide(candidates):
    """No request waits for nobody."""
    assert who_is_asked(candidates) in {one.staff_id for one in candidates}
