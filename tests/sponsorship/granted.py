"""What a guest was given, as the tests of decisions compare it."""

from uuid import UUID

from tests.scene import Scene


def grant_states(scene: Scene, guest_id: UUID) -> dict[UUID, tuple[str, str]]:
    """Return the state of each grant of a guest, and why, by its offer."""
    return {grant.offer_id: (grant.state, grant.state_reason) for grant in scene.grants(guest_id)}
