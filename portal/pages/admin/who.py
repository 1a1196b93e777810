"""Who did something, and to whom: the names behind the ids of audit events."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from markupsafe import Markup, escape
from sqlalchemy.orm import Session

from portal.access.queries.listing import guest_names
from portal.audit.queries import Entry
from portal.sponsorship.queries import staff_people
from portal.web.display import naming


@dataclass(frozen=True, slots=True)
class Names:
    """The people of some events, as they are called today."""

    staff: dict[UUID, str]
    guests: dict[UUID, str]

    def actor(self, text: str) -> Markup:
        """Return an event's actor in words; one whose name is not held keeps the id."""
        kind, _, name = text.partition(":")
        if kind == "system":
            return escape(f"the portal ({name})")
        if kind == "shell":
            return naming("{}, at the server's shell", name)
        if kind == "anonymous":
            return escape("somebody at the door")
        known = {"staff": self.staff, "guest": self.guests}.get(kind, {})
        found = known.get(_id(name)) or name
        return naming("{}, guest" if kind == "guest" else "{}", found)

    def employee(self, entry: Entry) -> tuple[UUID, str] | None:
        """Return the id and the name of the employee whom an event is about, if it is."""
        found = _employee(entry)
        return (found, self.staff[found]) if found in self.staff else None

    def guest(self, guest_id: UUID) -> str:
        """Return what a guest is called."""
        return self.guests.get(guest_id) or "guest"


def names_in(session: Session, entries: Iterable[Entry]) -> Names:
    """Read the names of everybody in some events: two statements."""
    found: dict[str, set[UUID]] = {"staff": set(), "guest": set()}
    for entry in entries:
        kind, _, name = entry.actor.partition(":")
        if kind in found:
            found[kind].add(_id(name))
        if entry.guest_id:
            found["guest"].add(entry.guest_id)
        if about := _employee(entry):
            found["staff"].add(about)
    people = staff_people(session, found["staff"])
    return Names(
        {key: one.name for key, one in people.items()}, guest_names(session, found["guest"])
    )


def _employee(entry: Entry) -> UUID | None:
    """Return whom of the staff an event names: plainly, or by the row that it sets."""
    if said := entry.data.get("staff"):
        return _id(said)
    for key, row in entry.data.get("sets", {}).items():
        table, _, name = key.partition(":")
        if table == "staff":
            return _id(name)
        if table == "organisation_sponsor" and row and "staff_id" in row:
            return _id(row["staff_id"])
    return None


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)
