"""Several columns read as one give what each of them gives alone, on both databases."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Boolean as Truth
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    Uuid,
    bindparam,
    false,
    insert,
    literal,
    select,
    text,
    true,
)
from sqlalchemy import Date as Day

from portal.foundation.db import JsonText, UtcDateTime, db
from portal.foundation.packed import packed, packed_rows

thing = Table(
    "thing_to_pack",
    MetaData(),
    Column("id", Uuid(as_uuid=True), primary_key=True),
    Column("at", UtcDateTime),
    Column("day", Day),
    Column("data", JsonText),
    Column("told", Truth),
    Column("number", Integer),
    Column("words", Text),
)
FULL = {
    "id": UUID("0190aaaa-bbbb-7ccc-8ddd-eeeeffff0001"),
    "at": datetime(2026, 3, 29, 1, 59, 59, 1, tzinfo=UTC),
    "day": date(2026, 12, 31),
    "data": {"list": [1, None, "\u2028"], "nested": '["not a list"]'},
    "told": False,
    "number": 9_007_199_254_740_993 // 4_503_599_627,
    "words": "a 'quoted' \"word\" \\ and\na line, %s %(x)s :x \N{SNOWMAN}",
}
BARE = {**dict.fromkeys(FULL), "id": UUID(int=FULL["id"].int + 1)}
WHOLE_SECOND = {**FULL, "id": UUID(int=FULL["id"].int + 2), "at": FULL["at"].replace(microsecond=0)}
THINGS = [FULL, BARE, WHOLE_SECOND]


@pytest.fixture
def connection(database):
    with db.engine.connect() as opened:
        thing.create(opened)
        opened.execute(insert(thing), THINGS)
        yield opened


def plain(connection: Connection, query: Select) -> list[tuple]:
    return [tuple(row) for row in connection.execute(query)]


def test_a_packed_row_is_the_row(connection: Connection):
    query = select(*thing.c).order_by(thing.c.id)
    assert plain(connection, query) == [tuple(one.values()) for one in THINGS]
    together = select(packed(*thing.c)).order_by(thing.c.id)
    found = connection.scalars(together).all()
    assert found == plain(connection, query)
    assert [type(value) for value in found[0]] == [type(value) for value in FULL.values()]


def test_instants_come_in_utc_whatever_zone_the_session_has(connection: Connection):
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET TIME ZONE 'Asia/Kathmandu'"))
    (at,) = connection.scalars(select(packed(thing.c.at)).where(thing.c.id == FULL["id"])).one()
    assert at == FULL["at"]
    assert at.utcoffset() == timedelta(0)


def test_what_is_no_column_is_read_by_its_type(connection: Connection):
    """A comparison is a Boolean on SQLite too, which has none; a parameter keeps its text."""
    said = bindparam("said", 'it\'s "so"')
    query = select(packed(thing.c.number == 1, literal(True), true(), false(), said))
    assert connection.scalars(query.limit(1)).one() == (False, True, True, False, 'it\'s "so"')


def test_rows_of_a_sub_select_come_as_one_value_in_their_order(connection: Connection):
    rows = select(*thing.c).order_by(thing.c.id.desc())
    found = connection.scalar(select(packed_rows(rows)))
    assert found == [tuple(one.values()) for one in reversed(THINGS)]
    assert connection.scalar(select(packed_rows(rows.where(thing.c.number == -1)))) == []


def test_a_row_that_is_not_there_is_a_row_of_nothing(connection: Connection):
    """Beside an outer join; whether it is there its key says."""
    other = thing.alias("other")
    query = select(packed(other.c.id, other.c.at, other.c.told)).select_from(
        thing.outerjoin(other, false())
    )
    assert connection.scalars(query).first() == (None, None, None)


def test_one_inside_another_is_a_row_in_a_row(connection: Connection):
    """So that one value brings all of a thing, lists of what belongs to it too."""
    rows = select(thing.c.id, thing.c.at).order_by(thing.c.id)
    whole = packed(thing.c.words, packed(thing.c.at, thing.c.data), packed_rows(rows))
    found = connection.scalars(select(whole).where(thing.c.id == FULL["id"])).one()
    assert found == (
        FULL["words"],
        (FULL["at"], FULL["data"]),
        [(one["id"], one["at"]) for one in THINGS],
    )


def test_any_text_and_any_instant_come_back(connection: Connection):
    @given(
        words=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        at=st.timedeltas(timedelta(-40_000), timedelta(2_000_000)).map(FULL["at"].__add__),
    )
    def check(words: str, at: datetime) -> None:
        query = select(packed(literal(words, Text), packed(literal(at, UtcDateTime))))
        assert connection.scalar(query) == (words, (at,))

    check()
