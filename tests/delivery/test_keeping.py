"""How long the outbox keeps what it sent, on both databases: a month, and not for ever."""

from datetime import UTC, datetime, timedelta

from portal.delivery import changes, queries
from portal.delivery.rules import KEPT_SENT, State
from portal.foundation.db import db
from portal.foundation.transaction import Actor, transaction
from tests.delivery.samples import message

NOW = datetime(2026, 11, 2, 13, 5, tzinfo=UTC)
WHO = Actor.system("test")


def writing(now=NOW):
    """Open a transaction of the test."""
    return transaction(actor=WHO, now=now)


def put(*keys, now=NOW):
    """Put a mail for each key."""
    with writing(now) as tx:
        changes.put(tx, [message(dedupe_key=key) for key in keys])


def send(number, now=NOW):
    """Send the oldest that are due."""
    with writing(now) as tx:
        for one in changes.claim(tx, number):
            changes.settle_sent(tx, one)


def delete(now, limit=100):
    """Delete what was sent long ago, and commit."""
    with writing(now) as tx:
        return changes.delete_sent(tx, now, limit)


def kept():
    """Return how many mails are in each state."""
    db.session.rollback()
    return {str(state): number for state, number in queries.counts(db.session).items() if number}


def test_what_was_sent_is_kept_for_a_month(database):
    """Who was written to is nobody's business for longer; batch by batch, and then no more."""
    put(*"abcde")
    send(5)
    at = NOW + KEPT_SENT
    assert delete(at - timedelta(seconds=1)) == 0
    assert queries.count_past_keeping(db.session, at) == 5
    assert [delete(at, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert kept() == {}


def test_the_month_is_counted_from_the_sending(database):
    """A mail that waited for its server bars its key from being sent twice for as long."""
    put("a")
    sent_at = NOW + timedelta(days=4)
    send(1, sent_at)
    assert delete(NOW + KEPT_SENT) == 0
    put("a", now=NOW + KEPT_SENT)
    assert kept() == {"sent": 1}
    assert delete(sent_at + KEPT_SENT) == 1


def test_what_was_not_sent_is_kept(database):
    """What waits is to be sent, and what is dead waits for somebody who decides."""
    put("a")
    now, state = NOW, State.WAITING
    while state is not State.DEAD:
        with writing(now) as tx:
            (one,) = changes.claim(tx, 1)
            state = changes.settle_failed(tx, one, code="mail.no", error="550 no", refused=True)
        now += timedelta(hours=1)
    put("b")
    assert delete(NOW + timedelta(days=3650)) == 0
    assert kept() == {"waiting": 1, "dead": 1}
