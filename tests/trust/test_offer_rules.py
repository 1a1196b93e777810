"""Claims choose among what an admin offered, and among nothing else."""

from typing import Any
from uuid import UUID

import pytest

from portal.trust.rules import OfferFacts, Proposal, claim_says, proposals


def offer(
    number: int, *, default: bool = False, claim: str | None = None, value: str | None = None
) -> OfferFacts:
    return OfferFacts(UUID(int=number), UUID(int=number), "Wiki", "Read", default, claim, value)


PLAIN = offer(1)
DEFAULT = offer(2, default=True)
FINANCE = offer(3, claim="department", value="Finance")
BOTH = offer(4, default=True, claim="department", value="Finance")
HALF = offer(5, claim="department")
OTHER_HALF = offer(6, value="Finance")


@pytest.mark.parametrize(
    ("offers", "claims", "expected"),
    [
        ([], {"department": "Finance"}, ()),
        ([PLAIN], {"department": "Finance"}, ()),
        ([DEFAULT], {}, (Proposal(DEFAULT, by_claim=False),)),
        ([FINANCE], {"department": "Finance"}, (Proposal(FINANCE, by_claim=True),)),
        ([FINANCE], {"department": "finance"}, ()),
        ([FINANCE], {}, ()),
        ([BOTH], {"department": "Finance"}, (Proposal(BOTH, by_claim=False),)),
        ([HALF], {"department": None}, ()),
        ([OTHER_HALF], {"department": "Finance"}, ()),
        (
            [PLAIN, FINANCE, DEFAULT],
            {"department": ["Sales", "Finance"]},
            (Proposal(FINANCE, by_claim=True), Proposal(DEFAULT, by_claim=False)),
        ),
        ([FINANCE, DEFAULT], {"roles": ["admin"]}, (Proposal(DEFAULT, by_claim=False),)),
    ],
)
def test_proposals(
    offers: list[OfferFacts], claims: dict[str, Any], expected: tuple[Proposal, ...]
):
    """The defaults, and those whose claim has the value; in the order of the offers."""
    assert proposals(offers, claims) == expected


@pytest.mark.parametrize(
    ("claims", "name", "value", "expected"),
    [
        ({"a": "x"}, "a", "x", True),
        ({"a": "x"}, "a", "X", False),
        ({"a": "xy"}, "a", "x", False),
        ({"a": ["y", "x"]}, "a", "x", True),
        ({"a": ("y", "x")}, "a", "x", True),
        ({"a": ["xy"]}, "a", "x", False),
        ({"a": []}, "a", "x", False),
        ({"a": {"x": 1}}, "a", "x", False),
        ({"a": [["x"]]}, "a", "x", False),
        ({"a": True}, "a", "true", True),
        ({"a": False}, "a", "false", True),
        ({"a": True}, "a", "1", False),
        ({"a": 1}, "a", "1", True),
        ({"a": 1.0}, "a", "1.0", False),
        ({"a": None}, "a", "None", False),
        ({}, "a", "x", False),
        ({"realm": {"roles": ["x"]}}, "realm.roles", "x", True),
        ({"realm": {"roles": ["y"]}}, "realm.roles", "x", False),
        ({"realm": "x"}, "realm.roles", "x", False),
        ({"realm": {"deep": {"er": "x"}}}, "realm.deep.er", "x", True),
        ({"realm": {"deep": {}}}, "realm.deep.er", "x", False),
        ({"realm": {}}, "realm.deep.er", "x", False),
        ({"https://a.example/b": "x"}, "https://a.example/b", "x", True),
        ({"a.b": "y", "a": {"b": "x"}}, "a.b", "x", False),
    ],
)
def test_a_claim_says_a_value(claims: dict[str, Any], name: str, value: str, *, expected: bool):
    """To the letter, alone or in a list, also along a path."""
    assert claim_says(claims, name, value) is expected
