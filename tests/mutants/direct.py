"""Call test functions straight, without pytest: a hundred times as fast where they are pure.

What raises here would fail under pytest too. What does not is still tried under pytest, which also
knows fixtures and classes.
"""

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from types import ModuleType
from typing import Any

import pytest


def call_tests(module: str) -> None:
    """Call every plain test function of a module, with each of its parameters."""
    # Those that try many examples come last.
    functions = sorted(
        _functions(importlib.import_module(module)), key=lambda one: hasattr(one, "hypothesis")
    )
    for function in functions:
        for arguments in _arguments(function):
            function(**arguments)


def _functions(module: ModuleType) -> Iterator[Callable[..., None]]:
    for name, found in vars(module).items():
        if name.startswith("test") and inspect.isfunction(found):
            marks = getattr(found, "pytestmark", ())
            if all(
                mark.name == "parametrize" and not mark.kwargs.get("indirect") for mark in marks
            ):
                yield found


def _arguments(function: Callable[..., None]) -> Iterator[Mapping[str, Any]]:
    """Return what to call a function with; nothing if it also asks for a fixture."""
    tables = [_table(mark.args[0], mark.args[1]) for mark in getattr(function, "pytestmark", ())]
    rows = [{key: it for row in rows for key, it in row.items()} for rows in product(*tables)]
    if rows and rows[0].keys() >= inspect.signature(function).parameters.keys():
        yield from rows


def _table(names: Any, values: Any) -> list[dict[str, Any]]:
    names = [name.strip() for name in names.split(",")] if isinstance(names, str) else [*names]
    rows = []
    for value in values:
        if isinstance(value, type(pytest.param())):
            row = value.values
        else:
            row = value if len(names) > 1 else (value,)
        rows.append(dict(zip(names, row, strict=True)))
    return rows
