"""A mail that waits for the mail server is sent to whoever is an employee when it goes out."""

import pytest
from flask import Flask
from sqlalchemy import update

from portal.delivery import jobs
from portal.delivery.models import Outbox
from portal.delivery.rules import MOST_TRIES_REFUSED
from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.transaction import Actor, transaction
from portal.lifecycle import changes
from portal.staff.models import Staff
from tests.infra.mailbox import Mailbox
from tests.pages.inside import Inside
from tests.scene import Partner

ADA = "ada@host.example"


@pytest.fixture
def scene(app: Flask) -> Inside:
    return Inside(app)


@pytest.fixture
def acme(scene: Inside) -> Partner:
    """Ada is asked about everybody; Ben can take over, Petra is an admin."""
    scene.staff("petra", role="admin")
    ada, ben = scene.staff("ada"), scene.staff("ben")
    return scene.partner(sponsors=(ada, ben), lead=ada)


def leave(scene: Inside, staff_id) -> None:
    scene.run(changes.let_go, staff_id, by=staff_id)


def drain(app: Flask) -> dict[str, int]:
    with app.app_context():
        done = jobs.drain()
        db.session.remove()
    return done


def sent_to(mailbox: Mailbox) -> list[str]:
    return sorted(mail["To"] for mail in mailbox.messages)


def test_who_has_left_gets_no_more_mail(app: Flask, scene: Inside, acme: Partner, mailbox: Mailbox):
    """Names of guests are no longer theirs to read; the log keeps what was not sent, and why."""
    scene.guest(acme)
    (asked,) = scene.mails("sponsor.request")
    leave(scene, acme.sponsor)
    assert drain(app) == {"sent": 1, "later": 0, "dead": 0}
    assert sent_to(mailbox) == ["ben@host.example"]
    assert [mail.to for mail in scene.mails()] == ["ben@host.example"]
    (event,) = scene.events("mail.withdrawn")
    assert (event.reason, event.data, event.reference) == (
        "staff.left",
        {"kind": "sponsor.request"},
        asked.reference,
    )
    assert drain(app) == {"sent": 0, "later": 0, "dead": 0}


def test_nor_does_who_may_do_nothing_here_any_more(
    app: Flask, scene: Inside, acme: Partner, mailbox: Mailbox
):
    """The role claim took everything from them, so that no page here is theirs."""
    scene.guest(acme)

    def lose(tx) -> None:
        tx.session.execute(
            update(Staff).where(Staff.id == acme.sponsor).values(is_sponsor=False, is_admin=False)
        )

    scene.run(lose, by=acme.sponsor)
    assert drain(app)["sent"] == 0
    assert [event.data["kind"] for event in scene.events("mail.withdrawn")] == ["sponsor.request"]


def test_nobody_has_to_decide_about_their_dead_letters(
    app: Flask, scene: Inside, acme: Partner, mailbox: Mailbox
):
    """They raise no alarm for ever; what is dead for somebody who is here, or for a guest, does."""
    scene.approve(scene.guest(acme), acme.sponsor)
    mailbox.refuse_with = "550 no such user"
    with app.app_context():
        for _ in range(MOST_TRIES_REFUSED):
            with transaction(actor=Actor.system("test"), now=clock.policy_now()) as tx:
                tx.session.execute(update(Outbox).values(not_before=tx.now))
            jobs.drain()
        db.session.remove()
    assert {(mail.kind, mail.state) for mail in scene.mails()} == {
        ("sponsor.request", "dead"),
        ("guest.approved", "dead"),
    }
    (asked,) = scene.mails("sponsor.request")
    leave(scene, acme.sponsor)
    mailbox.refuse_with = None
    assert drain(app) == {"sent": 1, "later": 0, "dead": 0}
    assert {(mail.kind, mail.state) for mail in scene.mails()} == {
        ("sponsor.handed_over", "sent"),
        ("guest.approved", "dead"),
    }
    (event,) = scene.events("mail.withdrawn")
    assert (event.reason, event.data, event.reference) == (
        "staff.left",
        {"kind": "sponsor.request"},
        asked.reference,
    )


def test_who_is_back_by_then_gets_it(app: Flask, scene: Inside, acme: Partner, mailbox: Mailbox):
    """It is the address that was left by one row and is held by another."""
    scene.guest(acme)
    leave(scene, acme.sponsor)
    scene.staff("ada")
    assert drain(app)["sent"] == 2
    assert sent_to(mailbox) == [ADA, "ben@host.example"]


def test_what_is_for_a_guest_is_sent_whoever_has_the_address(
    app: Flask, scene: Inside, acme: Partner, mailbox: Mailbox
):
    """An employee of before who works for a partner now."""
    eve = scene.staff("eve", email="jane@acme.example")
    leave(scene, eve)
    scene.approve(scene.guest(acme), acme.sponsor)
    assert drain(app)["sent"] == 2
    assert sent_to(mailbox) == [ADA, "jane@acme.example"]
    assert scene.events("mail.withdrawn") == []
