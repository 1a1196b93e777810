"""The only commit of the house.

``with transaction(actor=..., now=...) as tx`` begins a writing transaction, commits at its end and
rolls back on any error. A user loader has already read in this session: what it read is rolled back
first, so that rows are read again under the locks of this transaction.

``with single_write(...) as tx`` is the small one: one statement, which is a transaction by itself.
"""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Connection, CursorResult, Executable, Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from portal.foundation.db import db, let_go, writes_on
from portal.foundation.inserts import Into, insert_all, insert_into

_DEADLOCK = "40P01"  # PostgreSQL: deadlock_detected
_TRIES = 3  # of a transaction that the database takes back for a deadlock
# No vowels and no look-alikes: a reference is read aloud on the telephone.
_ALPHABET = "23456789BCDFGHJKMNPQRSTVWXYZ"


T = TypeVar("T")
Values = Mapping[str, Any] | Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does it: a person, a job, or somebody at the server's shell.

    Attributes:
        kind: ``staff``, ``guest``, ``system``, ``shell`` or ``anonymous``.
        id: of a person's row.
        name: of a job, or of an account of the server's.
        address: from where somebody came of whom nothing else is known yet.
    """

    kind: str
    id: UUID | None = None
    name: str | None = None
    address: str | None = None

    @property
    def text(self) -> str:
        """Return how the audit log names the actor, like ``staff:0190...`` or ``system:sweep``."""
        return f"{self.kind}:{self.id or self.name}" if self.id or self.name else self.kind

    @classmethod
    def anonymous(cls, address: str | None) -> "Actor":
        """Return somebody who is not signed in."""
        return cls("anonymous", address=address)

    @classmethod
    def staff(cls, staff_id: UUID) -> "Actor":
        """Return an employee of the host."""
        return cls("staff", staff_id)

    @classmethod
    def guest(cls, guest_id: UUID) -> "Actor":
        """Return a guest."""
        return cls("guest", guest_id)

    @classmethod
    def system(cls, job: str) -> "Actor":
        """Return the portal itself, by the job that acts."""
        return cls("system", None, job)

    @classmethod
    def shell(cls, user: str) -> "Actor":
        """Return somebody at the server's command line."""
        return cls("shell", None, user)


ANONYMOUS = Actor("anonymous")
_TIME = Actor.system("time")


class Writer(ABC):
    """Something that runs statements about tables in a transaction."""

    __slots__ = ()

    @abstractmethod
    def execute(self, statement: Executable, values: Values | None = None) -> CursorResult[Any]:
        """Run a statement."""

    def insert(self, table: Table, values: Mapping[str, Any]) -> None:
        """Insert one row; a column without a value keeps its default."""
        given = {name: value for name, value in values.items() if value is not None}
        self.execute(insert_into(table), given)


@dataclass(slots=True)
class Tx(Writer):
    """An open writing transaction: who writes, when (policy clock), under which reference.

    Attributes:
        connection: its database connection, for statements about tables.
    """

    connection: Connection
    now: datetime
    actor: Actor
    reference: str
    after_commit: list[Callable[[], object]] = field(default_factory=list)
    _at_end: dict[Into, list[Mapping[str, Any]]] = field(default_factory=dict)

    @property
    def session(self) -> Session:
        """The request's session on this connection, for mapped objects; costs more."""
        return db.session()

    def execute(self, statement: Executable, values: Values | None = None) -> CursorResult[Any]:
        """Run a statement; one row is written in half the time of a list of one."""
        if isinstance(values, list) and len(values) == 1:
            values = values[0]
        return self.connection.execute(statement, values)

    def by_time(self) -> "Tx":
        """Return this transaction for what time has done by itself, whoever came across it."""
        return self if self.actor.kind == "system" else replace(self, actor=_TIME)

    def insert_at_end(
        self, table: Table, rows: Sequence[Mapping[str, Any]], *, once_by: str | None = None
    ) -> None:
        """Keep rows for just before the commit, with all others; they fail or stand with it.

        Nobody finds them until then: whoever reads them in this transaction calls ``write_kept``.

        Args:
            table: into which.
            rows: each names every column that has no default in the database.
            once_by: a unique column; a row whose value is there already is left alone.
        """
        self._at_end.setdefault(Into(table, once_by), []).extend(rows)

    @property
    def idle(self) -> bool:
        """Whether nothing has changed so far: whatever does keeps its event for the end."""
        return not self._at_end

    def write_kept(self) -> None:
        """Insert what was kept so far."""
        insert_all(self.connection, self._at_end)
        for rows in self._at_end.values():
            rows.clear()  # the tables stay named: something has changed here


def new_reference() -> str:
    """Return a reference number: the correlation id that a person can read out (about 48 bits)."""
    left = secrets.randbelow(len(_ALPHABET) ** 10)
    text = ""
    while len(text) < 10:  # noqa: PLR2004 - as the power above
        left, letter = divmod(left, len(_ALPHABET))
        text += _ALPHABET[letter]
    return f"{text[:4]}-{text[4:7]}-{text[7:]}"


@contextmanager
def transaction(*, actor: Actor, now: datetime, reference: str | None = None) -> Iterator[Tx]:
    """Open the one writing transaction of this request, command or batch.

    Args:
        actor: who acts, for the audit.
        now: the policy clock's time, aware, UTC; every write of this transaction bears it.
        reference: the correlation id; a new one when the caller has none yet.

    Raises:
        RuntimeError: the session holds changes that nobody wrote through a transaction, or a
            transaction is open already.
    """
    _require_unchanged()
    let_go()
    options: dict[str, Any] = {"portal_write": True}
    if db.engine.dialect.name == "postgresql":
        options["isolation_level"] = "READ COMMITTED"
    with (
        db.engine.connect().execution_options(**options) as connection,
        connection.begin(),
        writes_on(connection),
    ):
        tx = Tx(connection, now, actor, reference or new_reference())
        try:
            yield tx
            tx.write_kept()
            _end_session(Session.commit)
        except BaseException:
            _end_session(Session.rollback)
            raise
    for hook in tx.after_commit:
        hook()


def _require_unchanged() -> None:
    """Refuse to begin while the request's session holds what nobody wrote."""
    if not db.session.registry.has():
        return
    session: Session = db.session()
    if session.in_transaction() and (session.new or session.dirty or session.deleted):
        session.rollback()
        raise RuntimeError("rows were changed outside a transaction")


def _end_session(how: Callable[[Session], None]) -> None:
    """End what the session has in the transaction, if it was asked for; the transaction stays."""
    if db.session.registry.has():
        how(db.session())


def was_deadlock(fault: BaseException) -> bool:
    """Say whether the database took this one back of two that waited for each other: once more."""
    return getattr(getattr(fault, "orig", None), "sqlstate", None) == _DEADLOCK


def again_after_deadlock(carry_out: Callable[[], T]) -> T:
    """Run a whole transaction, and again after a deadlock: that is nobody's fault.

    Twice at most: whoever begins again at once may take the row from under the other one, which
    has not woken yet, and the two wait for each other once more.
    """
    for _ in range(_TRIES - 1):
        try:
            return carry_out()
        except DBAPIError as fault:
            if not was_deadlock(fault):
                raise
    return carry_out()


class SingleTx(Writer):
    """A transaction of one statement, about which the audit log has nothing to say."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection: Connection | None = connection

    def execute(self, statement: Executable, values: Values | None = None) -> CursorResult[Any]:
        """Run the statement.

        Raises:
            RuntimeError: it is the second one, which would not stand or fall with the first.
        """
        connection, self._connection = self._connection, None
        if connection is None:
            raise RuntimeError("a single write is one statement: open a transaction")
        return connection.execute(statement, values)


@contextmanager
def single_write() -> Iterator[SingleTx]:
    """Open a transaction for one statement; on PostgreSQL that saves BEGIN and COMMIT, a trip each.

    What the request's session has read is given back first: nobody holds two connections.
    """
    let_go()
    with db.engine.connect().execution_options(portal_write=True) as connection:
        yield SingleTx(connection)
        connection.commit()
