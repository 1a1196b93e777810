"""`portal staff`: the host's sponsors and admins, and break-glass."""

import click

from portal.commands._shared import in_portal, json_option, known, say_row, say_rows, write
from portal.foundation import clock
from portal.foundation.current import current_settings
from portal.foundation.db import db
from portal.foundation.text import BadText, canonical_email
from portal.foundation.transaction import Tx
from portal.lifecycle.changes import let_go
from portal.sign_in.changes import end_sessions_of_staff
from portal.staff import changes, queries
from portal.staff.queries import StaffRow
from portal.staff.rules import ROLES, role_words


@click.group()
def staff() -> None:
    """Employees: sponsors vouch, admins configure trust."""


@staff.command()
@click.argument("email")
@click.option("--name", required=True, help="As colleagues and guests read it.")
@click.option(
    "--role", type=click.Choice(ROLES), default="sponsor", show_default=True, help="What they do."
)
@click.option("--subject", help="Who they are at the host's provider; otherwise a link is mailed.")
@json_option
@in_portal()
def add(email: str, name: str, role: str, subject: str | None, as_json: bool) -> None:
    """Add an employee, or give one who is here a further role."""
    settings = current_settings()
    added = write(
        lambda tx: changes.add_staff(
            tx,
            email=email,
            name=name,
            role=role,
            host_issuer=settings.host_oidc_issuer,
            public_url=settings.public_url,
            at=clock.protocol_now(),
            subject=subject,
        )
    )
    row = known(queries.staff_by_id(db.session(), added.staff_id), "employee", email, "")
    done = f"{row.name} is {role_words(row.is_sponsor, row.is_admin)} here."
    if added.link_mailed:
        done += f" A link that opens once was mailed to {row.email}: it binds them."
    elif not row.bound:
        done += f" They can sign in by: portal staff sign-in-link {row.email}"
    say_row({**_as_dict(row), "link_mailed": added.link_mailed}, as_json, done)


@staff.command()
@click.argument("email")
@json_option
@in_portal()
def remove(email: str, as_json: bool) -> None:
    """Remove an employee; what they vouch for goes to another sponsor of the organisation."""
    row = _by_email(email)

    def change(tx: Tx) -> tuple[tuple[int, int], int]:
        moved = let_go(tx, row.id)
        return moved, end_sessions_of_staff(tx, [row.id], clock.protocol_now())

    (handed_over, ended), sessions = write(change)
    done = {
        "id": row.id,
        "email": row.email,
        "handed_over": handed_over,
        "ended": ended,
        "sessions_ended": sessions,
    }
    say_row(
        done,
        as_json,
        f"{row.name} is removed: {handed_over} sponsorships handed over, {ended} ended for want "
        f"of another sponsor, {sessions} sessions ended.",
    )


@staff.command("list")
@json_option
@in_portal()
def list_(as_json: bool) -> None:
    """List employees, active ones first."""
    rows = [_as_dict(row) for row in queries.listed(db.session())]
    say_rows(
        rows,
        as_json,
        "email",
        "name",
        "roles",
        "state",
        "bound",
        "last_sign_in_at",
        nothing="Nobody is known here yet: portal staff add EMAIL --name NAME --role admin",
    )


@staff.command("sign-in-link")
@click.argument("email")
@json_option
@in_portal()
def sign_in_link(email: str, as_json: bool) -> None:
    """Print a link that signs an employee in once, within 15 minutes; all admins are told.

    The session that it opens lasts an hour.
    """
    row = _by_email(email)
    link = write(lambda tx: changes.make_sign_in_link(tx, row.id, at=clock.protocol_now()))
    url = link.url(current_settings().public_url)
    say_row({"url": url, "expires_at": link.expires_at}, as_json, url)
    if not as_json:
        until = f"{link.expires_at:%H:%M} UTC"
        click.echo(f"It opens once, until {until}. All admins are told.", err=True)


def _by_email(email: str) -> StaffRow:
    try:
        address = canonical_email(email)
    except BadText:
        address = email
    found = queries.staff_by_email(db.session(), address)
    return known(found, "employee with the address", email, "portal staff list")


def _as_dict(row: StaffRow) -> dict[str, object]:
    return {
        "id": row.id,
        "email": row.email,
        "name": row.name,
        "roles": list(row.roles),
        "state": row.state,
        "bound": row.bound,
        "roles_unknown": row.roles_unknown,
        "roles_from_claim": row.roles_from_claim,
        "issuer": row.issuer,
        "subject": row.subject,
        "created_at": row.created_at,
        "last_sign_in_at": row.last_sign_in_at,
    }
