"""The outbox on both databases: put once, claimed by one, settled whatever happens."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, select, text

from portal.audit.models import AuditEvent
from portal.delivery import changes, queries
from portal.delivery.models import Outbox
from portal.delivery.rules import LEASE, MOST_TRIES, MOST_TRIES_REFUSED, State, WrongMessage
from portal.foundation import queues
from portal.foundation.db import db
from portal.foundation.transaction import Actor, transaction
from tests.delivery.samples import LINK, message

NOW = datetime(2026, 11, 2, 13, 5, tzinfo=UTC)
WHO = Actor.system("test")


def writing(now=NOW, reference=None):
    """Open a transaction of the test."""
    return transaction(actor=WHO, now=now, reference=reference)


def put(*messages, now=NOW, reference=None):
    """Put messages and commit."""
    with writing(now, reference) as tx:
        changes.put(tx, messages)


def claim(now=NOW, limit=100):
    """Claim and commit."""
    with writing(now) as tx:
        return changes.claim(tx, limit)


def fail(claimed, now=NOW, *, refused=False):
    """Settle a message as failed."""
    with writing(now, claimed.reference) as tx:
        return changes.settle_failed(
            tx, claimed, code="mail.later", error="451 later", refused=refused
        )


def rows():
    """Return the outbox, oldest first."""
    db.session.rollback()
    return queries.listed(db.session)


@pytest.fixture
def woken(monkeypatch):
    """What the queue was asked for."""
    asked = []
    monkeypatch.setattr(queues, "wake", asked.append)
    return asked


@pytest.fixture
def statements(database):
    """Every statement that went to the database, with its parameters."""
    seen = []

    def keep(_connection, _cursor, statement, parameters, _context, _many):
        seen.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", keep)
    yield seen
    event.remove(db.engine, "before_cursor_execute", keep)


def test_a_message_is_put_with_its_change(database, woken):
    """It waits from the moment of the change, under its reference; then the drain wakes."""
    put(message("guest.rejected"), reference="7K3F-9QX-M2D")
    (row,) = rows()
    assert (row.kind, row.to, row.state, row.tries) == (
        "guest.rejected",
        "ada@host.example",
        "waiting",
        0,
    )
    assert row.not_before == row.created_at == NOW
    assert row.reference == "7K3F-9QX-M2D"
    assert woken == [queues.DRAIN]


def test_many_messages_are_one_insert_and_one_wake_up(database, woken, statements):
    """However often something is put in a transaction."""
    with writing() as tx:
        changes.put(tx, [message(dedupe_key=f"a:{at}") for at in range(150)])
        changes.put(tx, [message(dedupe_key=f"b:{at}") for at in range(150)])
    inserts = [one for one, _ in statements if one.startswith("INSERT")]
    assert len(inserts) == 1
    assert len(rows()) == 300
    assert woken == [queues.DRAIN]


def test_nothing_to_put_wakes_nobody(database, woken):
    """No message, no statement, no wake-up."""
    put()
    assert rows() == []
    assert woken == []


def test_a_rolled_back_change_sends_nothing(database, woken):
    """J12: the message is not there before the change is, and nobody is woken for it."""

    def fails_after_putting():
        with writing() as tx:
            changes.put(tx, [message()])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails_after_putting()
    assert rows() == []
    assert woken == []


def test_a_known_key_is_left_alone(database):
    """However often a change runs, within a transaction or later, its message is one."""
    put(message(dedupe_key="k"), message(dedupe_key="k"), message(dedupe_key="other"))
    first = rows()
    put(message(dedupe_key="k", organisation="Changed"), now=NOW + timedelta(days=1))
    assert rows() == first
    assert len(first) == 2


def test_a_wrong_message_fails_the_change(database):
    """Found where it is written, not at night in the drain."""
    with pytest.raises(WrongMessage), writing() as tx:
        changes.put(tx, [message(), message(to="a@acme.example,b@evil.example")])
    assert rows() == []


def test_a_link_that_opens_a_door_is_sealed_at_rest(database):
    """Who reads the database cannot bind an account."""
    put(message("staff.bind_link"))
    assert "Zm9v" not in db.session.scalar(text("SELECT payload FROM outbox"))
    (claimed,) = claim()
    assert claimed.payload["url"] != LINK
    assert changes.opened(claimed)["url"] == LINK


def test_a_claim_is_for_the_oldest_and_for_one(database):
    """In order; what is claimed is away until its lease ends, and each claim is a try."""
    put(message(dedupe_key="second"), now=NOW + timedelta(seconds=1))
    put(message(dedupe_key="first"), message(dedupe_key="next"))
    put(message(dedupe_key="not yet"), now=NOW + timedelta(minutes=1))
    then = NOW + timedelta(seconds=2)
    assert [len(claim(then, limit=2)), len(claim(then)), len(claim(then))] == [2, 1, 0]
    by_key = dict(db.session.execute(select(Outbox.dedupe_key, Outbox.tries)).all())
    assert by_key == {"first": 1, "next": 1, "second": 1, "not yet": 0}
    assert claim(then + LEASE - timedelta(seconds=1))[0].tries == 1
    again = claim(then + LEASE)
    assert [one.tries for one in again] == [2, 2, 2]
    assert [one.id for one in again] == sorted(one.id for one in again)


def test_j08_two_workers_never_claim_the_same(database):
    """Eight at once, each gets others, none is left."""
    put(*(message(dedupe_key=str(at)) for at in range(100)))

    def work(_):
        with database.app_context():
            found = [one.id for _ in range(4) for one in claim(limit=5)]
            db.session.remove()
            return found

    with ThreadPoolExecutor(8) as pool:
        claimed = [one for found in pool.map(work, range(8)) for one in found]
    claimed += [one.id for one in claim()]  # what a locked row made the others skip
    assert len(claimed) == len(set(claimed)) == 100


def test_sent_is_sent(database):
    """It never comes up again."""
    put(message())
    (claimed,) = claim()
    with writing() as tx:
        changes.settle_sent(tx, claimed)
    (row,) = rows()
    assert (row.state, row.settled_at, row.last_error) == ("sent", NOW, None)
    assert claim(NOW + timedelta(days=400)) == []


def test_a_failure_waits_longer_each_time(database):
    """One, two, four minutes; the reason can be read meanwhile."""
    put(message())
    now = NOW
    for minutes in (1, 2, 4, 8, 16, 32, 60, 60):
        (claimed,) = claim(now)
        assert fail(claimed, now) is State.WAITING
        assert claim(now + timedelta(minutes=minutes, seconds=-1)) == []
        now += timedelta(minutes=minutes)
    (row,) = rows()
    assert (row.state, row.tries, row.last_error) == ("waiting", 8, "451 later")


@pytest.mark.parametrize(("refused", "most"), [(True, MOST_TRIES_REFUSED), (False, MOST_TRIES)])
def test_it_is_dead_in_the_end_and_everybody_can_see_it(database, refused, most):
    """Bounded tries, then a state of its own and an event under the message's own reference."""
    put(message(), reference="7K3F-9QX-M2D")
    now, states = NOW, []
    for _ in range(most):
        (claimed,) = claim(now)
        states.append(fail(claimed, now, refused=refused))
        now += timedelta(hours=1)
    assert states == [State.WAITING] * (most - 1) + [State.DEAD]
    assert claim(now + timedelta(days=400)) == []
    (row,) = queries.dead(db.session)
    assert (row.tries, row.settled_at) == (most, now - timedelta(hours=1))
    (told,) = db.session.scalars(select(AuditEvent))
    assert (told.event, told.reason, told.reference) == ("mail.dead", "mail.later", "7K3F-9QX-M2D")
    assert told.data == {"kind": "guest.rejected"}
    assert told.actor == "system:test"


def test_a_worker_that_was_too_slow_spoils_nothing(database):
    """Its lease ended, another sent the message: the late failure changes nothing."""
    put(message())
    (slow,) = claim()
    later = NOW + LEASE
    (quick,) = claim(later)
    fail(slow, later, refused=True)
    assert rows()[0].not_before == later + LEASE
    with writing(later) as tx:
        changes.settle_sent(tx, quick)
    fail(slow, later)
    with writing(later) as tx:
        changes.release(tx, [slow])
    assert [(row.state, row.tries) for row in rows()] == [("sent", 2)]


def test_of_two_workers_one_withdraws(database):
    """The other one's message was taken over, and is written down once."""
    put(message())
    (slow,) = claim()
    (quick,) = claim(NOW + LEASE)
    for one, left in ((slow, 1), (quick, 0), (quick, 0)):
        with writing(NOW + LEASE) as tx:
            changes.withdraw(tx, one)
        assert len(rows()) == left
    found = db.session.scalars(select(AuditEvent).where(AuditEvent.event == "mail.withdrawn"))
    assert len(found.all()) == 1


def test_what_was_not_tried_goes_back(database):
    """Released messages are due at once, and no try is used up."""
    put(message(dedupe_key="1"), message(dedupe_key="2"))
    with writing() as tx:
        changes.release(tx, changes.claim(tx, 100))
    assert [(row.tries, row.not_before) for row in rows()] == [(0, NOW), (0, NOW)]
    assert len(claim()) == 2


def test_a_dead_message_is_sent_again_by_one_person(database, woken):
    """A new life with all its tries; audited once, and the second click finds nothing to do."""
    put(message())
    (claimed,) = claim()
    with writing() as tx:
        assert not changes.send_again(tx, claimed.id)  # it is not dead
    now = NOW
    while fail(claimed, now, refused=True) is not State.DEAD:
        now += timedelta(hours=1)
        (claimed,) = claim(now)
    woken.clear()
    then = NOW + timedelta(days=2)
    with writing(then) as tx:
        assert changes.send_again(tx, claimed.id)
    with writing(then) as tx:
        assert not changes.send_again(tx, claimed.id)
    (row,) = rows()
    assert (row.state, row.tries, row.settled_at, row.last_error) == ("waiting", 0, None, None)
    assert row.not_before == then
    assert row.created_at == NOW
    told = select(AuditEvent.event).where(AuditEvent.event == "mail.sent_again")
    assert db.session.scalars(told).all() == ["mail.sent_again"]
    assert woken == [queues.DRAIN]


def test_an_error_is_cut_to_its_column(database):
    """A server may answer a novel."""
    put(message())
    (claimed,) = claim()
    with writing() as tx:
        changes.settle_failed(tx, claimed, code="mail.later", error="x" * 9000, refused=False)
    assert len(rows()[0].last_error) == 500


def test_queries_for_the_health_page(database):
    """How many are in each state, since when the oldest waits, which are dead."""
    assert queries.counts(db.session) == {State.WAITING: 0, State.SENT: 0, State.DEAD: 0}
    assert queries.oldest_waiting(db.session) is None
    put(message(dedupe_key="1"))
    put(message(dedupe_key="2"), message(dedupe_key="3"), now=NOW + timedelta(minutes=5))
    (first, _, third) = claim(NOW + timedelta(minutes=5))
    with writing() as tx:
        changes.settle_sent(tx, first)
    db.session.rollback()
    assert queries.counts(db.session) == {State.WAITING: 2, State.SENT: 1, State.DEAD: 0}
    assert queries.oldest_waiting(db.session) == NOW + timedelta(minutes=5)
    assert [row.id for row in queries.listed(db.session, state=State.WAITING, limit=1)] != [
        third.id
    ]
    assert queries.dead(db.session) == []


def test_since_when_no_mail_goes_out(database):
    """After an hour in which none was sent though one waits; one that is put off is not all."""
    later = NOW + timedelta(hours=1)
    assert queries.standing_since(db.session, later) is None
    put(message(dedupe_key="1"), message(dedupe_key="2"))
    assert queries.standing_since(db.session, later - timedelta(seconds=1)) is None
    assert queries.standing_since(db.session, later) == NOW
    (first, _) = claim(later)
    with writing(now=later) as tx:
        changes.settle_sent(tx, first)
    db.session.rollback()
    assert queries.standing_since(db.session, later + timedelta(minutes=59)) is None
    assert queries.standing_since(db.session, later + timedelta(hours=1)) == NOW


def test_j15_what_a_clock_that_was_ahead_has_sent_hides_no_standstill(database):
    """By the time it is right again, that was not lately."""
    put(message(dedupe_key="1"), message(dedupe_key="2"))
    (first, _) = claim(NOW)
    with writing(now=NOW + timedelta(days=30)) as tx:
        changes.settle_sent(tx, first)
    db.session.rollback()
    assert queries.standing_since(db.session, NOW + timedelta(hours=1)) == NOW


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_due_ones_are_found_by_index(database, statements):
    """The claim reads the partial index, however many were sent or wait for their time."""
    with writing() as tx:
        for state, when in (("sent", "2020-01-01Z"), ("waiting", "2030-01-01Z")):
            tx.session.execute(
                text(
                    'INSERT INTO outbox (id, kind, "to", dedupe_key, payload, reference, state,'
                    " tries, not_before, created_at) SELECT gen_random_uuid(), 'test', 'a@b.test',"
                    " :state || n, '{}', 'r', :state, 1, :when, now()"
                    " FROM generate_series(1, 10000) n"
                ),
                {"state": state, "when": when},
            )
        tx.session.execute(text("ANALYZE outbox"))
    put(*(message(dedupe_key=f"k{at}") for at in range(10)))
    statements.clear()
    assert len(claim()) == 10
    (select_due,) = [one for one in statements if "SKIP LOCKED" in one[0]]
    explain, parameters = f"EXPLAIN {select_due[0]}", select_due[1]
    plan = db.session.connection().exec_driver_sql(explain, parameters).scalars()
    assert "ix_outbox_due" in "\n".join(plan)
    # Told as a parameter, a plan made for all parameters could not use the partial index.
    assert "state = 'waiting'" in explain


@pytest.mark.usefixtures("database")
def test_what_needs_no_new_encryption():
    """A mail without a secret, one under the first key already, and one that was sent."""
    put(message("guest.rejected", dedupe_key="a"), message("staff.bind_link", dedupe_key="b"))
    for claimed in claim():
        with writing() as tx:
            assert changes.encrypt_again(tx, claimed.id) is False
            changes.settle_sent(tx, claimed)
    for row in rows():
        with writing() as tx:
            assert changes.encrypt_again(tx, row.id) is False
