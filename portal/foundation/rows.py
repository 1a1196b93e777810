"""Write a row and say what was set, so that the audit event carries exactly what the row does."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from portal.foundation.db import Base, uuid7
from portal.foundation.refused import Refused
from portal.foundation.transaction import Tx

Sets = dict[str, dict[str, Any]]


def key(model: type[Base], row_id: UUID) -> str:
    """Return how events name a row: ``table:id``."""
    return f"{model.__tablename__}:{row_id}"


def add(tx: Tx, model: type[Base], values: Mapping[str, Any]) -> tuple[UUID, Sets]:
    """Insert a row with a new id.

    Returns:
        Its id, and every column that was set by ``table:id``.
    """
    row_id = uuid7()
    whole = {"id": row_id, **values}
    tx.session.execute(insert(model), [whole])
    return row_id, {key(model, row_id): whole}


def edit(tx: Tx, row: Base, values: Mapping[str, Any]) -> Sets:
    """Change a row that was read under lock.

    Returns:
        The columns whose value is another now, by ``table:id``; empty when nothing changed.
    """
    new = {name: value for name, value in values.items() if getattr(row, name) != value}
    if not new:
        return {}
    for name, value in new.items():
        setattr(row, name, value)
    tx.session.flush()
    row_id: UUID = row.id  # type: ignore[attr-defined] # every table of ours that is edited has one
    return {key(type(row), row_id): new}


def add_unique(
    tx: Tx, model: type[Base], values: Mapping[str, Any], taken: Refused
) -> tuple[UUID, Sets]:
    """Insert a row as `add` does; a unique constraint decides, not a look beforehand.

    Raises:
        Refused: *taken*, when there is such a row already; the transaction goes on.
    """
    try:
        with tx.session.begin_nested():
            return add(tx, model, values)
    except IntegrityError as fault:
        if not _is_duplicate(fault):
            raise
        raise taken from fault


def _is_duplicate(fault: IntegrityError) -> bool:
    """Whether it was a unique constraint: another one broken is a defect of ours."""
    code = getattr(fault.orig, "sqlstate", None)  # PostgreSQL's 23505: unique_violation
    return code == "23505" or "UNIQUE constraint failed" in str(fault.orig)
