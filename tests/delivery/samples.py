"""A believable payload for every kind of mail."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from portal.delivery.changes import Claimed
from portal.delivery.rules import Message

SPONSORSHIP = "0190b5a0-1111-7000-8000-000000000001"
GUEST = "0190b5a0-2222-7000-8000-000000000002"
LINK = "https://guests.host.example/staff/sign-in?link=Zm9v"

_GUEST = {"guest_name": "Jane Roe", "organisation": "Acme"}
_ADDRESSED = _GUEST | {"guest_email": "jane.roe@acme.example"}

PAYLOADS: Mapping[str, Mapping[str, Any]] = {
    "sponsor.request": _ADDRESSED
    | {
        "asked_at": "2026-11-02T13:05:00Z",
        "lapses_at": "2026-11-16T13:05:00Z",
        "at_once": False,
        "approve_by": None,
        "sponsorship_id": SPONSORSHIP,
        "why": "The new pump station",
        "works_with": "Ada in Operations",
    },
    "sponsor.review": _GUEST
    | {
        "due_at": "2027-01-31T00:00:00Z",
        "ends_at": "2027-02-14T00:00:00Z",
        "sponsorship_id": SPONSORSHIP,
    },
    "sponsor.guest_suspended": _ADDRESSED
    | {
        "reason": "inactive",
        "since": "2026-11-02T13:05:00Z",
        "removed_at": None,
        "removes_at": "2026-12-02T13:05:00Z",
        "lifted": False,
        "guest_id": GUEST,
    },
    "sponsor.guest_stopped": _ADDRESSED
    | {
        "by": "Ada Byron",
        "reason": "suspended_by_staff",
        "since": "2026-11-02T13:05:00Z",
        "out_since": None,
        "waited": False,
        "stays": False,
        "removes_at": "2026-12-02T13:05:00Z",
        "guest_id": GUEST,
    },
    "sponsor.decided": _ADDRESSED
    | {
        "by": "Ben Boole",
        "sponsor": "",
        "taken": "approved",
        "since": "2026-11-02T13:05:00Z",
        "stays": True,
        "guest_id": GUEST,
        "last_day": None,
        "time_zone": "",
    },
    "sponsor.request_lapsed": _GUEST,
    "sponsor.handed_over": _GUEST
    | {
        "by": "Ada Byron",
        "ends_at": "2027-03-01T23:00:00Z",
        "lapses_at": None,
        "sponsorship_id": SPONSORSHIP,
    },
    "sponsor.handed_over_guests": {
        "guests": [["Jane Roe", "Acme"], ["John Doe", "Zeta"]],
        "count": 3,
        "ends_at": "2027-03-01T23:00:00Z",
    },
    "sponsor.handed_over_requests": {
        "guests": [["Jane Roe", "Acme"], ["John Doe", "Zeta"]],
        "count": 2,
        "ends_at": "2026-11-16T13:05:00Z",
    },
    "sponsor.knocked": _ADDRESSED | {"held": False, "guest_id": GUEST},
    "sponsor.email_conflict": {"organisation": "Acme", "email": "jane.roe@acme.example"},
    "sponsor.address_changed": _GUEST
    | {
        "old": "jane.roe@acme.example",
        "new": "jane.roe@newname.example",
        "until": "2026-11-16T13:05:00Z",
    },
    "sponsor.proposal": _GUEST | {"entitlement": "Plans / read", "sponsorship_id": SPONSORSHIP},
    "sponsor.contract_ended": {
        "organisation": "Acme",
        "contract": "AC-2026-7",
        "count": 12,
        "out": 5,
        "runs": True,
    },
    "sponsor.contract_shortened": {
        "organisation": "Acme",
        "contract": "AC-2026-7",
        "count": 12,
        "last_day": "2027-03-01",
        "time_zone": "Europe/Berlin",
        "by": "Petra Vogel",
    },
    "guest.approved": {
        "organisation": "Acme",
        "last_day": "2027-03-01",
        "time_zone": "Europe/Berlin",
        "expires_at": "2027-03-01T23:00:00Z",
        "sponsor": "Ada Byron",
        "closed": False,
        "moved": False,
    },
    "guest.rejected": {"organisation": "Acme"},
    "guest.suspended": {
        "organisation": "Acme",
        "reason": "expired",
        "since": "2027-03-01T23:00:00Z",
        "removes_at": "2027-03-31T23:00:00Z",
        "lifted": False,
    },
    "guest.resumed": {
        "organisation": "Acme",
        "expires_at": "2027-03-01T23:00:00Z",
        "closed": False,
    },
    "guest.removed": {
        "organisation": "Acme",
        "reason": "contract_ended",
        "since": "2027-03-01T23:00:00Z",
        "out_since": None,
        "waited": False,
    },
    "guest.lapsed": {"organisation": "Acme"},
    "guest.let_back": {"organisation": "Acme", "lapses_at": "2026-11-16T13:05:00Z"},
    "admin.contract_ended": {
        "organisation": "Acme",
        "contract": "AC-2026-7",
        "count": 1,
        "out": 1,
        "runs": False,
    },
    "admin.later": {"organisation": "Acme", "most_new_per_hour": 20},
    "admin.role_unknown": {"name": "Bob Boole", "email": "bob@host.example"},
    "admin.break_glass": {
        "name": "Bob Boole",
        "email": "bob@host.example",
        "at": "2026-11-02T03:05:00Z",
    },
    "admin.host_domain": {"organisation": "Acme", "email": "ceo@host.example"},
    "staff.bind_link": {"name": "Bob Boole", "url": LINK, "expires_at": "2026-11-02T13:20:00Z"},
    "test": {},
}


def message(kind: str = "guest.rejected", **changes: Any) -> Message:
    """Return a message to put; *changes* replace the recipient, the key or parts of the payload."""
    return Message(
        kind=kind,
        to=changes.pop("to", "ada@host.example"),
        dedupe_key=changes.pop("dedupe_key", f"{kind}:1"),
        payload=PAYLOADS[kind] | changes,
    )


def claimed(kind: str, **changes: Any) -> Claimed:
    """Return a message as it comes out of the outbox."""
    return Claimed(
        id=UUID("0190b5a0-3333-7000-8000-000000000003"),
        kind=kind,
        to=changes.pop("to", "ada@host.example"),
        payload=PAYLOADS[kind] | changes,
        reference="7K3F-9QX-M2D",
        tries=1,
        created_at=datetime(2026, 11, 2, 13, 5, tzinfo=UTC),
    )
