"""The drain with a real mail server: each once, whatever is down, doubled or killed."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import redis
from sqlalchemy import select, text, update

from portal.audit.models import AuditEvent
from portal.delivery import changes, jobs, queries
from portal.delivery.models import Outbox
from portal.delivery.rules import LEASE, LONGEST_PAUSE, MOST_TRIES_REFUSED, State
from portal.delivery.smtp import Undeliverable
from portal.foundation import clock, queues
from portal.foundation.current import house
from portal.foundation.db import db
from portal.foundation.transaction import Actor, transaction
from tests.delivery.samples import LINK, PAYLOADS, message
from tests.infra.mailbox import text_of
from tests.infra.ports import free_port

WHO = Actor.system("test")


def put(*messages):
    """Put messages now and commit."""
    with transaction(actor=WHO, now=clock.policy_now()) as tx:
        changes.put(tx, messages)


def states():
    """Return how many messages are in each state."""
    db.session.rollback()
    return {state.value: number for state, number in queries.counts(db.session).items() if number}


def test_every_kind_is_sent_once(database, mailbox):
    """What is due leaves; the next run finds nothing."""
    put(*(message(kind) for kind in PAYLOADS))
    assert jobs.drain() == {"sent": len(PAYLOADS), "later": 0, "dead": 0}
    assert jobs.drain() == {"sent": 0, "later": 0, "dead": 0}
    assert len(mailbox.messages) == len({mail["Message-ID"] for mail in mailbox.messages})
    assert len(mailbox.messages) == len(PAYLOADS)
    assert states() == {"sent": len(PAYLOADS)}
    (binding,) = [mail for mail in mailbox.messages if "Confirm your sign-in" in mail["Subject"]]
    assert LINK in text_of(binding)


def test_what_was_sent_is_kept_by_nobody_here(database, mailbox):
    """Names, addresses, links: once they are with the mail server, their row no longer has them."""
    put(message(dedupe_key="1"), message("staff.bind_link", dedupe_key="2"))
    put(message(dedupe_key="3", to="bad@acme.example"))
    with transaction(actor=WHO, now=clock.policy_now()) as tx:
        tx.session.execute(text("UPDATE outbox SET kind = 'no.such' WHERE dedupe_key = '3'"))
    waiting = text("SELECT dedupe_key, payload FROM outbox ORDER BY dedupe_key")
    before = db.session.execute(waiting).all()
    assert all(len(row.payload) > 2 for row in before)
    assert jobs.drain() == {"sent": 2, "later": 1, "dead": 0}
    db.session.rollback()
    assert db.session.execute(waiting).all() == [("1", "{}"), ("2", "{}"), tuple(before[2])]
    put(message(dedupe_key="1"))
    assert jobs.drain()["sent"] == 0  # the row is there still, so that nothing is sent twice


def test_more_than_a_batch(database, mailbox):
    """The drain goes on until nothing is due."""
    many = jobs.BATCH * 2 + 1
    put(*(message(dedupe_key=str(at)) for at in range(many)))
    assert jobs.drain()["sent"] == many
    assert len(mailbox.messages) == many


def test_j08_two_drains_at_once_send_each_once(database, mailbox):
    """Doubled by two schedulers, or run again as abandoned: one mail each."""
    put(*(message(dedupe_key=str(at)) for at in range(60)))
    together = threading.Barrier(3)

    def drain(_):
        with database.app_context():
            together.wait()
            sent = jobs.drain()["sent"]
            db.session.remove()
            return sent

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(drain, range(3))) == 60
    assert len(mailbox.messages) == len({mail["Message-ID"] for mail in mailbox.messages}) == 60
    assert states() == {"sent": 60}


def test_a_clock_that_was_ahead_keeps_no_mail_back(database, mailbox, policy_clock):
    """It said next month, and was put right: what was put, or put off, by it goes out now."""
    server = mailbox.url
    put(message(dedupe_key="before"))
    policy_clock.forward(days=30)
    settings = house(database)["settings"]
    away = settings.model_copy(update={"smtp_url": f"smtp://127.0.0.1:{free_port()}"})
    house(database)["settings"] = away
    put(message(dedupe_key="meanwhile"))
    assert jobs.drain()["later"] == 1
    clock.set_offset(0)
    house(database)["settings"] = away.model_copy(update={"smtp_url": server})
    put(message(dedupe_key="after"))
    assert jobs.drain() == {"sent": 3, "later": 0, "dead": 0}
    assert len(mailbox.messages) == 3


def test_the_longest_pause_is_kept(database, mailbox):
    """Nobody takes it for a clock that was ahead."""
    put(message())
    now = clock.policy_now()
    with transaction(actor=WHO, now=now) as tx:
        tx.session.execute(update(Outbox).values(not_before=now + LONGEST_PAUSE))
    assert jobs.drain() == {"sent": 0, "later": 0, "dead": 0}
    assert states() == {"waiting": 1}


def test_a_poisonous_message_does_not_stop_the_others(database, mailbox):
    """It is tried some times, and is dead where everybody sees it; the others left long ago."""
    put(*(message(dedupe_key=str(at)) for at in range(5)))
    with transaction(actor=WHO, now=clock.policy_now()) as tx:
        tx.session.execute(text("UPDATE outbox SET payload = '{}' WHERE dedupe_key = '2'"))
        tx.session.execute(text("UPDATE outbox SET kind = 'no.such' WHERE dedupe_key = '3'"))
    assert jobs.drain() == {"sent": 3, "later": 2, "dead": 0}
    assert len(mailbox.messages) == 3
    errors = {row.last_error for row in queries.listed(db.session, state=State.WAITING)}
    assert {error[:45] for error in errors} == {
        "the mail could not be written: UndefinedError",
        "the mail could not be written: KeyError: 'no.",
    }


@pytest.mark.parametrize("garbage", ["{", "", "[1]", "[" * 100_000])
def test_j18_a_message_that_cannot_be_read_does_not_stop_the_others(database, mailbox, garbage):
    """No JSON, or none that is ours, in one row: it is tried like any other, and says so."""
    put(*(message(dedupe_key=str(at)) for at in range(3)))
    with transaction(actor=WHO, now=clock.policy_now()) as tx:
        broken = text("UPDATE outbox SET payload = :garbage WHERE dedupe_key = '1'")
        tx.session.execute(broken, {"garbage": garbage})
    assert jobs.drain() == {"sent": 2, "later": 1, "dead": 0}
    (row,) = queries.listed(db.session, state=State.WAITING)
    assert row.last_error == (
        "the mail could not be written: ValueError: what it should say cannot be read"
    )


def test_a_drain_that_has_had_its_time_blames_no_message(database, mailbox, monkeypatch):
    """The job ends there; the message waits for the next one, and no "no" of it is counted."""
    put(message())
    monkeypatch.setattr(jobs, "compose", _out_of_time)
    with pytest.raises(queues.TimeUp):
        jobs.drain()
    (row,) = queries.listed(db.session, state=State.WAITING)
    assert (row.tries, row.last_error) == (1, None)


def _out_of_time(*_):
    raise queues.TimeUp


def test_an_unforeseen_error_is_the_messages_own(database, mailbox, monkeypatch):
    """A fault of ours in one mail is written down there, and the others go out."""
    put(message(dedupe_key="1", to="bad@acme.example"), message(dedupe_key="2"))
    compose = jobs.compose

    def sometimes(settings, one):
        if one.to.startswith("bad"):
            raise RuntimeError("a fault\r\nof ours")
        return compose(settings, one)

    monkeypatch.setattr(jobs, "compose", sometimes)
    assert jobs.drain() == {"sent": 1, "later": 1, "dead": 0}
    (row,) = queries.listed(db.session, state=State.WAITING)
    assert row.last_error == "unexpected RuntimeError: a fault of ours"


def test_later_is_tried_again(database, mailbox, policy_clock):
    """A server that says 451 gets it a minute later."""
    put(message())
    mailbox.refuse_with = "451 later"
    assert jobs.drain() == {"sent": 0, "later": 1, "dead": 0}
    mailbox.refuse_with = None
    assert jobs.drain() == {"sent": 0, "later": 0, "dead": 0}
    policy_clock.forward(seconds=61)
    assert jobs.drain() == {"sent": 1, "later": 0, "dead": 0}
    assert len(mailbox.messages) == 1


def test_no_for_good_is_dead_soon_and_can_be_sent_again(database, mailbox, policy_clock):
    """A 550 is not asked for days; the audit says it, and a person can send it again."""
    put(message())
    mailbox.refuse_with = "550 no such user"
    outcomes = Counter()
    for _ in range(10):
        outcomes.update(jobs.drain())
        policy_clock.forward(hours=1)
    assert outcomes == {"sent": 0, "later": MOST_TRIES_REFUSED - 1, "dead": 1}
    (row,) = queries.dead(db.session)
    assert row.last_error == "the server refused the mail: 550 no such user"
    (told,) = db.session.scalars(select(AuditEvent).where(AuditEvent.event == "mail.dead"))
    assert (told.actor, told.reason, told.reference) == (
        "system:drain",
        "mail.refused",
        row.reference,
    )
    mailbox.refuse_with = None
    with transaction(actor=WHO, now=clock.policy_now()) as tx:
        assert changes.send_again(tx, row.id)
    assert jobs.drain()["sent"] == 1
    assert len(mailbox.messages) == 1


def test_j16_a_mail_server_that_is_down_for_a_day(database, mailbox, make_settings, policy_clock):
    """Nothing is lost, nothing dies; when it is back each goes out once, within the hour."""
    house(database)["settings"] = make_settings(smtp_url=f"smtp://127.0.0.1:{free_port()}")
    put(*(message(dedupe_key=f"before:{at}") for at in range(30)))
    for hour in range(24):
        put(message(dedupe_key=f"while down:{hour}"))
        for _ in range(3):
            assert jobs.drain()["sent"] == 0
            policy_clock.forward(seconds=1200)
    assert states() == {"waiting": 54}
    house(database)["settings"] = make_settings(smtp_url=mailbox.url)
    for _ in range(13):
        jobs.drain()
        policy_clock.forward(seconds=300)
    assert states() == {"sent": 54}
    assert len(mailbox.messages) == len({mail["Message-ID"] for mail in mailbox.messages}) == 54


def test_a_server_that_is_down_costs_one_try(database, make_settings):
    """The first message learns it; the others keep their tries and are due at once."""
    house(database)["settings"] = make_settings(smtp_url=f"smtp://127.0.0.1:{free_port()}")
    put(*(message(dedupe_key=str(at)) for at in range(jobs.BATCH + 5)))
    assert jobs.drain() == {"sent": 0, "later": 1, "dead": 0}
    rows = queries.listed(db.session)
    assert Counter(row.tries for row in rows) == {0: jobs.BATCH + 4, 1: 1}
    assert sum(row.not_before > clock.policy_now() for row in rows) == 1
    (error,) = {row.last_error for row in rows} - {None}
    assert error.startswith("the server could not be reached: ")


def test_a_server_that_closes_costs_one_try(database, mailbox, policy_clock):
    """421 is no word on this mail: too many came at once. The next one keeps its tries."""
    put(*(message(dedupe_key=str(at)) for at in range(3)))
    mailbox.refuse_with = "421 too many, come back later"
    assert jobs.drain() == {"sent": 0, "later": 1, "dead": 0}
    rows = queries.listed(db.session)
    assert [row.last_error for row in rows if row.last_error] == [
        "the server refused the mail: 421 too many, come back later"
    ]
    assert sorted(row.tries for row in rows) == [0, 0, 1]
    mailbox.refuse_with = None
    policy_clock.forward(seconds=61)
    assert jobs.drain()["sent"] == 3


def test_j09_flushall_loses_nothing(database, mailbox, redis_url):
    """The queue held a wake-up only; the schedule's next drain sends what the database holds."""
    put(message())
    with redis.Redis.from_url(redis_url) as client:
        assert queues.queue_of(client).count == 1
        client.flushall()
        assert queues.queue_of(client).count == 0
    assert jobs.drain()["sent"] == 1
    assert len(mailbox.messages) == 1


def test_j12_a_lost_wake_up_loses_nothing(database, mailbox, make_settings):
    """No queue at all: the change is made, and the message waits for the schedule."""
    house(database)["settings"] = make_settings(redis_url="redis://127.0.0.1:1/0")
    put(message())
    assert states() == {"waiting": 1}
    assert jobs.drain()["sent"] == 1


def test_killed_between_sending_and_settling(database, mailbox, monkeypatch, policy_clock):
    """After the lease it is sent once more, recognisable as the same mail by its Message-ID."""
    put(message(dedupe_key="1"), message(dedupe_key="2"))
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "_settle", _killed)
        with pytest.raises(KeyboardInterrupt):
            jobs.drain()
    assert jobs.drain()["sent"] == 0
    policy_clock.forward(seconds=LEASE.total_seconds() + 1)
    assert jobs.drain()["sent"] == 2
    ids = Counter(mail["Message-ID"] for mail in mailbox.messages)
    assert sorted(ids.values()) == [1, 2]


def _killed(*_):
    raise KeyboardInterrupt


def test_a_drain_ends_in_time(database, mailbox, monkeypatch):
    """It stops long before its leases end, and gives back what it did not get to."""
    monkeypatch.setattr(jobs, "SECONDS", -1.0)
    put(*(message(dedupe_key=str(at)) for at in range(3)))
    assert [jobs.drain()["sent"] for _ in range(4)] == [1, 1, 1, 0]
    assert {row.tries for row in queries.listed(db.session)} == {1}
    assert timedelta(seconds=60 * 6) < LEASE  # one mail's slowest conversation, and the minute


def test_a_test_mail_says_at_once_how_it_went(database, mailbox, make_settings):
    """It goes past the outbox: whoever clicked wants to know now."""
    id_ = jobs.send_test("ada@host.example")
    (mail,) = mailbox.messages
    assert str(id_) in mail["Message-ID"]
    assert mail["To"] == "ada@host.example"
    assert states() == {}
    house(database)["settings"] = make_settings(smtp_url=f"smtp://127.0.0.1:{free_port()}")
    with pytest.raises(Undeliverable, match="could not be reached") as down:
        jobs.send_test("ada@host.example")
    assert down.value.code == "mail.unreachable"
