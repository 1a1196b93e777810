"""`portal org`: connected organisations."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from uuid import UUID

import click

from portal.commands import _organisation
from portal.commands._organisation import by_slug
from portal.commands._shared import (
    DAY,
    SEVERAL,
    in_portal,
    json_option,
    one_end,
    say_row,
    say_rows,
    shell_actor,
    write,
)
from portal.foundation import clock
from portal.foundation.current import current_settings
from portal.foundation.db import db
from portal.foundation.refused import Refused
from portal.foundation.transaction import Tx
from portal.lifecycle.changes import (
    change_contract,
    end_organisation,
    name_sponsors,
    resume_organisation,
    set_domains,
    suspend_organisation,
)
from portal.sign_in.changes import end_weak_sessions
from portal.trust import changes, queries
from portal.trust.queries import OrganisationRow, house_of
from portal.trust.rules import APPROVALS, RANGES, STRENGTH_FIELDS

DEFAULT = "default"  # the word that gives a policy value back to the portal-wide default

# Option of the command line to field of the policy.
_NUMBERS = {
    "approval_days": "approval_days",
    "longest_days": "longest_days",
    "review_days": "review_days",
    "grace_days": "grace_days",
    "inactivity_days": "inactivity_days",
    "max_guests": "most_guests",
    "max_new_per_hour": "most_new_per_hour",
}
_NUMBER_HELP = {
    "approval_days": "Days within which access given at once must be approved.",
    "longest_days": "Longest stay in days that a sponsor may approve.",
    "review_days": "Days after which the sponsor is asked again.",
    "grace_days": "Days after a review was due in which access goes on.",
    "inactivity_days": "Days without a sign-in after which a guest is suspended.",
    "max_guests": "Most guests.",
    "max_new_per_hour": "Most new guests in any hour.",
}


_NUMBER = re.compile(r"-?[0-9]{1,18}")  # int() reads more than anybody means: 1_0, Arabic digits


class Number(click.ParamType[int | str]):
    """A whole number, or the word ``default``."""

    name = f"number|{DEFAULT}"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """Return the number or the word."""
        if value == DEFAULT or isinstance(value, int):
            return value  # type: ignore[no-any-return] # one of the two, as just seen
        if not _NUMBER.fullmatch(value):
            self.fail(f"{value!r} is no number: write one, or {DEFAULT}", param, ctx)
        return int(value)


def _options(*, required: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the options that `org add` and `org set` have in common."""
    several: dict[str, Any] = {"multiple": True}
    plain = [
        click.option("--name", required=required, help="As people know it."),
        click.option(
            "--domain", "domains", required=required, help=f"E-mail domain. {SEVERAL}", **several
        ),
        click.option("--contract-reference", required=required, help="Of its contract."),
        click.option("--contract-start", type=DAY, required=required, help="First day."),
        click.option("--contract-end", type=DAY, help="Last day, inclusive."),
        click.option("--open-ended", is_flag=True, help="The contract has no last day."),
        click.option("--time-zone", required=required, help="IANA name, like Europe/Berlin."),
        click.option(
            "--sponsor", "sponsors", required=required, help=f"E-mail. {SEVERAL}", **several
        ),
        click.option("--deputy", help="E-mail of who stands in; empty: nobody."),
        click.option("--lead", help="Sponsor who is always asked first; empty: nobody."),
        click.option(
            "--approval",
            type=click.Choice([*APPROVALS, DEFAULT]),
            help="Whether a sponsor approves first, or a guest has access at once.",
        ),
        *(
            click.option(
                f"--{name.replace('_', '-')}",
                type=Number(),
                metavar=f"NUMBER|{DEFAULT}",
                help=_number_help(name),
            )
            for name in _NUMBERS
        ),
        click.option(
            "--accepted-acr", help=f"Sign-in strength; empty: no demand. {SEVERAL}", **several
        ),
        click.option(
            "--accepted-amr", help=f"Sign-in method; empty: no demand. {SEVERAL}", **several
        ),
        click.option(
            "--unlisted/--listed", default=None, help="Whether the door finds it by domain."
        ),
        json_option,
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(plain):
            command = option(command)
        return command

    return decorate


def _number_help(name: str) -> str:
    lowest, highest = RANGES[_NUMBERS[name]]
    return f"{_NUMBER_HELP[name]} From {lowest} to {highest}."


_NAMES = {
    "first_day": "--contract-start",
    "last_day": "--contract-end",
    "reference": "--contract-reference",
}


@click.group()
def org() -> None:
    """Connected organisations: whom we trust, with what, until when."""


@org.command()
@click.argument("slug")
@_options(required=True)
@in_portal(**_NAMES)
def add(slug: str, as_json: bool, **given: Any) -> None:
    """Add an organisation with its domains, contract, sponsors and policy."""
    one_end("--contract-end", given["contract_end"], open_ended=given["open_ended"])
    write(lambda tx: _add(tx, slug, given))
    row = by_slug(slug.strip())
    done = f"{row.name} is added. Next: portal idp add-oidc {row.slug} IDP --name NAME --issuer URL"
    say_row(_organisation.as_dict(row), as_json, done)


def _add(tx: Tx, slug: str, given: Mapping[str, Any]) -> None:
    organisation_id = changes.add_organisation(
        tx, slug=slug, name=given["name"], unlisted=bool(given["unlisted"])
    )
    changes.set_domains(tx, organisation_id, **_domains(given))
    _add_contract(tx, organisation_id, given)
    _name_sponsors(tx, organisation_id, given)
    if policy := _policy(given):
        changes.set_policy(tx, organisation_id, policy)


@org.command("set")
@click.argument("slug")
@_options(required=False)
@in_portal(**_NAMES)
def set_(slug: str, as_json: bool, **given: Any) -> None:
    """Change an organisation; what is not said stays as it is.

    --domain and --sponsor say all of them: others are taken away. The word default gives a policy
    value back to the portal-wide default; an empty --accepted-acr or --accepted-amr asks for none.
    A contract that is not there yet is added. Sessions that are weaker than a stricter demand end.
    """
    said = {name for name, value in given.items() if value not in (None, ())}
    if not said - {"open_ended"} and not given["open_ended"]:
        raise click.UsageError("Say what to change, such as --name NAME or --contract-end DATE")
    row = by_slug(slug)
    before = _organisation.as_dict(row)
    named, shut_out = write(lambda tx: _change(tx, row, given))
    row = by_slug(slug)
    after = _organisation.as_dict(row)
    same = f"Nothing is changed: that is how {row.name} stands already."
    done = f"{row.name} is changed."
    for why, moved in (
        ("Who is not named any more decides no more", named),
        ("Sponsors with an address in its domains cannot decide for it", shut_out),
    ):
        if any(moved):
            done += (
                f" {why}: {moved[0]} sponsorships handed over, {moved[1]} ended for want of "
                "another sponsor."
            )
    say_row(after, as_json, same if after == before else done)


def _change(
    tx: Tx, row: OrganisationRow, given: Mapping[str, Any]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Change what is said; return what of sponsorships was handed over, and what ended.

    Because somebody is not named any more, and because of the domains.
    """
    named = shut_out = (0, 0)
    # What touches guests comes first: they are locked before their organisation, everywhere.
    if any(given[name] not in (None, False) for name in _CONTRACT):
        _set_contract(tx, row, given)
    if given["sponsors"] or given["deputy"] is not None or given["lead"] is not None:
        named = _name_sponsors(tx, row.id, given)
    if given["domains"]:
        shut_out = set_domains(tx, row.id, **_domains(given))
    if given["domains"] and given["sponsors"]:
        _name_sponsors(tx, row.id, given)  # held against the domains that count now
    changes.change_organisation(tx, row.id, name=given["name"], unlisted=given["unlisted"])
    # It counts from the next period: dates that stand on rows stay.
    if changes.set_policy(tx, row.id, _policy(given)) & STRENGTH_FIELDS:
        end_weak_sessions(tx, row.id, clock.protocol_now(), locked=True)
    return named, shut_out


_CONTRACT = (
    "contract_reference",
    "contract_start",
    "contract_end",
    "open_ended",
    "time_zone",
)


def _domains(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "names": given["domains"],
        "vouched_by": shell_actor().text,
        "house": house_of(current_settings()),
    }


def _add_contract(tx: Tx, organisation_id: UUID, given: Mapping[str, Any]) -> None:
    for name in ("contract_start", "time_zone"):
        if not given[name]:
            option = name.replace("_", "-")
            raise click.UsageError(f"A new contract needs --{option}.")
    one_end("--contract-end", given["contract_end"], open_ended=given["open_ended"])
    changes.add_contract(
        tx,
        organisation_id,
        reference=given["contract_reference"],
        first_day=given["contract_start"],
        last_day=given["contract_end"],
        open_ended=given["open_ended"],
        time_zone=given["time_zone"],
    )


def _set_contract(tx: Tx, row: OrganisationRow, given: Mapping[str, Any]) -> None:
    held = queries.contracts(tx.session, row.id)
    reference = given["contract_reference"]
    if reference is None and len(held) != 1:
        raise click.UsageError("Say which contract: --contract-reference R.")
    found = [one for one in held if reference in {None, one.reference}]
    if not found:
        _add_contract(tx, row.id, given)
        return
    contract = found[0]
    fixed = {"first_day": contract.first_day, "time_zone": contract.time_zone}
    for field, option in (("first_day", "contract_start"), ("time_zone", "time_zone")):
        if given[option] is not None and given[option] != fixed[field]:
            raise Refused(
                field,
                f"It cannot change for contract {contract.reference}: add another contract, under "
                "another reference",
            )
    if given["contract_end"] or given["open_ended"]:
        one_end("--contract-end", given["contract_end"], open_ended=given["open_ended"])
        change_contract(
            tx, contract.id, last_day=given["contract_end"], open_ended=given["open_ended"]
        )


def _name_sponsors(tx: Tx, organisation_id: UUID, given: Mapping[str, Any]) -> tuple[int, int]:
    """Name who is said; who is not said about stays named."""
    named = queries.sponsors(tx.session, organisation_id)
    sponsors = [changes.sponsor_by_email(tx, "sponsor", one) for one in given["sponsors"]]
    if not sponsors:
        sponsors = [one.staff_id for one in named if one.role == "sponsor"]
    kept = {"deputy": None, "lead": None} | {
        "lead" if one.lead else one.role: one.staff_id
        for one in named
        if one.role == "deputy" or (one.lead and one.staff_id in sponsors)
    }
    for field in ("deputy", "lead"):
        if given[field] is not None:
            email = given[field]
            kept[field] = changes.sponsor_by_email(tx, field, email) if email else None
    return name_sponsors(
        tx, organisation_id, sponsors=sponsors, deputy=kept["deputy"], lead=kept["lead"]
    )


def _policy(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the policy fields that were said; ``None`` goes back to the default."""
    said: dict[str, Any] = {}
    if given["approval"] is not None:
        said["approval"] = given["approval"]
    for option, field in _NUMBERS.items():
        if given[option] is not None:
            said[field] = given[option]
    for name in ("accepted_acr", "accepted_amr"):
        if given[name]:
            said[name] = DEFAULT if DEFAULT in given[name] else list(given[name])
    return {name: None if value == DEFAULT else value for name, value in said.items()}


@org.command("list")
@json_option
@in_portal()
def list_(as_json: bool) -> None:
    """List organisations by name."""
    held = queries.domains_of_all(db.session())
    rows = [
        _organisation.summary(row, held.get(row.id, ()))
        for row in queries.organisations(db.session())
    ]
    say_rows(
        rows,
        as_json,
        "slug",
        "name",
        "state",
        "domains",
        "guests",
        "waiting",
        nothing="There are no organisations yet: portal org add SLUG --help",
    )


@org.command()
@click.argument("slug")
@json_option
@in_portal()
def show(slug: str, as_json: bool) -> None:
    """Show an organisation: contracts, domains, policy, sponsors, identity providers, offers."""
    row = _organisation.as_dict(by_slug(slug))
    say_row(row, as_json, _organisation.in_words(row))


@org.command()
@click.argument("slug")
@click.option("--reason", required=True, help="Guests and sponsors can read it.")
@json_option
@in_portal()
def suspend(slug: str, reason: str, as_json: bool) -> None:
    """Suspend an organisation: its guests lose access at once."""
    row = by_slug(slug)
    write(lambda tx: suspend_organisation(tx, row.id, reason))
    touched = f"its {row.seats} guests have no access now"
    say_row(_organisation.as_dict(by_slug(slug)), as_json, f"{row.name} is suspended: {touched}.")


@org.command()
@click.argument("slug")
@json_option
@in_portal()
def resume(slug: str, as_json: bool) -> None:
    """Lift the suspension of an organisation."""
    row = by_slug(slug)
    write(lambda tx: resume_organisation(tx, row.id))
    done = f"{row.name} is active again; what was due for its guests meanwhile is done."
    say_row(_organisation.as_dict(by_slug(slug)), as_json, done)


@org.command()
@click.argument("slug")
@click.option("--on", "last_day", type=DAY, help="Last day of its contracts; without it: now.")
@json_option
@in_portal(last_day="--on")
def end(slug: str, last_day: date | None, as_json: bool) -> None:
    """End every contract of an organisation: now, or after a last day where that is sooner."""
    row = by_slug(slug)
    now, later = write(lambda tx: end_organisation(tx, row.id, last_day))
    contracts = "1 contract ends" if now + later == 1 else f"{now + later} contracts end"
    when = f"on {last_day}" if later else "now"
    done = {**_organisation.as_dict(by_slug(slug)), "contracts_ended": now + later}
    mixed = f", {now} of them now" if now and later else ""
    say_row(done, as_json, f"{contracts} with {row.name} {when}{mixed}.")
