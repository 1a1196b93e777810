"""What holds for every module of rules: what they decide over and return cannot be changed."""

import dataclasses
import importlib
import inspect
from types import ModuleType

import pytest

from tests.mutants.sources import MODULES

NAMES = [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in MODULES]


@pytest.mark.parametrize("name", NAMES)
def test_facts_and_decisions_are_values(name: str):
    """A decision that somebody could change on its way would be no decision."""
    module = importlib.import_module(name)
    assert [cls.__name__ for cls in _dataclasses(module) if _loose(cls)] == []


def test_every_room_that_decides_is_here():
    """The rooms' names: one left out would be neither mutated nor held to this."""
    rooms = {name.split(".")[1] for name in NAMES}
    expected = "access admission applications audit delivery guests sign_in sponsorship staff trust"
    assert rooms == set(expected.split())


def _dataclasses(module: ModuleType) -> list[type]:
    return [
        cls
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if cls.__module__ == module.__name__ and dataclasses.is_dataclass(cls)
    ]


def _loose(cls: type) -> bool:
    return not (cls.__dataclass_params__.frozen and "__slots__" in vars(cls))
