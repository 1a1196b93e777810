"""Weeks by their Mondays, in UTC, whatever zone an instant is told in."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from portal.foundation.weeks import mondays

EAST = timezone(timedelta(hours=14))


@pytest.mark.parametrize(
    ("since", "until", "weeks"),
    [
        (datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC), ["2026-11-23"]),
        (
            datetime(2026, 11, 22, 23, 59, tzinfo=UTC),  # a Sunday
            datetime(2026, 11, 23, tzinfo=UTC),
            ["2026-11-16", "2026-11-23"],
        ),
        (
            datetime(2026, 11, 23, 13, tzinfo=EAST),  # still Sunday by UTC
            datetime(2026, 11, 29, 23, tzinfo=UTC),
            ["2026-11-16", "2026-11-23"],
        ),
        (
            datetime(2026, 12, 28, tzinfo=UTC),
            datetime(2027, 1, 4, tzinfo=UTC),
            ["2026-12-28", "2027-01-04"],
        ),
    ],
)
def test_the_mondays_between_two_instants(since: datetime, until: datetime, weeks: list[str]):
    """Every week that lies between them, wholly or partly."""
    assert mondays(since, until) == [date.fromisoformat(one) for one in weeks]
