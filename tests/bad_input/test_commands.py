"""Whatever is said at the shell is done, or refused in one line that says what to do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import pytest
from click.testing import CliRunner, Result

from portal.cli import main
from portal.foundation.db import db
from tests.bad_input.commands import COMMANDS, NO_TEXT, Command
from tests.bad_input.nasty import NO, YES, is_clean
from tests.bad_input.world import House, new_texts

LONGEST: Final = 500  # characters of a line that is to be read
# What stands before the change: they are refused where nobody is suspended, or enabled, any more.
BEFORE: Final = {"org resume": ("org", "suspend", "acme", "--reason", "Review")}


def _tree(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for word, one in command.commands.items():
            yield from _tree(one, f"{name} {word}".strip())
    else:
        yield name, command


TREE: Final = dict(_tree(main))
EACH: Final = pytest.mark.parametrize("name", sorted(COMMANDS))


@pytest.fixture
def shell(house: House, tmp_path: Path) -> Iterator["Shell"]:
    """Runs commands in this process, on the world."""
    with house.app.app_context():
        yield Shell(house, tmp_path)
        db.session.remove()


class Shell:
    """A shell at the server, and a folder to work in."""

    def __init__(self, house: House, folder: Path) -> None:
        self.house, self.folder = house, folder
        (folder / "secret").write_text("a secret\n")

    def run(self, *words: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(main, list(words), input=stdin, prog_name="portal")

    def words(self, command: Command) -> list[str]:
        folder = str(self.folder)
        return [self.house.path(one.replace("{folder}", folder)) for one in command.words]


def test_every_command_meets_bad_input():
    """A new command or option fails here until it says what may be said, and one that is gone."""
    assert set(COMMANDS) == set(TREE)
    for name, command in TREE.items():
        needs = {
            one.name
            for one in command.params
            if not (isinstance(one, click.Option) and one.is_flag)
        }
        assert (name, set(COMMANDS[name].values)) == (name, needs)


@EACH
def test_wrong_use_is_one_line(shell: Shell, name: str):
    """A word too much, and an option that is not there."""
    for more in (["--nonsense"], ["one", "two", "three", "four"]):
        result = shell.run(*name.split(), *more)
        assert (result.exit_code, _fault(result)) == (2, None)


@EACH
def test_what_is_bad_is_one_line(shell: Shell, name: str):
    """It says what to do, and nothing is written; what is odd is cleaned."""
    entry, command, house = COMMANDS[name], TREE[name], shell.house
    if entry.starts:
        return
    if name in BEFORE:
        assert shell.run(*BEFORE[name]).exit_code == 0
    as_it_was, wrong = house.keep(), []
    for param in command.params:
        for value in (*entry.values.get(str(param.name), ()), NO_TEXT):
            if (isinstance(param, click.Option) and param.is_flag) or "\0" in value.value:
                continue
            before = house.rows()
            words = _with(command, shell.words(entry), param, value.value)
            result = shell.run(*name.split(), *words, stdin=entry.stdin)
            db.session.rollback()
            after = house.rows()
            said = [
                _fault(result),
                "done" if value.may == NO and not result.exit_code else None,
                f"refused: {result.stderr}" if value.may == YES and result.exit_code else None,
                "written, though refused" if result.exit_code and after != before else None,
                *(f"keeps {one[:60]!r}" for one in new_texts(before, after) if not is_clean(one)),
            ]
            wrong += [(param.name, value.value[:60], one) for one in said if one]
            if after != before:
                house.back_to(as_it_was)
    assert wrong == []


@EACH
def test_what_is_good_is_done(shell: Shell, name: str):
    """The words that the bad ones stand in: without this, everything would be refused."""
    entry = COMMANDS[name]
    if entry.starts:
        return
    if name in BEFORE:
        assert shell.run(*BEFORE[name]).exit_code == 0
    result = shell.run(*name.split(), *shell.words(entry), stdin=entry.stdin)
    assert (result.exit_code, result.stderr.count("\n") < 2) == (0, True), result.output


def _with(command: click.Command, words: list[str], param: click.Parameter, value: str) -> Any:
    """Return a command line in which one parameter is something else."""
    places = [one for one in command.params if isinstance(one, click.Argument)]
    options: list[str] = []
    found: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word.startswith("--"):
            options.append(f"{word}={left.pop(0)}")
        else:
            found.append(word)
    if isinstance(param, click.Argument):
        found[places.index(param)] = value
    else:
        mine = param.opts[0]
        options = [one for one in options if one.partition("=")[0] != mine]
        if param.name in {"email", "guest_id"}:  # one of these alone
            options = []
        options.append(f"{mine}={value}")
    return [*options, "--", *found]


def _fault(result: Result) -> str | None:
    """Return what is wrong with how a command ended."""
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return f"breaks with {result.exception!r}"[:200]
    if result.exit_code not in {0, 1, 2}:
        return f"ends with {result.exit_code}"
    if not result.exit_code:
        return None
    line = result.stderr.removesuffix("\n")
    if not line or "\n" in line:
        return f"says {line[:300]!r}"
    if len(line) > LONGEST:
        return f"says {len(line)} characters"
    return None if is_clean(line) else f"says {line!r}"


def test_a_file_that_is_no_text_is_one_line(shell: Shell):
    """Bytes that are not UTF-8, NUL, hidden characters, nothing at all: nothing is written."""
    house, before = shell.house, shell.house.rows()
    idp = ["idp", "set", "umbra", "main", "--client-secret-file"]
    for content in (b"\xff\xfe\x00", b"a\0b", b"", b"\xe2\x80\xae", b"x" * 200_000):
        file = shell.folder / "bad"
        file.write_bytes(content)
        for words in (["terms", "publish"], idp):
            result = shell.run(*words, str(file))
            db.session.rollback()
            assert (result.exit_code, _fault(result)) == (1, None), (words, content[:9])
    assert house.rows() == before
