"""Fresh databases, cloned in milliseconds from a template that the migrations have made."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal
from uuid import uuid4

from filelock import FileLock

from portal.commands.database import upgrade_database
from tests.infra.postgres import Postgres

Kind = Literal["sqlite", "postgresql"]
KINDS: Final[tuple[Kind, ...]] = ("sqlite", "postgresql")

_TEMPLATE = "portal_template"


class Databases:
    """Gives out migrated, empty databases of either kind, and takes them back."""

    def __init__(self, shared: Path, own: Path, postgres: Callable[[], Postgres]) -> None:
        """Prepare nothing yet.

        Args:
            shared: folder that all workers of this run have in common; the templates lie there.
            own: folder of this worker.
            postgres: starts the server, or returns the one that runs: SQLite does without.
        """
        self._shared = shared
        self._own = own
        self._postgres = postgres

    def fresh(self, kind: Kind) -> str:
        """Return SQLAlchemy's URL of a new database with the schema of the last migration."""
        name = f"portal_{uuid4().hex}"
        if kind == "sqlite":
            return self._copy_of(self._sqlite_template(), name)
        self._postgres_template()
        self._postgres().create(name, template=_TEMPLATE)
        return self._postgres().url(name)

    def empty(self, kind: Kind) -> str:
        """Return the URL of a new database without any table, for the tests of migrations."""
        name = f"portal_{uuid4().hex}"
        if kind == "sqlite":
            return _sqlite_url(self._own / f"{name}.sqlite3")
        self._postgres().create(name)
        return self._postgres().url(name)

    def drop(self, url: str) -> None:
        """Delete a database that this object gave out."""
        kind, _, rest = url.partition(":///")
        if kind == "sqlite":
            for file in Path("/", rest).parent.glob(f"{Path(rest).name}*"):
                file.unlink()
        else:
            self._postgres().drop(url.partition("?")[0].rpartition("/")[2])

    def _copy_of(self, template: Path, name: str) -> str:
        file = self._own / f"{name}.sqlite3"
        shutil.copyfile(template, file)
        return _sqlite_url(file)

    def _sqlite_template(self) -> Path:
        template = self._shared / f"{_TEMPLATE}.sqlite3"
        with FileLock(self._shared / "sqlite.lock"):
            if not template.exists():
                raw = self._shared / "template-in-the-making.sqlite3"
                raw.unlink(missing_ok=True)
                upgrade_database(_sqlite_url(raw))
                raw.rename(template)
        return template

    def _postgres_template(self) -> None:
        postgres = self._postgres()
        with FileLock(self._shared / "template.lock"):
            if postgres.exists(_TEMPLATE):
                return
            raw = f"{_TEMPLATE}_in_the_making"
            postgres.drop(raw)
            postgres.create(raw)
            upgrade_database(postgres.url(raw))
            postgres.run(f'ALTER DATABASE "{raw}" RENAME TO "{_TEMPLATE}"')


def _sqlite_url(file: Path) -> str:
    return f"sqlite:///{file}"
