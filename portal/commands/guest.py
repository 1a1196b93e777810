"""`portal guest`: who is in, why, until when; hold, resume, remove."""

from collections.abc import Iterator, Sequence
from uuid import UUID

import click

from portal.access import queries
from portal.access.queries import GuestFilter, GuestView
from portal.commands._shared import (
    id_of_guest,
    in_portal,
    json_option,
    known,
    say_pages,
    say_row,
    to_json,
    write,
)
from portal.foundation import clock
from portal.foundation.db import db
from portal.guests.rules import State
from portal.sponsorship.changes import people
from portal.trust.queries import organisation_by_slug

_STATES = tuple(str(state) for state in State)


@click.group()
def guest() -> None:
    """Guests: the people of connected organisations."""


@guest.command("list")
@click.option("--organisation", metavar="SLUG", help="Only guests of this organisation.")
@click.option("--state", type=click.Choice(_STATES), help="Only guests in this state.")
@json_option
@in_portal()
def list_(organisation: str | None, state: str | None, as_json: bool) -> None:
    """List guests, the newest first. Times are UTC."""
    place = None
    if organisation is not None:
        found = organisation_by_slug(db.session(), organisation)
        place = known(found, "organisation", organisation, "portal org list").id
    wanted = GuestFilter(organisation_id=place, state=State(state) if state else None)
    say_pages(
        ([view.as_dict() for view in page] for page in _pages(wanted)),
        as_json,
        "id",
        "organisation",
        "email",
        "state",
        "access",
        "until",
        "sponsor",
        nothing="There is no such guest." if organisation or state else "There is no guest yet.",
    )


def _pages(wanted: GuestFilter) -> Iterator[Sequence[GuestView]]:
    before: UUID | None = None
    now = clock.policy_now()
    while True:
        page = queries.guests(db.session(), wanted, now, before=before, limit=500)
        yield page.guests
        before = page.before
        if before is None:
            return


@guest.command()
@click.argument("guest_id", metavar="ID")
@json_option
@in_portal()
def show(guest_id: str, as_json: bool) -> None:
    """Show one guest: who vouches, what they may use, and until when."""
    row = _view(guest_id).as_dict()
    if as_json:
        click.echo(to_json(row))
        return
    sponsorships = row.pop("sponsorships")
    width = max(map(len, row))
    for name, value in row.items():
        click.echo(f"{name.replace('_', ' '):<{width}}  {_plain(value)}")
    for one in sponsorships:
        click.echo(
            f"{'sponsorship':<{width}}  {one['sponsor']}, {one['state']} ({one['state_reason']}), "
            f"until {one['last_day']} {one['time_zone']} under {one['contract']}"
        )


def _plain(value: object) -> str:
    said = to_json(value)
    return "-" if said in {"null", "[]"} else said.strip('"')


@guest.command()
@click.argument("guest_id", metavar="ID")
@click.option("--reason", required=True, help="Why; colleagues read it, the guest does not.")
@json_option
@in_portal()
def suspend(guest_id: str, reason: str, as_json: bool) -> None:
    """Hold a guest: no access until somebody resumes them."""
    view = _view(guest_id)
    write(lambda tx: people.suspend(tx, view.id, reason, by_admin=True))
    _say(view.id, as_json, f"{view.display_name} of {view.organisation_name} has no access now.")


@guest.command()
@click.argument("guest_id", metavar="ID")
@json_option
@in_portal()
def resume(guest_id: str, as_json: bool) -> None:
    """Lift a hold. What time ended meanwhile, a sponsor must approve."""
    view = _view(guest_id)
    state = write(lambda tx: people.resume(tx, view.id, by_admin=True))
    done = f"{view.display_name} of {view.organisation_name} is active again."
    if state == State.SUSPENDED:
        done = (
            f"The hold on {view.display_name} is lifted, but nobody vouches for them any more: "
            "a sponsor has to."
        )
    elif state == State.REMOVED:
        done = (
            f"The hold on {view.display_name} is lifted. {view.display_name} stays removed until "
            "a sponsor lets them back."
        )
    _say(view.id, as_json, done)


@guest.command()
@click.argument("guest_id", metavar="ID")
@click.option("--reason", required=True, help="Why; colleagues read it, the guest does not.")
@json_option
@in_portal()
def remove(guest_id: str, reason: str, as_json: bool) -> None:
    """Remove a guest; they stay out until a sponsor lets them back."""
    view = _view(guest_id)
    write(lambda tx: people.remove(tx, view.id, reason))
    _say(
        view.id,
        as_json,
        f"{view.display_name} of {view.organisation_name} is removed, and stays out until a "
        "sponsor lets them back.",
    )


def _say(guest_id: UUID, as_json: bool, sentence: str) -> None:
    view = queries.guest_view(db.session(), guest_id, clock.policy_now())
    assert view is not None
    say_row(view.as_dict(), as_json, sentence)


def _view(text: str) -> GuestView:
    """Return the guest of an id as typed, or end the command with what to do."""
    view = queries.guest_view(db.session(), id_of_guest(text), clock.policy_now())
    return known(view, "guest", text, "portal guest list")
