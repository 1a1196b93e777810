"""The terms for guests: portal-wide defaults, and what an organisation has of its own."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Final

from portal.foundation.refused import Refused

APPROVALS: Final = ("first", "at-once")
_STRENGTH = re.compile(r"[\x21-\x7e]{1,255}")
MOST_STRENGTHS: Final = 20

# Lowest and highest of each number; the database holds the same bounds.
RANGES: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "approval_days": (1, 90),
        "longest_days": (1, 3650),
        "review_days": (1, 3650),
        "grace_days": (0, 365),
        "inactivity_days": (1, 3650),
        "most_guests": (0, 10_000_000),
        "most_new_per_hour": (0, 1_000_000),
        "address_days": (0, 365),
    }
)

FIRST_DEFAULTS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "approval": "first",
        "approval_days": 7,
        "longest_days": 365,
        "review_days": 90,
        "grace_days": 14,
        "inactivity_days": 60,
        "most_guests": 100,
        "most_new_per_hour": 20,
        "address_days": 14,
        "accepted_acr": [],
        "accepted_amr": [],
    }
)


@dataclass(frozen=True, slots=True)
class EffectivePolicy:
    """What counts for an organisation's guests: its own values, else the portal-wide defaults.

    Attributes:
        approval: ``first``: a sponsor approves before any access; ``at-once``: restricted access
            until somebody has.
        approval_days: days within which access given *at once* must be approved.
        longest_days: longest stay that a sponsor may approve.
        review_days: days after which the sponsor is asked again.
        grace_days: days after the review was due in which access goes on.
        inactivity_days: days without a sign-in after which a guest is suspended.
        most_guests: seats.
        most_new_per_hour: new guests in any hour; above it the door says *later*.
        address_days: days for which a guest with a new address elsewhere may go on.
        accepted_acr: authentication classes that are strong enough; none: no demand.
        accepted_amr: methods that are strong enough.
    """

    approval: str
    approval_days: int
    longest_days: int
    review_days: int
    grace_days: int
    inactivity_days: int
    most_guests: int
    most_new_per_hour: int
    address_days: int
    accepted_acr: tuple[str, ...]
    accepted_amr: tuple[str, ...]

    @property
    def at_once(self) -> bool:
        """Whether a new guest has restricted access before anybody approved it."""
        return self.approval == "at-once"


POLICY_FIELDS: Final = tuple(field.name for field in fields(EffectivePolicy))
STRENGTH_FIELDS: Final = frozenset({"accepted_acr", "accepted_amr"})  # lists; empty: no demand


def effective(defaults: Mapping[str, Any], own: Mapping[str, Any] | None) -> EffectivePolicy:
    """Return the policy that counts.

    Args:
        defaults: the portal-wide row.
        own: the organisation's row, whose ``None`` values follow the defaults.
    """
    values: dict[str, Any] = {}
    for name in POLICY_FIELDS:
        value = own.get(name) if own else None
        value = defaults[name] if value is None else value
        values[name] = tuple(value or ()) if name in STRENGTH_FIELDS else value
    return EffectivePolicy(**values)


def own_fields(own: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return which values are the organisation's own."""
    return tuple(name for name in POLICY_FIELDS if own and own.get(name) is not None)


def check_policy(values: Mapping[str, Any], *, own: bool) -> dict[str, Any]:
    """Return policy values fit to be stored.

    Args:
        values: field to value; ``None`` goes back to the portal-wide default.
        own: whether they are an organisation's; the defaults themselves have nothing to follow.

    Raises:
        Refused: an unknown field, a value out of range, or a default taken away.
    """
    checked: dict[str, Any] = {}
    for name, value in values.items():
        if name not in POLICY_FIELDS:
            raise Refused(name, f"There is no policy field {name}")
        if value is None:
            if not own:
                raise Refused(name, "Enter a value: the portal-wide defaults must be complete")
            checked[name] = None
        elif name == "approval":
            checked[name] = _choice(value)
        elif name in STRENGTH_FIELDS:
            checked[name] = check_strengths(name, value)
        else:
            checked[name] = _number(name, value)
    return checked


def _choice(value: object) -> str:
    if value not in APPROVALS:
        raise Refused("approval", "Choose first or at-once")
    return str(value)


def _number(name: str, value: object) -> int:
    lowest, highest = RANGES[name]
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise Refused(name, f"Enter a number from {lowest} to {highest}")
    return value


def check_strengths(name: str, values: Sequence[str]) -> list[str]:
    """Return ``acr`` or ``amr`` values: printable words, each once, empty ones left out.

    Raises:
        Refused: a value that no provider could send in ``acr_values``, or too many.
    """
    kept = list(dict.fromkeys(value.strip() for value in values if value.strip()))
    if len(kept) > MOST_STRENGTHS:
        raise Refused(name, f"Enter {MOST_STRENGTHS} values at most")
    for value in kept:
        if not _STRENGTH.fullmatch(value):
            raise Refused(name, f"Enter values without spaces: {value[:64]!r} is not one")
    return kept
