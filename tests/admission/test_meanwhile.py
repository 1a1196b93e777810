"""What an admin changes while an arrival is accepted counts for whoever is let in after it."""

from portal.admission.changes import Arrived, LostRace, SignedIn, TurnedAway, accept
from portal.admission.changes.arriving import Acceptance
from portal.admission.queries import open_arrival
from portal.guests.rules import State
from tests.replay import folded, kept
from tests.scene import HOST_DOMAINS, Partner, Scene


def late(scene: Scene, partner: Partner, **policy: object):
    """Accept an arrival that was read before the policy was changed."""
    arrived = scene.knock(partner, scene.identity(partner))
    assert isinstance(arrived, Arrived)
    arrival = open_arrival(scene.session, arrived.token, scene.now)
    assert arrival is not None
    scene.policy(partner, **policy)
    said = Acceptance(arrival.terms, None, None)
    for settling in (False, True):
        try:
            with scene.tx() as tx:
                return accept(tx, arrival, HOST_DOMAINS, said, settling=settling)
        except LostRace:
            continue
    raise AssertionError("lost every race")


def test_access_at_once_that_was_taken_away_meanwhile_is_not_given(scene: Scene):
    acme = scene.partner(approval="at-once")
    result = late(scene, acme, approval="first")
    assert isinstance(result, SignedIn)
    assert scene.row(result.guest_id).state == State.PENDING
    assert not scene.access(result.guest_id).allowed
    assert folded(scene.session) == kept(scene.session)


def test_a15_places_that_were_taken_away_meanwhile_are_not_taken(scene: Scene):
    acme = scene.partner(most_guests=10)
    scene.guest(acme, "john")
    assert isinstance(late(scene, acme, most_guests=1), TurnedAway)
    assert scene.seats(acme) == (0, 1)
