"""How things are shown: dates with their zone, instants for the viewer, numbers with their unit.

A last day is a local date in the contract's zone and is shown so; it ends at 24:00 there. An
instant is shown in UTC, by name, and a small script turns it into the viewer's own zone.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from flask import Flask
from markupsafe import Markup, escape

STATES: Final = {
    "active": "good",
    "approved": "good",
    "enabled": "good",
    "passed": "good",
    "sent": "good",
    "running": "good",
    "pending": "wait",
    "requested": "wait",
    "proposed": "wait",
    "waiting": "wait",
    "draft": "wait",
    "suspended": "bad",
    "failed": "bad",
    "rejected": "bad",
    "dead": "bad",
    "removed": "off",
    "ended": "off",
    "disabled": "off",
    "lapsed": "off",
}
# In the pages' own language: ``strftime`` asks the server's, and takes longer.
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def long_date(day: date) -> str:
    """Return a date as one says it: ``1 March 2027``."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def city(zone: str) -> str:
    """Return the short name of an IANA zone: ``Berlin`` of ``Europe/Berlin``."""
    return zone.rpartition("/")[2].replace("_", " ")


def last_day(day: date, zone: str) -> str:
    """Return a last day with its end: ``1 March 2027, 24:00 Berlin``."""
    return f"{long_date(day)}, 24:00 {city(zone)}"


def ends(instant: datetime, zone: str) -> str:
    """Return an end, in its zone, as a last day where the next day begins with it.

    Args:
        instant: the first moment at which it is over; aware.
        zone: IANA time zone that the end was meant in.
    """
    local = instant.astimezone(ZoneInfo(zone))
    # Midnight, or where the clocks jump over it the instant of the jump.
    begins = datetime.combine(local.date(), time(), local.tzinfo).astimezone(UTC)
    if begins == instant.astimezone(UTC):
        return last_day(local.date() - timedelta(days=1), zone)
    return f"{long_date(local.date())}, {local:%H:%M} {city(zone)}"


def instant(moment: datetime, *, only_day: bool = False) -> Markup:
    """Return an instant as ``<time>``: UTC, named; the script shows it in the viewer's zone."""
    utc = moment.astimezone(UTC)
    machine = utc.isoformat(timespec="seconds")[:19]
    text = long_date(utc) if only_day else f"{long_date(utc)}, {machine[11:16]} UTC"
    shown = "day" if only_day else "minute"
    # Nothing in it is anybody's text; ``Markup.format`` would take ten times as long.
    return Markup(f'<time datetime="{machine}Z" data-show="{shown}">{text}</time>')  # noqa: S704


def ago(moment: datetime, now: datetime) -> str:
    """Return how long ago something was, or how long it takes until then, in one unit."""
    seconds = (now - moment).total_seconds()
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if abs(seconds) >= size:
            amount = plural(int(abs(seconds) // size), unit)
            return f"{amount} ago" if seconds > 0 else f"in {amount}"
    return "just now" if seconds >= 0 else "in a moment"


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return a number with its word: ``1 guest``, ``1,204 guests``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def sentence_list(items: Iterable[str], last: str = "and") -> str:
    """Return items as a sentence lists them: ``a, b and c``."""
    *first, final = [*items] or [""]
    return f"{', '.join(first)} {last} {final}" if first else final


def state_kind(state: str) -> str:
    """Return how a state is coloured: ``good``, ``wait``, ``bad`` or ``off``."""
    return STATES.get(state, "off")


def lines(text: str) -> Markup:
    """Return a text of several lines, escaped, with its line breaks."""
    return Markup("<br>").join(escape(line) for line in text.splitlines())


def apart(name: str) -> Markup:
    """Return a name that reorders nothing beside it, whatever the direction it is written in."""
    return Markup(f"<bdi>{escape(name)}</bdi>")  # noqa: S704 # the name is escaped


def apart_list(names: Iterable[str], last: str = "and") -> Markup:
    """Return names as a sentence lists them, each kept apart in direction."""
    return Markup(sentence_list(map(apart, names), last))  # noqa: S704 # every part is escaped


def naming(sentence: str, *names: str) -> Markup:
    """Return a sentence in which each ``{}`` is a name, kept apart in direction."""
    return escape(sentence).format(*map(apart, names))


@cache
def contact(text: str) -> Markup:
    """Return the host's own support contact as a link: mail, https or telephone, else as text."""
    if text.startswith("https://"):
        target = text
    elif "@" in text and " " not in text:
        target = f"mailto:{text}"
    elif text.lstrip("+").replace(" ", "").isdigit():
        target = f"tel:{text.replace(' ', '')}"
    else:
        return escape(text)
    return Markup('<a href="{}">{}</a>').format(target, text)


def init_display(app: Flask) -> None:
    """Give the templates these words."""
    app.jinja_env.filters.update(
        long_date=long_date,
        city=city,
        last_day=last_day,
        ends=ends,
        instant=instant,
        ago=ago,
        plural=plural,
        sentence_list=sentence_list,
        state_kind=state_kind,
        lines=lines,
        apart=apart,
        apart_list=apart_list,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
