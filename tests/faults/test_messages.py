"""Messages when processes die and servers are away (cases J12, J16)."""

from contextlib import ExitStack
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from portal.delivery.models import Outbox
from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.queues import connect, queue_of
from portal.foundation.settings import Settings
from tests.faults.dying import killed, killed_before_waking
from tests.flows.test_faults import jobs
from tests.infra.ports import free_port, wait_until
from tests.scene import Scene

pytestmark = pytest.mark.processes


@pytest.fixture
def scene(database) -> Scene:
    return Scene(now=clock.policy_now())


def come_in(partner) -> None:
    """Jane's first sign-in."""
    scene = Scene(now=clock.policy_now())
    scene.sign_in(partner, scene.identity(partner))


def states(kind: str) -> list[str]:
    """The states of the messages of a kind."""
    db.session.rollback()
    return list(db.session.scalars(select(Outbox.state).where(Outbox.kind == kind)))


def test_j12_the_web_dies_between_commit_and_queue(
    scene: Scene, settings: Settings, mailbox, tmp_path
):
    """Killed before it could wake anybody: the request stands, and its mail goes out."""
    acme = scene.partner()
    db.session.remove()
    killed(killed_before_waking, settings, partial(come_in, acme))
    assert queue_of(connect(settings)).count == 0
    assert scene.find(acme) is not None
    assert states("sponsor.request") == ["waiting"]
    db.session.remove()
    with jobs(settings, tmp_path, days=0):
        wait_until(lambda: states("sponsor.request") == ["sent"], "the mail", seconds=60)
    assert len(mailbox.to("sam-acme@host.example")) == 1


def test_j12_nobody_is_woken_before_the_commit(scene: Scene, settings: Settings):
    """A worker that is quicker than the web finds its row; what is rolled back wakes nobody."""
    acme = scene.partner()
    queue = queue_of(connect(settings))
    with scene.tx() as tx:
        from portal.delivery.changes import put
        from tests.delivery.samples import message

        put(tx, [message(dedupe_key="one")])
        assert queue.count == 0
    assert queue.count == 1
    queue.empty()
    connect(settings).flushall()

    def undone() -> None:
        with scene.tx() as tx:
            put(tx, [message(dedupe_key="two")])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        undone()
    assert queue.count == 0
    assert scene.find(acme) is None


def test_j16_expiry_does_not_wait_for_mail(
    scene: Scene, settings: Settings, mailbox, tmp_path, policy_clock
):
    """A day without a mail server: whoever's time is up is out; each is told once, later."""
    acme = scene.partner()
    jane = scene.active(acme, days=3)
    end = scene.row(jane).expires_at
    db.session.remove()
    dead = settings.model_copy(update={"smtp_url": f"smtp://127.0.0.1:{free_port()}"})
    ahead = (end - clock.protocol_now()).days + 1
    with jobs(dead, tmp_path, days=ahead):
        policy_clock.at(end + timedelta(hours=1))
        wait_until(lambda: scene.row(jane).state == "suspended", "the sweep", seconds=60)
    assert set(states("guest.suspended")) == {"waiting"}
    assert mailbox.messages == []
    assert scene.row(jane).state_since == end
    db.session.remove()
    with ExitStack() as stack:
        stack.enter_context(jobs(settings, tmp_path, days=ahead + 1))
        wait_until(lambda: states("guest.suspended") == ["sent"], "the mail", seconds=60)
    subjects = [one["Subject"] for one in mailbox.to("jane@acme.example")]
    assert len(subjects) == len(set(subjects))
