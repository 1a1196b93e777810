"""What a sign-in costs the database is pinned: statements and commits, not milliseconds."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event

from portal.foundation.db import db
from portal.trust.queries import organisation_by_slug
from tests.factories import offer, writing
from tests.flows.test_door import approve

CONTROL = ("BEGIN", "PRAGMA", "SAVEPOINT", "RELEASE")


@contextmanager
def counted(app) -> Iterator[dict[str, list[str]]]:
    """Collect statements and commits of the application's engine."""
    seen: dict[str, list[str]] = {"statements": [], "commits": []}

    def executed(_connection, _cursor, statement, _parameters, _context, _many):
        if not statement.startswith(CONTROL):
            seen["statements"].append(statement)

    def committed(_connection):
        seen["commits"].append("commit")

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", executed)
    event.listen(engine, "commit", committed)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", executed)
        event.remove(engine, "commit", committed)


def cost(seen: dict[str, list[str]]) -> tuple[int, int]:
    """Return how many statements and commits were seen."""
    return len(seen["statements"]), len(seen["commits"])


def on_postgresql(app) -> bool:
    """Say whether what a transaction inserts goes by one statement; on SQLite it is one a table."""
    with app.app_context():
        return db.engine.dialect.name == "postgresql"


def test_a_returning_sign_in(story):
    """Start and callback of somebody who is known: two commits."""
    story.arrive(story.browser())
    approve(story)
    client = story.browser()
    with counted(story.app) as seen:
        assert story.knock(client).location == "/me"
    inserts = 1 if on_postgresql(story.app) else 2
    assert cost(seen) == (5 + inserts, 2), "\n".join(seen["statements"])


def test_a_first_sign_in(story):
    """Start, callback, arrival page and accept, with something proposed: three commits."""
    with story.app.app_context(), writing() as tx:
        acme = organisation_by_slug(tx.session, "acme")
        assert acme is not None
        offer(tx, acme.id, default=True)
    story.knock(story.browser())
    client = story.browser()
    with counted(story.app) as seen:
        assert story.arrive(client).location == "/me"
    inserts = 1 if on_postgresql(story.app) else 9
    assert cost(seen) == (10 + inserts, 3), "\n".join(seen["statements"])


def test_the_guests_page(story):
    """Where I stand, of an active guest: no write between two touches of the session."""
    client = story.browser()
    story.arrive(client)
    approve(story)
    client.get("/me")
    with counted(story.app) as seen:
        assert client.get("/me").status_code == 200
    assert cost(seen) == (1, 0), "\n".join(seen["statements"])
