"""When a sponsorship ends and why, whether it is live, which steps it may take."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given

from portal.guests.rules import Reason
from portal.sponsorship.rules import (
    NOT_CHOSEN,
    REVIEW_ASKED_BEFORE,
    Bound,
    IllegalStep,
    SponsorshipEnds,
    Standing,
    due_steps,
    end_of,
    is_live,
    latest_expiry,
    require_step,
    still_open,
    word_ends,
)
from tests.sponsorship.dates import (
    ACTIVE,
    AT_ONCE,
    DAY,
    END,
    NOW,
    ONE,
    OPEN_ENDED,
    REQUESTED,
    REVIEWED,
    THREE,
    TICK,
    TWO,
    ends,
)
from tests.strategies import days, guests_with_sponsorships

param = pytest.param


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
            (NOW + 14 * DAY, Reason.LAPSED),
            id="request and last day together",
        ),
        param(
            replace(REQUESTED, contract_ends_at=NOW + 13 * DAY),
            (NOW + 13 * DAY, Reason.CONTRACT_ENDED),
            id="contract ends while somebody waits",
        ),
        param(
            replace(REQUESTED, lapses_at=None),
            (NOW + 100 * DAY, Reason.LAPSED),
            id="a request without a date to lapse",
        ),
        param(
            replace(REQUESTED, expires_at=NOW + 5 * DAY),
            (NOW + 5 * DAY, Reason.LAPSED),
            id="the longest stay is shorter than the wait",
        ),
        param(
            replace(AT_ONCE, expires_at=NOW + 5 * DAY),
            (NOW + 5 * DAY, Reason.NOT_APPROVED),
            id="the longest stay is shorter than the days for approval",
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
    ("sponsorship", "expected"),
    [
        param(OPEN_ENDED, NOW + 100 * DAY, id="last day"),
        param(REVIEWED, NOW + 100 * DAY, id="a review may be answered"),
        param(REQUESTED, NOW + 100 * DAY, id="a request, as far as it was asked"),
        param(replace(REVIEWED, contract_ends_at=NOW + DAY), NOW + DAY, id="contract"),
        param(AT_ONCE, NOW + 7 * DAY, id="nobody has vouched yet"),
    ],
)
def test_word_ends(sponsorship, expected):
    """So far access goes if whoever is asked meanwhile says yes."""
    assert word_ends(sponsorship) == expected


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


def test_words_that_are_stored():
    """Rows, events and scripts hold them: a word that changes is a migration."""
    assert [*Standing] == ["requested", "active", "rejected", "ended"]
    assert [*Bound] == ["contract", "longest"]
    assert NOT_CHOSEN == "not_chosen"
    assert timedelta(days=14) == REVIEW_ASKED_BEFORE


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
