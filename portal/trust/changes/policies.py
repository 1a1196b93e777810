"""Policies: every edit is a new version with the moment from which it counts."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select

from portal.audit.changes import record
from portal.audit.rules import Event
from portal.foundation.rows import add
from portal.foundation.transaction import Tx
from portal.trust.changes.organisations import locked_organisation
from portal.trust.models import Policy
from portal.trust.queries import policy_row
from portal.trust.rules import POLICY_FIELDS, check_policy


def lock_policy(tx: Tx, organisation_id: UUID | None) -> None:
    """Keep the newest version of a policy, or of the defaults (``None``), the newest."""
    if organisation_id is not None:
        # Whoever comes in refers to it, and holds an attempt that a stricter demand waits for.
        locked_organisation(tx, organisation_id, key_share=True)
    else:
        tx.session.execute(
            select(Policy.id).where(Policy.organisation_id.is_(None)).with_for_update()
        )


def set_policy(tx: Tx, organisation_id: UUID | None, values: Mapping[str, Any]) -> frozenset[str]:
    """Write the next version of a policy.

    What it means for those already in is the caller's: dates on rows stay until the next period.

    Args:
        tx: the open transaction.
        organisation_id: whose; ``None``: the portal-wide defaults.
        values: fields that change; ``None`` goes back to the portal-wide default.

    Returns:
        The names of the fields that changed.

    Raises:
        Refused: a value out of range, or a default taken away.
    """
    checked = check_policy(values, own=organisation_id is not None)
    lock_policy(tx, organisation_id)
    before = policy_row(tx.session, organisation_id)
    old = before.values if before else dict.fromkeys(POLICY_FIELDS)
    changed = [name for name, value in checked.items() if value != old[name]]
    if not changed:
        return frozenset()
    _, sets = add(
        tx,
        Policy,
        {
            "organisation_id": organisation_id,
            "version": before.version + 1 if before else 1,
            "since": tx.now,
            **old,
            **checked,
        },
    )
    record(
        tx,
        [
            Event(
                "policy.changed",
                organisation_id=organisation_id,
                sets=sets,
                data={"was": {name: old[name] for name in changed}},
            )
        ],
    )
    return frozenset(changed)
