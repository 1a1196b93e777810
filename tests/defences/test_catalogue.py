"""The catalogue is whole and fits the code; that each test goes red is ``make defences``."""

import ast
from functools import cache

import pytest

from tests.defences.catalogue import DEFENCES, IN_SCOPE
from tests.defences.defence import Defence, named
from tests.defences.proof import ROOT


@cache
def functions_of(file: str) -> frozenset[str]:
    """The test functions of a file, as node ids without parameters."""
    found = set()
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    for node in tree.body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        within = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {
            f"{file}::{within}{one.name}" for one in inside if isinstance(one, ast.FunctionDef)
        }
    return frozenset(found)


def test_every_case_is_defended():
    """Each id in scope has a defence, and nothing else has."""
    assert {one.case for one in DEFENCES} == IN_SCOPE


@pytest.mark.parametrize("case", sorted(IN_SCOPE))
def test_every_case_has_a_test_of_its_name(case: str):
    """A test named by the id is among those that go red."""
    tests = {test for one in DEFENCES if one.case == case for test in one.tests}
    assert any(case in named(test) for test in tests), tests


@pytest.mark.parametrize("defence", DEFENCES, ids=lambda one: f"{one.case}-{one.file}")
def test_a_defence_is_where_it_is_said_to_be(defence: Defence):
    """Once in its file; the tests are there, and what replaces it is something else."""
    text = (ROOT / defence.file).read_text(encoding="utf-8")
    assert text.count(defence.old) == 1, defence.old
    assert defence.new != defence.old
    compile(text.replace(defence.old, defence.new), defence.file, "exec")
    assert defence.tests
    for test in defence.tests:
        node = test.partition("[")[0]
        assert node in functions_of(node.partition("::")[0]), test
        assert defence.case in named(test), test
