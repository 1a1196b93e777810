"""Read access: the facts of one decision, and lists of people with what each may use now."""

from portal.access.queries.facts import FACTS_COLUMNS, Known, gather, known_of, of, with_facts
from portal.access.queries.listing import (
    PAGE,
    GuestFilter,
    GuestPage,
    counts,
    guests,
)
from portal.access.queries.order import Place
from portal.access.queries.own import SponsorGuest, SponsorGuests, count_vouched, sponsor_guests
from portal.access.queries.views import (
    WHOLE_COLUMNS,
    GuestView,
    SponsorshipView,
    Whole,
    guest_view,
    view_of,
    views,
)
from portal.access.queries.waiting import (
    InboxPage,
    Kind,
    PastDecision,
    Waiting,
    inbox,
    inbox_count,
    knocking,
    knocking_count,
    next_review,
    past_decisions,
)

__all__ = [
    "FACTS_COLUMNS",
    "PAGE",
    "WHOLE_COLUMNS",
    "GuestFilter",
    "GuestPage",
    "GuestView",
    "InboxPage",
    "Kind",
    "Known",
    "PastDecision",
    "Place",
    "SponsorGuest",
    "SponsorGuests",
    "SponsorshipView",
    "Waiting",
    "Whole",
    "count_vouched",
    "counts",
    "gather",
    "guest_view",
    "guests",
    "inbox",
    "inbox_count",
    "knocking",
    "knocking_count",
    "known_of",
    "next_review",
    "of",
    "past_decisions",
    "sponsor_guests",
    "view_of",
    "views",
    "with_facts",
]
