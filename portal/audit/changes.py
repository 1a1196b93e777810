"""Write the audit log: one INSERT a transaction for events, one for what they say of persons."""

import secrets
from collections.abc import Sequence

from portal.audit.models import AuditEvent, AuditPersonal
from portal.audit.rules import RULES_VERSION, Event, check, digest, plain
from portal.foundation.db import table_of, uuid7
from portal.foundation.transaction import Tx


def record(tx: Tx, events: Sequence[Event]) -> None:
    """Append events in this transaction; if this fails, the change fails.

    Raises:
        WrongEvent: an event does not fit the vocabulary.
    """
    if not events:
        return
    rows, personal_rows = [], []
    for event in events:
        check(event)
        event_id = uuid7()
        data = plain(dict(event.data))
        if event.sets:
            data["sets"] = plain(event.sets)
        if event.personal:
            salt = secrets.token_hex(16)
            data["personal_digest"] = digest(salt, event.personal)
            personal_rows.append(
                {
                    "event_id": event_id,
                    "person": str(event.person_id or event.guest_id or tx.actor.id or "unknown"),
                    "salt": salt,
                    "data": plain(event.personal),
                }
            )
        rows.append(
            {
                "id": event_id,
                "at": tx.now,
                "event": event.name,
                "actor": tx.actor.text[:200],
                "organisation_id": event.organisation_id,
                "guest_id": event.guest_id,
                "reason": event.reason,
                "reference": tx.reference,
                "rules_version": RULES_VERSION,
                "data": data,
            }
        )
    tx.insert_at_end(table_of(AuditEvent), rows)
    if personal_rows:
        tx.insert_at_end(table_of(AuditPersonal), personal_rows)
