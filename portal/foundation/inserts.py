"""Insert what a transaction kept for its end: on PostgreSQL by one statement, whatever its tables.

Each statement is a trip to the server and each value work for the driver. So the rows of a table go
there as one JSON text, which the server takes apart by its columns' own types, as ``packed`` reads.
SQLite lives in this process: it takes one INSERT a table.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Insert, Table, TextClause, insert, text
from sqlalchemy.dialects import postgresql, sqlite

from portal.foundation.db import Base, JsonText, parts
from portal.foundation.text import canonical_json

Row = Mapping[str, Any]
MOST_TOGETHER = 2000  # rows of a statement: of larger ones the server needs many times their size
_QUOTE = postgresql.dialect().identifier_preparer  # type: ignore[no-untyped-call]


class Into(NamedTuple):
    """Where rows go.

    Attributes:
        table: into which they are inserted.
        once_by: a unique column: a row whose value is there already is left alone, without a word.
    """

    table: Table
    once_by: str | None = None


@cache
def insert_into(table: Table) -> Insert:
    """Return the one INSERT into a table: made once, its cache key is made once too."""
    return insert(table)


def insert_all(connection: Connection, kept: Mapping[Into, Sequence[Row]]) -> None:
    """Insert rows into any number of tables.

    Args:
        connection: in whose transaction.
        kept: by target; the rows of one name the same columns, every one that has no default in
            the database.

    Raises:
        ValueError: they do not, or bear a time without a zone.
        DBAPIError: the database refuses a row; nothing of this is written on PostgreSQL.
    """
    named = {into: rows for into, rows in kept.items() if rows}
    for rows in named.values():
        if any(row.keys() != rows[0].keys() for row in rows):
            raise ValueError("rows kept for one table name different columns")
    if not named:
        return
    on_postgresql = connection.dialect.name == "postgresql"
    if on_postgresql and sum(map(len, named.values())) <= MOST_TOGETHER:
        _insert_together(connection, named)
        return
    # Keys are checked at the end of each statement: whoever is pointed at comes first.
    for into in sorted(named, key=lambda into: _order()[into.table]):
        for part in parts(named[into], MOST_TOGETHER):
            if on_postgresql:
                _insert_together(connection, {into: part})
            else:
                connection.execute(_into_sqlite(into), part)


def _insert_together(connection: Connection, named: Mapping[Into, Sequence[Row]]) -> None:
    shape = tuple((into, tuple(rows[0])) for into, rows in named.items())
    texts = [_as_json(into.table, rows) for into, rows in named.items()]
    connection.execute(_together(shape), {f"rows_{n}": one for n, one in enumerate(texts)})


@cache
def _order() -> Mapping[Table, int]:
    return {table: place for place, table in enumerate(Base.metadata.sorted_tables)}


@cache
def _into_sqlite(into: Into) -> Insert:
    if into.once_by is None:
        return insert_into(into.table)
    return sqlite.insert(into.table).on_conflict_do_nothing(index_elements=[into.once_by])


@lru_cache(maxsize=256)
def _together(shape: Sequence[tuple[Into, Sequence[str]]]) -> TextClause:
    """Return one statement for targets and the columns that are named in each.

    The order of the tables is all the same to it; rows of one table are inserted in their order.
    """
    *before, last = (_insert(n, into, names) for n, (into, names) in enumerate(shape))
    if before:
        parts = ", ".join(f"kept_{n} AS ({one})" for n, one in enumerate(before))
        return text(f"WITH {parts} {last}")
    return text(last)


def _insert(place: int, into: Into, names: Sequence[str]) -> str:
    table = _QUOTE.format_table(into.table)
    columns = ", ".join(_QUOTE.format_column(into.table.c[name]) for name in names)
    rows = f"json_populate_recordset(CAST(NULL AS {table}), CAST(:rows_{place} AS json))"
    # Every name is a column of ours, quoted; every value is in the parameter.
    statement = f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {rows}"  # noqa: S608
    if into.once_by is None:
        return statement
    return f"{statement} ON CONFLICT ({_QUOTE.quote(into.once_by)}) DO NOTHING"


def _as_json(table: Table, rows: Sequence[Row]) -> str:
    texts = _texts(table)
    if texts:
        rows = [
            {
                name: canonical_json(value) if name in texts and value is not None else value
                for name, value in row.items()
            }
            for row in rows
        ]
    return _JSON.encode(rows)


@cache
def _texts(table: Table) -> frozenset[str]:
    return frozenset(column.name for column in table.c if isinstance(column.type, JsonText))


def _plain(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored: give it a zone")
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is kept in no column")


_JSON = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"), default=_plain
)
