"""Somebody is named, or asked, while they are let go: nobody is left with their word."""

import pytest
from sqlalchemy import select

from portal.admission.changes import accept
from portal.admission.changes.arriving import Acceptance
from portal.admission.queries import open_arrival
from portal.foundation.db import db
from portal.guests.rules import Reason, State
from portal.lifecycle import changes
from portal.sponsorship.rules import Standing
from portal.trust.models import OrganisationSponsor
from portal.trust.queries import current_terms, lock_named
from tests.infra.ports import wait_until
from tests.racing import beside, somebody_waits
from tests.replay import folded, kept
from tests.scene import HOST_DOMAINS, Scene


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_who_is_named_at_this_moment_hands_over_what_that_gave_them(database):
    """Letting them go waits, and finds what they have just taken over."""
    scene = Scene()
    scene.staff("root", role="admin")
    ada, dee, eve = (scene.staff(name) for name in ("ada", "dee", "eve"))
    acme = scene.partner(sponsors=(ada, eve))
    jane = scene.active(acme)

    def leave() -> None:
        with Scene(now=scene.now).tx() as tx:
            changes.let_go(tx, dee)

    beside_us, faults = beside(leave)
    with scene.tx() as tx:
        changes.name_sponsors(tx, acme.id, sponsors=[eve], deputy=dee)
        assert scene.sponsorship(jane).sponsor_id == dee
        beside_us.start()
        wait_until(somebody_waits, "letting go waits")
    beside_us.join(20)
    assert faults == []
    assert scene.sponsorship(jane).sponsor_id == eve


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_what_is_over_once_it_is_locked_is_handed_to_nobody(database):
    """They were asked at this moment, and by the clock of who lets them go that lapsed long ago."""
    scene = Scene()
    scene.staff("root", role="admin")
    ada, eve = scene.staff("ada"), scene.staff("eve")
    acme = scene.partner(sponsors=(ada, eve), lead=ada)
    arrived = scene.knock(acme, scene.identity(acme))
    arrival = open_arrival(scene.session, arrived.token, scene.now)
    said = Acceptance(current_terms(scene.session), None, None)
    ahead = Scene(now=scene.now)
    ahead.later(days=20)

    def leave() -> None:
        with ahead.tx() as tx:
            changes.let_go(tx, ada)

    beside_us, faults = beside(leave)
    with scene.tx() as tx:
        jane = accept(tx, arrival, HOST_DOMAINS, said).guest_id
        beside_us.start()
        wait_until(somebody_waits, "letting go waits")
    beside_us.join(20)
    assert faults == []
    assert (scene.row(jane).state, scene.row(jane).state_reason) == (State.REMOVED, Reason.LAPSED)
    asked = scene.sponsorship(jane)
    assert (asked.state, asked.sponsor_id) == (Standing.ENDED, ada)
    assert folded(scene.session) == kept(scene.session)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("kept", [True, False], ids=["one stays", "all are others"])
def test_who_waits_for_a_naming_keeps_those_whom_it_named(database, *, kept: bool):
    """They may be deciding already: whoever has their guests must not wait for them later."""
    scene = Scene()
    ada, eve, dee = (scene.staff(name) for name in ("ada", "eve", "dee"))
    acme = scene.partner(sponsors=(ada, eve))
    free: list[object] = []
    named = select(OrganisationSponsor.staff_id).with_for_update(skip_locked=True)

    def lock() -> None:
        with Scene(now=scene.now).tx() as tx:
            lock_named(tx, acme.id)
            with db.engine.connect() as another:
                free.extend(another.scalars(named))

    beside_us, faults = beside(lock)
    with scene.tx() as tx:
        changes.name_sponsors(tx, acme.id, sponsors=[ada, dee] if kept else [dee])
        beside_us.start()
        wait_until(somebody_waits, "the other one waits")
    beside_us.join(20)
    assert faults == []
    assert free == []
