"""`portal app` and `portal entitlement`: what guests may be given."""

from uuid import UUID

import click

from portal.applications import changes, queries
from portal.applications.queries import ApplicationRow, EntitlementRow
from portal.commands._shared import (
    in_portal,
    json_option,
    known,
    refuse,
    say_row,
    say_rows,
    write,
)
from portal.foundation.db import db
from portal.lifecycle.changes import withdraw_offer
from portal.trust import changes as trust_changes
from portal.trust import queries as trust_queries
from portal.trust.rules import check_pairs


@click.group()
def app() -> None:
    """Applications that guests reach by a link."""


@app.command("add")
@click.argument("slug")
@click.option("--name", required=True, help="As people know it.")
@click.option("--url", required=True, help="Where its link leads.")
@json_option
@in_portal()
def add_app(slug: str, name: str, url: str, as_json: bool) -> None:
    """Add an application."""
    application_id = write(lambda tx: changes.add_application(tx, slug=slug, name=name, url=url))
    kept = queries.application_by_slug(db.session(), slug.strip())
    added = known(kept, "application", slug, "")
    row = {"id": application_id, "slug": added.slug, "name": added.name, "url": added.url}
    said = f"Added. Next: portal entitlement add {added.slug} ENTITLEMENT --name NAME"
    say_row(row, as_json, said)


@app.command("set")
@click.argument("slug")
@click.option("--name", help="As people know it.")
@click.option("--url", help="Where its link leads.")
@json_option
@in_portal()
def set_app(slug: str, name: str | None, url: str | None, as_json: bool) -> None:
    """Change an application's name or address; who may use it stays as it is."""
    if name is None and url is None:
        raise click.UsageError("Say what to change: --name NAME or --url URL")
    found = _application(slug)
    write(lambda tx: changes.change_application(tx, found.id, name=name, url=url))
    kept = _application(slug)
    row = {"id": kept.id, "slug": kept.slug, "name": kept.name, "url": kept.url}
    same = f"Nothing is changed: that is how {kept.name} stands already."
    say_row(row, as_json, same if kept == found else f"{kept.name} is changed.")


@app.command("list")
@json_option
@in_portal()
def list_apps(as_json: bool) -> None:
    """List applications and their entitlements."""
    held: dict[UUID, list[str]] = {}
    for one in queries.entitlements(db.session()):
        held.setdefault(one.application_id, []).append(one.slug)
    rows = [
        {
            "id": row.id,
            "slug": row.slug,
            "name": row.name,
            "url": row.url,
            "entitlements": held.get(row.id, []),
        }
        for row in queries.applications(db.session())
    ]
    say_rows(
        rows,
        as_json,
        "slug",
        "name",
        "url",
        "entitlements",
        nothing="There are no applications yet: portal app add SLUG --name NAME --url URL",
    )


def _application(slug: str) -> ApplicationRow:
    row = queries.application_by_slug(db.session(), slug)
    return known(row, "application", slug, "portal app list")


@click.group()
def entitlement() -> None:
    """What a guest may use in an application, and to whom it is offered."""


@entitlement.command("add")
@click.argument("application", metavar="APP")
@click.argument("slug")
@click.option("--name", required=True, help="As people know it.")
@json_option
@in_portal()
def add_entitlement(application: str, slug: str, name: str, as_json: bool) -> None:
    """Add an entitlement to the application APP."""
    found = _application(application)
    entitlement_id = write(lambda tx: changes.add_entitlement(tx, found.id, slug=slug, name=name))
    kept = queries.entitlement_by_slugs(db.session(), found.slug, slug.strip())
    added = known(kept, "entitlement", slug, "")
    row = {
        "id": entitlement_id,
        "application": found.slug,
        "slug": added.slug,
        "name": added.name,
    }
    said = f"Added. Next: portal entitlement offer ORGANISATION {found.slug}/{added.slug}"
    say_row(row, as_json, said)


@entitlement.command("list")
@click.argument("organisation", required=False)
@json_option
@in_portal()
def list_entitlements(organisation: str | None, as_json: bool) -> None:
    """List entitlements; with ORGANISATION, what is offered to its people."""
    if organisation is not None:
        rows = [
            {
                "id": row.id,
                "entitlement": f"{row.application_slug}/{row.entitlement_slug}",
                "name": f"{row.application_name}: {row.entitlement_name}",
                "default": row.is_default,
                "when": f"{row.when_claim}={row.when_value}" if row.when_claim else None,
                "offered_at": row.offered_at,
            }
            for row in trust_queries.offers(db.session(), _organisation_id(organisation))
        ]
        nothing = f"Nothing is offered to {organisation} yet: portal entitlement offer"
        say_rows(rows, as_json, "entitlement", "name", "default", "when", nothing=nothing)
        return
    rows = [
        {
            "id": one.id,
            "entitlement": f"{one.application_slug}/{one.slug}",
            "name": f"{one.application_name}: {one.name}",
        }
        for one in queries.entitlements(db.session())
    ]
    nothing = "There are no entitlements yet: portal entitlement add APP SLUG --name NAME"
    say_rows(rows, as_json, "entitlement", "name", nothing=nothing)


@entitlement.command("offer")
@click.argument("organisation", metavar="ORG")
@click.argument("entitlement", metavar="APP/SLUG")
@click.option("--default", "is_default", is_flag=True, help="Propose it for everybody.")
@click.option("--when", metavar="CLAIM=VALUE", help="Propose it when a claim has this value.")
@json_option
@in_portal()
def make_offer(
    organisation: str,
    entitlement: str,
    is_default: bool,
    when: str | None,
    as_json: bool,
) -> None:
    """Offer an entitlement to an organisation's people."""
    organisation_id, what = _organisation_id(organisation), _entitlement(entitlement)
    claim = next(iter(check_pairs("when", [when]).items())) if when is not None else None
    offer_id = write(
        lambda tx: trust_changes.offer(tx, organisation_id, what.id, default=is_default, when=claim)
    )
    row = {
        "id": offer_id,
        "organisation": organisation,
        "entitlement": f"{what.application_slug}/{what.slug}",
        "default": is_default,
        "when": "=".join(claim) if claim else None,
    }
    how = "for everybody" if is_default else f"when {when}" if when else "where a sponsor chooses"
    say_row(row, as_json, f"{what.application_name}: {what.name} is proposed {how}.")


@entitlement.command()
@click.argument("organisation", metavar="ORG")
@click.argument("entitlement", metavar="APP/SLUG")
@json_option
@in_portal()
def withdraw(organisation: str, entitlement: str, as_json: bool) -> None:
    """Withdraw an offer; what guests were given by it ends at once."""
    organisation_id, what = _organisation_id(organisation), _entitlement(entitlement)
    standing = [
        row.id
        for row in trust_queries.offers(db.session(), organisation_id)
        if row.entitlement_id == what.id
    ]
    if not standing:
        refuse(
            f"{entitlement} is not offered to {organisation}: "
            f"portal entitlement list {organisation} shows what is"
        )
    ended = write(lambda tx: withdraw_offer(tx, standing[0]))
    row = {"id": standing[0], "organisation": organisation, "grants_ended": ended}
    say_row(row, as_json, f"Withdrawn; {ended} grants ended.")


def _organisation_id(slug: str) -> UUID:
    found = trust_queries.organisation_by_slug(db.session(), slug)
    return known(found, "organisation", slug, "portal org list").id


def _entitlement(written: str) -> EntitlementRow:
    application, slash, slug = written.partition("/")
    if not slash:
        refuse(f"Write the entitlement as APP/SLUG: {written[:80]!r} is not one")
    found = queries.entitlement_by_slugs(db.session(), application, slug)
    return known(found, "entitlement", written, "portal entitlement list")
