"""A15 and A16 on PostgreSQL, with real processes."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from portal.admission.changes import Arrived, LostRace, Result, SignedIn, TurnedAway
from portal.admission.rules import Refusal
from portal.foundation.settings import Settings
from portal.guests.changes import NewGuest, create, take_place
from portal.guests.models import FederatedIdentity, Guest
from portal.guests.rules import Reason, State
from portal.sponsorship.models import Sponsorship
from portal.trust.queries import current_terms
from tests.racing import race
from tests.replay import folded, kept
from tests.scene import Partner, Scene

pytestmark = [
    pytest.mark.processes,
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
]


def accept(argument: tuple[Partner, Arrived]) -> Result:
    """Accept the terms, once more after a lost race, as the arrival page does."""
    partner, arrived = argument
    try:
        return Scene().accept(partner, arrived)
    except LostRace:
        return Scene().accept(partner, arrived)


def arrivals(scene: Scene, partner: Partner, subjects: list[str]) -> list[list[Any]]:
    """Lanes: each person stands on the arrival page."""
    return [
        [(partner, scene.knock(partner, scene.identity(partner, subject)))] for subject in subjects
    ]


def take_places(scene: Scene, partner: Partner, number: int) -> None:
    """Let people wait, in one transaction."""
    terms = current_terms(scene.session)
    with scene.tx() as tx:
        for one in range(number):
            new = NewGuest(
                organisation_id=partner.id,
                identity_provider_id=partner.provider_id,
                issuer=partner.issuer,
                subject=f"p{one}",
                email=f"p{one}@{partner.domain}",
                name=None,
                profile={},
                terms_id=terms.id,
                terms_version=terms.version,
            )
            take_place(tx, partner.id, State.PENDING)
            create(
                tx,
                new,
                state=State.PENDING,
                reason=Reason.AWAITING_DECISION,
                expires_at=scene.now + timedelta(days=90),
                lapses_at=scene.now + timedelta(days=14),
                inactive_at=None,
            )


def count(scene: Scene, model: type) -> int:
    return scene.session.scalar(select(func.count()).select_from(model)) or 0


def test_a15_one_place_for_twenty(scene: Scene, settings: Settings):
    """Cap 100 with 99 used: exactly one comes in, nineteen are refused, nothing is left of them."""
    acme = scene.partner(most_guests=100, most_new_per_hour=1000)
    take_places(scene, acme, 99)
    lanes = arrivals(scene, acme, [f"q{number}" for number in range(20)])
    results = [lane[0] for lane in race(settings, accept, lanes)]
    came_in = [result for result in results if isinstance(result, SignedIn)]
    turned_away = [result for result in results if isinstance(result, TurnedAway)]
    assert (len(came_in), len(turned_away)) == (1, 19), results
    assert {result.decision.reasons for result in turned_away} == {(Refusal.CAP,)}
    assert scene.seats(acme) == (0, 100)
    assert count(scene, Guest) == count(scene, FederatedIdentity) == 100
    assert count(scene, Sponsorship) == len(scene.mails("sponsor.request")) == 1
    assert len(scene.events("sign_in.refused")) == 19
    assert folded(scene.session) == kept(scene.session)


def test_a15_one_place_for_eight_who_return(scene: Scene, settings: Settings):
    """Removed by time, all known: none goes the plain way, and still one place is one place."""
    acme = scene.partner(most_guests=100, most_new_per_hour=1000)
    subjects = [f"r{number}" for number in range(8)]
    returning = {scene.guest(acme, subject) for subject in subjects}
    scene.later(days=15)
    scene.sweep()
    take_places(scene, acme, 99)
    results = [lane[0] for lane in race(settings, accept, arrivals(scene, acme, subjects))]
    came_in = [result for result in results if isinstance(result, SignedIn)]
    turned_away = [result for result in results if isinstance(result, TurnedAway)]
    assert (len(came_in), len(turned_away)) == (1, 7), results
    assert {result.decision.reasons for result in turned_away} == {(Refusal.CAP,)}
    assert {scene.row(one).state for one in returning} == {State.PENDING, State.REMOVED}
    assert scene.seats(acme) == (0, 100)
    assert folded(scene.session) == kept(scene.session)


def test_a16_one_person_fifty_times(scene: Scene, settings: Settings):
    """On two nodes at once: one account, one request, one mail, fifty sign-ins."""
    acme = scene.partner()
    lanes = arrivals(scene, acme, ["jane"] * 50)
    results = [lane[0] for lane in race(settings, accept, lanes)]
    assert {type(result) for result in results} == {SignedIn}, results
    assert len({result.guest_id for result in results}) == 1
    assert count(scene, Guest) == count(scene, FederatedIdentity) == count(scene, Sponsorship) == 1
    assert len(scene.events("guest.created")) == len(scene.mails("sponsor.request")) == 1
    assert scene.seats(acme) == (0, 1)
    assert folded(scene.session) == kept(scene.session)
