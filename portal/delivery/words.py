"""How the values of a payload read in a mail: pure, and the same in the text and the HTML part.

What a partner supplied is quoted and never becomes a link: a mail program makes links of what looks
like one, so what looks like one gets an invisible joint. The word on the screen stays the same.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

_LONGEST = 500
_JOINT = "\u200b"  # zero width space: ends the run of characters that a mail program would link
_LINK_LIKE = re.compile(
    r"(?<=:)(?=//)|(?<=\w)(?=\.\w{2,})|(?<=www)(?=\.)|(?<=@)(?=\w)", re.IGNORECASE
)
# What would end a quotation, or looks so, stands in it as an apostrophe.
_MARKS = dict.fromkeys(map(ord, '“”„‟"\uff02\u301d\u301e\u301f'), "'")
_ADDRESS = re.compile(r"[A-Za-z0-9._+'=-]{1,64}@([a-z0-9-]{1,63}\.)+[a-z0-9-]{2,63}")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def one_line(text: str, limit: int = _LONGEST) -> str:
    """Return *text* on one line: white space folded, controls, bidi and zero-width removed, cut."""
    spaced = "".join(" " if char.isspace() else char for char in text)
    seen = "".join(char for char in spaced if not unicodedata.category(char).startswith("C"))
    folded = " ".join(unicodedata.normalize("NFC", seen).split())
    return folded if len(folded) <= limit else f"{folded[: limit - 1]}…"


def quoted(text: str | None) -> str:
    """Return what a partner said, in quotation marks, with no chance to end them or be a link."""
    return f"“{_LINK_LIKE.sub(_JOINT, one_line(text or '')).translate(_MARKS)}”"


def address(text: str | None) -> str:
    """Return an address in quotation marks; a plain one stays as it is, to be copied."""
    if not text:
        return "no address"
    return f"“{text}”" if _ADDRESS.fullmatch(text) else quoted(text)


def day(text: str) -> str:
    """Return an ISO date as people write it: 1 March 2027."""
    found = date.fromisoformat(text)
    return f"{found.day} {_MONTHS[found.month - 1]} {found.year}"


def instant(text: str) -> str:
    """Return an ISO instant with its zone: 1 March 2027, 13:05 UTC. A mail knows no other zone."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("an instant in a mail needs its zone")
    found = found.astimezone(UTC)
    return f"{day(found.date().isoformat())}, {found:%H:%M} UTC"


def optional(show: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return *show* for values that may be missing: None and empty text become None."""

    def show_if_there(value: Any) -> Any:
        return None if value is None or value == "" else show(value)

    return show_if_there


def person(text: str | None) -> str:
    """Return a guest's name as the partner states it, or words for one who has none."""
    return quoted(text) if text and one_line(text) else "somebody without a name"


def people(rows: Iterable[Iterable[str]]) -> list[str]:
    """Return guests, each a name and an organisation, as lines of a list."""
    return [f"{person(name)} of {one_line(organisation)}" for name, organisation in rows]


def identifier(text: str) -> str:
    """Return an id, which becomes part of a link."""
    return str(UUID(text))


# How each field is shown. A field that is not here cannot be shown at all.
SHOWN: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        # What a partner supplied.
        "guest_name": person,
        "guests": people,
        "guest_email": address,
        "email": address,
        "old": address,
        "new": address,
        "why": optional(quoted),
        "works_with": optional(quoted),
        # What the host's own people and settings say.
        "organisation": one_line,
        "contract": one_line,
        "entitlement": one_line,
        "sponsor": one_line,
        "by": one_line,
        "taken": one_line,
        "name": one_line,
        "reason": one_line,
        "reference": one_line,
        "time_zone": one_line,
        "count": int,
        "out": optional(int),
        "most_new_per_hour": int,
        "at_once": bool,
        "waited": bool,
        "stays": bool,
        "held": bool,
        "moved": bool,
        "runs": bool,
        "closed": bool,
        "lifted": bool,
        "url": str,
        "guest_id": identifier,
        "sponsorship_id": identifier,
        # When.
        "last_day": optional(day),
        "asked_at": instant,
        "lapses_at": optional(instant),
        "approve_by": optional(instant),
        "due_at": instant,
        "ends_at": instant,
        "expires_at": instant,
        "removes_at": optional(instant),
        "removed_at": optional(instant),
        "since": instant,
        "out_since": optional(instant),
        "until": instant,
        "at": instant,
    }
)


def shown(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return every value of a payload as it is to be read.

    Raises:
        KeyError, ValueError, TypeError: a field that cannot be shown; the mail cannot be written.
    """
    return {field: SHOWN[field](value) for field, value in payload.items()}
