"""An end that is carried out while somebody arrives: both are done, one after the other."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.exc import OperationalError

from portal.admission.changes import Arrived, arriving, refreshing
from portal.guests.changes import lock_places
from portal.guests.queries import lock
from portal.guests.rules import State
from portal.lifecycle import jobs
from portal.lifecycle.changes import (
    end_organisation,
    hand_over_all,
    hand_over_lost,
    withdraw_offer,
)
from portal.sponsorship.changes import deciding, grants, requesting
from portal.sponsorship.queries import open_by_sponsor
from portal.staff.changes import remove
from portal.staff.models import Staff
from tests.infra.ports import wait_until
from tests.racing import beside, somebody_waits
from tests.replay import folded, kept
from tests.scene import Partner, Scene

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def accepted_while(scene: Scene, partner: Partner, work: Callable[[], object], monkeypatch):
    """Accept an arrival; *work* begins beside it, once the place is taken, and has to wait."""
    arrived = scene.knock(partner, scene.identity(partner, "late"))
    assert isinstance(arrived, Arrived)
    gather = arriving.gather

    other, faults = beside(work)

    def then(*arguments: Any, **more: Any):
        door = gather(*arguments, **more)
        if not other.ident:
            other.start()
            wait_until(somebody_waits, "somebody waits")
        return door

    monkeypatch.setattr(arriving, "gather", then)
    result = scene.accept(partner, arrived)
    other.join(20)
    assert faults == []
    return result


def test_an_organisation_is_ended(scene: Scene, monkeypatch):
    """Whoever came in just before goes with the others."""
    acme = scene.partner()
    scene.guest(acme, "waits")

    def end() -> None:
        other = Scene(now=scene.now)
        with other.tx() as tx:
            end_organisation(tx, acme.id, None)

    accepted_while(scene, acme, end, monkeypatch)
    assert scene.seats(acme) == (0, 0)
    assert folded(scene.session) == kept(scene.session)


@pytest.mark.parametrize("waits", [True, False], ids=["somebody waits", "nobody waits"])
def test_i11_whoever_arrives_is_not_left_to_a_sponsor_who_has_left(
    scene: Scene, monkeypatch, *, waits: bool
):
    """The arrival asks them a moment before; whoever lets them go waits, and sees the request."""
    scene.staff("ada", "admin")
    acme = scene.partner()
    if waits:
        scene.guest(acme, "waits")

    def leave() -> None:
        other = Scene(now=scene.now)
        with other.tx() as tx:
            remove(tx, acme.sponsor)
            hand_over_all(tx, acme.sponsor)

    accepted_while(scene, acme, leave, monkeypatch)
    assert open_by_sponsor(scene.session, acme.sponsor) == []
    assert folded(scene.session) == kept(scene.session)


def test_i07_whoever_arrives_is_not_left_to_a_sponsor_whose_address_moves(
    scene: Scene, monkeypatch
):
    """Into the organisation's own domain, while somebody asks them: the request goes on."""
    ada, ben = scene.staff("ada"), scene.staff("ben")
    acme = scene.partner(sponsors=(ada, ben), lead=ada)

    def move() -> None:
        with Scene(now=scene.now).tx() as tx:
            tx.session.get_one(Staff, ada).email = "ada@acme.example"
            tx.session.flush()
            hand_over_lost(tx, ada, moved=True)

    accepted_while(scene, acme, move, monkeypatch)
    assert open_by_sponsor(scene.session, ada) == []
    assert len(open_by_sponsor(scene.session, ben)) == 1


def withdrawn_beside(scene: Scene, offer: UUID, module: Any, does: str, monkeypatch):
    """Have an offer withdrawn at the moment at which *module* does something, and wait for that.

    Returns:
        How to wait for its end: how many grants ended with it.
    """
    ended: list[int] = []
    do = getattr(module, does)

    def withdraw() -> None:
        with Scene(now=scene.now).tx() as tx:
            ended.append(withdraw_offer(tx, offer))

    other, faults = beside(withdraw)

    def then(*arguments: Any) -> None:
        other.start()
        wait_until(somebody_waits, "the withdrawal waits")
        do(*arguments)

    def end() -> int:
        other.join(20)
        assert faults == []
        return ended[0]

    monkeypatch.setattr(module, does, then)
    return end


def test_what_a_sponsor_gives_at_this_moment_ends_with_its_offer(scene: Scene, monkeypatch):
    """The withdrawal waits for whoever has read what is offered; and comes after it."""
    acme = scene.partner()
    wiki = scene.offer(acme)
    jane = scene.guest(acme)
    end = withdrawn_beside(scene, wiki, grants, "decide", monkeypatch)
    asked, last_day = scene.sponsorship(jane).id, scene.day(30)
    with scene.as_staff(acme.sponsor) as tx:
        assert deciding.approve(tx, asked, acme.sponsor, last_day, [wiki]) is None
    assert end() == 1
    assert [(one.state, one.state_reason) for one in scene.grants(jane)] == [
        ("ended", "offer_withdrawn")
    ]
    assert folded(scene.session) == kept(scene.session)


@pytest.mark.parametrize("approval", ["at-once", "first"])
def test_an_offer_is_withdrawn_while_somebody_arrives(scene: Scene, monkeypatch, approval: str):
    """They are proposed it, or given it at once, and are the last: it ends with the offer."""
    acme = scene.partner(approval=approval)
    wiki = scene.offer(acme, default=True)
    arrived = scene.knock(acme, scene.identity(acme))
    assert isinstance(arrived, Arrived)
    end = withdrawn_beside(scene, wiki, requesting, "put", monkeypatch)
    scene.accept(acme, arrived)
    assert end() == 1
    jane = scene.find(acme).id
    assert [one.state_reason for one in scene.grants(jane)] == ["offer_withdrawn"]
    assert folded(scene.session) == kept(scene.session)


def test_an_offer_is_withdrawn_while_a_claim_proposes_it(scene: Scene, monkeypatch):
    """So it is where a known guest's company begins to say what chooses it."""
    acme = scene.partner()
    wiki = scene.offer(acme, when=("department", "Sales"))
    jane = scene.active(acme)
    end = withdrawn_beside(scene, wiki, refreshing, "put", monkeypatch)
    claims = {"sub": "jane", "department": "Sales"}
    scene.sign_in(acme, scene.identity(acme, claims=claims))
    assert end() == 1
    assert [one.state_reason for one in scene.grants(jane)] == ["offer_withdrawn"]
    assert folded(scene.session) == kept(scene.session)


def test_a_sweep_that_waits_crosswise_tries_once_more(scene: Scene):
    """Somebody has the place that it wants, and wants the guest it has: it is taken back.

    That is nobody's fault, and nobody is reported for it.
    """
    acme = scene.partner()
    jane = scene.guest(acme)
    scene.later(days=15)
    reports: list[jobs.Report] = []
    sweep, faults = beside(lambda: reports.append(jobs.run(scene.now)))
    # PostgreSQL takes back whoever has waited for a second first: on a slow machine perhaps us.
    with suppress(OperationalError), scene.tx() as tx:
        lock_places(tx, acme.id)
        sweep.start()
        wait_until(somebody_waits, "it waits for the place")
        lock(tx, [jane])
    sweep.join(20)
    assert faults == []
    assert [one.failed for one in reports] == [[]]
    assert scene.events("lifecycle.settled_row_failed") == []
    assert scene.row(jane).state == State.REMOVED
    assert scene.seats(acme) == (0, 0)
    assert folded(scene.session) == kept(scene.session)
