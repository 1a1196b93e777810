"""The database: engine, naming of constraints, column types, SQLite's pragmas.

SQLite (WAL) is the embedded default, PostgreSQL the other; both see the same schema. On SQLite
``FOR UPDATE`` is silently nothing, so a writing transaction begins with ``BEGIN IMMEDIATE``:
``transaction.py`` asks for it through the execution option ``portal_write``.
"""

import json
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Lock
from typing import Any, TypeVar, cast
from uuid import UUID

from flask import Flask, g
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from psycopg import _queries
from sqlalchemy import (
    DateTime,
    Dialect,
    Engine,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    Uuid,
    event,
)
from sqlalchemy.engine import Connection, ExceptionContext
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import DeclarativeBase, Session, registry
from sqlalchemy.pool import ConnectionPoolEntry

from portal.foundation.text import canonical_json

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def in_utc(value: datetime) -> datetime:
    """Return an instant as the database gave it, aware: SQLite keeps UTC without a zone."""
    if value.tzinfo is UTC:
        return value
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: aware and UTC in Python, whatever the database keeps."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive time; SQLite keeps UTC without a zone, so text order is time order."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored: give it a zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Give the instant back, aware."""
        return None if value is None else in_utc(value)


class JsonText(TypeDecorator[Any]):
    """Canonical JSON in a TEXT column: JSONB would reorder keys, and digests would not verify."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, _dialect: Dialect) -> str | None:
        """Write sorted keys, no white space, no NaN."""
        return None if value is None else canonical_json(value)

    def process_result_value(self, value: str | None, _dialect: Dialect) -> Any:
        """Read it back."""
        return None if value is None else json.loads(value)


class Base(DeclarativeBase):
    """Every table. ``db.Model`` would not pass ``mypy --strict``."""

    # A registry of its own: Flask-SQLAlchemy copies this class and would find two otherwise.
    registry = registry(
        metadata=MetaData(naming_convention=NAMING),
        type_annotation_map={datetime: UtcDateTime, UUID: Uuid(as_uuid=True)},
    )


_WRITES = "portal_writes"  # in ``g`` of a request, command or job whose transaction is open


class _Session(FlaskSession):
    def get_bind(self, *args: Any, **kwargs: Any) -> Engine | Connection:
        """Work on the connection of the open transaction, if there is one."""
        return writing_connection() or super().get_bind(*args, **kwargs)


db = SQLAlchemy(model_class=Base, session_options={"class_": _Session})

# psycopg takes a longer statement to pieces anew each time. Ours are few, and made once; the
# longest has 6,800 characters. There is no public name for this.
_queries.MAX_CACHED_STATEMENT_LENGTH = 8192
Reader = Session | Connection  # whoever runs a select: the request's session, or a connection
RESTED = 5.0  # seconds without use after which a connection may have been cut


def writing_connection() -> Connection | None:
    """Return the connection of the transaction that is open here."""
    found: Connection | None = g.get(_WRITES)
    return found


@contextmanager
def writes_on(connection: Connection) -> Iterator[None]:
    """Let this request's session, if it is asked for one, work on a transaction's connection."""
    setattr(g, _WRITES, connection)
    try:
        yield
    finally:
        g.pop(_WRITES)


def let_go() -> None:
    """Give back the connection that this request's session holds, if it has read anything.

    Raises:
        RuntimeError: a transaction is open, and what it has written would be lost without a word.
    """
    if writing_connection() is not None:
        raise RuntimeError("a transaction is open: nothing else begins in the midst of it")
    if db.session.registry.has():
        db.session.rollback()


@contextmanager
def reading() -> Iterator[Connection]:
    """Lend a connection for one read; nobody holds two, or threads would wait for each other."""
    let_go()
    with db.engine.connect() as connection:
        yield connection


def table_of(model: type[Base]) -> Table:
    """Return a model's table, for Core statements: they cost a third less than ORM flushes."""
    return cast("Table", model.__table__)


T = TypeVar("T")
MOST_AT_ONCE = 10_000


def parts(values: Iterable[T], most: int | None = None) -> Iterator[list[T]]:
    """Yield values in lists short enough for one IN: PostgreSQL takes 65,535 parameters.

    A change of trust may concern any number of guests; nothing is yielded for none.
    """
    whole, size = list(values), most or MOST_AT_ONCE
    for start in range(0, len(whole), size):
        yield whole[start : start + size]


_uuid_lock = Lock()
_uuid_last = 0


def uuid7() -> UUID:
    """Return a UUID version 7 (RFC 9562, 5.7): ordered by time, also within a millisecond.

    The order inside one process is strict: 12 bits of fraction count up where the clock stands.
    """
    global _uuid_last  # noqa: PLW0603 - the counter of this process
    with _uuid_lock:
        ticks = max(time.time_ns() * 4096 // 1_000_000, _uuid_last + 1)
        _uuid_last = ticks
    milliseconds, fraction = divmod(ticks, 4096)
    number = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | fraction << 64
    return UUID(int=number | 0b10 << 62 | secrets.randbits(62))


def engine_options(url: str) -> dict[str, Any]:
    """Return SQLAlchemy's engine options for a database URL.

    Parameters are persons, nonces and hashes: a failed statement must not log them.
    """
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": 15}, "hide_parameters": True}
    # A read is one statement and needs no BEGIN and ROLLBACK around it, which cost a trip each;
    # ``transaction.py`` asks for a real transaction.
    return {
        "isolation_level": "AUTOCOMMIT",
        "hide_parameters": True,
        "pool_size": 10,
        "max_overflow": 10,
    }


def init_database(app: Flask, url: str) -> None:
    """Bind the database to the application; listeners make SQLite behave like a database."""
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = engine_options(url)
    db.init_app(app)
    with app.app_context():
        listen(db.engine)


def listen(engine: Engine) -> None:
    """Attach what an engine of ours needs: pragmas and ``BEGIN IMMEDIATE`` on SQLite."""
    if engine.dialect.name != "sqlite":
        _ask_the_rested(engine)
        _say_no_row(engine)
        return

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself
        cursor = connection.cursor()
        # FULL: what was decided is on the disk when somebody reads that it is. NORMAL would let a
        # power cut take back the last of it, and let a removed guest in again without a word.
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        options: Mapping[str, Any] = connection.get_execution_options()
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("portal_write") else "BEGIN")


def _ask_the_rested(engine: Engine) -> None:
    """Ask a connection that rested whether it still lives, before somebody works with it.

    ``pool_pre_ping`` asks at every turn, which costs a trip to the server each.
    """

    @event.listens_for(engine, "checkin")
    def _given_back(_connection: Any, record: ConnectionPoolEntry) -> None:
        record.info["rests_since"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _taken(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        rests_since = record.info.get("rests_since")
        if rests_since is None or time.monotonic() - rests_since < RESTED:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as fault:
            raise DisconnectionError from fault  # the pool takes another


def _say_no_row(engine: Engine) -> None:
    """Keep what a fault says of a row out of its words, which are logged, and kept by the queue.

    PostgreSQL's DETAIL shows the key that is there already, or the whole row that was refused.
    """

    @event.listens_for(engine, "handle_error")
    def _failed(context: ExceptionContext) -> None:
        original, wrapped = context.original_exception, context.sqlalchemy_exception
        primary = getattr(getattr(original, "diag", None), "message_primary", None)
        if primary is None or wrapped is None:
            return
        wrapped.args = (str(wrapped.args[0]).replace(str(original), primary),)
        original.args = (primary,)
