"""Where fetched discovery documents and keys are kept for all processes."""

from datetime import datetime
from typing import Final, Protocol

from portal.foundation.db import reading
from portal.foundation.transaction import Actor, transaction
from portal.sign_in import changes, queries
from portal.sign_in.shelved import Shelved

_ACTOR: Final = Actor.system("metadata")


class Shelf(Protocol):
    """Keeps what was fetched, and says when it may be fetched again."""

    def read(self, name: str) -> Shelved | None:
        """Return what is kept of a provider."""

    def may_fetch(self, name: str, at: datetime) -> bool:
        """Note a fetch, unless there were enough in the last minute."""

    def write(self, name: str, shelved: Shelved) -> None:
        """Keep what was fetched."""


class DatabaseShelf:
    """The portal's own: shared by every process, so that the bound on fetches is one for all."""

    def read(self, name: str) -> Shelved | None:
        """Return what is kept of a provider; no connection is held when it is spoken with."""
        with reading() as reader:
            return queries.shelved(reader, name)

    def may_fetch(self, name: str, at: datetime) -> bool:
        """Note a fetch, unless there were enough in the last minute."""
        with transaction(actor=_ACTOR, now=at) as tx:
            return changes.note_fetch(tx, name, at)

    def write(self, name: str, shelved: Shelved) -> None:
        """Keep what was fetched."""
        with transaction(actor=_ACTOR, now=shelved.fetched_at) as tx:
            changes.shelve(tx, name, shelved)
