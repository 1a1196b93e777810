"""The story of the main job, told by the changes alone: no HTTP, both databases."""

from datetime import date

from portal.admission.changes import Arrived, SignedIn
from portal.guests.rules import Reason, State
from portal.sponsorship.changes import deciding
from tests.replay import folded, kept
from tests.scene import Scene


def test_a_person_comes_is_vouched_for_and_leaves_with_time(scene: Scene):
    acme = scene.partner(last_day=date(2026, 12, 31))
    offer = scene.offer(acme, default=True)
    arrived = scene.knock(acme, scene.identity(acme))
    assert isinstance(arrived, Arrived)
    signed_in = scene.accept(acme, arrived)
    assert isinstance(signed_in, SignedIn)
    jane = signed_in.guest_id
    assert scene.row(jane).state == State.PENDING
    with scene.as_staff(acme.sponsor) as tx:
        lost = deciding.approve(
            tx, scene_sponsorship := scene_id(tx, jane), acme.sponsor, date(2026, 6, 30), [offer]
        )
    assert lost is None
    assert scene.access(jane).allowed
    scene.later(days=61)
    assert not scene.access(jane).allowed
    scene.sweep()
    assert scene.row(jane).state == State.SUSPENDED
    assert scene.row(jane).state_reason == Reason.INACTIVE
    assert folded(scene.session) == kept(scene.session)
    assert scene_sponsorship


def scene_id(tx, guest_id):
    from portal.sponsorship.queries import of_guest

    return of_guest(tx.session, guest_id)[0].id
