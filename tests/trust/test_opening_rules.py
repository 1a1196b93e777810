"""What keeps people out although their provider is enabled."""

import pytest

from portal.trust.rules import Missing, missing

READY = {"suspended": False, "contract_runs": True, "sponsors": 1, "places": 1}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, []),
        ({"places": 3, "sponsors": 2}, []),
        ({"suspended": True}, [Missing.RESUMED]),
        ({"contract_runs": False}, [Missing.CONTRACT]),
        ({"sponsors": 0}, [Missing.SPONSOR]),
        ({"places": 0}, [Missing.PLACE]),
        ({"places": -1}, [Missing.PLACE]),  # the policy was narrowed
        ({"suspended": True, "contract_runs": False, "sponsors": 0, "places": 0}, [*Missing]),
    ],
)
def test_everything_that_is_missing_is_named(facts: dict, expected: list[Missing]):
    """In the order in which it is mended."""
    assert missing(**READY | facts) == expected


def test_they_are_called_by_these_words():
    """Scripts read them."""
    assert [*Missing] == ["resumed", "contract", "sponsor", "place"]
