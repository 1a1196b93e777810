"""What every command shares: the portal's context, two voices, one line when it is refused."""

import functools
import getpass
import json
import logging
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import IO, Any, Final, NoReturn, ParamSpec, TypeVar
from uuid import UUID

import click
import structlog
from flask import Flask, has_app_context
from sqlalchemy.exc import DatabaseError, DataError, IntegrityError

from portal.audit.rules import plain
from portal.commands._faults import database_fault, is_old_schema
from portal.commands.database import missing_file
from portal.foundation import clock
from portal.foundation.current import current_settings, house
from portal.foundation.db import db, init_database
from portal.foundation.refused import Refused
from portal.foundation.settings import BadSettings, Settings, load_settings
from portal.foundation.text import BadText, clean_name
from portal.foundation.transaction import Actor, Tx, again_after_deadlock, transaction

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
Row = Mapping[str, Any]

# How commands call the fields of rules, where that is not just the name with hyphens.
_OPTIONS: Final[Mapping[str, str]] = {
    "slug": "SLUG",
    "email": "EMAIL",
    "first_day": "--start",
    "last_day": "--end",
    "most_guests": "--max-guests",
    "most_new_per_hour": "--max-new-per-hour",
    "client_secret": "--client-secret-file",
    "claim_map": "--claim",
    "required_claims": "--require",
    "scopes": "--scope",
    "body": "FILE",
    "entitlement": "APP/SLUG",
}
_LONGEST_USER: Final = 64
_LONGEST_TEXT: Final = 1_000_000  # characters of a file; whatever is longer is none of those wanted
_VERY_LONG: Final = re.compile(r"\S{120,}")
# These stand for the whole thing that was named, not for an input.
_NO_OPTION: Final = frozenset({"organisation", "state", "guest"})


class Refusal(click.ClickException):
    """The portal says no: one line on stderr, exit code 1."""

    exit_code = 1


def refuse(message: str) -> NoReturn:
    """End the command with one line on stderr that says what to do, and exit code 1."""
    raise Refusal(message)


class PortalGroup(click.Group):
    """The `portal` command: whatever goes wrong is one line on stderr."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the words of a command line, unless one holds bytes that are no text."""
        for word in args:
            if not word.isascii() and any(unicodedata.category(char) == "Cs" for char in word):
                raise click.UsageError("Write what you say in UTF-8: a word is not", ctx)
        return super().parse_args(ctx, args)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run; exit 0 on success, 2 on wrong use, 1 on refusal."""
        try:
            sys.exit(super().main(*args, **{**kwargs, "standalone_mode": False}) or 0)
        except click.exceptions.NoArgsIsHelpError as fault:
            click.echo(fault.format_message())
            path = fault.ctx.command_path
            click.echo(f"Missing command: {path} COMMAND. See: {path} --help", err=True)
            sys.exit(fault.exit_code)
        except click.UsageError as fault:
            said = _one_line(fault.format_message()).rstrip(".")
            hint = f". See: {fault.ctx.command_path} --help" if fault.ctx else ""
            click.echo(f"{said}{hint}", err=True)
            sys.exit(fault.exit_code)
        except click.ClickException as fault:
            click.echo(_one_line(fault.format_message()), err=True)
            sys.exit(fault.exit_code)
        except click.Abort:
            click.echo("Stopped.", err=True)
            sys.exit(1)
        except OSError as fault:  # most often of the output: a disk that is full
            click.echo(_one_line(str(fault)), err=True)
            sys.exit(1)


def _one_line(text: str) -> str:
    """Return a message in one line, with what was typed into it cut short and made visible."""
    shown = "".join(char if char.isprintable() or char.isspace() else "?" for char in text)
    return _VERY_LONG.sub(lambda found: f"{found[0][:80]}...", " ".join(shown.split()))


@contextmanager
def portal_context(settings: Settings | None = None) -> Iterator[Flask]:
    """Open what a command needs of the portal: settings, database, clock; no pages.

    Raises:
        BadSettings: with one line for every fault.
        Refusal: there is no database; looking for one makes none.
    """
    settings = settings or load_settings()
    if file := missing_file(settings.database):
        refuse(f"There is no database {file} yet: portal db upgrade")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    clock.set_offset(settings.clock_offset)
    app = Flask("portal")
    house(app)["settings"] = settings
    init_database(app, settings.database)
    with app.app_context():
        try:
            yield app
        finally:
            db.session.remove()
            db.engine.dispose()


def in_portal(**options: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Run a command in the portal's context; what is refused becomes one line.

    Args:
        options: what this command calls a field of the rules, where it is not the usual name.
    """

    def decorate(command: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(command)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                if has_app_context():
                    return _asking(command, *args, **kwargs)
                with portal_context():
                    return _asking(command, *args, **kwargs)
            except BadSettings as bad:
                for line in bad.lines[:-1]:
                    click.echo(line, err=True)
                refuse(bad.lines[-1])
            except Refused as refused:
                refuse(_named(refused, options))
            except LookupError as lookup:
                refuse(_sentence(str(lookup.args[0])))

        return run

    return decorate


def _asking(command: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run a command that asks the database; what that refuses becomes one line."""
    try:
        return command(*args, **kwargs)
    except (DataError, IntegrityError):  # faults of ours
        raise
    except DatabaseError as fault:
        if is_old_schema(fault):
            refuse("The database is not up to date: portal db upgrade")
        refuse(database_fault(fault, current_settings()))


def _named(refused: Refused, options: Mapping[str, str]) -> str:
    field = refused.field
    if field in _NO_OPTION:
        return refused.message
    usual = _OPTIONS.get(field, f"--{field.replace('_', '-')}")
    return f"{options.get(field, usual)}: {refused.message}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def shell_actor() -> Actor:
    """Return who works at this shell, for the audit log; behind sudo the person, not the user."""
    try:
        said = os.environ.get("SUDO_USER") or getpass.getuser()
        user = clean_name(said[:_LONGEST_USER], _LONGEST_USER)
    except (KeyError, OSError, BadText):
        user = ""
    return Actor.shell(user or "unknown")


def write(change: Callable[[Tx], T]) -> T:
    """Run a command's change as who is at the shell, in one transaction; again after a deadlock."""

    def carry_out() -> T:
        with transaction(actor=shell_actor(), now=clock.policy_now()) as tx:
            return change(tx)

    return again_after_deadlock(carry_out)


def public_url(path: str) -> str:
    """Return an address of the portal, from the configured public URL."""
    return current_settings().public_url + path


def known(row: T | None, what: str, name: str, where: str) -> T:
    """Return a row that was asked for by name.

    Args:
        row: what was found.
        what: kind of thing, such as *organisation*.
        name: as typed.
        where: the command that shows which there are.
    """
    if row is None:
        refuse(f"There is no {what} {name[:80]!r}: {where} shows which there are")
    return row


def id_of_guest(text: str) -> UUID:
    """Return a guest's id as it was typed, or end the command with what to do."""
    try:
        return UUID(text)
    except ValueError:
        refuse(f"{text[:80]!r} is no guest's id: portal guest list shows which there are")


SEVERAL: Final = "May be given several times."

json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON with stable keys instead of text."
)


def say_rows(rows: Sequence[Row], as_json: bool, *columns: str, nothing: str) -> None:
    """Print rows once, in one of two voices: one JSON array, or a table of these columns."""
    say_pages([rows], as_json, *columns, nothing=nothing)


def say_pages(pages: Iterable[Sequence[Row]], as_json: bool, *columns: str, nothing: str) -> None:
    """Print rows as ``say_rows`` does, each page as it comes: nobody holds them all.

    A table is as wide as its widest page so far.
    """
    filled = filter(None, pages)
    if as_json:
        _say_array(filled)
        return
    heading = [_headings(columns)]
    widths = _widths(heading)
    for rows in filled:
        lines = heading + _cells(rows, columns)
        widths = list(map(max, widths, _widths(lines)))
        click.echo(_aligned(lines, widths))
        heading = []
    if heading:
        click.echo(nothing)


def _say_array(pages: Iterable[Sequence[Row]]) -> None:
    between = "["
    for rows in pages:
        click.echo(between + to_json([dict(row) for row in rows])[1:-1], nl=False)
        between = ", "
    click.echo("]" if between == ", " else "[]")


def say_row(row: Row, as_json: bool, sentence: str) -> None:
    """Print what was done: one JSON object, or a sentence."""
    click.echo(to_json(dict(row)) if as_json else sentence)


def to_json(value: object) -> str:
    """Return one line of JSON; instants in UTC with Z, days as ISO 8601."""
    return json.dumps(plain(value), ensure_ascii=False)


def table(rows: Sequence[Row], *columns: str) -> str:
    """Return rows as aligned columns with a line of headings."""
    lines = [_headings(columns), *_cells(rows, columns)]
    return _aligned(lines, _widths(lines))


def _headings(columns: Sequence[str]) -> list[str]:
    return [column.replace("_", " ").upper() for column in columns]


def _cells(rows: Sequence[Row], columns: Sequence[str]) -> list[list[str]]:
    return [[_cell(row.get(column)) for column in columns] for row in rows]


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(*lines, strict=True)]


def _aligned(lines: Sequence[Sequence[str]], widths: Sequence[int]) -> str:
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _cell(value: object) -> str:
    said = plain(value)
    if said is None or said == "":
        return "-"
    if isinstance(said, bool):
        return "yes" if said else "no"
    if isinstance(said, list):
        return ", ".join(_cell(one) for one in said) or "-"
    if isinstance(said, dict):
        return ", ".join(f"{name}={_cell(one)}" for name, one in said.items()) or "-"
    return " ".join(str(said).split())


class Day(click.ParamType[date]):
    """A day as ``2027-03-01``, of certain years where nothing else says which it may be."""

    name = "date"

    def __init__(self, years: range | None = None) -> None:
        self.years = years

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Return the day, or say how to write one."""
        if isinstance(value, date):
            return value
        try:
            day = date.fromisoformat(value)
        except ValueError:
            day = None
        # Python also reads 20270301 and 2027-W09-1: nobody who typed one of them meant to.
        if day is None or day.isoformat() != value:
            self.fail(f"{value!r} is no day: write it like 2027-03-01", param, ctx)
        if self.years and day.year not in self.years:
            first, last = self.years[0], self.years[-1]
            self.fail(f"{value!r} is far away: write a year from {first} to {last}", param, ctx)
        return day


DAY: Final = Day()


def one_end(option: str, last_day: date | None, *, open_ended: bool) -> None:
    """Hold a command to one of a contract's last day and its being open-ended.

    Args:
        option: what the command calls the last day.
        last_day: as said, if it was.
        open_ended: whether that was said.

    Raises:
        click.UsageError: neither or both were said.
    """
    if last_day is None and not open_ended:
        raise click.UsageError(f"Give {option} DATE or --open-ended.")
    if last_day is not None and open_ended:
        raise click.UsageError(f"Give one of {option} and --open-ended.")


def read_text(file: IO[str], what: str) -> str:
    """Return the text of a file that a command was given.

    Args:
        file: open for reading, or standard input.
        what: for the refusal, such as *the client secret*.
    """
    unread = f"{what[:1].upper()}{what[1:]} could not be read"
    try:
        text = file.read(_LONGEST_TEXT + 1)
    except AttributeError:  # Python has no standard input then, and click passes that on
        refuse(f"{unread}: standard input is closed")
    except (OSError, UnicodeDecodeError) as fault:
        refuse(f"{unread} from {file.name}: {fault}")
    if len(text) > _LONGEST_TEXT:
        refuse(f"{unread} from {file.name}: it is longer than {_LONGEST_TEXT:,} characters")
    return text
