"""A list in the order of instants, by pages: the earliest of several, and where a page ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from portal.foundation.db import UtcDateTime, table_of
from portal.sponsorship.models import Sponsorship
from portal.sponsorship.rules import Standing
from portal.trust.models import Contract


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended, of a list whose lines stand by part, instant, second instant and id.

    Attributes:
        part: of the list; one part is over before the next begins.
        at: the instant by which its lines stand.
        since: what tells two of one instant apart, before the id does.
        id: of the line.
    """

    part: int
    at: datetime
    since: datetime
    id: UUID


def beyond(columns: Sequence[ColumnElement[Any]], values: Sequence[Any]) -> ColumnElement[bool]:
    """Return the condition of the rows that stand behind these values, by these columns."""
    return or_(
        *(
            and_(
                *(column == value for column, value in zip(columns[:n], values[:n], strict=True)),
                columns[n] > values[n],
            )
            for n in range(len(columns))
        )
    )


class earliest(FunctionElement[datetime]):  # noqa: N801 - it reads as the function that it is
    """The earliest of instants of one row; the first is always there, the others may be null."""

    name = "earliest"
    inherit_cache = True
    type = UtcDateTime()

    def __init__(self, first: Any, *others: Any) -> None:
        super().__init__(first, *(func.coalesce(other, first) for other in others))


@compiles(earliest)
def _least(element: earliest, compiler: Any, **more: Any) -> str:
    return f"least({compiler.process(element.clauses, **more)})"


@compiles(earliest, "sqlite")
def _sqlite_least(element: earliest, compiler: Any, **more: Any) -> str:
    return f"min({compiler.process(element.clauses, **more)})"


_ONE, _CONTRACT = table_of(Sponsorship).c, table_of(Contract).c
_OF_ACTIVE = (_ONE.review_ends_at, _ONE.approve_by)


def end_in_sql() -> ColumnElement[datetime]:
    """Return ``sponsorship.rules.end_of`` of an open sponsorship joined with its contract."""
    return earliest(
        _ONE.expires_at,
        _CONTRACT.ends_at,
        case((_ONE.state == Standing.REQUESTED, _ONE.lapses_at)),
        *(case((_ONE.state == Standing.ACTIVE, date)) for date in _OF_ACTIVE),
    )
