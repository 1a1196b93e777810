"""Carry admission out: ``door`` decides, ``refusing``, ``arriving`` and ``refreshing`` do it."""

from portal.admission.changes.arriving import (
    accept,
    close_arrivals,
    delete_expired,
    take_up,
    turn_around,
)
from portal.admission.changes.door import knock, trial
from portal.admission.changes.results import Arrived, LostRace, Result, SignedIn, TurnedAway

__all__ = [
    "Arrived",
    "LostRace",
    "Result",
    "SignedIn",
    "TurnedAway",
    "accept",
    "close_arrivals",
    "delete_expired",
    "knock",
    "take_up",
    "trial",
    "turn_around",
]
