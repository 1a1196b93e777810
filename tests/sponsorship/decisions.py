"""What employees decide about a guest, each in a transaction."""

from portal.guests.rules import State
from portal.sponsorship.changes import deciding, people
from tests.replay import kept
from tests.scene import Scene


def suspend(scene: Scene, guest_id, reason: str = "Lost laptop", *, by_admin: bool = False) -> None:
    with scene.tx() as tx:
        people.suspend(tx, guest_id, reason, by_admin=by_admin)


def resume(scene: Scene, guest_id, *, by_admin: bool = False) -> State:
    with scene.tx() as tx:
        return people.resume(tx, guest_id, by_admin=by_admin)


def remove(scene: Scene, guest_id, reason: str = "Left the company") -> None:
    with scene.tx() as tx:
        people.remove(tx, guest_id, reason)


def end(scene: Scene, guest_id, staff_id) -> None:
    with scene.as_staff(staff_id) as tx:
        assert deciding.end(tx, scene.sponsorship(guest_id).id, staff_id, "Over") is None


def let_back(scene: Scene, guest_id, staff_id):
    with scene.as_staff(staff_id) as tx:
        return people.let_back(tx, guest_id, staff_id)


def note_of(scene: Scene, guest_id) -> str | None:
    return kept(scene.session)["guest"][str(guest_id)]["state_note"]
