"""What came of an identity at the door."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from portal.admission.rules import Decision
from portal.guests.queries import GuestRow


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Refused; nothing was created. *guest* is who is known by this identity, if anybody."""

    decision: Decision
    guest: GuestRow | None


@dataclass(frozen=True, slots=True)
class Arrived:
    """A new person: the arrival page comes next. *token* goes into the browser's cookie."""

    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A guest, whose session may begin.

    Attributes:
        until: the first instant without access if nobody does anything (policy clock); null
            without access.
    """

    guest_id: UUID
    session_epoch: int
    until: datetime | None


Result = TurnedAway | Arrived | SignedIn


class LostRace(Exception):
    """Another request was faster: run the transaction once more, settling first."""
