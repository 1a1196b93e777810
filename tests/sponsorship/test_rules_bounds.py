"""How far a sponsor may go, when they are asked again, and who is asked."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.sponsorship.rules import (
    Bound,
    Candidate,
    Latest,
    Review,
    anybody_else,
    expiry_of,
    latest_last_day,
    local_day,
    overtaken,
    review_after,
    review_when_moved,
    who_is_asked,
)
from portal.trust.rules import FIRST_DEFAULTS, ContractFacts, effective
from tests.sponsorship.dates import (
    DAY,
    END,
    NOW,
    ONE,
    THREE,
    TICK,
    TWO,
)

param = pytest.param


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
    return Candidate(key, role, lead, waiting, f"{key.int}@host.example")


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


@pytest.mark.parametrize(
    ("seen", "proposed", "chosen", "expected"),
    [
        (set(), set(), set(), False),
        ({"a", "b"}, {"a", "b"}, {"a"}, False),
        ({"a"}, {"a", "b"}, {"a"}, True),
        (set(), {"a"}, set(), True),
        ({"a", "b"}, {"b"}, {"b"}, False),  # gone, and nobody chose it
        ({"a", "b"}, {"b"}, {"a", "b"}, True),
        ({"b"}, {"b"}, {"b", "c"}, False),  # never proposed: a sponsor may give more
    ],
)
def test_overtaken(seen, proposed, chosen, expected):
    """What was not seen, or chosen and is gone."""
    assert overtaken(seen, proposed, chosen) is expected


@given(
    st.lists(
        st.builds(
            Candidate,
            staff_id=st.uuids(),
            role=st.sampled_from(["sponsor", "deputy"]),
            lead=st.booleans(),
            open_requests=st.integers(0, 3),
            email=st.emails(),
        ),
        min_size=1,
    )
)
def test_somebody_is_asked_whenever_anybody_may_decide(candidates):
    """No request waits for nobody."""
    assert who_is_asked(candidates) in {one.staff_id for one in candidates}


def test_anybody_else():
    """Whoever has one of the guest's addresses is left out, in the order given."""
    first, second, third = (candidate(key) for key in (ONE, TWO, THREE))
    everybody = (first, second, third)
    assert anybody_else(everybody, ("jane@acme.example", None)) == everybody
    assert anybody_else(everybody, (first.email, None)) == (second, third)
    assert anybody_else(everybody, ("jane@acme.example", second.email)) == (first, third)
    assert anybody_else(everybody, [one.email for one in everybody]) == ()
