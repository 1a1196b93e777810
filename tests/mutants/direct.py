"""Call test functions straight, without pytest: a hundred times as fast where they are pure.

What raises here would fail under pytest too. Where some cannot be called so, since they ask for
fixtures or stand in classes, the mutant is tried under pytest as well.
"""

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from types import ModuleType
from typing import Any

import pytest


def call_tests(modules: Sequence[str]) -> bool:
    """Call every plain test function of some modules, with each of its parameters.

    Returns:
        Whether these were all the tests that there are.
    """
    tests = [one for name in modules for one in _tests(importlib.import_module(name))]
    # Those that try many examples come last.
    for function in sorted(filter(_is_plain, tests), key=lambda one: hasattr(one, "hypothesis")):
        for arguments in _rows(function):
            function(**arguments)
    return all(map(_is_plain, tests))


def _tests(module: ModuleType) -> list[Any]:
    """Return what pytest would collect."""
    return [one for name, one in vars(module).items() if name.startswith(("test_", "Test"))]


def _is_plain(test: Any) -> bool:
    """Whether a test is a function that asks for its own parameters alone."""
    if not inspect.isfunction(test):
        return False
    marks = getattr(test, "pytestmark", ())
    if any(mark.name != "parametrize" or mark.kwargs.get("indirect") for mark in marks):
        return False
    given = {name for mark in marks for name in _names(mark.args[0])}
    return given >= inspect.signature(test).parameters.keys()


def _rows(function: Callable[..., None]) -> Iterator[Mapping[str, Any]]:
    """Return what to call a function with, one after the other."""
    tables = [_table(mark.args[0], mark.args[1]) for mark in getattr(function, "pytestmark", ())]
    for rows in product(*tables):
        yield {key: it for row in rows for key, it in row.items()}


def _names(names: str | Sequence[str]) -> list[str]:
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else [*names]


def _table(names: Any, values: Any) -> list[dict[str, Any]]:
    names = _names(names)
    rows = []
    for value in values:
        if isinstance(value, type(pytest.param())):
            row = value.values
        else:
            row = value if len(names) > 1 else (value,)
        rows.append(dict(zip(names, row, strict=True)))
    return rows
