"""What every command shares, without an application around it."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from uuid import UUID

import click
import pytest
from click.testing import CliRunner, Result
from flask import current_app
from sqlalchemy.exc import OperationalError

from portal.commands import _shared
from portal.commands._faults import database_fault
from portal.commands._shared import (
    DAY,
    PortalGroup,
    in_portal,
    json_option,
    say_pages,
    say_rows,
    shell_actor,
    table,
    write,
)
from portal.foundation import clock
from portal.foundation.current import current_settings
from portal.foundation.refused import Refused
from portal.foundation.settings import BadSettings
from tests.commands.conftest import MakeSettings


def run(command: Callable[[], None], *words: str, **options: str) -> Result:
    """Run a function as a command of its own in the portal's context."""
    made = click.command("try")(in_portal(**options)(command))
    group = PortalGroup("portal", commands={"try": made})
    return CliRunner().invoke(group, ["try", *words], prog_name="portal")


@pytest.fixture
def settings_here(make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings that a command finds in its environment."""
    settings = make_settings(clock_offset=86_400)
    monkeypatch.setattr(_shared, "load_settings", lambda: settings)


@pytest.mark.usefixtures("settings_here")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestContext:
    """A command makes its own application, without pages."""

    def test_opens_settings_database_and_clock(self):
        """And gives them back."""
        seen: list[object] = []

        def look() -> None:
            write(lambda tx: seen.extend([current_settings().public_url, tx.actor.kind]))
            seen.append((clock.policy_now() - clock.protocol_now()).total_seconds())

        result = run(look)
        assert (result.exit_code, result.output) == (0, "")
        assert seen[:2] == ["https://guests.host.example", "shell"]
        assert seen[2] == pytest.approx(86_400, abs=5)
        assert not current_app

    @pytest.mark.parametrize(
        ("field", "options", "line"),
        [
            ("last_day", {}, "--end: No"),
            ("last_day", {"last_day": "--on"}, "--on: No"),
            ("most_guests", {}, "--max-guests: No"),
            ("slug", {}, "SLUG: No"),
            ("time_zone", {}, "--time-zone: No"),
            ("organisation", {}, "No"),
        ],
    )
    def test_a_refusal_names_the_option(self, field: str, options: dict[str, str], line: str):
        """As the person typed it."""

        def refuse() -> None:
            raise Refused(field, "No")

        result = run(refuse, **options)
        assert (result.exit_code, result.stderr) == (1, f"{line}\n")

    def test_a_database_that_was_never_laid_says_what_to_do(self):
        """Defaults come with the upgrade."""

        def look() -> None:
            raise LookupError("there are no portal-wide defaults yet: run `portal db upgrade`")

        result = run(look)
        assert result.exit_code == 1
        assert result.stderr == (
            "There are no portal-wide defaults yet: run `portal db upgrade`.\n"
        )

    def test_a_defect_is_not_hidden(self):
        """Only what is expected becomes one line."""

        def broken() -> None:
            raise ZeroDivisionError

        assert isinstance(run(broken).exception, ZeroDivisionError)

    def test_ctrl_c_is_one_line(self):
        """And no success."""

        def stop() -> None:
            raise click.Abort

        result = run(stop)
        assert (result.exit_code, result.stderr) == (1, "Stopped.\n")


def test_faults_of_the_settings_are_a_line_each(monkeypatch: pytest.MonkeyPatch):
    """All at once, exit code 1."""

    def bad() -> None:
        raise BadSettings(["PORTAL_ENV: one", "PORTAL_BIND: two"])

    monkeypatch.setattr(_shared, "load_settings", bad)
    result = run(lambda: None)
    assert (result.exit_code, result.stderr) == (1, "PORTAL_ENV: one\nPORTAL_BIND: two\n")


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("database is locked", "is busy: try again"),
        ("deadlock detected\nDETAIL: Process 1 waits", "The database is busy: try again"),
        ("connection refused\nIs the server running", "(connection refused): see PORTAL_DATA"),
        ('FATAL: database "portall" does not exist', 'database "portall" does not exist): see'),
    ],
)
def test_a_database_that_does_not_answer(make_settings: MakeSettings, said: str, line: str):
    """What to do, in one line."""
    fault = OperationalError("SELECT 1", None, Exception(said))
    told = database_fault(fault, make_settings())
    assert line in told
    assert "\n" not in told


def test_no_words_show_the_help():
    """Exit code 2: it is wrong use."""
    group = PortalGroup("portal", commands={"try": click.Command("try")})
    result = CliRunner().invoke(group, [], prog_name="portal")
    assert result.exit_code == 2
    assert "Usage: portal" in result.stdout
    assert result.stderr == "Missing command: portal COMMAND. See: portal --help\n"


@pytest.mark.parametrize("text", ["2026-02-29", "1.3.2026", "tomorrow", ""])
def test_a_day_is_written_in_one_way(text: str):
    """And says how."""
    with pytest.raises(click.BadParameter, match="write it like 2027-03-01"):
        DAY.convert(text, None, None)
    assert DAY.convert("2026-03-01", None, None) == date(2026, 3, 1)
    assert DAY.convert(date(2026, 3, 1), None, None) == date(2026, 3, 1)


def test_a_table_says_everything_in_words():
    """Nothing, yes and no, lists, instants; no line break and no trailing space."""
    rows = [
        {"a": None, "b": True, "c": ["x", "y"], "d": {"k": None}},
        {"a": "", "b": False, "c": [], "d": {}},
        {
            "a": "two\nlines",
            "b": UUID(int=1),
            "c": datetime(2026, 1, 1, tzinfo=UTC),
            "d": date(2026, 1, 1),
        },
    ]
    assert table(rows, "a", "b", "c", "d").splitlines() == [
        "A          B                                     C                     D",
        "-          yes                                   x, y                  k=-",
        "-          no                                    -                     -",
        "two lines  00000000-0000-0000-0000-000000000001  2026-01-01T00:00:00Z  2026-01-01",
    ]


def test_rows_have_two_voices():
    """JSON with every key, a table of some, a sentence for none."""

    @click.command()
    @json_option
    @click.option("--none", is_flag=True)
    def show(as_json: bool, none: bool) -> None:
        rows = [] if none else [{"id": UUID(int=1), "name": "Bücher"}]
        say_rows(rows, as_json, "name", nothing="There are none.")

    def said(*words: str) -> str:
        return CliRunner().invoke(show, words).output

    assert said() == "NAME\nBücher\n"
    assert said("--none") == "There are none.\n"
    assert json.loads(said("--json")) == [
        {"id": "00000000-0000-0000-0000-000000000001", "name": "Bücher"}
    ]
    assert said("--json", "--none") == "[]\n"


def test_pages_are_said_as_they_come(capsys):
    """Each before the next is asked for; together they are one array, or one table."""
    for as_json, whole in (
        (True, '[{"name": "A"}, {"name": "B"}, {"name": "Ada"}]\n'),
        (False, "NAME\nA\nB\nAda\n"),
    ):
        said = []

        def pages(said=said):
            for page in (["A", "B"], [], ["Ada"]):
                yield [{"name": name} for name in page]
                said.append(capsys.readouterr().out)

        say_pages(pages(), as_json, "name", nothing="There are none.")
        said.append(capsys.readouterr().out)
        assert "".join(said) == whole
        assert "B" in said[0]


def test_the_actor_is_whoever_works_at_the_shell(monkeypatch: pytest.MonkeyPatch):
    """For the audit log; a user without a name is one too."""
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    assert shell_actor().text == "shell:ada"

    def unknown() -> str:
        raise KeyError("uid 1000 has no name")

    monkeypatch.setattr("getpass.getuser", unknown)
    assert shell_actor().text == "shell:unknown"


def test_the_actor_is_the_person_behind_sudo(monkeypatch: pytest.MonkeyPatch):
    """Everybody at the server becomes the one user that runs the portal."""
    monkeypatch.setattr("getpass.getuser", lambda: "portal")
    monkeypatch.setenv("SUDO_USER", "ada")
    assert shell_actor().text == "shell:ada"


@pytest.mark.parametrize(
    ("said", "kept"), [("a\x1b[2Jb", "a[2Jb"), ("\udcff", "unknown"), ("x" * 500, "x" * 64)]
)
def test_an_actor_is_a_short_text(monkeypatch: pytest.MonkeyPatch, said: str, kept: str):
    """Anything can stand in the environment, and not anything in the log."""
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr("getpass.getuser", lambda: said)
    assert shell_actor().text == f"shell:{kept}"
