"""A contract's window is computed once, from local days."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from portal.foundation.refused import Refused
from portal.trust.rules import (
    ContractFacts,
    check_days,
    check_zone,
    contract_begin,
    contract_end,
    gap_before,
    zones,
)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type] # year, month, day, ...


@pytest.mark.parametrize(
    ("zone", "day", "begin", "end"),
    [
        ("UTC", date(2026, 3, 1), at(2026, 3, 1), at(2026, 3, 2)),
        ("Europe/Berlin", date(2026, 1, 1), at(2025, 12, 31, 23), at(2026, 1, 1, 23)),
        # 23 hours, and 25.
        ("Europe/Berlin", date(2026, 3, 29), at(2026, 3, 28, 23), at(2026, 3, 29, 22)),
        ("Europe/Berlin", date(2027, 3, 28), at(2027, 3, 27, 23), at(2027, 3, 28, 22)),
        ("Europe/Berlin", date(2026, 10, 25), at(2026, 10, 24, 22), at(2026, 10, 25, 23)),
        ("Pacific/Kiritimati", date(2026, 6, 1), at(2026, 5, 31, 10), at(2026, 6, 1, 10)),
        ("Asia/Kathmandu", date(2026, 6, 1), at(2026, 5, 31, 18, 15), at(2026, 6, 1, 18, 15)),
        # Midnight is jumped over: the day begins with the jump.
        ("America/Santiago", date(2026, 9, 6), at(2026, 9, 6, 4), at(2026, 9, 7, 3)),
        # Midnight comes twice: the day begins with the first.
        ("America/Havana", date(2026, 11, 1), at(2026, 11, 1, 4), at(2026, 11, 2, 5)),
        ("Europe/Berlin", date(2024, 2, 29), at(2024, 2, 28, 23), at(2024, 2, 29, 23)),
        ("Europe/Berlin", date(2026, 12, 31), at(2026, 12, 30, 23), at(2026, 12, 31, 23)),
    ],
)
def test_j13_a_day_begins_and_ends_at_local_midnight(
    zone: str, day: date, begin: datetime, end: datetime
):
    """The last day may have 23 or 25 hours; the end is the next day's beginning."""
    assert contract_begin(day, ZoneInfo(zone)) == begin
    assert contract_end(day, ZoneInfo(zone)) == end
    assert contract_end(day, ZoneInfo(zone)) == contract_begin(
        day + timedelta(days=1), ZoneInfo(zone)
    )
    assert contract_begin(day, ZoneInfo(zone)).tzinfo is UTC
    assert contract_end(day, ZoneInfo(zone)).tzinfo is UTC


TICK = timedelta(microseconds=1)
BEGIN, END = at(2026, 1, 1), at(2026, 2, 1)


@pytest.mark.parametrize(
    ("ends_at", "now", "runs"),
    [
        (END, BEGIN - TICK, False),
        (END, BEGIN, True),
        (END, END - TICK, True),
        (END, END, False),
        (END, END + TICK, False),
        (None, BEGIN - TICK, False),
        (None, BEGIN, True),
        (None, at(2999, 1, 1), True),
        (BEGIN, BEGIN, False),
    ],
)
def test_it_runs_from_its_beginning_until_before_its_end(
    ends_at: datetime | None, now: datetime, *, runs: bool
):
    """The beginning belongs to it, the end does not."""
    facts = ContractFacts(UUID(int=1), "C-1", BEGIN, ends_at, None, "UTC")
    assert facts.runs(now) is runs


def facts_of(number: int, begins_at: datetime, ends_at: datetime | None) -> ContractFacts:
    return ContractFacts(UUID(int=number), f"C-{number}", begins_at, ends_at, None, "UTC")


LATER = timedelta(days=1)


@pytest.mark.parametrize(
    ("begins_at", "others", "gap"),
    [
        pytest.param(END, [(BEGIN, END)], END, id="where the other ends"),
        pytest.param(END + LATER, [(BEGIN, END)], END, id="later"),
        pytest.param(END - TICK, [(BEGIN, END)], None, id="both run for a moment"),
        pytest.param(BEGIN, [(BEGIN, BEGIN + LATER)], None, id="it runs already"),
        pytest.param(END, [(BEGIN, END - LATER), (BEGIN, END)], END, id="the last one counts"),
        pytest.param(END, [(BEGIN, END + LATER), (BEGIN, END)], None, id="one goes on past it"),
        pytest.param(END, [(BEGIN, None), (BEGIN, END)], None, id="one is open-ended"),
        pytest.param(END, [(BEGIN - LATER, BEGIN)], None, id="it was over before"),
        pytest.param(END, [(END - LATER, END)], None, id="it has not begun either"),
        pytest.param(END, [], None, id="the first one"),
    ],
)
def test_a_contract_that_begins_too_late_leaves_a_gap(
    begins_at: datetime, others: list[tuple[datetime, datetime | None]], gap: datetime | None
):
    """Nobody can vouch under it while the ones before run: whoever is in goes out with them."""
    new = facts_of(1, begins_at, END + 9 * LATER)
    known = [facts_of(number, *one) for number, one in enumerate(others, start=2)]
    assert gap_before(new, [*known, new], BEGIN) == gap


@pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", "America/Argentina/Ushuaia", " Etc/UTC "])
def test_a_zone_is_found_by_its_name(name: str):
    """As the zone database writes it."""
    assert check_zone(name).key == name.strip()


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Europe/Berln", "Did you mean Europe/Berlin?"),
        ("europe/berlin/", "Europe/Berlin"),
        ("", "Enter an IANA name such as Europe/Berlin."),
        ("zzzzzzzzzzzzzzz", "Enter an IANA name such as Europe/Berlin."),
        ("../../etc/passwd", "There is no time zone"),
        ("/etc/localtime", "There is no time zone"),
        ("Europe", "There is no time zone"),
        ("localtime", "There is no time zone 'localtime'"),
        ("posixrules", "There is no time zone"),
        ("Factory", "There is no time zone 'Factory'"),
        ("berlin", "Did you mean Europe/Berlin?"),
        ("New York", "Did you mean America/New_York?"),
        ("Lima", "Did you mean America/Lima?"),
        ("right/Europe/Berlin", "Did you mean Europe/Berlin?"),
        ("posix/Europe/Berlin", "Did you mean Europe/Berlin?"),
        ("a\0b", "There is no time zone"),
        ("x" * 300, "There is no time zone"),
    ],
)
def test_an_unknown_zone_is_refused_with_a_hint(name: str, hint: str):
    """What people mistype, and what is no zone of people."""
    with pytest.raises(Refused) as refused:
        check_zone(name)
    assert refused.value.field == "time_zone"
    assert hint in refused.value.message
    assert len(refused.value.message) < 200


def test_a_zone_that_only_the_system_knows_is_no_hint():
    """`Factory` is no zone of people, however alike it is spelled."""
    with pytest.raises(Refused) as refused:
        check_zone("Factor")
    assert "Factory" not in refused.value.message


def test_the_zones_to_choose_from():
    """Those of places, which people know by their city, and UTC: no alias, no system's own."""
    offered = zones()
    places = ["Africa/Cairo", "America/Argentina/Ushuaia", "Antarctica/Vostok", "Asia/Tokyo"]
    places += ["Arctic/Longyearbyen", "Atlantic/Azores", "Australia/Perth", "Europe/Berlin"]
    places += ["Indian/Maldives", "Pacific/Kiritimati"]
    assert {"UTC", *places} < set(offered)
    assert {one.partition("/")[0] for one in offered} == {
        "UTC", *(one.partition("/")[0] for one in places)
    }  # fmt: skip
    assert not {"Etc/GMT+5", "US/Eastern", "CET", "GB", "Factory", "localtime"} & set(offered)
    assert list(offered) == sorted(set(offered))
    assert all(check_zone(one).key == one for one in offered)


DAY = date(2026, 6, 1)


@pytest.mark.parametrize(
    ("first", "last", "open_ended", "field", "words"),
    [
        (DAY, DAY, False, None, ""),
        (DAY, None, True, None, ""),
        (None, DAY, False, None, ""),
        (None, None, False, "last_day", "Enter the last day, or say"),
        (date(1990, 1, 1), date(2999, 12, 31), False, None, ""),
        (DAY, date(2026, 5, 31), False, "last_day", "choose 1 June 2026 or later"),
        (DAY, None, False, "last_day", "Enter the last day, or say"),
        (DAY, DAY, True, "last_day", "Leave out the last day"),
        (date(1989, 12, 31), DAY, False, "first_day", "from 1990 to 2999"),
        (date(3000, 1, 1), None, True, "first_day", "from 1990 to 2999"),
        (DAY, date(3000, 1, 1), False, "last_day", "from 1990 to 2999"),
        (DAY, date.max, False, "last_day", "from 1990 to 2999"),
    ],
)
def test_days_are_held_against_each_other(
    first: date | None, last: date | None, open_ended: bool, field: str | None, words: str
):
    """A contract of one day is one; no end must be said."""
    if field is None:
        check_days(first, last, open_ended=open_ended)
        return
    with pytest.raises(Refused) as refused:
        check_days(first, last, open_ended=open_ended)
    assert refused.value.field == field
    assert words in refused.value.message
