"""Search and audit log where there is much: each look reads its page, on both databases.

What is counted is work, not time: rows that PostgreSQL's plan touched, steps of SQLite's machine.
A few thousand rows show it; `make size` asks for the numbers that the portal is built for.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from portal.access.queries import GuestFilter
from portal.access.queries.listing import find
from portal.audit.queries import PAGE as LOG_PAGE
from portal.audit.queries import Filter, search
from portal.foundation.db import db
from portal.guests.rules import State
from tests.scene import Partner, Scene

FULL = os.environ.get("PORTAL_SIZE") == "full"
GUESTS = 100_000 if FULL else 5_000
EVENTS = 1_000_000 if FULL else 20_000
BEGIN = datetime(2026, 3, 3, tzinfo=UTC)
PAGE = 50
# A page of fifty with what belongs to it; a look through all would be a hundred times that.
MOST_ROWS = 6 * PAGE
MOST_STEPS = 8_000

SQL = {
    # An id, an instant, and the numbers from one, in each database's words.
    "sqlite": {
        "id": "printf('%032x', i)",
        "at": "strftime('%Y-%m-%d %H:%M:%S.000000', 1772496000 + i * 10, 'unixepoch')",
    },
    "postgresql": {
        "id": "CAST(lpad(to_hex(i), 32, '0') AS uuid)",
        "at": "to_timestamp(1772496000 + i * 10)",
    },
}
NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {most})"
PEOPLE = """
    INSERT INTO guest (id, organisation_id, state, state_reason, state_since, hold, tombstone,
        expires_at, inactive_at, terms_version, created_at, arrived_at, session_epoch, email, name,
        profile)
    {numbers}
    SELECT {id}, :organisation, 'active', 'approved', {at}, {no}, {no}, {at}, {at}, 1, {at}, {at},
        1, 'p' || i || '@acme.example',
        CASE i % 1000 WHEN 0 THEN 'Ana María de García ' || i WHEN 1 THEN 'Özlem Zorn ' || i
            ELSE 'Given' || (i % 97) || ' Name' || i END, '{empty}' FROM n"""
LOG = """
    INSERT INTO audit_event (id, at, event, actor, organisation_id, guest_id, reference,
        rules_version, data)
    {numbers}
    SELECT {id}, {at}, CASE WHEN i % 4000 = 0 THEN 'mail.dead' ELSE 'guest.reckoned' END, 'sweep',
        CASE WHEN i % 2 = 0 THEN :organisation END, NULL, 'R' || i, 1, '{empty}' FROM n"""


@pytest.fixture
def acme(database) -> Partner:
    """Very many people, and what happened to them."""
    scene = Scene()
    partner = scene.partner()
    engine = db.engine
    key = partner.id.hex if engine.dialect.name == "sqlite" else partner.id
    words = SQL[engine.dialect.name]
    no = "0" if engine.dialect.name == "sqlite" else "false"
    with engine.begin() as connection:
        for statement, most in ((PEOPLE, GUESTS), (LOG, EVENTS)):
            numbers = NUMBERS.format(most=most)
            filled = statement.format(numbers=numbers, empty="{}", no=no, **words)
            # A colon would be a parameter: the format of an instant has some.
            filled = filled.replace("%H:%M:%S", "%H\\:%M\\:%S")
            connection.execute(text(filled), {"organisation": key})
    with engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()
    return partner


class Work:
    """How much the database did."""

    def __init__(self) -> None:
        self.done = 0
        self.statements: list[str] = []


@contextmanager
def measured() -> Iterator[Work]:
    """Count rows touched (PostgreSQL) or thousands of machine steps (SQLite) of what is sent."""
    work = Work()
    sqlite = db.engine.dialect.name == "sqlite"

    def step() -> None:
        work.done += 1

    def before(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement == "BEGIN":
            return
        work.statements.append(statement)
        own = cursor.connection
        if sqlite:
            assert isinstance(own, sqlite3.Connection)
            own.set_progress_handler(step, 100)
            return
        explained = own.cursor()
        explained.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + statement, parameters)
        ((plan,),) = explained.fetchall()
        work.done += touched(plan[0]["Plan"])
        explained.close()

    event.listen(db.engine, "before_cursor_execute", before)
    try:
        yield work
    finally:
        event.remove(db.engine, "before_cursor_execute", before)
        if sqlite:
            db.session.connection().connection.set_progress_handler(None, 0)
            work.done *= 100


def touched(plan: dict[str, Any]) -> int:
    """Sum the rows that the leaves of a plan read, those that a filter dropped too."""
    below = plan.get("Plans", [])
    own = 0
    if "Scan" in plan["Node Type"]:
        read = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        own = round((read + plan.get("Rows Removed by Index Recheck", 0)) * plan["Actual Loops"])
    return own + sum(touched(one) for one in below)


def most() -> int:
    return MOST_STEPS if db.engine.dialect.name == "sqlite" else MOST_ROWS


Look = Callable[[Session, Partner], object]
MIDDLE = EVENTS // 2
NOON = BEGIN + timedelta(seconds=10 * MIDDLE)
LOOKS: dict[str, tuple[Look, int]] = {
    "the first page": (lambda s, _: search(s, Filter()), LOG_PAGE),
    "a page from the middle": (lambda s, _: search(s, Filter(), beyond=MIDDLE), LOG_PAGE),
    "the last page": (lambda s, _: search(s, Filter(), beyond=LOG_PAGE + 1), LOG_PAGE),
    "what is rare": (lambda s, _: search(s, Filter(event="mail.dead"), limit=5), 5),
    "of an event, from the middle": (
        lambda s, _: search(s, Filter(event="guest.reckoned"), beyond=MIDDLE), LOG_PAGE,
    ),
    "of an organisation": (
        lambda s, acme: search(s, Filter(organisation_id=acme.id), beyond=MIDDLE), LOG_PAGE,
    ),
    "until a day": (lambda s, _: search(s, Filter(until=NOON)), LOG_PAGE),
    "an event until a day": (
        lambda s, _: search(s, Filter(event="guest.reckoned", until=NOON)), LOG_PAGE,
    ),
    "since a day": (lambda s, _: search(s, Filter(since=NOON)), LOG_PAGE),
    "of a reference": (lambda s, _: search(s, Filter(reference=f"R{MIDDLE}")), 1),
    "oldest first": (lambda s, _: search(s, Filter(), limit=LOG_PAGE, oldest_first=True), LOG_PAGE),
}  # fmt: skip


def test_each_look_at_the_log_reads_its_page(acme: Partner):
    """Whatever the filter, and however far back."""
    complaints = []
    for name, (look, rows) in LOOKS.items():
        session = fresh()
        with measured() as work:
            found = look(session, acme)
        assert len(found) == rows, name
        assert len(work.statements) == 1
        if work.done > most():
            complaints.append((name, work.done, work.statements))
    assert complaints == []


def fresh() -> Session:
    db.session.rollback()
    db.session.expire_all()
    return db.session()


FOUND = {
    "p777@": 1,  # by address
    "P777@ACME": 1,
    "Given5 Name5": None,
    "name777": None,  # by the second word
    "GARCÍA": None,  # by a later one, in any case
    "maría de": None,
    "özlem": None,
    "Zorn 1": None,
    "nobody": 0,
}


def test_a_search_for_guests_is_one_indexed_query(acme: Partner):
    """By address, by name, by a later word of the name: what is read is what is found."""
    complaints = []
    for text_, number in FOUND.items():
        for wanted in (
            GuestFilter(text=text_),
            GuestFilter(organisation_id=acme.id, text=text_),
            GuestFilter(organisation_id=acme.id, text=text_, state=State.ACTIVE),
        ):
            session = fresh()
            with measured() as work:
                found = find(session, wanted, limit=PAGE)
            assert len(work.statements) == 1
            assert (len(found) == number) if number is not None else found, text_
            if work.done > most():
                complaints.append((wanted, len(found), work.done, work.statements))
    assert complaints == []


def test_a_look_through_everything_would_be_seen(acme: Partner):
    """The test goes red on work that grows with the table."""
    session = fresh()
    with measured() as work:
        session.execute(text("SELECT count(*) FROM guest WHERE state_note = 'x'")).all()
    assert work.done > most()
