"""A contract's window: instants computed once from local days."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import cache
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from portal.foundation.refused import Refused

FIRST_YEAR = 1990
LAST_YEAR = 2999
# Names that the zone database keeps but that are no zone of people somewhere.
_NO_ZONES = frozenset({"localtime", "posixrules", "Factory"})
# The zone database names its zones by area and place; what it names otherwise is an alias.
_AREAS = frozenset(
    {
        *("Africa", "America", "Antarctica", "Arctic", "Asia"),
        *("Atlantic", "Australia", "Europe", "Indian", "Pacific"),
    }
)


@dataclass(frozen=True, slots=True)
class ContractFacts:
    """What the decisions need to know of a contract.

    Attributes:
        id: of the row.
        reference: as the organisations call it.
        begins_at: first instant, UTC.
        ends_at: first instant at which it no longer runs, UTC; ``None``: open-ended.
        last_day: local, in *time_zone*; ``None``: open-ended.
        time_zone: IANA name.
    """

    id: UUID
    reference: str
    begins_at: datetime
    ends_at: datetime | None
    last_day: date | None
    time_zone: str

    def runs(self, now: datetime) -> bool:
        """Return whether the contract runs at this instant."""
        return self.begins_at <= now and (self.ends_at is None or now < self.ends_at)


def gap_before(
    new: ContractFacts, known: Iterable[ContractFacts], now: datetime
) -> datetime | None:
    """Return when the last of the running contracts ends, where a new one begins only after it.

    Guests go on under a contract that a sponsor vouches under, and that must run already.

    Args:
        new: the contract that was added.
        known: those of its organisation, in any order; *new* may be among them.
        now: the policy clock, aware.
    """
    running = [one.ends_at for one in known if one.runs(now)]
    if not running or None in running:
        return None
    last = max(end for end in running if end is not None)
    return last if last <= new.begins_at else None


def contract_begin(first_day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a contract.

    Args:
        first_day: first day of the contract, inclusive, in *zone*.
        zone: IANA time zone (RFC 9636), such as Europe/Berlin.

    Returns:
        Aware, UTC. Local midnight; where the clocks jump over it, the instant of the jump.
    """
    return datetime.combine(first_day, time(), zone).astimezone(UTC)


def contract_end(last_day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant at which the contract no longer runs.

    Args:
        last_day: last day of the contract, inclusive, in *zone*.
        zone: IANA time zone (RFC 9636), such as Europe/Berlin.

    Returns:
        Aware, UTC. Local midnight: the last day may have 23 or 25 hours.
    """
    return datetime.combine(last_day + timedelta(days=1), time(), zone).astimezone(UTC)


@cache
def zones() -> tuple[str, ...]:
    """Return the time zones to choose from, by name: those called by a place, and UTC."""
    found = available_timezones()
    placed = {name for name in found if name.partition("/")[0] in _AREAS}
    return tuple(sorted(placed | {"UTC"}))


def _zones_at(place: str) -> list[str]:
    """Return the zones that are called by a place, however it is written: ``new york``."""
    said = place.replace(" ", "_").casefold()
    return [name for name in zones() if name.rpartition("/")[2].casefold() == said]


def check_zone(name: str) -> ZoneInfo:
    """Return the time zone of this IANA name.

    Raises:
        Refused: there is none; the message offers one of that place, or that is spelled alike.
    """
    name = name.strip()
    usable = name not in _NO_ZONES and not name.startswith(("posix/", "right/"))
    try:
        if usable:
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    close = get_close_matches(name, sorted(available_timezones() - _NO_ZONES), n=1)
    likely = _zones_at(name) or close
    hint = f"Did you mean {likely[0]}?" if likely else "Enter an IANA name such as Europe/Berlin."
    raise Refused("time_zone", f"There is no time zone {name[:64]!r}. {hint}")


def check_year(field: str, day: date | None) -> None:
    """Refuse a year nobody means, with which no instant can be reckoned.

    Raises:
        Refused: so it is.
    """
    if day is not None and not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise Refused(field, f"Enter a year from {FIRST_YEAR} to {LAST_YEAR}")


def check_days(first_day: date | None, last_day: date | None, *, open_ended: bool) -> None:
    """Hold a contract's days against each other and against the calendar.

    Args:
        first_day: none where it has still to be said.
        last_day: none only if *open_ended*.
        open_ended: said explicitly.

    Raises:
        Refused: no end and not open-ended, both, out of order, or a year nobody means.
    """
    check_year("first_day", first_day)
    check_year("last_day", last_day)
    if open_ended and last_day is not None:
        raise Refused("last_day", "Leave out the last day, or do not say open-ended")
    if not open_ended and last_day is None:
        raise Refused("last_day", "Enter the last day, or say that the contract is open-ended")
    if first_day is not None and last_day is not None and last_day < first_day:
        begins = f"{first_day:%-d %B %Y}"  # as the pages write a date
        raise Refused(
            "last_day", f"The contract would end before it starts: choose {begins} or later"
        )
