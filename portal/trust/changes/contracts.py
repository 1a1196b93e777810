"""Contracts. What a moved end does to people stands in ``lifecycle``, which settles first."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select

from portal.audit.changes import record
from portal.audit.rules import Event
from portal.foundation.refused import Refused
from portal.foundation.rows import add_unique, edit, key
from portal.foundation.text import check_name
from portal.foundation.transaction import Tx
from portal.trust.changes.organisations import locked_organisation
from portal.trust.models import Contract
from portal.trust.rules import check_days, check_zone, contract_begin, contract_end


def add_contract(
    tx: Tx,
    organisation_id: UUID,
    *,
    reference: str,
    first_day: date,
    last_day: date | None = None,
    open_ended: bool = False,
    time_zone: str,
) -> UUID:
    """Add a contract; several may run side by side.

    Args:
        tx: the open transaction.
        organisation_id: with whom.
        reference: as the organisations call it; unique for this one.
        first_day: inclusive, in *time_zone*.
        last_day: inclusive, in *time_zone*; none only if *open_ended*.
        open_ended: said explicitly, never by leaving something out.
        time_zone: IANA name.

    Raises:
        Refused: it ends before it starts, the zone is unknown, the reference is taken.
    """
    row = locked_organisation(tx, organisation_id)
    reference = check_name("reference", reference, 100)
    check_days(first_day, last_day, open_ended=open_ended)
    zone = check_zone(time_zone)
    values = {
        "organisation_id": organisation_id,
        "reference": reference,
        "first_day": first_day,
        "last_day": last_day,
        "open_ended": open_ended,
        "time_zone": zone.key,
        "begins_at": contract_begin(first_day, zone),
        "ends_at": None if last_day is None else contract_end(last_day, zone),
        "settled_at": None,
        "created_at": tx.now,
    }
    taken = Refused(
        "reference", f"{row.name} has a contract {reference} already: choose another reference"
    )
    contract_id, sets = add_unique(tx, Contract, values, taken)
    record(tx, [Event("contract.added", organisation_id=organisation_id, sets=sets)])
    return contract_id


def set_contract(
    tx: Tx,
    contract_id: UUID,
    *,
    last_day: date | None = None,
    open_ended: bool = False,
    ends_at: datetime | None = None,
) -> bool:
    """Move a contract's end; the caller has settled what is already due.

    Args:
        tx: the open transaction.
        contract_id: which.
        last_day: inclusive, in the contract's zone.
        open_ended: instead of a last day.
        ends_at: the instant, when it ends in the course of its last day (aware, UTC).

    Returns:
        Whether anything changed.

    Raises:
        Refused: it would end before it starts, or neither or both ends are given.
    """
    row = tx.session.execute(
        select(Contract)
        .where(Contract.id == contract_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).scalar_one()
    check_days(row.first_day, last_day, open_ended=open_ended)
    end = None
    if last_day is not None:
        end = ends_at or contract_end(last_day, check_zone(row.time_zone))
    values: dict[str, object] = {"last_day": last_day, "open_ended": open_ended, "ends_at": end}
    if row.settled_at is not None and (end is None or end > tx.now):
        values["settled_at"] = None  # it runs again, so its end will have to be carried out again
    was = {name: getattr(row, name) for name in values}
    sets = edit(tx, row, values)
    if not sets:
        return False
    changed = sets[key(Contract, row.id)]
    record(
        tx,
        [
            Event(
                "contract.changed",
                organisation_id=row.organisation_id,
                sets=sets,
                data={"was": {name: was[name] for name in changed}},
            )
        ],
    )
    return True
