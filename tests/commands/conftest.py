"""The portal's commands, run in this process on this test's database."""

import json
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import pytest
from click.testing import CliRunner, Result

from portal.cli import main
from portal.foundation.settings import Settings
from portal.foundation.transaction import Actor, transaction
from portal.trust.changes import ensure_defaults
from tests.factories import NOW

MakeSettings = Callable[..., Settings]


class Shell:
    """Runs commands as somebody at the server would."""

    def run(self, *words: str, stdin: str | None = None) -> Result:
        """Run a command that may be refused."""
        result = CliRunner().invoke(main, list(words), input=stdin, prog_name="portal")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def __call__(self, *words: str, stdin: str | None = None) -> str:
        """Run a command that succeeds; return what it prints."""
        result = self.run(*words, stdin=stdin)
        assert result.exit_code == 0, result.stderr
        return result.stdout

    def json(self, *words: str, stdin: str | None = None) -> Any:
        """Run a command that succeeds with ``--json``; return what it prints, and nothing else."""
        result = self.run(*words, "--json", stdin=stdin)
        assert (result.exit_code, result.stderr) == (0, ""), result.stderr
        return json.loads(result.stdout)

    def refused(self, *words: str, code: int = 1, stdin: str | None = None) -> str:
        """Run a command that is refused; return its one line on stderr."""
        result = self.run(*words, stdin=stdin)
        assert result.exit_code == code, result.output
        assert result.stderr.count("\n") == 1, result.stderr
        return result.stderr.rstrip("\n")


@pytest.fixture
def shell(database: object) -> Shell:
    """Runs commands on this test's database."""
    return Shell()


@pytest.fixture
def defaults(database: object) -> None:
    """What every organisation has that says nothing else, as an upgrade leaves it."""
    with transaction(actor=Actor.system("upgrade"), now=NOW) as tx:
        ensure_defaults(tx)


def adding_acme(without: Sequence[str] = ()) -> list[str]:
    """The words that add the organisation Acme, but for some options."""
    options = {
        "--name": "Acme",
        "--domain": "acme.example",
        "--contract-reference": "C-1",
        "--contract-start": "2026-01-01",
        "--contract-end": "2099-12-31",
        "--time-zone": "Europe/Berlin",
        "--sponsor": "sam@host.example",
    }
    kept = [pair for pair in options.items() if pair[0] not in without]
    return ["org", "add", "acme", *chain.from_iterable(kept)]


@pytest.fixture
def add_acme(shell: Shell) -> Callable[..., Any]:
    """Adds the organisation Acme with a sponsor; further words replace or add options."""

    def add(*more: str, without: Sequence[str] = ()) -> Any:
        return shell.json(*adding_acme(without), *more)

    shell("staff", "add", "sam@host.example", "--name", "Sam")
    return add
