"""Read what the door needs: everything about an identity in one statement, and open arrivals."""

from portal.admission.queries.arrivals import (
    OpenArrival,
    count_expired,
    open_arrival,
    sealed,
    unsealed,
)
from portal.admission.queries.door import Door, gather

__all__ = [
    "Door",
    "OpenArrival",
    "count_expired",
    "gather",
    "open_arrival",
    "sealed",
    "unsealed",
]
