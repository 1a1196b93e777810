"""What may be sent, and what happens when sending fails: pure decisions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final


class State(StrEnum):
    """States of a message; ``dead`` waits for a person."""

    WAITING = "waiting"
    SENT = "sent"
    DEAD = "dead"


class WrongMessage(ValueError):
    """A message that no template could render, or that has no one recipient."""


@dataclass(frozen=True, slots=True)
class Message:
    """One mail to one person.

    Attributes:
        kind: from ``KINDS``; the template's name.
        to: one canonical address.
        dedupe_key: the same key is never sent twice, however often the change runs.
        payload: plain JSON values, instants and days in ISO 8601.
    """

    kind: str
    to: str
    dedupe_key: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """What a kind's payload must carry, and what it may."""

    required: frozenset[str]
    optional: frozenset[str] = frozenset()


def _shape(required: str = "", optional: str = "") -> Shape:
    return Shape(frozenset(required.split()), frozenset(f"{optional} reference".split()))


KINDS: Mapping[str, Shape] = MappingProxyType(
    {
        "sponsor.request": _shape(
            "guest_name guest_email organisation asked_at at_once sponsorship_id",
            "lapses_at approve_by why works_with",
        ),
        "sponsor.review": _shape("guest_name organisation due_at ends_at sponsorship_id"),
        "sponsor.guest_suspended": _shape(
            "guest_name guest_email organisation reason since removed_at removes_at lifted guest_id"
        ),
        "sponsor.guest_stopped": _shape(
            "guest_name guest_email organisation by reason since out_since waited stays removes_at "
            "guest_id"
        ),
        "sponsor.decided": _shape(
            "guest_name guest_email organisation by sponsor taken since stays guest_id last_day "
            "time_zone"
        ),
        "sponsor.request_lapsed": _shape("guest_name organisation"),
        "sponsor.handed_over": _shape(
            "guest_name organisation by ends_at lapses_at sponsorship_id"
        ),
        "sponsor.handed_over_guests": _shape("guests count ends_at"),
        "sponsor.handed_over_requests": _shape("guests count ends_at"),
        "sponsor.knocked": _shape("guest_name guest_email organisation held guest_id"),
        "sponsor.email_conflict": _shape("organisation email"),
        "sponsor.address_changed": _shape("guest_name organisation old new until"),
        "sponsor.proposal": _shape("guest_name organisation entitlement sponsorship_id"),
        "sponsor.contract_ended": _shape("organisation contract count out runs"),
        "sponsor.contract_shortened": _shape("organisation contract count last_day time_zone by"),
        "guest.approved": _shape("organisation last_day time_zone expires_at sponsor closed moved"),
        "guest.rejected": _shape("organisation"),
        "guest.suspended": _shape("organisation reason since removes_at lifted"),
        "guest.resumed": _shape("organisation expires_at closed"),
        "guest.removed": _shape("organisation reason since out_since waited"),
        "guest.lapsed": _shape("organisation"),
        "guest.let_back": _shape("organisation lapses_at"),
        "admin.contract_ended": _shape("organisation contract count out runs"),
        "admin.later": _shape("organisation most_new_per_hour"),
        "admin.role_unknown": _shape("name email"),
        "admin.break_glass": _shape("name email at"),
        "admin.host_domain": _shape("organisation email"),
        "staff.bind_link": _shape("name url expires_at"),
        "test": _shape(),
    }
)

NOWHERE: Final = ""

# The one page that each mail leads to, below the public URL. None: the payload brings its own.
# Whoever was turned down or removed is led nowhere: signing in would be a knock at a closed door.
PATHS: Mapping[str, str | None] = MappingProxyType(
    {
        "sponsor.request": "/sponsor/decisions/{sponsorship_id}",
        "sponsor.review": "/sponsor/decisions/{sponsorship_id}",
        "sponsor.guest_suspended": "/sponsor/guests/{guest_id}",
        "sponsor.guest_stopped": "/sponsor/guests/{guest_id}",
        "sponsor.decided": "/sponsor/guests/{guest_id}",
        "sponsor.request_lapsed": "/sponsor",
        "sponsor.handed_over": "/sponsor/decisions/{sponsorship_id}",
        "sponsor.handed_over_guests": "/sponsor/guests",
        "sponsor.handed_over_requests": "/sponsor",
        "sponsor.knocked": "/sponsor/removed",
        "sponsor.email_conflict": "/sponsor/guests",
        "sponsor.address_changed": "/sponsor/guests",
        "sponsor.proposal": "/sponsor/decisions/{sponsorship_id}",
        "sponsor.contract_ended": "/sponsor/guests",
        "sponsor.contract_shortened": "/sponsor/guests",
        "guest.approved": "/me",
        "guest.rejected": NOWHERE,
        "guest.suspended": "/me",
        "guest.resumed": "/me",
        "guest.removed": NOWHERE,
        "guest.lapsed": "/me",
        "guest.let_back": "/me",
        "admin.contract_ended": "/admin/organisations",
        "admin.later": "/admin/organisations",
        "admin.role_unknown": "/admin/staff",
        "admin.break_glass": "/admin/audit?reference={reference}",
        "admin.host_domain": "/admin/audit?reference={reference}",
        "staff.bind_link": None,
        "test": "/admin/health",
    }
)

# What a mail does not say that has waited since an earlier version wrote it.
SINCE_ADDED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "admin.contract_ended": ("out", "runs"),
        "guest.approved": ("closed", "moved"),
        "guest.let_back": ("lapses_at",),
        "guest.removed": ("since", "out_since", "waited"),
        "guest.resumed": ("expires_at", "closed"),
        "guest.suspended": ("removes_at", "lifted"),
        "sponsor.contract_ended": ("out", "runs"),
        "sponsor.decided": ("last_day", "time_zone"),
        "sponsor.guest_suspended": ("removed_at", "removes_at", "lifted"),
        "sponsor.guest_stopped": ("out_since",),
        "sponsor.handed_over": ("ends_at", "lapses_at"),
        "sponsor.knocked": ("held",),
    }
)

# Payload fields that open a door: encrypted where they lie, like every other secret at rest.
SECRET_FIELDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {"staff.bind_link": frozenset({"url"})}
)


FOR_EMPLOYEES = ("sponsor.", "admin.", "staff.")  # so begin the kinds that are for the host's own


def for_employee(kind: str) -> bool:
    """Say whether a mail of this kind is for an employee of the host, as long as they are one."""
    return kind.startswith(FOR_EMPLOYEES)


# One address: no white space, control, comma or bracket that could make it two.
_ONE_ADDRESS = re.compile(r"[^\s\x00-\x1f\x7f<>(),;:\\\"\[\]@]+@[^\s\x00-\x1f\x7f<>(),;:\\\"@]+")
_LONGEST_KEY = 200
_LONGEST_ADDRESS = 254  # RFC 5321, 4.5.3.1.3, less the brackets


def is_one_address(text: str) -> bool:
    """Say whether *text* is one bare address; its spelling was made canonical elsewhere."""
    return len(text) <= _LONGEST_ADDRESS and _ONE_ADDRESS.fullmatch(text) is not None


def check(message: Message) -> None:
    """Hold a message against its kind.

    Raises:
        WrongMessage: unknown kind, other payload keys than declared, or no single recipient.
    """
    shape = KINDS.get(message.kind)
    if shape is None:
        raise WrongMessage(f"{message.kind} is no kind of mail")
    keys = set(message.payload)
    if missing := shape.required - keys:
        raise WrongMessage(f"{message.kind} lacks {sorted(missing)}")
    if surplus := keys - shape.required - shape.optional:
        raise WrongMessage(f"{message.kind} does not carry {sorted(surplus)}")
    if not is_one_address(message.to):
        raise WrongMessage(f"{message.kind} needs one address to go to")
    if not 0 < len(message.dedupe_key) <= _LONGEST_KEY:
        raise WrongMessage(f"{message.kind} needs a key of {_LONGEST_KEY} characters at most")


# A sent mail's row tells who was written to, and bars its key from being put again. No key is
# wanted again after so long: it names an instant, a day, a version or a link. Two name what goes
# on (a removed guest knocks, a company has a new domain): a month later that is news once more.
KEPT_SENT = timedelta(days=30)

LEASE = timedelta(minutes=10)  # a claim that is not settled by then comes up again
STANDSTILL = timedelta(hours=1)  # so long nothing goes out before it is called one
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
MOST_TRIES = 100  # about four days, as a mail server would (RFC 5321, 4.5.4.1)
MOST_TRIES_REFUSED = 5  # a "no" for good: half an hour, in case it was our setting that was wrong


def pause_after(tries: int) -> timedelta:
    """Return how long to wait after the *tries*-th try failed: it doubles, up to an hour."""
    doublings = min(tries - 1, 10)  # 1024 minutes are past the longest pause
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)


@dataclass(frozen=True, slots=True)
class Failed:
    """What becomes of a message that could not be sent: a pause, or none when it is dead."""

    pause: timedelta | None

    @property
    def dead(self) -> bool:
        """Whether nothing more is tried until a person says so."""
        return self.pause is None


def after_failure(tries: int, *, refused: bool) -> Failed:
    """Decide what follows a failure.

    Args:
        tries: how often it was tried, this time included.
        refused: the server said no for good (5xx) to this message, not "later".
    """
    most = MOST_TRIES_REFUSED if refused else MOST_TRIES
    return Failed(None if tries >= most else pause_after(tries))
