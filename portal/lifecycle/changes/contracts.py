"""Contracts move and end: their guests are settled, sponsors and admins are told once."""

from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, update

from portal.audit.changes import record
from portal.audit.rules import Event
from portal.delivery.changes import Message, put
from portal.foundation.transaction import Tx
from portal.lifecycle.queries import cut_short
from portal.sponsorship.changes.settling import settle
from portal.sponsorship.queries import (
    Person,
    ended_by_contract,
    open_under_contract,
    organisation_names,
    staff_people,
)
from portal.sponsorship.rules import local_day
from portal.staff.queries import admins
from portal.trust import changes as trust_changes
from portal.trust.models import Contract
from portal.trust.queries import (
    contract_facts,
    contracts,
    eligible_sponsors,
    running_contract,
)
from portal.trust.rules import ContractFacts, check_days, check_year, contract_end

BATCH = 500


def change_contract(tx: Tx, contract_id: UUID, *, last_day: date | None, open_ended: bool) -> bool:
    """Move a contract's end. What its old end did already stays done.

    One that was ended in the course of its last day stays ended if that day is said again.

    Returns:
        Whether anything changed.

    Raises:
        Refused: the days are out of order.
    """
    check_year("last_day", last_day)
    hold_end(tx, contract_id)
    if not open_ended and _has_ended_on(tx, contract_id, last_day):
        return False
    was = contract_facts(tx.session, contract_id)
    changed = trust_changes.set_contract(
        tx,
        contract_id,
        last_day=last_day,
        open_ended=open_ended,
        ends_at=_not_before(tx, contract_id, last_day),
    )
    _tell_shortened(tx, was)
    hold_end(tx, contract_id)
    return changed


def hold_end(tx: Tx, contract_id: UUID) -> None:
    """Carry out what a contract's end has done by now, and keep it where it is until the commit."""
    settle_contract(tx, contract_id)
    conclude_contract(tx, contract_id)


def _has_ended_on(tx: Tx, contract_id: UUID, last_day: date | None) -> bool:
    """Say whether this is the last day of a contract that has ended: a form sent as it came."""
    contract = contract_facts(tx.session, contract_id)
    ended = contract.ends_at is not None and contract.ends_at <= tx.now
    return ended and contract.last_day == last_day


def _not_before(tx: Tx, contract_id: UUID, last_day: date | None) -> datetime | None:
    """Return now for a last day that has passed: no decision taken since is undone in hindsight.

    A contract that has ended already did so when it did; its day may be corrected.
    """
    contract = contract_facts(tx.session, contract_id)
    if last_day is None or (contract.ends_at is not None and contract.ends_at <= tx.now):
        return None
    return tx.now if contract_end(last_day, ZoneInfo(contract.time_zone)) < tx.now else None


def end_organisation(tx: Tx, organisation_id: UUID, last_day: date | None) -> tuple[int, int]:
    """End every contract of an organisation: now, or after a last day where that is sooner.

    Returns:
        How many contracts end now, and how many after the last day: each has its own zone.

    Raises:
        Refused: a year nobody means.
    """
    check_year("last_day", last_day)
    now = later = 0
    ended: list[UUID] = []
    for contract in contracts(tx.session, organisation_id):
        hold_end(tx, contract.id)
        today = local_day(tx.now, contract.time_zone)
        last = max(last_day or today, contract.first_day)
        check_days(contract.first_day, last, open_ended=False)
        # A day that has passed is now, not in hindsight; a contract that begins later never runs.
        ends_at = tx.now
        if last_day is not None and last_day >= today:
            ends_at = contract_end(last_day, ZoneInfo(contract.time_zone))
        if contract.ends_at is not None and contract.ends_at <= ends_at:
            continue
        was = contract_facts(tx.session, contract.id)
        trust_changes.set_contract(tx, contract.id, last_day=last, ends_at=ends_at)
        _tell_shortened(tx, was)
        now, later = (now + 1, later) if ends_at == tx.now else (now, later + 1)
        ended.append(contract.id)
    # Told last: whom the next of them carried a moment ago is out as well.
    for carry_out in (settle_contract, conclude_contract):
        for contract_id in ended:
            carry_out(tx, contract_id)
    return now, later


def _tell_shortened(tx: Tx, was: ContractFacts) -> None:
    """Tell sponsors whose word a contract now ends before its time; whoever did it knows.

    One that ends now is told of as ended.
    """
    now = contract_facts(tx.session, was.id)
    if now.ends_at is None or now.ends_at <= tx.now or now.last_day is None:
        return
    if was.ends_at is not None and was.ends_at <= now.ends_at:
        return
    by = tx.actor.id if tx.actor.kind == "staff" else None
    cut = cut_short(tx.session, now.id, but=by)
    people = staff_people(tx.session, {row[0] for row in cut} | ({by} if by else set()))
    names = organisation_names(tx.session, {row[1] for row in cut})
    kind = "sponsor.contract_shortened"
    put(
        tx,
        [
            Message(
                kind,
                people[sponsor_id].email,
                f"{kind}:{now.id}:{tx.now.isoformat()}:{sponsor_id}",
                {
                    "organisation": names[organisation_id],
                    "contract": now.reference,
                    "count": count,
                    "last_day": now.last_day.isoformat(),
                    "time_zone": now.time_zone,
                    "by": people[by].name if by else "",
                },
            )
            for sponsor_id, organisation_id, count in cut
        ],
    )


def settle_contract(tx: Tx, contract_id: UUID) -> None:
    """Settle everybody who is in, or asked to be, under a contract."""
    after: UUID | None = None
    while batch := open_under_contract(tx.session, contract_id, after, BATCH):
        settle(tx, {guest_id for _, guest_id in batch})
        after = batch[-1][0]


def conclude_contract(tx: Tx, contract_id: UUID) -> int | None:
    """Close the book on an ended contract: note it, tell sponsors and admins, once.

    Returns:
        How many guests its end touched; null if it has not ended, or others were quicker.
    """
    row = tx.session.execute(
        select(Contract.organisation_id, Contract.reference, Contract.ends_at, Contract.settled_at)
        .where(Contract.id == contract_id)
        # An arrival that refers to it holds its organisation's row, which is waited for next.
        .with_for_update(key_share=True)
    ).one()
    if row.settled_at is not None or row.ends_at is None or row.ends_at > tx.now:
        return None
    if open_under_contract(tx.session, contract_id, None, 1):
        return None
    count, out = ended_by_contract(tx.session, contract_id, row.ends_at)
    values = {"settled_at": row.ends_at}
    tx.session.execute(
        update(Contract)
        .where(Contract.id == contract_id)
        .values(values)
        .execution_options(synchronize_session="evaluate")
    )
    event = Event(
        "contract.ended",
        organisation_id=row.organisation_id,
        reason="lifecycle.contract_ended",
        sets={f"contract:{contract_id}": values},
        data={"guests": count},
    )
    record(tx if row.ends_at == tx.now else tx.by_time(), [event])
    # An end that was taken back and comes again is told again, be it on the same day.
    once = f"{contract_id}:{row.ends_at.isoformat()}"
    about = {
        "contract": row.reference,
        "count": count,
        "out": out,
        "runs": running_contract(tx.session, row.organisation_id, tx.now) is not None,
    }
    _tell(tx, row.organisation_id, about, once)
    return count


def _tell(tx: Tx, organisation_id: UUID, about: Mapping[str, object], once: str) -> None:
    names = organisation_names(tx.session, [organisation_id])
    payload = {"organisation": names[organisation_id], **about}
    # Not whoever may decide there no longer, though they be named still.
    sponsor_ids = [one.staff_id for one in eligible_sponsors(tx.session, organisation_id)]
    told: list[tuple[str, Person]] = [
        ("sponsor.contract_ended", person)
        for person in staff_people(tx.session, sponsor_ids).values()
    ]
    told += [
        ("admin.contract_ended", Person(admin.id, admin.name, admin.email))
        for admin in admins(tx.session)
        if admin.id not in sponsor_ids
    ]
    put(
        tx,
        [
            Message(kind, person.email, f"{kind}:{once}:{person.id}", payload)
            for kind, person in told
        ],
    )
