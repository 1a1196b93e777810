"""What a transaction keeps for its end: any row comes back as it was, on both databases."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Text, select, type_coerce

from portal.audit.models import AuditEvent, AuditPersonal
from portal.delivery.models import Outbox
from portal.foundation.db import Base, JsonText, table_of
from portal.foundation.text import canonical_json
from portal.foundation.transaction import ANONYMOUS, Tx, transaction

pytestmark = pytest.mark.properties

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
Rows = list[dict[str, Any]]

HARD = st.sampled_from(["\\u0000", '"', "\\", "%s", "%(x)s", ":rows_0", "\u2028", "'", "$$", "{}"])
kept = st.characters(exclude_categories=["Cs"], exclude_characters="\0")  # as PostgreSQL has it
instants = st.datetimes(
    datetime(1, 1, 3),  # noqa: DTZ001 - the zone is drawn beside it
    datetime(9999, 12, 29),  # noqa: DTZ001
    timezones=st.timezones(),
)
# Inside JSON a NUL is an escape, which a column of text holds.
json_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | HARD
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
nested = st.recursive(
    st.none() | st.booleans() | numbers | json_texts,
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(json_texts, inside, max_size=4),
    max_leaves=8,
).filter(lambda value: value is not None)  # that is a column without a value


def words(most: int) -> st.SearchStrategy[str]:
    """Return texts that fit a column."""
    return st.text(kept, max_size=most) | HARD


events = st.fixed_dictionaries(
    {
        "id": st.uuids(),
        "at": instants,
        "event": words(64),
        "actor": words(200),
        "organisation_id": st.none() | st.uuids(),
        "guest_id": st.none() | st.uuids(),
        "reason": st.none() | words(64),
        "reference": words(32),
        "rules_version": st.integers(-(2**31), 2**31 - 1),
        "data": nested,
    }
)
asides = st.fixed_dictionaries({"person": words(64), "salt": words(64), "data": nested})
mails = st.fixed_dictionaries(
    {
        "id": st.uuids(),
        "kind": words(64),
        "to": words(254),
        "dedupe_key": words(200),
        "payload": nested,
        "reference": words(32),
        "state": st.sampled_from(["waiting", "sent", "dead"]),
        "tries": st.integers(0, 2**31 - 1),
        "not_before": instants,
        "created_at": instants,
        "settled_at": st.none() | instants,
        "last_error": st.none() | words(500),
    }
)


def by_id(row: dict[str, Any]) -> UUID:
    """Return by what rows are told apart."""
    return row["id"] if "id" in row else row["event_id"]


class _TakenBack(Exception):
    """Nothing went wrong."""


@contextmanager
def taken_back() -> Iterator[Tx]:
    """Open a transaction that leaves nothing behind, so that each example finds empty tables."""
    with suppress(_TakenBack), transaction(actor=ANONYMOUS, now=NOW) as tx:
        yield tx
        raise _TakenBack


def test_any_row_comes_back_as_it_was(database: Flask):
    """Texts, instants, ids, numbers and nothing alike; of JSON its one text, to the letter."""

    @given(
        st.lists(events, max_size=3, unique_by=by_id),
        asides,
        st.lists(mails, max_size=3, unique_by=(by_id, lambda row: row["dedupe_key"])),
    )
    def check(told: Rows, aside: dict[str, Any], sent: Rows) -> None:
        of = [{"event_id": row["id"], **aside} for row in told]
        tables = [(AuditPersonal, of), (Outbox, sent), (AuditEvent, told)]
        with taken_back() as tx:
            for model, rows in tables:
                tx.insert_at_end(table_of(model), rows)
            tx.write_kept()
            for model, rows in tables:
                there = sorted(stood(tx, model, rows), key=by_id)
                assert there == sorted(written(model, rows), key=by_id)

    check()


def stood(tx: Tx, model: type[Base], rows: Rows) -> Rows:
    """Return what stands in a table, by the names of these rows; of JSON its text."""
    columns = [table_of(model).c[name] for name in rows[0]] if rows else [*table_of(model).c]
    told = [
        type_coerce(one, Text).label(one.name) if isinstance(one.type, JsonText) else one
        for one in columns
    ]
    return [dict(row) for row in tx.execute(select(*told)).mappings()]


def written(model: type[Base], rows: Rows) -> Rows:
    """Return rows as they should stand there: JSON as its one text, instants in UTC."""
    texts = {one.name for one in table_of(model).c if isinstance(one.type, JsonText)}

    def stored(name: str, value: Any) -> Any:
        if name in texts:
            return canonical_json(value)
        # Two of one instant are unequal in Python where a zone has that hour twice, or not at all.
        return value.astimezone(UTC) if isinstance(value, datetime) else value

    return [{name: stored(name, value) for name, value in row.items()} for row in rows]
