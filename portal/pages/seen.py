"""A form that was filled in before a colleague's change would undo it: it is refused instead."""

import hashlib

from portal.access.queries import GuestView
from portal.audit.rules import plain
from portal.foundation.refused import Refused
from portal.foundation.text import canonical_json
from portal.guests.queries import GuestRow
from portal.web.forms import Seen


def seen_of(*standing: object) -> str:
    """Return what a form must have been filled with to be about what stands."""
    return hashlib.sha256(canonical_json(plain(standing)).encode()).hexdigest()[:32]


def portrait(guest: GuestView | GuestRow) -> str:
    """Return what the company says of a guest: a sponsor's word is for the one they have seen."""
    return seen_of(guest.name, guest.email, guest.email_aside, guest.profile)


def require_seen(form: Seen, seen: str) -> None:
    """Refuse a form that was filled before a colleague's change, or its own first copy.

    Raises:
        Refused: so it is.
    """
    if form.seen.data != seen:
        raise Refused(
            "",
            "This was changed since you opened it, and nothing of yours was saved. Open it anew "
            "and look at it first",
        )
