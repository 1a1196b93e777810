"""What a claim says, and that saying nothing is not saying *none*."""

import pytest

from portal.admission.identity import Unknown, claim_values

param = pytest.param


@pytest.mark.parametrize(
    ("claims", "name", "expected"),
    [
        param({"role": "admin"}, "role", {"admin"}, id="text"),
        param({"role": ["a", "b", "a"]}, "role", {"a", "b"}, id="list"),
        param({"role": ("a",)}, "role", {"a"}, id="tuple"),
        param({"role": []}, "role", set(), id="an empty list is known to be empty"),
        param({"role": True}, "role", {"true"}, id="JSON true"),
        param({"role": False}, "role", {"false"}, id="JSON false"),
        param({"role": 7}, "role", {"7"}, id="number"),
        param({"role": [1, True]}, "role", {"1", "true"}, id="mixed"),
        param({}, "role", Unknown.ABSENT, id="absent"),
        param({"role": None}, "role", Unknown.ABSENT, id="null"),
        param({"role": 1.5}, "role", Unknown.UNREADABLE, id="a float"),
        param({"role": {"a": "b"}}, "role", Unknown.UNREADABLE, id="an object"),
        param({"role": ["a", {}]}, "role", Unknown.UNREADABLE, id="a list with an object"),
        param({"realm": {"roles": ["a"]}}, "realm.roles", {"a"}, id="dotted path"),
        param({"realm": {"x": {"y": "a"}}}, "realm.x.y", {"a"}, id="deep path"),
        param({"realm": {"x": 1}}, "realm.roles", Unknown.ABSENT, id="path to nothing"),
        param({"realm": "x"}, "realm.roles", Unknown.ABSENT, id="path through text"),
        param(
            {"realm.roles": "own", "realm": {"roles": "path"}},
            "realm.roles",
            {"own"},
            id="its own name wins",
        ),
        param(
            {"realm.roles": None, "realm": {"roles": "path"}},
            "realm.roles",
            Unknown.ABSENT,
            id="its own name wins, even when it is null",
        ),
        param({"_claim_names": {"groups": "src1"}}, "groups", Unknown.CUT_SHORT, id="distributed"),
        param(
            {"_claim_names": {"groups": "src1"}, "groups": ["a"]},
            "groups",
            Unknown.CUT_SHORT,
            id="distributed beats what is there",
        ),
        param({"_claim_names": {"x": "src1"}, "groups": ["a"]}, "groups", {"a"}, id="another's"),
        param({"_claim_names": "groups", "groups": ["a"]}, "groups", {"a"}, id="no mapping"),
        param({"hasgroups": True}, "groups", Unknown.CUT_SHORT, id="too many groups"),
        param({"hasgroups": "true"}, "groups", Unknown.CUT_SHORT, id="too many, as text"),
        param({"hasgroups": False, "groups": ["a"]}, "groups", {"a"}, id="not too many"),
        param({"hasgroups": True, "role": "a"}, "role", {"a"}, id="only groups are cut"),
    ],
)
def test_claim_values(claims, name, expected):
    """Values as text, or why there are none."""
    assert claim_values(claims, name) == (
        expected if isinstance(expected, Unknown) else frozenset(expected)
    )


def test_unknowns_are_told_apart_by_these_words():
    """Pages explain them."""
    assert [*Unknown] == ["absent", "cut_short", "unreadable"]
