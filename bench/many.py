"""A first sign-in with very many guests in the table against few: web and database CPU together."""

from sqlalchemy import text

from bench.ground import Ground, cpu_of_database, the_portal
from bench.load import People
from portal.foundation.db import db, table_of
from portal.guests.models import FederatedIdentity, Guest
from portal.sponsorship.models import Sponsorship

FEW = 1_000
_AT_ONCE = 100_000

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


def fill(on: Ground, number: int, *, start: int = 0) -> None:
    """Copy the guest ``person-0`` into people *start* to *number*, whom somebody approved."""
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
        for first in range(start + 1, number, _AT_ONCE):
            last = min(first + _AT_ONCE, number) - 1
            connection.execute(statement, {"first": first, "last": last, "one": one})
        connection.execute(
            text("UPDATE organisation SET seats = seats + :more WHERE id = :id"),
            {"more": number - start - 1, "id": on.partner.id},
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
    """Return the ratio of a first sign-in among *number* guests to one among a thousand."""
    with the_portal(on) as ours:
        people = People(on, ours, f"/sign-in/{on.partner.slug}/id")
        people.first(0)
        fill(on, FEW)
        costs = []
        for turn, target in enumerate((FEW, number)):
            if turn:
                fill(on, target, start=FEW)
            approve_all()
            newcomers = 10_000_000 * (turn + 1)
            for one in range(40):
                people.first(newcomers + one)
            before = ours.cpu() + cpu_of_database(on.postgres)
            for one in range(100, 100 + 2 * size):
                people.first(newcomers + one)
            after = ours.cpu() + cpu_of_database(on.postgres)
            costs.append((after - before) / (2 * size))
    few, much = costs
    return much / few, f"{much * 1000:.2f} ms CPU of web and database, {few * 1000:.2f} among few"
