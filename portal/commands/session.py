"""`portal session end`: sign somebody out, or everybody."""

from uuid import UUID

import click

from portal.access.queries import guest_view
from portal.audit.changes import record
from portal.audit.rules import Event
from portal.commands._shared import in_portal, json_option, known, say_row, write
from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.text import BadText, canonical_email
from portal.foundation.transaction import Tx
from portal.sign_in.changes import (
    end_sessions_of_guests,
    end_sessions_of_provider,
    end_sessions_of_staff,
)
from portal.staff.queries import listed, staff_by_email
from portal.trust.queries import providers

WHY = "shell"


@click.group()
def session() -> None:
    """Signed-in browsers."""


@session.command()
@click.option("--guest", "guest_id", type=click.UUID, metavar="ID", help="Of this guest.")
@click.option("--staff", "email", metavar="EMAIL", help="Of this employee.")
@click.option("--all", "everybody", is_flag=True, help="Of everybody, and every open sign-in.")
@json_option
@in_portal()
def end(guest_id: UUID | None, email: str | None, everybody: bool, as_json: bool) -> None:
    """End sessions, within one request. Who may still come in signs in again."""
    if sum((guest_id is not None, email is not None, everybody)) != 1:
        raise click.UsageError("Give one of --guest ID, --staff EMAIL and --all.")
    organisation_id = None
    if guest_id is not None:
        view = guest_view(db.session(), guest_id, clock.policy_now())
        guest = known(view, "guest", str(guest_id), "portal guest list")
        organisation_id = guest.organisation_id
    staff_id = None if email is None else _staff(email)

    def change(tx: Tx) -> int:
        at = clock.protocol_now()
        if guest_id is not None:
            ended = end_sessions_of_guests(tx, [guest_id], at)
        elif staff_id is not None:
            ended = end_sessions_of_staff(tx, [staff_id], at)
        else:
            ended = end_all(tx)
        whose = {"why": WHY, "staff": staff_id}  # neither a guest's nor an employee's: everybody's
        event = Event(
            "session.ended", organisation_id=organisation_id, guest_id=guest_id, data=whose
        )
        record(tx, [event])
        return ended

    ended = write(change)
    say_row({"sessions_ended": ended}, as_json, f"{ended} sessions ended.")


def end_all(tx: Tx) -> int:
    """End every session and every open sign-in of guests; return how many sessions."""
    at = clock.protocol_now()
    ended = sum(end_sessions_of_provider(tx, row.id, at) for row in providers(tx.session))
    return ended + end_sessions_of_staff(tx, [row.id for row in listed(tx.session)], at)


def _staff(email: str) -> UUID:
    try:
        address = canonical_email(email)
    except BadText:
        address = email
    row = staff_by_email(db.session(), address)
    return known(row, "employee with the address", email, "portal staff list").id
