"""Every form of the portal: who sends it, from which page, and what its fields are.

``again`` is what the page says when the same form is sent a second time, after the first was
carried out; without it the second does nothing and is answered like the first.
"""

from collections.abc import Mapping
from typing import Final

from tests.bad_input.admins import ADMIN
from tests.bad_input.people import EVERYBODY, SPONSOR

ENTRIES: Final = (*ADMIN, *SPONSOR, *EVERYBODY)

# Every address that is looked at, with the parameters that its view reads.
_FILTERS: Final = ("reference", "event", "organisation", "guest", "since", "until")
QUERIES: Final[Mapping[str, tuple[str, ...]]] = {
    "assets.static": ("v",),
    "assets.brand_css": ("v",),
    "audit.log": (*_FILTERS, "before"),
    "audit.export": _FILTERS,
    "admin_guests.listed": ("text", "organisation", "state", "before"),
    "decisions.inbox": ("part", "at", "since", "after"),
    "decisions.past": ("at", "before"),
    "sponsor_guests.mine": ("text", "part", "at", "since", "after"),
    "sponsor_guests.removed": ("at", "before"),
    "sign_in.ask": ("next",),
    "sign_in.choose": ("next",),
    "sign_in.start": ("next", "account"),
    "sign_in.callback": ("state", "code", "iss", "error", "error_description"),
    "staff_sign_in.start": ("next", "account"),
    "staff_sign_in.callback": ("state", "code", "iss", "error", "error_description"),
}
