"""What a mail says of an end is when it ends, also where a contract was shortened since."""

from datetime import timedelta

import pytest

from portal.lifecycle.changes import change_contract
from portal.sponsorship.changes import deciding, people
from tests.scene import Partner, Scene


def shorten(scene: Scene, acme: Partner, days: int) -> str:
    """Move the contract's end; return the instant of it."""
    with scene.tx() as tx:
        change_contract(tx, acme.contract_id, last_day=scene.day(days), open_ended=False)
    ends_at = scene.ends_at(acme.contract_id)
    assert ends_at is not None
    return ends_at.isoformat()


def test_a_lifted_hold_tells_the_contracts_end(scene: Scene, acme: Partner):
    """Not the day that the sponsor once chose, which nobody reaches any more."""
    jane = scene.active(acme)
    ends_at = shorten(scene, acme, 5)
    for change, more in ((people.suspend, ("Lost laptop",)), (people.resume, ())):
        with scene.as_staff(acme.sponsor) as tx:
            change(tx, jane, *more)
    (mail,) = scene.mails("guest.resumed")
    assert mail.payload["expires_at"] == ends_at


def test_a_lifted_hold_tells_until_when_access_at_once_waits(scene: Scene, acme: Partner):
    """Nobody has vouched yet: without a word it ends long before the longest stay."""
    scene.policy(acme, approval="at-once")
    jane = scene.guest(acme)
    for change, more in ((people.suspend, ("Lost laptop",)), (people.resume, ())):
        with scene.as_staff(acme.sponsor) as tx:
            change(tx, jane, *more)
    (mail,) = scene.mails("guest.resumed")
    approve_by = scene.sponsorship(jane).approve_by
    assert approve_by is not None
    assert mail.payload["expires_at"] == approve_by.isoformat()


@pytest.mark.parametrize("waits", [False, True])
def test_who_takes_over_is_told_the_contracts_end(scene: Scene, acme: Partner, *, waits: bool):
    """Of a guest and of a request alike."""
    jane = scene.guest(acme) if waits else scene.active(acme)
    ends_at = shorten(scene, acme, 5)
    with scene.as_staff(acme.sponsor) as tx:
        deciding.hand_over(tx, scene.sponsorship(jane).id, acme.sponsor, acme.sponsors[1])
    (mail,) = scene.mails("sponsor.handed_over")
    assert mail.payload["ends_at"] == ends_at
    assert mail.payload["lapses_at"] == (ends_at if waits else None)


def test_who_takes_over_access_at_once_is_told_until_when_it_waits(scene: Scene, acme: Partner):
    """It ends then if they do nothing, not on the last day that was asked for."""
    scene.policy(acme, approval="at-once", approval_days=3)
    jane = scene.guest(acme)
    with scene.as_staff(acme.sponsor) as tx:
        deciding.hand_over(tx, scene.sponsorship(jane).id, acme.sponsor, acme.sponsors[1])
    (mail,) = scene.mails("sponsor.handed_over")
    assert mail.payload["ends_at"] == (scene.now + timedelta(days=3)).isoformat()
