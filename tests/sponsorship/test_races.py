"""I08 on PostgreSQL, with real processes."""

from uuid import UUID

import pytest

from portal.foundation.settings import Settings
from portal.guests.rules import State
from portal.lifecycle.changes import hand_over_all
from portal.sponsorship.changes import deciding
from portal.sponsorship.changes.bounds import NotYours
from portal.sponsorship.changes.deciding import Lost
from portal.sponsorship.rules import Standing
from portal.staff import changes as staff_changes
from tests.racing import race
from tests.replay import folded, kept
from tests.scene import Scene

pytestmark = [
    pytest.mark.processes,
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
]

ROUNDS = 50
LEAVING = 12


def decide(argument: tuple[str, UUID, UUID]) -> Lost | None:
    """Approve or reject, as one of the two."""
    verb, key, staff_id = argument
    scene = Scene()
    with scene.as_staff(staff_id) as tx:
        if verb == "approve":
            return deciding.approve(tx, key, staff_id, scene.day(30), ())
        return deciding.reject(tx, key, staff_id, "We do not know them")


def test_i08_approved_and_rejected_at_the_same_instant(scene: Scene, settings: Settings):
    """Exactly one decision each; the loser sees the winner's; both attempts are audited."""
    ada, ben = scene.staff("ada"), scene.staff("ben")
    acme = scene.partner(sponsors=(ada, ben), most_new_per_hour=1000)
    guests = [scene.guest(acme, f"p{number}") for number in range(ROUNDS)]
    keys = [scene.sponsorship(guest).id for guest in guests]
    approving = [("approve", key, ada) for key in keys]
    rejecting = [("reject", key, ben) for key in keys]
    approvals, rejections = race(settings, decide, [approving, rejecting])

    states = {Standing.ACTIVE: State.ACTIVE, Standing.REJECTED: State.REMOVED}
    for guest, approved, rejected in zip(guests, approvals, rejections, strict=True):
        assert (approved is None) is not (rejected is None), (approved, rejected)
        lost = approved if rejected is None else rejected
        assert isinstance(lost, Lost), lost
        row = scene.sponsorship(guest)
        assert row.state == (Standing.ACTIVE if approved is None else Standing.REJECTED)
        assert lost.decided_by == row.decided_by == (ada if approved is None else ben)
        assert lost.sponsorship == row
        assert scene.row(guest).state == states[row.state]
    won = [approval is None for approval in approvals]
    assert len(scene.events("sponsorship.decision_lost")) == ROUNDS
    assert len(scene.events("sponsorship.approved")) == sum(won)
    assert len(scene.mails("guest.approved")) == sum(won)
    assert len(scene.mails("guest.rejected")) == ROUNDS - sum(won)
    assert scene.seats(acme) == (sum(won), 0)
    assert folded(scene.session) == kept(scene.session)


def decide_or_leave(argument: tuple[str, UUID | None, UUID]) -> Lost | None:
    """Approve, or leave the host and hand everything over."""
    verb, key, staff_id = argument
    if verb == "approve":
        assert key is not None
        return decide(("approve", key, staff_id))
    with Scene().tx() as tx:
        staff_changes.remove(tx, staff_id)
        hand_over_all(tx, staff_id)
    return None


def test_i11_a_sponsor_who_leaves_while_they_approve_keeps_nobody(scene: Scene, settings: Settings):
    """Whichever comes first, nobody is in on the word of somebody who has left."""
    ben, leaving = scene.staff("ben"), [scene.staff(f"s{number}") for number in range(LEAVING)]
    acme = scene.partner(sponsors=(ben, *leaving), lead=ben, most_new_per_hour=1000)
    guests = [scene.guest(acme, f"p{number}") for number in range(LEAVING)]
    keys = [scene.sponsorship(guest).id for guest in guests]
    for key, staff_id in list(zip(keys, leaving, strict=True))[::2]:
        with scene.as_staff(ben) as tx:
            deciding.hand_over(tx, key, ben, staff_id)
    approving = [("approve", key, one) for key, one in zip(keys, leaving, strict=True)]
    going = [("leave", None, one) for one in leaving]
    approvals, departures = race(settings, decide_or_leave, [approving, going])

    assert departures == [None] * LEAVING
    for guest, approved in zip(guests, approvals, strict=True):
        row = scene.sponsorship(guest)
        assert row.sponsor_id == ben
        if approved is None:
            assert row.state == Standing.ACTIVE
        else:
            assert isinstance(approved, NotYours), approved
            assert row.state == Standing.REQUESTED
    assert folded(scene.session) == kept(scene.session)
