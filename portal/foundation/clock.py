"""The only place that reads the clock.

Two clocks (architecture 2.15): the *protocol* clock is always real (tokens, certificates, links);
the *policy* clock (lifecycle, contracts, access) may be moved by ``PORTAL_CLOCK_OFFSET``, in
development only. An offset of 91 days would make every ID token expired if there were but one.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

YEARS: Final = range(1970, 2200)  # of a day that somebody may write

_offset = timedelta(0)


def set_offset(seconds: float) -> None:
    """Move the policy clock by *seconds* (settings see to it: development only)."""
    global _offset  # noqa: PLW0603 - one process, one policy clock, set once by the app factory
    _offset = timedelta(seconds=seconds)


def protocol_now() -> datetime:
    """Return the real time: aware, UTC."""
    return datetime.now(UTC)


def policy_now() -> datetime:
    """Return the time that lifecycle, contracts and access go by: aware, UTC."""
    return datetime.now(UTC) + _offset
