"""`portal audit list`: a reference number finds what happened."""

import json
from datetime import timedelta
from uuid import UUID

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, event

from portal.audit.changes import record
from portal.audit.models import AuditPersonal
from portal.audit.queries import BATCH
from portal.audit.rules import Event
from portal.commands.audit import audit
from portal.foundation import clock
from portal.foundation.db import db, uuid7
from portal.foundation.transaction import Actor, transaction
from portal.trust.models import Organisation
from tests.commands.conftest import Shell

GUEST = UUID("0190b5a0-2222-7000-8000-000000000002")


def run(*words):
    """Run the command; return what it printed."""
    result = CliRunner().invoke(audit, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def history(database):
    """Two events of two transactions."""
    now = clock.policy_now()
    with transaction(actor=Actor.shell("root"), now=now, reference="7K3F-9QX-M2D") as tx:
        acme = Organisation(id=uuid7(), slug="acme", name="Acme", created_at=now)
        tx.session.add(acme)
        tx.session.flush()
        record(
            tx,
            [
                Event(
                    "guest.created",
                    organisation_id=acme.id,
                    guest_id=GUEST,
                    sets={f"guest:{GUEST}": {"state": "pending"}},
                    personal={f"guest:{GUEST}": {"name": "Jane Roe"}},
                )
            ],
        )
    with transaction(actor=Actor.system("drain"), now=now, reference="B2CD-3FG-H4J") as tx:
        record(tx, [Event("mail.dead", reason="mail.refused", data={"kind": "guest.lapsed"})])


def test_stable_keys(history):
    """Scripts find what the issue promised."""
    created, dead = json.loads(run("list", "--json"))
    assert set(created) >= {
        *("id", "at", "event", "actor", "organisation", "guest", "reason", "reference", "data"),
    }
    assert (created["event"], created["actor"]) == ("guest.created", "shell:root")
    assert (created["organisation"], created["guest"]) == ("acme", str(GUEST))
    assert created["data"]["sets"] == {f"guest:{GUEST}": {"state": "pending"}}
    assert created["data"]["personal"] == {f"guest:{GUEST}": {"name": "Jane Roe"}}
    assert (dead["organisation"], dead["guest"]) == (None, None)
    assert (dead["reason"], dead["data"]) == ("mail.refused", {"kind": "guest.lapsed"})


def test_what_was_erased_is_not_shown(history):
    """The event stays when the person's rows are gone."""
    with transaction(actor=Actor.system("test"), now=clock.policy_now()) as tx:
        tx.session.execute(delete(AuditPersonal))
    created, _ = json.loads(run("list", "--json"))
    assert "personal" not in created["data"]
    assert "personal_digest" in created["data"]


@pytest.mark.parametrize(
    ("words", "events"),
    [
        (["--reference", "7K3F-9QX-M2D"], ["guest.created"]),
        (["--reference", " 7k3f-9qx-m2d "], ["guest.created"]),
        (["--event", "mail.dead"], ["mail.dead"]),
        (["--event", "mail.dead", "--reference", "7K3F-9QX-M2D"], []),
        (["--reference", "nothing"], []),
        (["--organisation", "acme"], ["guest.created"]),
        (["--organisation", "acme", "--event", "mail.dead"], []),
        (["--guest", str(GUEST)], ["guest.created"]),
        (["--guest", str(UUID(int=1))], []),
    ],
)
def test_filters(history, words, events):
    """As it was read out on the telephone, too."""
    assert [row["event"] for row in json.loads(run("list", "--json", *words))] == events


def test_a_name_that_no_event_has_is_told(history):
    """A watch with a slip of the pen in it would find nothing for ever."""
    said = Shell().refused("audit", "list", "--event", "sign_in.refusd", "--json")
    assert said == "There is no event called 'sign_in.refusd': did you mean sign_in.refused?"
    assert "'x'" in Shell().refused("audit", "list", "--event", "x")


def test_whoever_is_not_there_is_told(history):
    """An organisation by its short name; a guest by their id."""
    said = Shell().refused("audit", "list", "--organisation", "acmee")
    assert said == "There is no organisation 'acmee': portal org list shows which there are"
    said = Shell().refused("audit", "list", "--guest", "Jane")
    assert said == "'Jane' is no guest's id: portal guest list shows which there are"


def days_of(now):
    """The day of an instant, the one before and the one after, as the log's filters have them."""
    return [str(now.date() + timedelta(days=days)) for days in (0, -1, 1)]


def test_days_are_whole_and_in_utc(history):
    """As on the page of the log: both days are shown, from midnight to midnight."""
    today, before, after = days_of(clock.policy_now())
    for words, shown in (
        (("--since", today, "--until", today), 2),
        (("--since", after), 0),
        (("--until", before), 0),
    ):
        assert len(json.loads(run("list", "--json", *words))) == shown, words


@pytest.mark.parametrize("option", ["--since", "--until"])
def test_a_day_that_cannot_be_meant_is_told(option):
    """A year with a slip of the pen in it would show all, or nothing, for ever."""
    for day, said in (("0206-11-01", "write a year from 1970 to 2199"), ("1.11.2026", "no day")):
        assert said in Shell().refused("audit", "list", option, day, code=2)


def test_a_long_log_is_read_and_said_page_by_page(history, database):
    """It holds years, and nobody has them in memory at once."""
    with transaction(actor=Actor.system("test"), now=clock.policy_now(), reference="MANY") as tx:
        dead = Event("mail.dead", reason="mail.refused", data={"kind": "guest.lapsed"})
        record(tx, [dead] * (BATCH + 2))
    statements: list[str] = []

    def note(_connection, _cursor, statement, *_rest):
        statements.extend([statement] if "FROM audit_event" in statement else [])

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        whole = json.loads(run("list", "--json", "--event", "mail.dead"))
        table = run("list", "--event", "mail.dead").splitlines()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert all("LIMIT" in one for one in statements)
    seqs = [row["seq"] for row in whole]
    assert (len(seqs), seqs) == (BATCH + 3, sorted(seqs))
    assert len(table) == BATCH + 4
    assert len({line.index("mail.refused") for line in table[1:]}) == 1


def test_as_a_table(history):
    """People see headings and one line an event; or that there is none."""
    heading, first, _ = run("list").splitlines()
    assert heading.split() == [
        *("AT", "EVENT", "ACTOR", "ORGANISATION", "GUEST", "REASON", "REFERENCE"),
    ]
    assert "7K3F-9QX-M2D" in first
    assert run("list", "--event", "guest.removed") == "There is no such event.\n"
