"""What a line of the catalogue says."""

import re
from dataclasses import dataclass
from typing import Final

_IDS: Final = re.compile(r"::(?:Test\w+::)?test((?:_[a-z]\d\d)+)(?:_|\b)")


@dataclass(frozen=True, slots=True)
class Defence:
    """One defence of a case, and the tests that must fail when it is gone.

    Attributes:
        case: its id, as ``O03``.
        file: from the root of the checkout.
        old: the defence; text that occurs exactly once in the file.
        new: what an attacker or a fault would like to find there instead.
        tests: node ids; each of them must go red.
    """

    case: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


def named(test: str) -> frozenset[str]:
    """Return the ids of cases that a test is named by: ``test_j04_j05_dead`` has two."""
    found = _IDS.search(test)
    return frozenset(found[1].upper().strip("_").split("_")) if found else frozenset()
