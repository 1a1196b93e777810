"""`portal audit`: what happened, who did it, and why."""

from collections.abc import Mapping
from datetime import date
from difflib import get_close_matches
from uuid import UUID

import click

from portal.audit.queries import Entry, Filter, midnight, midnight_after, pages
from portal.audit.rules import VOCABULARY
from portal.commands._organisation import by_slug
from portal.commands._shared import Day, id_of_guest, in_portal, json_option, refuse, say_pages
from portal.foundation.clock import YEARS
from portal.foundation.db import db
from portal.trust.queries import organisations

_DAY = Day(YEARS)


@click.group()
def audit() -> None:
    """The log of events, which nobody can change."""


@audit.command("list")
@click.option("--reference", metavar="R", help="Only what happened under this reference number.")
@click.option("--event", metavar="E", help="Only events of this name, such as guest.created.")
@click.option("--organisation", metavar="SLUG", help="Only what is about this organisation.")
@click.option("--guest", metavar="ID", help="Only what is about this guest.")
@click.option("--since", type=_DAY, help="Only from this day on, UTC.")
@click.option("--until", type=_DAY, help="Only until this day, inclusive, UTC.")
@json_option
@in_portal()
def list_(
    reference: str | None,
    event: str | None,
    organisation: str | None,
    guest: str | None,
    since: date | None,
    until: date | None,
    as_json: bool,
) -> None:
    """List events, oldest first. Times are UTC."""
    if event is not None and event not in VOCABULARY:
        close = get_close_matches(event, VOCABULARY, n=1)
        hint = f": did you mean {close[0]}?" if close else ""
        refuse(f"There is no event called {event[:80]!r}{hint}")
    session = db.session()
    wanted = Filter(
        reference=reference and reference.strip().upper(),
        event=event,
        organisation_id=by_slug(organisation).id if organisation is not None else None,
        guest_id=id_of_guest(guest) if guest is not None else None,
        since=midnight(since),
        until=midnight_after(until),
    )
    slugs = {row.id: row.slug for row in organisations(session)}
    say_pages(
        (
            [_as_dict(entry, slugs) for entry in page]
            for page in pages(session, wanted, oldest_first=True)
        ),
        as_json,
        "at",
        "event",
        "actor",
        "organisation",
        "guest",
        "reason",
        "reference",
        nothing="There is no such event.",
    )


def _as_dict(entry: Entry, slugs: Mapping[UUID, str]) -> dict[str, object]:
    """Return an event; what it says of a person is there for as long as it is held."""
    data = dict(entry.data)
    if entry.personal:
        data["personal"] = entry.personal
    return {
        "seq": entry.seq,
        "id": entry.id,
        "at": entry.at,
        "event": entry.event,
        "actor": entry.actor,
        "organisation": slugs.get(entry.organisation_id) if entry.organisation_id else None,
        "guest": entry.guest_id,
        "reason": entry.reason,
        "reference": entry.reference,
        "data": data,
    }
