"""What came of a knock."""

from portal.admission.changes import TurnedAway
from portal.admission.rules import Refusal
from tests.scene import Scene


def refusal(scene: Scene, result) -> tuple[Refusal, ...]:
    """The reasons of a refusal, which is in the audit log as it was given."""
    assert isinstance(result, TurnedAway), result
    event = scene.events("sign_in.refused")[-1]
    assert event.data["reasons"] == list(result.decision.reasons)
    assert event.reason == result.decision.reasons[0]
    return result.decision.reasons
