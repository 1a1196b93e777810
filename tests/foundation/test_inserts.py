"""What a transaction keeps for its end: rows of any table, as each column holds them."""

from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, IntegrityError

from portal.audit.models import AuditEvent, AuditPersonal
from portal.delivery.models import Outbox
from portal.foundation import clock
from portal.foundation.db import db, table_of, uuid7
from portal.foundation.inserts import MOST_TOGETHER, Into, insert_all
from portal.foundation.transaction import ANONYMOUS, transaction
from tests.scene import statements

ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
NOW = clock.policy_now()
HARD = 'Zoë "the \\ sign" \u2028 O\'Hara; %s %(x)s :rows_0 {} \\u0000 \U0001f469\u200d\U0001f4bb'


def event(**changed):
    """Return an event's row."""
    return {
        "id": uuid7(),
        "at": NOW,
        "event": "guest.created",
        "actor": "system:test",
        "organisation_id": None,
        "guest_id": None,
        "reason": None,
        "reference": "ABCD",
        "rules_version": 1,
        "data": {},
        **changed,
    }


def personal(of, **changed):
    """Return what an event says of a person."""
    return {"event_id": of["id"], "person": "p", "salt": "s", "data": {}, **changed}


def mail(**changed):
    """Return a mail's row."""
    return {
        "id": uuid7(),
        "kind": "guest.approved",
        "to": "ada@host.example",
        "dedupe_key": "key",
        "payload": {},
        "reference": "ABCD",
        "state": "waiting",
        "tries": 0,
        "not_before": NOW,
        "created_at": NOW,
        **changed,
    }


def keep(*kept):
    """Insert through a transaction; each is a model, its rows and perhaps ``once_by``."""
    with transaction(actor=ANONYMOUS, now=NOW) as tx:
        for model, rows, *once in kept:
            tx.insert_at_end(table_of(model), rows, once_by=once[0] if once else None)


def read(model, *columns):
    """Return rows as tuples, in their order."""
    return [tuple(row) for row in db.session.execute(select(*columns).select_from(model))]


def test_every_value_comes_back_as_it_was(database):
    """Text of any kind, instants in any zone, ids, nothing; nested JSON as JSON."""
    there = datetime(2026, 3, 29, 1, 59, 59, 999_999, timezone(timedelta(hours=5, minutes=45)))
    guest = UUID("0190aaaa-bbbb-7ccc-8ddd-eeeeffff0000")
    said = {"name": HARD, "list": [1, 2.5, True, None], "nested": {"é": "\\"}}
    row = event(at=there, guest_id=guest, reason=HARD[:20], data=said)
    keep((AuditEvent, [row]))
    columns = (AuditEvent.at, AuditEvent.guest_id, AuditEvent.organisation_id, AuditEvent.reason)
    assert read(AuditEvent, *columns, AuditEvent.data) == [(there, guest, None, HARD[:20], said)]


def test_the_text_of_json_is_the_one_that_digests_are_made_of(database):
    """Sorted, without white space, on both databases."""
    keep((AuditEvent, [event(data={"b": 1, "a": "ä"})]))
    stored = db.session.connection().exec_driver_sql("SELECT data FROM audit_event").scalar_one()
    assert stored == '{"a":"ä","b":1}'


def test_rows_of_a_table_keep_their_order(database):
    """The log is read by its own numbers."""
    rows = [event(data={"n": n}) for n in range(40)]
    keep((AuditEvent, rows[:25]), (AuditPersonal, [personal(rows[3])]), (AuditEvent, rows[25:]))
    found = db.session.scalars(select(AuditEvent.data).order_by(AuditEvent.seq)).all()
    assert [one["n"] for one in found] == list(range(40))


def test_whoever_points_at_a_row_may_be_named_first(database):
    """Keys hold at the end, whichever table was kept first."""
    row = event()
    keep((AuditPersonal, [personal(row)]), (AuditEvent, [row]))
    assert read(AuditPersonal, AuditPersonal.event_id) == [(row["id"],)]


def test_very_many_rows_go_in_parts(database):
    """What a decision about everybody writes is no one text of a hundred megabytes."""
    rows = [event(data={"n": n}) for n in range(MOST_TOGETHER + 1)]
    with statements() as sent:
        keep((AuditPersonal, [personal(row) for row in rows]), (AuditEvent, rows))
    found = db.session.scalars(select(AuditEvent.data).order_by(AuditEvent.seq)).all()
    assert [one["n"] for one in found] == list(range(MOST_TOGETHER + 1))
    assert len(read(AuditPersonal, AuditPersonal.event_id)) == MOST_TOGETHER + 1
    assert len(sent) == 4


def test_a_known_value_is_left_alone(database):
    """Of one transaction and of another; what else was kept stands."""
    keep((Outbox, [mail(to="first@host.example")], "dedupe_key"))
    again = [mail(to="second@host.example"), *(mail(dedupe_key="new", tries=n) for n in (1, 2))]
    keep((Outbox, again, "dedupe_key"), (AuditEvent, [event()]))
    found = read(Outbox, Outbox.dedupe_key, Outbox.to, Outbox.tries)
    assert sorted(found) == [("key", "first@host.example", 0), ("new", "ada@host.example", 1)]
    assert len(read(AuditEvent, AuditEvent.id)) == 1


def test_one_row_that_is_refused_takes_all_with_it(database):
    """Nothing of the transaction stands."""
    row = event()
    with pytest.raises(IntegrityError):
        keep((Outbox, [mail()], "dedupe_key"), (AuditEvent, [row, row]))
    assert read(Outbox, Outbox.id) == read(AuditEvent, AuditEvent.id) == []


@ON_POSTGRESQL  # SQLite holds both
@pytest.mark.parametrize("wrong", ["nul\0", "x" * 65])
def test_what_the_database_cannot_hold_is_its_error(database, wrong):
    """A NUL, or more than a column takes: whoever begins a sign-in anew knows how to meet it."""
    with pytest.raises(DBAPIError):
        keep((AuditEvent, [event(reason=wrong)]))


def test_a_time_without_a_zone_is_refused(database):
    """As everywhere."""
    with pytest.raises(Exception, match="naive"):
        keep((AuditEvent, [event(at=datetime(2026, 1, 1))]))  # noqa: DTZ001
    assert read(AuditEvent, AuditEvent.id) == []


@ON_POSTGRESQL  # where rows go as one text; to SQLite each value goes by itself
def test_what_no_column_holds_is_refused(database):
    """A defect, at once."""
    with pytest.raises(TypeError, match="bytes is kept in no column"):
        keep((AuditEvent, [event(reason=b"now")]))


def test_rows_that_name_different_columns_are_refused(database):
    """A column that only one of them names would be empty in the other, without a word."""
    short = {name: value for name, value in event().items() if name != "reason"}
    with pytest.raises(ValueError, match="different columns"):
        keep((AuditEvent, [event(), short]))


def test_what_was_written_early_is_not_written_again(database):
    """Whoever reads what was kept writes it first; that something has changed stays known."""
    with transaction(actor=ANONYMOUS, now=NOW) as tx:
        assert tx.idle
        tx.insert_at_end(table_of(AuditEvent), [event()])
        tx.write_kept()
        assert len(tx.session.scalars(select(AuditEvent.id)).all()) == 1
        assert not tx.idle
    assert len(read(AuditEvent, AuditEvent.id)) == 1


def test_nothing_is_no_statement(database):
    """Of no rows."""
    with db.engine.connect() as connection:
        insert_all(connection, {Into(table_of(AuditEvent)): []})
        connection.rollback()
    assert read(AuditEvent, AuditEvent.id) == []
