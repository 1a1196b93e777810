"""Somebody moves the guest between the door's reading and its writing: the whole is run again."""

from collections.abc import Callable

import pytest

from portal.admission.changes import (
    Arrived,
    LostRace,
    SignedIn,
    TurnedAway,
    accept,
    arriving,
    refreshing,
    refusing,
)
from portal.admission.changes.arriving import Acceptance
from portal.admission.queries import open_arrival
from portal.sponsorship.changes import deciding, people
from tests.racing import beside
from tests.replay import folded, kept
from tests.scene import HOST_DOMAINS, Scene

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def done_beside(work: Callable[[], object]) -> None:
    """Do it in a thread with a connection of its own, committed when this returns."""
    thread, faults = beside(work)
    thread.start()
    thread.join(20)
    assert faults == []


def meanwhile(monkeypatch, module, work: Callable[[], object]) -> None:
    """Let *work* be done once, just before the guest is written."""
    write, done = module.guest_changes.write_unmoved, []

    def moved(*arguments, **more):
        if not done:
            done.append(True)
            done_beside(work)
        return write(*arguments, **more)

    monkeypatch.setattr(module.guest_changes, "write_unmoved", moved)


@pytest.mark.parametrize("what", ["suspended", "removed", "suspended and resumed"])
def test_w04_a_guest_who_is_moved_is_decided_on_again(scene: Scene, monkeypatch, what: str):
    """Nothing of the lost turn is left: no message, no event; then the answer that is right now."""
    acme = scene.partner()
    jane = scene.active(acme)
    scene.later(hours=1)

    def move() -> None:
        other = Scene(now=scene.now)
        with other.as_staff(acme.sponsor) as tx:
            (people.remove if what == "removed" else people.suspend)(tx, jane, "A word")
        if what == "suspended and resumed":
            with other.as_staff(acme.sponsor) as tx:
                people.resume(tx, jane)

    meanwhile(monkeypatch, refreshing, move)
    identity = scene.identity(acme, email="jane@other.example")
    with pytest.raises(LostRace):
        scene.knock(acme, identity)
    assert "sponsor.address_changed" not in scene.mail_kinds()
    assert not scene.events("guest.refreshed")
    result = scene.knock(acme, identity)
    assert isinstance(result, SignedIn if what.endswith("resumed") else TurnedAway)
    assert folded(scene.session) == kept(scene.session)


def test_a_last_day_that_is_moved_ends_the_session_too(scene: Scene, monkeypatch):
    """The session's end is reckoned from the sponsorships as they stand at the write."""
    acme = scene.partner()
    jane = scene.active(acme)
    scene.later(hours=1)
    row = scene.sponsorship(jane)

    def shorten() -> None:
        other = Scene(now=scene.now)
        with other.as_staff(acme.sponsor) as tx:
            deciding.change_last_day(tx, row.id, acme.sponsor, other.day(0))

    meanwhile(monkeypatch, refreshing, shorten)
    with pytest.raises(LostRace):
        scene.knock(acme, scene.identity(acme))
    result = scene.knock(acme, scene.identity(acme))
    assert isinstance(result, SignedIn)
    assert result.until == scene.sponsorship(jane).expires_at


def test_a_clock_of_an_address_that_began_meanwhile_is_seen(scene: Scene, monkeypatch):
    """A sign-in from home stops the clock that another sign-in has just started."""
    acme = scene.partner()
    jane = scene.active(acme)
    scene.later(hours=1)
    abroad = scene.identity(acme, email="jane@other.example")
    meanwhile(monkeypatch, refreshing, lambda: Scene(now=scene.now).knock(acme, abroad))
    with pytest.raises(LostRace):
        scene.knock(acme, scene.identity(acme))
    assert scene.row(jane).aside_until is not None
    assert isinstance(scene.knock(acme, scene.identity(acme)), SignedIn)
    assert scene.row(jane).aside_until is None


def test_a_tombstone_that_is_lifted_meanwhile_is_not_knocked_at(scene: Scene, monkeypatch):
    """Whoever was let back while standing at the door is let in, and nobody is told of a knock."""
    acme = scene.partner()
    jane = scene.active(acme)
    with scene.as_staff(acme.sponsor) as tx:
        people.remove(tx, jane, "A word")
    scene.later(hours=1)

    def let_back() -> None:
        with Scene(now=scene.now).as_staff(acme.sponsor) as tx:
            people.let_back(tx, jane, acme.sponsor)

    meanwhile(monkeypatch, refusing, let_back)
    with pytest.raises(LostRace):
        scene.knock(acme, scene.identity(acme))
    assert isinstance(scene.knock(acme, scene.identity(acme)), SignedIn)
    assert scene.row(jane).knocked_at is None
    assert "sponsor.knocked" not in scene.mail_kinds()


def test_whoever_is_made_meanwhile_is_found_by_the_next_turn(scene: Scene, monkeypatch):
    """Two arrivals of one person, accepted at once, also where one of them settles first."""
    acme = scene.partner()
    one, two = (scene.knock(acme, scene.identity(acme)) for _ in range(2))
    assert isinstance(one, Arrived)
    assert isinstance(two, Arrived)
    clear = arriving.clear_the_way

    def slowly(*arguments):
        done_beside(lambda: Scene(now=scene.now).accept(acme, two))
        return clear(*arguments)

    monkeypatch.setattr(arriving, "clear_the_way", slowly)
    arrival = open_arrival(scene.session, one.token, scene.now)
    assert arrival is not None
    said = Acceptance(arrival.terms, None, None)
    with pytest.raises(LostRace), scene.tx() as tx:
        accept(tx, arrival, HOST_DOMAINS, said, settling=True)
    assert isinstance(scene.accept(acme, one), SignedIn)
    assert len(scene.events("guest.created")) == 1
