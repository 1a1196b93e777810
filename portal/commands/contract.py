"""`portal contract`: the contracts of an organisation."""

from datetime import date, datetime

import click

from portal.commands._shared import (
    DAY,
    in_portal,
    json_option,
    known,
    one_end,
    say_row,
    say_rows,
    write,
)
from portal.foundation import clock
from portal.foundation.db import db
from portal.lifecycle.changes import change_contract
from portal.trust import changes, queries
from portal.trust.queries import ContractRow, OrganisationRow
from portal.trust.rules import gap_before


@click.group()
def contract() -> None:
    """Contracts: no access before their first day, none after their last."""


@contract.command()
@click.argument("organisation", metavar="SLUG")
@click.option("--reference", required=True, help="As the organisations call it.")
@click.option("--start", type=DAY, required=True, help="First day, inclusive.")
@click.option("--end", type=DAY, help="Last day, inclusive.")
@click.option("--open-ended", is_flag=True, help="There is no last day.")
@click.option("--time-zone", required=True, help="IANA name, like Europe/Berlin.")
@json_option
@in_portal()
def add(
    organisation: str,
    reference: str,
    start: date,
    end: date | None,
    open_ended: bool,
    time_zone: str,
    as_json: bool,
) -> None:
    """Add a contract with the organisation SLUG; several may run side by side."""
    one_end("--end", end, open_ended=open_ended)
    found = _organisation(organisation)
    contract_id = write(
        lambda tx: changes.add_contract(
            tx,
            found.id,
            reference=reference,
            first_day=start,
            last_day=end,
            open_ended=open_ended,
            time_zone=time_zone,
        )
    )
    row = known(queries.contract_by_id(db.session(), contract_id), "contract", reference, "")
    others = [one.facts for one in queries.contracts(db.session(), found.id)]
    end_before = gap_before(row.facts, others, clock.policy_now())
    say_row(contract_dict(row), as_json, f"{_sentence(row)}{_too_late(end_before)}")


@contract.command("set")
@click.argument("organisation", metavar="SLUG")
@click.argument("reference", metavar="R")
@click.option("--end", type=DAY, help="Last day, inclusive.")
@click.option("--open-ended", is_flag=True, help="There is no last day any more.")
@json_option
@in_portal()
def set_(
    organisation: str,
    reference: str,
    end: date | None,
    open_ended: bool,
    as_json: bool,
) -> None:
    """Move the end of the contract R. What its old end did already stays done."""
    one_end("--end", end, open_ended=open_ended)
    found = _organisation(organisation)
    row = known(
        queries.contract_by_reference(db.session(), found.id, reference),
        "contract",
        reference,
        f"portal contract list {organisation}",
    )
    contract_id = row.id
    changed = write(
        lambda tx: change_contract(tx, contract_id, last_day=end, open_ended=open_ended)
    )
    row = known(queries.contract_by_id(db.session(), contract_id), "contract", reference, "")
    unchanged = "" if changed else "Nothing was changed. "
    say_row(contract_dict(row), as_json, f"{unchanged}{_sentence(row)}")


@contract.command("list")
@click.argument("organisation", metavar="SLUG")
@json_option
@in_portal()
def list_(organisation: str, as_json: bool) -> None:
    """List the contracts of the organisation SLUG, earliest first."""
    found = _organisation(organisation)
    rows = [contract_dict(row) for row in queries.contracts(db.session(), found.id)]
    say_rows(
        rows,
        as_json,
        "reference",
        "start",
        "end",
        "time_zone",
        "running",
        nothing=f"There is no contract with {found.name} yet: portal contract add {found.slug}",
    )


def _organisation(slug: str) -> OrganisationRow:
    found = queries.organisation_by_slug(db.session(), slug)
    return known(found, "organisation", slug, "portal org list")


def contract_dict(row: ContractRow) -> dict[str, object]:
    """Return a contract as JSON has it."""
    return {
        "id": row.id,
        "reference": row.reference,
        "start": row.first_day,
        "end": row.last_day,
        "open_ended": row.open_ended,
        "time_zone": row.time_zone,
        "begins_at": row.begins_at,
        "ends_at": row.ends_at,
        "running": row.facts.runs(clock.policy_now()),
    }


def _too_late(end_before: datetime | None) -> str:
    if end_before is None:
        return ""
    return (
        f"\nWhoever is here goes out before it begins, at {end_before:%Y-%m-%d %H:%M} UTC: nobody "
        "can vouch under it yet.\nMove the end of the contract before to a later day, so that both "
        "run for a while: portal contract set"
    )


def _sentence(row: ContractRow) -> str:
    end = f"to {row.last_day}" if row.last_day else "open-ended"
    over = row.ends_at is not None and row.ends_at <= clock.policy_now()
    runs = "has ended: it ran" if over else "runs"
    return f"Contract {row.reference} {runs} from {row.first_day} {end}, in {row.time_zone}."
