"""Counting by week where the rows stand: weeks begin on Mondays in UTC."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, case


def mondays(since: datetime, until: datetime) -> list[date]:
    """Return the Mondays of the weeks that lie between two instants, both aware, wholly or partly.

    Args:
        since: in the first of the weeks.
        until: in the last of them.
    """
    first, last = (one.astimezone(UTC).date() for one in (since, until))
    monday = first - timedelta(days=first.weekday())
    return [monday + timedelta(weeks=one) for one in range((last - monday).days // 7 + 1)]


def week_of(moment: SQLColumnExpression[Any], weeks: Sequence[date]) -> ColumnElement[Any]:
    """Return in which of these weeks a column's instant lies, by its place; nothing before them."""
    after = [(moment >= datetime.combine(one, time(), UTC), n) for n, one in enumerate(weeks)]
    return case(*reversed(after)).label("week")
