"""Workers, schedulers and Redis die for real: nobody stays in longer, nobody is told twice."""

from contextlib import ExitStack
from datetime import timedelta

import pytest
from sqlalchemy import select

from portal.delivery.models import Outbox
from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.queues import connect
from tests.flows.test_door import approve
from tests.infra.ports import wait_until
from tests.infra.processes import environment, started

pytestmark = pytest.mark.processes


def rows(app, kind):
    """Return the states of the messages of a kind."""
    with app.app_context():
        found = list(db.session.scalars(select(Outbox.state).where(Outbox.kind == kind)))
        db.session.remove()
    return found


def jobs(settings, folder, *, days, schedulers=1):
    """Start a worker and schedulers whose policy clock is some days ahead."""
    variables = environment(settings)
    variables["PORTAL_CLOCK_OFFSET"] = str(days * 86400)
    variables["PORTAL_SWEEP_SECONDS"] = "1"
    stack = ExitStack()
    for name in ("worker", *["scheduler"] * schedulers):
        stack.enter_context(started(name, variables=variables, folder=folder))
    return stack


def test_j04_j05_workers_dead_for_two_days_then_two_schedulers(
    story, settings, mailbox, policy_clock, tmp_path
):
    """Access is refused from the second it ends; on their return both are told, once."""
    client = story.browser()
    story.arrive(client)
    approve(story, days=10)
    assert story.guest().decision.allowed
    with started("worker", variables=environment(settings), folder=tmp_path) as worker:
        wait_until(worker.family, "the worker")
        worker.kill_all()
    end = story.guest().expires_at
    policy_clock.at(end - timedelta(seconds=1))
    assert story.guest().decision.allowed
    policy_clock.at(end)
    assert not story.guest().decision.allowed
    assert story.guest().state == "active", "no sweep has run"
    policy_clock.at(end + timedelta(days=2))
    assert "You have access" not in client.get("/me").text
    ahead = (end + timedelta(days=2) - clock.protocol_now()).days + 1
    with jobs(settings, tmp_path, days=ahead, schedulers=2):
        wait_until(lambda: story.guest().state == "suspended", "the sweep", seconds=60)
        wait_until(lambda: rows(story.app, "guest.suspended") == ["sent"], "the mail", seconds=60)
        guest = mailbox.wait_for("ada@acme.example", count=2)
    told = [one["Subject"] for one in guest]
    assert len(told) == len(set(told)), told
    assert story.guest().state_since == end, "the instant it fell due, not that of the sweep"
    assert rows(story.app, "sponsor.guest_suspended") == ["sent"]


def test_j09_flushall_in_working_hours(story, settings, mailbox, tmp_path):
    """Redis is emptied while a mail waits: the database knows, and the next tick sends it."""
    connect(settings).flushall()
    story.arrive(story.browser())
    connect(settings).flushall()
    assert rows(story.app, "sponsor.request") == ["waiting"]
    with jobs(settings, tmp_path, days=0):
        wait_until(lambda: rows(story.app, "sponsor.request") == ["sent"], "the mail", seconds=60)
    assert len(mailbox.to("sam@host.example")) == 1
