"""The schema: bring a database up to date, or back; `portal db upgrade` and the tests call this."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine, make_url, text
from sqlalchemy.engine import Connection

from portal.foundation.db import listen
from portal.foundation.files import folder


def migrations_folder() -> Path:
    """Return where the migrations lie: inside an installed portal, beside it in a checkout."""
    return folder("migrations")


def upgrade_database(url: str, revision: str = "head") -> None:
    """Bring the database at *url* (SQLAlchemy's spelling) up to *revision*, in one transaction.

    Raises:
        sqlalchemy.exc.OperationalError: the database cannot be reached.
    """
    with _connection(url) as connection:
        command.upgrade(_config(connection), revision)


def downgrade_database(url: str, revision: str = "base") -> None:
    """Bring the database at *url* back to *revision*: what newer migrations made is dropped."""
    with _connection(url) as connection:
        command.downgrade(_config(connection), revision)


def database_revision(url: str) -> str | None:
    """Return the revision the database is at; None when it was never upgraded, or is not there."""
    if missing_file(url):
        return None
    with _connection(url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def missing_file(url: str) -> Path | None:
    """Return where an embedded database would be that nobody has made; only an upgrade makes one.

    One that cannot be seen may be there: connecting says why not.
    """
    where = make_url(url)
    if where.get_backend_name() != "sqlite" or not where.database:
        return None
    try:
        os.stat(where.database)
    except FileNotFoundError:
        return Path(where.database)
    except OSError:
        pass
    return None


def require_writes(url: str) -> None:
    """Write a row as it is and take it back: a file or a server may answer, and take no writes.

    Raises:
        sqlalchemy.exc.DatabaseError: it takes none.
    """
    with _connection(url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
        connection.rollback()


def newest_revision() -> str | None:
    """Return the revision that this version of the portal wants."""
    return ScriptDirectory(str(migrations_folder())).get_current_head()


def newer_fault(found: str | None) -> str | None:
    """Return what to do about a database that a newer version has upgraded; None for any other."""
    ours = ScriptDirectory(str(migrations_folder())).walk_revisions()
    if found is None or found in {script.revision for script in ours}:
        return None
    return (
        f"it is at {found}, which this version does not know: install the one that upgraded it, "
        "or restore the back-up from before"
    )


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _make(file: Path) -> None:
    """Make the file of an embedded database and its folder, both their owner's alone.

    What SQLite puts beside the file gets its mode. Where it cannot be made, connecting says so.
    """
    with suppress(OSError):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


@contextmanager
def _connection(url: str) -> Iterator[Connection]:
    """Open a connection of its own; the folder of an embedded database is made at need."""
    where = make_url(url)
    patience = {}
    if where.get_backend_name() == "sqlite" and where.database:
        _make(Path(where.database))
        patience["timeout"] = 60  # seconds: another process may be upgrading it
    engine = create_engine(where, poolclass=NullPool, connect_args=patience)
    listen(engine)
    try:
        with engine.connect() as connection:
            yield connection.execution_options(portal_write=True)
    finally:
        engine.dispose()
