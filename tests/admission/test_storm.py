"""People come in while admins disable, suspend, remove and change their minds: PostgreSQL alone."""

from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from flask import current_app
from sqlalchemy import select

from portal.admission import changes as admission
from portal.admission.changes import Arrived, Result, SignedIn, TurnedAway
from portal.admission.changes.arriving import Acceptance
from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.transaction import Tx, new_reference, single_write
from portal.guests.rules import State
from portal.pages.sessions import Overtaken, begin, let_in
from portal.sign_in import changes
from portal.sign_in.attempt import Errand, NewAttempt
from portal.sign_in.models import Session
from portal.sign_in.queries import attempt_of
from portal.sponsorship.changes import people
from portal.trust import changes as trust
from tests.racing import race
from tests.replay import folded, kept
from tests.scene import HOST_DOMAINS, Partner, Scene

pytestmark = [
    pytest.mark.processes,
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
]
ROUNDS = 6
LATE = "late"  # what it came with was used up, or closed, before it was its turn


def come_in(scene: Scene, partner: Partner, subject: str) -> str:
    """Sign in, and accept the terms if asked to, as the pages do it."""
    identity = scene.identity(partner, subject)
    row = scene.provider_row(partner, identity)
    attempt = NewAttempt(Errand(), clock.protocol_now(), "browser")
    with single_write() as tx:
        if changes.begin_attempt_at(tx, partner.slug, row.slug, attempt) is None:
            return LATE
    begun = attempt_of(db.session(), attempt.state)
    assert begun is not None

    def knock(tx: Tx, _lost: bool) -> Result:
        changes.use_up(tx, begun.id, clock.protocol_now())
        result = admission.knock(tx, identity, row, HOST_DOMAINS)
        begin(tx, result, identity, row)
        return result

    def accept(tx: Tx, lost: bool) -> Result | None:
        arrival = admission.take_up(tx, arrived.token)
        if arrival is None:
            return None
        said = Acceptance(arrival.terms, None, None)
        result = admission.accept(tx, arrival, HOST_DOMAINS, said, settling=lost)
        begin(tx, result, arrival.identity, arrival.provider)
        return result

    try:
        arrived = let_in(new_reference(), knock)
        if not isinstance(arrived, Arrived):
            return type(arrived).__name__
        result = let_in(new_reference(), accept)
    except (changes.AttemptUsed, Overtaken):
        return LATE
    return LATE if result is None else type(result).__name__


def turn_off(scene: Scene, partner: Partner, number: int) -> None:
    """Disable the provider; on again, but for the last time."""
    with scene.tx() as tx:
        trust.disable(tx, partner.provider_id)
        changes.end_sessions_of_provider(tx, partner.provider_id, clock.protocol_now())
    with scene.tx() as tx:  # whoever saw it enabled a moment ago
        changes.end_sessions_of_provider(tx, partner.provider_id, clock.protocol_now())
    if number + 1 < ROUNDS:
        with scene.tx() as tx:
            trust.enable(tx, partner.provider_id)


def suspend(scene: Scene, partner: Partner, _number: int) -> None:
    """Suspend the organisation and resume it."""
    with scene.tx() as tx:
        trust.suspend(tx, partner.id, "A word")
    with scene.tx() as tx:
        trust.resume(tx, partner.id)


def set_policy(scene: Scene, partner: Partner, number: int) -> None:
    """Let people in at once, or not."""
    scene.policy(partner, approval=("first", "at-once")[number % 2], most_guests=50 + number)


def remove(scene: Scene, partner: Partner, number: int) -> None:
    """Remove somebody who is in."""
    guest = scene.find(partner, f"p{number}")
    if guest is not None and guest.state != State.REMOVED:
        with scene.as_staff(partner.sponsor) as tx:
            people.remove(tx, guest.id, "A word")


ADMINS = {one.__name__: one for one in (turn_off, suspend, set_policy, remove)}


def act(argument: tuple[str, Partner, Any, datetime]) -> str:
    """Do what this lane does."""
    kind, partner, what, now = argument
    scene = Scene(now=now)
    with current_app.test_request_context():
        if kind == "come_in":
            return come_in(scene, partner, what)
        ADMINS[kind](scene, partner, what)
    return kind


def test_everybody_gets_an_answer_and_nobody_stays(database, settings):
    """No deadlock, no error; once the provider is disabled nobody's session is alive."""
    scene = Scene(now=clock.policy_now())
    acme = scene.partner(most_new_per_hour=1000)
    lanes = [
        [("come_in", acme, f"p{(lane * 3 + turn) % 12}", scene.now) for turn in range(ROUNDS)]
        for lane in range(10)
    ]
    lanes += [[(kind, acme, turn, scene.now) for turn in range(ROUNDS)] for kind in ADMINS]
    done = Counter(repr(one) for lane in race(settings, act, lanes) for one in lane)
    known = {LATE, SignedIn.__name__, TurnedAway.__name__, *ADMINS}
    assert set(done) <= {repr(one) for one in known}, done
    assert done[repr(SignedIn.__name__)]
    assert scene.session.scalars(select(Session.id).where(Session.revoked_at.is_(None))).all() == []
    assert folded(scene.session) == kept(scene.session)
