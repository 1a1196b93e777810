"""Does everything answer? One clear line for each thing the portal leans on."""

from collections.abc import Iterator
from dataclasses import dataclass

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from portal.commands._faults import first_line, where_it_is
from portal.commands._shared import portal_context
from portal.commands.database import (
    database_revision,
    newer_fault,
    newest_revision,
    require_writes,
)
from portal.commands.secrets import stored
from portal.delivery.smtp import Postbox, Undeliverable
from portal.foundation.queues import connect, foreign_jobs
from portal.foundation.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found of one thing.

    Attributes:
        fine: whether the portal can work with it.
        line: says so, and what to do if not.
    """

    fine: bool
    line: str


def check(settings: Settings) -> Iterator[Finding]:
    """Try database, stored secrets, queue and mail server, one after the other."""
    yield (database := _database(settings))
    for probe in (_secrets, _queue, _mail) if database.fine else (_queue, _mail):
        yield probe(settings)


def _database(settings: Settings) -> Finding:
    kind = "PostgreSQL" if settings.database.startswith("postgresql") else "SQLite"
    try:
        found, wanted = database_revision(settings.database), newest_revision()
    except SQLAlchemyError as fault:
        return _unusable(fault, settings)
    if found is None:
        return Finding(fine=False, line="database: it is empty; run `portal db upgrade`")
    if newer := newer_fault(found):
        return Finding(fine=False, line=f"database: {newer}")
    if found != wanted:
        return Finding(
            fine=False, line=f"database: it is at {found}, not at {wanted}; run `portal db upgrade`"
        )
    try:
        require_writes(settings.database)
    except SQLAlchemyError as fault:
        return _unusable(fault, settings)
    return Finding(fine=True, line=f"database: {kind}, up to date ({found})")


def _unusable(fault: SQLAlchemyError, settings: Settings) -> Finding:
    said = first_line(getattr(fault, "orig", None) or fault)
    return Finding(fine=False, line=f"database: {said}; see {where_it_is(settings)}")


def _secrets(settings: Settings) -> Finding:
    with portal_context(settings):
        old = [one for one in stored() if not one.under_first]
        lost = [one.name for one in old if not one.readable]
    if lost:
        others = f" (nor {len(lost) - 1} others)" if lost[1:] else ""
        line = f"secrets: no key opens the {lost[0]}{others}; see PORTAL_SECRET_KEYS"
        line += ", or replace it as `portal secrets rotate` says"
        return Finding(fine=False, line=line)
    if old:
        return Finding(
            fine=True, line=f"secrets: {len(old)} under an old key; run `portal secrets rotate`"
        )
    return Finding(fine=True, line="secrets: all under the first key")


def _queue(settings: Settings) -> Finding:
    try:
        with connect(settings) as redis:
            redis.ping()
            waiting, foreign = redis.llen("rq:queue:portal"), foreign_jobs(redis)
    except (RedisError, OSError, ValueError) as fault:
        return Finding(fine=False, line=f"queue: {first_line(fault)}; see PORTAL_REDIS_URL")
    refused = (
        f"; refused foreign jobs {foreign} times: see who else writes to it" if foreign else ""
    )
    return Finding(fine=True, line=f"queue: answers, {waiting} waiting{refused}")


def _mail(settings: Settings) -> Finding:
    try:
        with Postbox(settings) as postbox:
            postbox.knock()
    except Undeliverable as fault:
        return Finding(fine=False, line=f"mail: {fault.message}; see PORTAL_SMTP_URL")
    return Finding(fine=True, line="mail: the server answers")
