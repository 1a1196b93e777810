"""`portal outbox`: what waits to be sent, what was, what nobody tries any more."""

import click

from portal.commands._shared import in_portal, json_option, say_rows
from portal.delivery import queries
from portal.delivery.queries import OutboxRow
from portal.delivery.rules import State
from portal.foundation.db import db

_STATES = tuple(str(state) for state in State)


@click.group()
def outbox() -> None:
    """Mails, as rows: waiting, sent or dead."""


@outbox.command("list")
@click.option("--state", type=click.Choice(_STATES), help="Only mails in this state.")
@json_option
@in_portal()
def list_(state: str | None, as_json: bool) -> None:
    """List mails, oldest first. Times are UTC."""
    rows = [
        _as_dict(row) for row in queries.listed(db.session(), state=State(state) if state else None)
    ]
    say_rows(
        rows,
        as_json,
        "created_at",
        "kind",
        "to",
        "state",
        "tries",
        "not_before",
        "last_error",
        nothing="There is no such mail." if state else "There is no mail yet.",
    )


def _as_dict(row: OutboxRow) -> dict[str, object]:
    return {
        "id": row.id,
        "kind": row.kind,
        "to": row.to,
        "state": row.state,
        "tries": row.tries,
        "not_before": row.not_before,
        "created_at": row.created_at,
        "settled_at": row.settled_at,
        "last_error": row.last_error,
        "reference": row.reference,
    }
