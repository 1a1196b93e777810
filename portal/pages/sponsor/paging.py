"""Where a page of a list ended, as it stands in the address of the next one."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import request, url_for

from portal.access.queries import Place

_PARTS = ("0", "1")


def before() -> tuple[datetime, UUID] | None:
    """Return where the page before this one ended; an address that somebody bent begins anew."""
    at, key = _instant("at"), _id("before")
    return None if at is None or key is None else (at, key)


def after() -> Place | None:
    """Return the same of a list in parts."""
    part, at, since, key = request.args.get("part"), _instant("at"), _instant("since"), _id("after")
    if part not in _PARTS or at is None or since is None or key is None:
        return None
    return Place(int(part), at, since, key)


def going_on(endpoint: str, last: Place | None, **kept: Any) -> str:
    """Return the address of the page that goes on behind this place; empty where none does."""
    if last is None:
        return ""
    at, since = last.at.isoformat(), last.since.isoformat()
    return url_for(endpoint, part=last.part, at=at, since=since, after=last.id, **kept)


def _instant(name: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(request.args.get(name, ""))
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _id(name: str) -> UUID | None:
    return request.args.get(name, type=UUID)
