"""The documents say what is there: commands and options, settings, targets, files, tests."""

import ast
import os
import re
import subprocess
from functools import cache, partial
from pathlib import Path

import click
import pytest

from portal.cli import main
from portal.commands.run import WEB_PROCESSES, WEB_THREADS
from portal.foundation.settings import FILE_VARIABLE, PREFIX, Settings
from tests.infra.command_lines import command_lines, fault_of

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
LEVELS_1_AND_2 = 70 + 183  # requirements of ASVS 5.0.0

documents = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)


def code_of(text: str) -> str:
    """Return what stands in code blocks and between back-quotes."""
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", prose)])


@documents
def test_every_command_exists(document: Path):
    """With all its options; one that is to be run as it stands is whole."""
    faults = {
        line: fault
        for line, words, complete in command_lines(document.read_text())
        if (fault := fault_of(main, words, complete=complete))
    }
    assert faults == {}


def test_the_commands_are_found():
    """In blocks and in prose, behind `sudo` and `&&`, over several lines."""
    text = "`portal check`\n```\nsudo -u portal /x/bin/portal db \\\n upgrade && portal up\n```\n"
    assert [words for _, words, _ in command_lines(text)] == [["db", "upgrade"], ["up"], ["check"]]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("portal fly", "no command 'fly'"),
        ("portal org fly", "no command 'fly'"),
        ("portal org list --fly", "no option --fly"),
        ("portal staff add EMAIL --role king", "'king' is no --role"),
        ("portal db backup one two", "takes 1 words"),
        ("portal staff add a@b.example", "lacks --name"),
        ("portal db backup", "lacks an argument"),
        ("portal db", "a group alone"),
    ],
)
def test_a_wrong_command_is_seen(line: str, fault: str):
    """The test of the documents is not blind."""
    ((_, words, complete),) = command_lines(f"```\n{line}\n```\n")
    assert fault in (fault_of(main, words, complete=complete) or "")


@documents
def test_every_setting_exists(document: Path):
    """A name with a star stands for those that begin so."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {FILE_VARIABLE}
    for name in re.findall(r"\bPORTAL_[A-Z_]+\*?", document.read_text()):
        fits = any(one.startswith(name[:-1]) for one in known) if "*" in name else name in known
        assert fits, name


@documents
def test_every_make_target_exists(document: Path):
    """What the Makefile knows."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = re.findall(r"(?:^|\n)\s*make ((?:[a-z-]+ ?)+)", code_of(document.read_text()))
    assert {word for words in named for word in words.split()} <= targets


@pytest.mark.parametrize(
    ("words", "targets"),
    [([], "test"), (["long"], "properties coverage defences mutants size")],
    ids=["plain", "long"],
)
def test_continuous_integration_runs_what_the_readme_says(
    tmp_path: Path, words: list[str], targets: str
):
    """Targets that there are, and nothing but them; another word is wrong use."""
    for name in ("make", "apt-get"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho {name} "$@"\n')
        (tmp_path / name).chmod(0o755)
    where = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    run = partial(subprocess.run, env=where, capture_output=True, text=True, check=False)
    lines = run(["bash", ROOT / ".ci" / "run", *words]).stdout.splitlines()
    assert [line for line in lines if not line.startswith("apt-get")] == [f"make {targets}"]
    known = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(targets.split()) <= set(known)
    assert f"`make {targets}`" in (ROOT / "README.md").read_text()
    assert run(["bash", ROOT / ".ci" / "run", "fast"]).returncode == 2


@documents
def test_every_file_exists(document: Path):
    """Links, and paths of the checkout in back-quotes."""
    text = document.read_text()
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert link.startswith("https://") or (document.parent / link).exists(), link
    for path in re.findall(r"`((?:deploy|docs|portal|tests|templates|migrations)/[\w./*-]+)", text):
        name = path.rstrip(".")
        stem = re.sub(r"(\.[a-z_]+)$", "", name)  # portal/x/changes.function
        assert any(list(ROOT.glob(pattern)) for pattern in (name, f"{stem}.py", stem) if pattern), (
            path
        )


def test_the_connections_of_a_web_server_are_as_many_as_it_says():
    """One for each of its threads: the server must have room for all machines."""
    text = (ROOT / "docs" / "operations.md").read_text()
    assert f"web server holds up to {WEB_PROCESSES * WEB_THREADS} connections" in text


def test_every_top_command_is_somewhere_in_the_documents():
    """An operator learns of it."""
    assert isinstance(main, click.Group)
    told = {words[0] for file in DOCUMENTS for _, words, _ in command_lines(file.read_text())}
    assert set(main.commands) - told == set()


@cache
def functions_of(path: Path) -> frozenset[str]:
    """Return the names of the tests of a file, alone and within their class."""
    tree = ast.parse(path.read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def asvs_rows() -> list[list[str]]:
    """Return the cells of every row of the table of requirements."""
    lines = (ROOT / "docs" / "asvs.md").read_text().splitlines()
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if re.match(r"\| \d+\.\d+\.\d+ ", line)
    ]


def test_every_requirement_of_asvs_is_accounted_for():
    """Each of levels 1 and 2 stands once: in a table, or among those that do not apply."""
    text = (ROOT / "docs" / "asvs.md").read_text()
    apart = text.partition("## Does not apply")[2]
    met = [row[0] for row in asvs_rows()]
    others = re.findall(r"\b\d+\.\d+\.\d+\b", apart)
    assert len(met) == len(set(met))
    assert len(others) == len(set(others))
    assert not set(met) & set(others)
    assert len(met) + len(others) == LEVELS_1_AND_2


def test_every_place_that_asvs_names_exists():
    """Modules as files, tests as functions in them; a requirement that is met names one."""
    for number, _, state, where in asvs_rows():
        assert state in {"met", "partly", "not met", "operator"}, number
        named = re.findall(r"`([\w/.-]+?)(?:::(\w+))?`", where)
        if state in {"met", "partly"}:
            assert named, number
        for path, test in named:
            if "/" in path:
                assert (ROOT / path).exists(), (number, path)
            if test:
                assert test in functions_of(ROOT / path), (number, path, test)
