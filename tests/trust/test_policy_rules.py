"""What an organisation has of its own goes before the portal-wide defaults."""

from typing import Any

import pytest

from portal.foundation.refused import Refused
from portal.trust.rules import (
    FIRST_DEFAULTS,
    POLICY_FIELDS,
    RANGES,
    check_policy,
    effective,
    own_fields,
)
from portal.trust.rules.policy import MOST_STRENGTHS

DEFAULTS = {**FIRST_DEFAULTS, "accepted_acr": ["gold"]}


def test_the_defaults_are_those_of_the_house():
    """A fresh portal begins with these, and says each in a sentence."""
    policy = effective(FIRST_DEFAULTS, None)
    assert {name: getattr(policy, name) for name in POLICY_FIELDS} == {
        "approval": "first",
        "approval_days": 7,
        "longest_days": 365,
        "review_days": 90,
        "grace_days": 14,
        "inactivity_days": 60,
        "most_guests": 100,
        "most_new_per_hour": 20,
        "address_days": 14,
        "accepted_acr": (),
        "accepted_amr": (),
    }


@pytest.mark.parametrize(
    ("own", "name", "expected"),
    [
        (None, "most_guests", 100),
        ({}, "most_guests", 100),
        ({"most_guests": None}, "most_guests", 100),
        ({"most_guests": 0}, "most_guests", 0),
        ({"grace_days": 0}, "grace_days", 0),
        ({"approval": "at-once"}, "approval", "at-once"),
        (None, "accepted_acr", ("gold",)),
        ({"accepted_acr": None}, "accepted_acr", ("gold",)),
        ({"accepted_acr": []}, "accepted_acr", ()),
        ({"accepted_acr": ["a", "b"]}, "accepted_acr", ("a", "b")),
    ],
)
def test_an_own_value_counts_also_when_it_is_nothing(
    own: dict[str, Any] | None, name: str, expected: object
):
    """Zero and an empty list are values; only null follows the defaults."""
    assert getattr(effective(DEFAULTS, own), name) == expected


def test_a_default_without_strengths_demands_none():
    """The column may be null in the defaults' row."""
    assert effective({**DEFAULTS, "accepted_amr": None}, None).accepted_amr == ()


@pytest.mark.parametrize(("approval", "at_once"), [("first", False), ("at-once", True)])
def test_at_once(approval: str, *, at_once: bool):
    """Restricted access before anybody approved it, or not."""
    assert effective({**DEFAULTS, "approval": approval}, None).at_once is at_once


@pytest.mark.parametrize(
    ("own", "names"),
    [
        (None, ()),
        ({"most_guests": None}, ()),
        ({"most_guests": 0, "accepted_acr": []}, ("most_guests", "accepted_acr")),
        ({"approval": "first", "version": 3}, ("approval",)),
    ],
)
def test_the_page_can_say_which_are_its_own(own: dict[str, Any] | None, names: tuple[str, ...]):
    """Also where the value is the default's."""
    assert own_fields(own) == names


@pytest.mark.parametrize("name", sorted(RANGES))
def test_numbers_have_bounds(name: str):
    """The lowest and the highest are in, the next are out."""
    lowest, highest = RANGES[name]
    assert check_policy({name: lowest}, own=True) == {name: lowest}
    assert check_policy({name: highest}, own=False) == {name: highest}
    for wrong in (lowest - 1, highest + 1, True, "7", 7.5):
        with pytest.raises(Refused, match=f"from {lowest} to {highest}") as refused:
            check_policy({name: wrong}, own=True)
        assert refused.value.field == name


def test_the_database_has_the_same_bounds():
    """The constraint's text and the rule say the same."""
    from portal.trust.models import Policy

    check = next(
        str(one.sqltext)  # type: ignore[attr-defined]
        for one in Policy.__table__.constraints  # type: ignore[attr-defined]
        if one.name == "ck_policy_ranges"
    )
    for name, (lowest, highest) in RANGES.items():
        assert f"{name} between {lowest} and {highest})" in check


@pytest.mark.parametrize(
    ("values", "own", "field", "words"),
    [
        ({"approval": "later"}, True, "approval", "first or at-once"),
        ({"approval": ["first"]}, True, "approval", "first or at-once"),
        ({"role": "admin"}, True, "role", "no policy field"),
        ({"version": 2}, True, "version", "no policy field"),
        ({"most_guests": None}, False, "most_guests", "must be complete"),
        ({"accepted_acr": None}, False, "accepted_acr", "must be complete"),
        ({"accepted_acr": ["a b"]}, True, "accepted_acr", "without spaces"),
        ({"accepted_amr": ["é"]}, True, "accepted_amr", "without spaces"),
        ({"accepted_amr": ["x" * 256]}, True, "accepted_amr", "without spaces"),
        (
            {"accepted_acr": [str(one) for one in range(MOST_STRENGTHS + 1)]},
            True,
            "accepted_acr",
            "at most",
        ),
    ],
)
def test_what_no_policy_can_be_is_refused(
    values: dict[str, Any], own: bool, field: str, words: str
):
    """With the field and what to do."""
    with pytest.raises(Refused) as refused:
        check_policy(values, own=own)
    assert refused.value.field == field
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"approval": "at-once"}, {"approval": "at-once"}),
        ({"approval": "first"}, {"approval": "first"}),
        ({"most_guests": None}, {"most_guests": None}),
        ({"accepted_acr": [" a ", "", "b", "a"]}, {"accepted_acr": ["a", "b"]}),
        ({"accepted_acr": [""]}, {"accepted_acr": []}),
        ({"accepted_amr": ["x" * 255]}, {"accepted_amr": ["x" * 255]}),
        (
            {"accepted_amr": [str(one) for one in range(MOST_STRENGTHS)]},
            {"accepted_amr": [str(one) for one in range(MOST_STRENGTHS)]},
        ),
        ({}, {}),
    ],
)
def test_a_policy_is_stored_as_it_counts(values: dict[str, Any], expected: dict[str, Any]):
    """Strengths once each and without the empty ones that a form sends."""
    assert check_policy(values, own=True) == expected
