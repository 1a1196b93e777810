"""The catalogue is whole and fits the code; that each test goes red is ``make defences``."""

import ast
import re
from functools import cache

import pytest

from tests.defences.catalogue import DEFENCES, IN_SCOPE
from tests.defences.defence import Defence, named
from tests.defences.proof import ROOT

KINDS = {"sqlite", "postgresql"}
A_COUNT = re.compile(r"[a-z_]+\d+")  # what pytest calls an object that has no name


@cache
def tree_of(file: str) -> ast.Module:
    """A file of tests, parsed."""
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


@cache
def functions_of(file: str) -> dict[str, ast.FunctionDef]:
    """The test functions of a file, by their node ids without parameters."""
    found = {}
    for node in tree_of(file).body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        within = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        for one in inside:
            if isinstance(one, ast.FunctionDef):
                found[f"{file}::{within}{one.name}"] = one
    return found


def words(*nodes: ast.AST) -> set[str]:
    """What is written out in some code, as parameters are called by it."""
    return {
        str(one.value) for node in nodes for one in ast.walk(node) if isinstance(one, ast.Constant)
    }


def runs_on(file: str, function: ast.FunctionDef) -> set[str]:
    """The databases that a test is for, where it or its file says so; else both."""
    marks = [
        node.value
        for node in tree_of(file).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    ]
    said = [one for one in (*function.decorator_list, *marks) if "database_url" in words(one)]
    return words(*said) & KINDS or KINDS


def faults(test: str) -> list[str]:
    """What of a node id is not there: its function, or what it is called with."""
    node, _, parameters = test.removesuffix("]").partition("[")
    file = node.partition("::")[0]
    if node not in functions_of(file):
        return [f"there is no {node}"]
    wrong = []
    if kind := KINDS & {*parameters.split("-")[:1], *parameters.split("-")[-1:]}:
        parameters = parameters.removeprefix(f"{min(kind)}-").removesuffix(f"-{min(kind)}")
        if not kind <= runs_on(file, functions_of(file)[node]):
            wrong.append(f"{node} does not run on {min(kind)}")
    said = words(tree_of(file)) | KINDS | {""}
    if parameters not in said and any(
        part not in said and not A_COUNT.fullmatch(part) for part in parameters.split("-")
    ):
        wrong.append(f"{node} has no case {parameters!r}")
    return wrong


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
        assert faults(test) == []
        assert defence.case in named(test), test


@pytest.mark.parametrize(
    ("test", "whole"),
    [
        ("tests/test_query_plans.py::test_a_scan_would_be_seen[sqlite]", True),
        ("tests/test_query_plans.py::test_a_scan_would_be_seen[oracle]", False),
        ("tests/test_query_plans.py::test_a_scan_would_be_missed", False),
        ("tests/sign_in/test_o_cases.py::test_o11_bad_tokens_make_few_fetches[lie0]", True),
        (
            "tests/sponsorship/test_races.py::test_i08_approved_and_rejected_at_the_same_instant[sqlite]",
            False,
        ),
    ],
)
def test_a_test_that_is_not_there_is_seen(test: str, whole: bool):
    """A function that moved, and a case that nobody wrote down, would prove nothing."""
    assert (faults(test) == []) == whole
