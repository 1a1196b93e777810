"""An entitlement needs access, its own live sponsorship, and an offer that still stands."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from portal.access.rules import AccessDecision, Against, usable
from portal.guests.rules import Reason, State
from portal.sponsorship.rules import GuestDates, OpenSponsorship, Standing

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ADA, BEN = UUID(int=1), UUID(int=2)

STANDING = GuestDates(State.ACTIVE, Reason.APPROVED, NOW, False, False, NOW + DAY, None)
ALLOWED = AccessDecision(True, (), NOW + DAY, STANDING)
DENIED = AccessDecision(False, (Against.TERMS,), None, STANDING)
LIVE = OpenSponsorship(
    ADA, Standing.ACTIVE, NOW + DAY, None, None, None, NOW - DAY, contract_ends_at=None
)


@dataclass(frozen=True)
class Held:
    sponsorship_id: UUID = ADA
    state: str = "active"
    offer_withdrawn_at: datetime | None = None


@pytest.mark.parametrize(
    ("decision", "grant", "sponsorships", "expected"),
    [
        pytest.param(ALLOWED, Held(), (LIVE,), True, id="all holds"),
        pytest.param(DENIED, Held(), (LIVE,), False, id="no access at all"),
        pytest.param(ALLOWED, Held(state="proposed"), (LIVE,), False, id="only proposed"),
        pytest.param(ALLOWED, Held(state="ended"), (LIVE,), False, id="ended"),
        pytest.param(ALLOWED, Held(sponsorship_id=BEN), (LIVE,), False, id="another's sponsorship"),
        pytest.param(ALLOWED, Held(), (), False, id="nobody vouches"),
        pytest.param(
            ALLOWED,
            Held(),
            (replace(LIVE, expires_at=NOW), replace(LIVE, id=BEN)),
            False,
            id="its own sponsorship is over, another carries access",
        ),
        pytest.param(
            ALLOWED,
            Held(),
            (replace(LIVE, state=Standing.REQUESTED),),
            False,
            id="only asked for",
        ),
        pytest.param(
            ALLOWED,
            Held(),
            (replace(LIVE, contract_begins_at=NOW + DAY),),
            False,
            id="contract to come",
        ),
        pytest.param(
            ALLOWED, Held(), (replace(LIVE, contract_ends_at=NOW),), False, id="contract over"
        ),
        pytest.param(
            ALLOWED, Held(), (replace(LIVE, review_ends_at=NOW),), False, id="review unanswered"
        ),
        pytest.param(ALLOWED, Held(), (replace(LIVE, approve_by=NOW),), False, id="never approved"),
        pytest.param(ALLOWED, Held(offer_withdrawn_at=NOW), (LIVE,), False, id="offer withdrawn"),
        pytest.param(
            ALLOWED, Held(offer_withdrawn_at=NOW + DAY), (LIVE,), True, id="withdrawn tomorrow"
        ),
    ],
)
def test_usable(decision, grant, sponsorships, expected):
    """Every condition is needed, and together they are enough."""
    assert usable(decision, [grant], sponsorships, NOW) == ((grant,) if expected else ())
