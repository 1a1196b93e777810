"""A provider's documents as they are kept between fetches, and how often they may be fetched."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

FETCHES: Final = 4  # of one provider's keys, by all processes together ...
PER: Final = timedelta(minutes=1)  # ... in this time (O11: at most five)


@dataclass(frozen=True, slots=True)
class Shelved:
    """Discovery document and key set, cut down to what is used, and when they were fetched."""

    document: Mapping[str, Any]
    keys: Mapping[str, Any]
    fetched_at: datetime
