"""Start the portal: all of it on one machine, or one part of it."""

import fcntl
import os
import secrets
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

import click
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from portal.commands._faults import database_fault
from portal.commands._shared import portal_context, refuse
from portal.commands.database import (
    database_revision,
    newer_fault,
    newest_revision,
    upgrade_database,
)
from portal.commands.supervisor import Part, Supervisor, python
from portal.foundation import clock, processes
from portal.foundation.queues import EmbeddedQueue
from portal.foundation.settings import (
    DEFAULT_FILE,
    PREFIX,
    BadSettings,
    Settings,
    load_settings,
)
from portal.foundation.transaction import Actor, transaction
from portal.trust.changes import ensure_defaults

WEB_PROCESSES: Final = 2
WEB_THREADS: Final = 16
_SPECIAL: Final = frozenset("'\"#\\")  # to python-dotenv: quotes, comments, escapes
_LOOPBACK: Final = "http://127.0.0.1:8000"
# No query string: it holds codes and states of sign-ins. The path as `web/access_log` has it.
ACCESS_LOG: Final = '%(h)s "%(m)s %(U)s" %(s)s %(B)s %(M)sms'


def settings_or_refuse() -> Settings:
    """Return the settings, or end with one line on stderr for every fault, exit code 1."""
    try:
        return load_settings()
    except BadSettings as bad:
        for line in bad.lines[:-1]:
            click.echo(line, err=True)
        refuse(bad.lines[-1])


@click.command()
@click.option("--public-url", default=_LOOPBACK, help="Address that people will type.")
@click.option("--host-name", default="", help="Name of the host organisation.")
@click.option("--file", "file", default=DEFAULT_FILE, help="Where to write.", show_default=True)
def init(public_url: str, host_name: str, file: str) -> None:
    """Write a first settings file with fresh secrets."""
    path = Path(file)
    values = {
        "env": "development" if public_url.startswith("http:") else "production",
        "public_url": public_url,
        "secret_keys": secrets.token_urlsafe(48),
        "data_dir": str(path.absolute().parent / "var"),
        "host_name": host_name or str(Settings.model_fields["host_name"].default),
    }
    if not all(value.isprintable() for value in values.values()):
        refuse("Write every value in one line of printable characters: each is a line of the file")
    try:
        Settings.checked(None, **values)
    except BadSettings as bad:
        refuse(bad.lines[0])
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        refuse(f"{file} is there already: edit it, or remove it first")
    except OSError as fault:
        refuse(f"{file} cannot be written: {fault.strerror}")
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(first_settings(values))
    click.echo(f"{file} is written, with fresh secrets. Look through it, then: portal up")


def first_settings(values: dict[str, str]) -> str:
    """Return the text of a settings file: these values, and every other setting explained."""
    parts = ["# Settings of the guest portal. A line that begins with # is not set."]
    for name, field in Settings.model_fields.items():
        words = " ".join((field.description or "").split())
        told = "\n".join(f"# {line}" for line in textwrap.wrap(words, 90))
        line = f"{PREFIX}{name.upper()}={_as_read(values.get(name, ''))}"
        parts.append(f"{told}\n{line if name in values else '#' + line}")
    return "\n\n".join(parts) + "\n"


def _as_read(value: str) -> str:
    """Return a value as the file must say it, so that python-dotenv reads it to the letter."""
    # A variable without a name is never set: its default, one dollar, begins no other variable.
    value = value.replace("${", "${:-$}{")
    if value == value.strip() and not _SPECIAL & {*value}:
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


@click.command()
def up() -> None:
    """Start everything on this machine; Ctrl-C stops all of it."""
    settings = settings_or_refuse()
    with _alone(settings):
        _upgrade(settings)
        parts = [
            Part("web", lambda: processes.start(gunicorn(settings))),
            Part("worker", lambda: processes.start(python("portal.cli", "worker"))),
            Part("scheduler", lambda: processes.start(python("portal.cli", "scheduler"))),
        ]
        if not settings.redis_url:
            queue = EmbeddedQueue(settings)
            parts.insert(0, Part("queue", queue.start, cleanup=queue.stop))
        try:
            code = Supervisor(parts, _say).run(
                lambda: _say(f"The guest portal is at {settings.public_url} - Ctrl-C stops it")
            )
        except (OSError, RuntimeError) as fault:
            refuse(str(fault))
    raise SystemExit(code)


def _say(line: str) -> None:
    click.echo(line, err=True)


@click.command()
def web() -> None:
    """Start the web server alone (gunicorn)."""
    settings = settings_or_refuse()
    require_upgraded(settings)
    command = gunicorn(settings)
    # It becomes gunicorn: whoever started us watches the web server itself.
    os.execv(command[0], command)  # noqa: S606 - no shell


def gunicorn(settings: Settings) -> list[str]:
    """Return the command of the web server."""
    shm = Path("/dev/shm")  # noqa: S108 - gunicorn's heartbeat must not wait for a disk
    options = {
        "bind": settings.bind,
        "workers": str(WEB_PROCESSES),
        "threads": str(WEB_THREADS),
        "worker-class": "gthread",
        "timeout": "30",
        "graceful-timeout": "8",
        "keep-alive": "15",
        "limit-request-line": "8190",
        "access-logfile": "-",
        "logger-class": "portal.web.access_log.AccessLog",
        "access-logformat": ACCESS_LOG,
        "log-level": "warning",
        "worker-tmp-dir": str(shm) if shm.is_dir() and os.access(shm, os.W_OK) else "",
    }
    arguments = [f"--{name}={value}" for name, value in options.items() if value]
    # No header stands for a part of the address: SCRIPT_NAME could, from a proxy on this machine.
    switches = ["--preload", "--no-control-socket", "--forwarder-headers="]
    return python("gunicorn", *arguments, *switches, "portal.app:from_environment()")


@click.group("db")
def database() -> None:
    """Look after the database."""


@database.command("upgrade")
def upgrade() -> None:
    """Bring the database to what this version needs."""
    settings = settings_or_refuse()
    _upgrade(settings)
    click.echo(f"The database is up to date ({newest_revision()}).")


def _upgrade(settings: Settings) -> None:
    try:
        _refuse_newer(database_revision(settings.database))
        upgrade_database(settings.database)
        with portal_context(settings):
            _lay_defaults()
    except SQLAlchemyError as fault:
        refuse(database_fault(fault, settings))


def _lay_defaults() -> None:
    """Give a fresh database the portal-wide policy and the first terms of use.

    Of two that upgrade it at once, the second finds what the first has laid.
    """
    try:
        _lay()
    except IntegrityError:
        _lay()


def _lay() -> None:
    with transaction(actor=Actor.system("upgrade"), now=clock.policy_now()) as tx:
        ensure_defaults(tx)


def require_upgraded(settings: Settings, *, awaited: bool = False) -> None:
    """Refuse to start on a database that is not what this version needs.

    Args:
        settings: name the database.
        awaited: whether one that is away is no reason: who starts works once it is back.
    """
    try:
        found = database_revision(settings.database)
    except SQLAlchemyError as fault:
        if awaited:
            return
        refuse(database_fault(fault, settings))
    _refuse_newer(found)
    if found != newest_revision():
        refuse("The database is not up to date: portal db upgrade")


def _refuse_newer(found: str | None) -> None:
    if newer := newer_fault(found):
        refuse(f"The database cannot be used: {newer}")


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Hold the data folder: two portals on one queue socket would take it from each other."""
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = open(settings.data_dir / "up.lock", "w")  # noqa: SIM115 - held below
    except OSError as fault:
        refuse(f"{settings.data_dir} cannot be used: {fault.strerror}; see PORTAL_DATA_DIR")
    with lock:
        _lock(lock, settings)
        yield


def _lock(lock: IO[str], settings: Settings) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        refuse(f"`portal up` runs already with {settings.data_dir}: stop it first")
