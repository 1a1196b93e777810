"""Somebody is named for an organisation while they are let go: nobody is left with their word."""

import pytest

from portal.lifecycle import changes
from tests.infra.ports import wait_until
from tests.racing import beside, somebody_waits
from tests.scene import Scene


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
