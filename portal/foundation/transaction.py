"""The only commit of the house.

``with transaction(actor=..., now=...) as tx`` begins a writing transaction, commits at its end and
rolls back on any error. A user loader has already read in this session: what it read is rolled back
first, so that rows are read again under the locks of this transaction.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Table
from sqlalchemy.orm import Session

from portal.foundation.db import db, insert_into

# No vowels and no look-alikes: a reference is read aloud on the telephone.
_ALPHABET = "23456789BCDFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does it: a person, a job, or somebody at the server's shell."""

    kind: str
    id: UUID | None = None
    name: str | None = None

    @property
    def text(self) -> str:
        """Return how the audit log names the actor, like ``staff:0190...`` or ``system:sweep``."""
        return f"{self.kind}:{self.id or self.name}" if self.id or self.name else self.kind

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


@dataclass(slots=True)
class Tx:
    """An open writing transaction: who writes, when (policy clock), under which reference."""

    session: Session
    now: datetime
    actor: Actor
    reference: str
    after_commit: list[Callable[[], object]] = field(default_factory=list)
    _at_end: dict[Table, list[Mapping[str, Any]]] = field(default_factory=dict)

    def insert_at_end(self, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep rows for one INSERT a table just before the commit; they fail or stand with it."""
        self._at_end.setdefault(table, []).extend(rows)

    def write_kept(self) -> None:
        """Insert what was kept, the tables in the order in which they were first named."""
        for table, rows in self._at_end.items():
            self.session.execute(insert_into(table), rows)
        self._at_end.clear()


def new_reference() -> str:
    """Return a reference number: the correlation id that a person can read out (about 48 bits)."""
    text = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    return f"{text[:4]}-{text[4:7]}-{text[7:]}"


@contextmanager
def transaction(*, actor: Actor, now: datetime, reference: str | None = None) -> Iterator[Tx]:
    """Open the one writing transaction of this request, command or batch.

    Args:
        actor: who acts, for the audit.
        now: the policy clock's time, aware, UTC; every write of this transaction bears it.
        reference: the correlation id; a new one when the caller has none yet.

    Raises:
        RuntimeError: the session holds changes that nobody wrote through a transaction.
    """
    session: Session = db.session()
    if session.in_transaction():
        if session.new or session.dirty or session.deleted:
            session.rollback()
            raise RuntimeError("rows were changed outside a transaction")
        session.rollback()
    options: dict[str, Any] = {"portal_write": True}
    if session.get_bind().dialect.name == "postgresql":
        options["isolation_level"] = "READ COMMITTED"
    session.connection(execution_options=options)
    tx = Tx(session=session, now=now, actor=actor, reference=reference or new_reference())
    try:
        yield tx
        tx.write_kept()
        session.commit()
    except BaseException:
        session.rollback()
        raise
    for hook in tx.after_commit:
        hook()
