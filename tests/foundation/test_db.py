"""The database's connections: one that died while it rested is replaced, and nothing is told."""

import logging
import traceback
from secrets import token_hex

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from portal.foundation import db as foundation
from portal.foundation.db import db
from tests.scene import Scene

POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def scene(database) -> Scene:
    return Scene()


def cut() -> None:
    """End every connection to this database but the one that says so, as a restart does."""
    with db.engine.connect() as own:
        own.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
        own.invalidate()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_power_cut_takes_a_decision_back(scene: Scene):
    """Each commit waits for the disk; SQLite would otherwise sync at a checkpoint alone."""
    with db.engine.connect() as connection:
        assert connection.scalar(text("PRAGMA synchronous")) == 2  # FULL


@POSTGRESQL
def test_a_connection_that_died_while_it_rested_is_replaced(scene: Scene, monkeypatch):
    """Nobody meets a restart of the database that happened while nobody was there."""
    monkeypatch.setattr(foundation, "RESTED", 0.0)
    with db.engine.connect() as one, db.engine.connect() as two:
        assert one.scalar(text("SELECT 1")) == two.scalar(text("SELECT 1")) == 1
    cut()
    for _ in range(2):
        assert db.session.scalar(text("SELECT 1")) == 1
        db.session.remove()


@POSTGRESQL
def test_a_read_leaves_no_transaction_and_a_write_is_one(scene: Scene):
    """On PostgreSQL a read stands alone; what is written stands or falls as a whole."""
    driver = db.session.connection().connection.driver_connection
    assert driver.autocommit
    db.session.rollback()

    def half() -> None:
        with scene.tx() as tx:
            assert not tx.session.connection().connection.driver_connection.autocommit
            tx.session.execute(text("UPDATE policy SET most_guests = 1"))
            raise LookupError

    with pytest.raises(LookupError):
        half()
    assert db.session.scalar(text("SELECT count(*) FROM policy WHERE most_guests = 1")) == 0


def test_a_failed_statement_does_not_tell_its_parameters(scene: Scene, caplog):
    """They are addresses, nonces and hashes; the log gets the statement alone."""
    missing = text("SELECT * FROM no_such_table WHERE email = :email")
    with caplog.at_level(logging.INFO), pytest.raises(DBAPIError) as refused:
        db.session.execute(missing, {"email": "jane@acme.example"})
    db.session.rollback()
    assert "no_such_table" in str(refused.value)
    assert "jane@acme.example" not in f"{refused.value}{caplog.text}"


WRONG = {
    "a key that is there": "INSERT INTO staff_name VALUES (:name)",
    "a row that is refused": "INSERT INTO staff_name VALUES (:name || '!')",
}


@pytest.mark.parametrize("statement", WRONG.values(), ids=WRONG)
def test_a_fault_says_nothing_of_a_row(scene: Scene, statement: str):
    """Its words stand in logs, and what a worker met in the queue: a row is of persons."""
    hush = token_hex(8)  # which the lines of this test, in the trace, do not show
    with db.engine.connect() as connection:
        make = "CREATE TABLE staff_name (name text PRIMARY KEY CHECK (name NOT LIKE '%!'))"
        connection.execute(text(make))
        connection.execute(text(WRONG["a key that is there"]), {"name": hush})
        with pytest.raises(IntegrityError) as caught:
            connection.execute(text(statement), {"name": hush})
    said = "".join(traceback.format_exception(caught.value))
    assert "staff_name" in said  # which rule was broken
    assert hush not in said
