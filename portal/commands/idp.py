"""`portal idp`: the identity providers of connected organisations."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import IO, Any

import click

from portal.commands._organisation import by_slug, provider_dict
from portal.commands._shared import (
    SEVERAL,
    in_portal,
    json_option,
    known,
    read_text,
    refuse,
    say_row,
    say_rows,
    write,
)
from portal.foundation import clock
from portal.foundation.current import current_settings
from portal.foundation.db import db
from portal.foundation.transaction import Tx
from portal.guests.queries import known_people
from portal.sign_in.changes import end_sessions_of_provider
from portal.sign_in.connection import partner_connection
from portal.sign_in.metadata import findings_of
from portal.trust import changes, queries
from portal.trust.queries import ProviderRow, house_of
from portal.trust.rules import (
    ADDRESSES,
    CLIENT_AUTHS,
    DEFAULT_CLAIMS,
    Missing,
    ProviderSettings,
    check_pairs,
)


def _options(*, required: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the options that `idp add-oidc` and `idp set` have in common."""
    several: dict[str, Any] = {"multiple": True}
    plain = [
        click.option("--name", required=required, help="As people know it."),
        click.option("--issuer", required=required, help="Exactly as the provider writes it."),
        click.option("--client-id", required=required, help="Of the portal at the provider."),
        click.option(
            "--client-secret-file",
            type=click.File("r", encoding="utf-8", lazy=True),
            help="File that holds the client secret.",
        ),
        click.option(
            "--client-secret-stdin", is_flag=True, help="Read the client secret from stdin."
        ),
        click.option(
            "--client-auth",
            type=click.Choice(CLIENT_AUTHS),
            help="How the portal proves itself at the provider.",
        ),
        click.option("--scope", "scopes", help=f"Scope to ask for. {SEVERAL}", **several),
        click.option(
            "--claim",
            "claims",
            metavar="FIELD=CLAIM",
            help=f"Which claim fills a field. {SEVERAL}",
            **several,
        ),
        click.option("--subject-claim", help="Which claim knows the person: sub, or oid with tid."),
        click.option(
            "--require",
            metavar="CLAIM=VALUE",
            help=f"Claim demanded of everybody. {SEVERAL}",
            **several,
        ),
        click.option(
            "--addresses",
            type=click.Choice(ADDRESSES),
            help="Whether an address counts only when verified, or is trusted within the domains.",
        ),
        json_option,
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(plain):
            command = option(command)
        return command

    return decorate


@click.group()
def idp() -> None:
    """Identity providers: where a partner's people prove who they are."""


@idp.command("add-oidc")
@click.argument("organisation", metavar="ORG")
@click.argument("slug")
@_options(required=True)
@in_portal()
def add_oidc(organisation: str, slug: str, as_json: bool, **given: Any) -> None:
    """Add an OpenID Connect identity provider of the organisation ORG, as a draft."""
    owner = by_slug(organisation)
    secret = _secret(given)
    if secret is None:
        raise click.UsageError("Give --client-secret-file FILE or --client-secret-stdin.")
    settings = ProviderSettings(
        name=given["name"], issuer=given["issuer"], client_id=given["client_id"]
    )
    settings = replace(settings, **_said(given, DEFAULT_CLAIMS))
    write(
        lambda tx: changes.add_identity_provider(
            tx,
            owner.id,
            slug=slug,
            settings=settings,
            client_secret=secret,
            house=house_of(current_settings()),
        )
    )
    row = _by_slugs(organisation, slug.strip())
    done = provider_dict(row)
    say_row(
        done,
        as_json,
        f"Give {owner.name} this redirect URI: {done['redirect_uri']}\n"
        f"Their people sign in at: {done['sign_in_url']}\n"
        f"Next: portal idp test {row.organisation_slug} {row.slug}",
    )


@idp.command("set")
@click.argument("organisation", metavar="ORG")
@click.argument("slug")
@_options(required=False)
@in_portal()
def set_(organisation: str, slug: str, as_json: bool, **given: Any) -> None:
    """Change an identity provider; what is not said stays as it is.

    --scope and --require say all of them, an empty --require takes them away; --claim changes one
    field, FIELD= empties it. A new secret disables nothing; another issuer, client id or subject
    claim must be tested and enabled again. That, a further required claim, another claim for the
    address, and verified addresses where they were trusted end the sessions that came through it.
    """
    row = _by_slugs(organisation, slug)
    secret = _secret(given)
    said = _said(given, row.claim_map)
    if not said and secret is None:
        raise click.UsageError("Say what to change, such as --name NAME or --client-id ID")
    before = provider_dict(row)
    anew = write(lambda tx: _change(tx, row, said, secret))
    if anew:
        _end_late(row)
    row = _by_slugs(organisation, slug)
    after = provider_dict(row)
    done = f"{row.name} is changed; it is {row.state}."
    if anew:
        done += " Sessions that came through it have ended."
    if not row.tested_at:
        done += f" Next: portal idp test {organisation} {slug}"
    if secret is None and after == before:
        done = f"Nothing is changed: that is how {row.name} stands already."
    say_row(after, as_json, done)


def _change(tx: Tx, row: ProviderRow, said: Mapping[str, Any], secret: str | None) -> bool:
    """Change what is said; return whether nobody stays in who came through it before."""
    anew = False
    if said:
        changes.lock_siblings(tx, row.id, said.get("issuer"))
        anew = changes.change_identity_provider(
            tx,
            row.id,
            said,
            house=house_of(current_settings()),
            people=known_people(tx.session, row.organisation_id, row.issuer),
        )
    if secret is not None:
        changes.replace_secret(tx, row.id, secret)
    if anew:
        end_sessions_of_provider(tx, row.id, clock.protocol_now())
    return anew


def _said(given: Mapping[str, Any], claim_map: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that were said."""
    names = ("name", "issuer", "client_id", "client_auth", "subject_claim", "addresses")
    said = {name: given[name] for name in names if given[name] is not None}
    if given["scopes"]:
        said["scopes"] = given["scopes"]
    if given["claims"]:
        said["claim_map"] = {**claim_map, **check_pairs("claim_map", given["claims"])}
    if given["require"]:
        pairs = [one for one in given["require"] if one.strip()]
        said["required_claims"] = check_pairs("required_claims", pairs)
    return said


def _secret(given: Mapping[str, Any]) -> str | None:
    file: IO[str] | None = given["client_secret_file"]
    if file is not None and given["client_secret_stdin"]:
        raise click.UsageError("Give one of --client-secret-file and --client-secret-stdin.")
    if given["client_secret_stdin"]:
        file = click.open_file("-", encoding="utf-8")
    return None if file is None else read_text(file, "the client secret")


@idp.command("list")
@click.argument("organisation", metavar="[ORG]", required=False)
@json_option
@in_portal()
def list_(organisation: str | None, as_json: bool) -> None:
    """List identity providers, of ORG or of all organisations."""
    owner = None if organisation is None else by_slug(organisation)
    found = queries.providers(db.session(), None if owner is None else owner.id)
    say_rows(
        [provider_dict(row) for row in found],
        as_json,
        "organisation",
        "slug",
        "name",
        "state",
        "issuer",
        "tested_at",
        nothing="There are no identity providers yet: portal idp add-oidc ORG SLUG --help",
    )


@idp.command()
@click.argument("organisation", metavar="ORG")
@click.argument("slug")
@json_option
@in_portal()
def test(organisation: str, slug: str, as_json: bool) -> None:
    """Test the connection: discovery and keys. One that passes allows enabling."""
    row = _by_slugs(organisation, slug)
    found = findings_of(
        partner_connection(row, wanted_claims=row.wanted_claims, endpoint_hosts=row.endpoint_hosts)
    )
    write(
        lambda tx: changes.note_connection_test(
            tx, row.id, issuer=row.issuer, passed=found.passed, findings=found.as_json()
        )
    )
    done = {**provider_dict(_by_slugs(organisation, slug)), "passed": found.passed}
    said = "\n".join(f"{one.level.value:<6} {one.text}" for one in found.findings)
    say_row(done, as_json, said)
    if found.fault is not None:
        refuse(found.fault.text)


@idp.command()
@click.argument("organisation", metavar="ORG")
@click.argument("slug")
@json_option
@in_portal()
def enable(organisation: str, slug: str, as_json: bool) -> None:
    """Let people in through an identity provider whose connection test passed."""
    owner, row = by_slug(organisation), _by_slugs(organisation, slug)
    write(lambda tx: changes.enable(tx, row.id))
    missing = queries.what_is_missing(db.session(), owner, clock.policy_now())
    done = {**provider_dict(_by_slugs(organisation, slug)), "missing": missing}
    said = f"{row.name} is enabled: people sign in at {done['sign_in_url']}"
    for one in missing:
        said += f"\nNobody new can come in yet: {_MISSING[one].format(organisation=owner.slug)}"
    say_row(done, as_json, said)


_MISSING: Mapping[Missing, str] = MappingProxyType(
    {
        Missing.RESUMED: "it is suspended. See: portal org resume {organisation}",
        Missing.CONTRACT: "no contract runs now. See: portal contract list {organisation}",
        Missing.SPONSOR: "nobody can vouch. See: portal org set {organisation} --sponsor EMAIL",
        Missing.PLACE: "all places are taken. See: portal org set {organisation} --max-guests N",
    }
)


@idp.command()
@click.argument("organisation", metavar="ORG")
@click.argument("slug")
@json_option
@in_portal()
def disable(organisation: str, slug: str, as_json: bool) -> None:
    """Let nobody in through an identity provider; sessions that came through it end at once."""
    row = _by_slugs(organisation, slug)

    def change(tx: Tx) -> int:
        changes.disable(tx, row.id)
        return end_sessions_of_provider(tx, row.id, clock.protocol_now())

    sessions = write(change) + _end_late(row)
    done = {**provider_dict(_by_slugs(organisation, slug)), "sessions_ended": sessions}
    say_row(done, as_json, f"{row.name} is disabled; {sessions} sessions ended.")


def _end_late(row: ProviderRow) -> int:
    """End once more: whoever saw it enabled a moment ago has come in by now, and is the last."""
    return write(lambda tx: end_sessions_of_provider(tx, row.id, clock.protocol_now()))


def _by_slugs(organisation: str, slug: str) -> ProviderRow:
    by_slug(organisation)
    found = queries.connection_for(db.session(), organisation, slug)
    return known(
        found,
        f"identity provider of {organisation} called",
        slug,
        f"portal idp list {organisation}",
    )
