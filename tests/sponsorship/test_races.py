"""I08 on PostgreSQL, with real processes."""

from uuid import UUID

import pytest

from portal.foundation.settings import Settings
from portal.guests.rules import State
from portal.sponsorship.changes import deciding
from portal.sponsorship.changes.deciding import Lost
from portal.sponsorship.rules import Standing
from tests.racing import race
from tests.scene import Scene, folded, kept

pytestmark = [
    pytest.mark.processes,
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
]

ROUNDS = 50


@pytest.fixture
def scene(database) -> Scene:
    return Scene()


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
