"""Several columns read as one: a driver's work goes by columns, and a decision needs many.

The database makes one JSON text of them; here each value becomes again what its column holds.
"""

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Date,
    Dialect,
    ScalarSelect,
    Select,
    Text,
    TypeDecorator,
    Uuid,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from portal.foundation.db import JsonText, UtcDateTime, in_utc

Decoder = Callable[[Any], Any]


def _instant(text: str) -> datetime:
    return in_utc(datetime.fromisoformat(text))


_DECODERS: Final[Sequence[tuple[type[TypeEngine[Any]], Decoder]]] = (
    (UtcDateTime, _instant),
    (JsonText, json.loads),
    (Uuid, UUID),
    (Boolean, bool),
    (Date, date.fromisoformat),
)


def _decoders(columns: Sequence[ColumnElement[Any]]) -> tuple[tuple[int, Decoder], ...]:
    """Return how to read those of the columns that JSON does not give back as they are."""
    found = ((place, _decoder(column.type)) for place, column in enumerate(columns))
    return tuple((place, read) for place, read in found if read is not None)


def _decoder(kind: TypeEngine[Any]) -> Decoder | None:
    if isinstance(kind, _Row):
        return kind.read
    return next((read for known, read in _DECODERS if isinstance(kind, known)), None)


class _Row(TypeDecorator[tuple[Any, ...]]):
    """A JSON list as the values of its columns."""

    impl = Text
    cache_ok = True

    def __init__(self, decoders: tuple[tuple[int, Decoder], ...]) -> None:
        super().__init__()
        self.decoders = decoders

    def process_result_value(self, value: str | None, _dialect: Dialect) -> Any:
        return None if value is None else self.read(value)

    def read(self, value: Any) -> Any:
        """Read it, be it the text of a column or a list inside another one."""
        return self._row(_parsed(value))

    def _row(self, values: list[Any]) -> tuple[Any, ...]:
        for place, read in self.decoders:
            if values[place] is not None:
                values[place] = read(values[place])
        return tuple(values)


class _Rows(_Row):
    """A JSON list of lists as rows."""

    cache_ok = True

    def read(self, value: Any) -> Any:
        return [self._row(one) for one in _parsed(value)]


def _parsed(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


class packed(FunctionElement[Any]):  # noqa: N801 - it reads as the function that it is
    """Several columns of one row as one column; its value is the tuple of theirs."""

    name = "packed"
    inherit_cache = True

    def __init__(self, *columns: ColumnElement[Any]) -> None:
        super().__init__(*columns)
        self.type = _Row(_decoders(columns))


class _packed_rows(FunctionElement[Any]):  # noqa: N801 - as above
    name = "packed_rows"
    inherit_cache = True

    def __init__(self, *columns: ColumnElement[Any]) -> None:
        super().__init__(*columns)
        self.type = _Rows(_decoders(columns))


def packed_rows(rows: Select[Any]) -> ScalarSelect[Any]:
    """Return every row of a sub-select as one value, a list of tuples: one read brings all."""
    inner = rows.subquery()
    return select(_packed_rows(*inner.c)).scalar_subquery()


class told(FunctionElement[Any]):  # noqa: N801 - as above
    """A sub-select of one value in a RETURNING: what belongs to the row that was written.

    SQLAlchemy leaves out the names of tables there on SQLite, inside a sub-select too.
    """

    name = "told"
    inherit_cache = True

    def __init__(self, about: Select[Any]) -> None:
        value = about.scalar_subquery()
        super().__init__(value)
        self.type = value.type


@compiles(told)
def _told(element: told, compiler: Any, **more: Any) -> str:
    more.pop("include_table", None)
    sql: str = compiler.process(element.clauses, **more)
    return sql


@compiles(packed, "sqlite")
def _sqlite_row(element: packed, compiler: Any, **more: Any) -> str:
    return f"json_array({compiler.process(element.clauses, **more)})"


@compiles(packed, "postgresql")
def _postgresql_row(element: packed, compiler: Any, inside: bool = False, **more: Any) -> str:  # noqa: FBT001, FBT002
    row = f"json_build_array({compiler.process(element.clauses, inside=True, **more)})"
    return row if inside else f"{row}::text"


@compiles(_packed_rows, "sqlite")
def _sqlite_rows(element: _packed_rows, compiler: Any, **more: Any) -> str:
    return f"json_group_array(json_array({compiler.process(element.clauses, **more)}))"


@compiles(_packed_rows, "postgresql")
def _postgresql_rows(
    element: _packed_rows,
    compiler: Any,
    inside: bool = False,  # noqa: FBT001, FBT002
    **more: Any,
) -> str:
    rows = f"json_agg(json_build_array({compiler.process(element.clauses, inside=True, **more)}))"
    rows = f"coalesce({rows}, '[]')"
    return rows if inside else f"{rows}::text"
