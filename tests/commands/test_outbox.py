"""`portal outbox list`: stable keys for scripts, a table for people."""

import json

import pytest
from click.testing import CliRunner

from portal.commands.outbox import outbox
from portal.delivery import changes
from portal.foundation import clock
from portal.foundation.transaction import Actor, transaction
from tests.delivery.samples import message


def run(*words):
    """Run the command; return what it printed."""
    result = CliRunner().invoke(outbox, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def two_mails(database):
    """One that waits, one that was sent."""
    with transaction(actor=Actor.system("test"), now=clock.policy_now()) as tx:
        changes.put(tx, [message("guest.approved"), message("staff.bind_link")])
    with transaction(actor=Actor.system("test"), now=clock.policy_now()) as tx:
        changes.settle_sent(tx, changes.claim(tx, 1)[0])


def test_stable_keys(two_mails):
    """Scripts find what the issue promised; what was in the mail stays in the outbox."""
    first, second = json.loads(run("list", "--json"))
    assert set(first) >= {"id", "kind", "to", "state", "tries", "not_before", "created_at"}
    assert (first["kind"], first["to"], first["state"]) == (
        "guest.approved",
        "ada@host.example",
        "sent",
    )
    assert (second["state"], second["tries"], second["last_error"]) == ("waiting", 0, None)
    assert second["created_at"] == second["not_before"]
    assert second["created_at"].endswith("Z")
    assert "url" not in str(second)


def test_by_state(two_mails):
    """Only those asked for."""
    (only,) = json.loads(run("list", "--state", "sent", "--json"))
    assert only["kind"] == "guest.approved"
    assert json.loads(run("list", "--state", "dead", "--json")) == []
    assert run("list", "--state", "dead") == "There is no such mail.\n"


def test_as_a_table(two_mails):
    """People see headings and one line a mail."""
    heading, first, second = run("list").splitlines()
    assert heading.split()[:4] == ["CREATED", "AT", "KIND", "TO"]
    assert "guest.approved" in first
    assert "waiting" in second


def test_an_empty_outbox(database):
    """A sentence, or an empty array."""
    assert run("list") == "There is no mail yet.\n"
    assert run("list", "--json") == "[]\n"


def test_wrong_use(database):
    """An unknown state is wrong use."""
    assert CliRunner().invoke(outbox, ["list", "--state", "lost"]).exit_code == 2
