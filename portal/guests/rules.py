"""A guest's states, why it is in one, and which transitions are legal."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """Where a guest stands."""

    PENDING = "pending"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REMOVED = "removed"


class Reason(StrEnum):
    """Why a guest or a sponsorship is in its state; wording lives in templates."""

    AWAITING_DECISION = "awaiting_decision"
    AT_ONCE = "at_once"
    APPROVED = "approved"
    RESUMED = "resumed"
    LET_BACK = "let_back"
    EXPIRED = "expired"
    INACTIVE = "inactive"
    REVIEW_MISSED = "review_missed"
    NOT_APPROVED = "not_approved"
    LAPSED = "lapsed"
    CONTRACT_ENDED = "contract_ended"
    SPONSOR_LEFT = "sponsor_left"
    SUSPENDED_TOO_LONG = "suspended_too_long"
    SUSPENDED_BY_STAFF = "suspended_by_staff"
    SUSPENDED_BY_ADMIN = "suspended_by_admin"  # an admin's hold, which no sponsor lifts
    REMOVED_BY_STAFF = "removed_by_staff"
    ENDED_BY_SPONSOR = "ended_by_sponsor"
    REJECTED = "rejected"


BY_HUMAN = frozenset(
    {
        Reason.SUSPENDED_BY_STAFF,
        Reason.SUSPENDED_BY_ADMIN,
        Reason.REMOVED_BY_STAFF,
        Reason.ENDED_BY_SPONSOR,
        Reason.REJECTED,
    }
)

# A suspended guest stays this long before it is removed; a request waits this long.
REMOVED_AFTER = timedelta(days=30)
LAPSES_AFTER = timedelta(days=14)

_LEGAL: Mapping[State | None, frozenset[State]] = MappingProxyType(
    {
        None: frozenset({State.PENDING, State.ACTIVE}),
        State.PENDING: frozenset({State.ACTIVE, State.REMOVED}),
        State.ACTIVE: frozenset({State.SUSPENDED, State.REMOVED}),
        State.SUSPENDED: frozenset({State.ACTIVE, State.SUSPENDED, State.REMOVED}),
        State.REMOVED: frozenset({State.PENDING}),
    }
)


class IllegalTransition(Exception):
    """Somebody asked for a change of state that cannot be."""


def require_transition(current: State | None, wanted: State) -> None:
    """Refuse a transition that the state machine does not have.

    Suspended to suspended is legal: a human's hold comes or goes while time has its own reason.

    Raises:
        IllegalTransition: naming both states.
    """
    if wanted not in _LEGAL[current]:
        raise IllegalTransition(f"a guest that is {current or 'new'} cannot become {wanted}")


def keeps_its_hold(state: State, reason: Reason, *, hold: bool) -> bool:
    """Say whether a guest who comes to *state* stays held: an admin's hold outlives a removal.

    The row's reason is then still the hold, a tombstone stands before it, and no sponsor lifts
    that before an admin has lifted the hold.

    Args:
        state: what it becomes.
        reason: its reason until now.
        hold: whether a human holds it now.
    """
    return state == State.REMOVED and hold and reason == Reason.SUSPENDED_BY_ADMIN


def family(reason: Reason) -> str:
    """Return the audit's ``family.detail`` code of a reason."""
    return f"{'human' if reason in BY_HUMAN else 'lifecycle'}.{reason}"
