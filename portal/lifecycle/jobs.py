"""The sweep: find what is due, settle it in short transactions, note what was done.

Idempotent and restartable: a batch asks again under lock, a doubled sweep finds nothing due, a
killed one rolls back. A poisonous row, a guest's or a contract's, is reported; the others go on.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import UUID

import structlog

from portal.admission.changes import delete_expired as delete_arrivals
from portal.audit.changes import record
from portal.audit.queries import Filter, search
from portal.audit.rules import Event
from portal.delivery.changes import delete_sent
from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.queues import TimeUp
from portal.foundation.rows import Sets
from portal.foundation.transaction import Actor, Tx, again_after_deadlock, transaction
from portal.lifecycle.changes import conclude_contract, note_run
from portal.lifecycle.queries import (
    KINDS,
    Cursor,
    EndedContract,
    Fetch,
    ended_contracts,
    review_asks,
)
from portal.sponsorship.changes.reviewing import ask
from portal.sponsorship.changes.settling import settle
from portal.sponsorship.queries import open_under_contract

BATCH = 500
ACTOR = Actor.system("sweep")

log = structlog.get_logger(__name__)

T = TypeVar("T")


class SweepFailed(Exception):
    """Some rows could not be settled; all the others were."""


@dataclass(slots=True)
class Report:
    """What a sweep did, by kind, and which guests and contracts it could not settle."""

    settled: Counter[str] = field(default_factory=Counter)
    failed: list[UUID] = field(default_factory=list)


def sweep() -> dict[str, int]:
    """Run as a job: settle what is due by the policy clock.

    Raises:
        SweepFailed: at the end, if a row was poisonous; the job shows as failed.
    """
    report = run(clock.policy_now())
    if report.failed:
        raise SweepFailed(f"{len(report.failed)} rows could not be settled: see the audit log")
    return dict(report.settled)


def run(now: datetime, batch: int = BATCH) -> Report:
    """Settle everything that is due at *now*, and note the run."""
    report = Report()
    for kind, fetch in KINDS.items():
        _each_batch(report, kind, fetch, now, batch, _settle_all)
    for contract in ended_contracts(db.session(), now):
        _end_contract(report, contract, now, batch)
    # Asked last: whoever is out by now is not asked about.
    _each_batch(report, "review_asked", review_asks, now, batch, ask)
    _tidy(report, now, batch)
    with transaction(actor=ACTOR, now=now) as tx:
        note_run(tx, now, clock.policy_now(), report.settled, len(report.failed))
    return report


def _settle_all(tx: Tx, guest_ids: Iterable[UUID]) -> int:
    return len(settle(tx, guest_ids))


Apply = Callable[[Tx, Iterable[UUID]], int]


def _each_batch(
    report: Report, kind: str, fetch: Fetch, now: datetime, batch: int, apply: Apply
) -> None:
    after: Cursor | None = None
    while found := fetch(db.session(), now, after, batch):
        _apply(report, kind, now, [due.guest_id for due in found], apply)
        after = found[-1].cursor


def _apply(
    report: Report, kind: str, now: datetime, guest_ids: Sequence[UUID], apply: Apply
) -> None:
    """Apply to a batch; if that fails, to each alone, so that one cannot hold up the others."""
    ids = list(dict.fromkeys(guest_ids))
    try:
        report.settled[kind] += _carry_out(now, lambda tx: apply(tx, ids))
    except TimeUp:
        raise  # no row's fault: the job ends here, and the next sweep goes on from what is done
    except Exception as error:
        if len(ids) > 1:
            for guest_id in ids:
                _apply(report, kind, now, [guest_id], apply)
            return
        log.exception("guest not settled", guest=str(ids[0]), kind=kind)
        if ids[0] not in report.failed:  # one guest, for however many reasons they were found
            report.failed.append(ids[0])
        _note_failed(_failure(kind, error, guest_id=ids[0]), now)


def _carry_out(now: datetime, change: Callable[[Tx], T]) -> T:
    """Run a change in one transaction; a deadlock is no row's fault."""

    def carry_out() -> T:
        with transaction(actor=ACTOR, now=now) as tx:
            return change(tx)

    return again_after_deadlock(carry_out)


def _failure(kind: str, error: Exception, **about: Any) -> Event:
    """Return the event of a row that could not be settled."""
    data = {"kind": kind, "error": type(error).__name__}
    return Event("lifecycle.settled_row_failed", reason="lifecycle.failed", data=data, **about)


def _note_failed(failure: Event, now: datetime) -> None:
    """Note in the log that a row could not be settled: once a day, not at every sweep."""
    lately = Filter(
        event=failure.name,
        organisation_id=failure.organisation_id,
        guest_id=failure.guest_id,
        since=now - timedelta(days=1),
        until=now + timedelta(days=1),  # what a clock that was ahead has noted is long to come
    )
    noted = {**failure.data, **({"sets": failure.sets} if failure.sets else {})}
    with transaction(actor=ACTOR, now=now) as tx:
        if any(entry.data == noted for entry in search(tx.session, lately)):
            return
        record(tx, [failure])


def _end_contract(report: Report, contract: EndedContract, now: datetime, batch: int) -> None:
    after: UUID | None = None
    while found := open_under_contract(db.session(), contract.id, after, batch):
        _apply(report, "contract_ended", now, [guest_id for _, guest_id in found], _settle_all)
        after = found[-1][0]
    try:
        ended = _carry_out(now, lambda tx: conclude_contract(tx, contract.id))
        report.settled["contracts"] += ended is not None
    except TimeUp:
        raise
    except Exception as error:
        log.exception("contract not concluded", contract=str(contract.id))
        report.failed.append(contract.id)
        which: Sets = {f"contract:{contract.id}": {}}
        failure = _failure("contracts", error, organisation_id=contract.organisation_id, sets=which)
        _note_failed(failure, now)


# What has served its time; each deletes a batch and says how many.
TIDIED: Mapping[str, Callable[[Tx, datetime, int], int]] = MappingProxyType(
    {"arrivals_deleted": delete_arrivals, "mails_deleted": delete_sent}
)


def _tidy(report: Report, now: datetime, batch: int) -> None:
    for kind, delete in TIDIED.items():
        while deleted := _tidied(delete, now, batch):
            report.settled[kind] += deleted


def _tidied(delete: Callable[[Tx, datetime, int], int], now: datetime, batch: int) -> int:
    with transaction(actor=ACTOR, now=now) as tx:
        return delete(tx, now, batch)
