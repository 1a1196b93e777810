"""`portal contract`: several run side by side with one organisation."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from tests.commands.conftest import Shell

# Commands translate; what they call is proved on both databases.
pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.usefixtures("defaults"),
]

Add = Callable[..., Any]


def test_add_list_and_set(shell: Shell, add_acme: Add):
    """Several run side by side."""
    add_acme()
    made = shell.json(
        *("contract", "add", "acme", "--reference", "C-2", "--start", "2026-02-01"),
        *("--end", "2026-03-31", "--time-zone", "America/New_York"),
    )
    assert made["begins_at"] == "2026-02-01T05:00:00Z"
    assert made["ends_at"] == "2026-04-01T04:00:00Z"
    rows = shell.json("contract", "list", "acme")
    assert [one["reference"] for one in rows] == ["C-1", "C-2"]
    made = shell.json("contract", "set", "acme", "C-2", "--end", "2026-04-30")
    assert made["end"] == "2026-04-30"
    said = shell("contract", "set", "acme", "C-2", "--open-ended")
    assert said == ("Contract C-2 runs from 2026-02-01 open-ended, in America/New_York.\n")
    assert shell("contract", "list", "acme").splitlines()[0].startswith("REFERENCE")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--reference", "C-1", "--end", "2027-01-01"], "--reference: Acme has a contract C-1"),
        (["--reference", "C-2", "--end", "2025-01-01"], "--end: The contract would end before"),
    ],
)
def test_bad_input(shell: Shell, add_acme: Add, words: list[str], line: str):
    """At its option."""
    add_acme()
    start = ["--start", "2026-01-01", "--time-zone", "UTC"]
    assert shell.refused("contract", "add", "acme", *start, *words).startswith(line)


def test_one_that_has_ended_is_not_said_to_run(shell: Shell, add_acme: Add):
    """Whoever ended it by mistake would take their own last day, said again, for its return."""
    add_acme()
    shell("org", "end", "acme")
    today = shell.json("contract", "list", "acme")[0]["end"]
    said = shell("contract", "set", "acme", "C-1", "--end", today)
    assert said.startswith("Nothing was changed. Contract C-1 has ended: it ran from ")
    tomorrow = str(date.fromisoformat(today) + timedelta(days=1))
    said = shell("contract", "set", "acme", "C-1", "--end", tomorrow)
    assert said.startswith("Contract C-1 runs from ")


def test_a_contract_that_begins_too_late(shell: Shell, add_acme: Add):
    """Whoever is here goes out in between; with what to do about it."""
    add_acme()
    end = date.fromisoformat(shell.json("contract", "list", "acme")[0]["end"])
    for reference, start, late in (("C-8", end + timedelta(days=1), True), ("C-9", end, False)):
        said = shell(
            *("contract", "add", "acme", "--reference", reference, "--start", str(start)),
            *("--open-ended", "--time-zone", "Europe/Berlin"),
        )
        assert ("goes out before it begins, at " in said) is late
        assert said.endswith("run for a while: portal contract set\n") is late


def test_an_unknown_contract(shell: Shell, add_acme: Add):
    """With where to look."""
    add_acme()
    said = shell.refused("contract", "set", "acme", "C-9", "--open-ended")
    assert "portal contract list acme shows" in said
    said = shell.refused("contract", "set", "acme", "C-1", "--end", "2020-01-01")
    assert said.startswith("--end: The contract would end before it starts")
