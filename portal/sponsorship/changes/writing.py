"""The sole writer of a sponsorship's and a grant's state, with their audit events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, update

from portal.audit.changes import record
from portal.audit.rules import Event
from portal.foundation.db import table_of
from portal.foundation.transaction import Tx
from portal.guests.rules import family
from portal.sponsorship.models import Grant, Sponsorship
from portal.sponsorship.queries import GrantRow, SponsorshipRow
from portal.sponsorship.rules import Standing, require_step

PERSONAL = ("why", "works_with", "decision_note")


@dataclass(frozen=True, slots=True)
class Change:
    """One sponsorship's change: the state it takes and every column that goes with it."""

    sponsorship: SponsorshipRow
    state: Standing
    values: Mapping[str, Any]


def add(tx: Tx, event: str, sponsorship_id: UUID, values: Mapping[str, Any]) -> None:
    """Insert a sponsorship; *values* holds every column but the id and the version."""
    tx.insert_at_end(table_of(Sponsorship), [{"id": sponsorship_id, "version": 1, **values}])
    owned = {name: value for name, value in values.items() if name not in PERSONAL}
    personal = {name: values[name] for name in PERSONAL}
    record(
        tx,
        [
            Event(
                event,
                organisation_id=values["organisation_id"],
                guest_id=values["guest_id"],
                reason=family(values["state_reason"]),
                sets={f"sponsorship:{sponsorship_id}": {"version": 1, **owned}},
                personal={f"sponsorship:{sponsorship_id}": personal},
            )
        ],
    )


def change(tx: Tx, event: str, changes: Sequence[Change]) -> None:
    """Change sponsorships: executemany and one audit INSERT.

    Raises:
        IllegalStep: one of them cannot; nothing is changed.
    """
    if not changes:
        return
    table = table_of(Sponsorship)
    events = []
    shapes: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for one in changes:
        require_step(one.sponsorship.state, one.state)
        values = {**one.values, "state": one.state, "version": one.sponsorship.version + 1}
        shapes.setdefault(tuple(values), []).append({"sponsorship": one.sponsorship.id, **values})
        reason = values.get("state_reason", one.sponsorship.state_reason)
        key = f"sponsorship:{one.sponsorship.id}"
        personal = {name: value for name, value in values.items() if name in PERSONAL}
        events.append(
            Event(
                event,
                organisation_id=one.sponsorship.organisation_id,
                guest_id=one.sponsorship.guest_id,
                reason=family(reason),
                sets={key: {name: value for name, value in values.items() if name not in PERSONAL}},
                personal={key: personal} if personal else {},
            )
        )
    for shape, rows in shapes.items():
        columns: dict[str, Any] = {name: bindparam(name) for name in shape}
        tx.execute(
            update(table).where(table.c.id == bindparam("sponsorship")).values(columns), rows
        )
    record(tx, events)


def add_grants(
    tx: Tx, event: str, organisation_id: UUID, grants: Sequence[Mapping[str, Any]]
) -> None:
    """Insert grants; each holds every column."""
    if not grants:
        return
    tx.insert_at_end(table_of(Grant), grants)
    record(
        tx,
        [
            Event(
                event,
                organisation_id=organisation_id,
                guest_id=grant["guest_id"],
                sets={f"grant:{grant['id']}": {k: v for k, v in grant.items() if k != "id"}},
            )
            for grant in grants
        ],
    )


def change_grants(
    tx: Tx,
    event: str,
    changes: Sequence[tuple[GrantRow, Mapping[str, Any]]],
) -> None:
    """Change the state of grants; all set the same columns."""
    if not changes:
        return
    table = table_of(Grant)
    columns: dict[str, Any] = {name: bindparam(name) for name in changes[0][1]}
    tx.execute(
        update(table).where(table.c.id == bindparam("grant")).values(columns),
        [{"grant": grant.id, **values} for grant, values in changes],
    )
    record(
        tx,
        [
            Event(
                event,
                organisation_id=grant.organisation_id,
                guest_id=grant.guest_id,
                reason=f"grant.{values['state_reason']}",
                sets={f"grant:{grant.id}": dict(values)},
            )
            for grant, values in changes
        ],
    )
