"""The mutants are what they should be, and the list of survivors is held against what happened."""

import pytest

from tests.mutants.__main__ import Survivor, complaints, survivors
from tests.mutants.mutate import mutants_of
from tests.mutants.plugin import Verdict, users_of
from tests.mutants.sources import MODULES


def made(source: str) -> set[str]:
    return {one.now for one in mutants_of("x.py", source)}


@pytest.mark.parametrize(
    ("source", "mutants"),
    [
        ("a = b < 1\n", {"a = b <= 1", "a = b >= 1", "a = b < 2", "a = b < 0", "a = None"}),
        ("a = b and c\n", {"a = b or c", "a = (b)", "a = (c)", "a = None"}),
        ("LIMIT = timedelta(days=30)\n", {"LIMIT = timedelta(days=29)"}),
        ("class A:\n    b = 'c'\n", {"b = 'XXcXX'", "b = None"}),
        ("def f():\n    return a\n", {"return None"}),
        ("def f():\n    return None\n", {'return ""'}),
        ("def f():\n    raise E('x')\n", {"pass", "raise E('XXxXX')", "raise E(None)"}),
        ("if a == b:\n    c()\n", {"if a != b:", "if not (a == b):", "pass"}),
        ("a = [b for b in c if b]\n", {"a = [b for b in c if not (b)]"}),
        ("a = min(b, c)\n", {"a = max(b, c)", "a = min(c)", "a = min(b, None)"}),
        ("a = f'b {c}'\n", {"a = f'XXb {c}'", "a = None"}),
        ("@property\ndef f():\n    return b == 'x'\n", {"return b != 'x'", "return b == 'XXxXX'"}),
    ],
)
def test_what_is_changed(source: str, mutants: set[str]):
    """Bounds, connectives, constants, words, results; also outside of functions."""
    assert mutants <= made(source)


@pytest.mark.parametrize(
    "source",
    [
        "import a\nfrom b import c\n",
        'def f() -> None:\n    """Say 1 < 2 and True."""\n',
        "a: 'int'\n",
        "__all__ = ['a', 'b']\n",
    ],
)
def test_what_is_let_be(source: str):
    """What says nothing at run time."""
    assert made(source) == set()


def test_a_mutant_is_one_change_of_the_text():
    """The rest stands to the letter, and the change can be found again."""
    source = "a = 1  # one\nb = 2\n"
    mutant = next(one for one in mutants_of("x.py", source) if one.now == "b = 3")
    assert (mutant.line, mutant.was) == (2, "b = 2")
    assert mutant.source == "a = 1  # one\nb = 3\n"


KILLED = Verdict("m.py", 1, "a < b", "a <= b", "killed")
ALIVE = Verdict("m.py", 1, "a < b", "a <= b", "survived")
LISTED = Survivor("m.py", "a < b", "a <= b", "They are never equal.")


@pytest.mark.parametrize(
    ("verdicts", "listed", "words"),
    [
        ([KILLED], [], []),
        ([ALIVE], [LISTED], []),
        ([ALIVE], [], ["survived"]),
        ([KILLED], [LISTED], ["listed as a survivor"]),
        ([], [LISTED], ["listed as a survivor"]),
        ([ALIVE], [Survivor("m.py", "a < b", "a <= b", " ")], ["no reason"]),
    ],
)
def test_the_list_of_survivors_is_true(
    verdicts: list[Verdict], listed: list[Survivor], words: list[str]
):
    """None is missing, none is listed that is killed or gone, none without a reason."""
    found = complaints(verdicts, listed)
    assert len(found) == len(words)
    assert all(complaint.startswith(word) for complaint, word in zip(found, words, strict=True))


def test_survivors_are_of_modules_of_rules_and_have_reasons():
    """Whether they still live, `make mutants` sees."""
    assert [one for one in survivors() if one.module not in MODULES or not one.reason.strip()] == []


def test_who_loads_a_module_is_known():
    """A mutant would not be seen by whoever kept the module as it was."""
    users = users_of("portal.guests.rules")
    assert {"portal.guests.rules", "portal.access.rules", "portal.app"} <= users
    assert "portal.foundation.text" not in users
