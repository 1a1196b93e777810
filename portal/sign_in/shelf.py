"""Where fetched discovery documents and keys are kept for all processes: rows, or memory alone."""

from datetime import datetime
from threading import Lock
from typing import Final, Protocol

from portal.foundation.db import reading
from portal.foundation.transaction import Actor, transaction
from portal.sign_in import changes, queries
from portal.sign_in.shelved import FETCHES, PER, Shelved

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


class MemoryShelf:
    """For one process without a database, such as a trial of a provider."""

    def __init__(self) -> None:
        self._kept: dict[str, Shelved] = {}
        self._fetches: dict[str, list[datetime]] = {}
        self._lock = Lock()

    def read(self, name: str) -> Shelved | None:
        """Return what is kept of a provider."""
        return self._kept.get(name)

    def may_fetch(self, name: str, at: datetime) -> bool:
        """Note a fetch, unless there were enough in the last minute."""
        with self._lock:
            recent = [one for one in self._fetches.get(name, []) if at - one < PER]
            if len(recent) >= FETCHES:
                return False
            self._fetches[name] = [*recent, at]
            return True

    def write(self, name: str, shelved: Shelved) -> None:
        """Keep what was fetched."""
        self._kept[name] = shelved
