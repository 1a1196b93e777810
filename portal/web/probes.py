"""For machines: is it alive, and can it work? Also answered by address, and never counted."""

from typing import Final

from flask import Blueprint, Response
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from portal.foundation.db import db
from portal.foundation.queues import connection
from portal.web.guards import for_anyone

bp = Blueprint("probes", __name__)
# A server that became a standby answers; SQLite reads its file only where a table is asked for.
_ASKS: Final = {
    "postgresql": "SELECT current_setting('transaction_read_only')",
    "sqlite": "SELECT 'off' FROM alembic_version",
}


@bp.get("/healthz")
@for_anyone
def alive() -> Response:
    """Say that the process answers."""
    return _line("alive")


@bp.get("/readyz")
@for_anyone
def ready() -> Response:
    """Say whether database and queue answer."""
    faults = [*_database(), *_queue()]
    return _line("; ".join(faults) or "ready", 503 if faults else 200)


def _database() -> list[str]:
    try:
        said = db.session.scalar(text(_ASKS[db.engine.dialect.name]))
    except SQLAlchemyError:
        db.session.rollback()
        return ["the database does not answer"]
    return ["the database takes no writes"] if said == "on" else []


def _queue() -> list[str]:
    try:
        connection().ping()
    except (RedisError, OSError):
        return ["the queue does not answer"]
    return []


def _line(words: str, status: int = 200) -> Response:
    return Response(f"{words}\n", status, content_type="text/plain; charset=utf-8")
