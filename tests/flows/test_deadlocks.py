"""A form that met a deadlock is carried out once more, whoever sent it: nobody has to know."""

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import select, text

from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.transaction import ANONYMOUS, Tx, transaction
from portal.pages import guest, sign_in, signed_in
from portal.trust.changes import publish_terms
from portal.trust.models import IdentityProvider, Organisation
from tests.flows.story import Story
from tests.infra.client import PortalClient
from tests.infra.ports import wait_until
from tests.racing import beside, somebody_waits

POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
PROVIDER, COMPANY = select(IdentityProvider).limit(1), select(Organisation).limit(1)


def turn_round() -> None:
    """Lock the other way round."""
    with transaction(actor=ANONYMOUS, now=clock.policy_now()) as tx:
        tx.session.execute(COMPANY.with_for_update())
        tx.session.execute(PROVIDER.with_for_update())


def waiting(story: Story) -> bool:
    with story.app.app_context():
        return somebody_waits()


def new_terms(story: Story) -> None:
    with story.app.app_context():
        with transaction(actor=ANONYMOUS, now=clock.policy_now()) as tx:
            publish_terms(tx, "Be kind.", published_by="Petra")
        db.session.remove()


def elsewhere(story: Story, client: PortalClient) -> None:
    story.knock(story.browser())
    assert client.submit("/signed-in", to="/elsewhere").location == "/signed-in"
    assert client.get("/signed-in").status_code == 200


def terms(story: Story, client: PortalClient) -> None:
    new_terms(story)
    assert client.submit("/me/terms", {"accept": "y"}).location == "/me"
    assert client.get("/me").status_code == 200


def out(_story: Story, client: PortalClient) -> None:
    assert client.submit("/me", to="/sign-out").location == "/signed-out"
    assert client.get("/me").status_code == 303


@POSTGRESQL
@pytest.mark.parametrize(
    ("module", "step", "send", "event"),
    [
        (signed_in, "renew_session", elsewhere, "session.ended"),
        (guest, "note_acceptance", terms, "terms.accepted"),
        (sign_in.changes, "end_session", out, "session.ended"),
    ],
)
def test_it_is_carried_out_once_more(
    story: Story,
    monkeypatch,
    module: Any,
    step: str,
    send: Callable[[Story, PortalClient], None],
    event: str,
):
    """The database takes this one back of two that wait for each other; it is written down once."""
    client, taken, turns = story.browser(), getattr(module, step), []
    story.arrive(client)

    def late(tx: Tx, *arguments: Any) -> Any:
        turns.append(tx.reference)
        if len(turns) == 1:
            # The other one is patient, so this one is taken back.
            tx.session.execute(text("set local deadlock_timeout = '50ms'"))
            tx.session.execute(PROVIDER.with_for_update())
            other.start()
            wait_until(lambda: waiting(story), "the other one waits")
            tx.session.execute(COMPANY.with_for_update())
        return taken(tx, *arguments)

    with story.app.app_context():
        other, faults = beside(turn_round)
    monkeypatch.setattr(module, step, late)
    send(story, client)
    other.join(20)
    assert faults == []
    assert len(turns) == 2
    assert [one.reference for one in story.events(event=event)][:1] == turns[:1]


@POSTGRESQL
def test_two_browsers_that_end_each_other(story: Story, monkeypatch):
    """One is alone afterwards, and the other is out: neither meets a fault, nor comes back."""
    clients = [story.browser(), story.browser()]
    story.arrive(clients[0])
    story.knock(clients[1])
    both, end = Barrier(2), signed_in.end_sessions_beside
    answers: list[tuple[int, str]] = []
    turns: list[str] = []

    def at_once(tx: Tx, *arguments: Any) -> int:
        turns.append(tx.reference)
        if len(turns) <= 2:
            both.wait(20)
        return end(tx, *arguments)

    def press(client: PortalClient) -> None:
        answer = client.submit("/signed-in", to="/elsewhere")
        answers.append((answer.status_code, answer.location))

    monkeypatch.setattr(signed_in, "end_sessions_beside", at_once)
    threads = [Thread(target=press, args=[client]) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == [(303, "/signed-in")] * 2
    assert sorted(client.get("/me").status_code for client in clients) == [200, 303]
    assert len(story.events(event="session.ended")) == 1
