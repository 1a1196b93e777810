"""Nobody reads that they have access while nobody of their organisation comes in."""

from collections.abc import Callable
from uuid import UUID

import pytest

from portal.lifecycle.changes import resume_organisation, suspend_organisation
from portal.sponsorship.changes import people
from portal.sponsorship.changes.requesting import vouch
from portal.trust.changes import disable
from tests.scene import Partner, Scene

Shut = Callable[[Scene, Partner], None]


def suspend(scene: Scene, acme: Partner) -> None:
    with scene.tx() as tx:
        suspend_organisation(tx, acme.id, "Incident")


def switch_off(scene: Scene, acme: Partner) -> None:
    with scene.tx() as tx:
        disable(tx, acme.provider_id)


SHUT = pytest.mark.parametrize("shut", [suspend, switch_off])


@SHUT
def test_a_request_is_approved_while_they_are_shut_out(scene: Scene, shut: Shut):
    """A sponsor may decide meanwhile; the mail says what keeps the guest from coming in."""
    acme = scene.partner()
    jane, john = scene.guest(acme), scene.active(acme, "john")
    shut(scene, acme)
    assert scene.approve(jane, acme.sponsor) is None
    assert not scene.access(jane).allowed
    assert [mail.payload["closed"] for mail in scene.mails("guest.approved")] == [False, True]
    hold(scene, acme.sponsor, john)
    assert [mail.payload["closed"] for mail in scene.mails("guest.resumed")] == [True]


def hold(scene: Scene, staff_id: UUID, guest_id: UUID) -> None:
    with scene.as_staff(staff_id) as tx:
        people.suspend(tx, guest_id, "Lost laptop")
    with scene.as_staff(staff_id) as tx:
        people.resume(tx, guest_id)


def test_whoever_vouches_anew_once_it_is_open_again(scene: Scene):
    """Then the mail says what it always said."""
    acme = scene.partner()
    jane = scene.active(acme, days=10)
    suspend(scene, acme)
    scene.later(days=12)
    with scene.tx() as tx:
        resume_organisation(tx, acme.id)
    with scene.as_staff(acme.sponsor) as tx:
        vouch(tx, jane, acme.sponsor, scene.day(20), [])
    hold(scene, acme.sponsor, jane)
    for kind in ("guest.approved", "guest.resumed"):
        assert not scene.mails(kind)[-1].payload["closed"]
