"""`portal db backup` and `portal db restored`: a copy to keep, and what follows its return."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import click
from sqlalchemy import make_url

from portal.audit.changes import record
from portal.audit.queries import Filter, search
from portal.audit.rules import Event
from portal.commands._shared import in_portal, json_option, refuse, say_row, write
from portal.commands.session import end_all
from portal.foundation import clock
from portal.foundation.current import current_settings
from portal.foundation.db import db
from portal.foundation.transaction import Tx
from portal.staff.changes import withdraw_links
from portal.staff.queries import listed
from portal.trust.changes import disable
from portal.trust.queries import providers

LONGEST_NAME = 250  # bytes of a name that leave room for ".part" on every usual file system


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@in_portal()
def backup(file: Path, as_json: bool) -> None:
    """Copy the embedded database (SQLite) into FILE, while the portal runs.

    The copy is of one moment, whole, and readable by its owner alone.
    """
    url = make_url(current_settings().database)
    if url.get_backend_name() != "sqlite" or not url.database:
        refuse("The database is PostgreSQL: back it up with pg_dump (docs/operations.md)")
    if not file.name or len(os.fsencode(file.name)) > LONGEST_NAME:
        refuse("Name a file to write the copy into, with a name of 250 bytes at most")
    part = file.with_name(f"{file.name}.part")
    try:
        if file.exists():
            refuse(f"{file} is there already: name another file")
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _copy(Path(url.database), part)
        part.rename(file)
    except (OSError, sqlite3.Error) as fault:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        refuse(f"{file} could not be written: {fault}")
    size = file.stat().st_size
    say_row({"file": str(file), "bytes": size}, as_json, f"{file} is written ({size} bytes).")


def _copy(source: Path, target: Path) -> None:
    """Copy a database that others may be writing to; raises if the copy is not whole."""
    with closing(sqlite3.connect(source)) as whole, closing(sqlite3.connect(target)) as copy:
        whole.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
        (found,) = copy.execute("PRAGMA quick_check").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(f"the copy is damaged: {found}")


@click.command()
@json_option
@in_portal()
def restored(as_json: bool) -> None:
    """Shut every door after a restore: what was ended since the back-up lives again in it.

    Disables every identity provider, ends all sessions and withdraws all links of employees. Look
    through each organisation's people, then let them in: portal idp enable. Safe to repeat.
    """
    last = search(db.session(), Filter(), limit=1)
    last_event_at = last[0].at if last else None

    def change(tx: Tx) -> dict[str, Any]:
        open_ones = [row for row in providers(tx.session) if row.state == "enabled"]
        for row in open_ones:
            disable(tx, row.id)
        # Those of disabled providers too, lest they live again when somebody enables one.
        sessions = end_all(tx)
        for one in listed(tx.session):
            for purpose in ("bind", "sign_in"):
                withdraw_links(tx, one.id, purpose, at=clock.protocol_now())
        names = [f"{row.organisation_slug} {row.slug}" for row in open_ones]
        done = {"last_event_at": last_event_at, "providers": names, "sessions": sessions}
        record(tx, [Event("database.restored", data=done)])
        return done

    done = write(change)
    names, sessions = done["providers"], done["sessions"]
    since = f"{last_event_at:%Y-%m-%d %H:%M:%S} UTC" if last_event_at else "the beginning"
    said = [
        f"{len(names)} identity providers are disabled, {sessions} sessions ended.",
        f"Whatever was decided after {since} is not in this database: removals, holds, ends.",
        "Decide it again, then let each organisation's people in:",
        *(f"  portal idp enable {name}" for name in names),
    ]
    say_row(done, as_json, "\n".join(said))
