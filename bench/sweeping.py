"""A sweep of very many guests of whom a few are due, against one set-based statement."""

import time
from datetime import timedelta

import psutil
from sqlalchemy import text

from portal.foundation import clock
from portal.foundation.db import db
from portal.lifecycle.jobs import run

_DUE_EVERY = 100

# The same writes: the guest, its sponsorship, an event for each, and a message to both.
_SET_BASED = """
WITH due AS (SELECT id, organisation_id FROM guest
             WHERE state = 'active' AND inactive_at <= :now FOR UPDATE),
moved AS (UPDATE guest SET state = 'suspended', state_reason = 'inactive', state_since = :now,
                 inactive_at = NULL, removes_at = :later
          FROM due WHERE guest.id = due.id RETURNING guest.id, guest.organisation_id, guest.email),
ended AS (UPDATE sponsorship SET state = 'ended', state_reason = 'inactive', state_since = :now,
                 lapses_at = NULL, approve_by = NULL, review_ask_at = NULL, version = version + 1
          FROM due WHERE sponsorship.guest_id = due.id AND sponsorship.state = 'active'
          RETURNING sponsorship.id, guest_id, sponsorship.organisation_id),
told AS (INSERT INTO audit_event (id, at, event, actor, organisation_id, guest_id, reason,
                                  reference, rules_version, data)
         SELECT gen_random_uuid(), :now, 'guest.suspended', 'system:sweep', organisation_id, id,
                'lifecycle.inactive', 'ABCD-EFG-HJK', 1, '{"sets":{"guest":{"state":"suspended"}}}'
         FROM moved
         UNION ALL
         SELECT gen_random_uuid(), :now, 'sponsorship.ended', 'system:sweep', organisation_id,
                guest_id, 'lifecycle.inactive', 'ABCD-EFG-HJK', 1,
                '{"sets":{"sponsorship":{"state":"ended","version": 2}}}'
         FROM ended
         RETURNING id)
INSERT INTO outbox (id, kind, "to", dedupe_key, payload, reference, state, tries, not_before,
                    created_at)
SELECT gen_random_uuid(), kind, email, kind || id, '{"organisation":"Acme","reason":"inactive"}',
       'ABCD-EFG-HJK', 'waiting', 0, CAST(:now AS timestamptz), CAST(:now AS timestamptz)
FROM moved, (VALUES ('guest.suspended'), ('sponsor.guest_suspended')) AS kinds (kind)
"""


def sweeping() -> tuple[float, str]:
    """Return how many times as many guests one statement settles in a second as the sweep does."""
    now = clock.policy_now()
    count = _make_due(now - timedelta(minutes=1), 0)
    process = psutil.Process()
    run(now - timedelta(days=400))  # everything is imported and every statement compiled
    before = process.memory_info().rss
    began = time.monotonic()
    report = run(now)
    ours = time.monotonic() - began
    grown = (process.memory_info().rss - before) / 1e6
    settled = sum(report.settled.values())
    assert settled >= count, report
    later = now + timedelta(minutes=5)
    again = _make_due(later - timedelta(minutes=1), 1)
    began = time.monotonic()
    with db.engine.connect() as connection:
        connection.execute(text(_SET_BASED), {"now": later, "later": later + timedelta(days=30)})
    least = time.monotonic() - began
    ratio = (count / ours) / (again / least)
    return ratio, (
        f"{count / ours:.0f} guests a second of {count} due, one statement {again / least:.0f}; "
        f"memory grew by {grown:.0f} MB"
    )


def _make_due(at: object, rest: int) -> int:
    """Let every hundredth guest tire; return how many."""
    statement = text(
        "UPDATE guest SET inactive_at = :at WHERE id IN (SELECT guest_id FROM federated_identity "
        "WHERE subject LIKE 'crowd-%' AND "
        "CAST(substr(subject, 7) AS integer) % :every = :rest) AND state = 'active'"
    )
    with db.engine.connect() as connection:
        done = connection.execute(statement, {"at": at, "every": _DUE_EVERY, "rest": rest})
        connection.execute(text("ANALYZE guest"))
        return done.rowcount
