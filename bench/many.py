"""A first sign-in with very many guests in the table against few: web and database CPU together."""

from collections.abc import Callable

from sqlalchemy import text

from bench.ground import Ground, Served, cpu_of_database, ground, the_portal
from bench.load import People, compare
from portal.foundation.db import db, table_of
from portal.guests.models import FederatedIdentity, Guest
from portal.sponsorship.models import Sponsorship

FEW = 1_000
ROUNDS = 7
_AT_ONCE = 100_000
_NEWCOMERS = 10_000_000

# A copy of one guest for each number; what tells people apart is the number.
_COPIES = """
WITH n AS (SELECT number, gen_random_uuid() AS guest_id, gen_random_uuid() AS word,
                  gen_random_uuid() AS identity
           FROM generate_series(CAST(:first AS integer), CAST(:last AS integer)) AS number),
guests AS (INSERT INTO guest ({guest}) SELECT {guest_values} FROM n, guest AS g WHERE g.id = :one
           RETURNING id),
words AS (INSERT INTO sponsorship ({word}) SELECT {word_values} FROM n, sponsorship AS s
          WHERE s.guest_id = :one RETURNING id)
INSERT INTO federated_identity ({identity})
SELECT {identity_values} FROM n, federated_identity AS f WHERE f.guest_id = :one
"""


def fill(on: Ground, number: int) -> None:
    """Copy the guest ``person-0`` into so many people, whom somebody approved."""
    one = db.session.scalar(
        text("SELECT guest_id FROM federated_identity WHERE subject = 'person-0'")
    )
    db.session.rollback()
    parts = {}
    for name, model, letter, changed in (
        ("guest", Guest, "g", {
            "id": "n.guest_id", "email": "'crowd.' || n.number || '@acme.example'",
            "name": "'Crowd ' || n.number", "arrived_at": "g.arrived_at - interval '9 days'",
        }),
        ("word", Sponsorship, "s", {
            "id": "n.word", "guest_id": "n.guest_id", "approve_by": "NULL",
        }),
        ("identity", FederatedIdentity, "f", {
            "id": "n.identity", "guest_id": "n.guest_id", "subject": "'crowd-' || n.number",
        }),
    ):  # fmt: skip
        columns = [column.name for column in table_of(model).columns]
        parts[name] = ", ".join(columns)
        values = ", ".join(changed.get(column, f"{letter}.{column}") for column in columns)
        parts[f"{name}_values"] = values
    statement = text(_COPIES.format(**parts))
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for first in range(1, number, _AT_ONCE):
            last = min(first + _AT_ONCE, number) - 1
            connection.execute(statement, {"first": first, "last": last, "one": one})
        connection.execute(
            text("UPDATE organisation SET seats = seats + :more WHERE id = :id"),
            {"more": number - 1, "id": on.partner.id},
        )
        connection.execute(text("VACUUM ANALYZE"))


def approve_all() -> None:
    """Let nobody wait, so that each newcomer is put before an equally empty desk."""
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for said in (
            "UPDATE sponsorship SET approve_by = NULL WHERE approve_by IS NOT NULL",
            "VACUUM ANALYZE",
        ):
            connection.execute(text(said))


def many(on: Ground, number: int, size: int) -> tuple[float, str]:
    """Return the ratio of a first sign-in among *number* guests to one among a thousand.

    Each crowd has a database of its own, so that they can be measured in turn.
    """
    with ground() as other, the_portal(other) as small, the_portal(on) as large:
        few, much = _crowd(other, small, FEW), _crowd(on, large, number)
        costs = compare(much, few, rounds=ROUNDS, size=size // 2)
    more = f"{costs[0] * 1000:.2f} ms CPU of web and database, {costs[1] * 1000:.2f} among few"
    return costs[2], more


def _crowd(on: Ground, app: Served, number: int) -> Callable[[range], float]:
    """Fill a database; return what measures the CPU seconds of a newcomer's sign-in there."""
    people = People(on, app, f"/sign-in/{on.partner.slug}/id")
    people.first(0)
    with on.app.app_context():
        fill(on, number)
        approve_all()
    for one in range(40):
        people.first(2 * _NEWCOMERS + one)

    def measure(numbers: range) -> float:
        before = app.cpu() + cpu_of_database(on.postgres)
        for one in numbers:
            people.first(_NEWCOMERS + one)
        return (app.cpu() + cpu_of_database(on.postgres) - before) / len(numbers)

    return measure
