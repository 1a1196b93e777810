"""What the audit log says of the trust that a test has changed."""

from typing import Any

from sqlalchemy import inspect, select

from portal.audit import queries as audit
from portal.audit.rules import plain
from portal.foundation.db import Base, db


def events() -> list[str]:
    """The names of all events, oldest first."""
    return [one.event for one in audit.search(db.session, audit.Filter(), oldest_first=True)]


def last_event() -> audit.Entry:
    """The newest event."""
    return audit.search(db.session, audit.Filter(), limit=1)[0]


def rows(model: type[Base], *left_out: str) -> dict[str, dict[str, Any]]:
    """Return a table as folding the events gives it."""
    names = [one.key for one in inspect(model).columns if one.key not in left_out]
    found = db.session.scalars(select(model)).all()
    return {
        str(row.id): {name: plain(getattr(row, name)) for name in names}  # type: ignore[attr-defined]
        for row in found
    }
