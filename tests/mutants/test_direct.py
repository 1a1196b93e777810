"""Tests that are called straight are the ones that pytest would run, no more and no fewer."""

import sys
from types import ModuleType
from typing import Any

import pytest

from tests.mutants.direct import call_tests


def module(monkeypatch: pytest.MonkeyPatch, **tests: Any) -> str:
    made = ModuleType("made_up_tests")
    vars(made).update(tests)
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made.__name__


def test_every_parameter_is_tried(monkeypatch: pytest.MonkeyPatch):
    """Of tables upon tables, rows with ids among them."""
    seen = []

    @pytest.mark.parametrize(("a", "b"), [(1, 2), pytest.param(3, 4, id="named")])
    @pytest.mark.parametrize("c", [(5,), pytest.param(6)])
    def test_table(a: int, b: int, c: object) -> None:
        seen.append((a, b, c))

    def test_plain() -> None:
        seen.append("plain")

    name = module(monkeypatch, test_table=test_table, test_plain=test_plain, helper=print)
    assert call_tests([name]) is True
    assert len(seen) == 5
    assert {(1, 2, (5,)), (3, 4, 6), "plain"} <= set(seen)


def test_what_cannot_be_called_is_told(monkeypatch: pytest.MonkeyPatch):
    """Fixtures and classes are pytest's."""

    def test_fixture(tmp_path: object) -> None:
        raise AssertionError

    class TestClass:
        pass

    assert call_tests([module(monkeypatch, test_fixture=test_fixture)]) is False
    assert call_tests([module(monkeypatch, TestClass=TestClass)]) is False


def test_a_test_that_fails_is_told(monkeypatch: pytest.MonkeyPatch):
    """As it would be by pytest."""

    def test_red() -> None:
        raise AssertionError("red")

    with pytest.raises(AssertionError, match="red"):
        call_tests([module(monkeypatch, test_red=test_red)])
