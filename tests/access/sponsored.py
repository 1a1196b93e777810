"""People who are vouched for, or came one after the other."""

from datetime import timedelta
from uuid import UUID

from portal.sponsorship.changes import deciding
from tests.scene import Partner, Scene


def approve(scene: Scene, guest_id: UUID, staff_id: UUID, *, days: int = 90, offers=()) -> None:
    row = scene.sponsorship(guest_id)
    last_day = (scene.now + timedelta(days=days)).date()
    with scene.as_staff(staff_id) as tx:
        assert deciding.approve(tx, row.id, staff_id, last_day, offers) is None


def in_turn(scene: Scene, partner: Partner, *subjects: str) -> list[UUID]:
    return [scene.guest(partner, one, name=one.title()) for one in subjects]
