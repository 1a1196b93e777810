"""The vocabulary of the audit log: which events there are, and exactly what each one carries."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from portal.foundation.text import canonical_json

RULES_VERSION = 1  # raised when an event's meaning changes, so that old ones are read by old rules

Row = Mapping[str, Any]
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class WrongEvent(ValueError):
    """An event that is not in the vocabulary, or carries other keys than it declares."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        name: ``noun.verb``, from ``VOCABULARY``.
        organisation_id: whose people or settings it is about.
        guest_id: which guest it is about.
        reason: ``family.detail`` where there is one.
        sets: every column this change set, by ``"table:id"``; folding these gives the rows.
        data: further facts, the exact keys that the vocabulary declares.
        personal: what can identify a person, keys as in *sets* (columns) or ``"seen"`` (facts).
        person_id: whose personal data it is; without it the guest's, else the actor's own.
    """

    name: str
    organisation_id: UUID | None = None
    guest_id: UUID | None = None
    reason: str | None = None
    sets: Mapping[str, Row] = field(default_factory=lambda: _NOTHING)
    data: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)
    personal: Mapping[str, Row] = field(default_factory=lambda: _NOTHING)
    person_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """What an event may set, and which further facts it must carry."""

    sets: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()


def _shape(sets: str, keys: str = "") -> Shape:
    return Shape(frozenset(sets.split()), frozenset(keys.split()))


_REVISION = _shape("organisation domain contract policy organisation_sponsor")
VOCABULARY: Mapping[str, Shape] = MappingProxyType(
    {
        "organisation.added": _REVISION,
        "organisation.changed": _REVISION,
        "organisation.suspended": _shape("organisation"),
        "organisation.resumed": _shape("organisation"),
        "domain.added": _shape("domain"),
        "domain.removed": _shape("domain"),
        "contract.added": _shape("contract"),
        "contract.changed": _shape("contract", "was"),
        "contract.ended": _shape("contract", "guests"),
        "policy.changed": _shape("policy", "was"),
        "sponsor.named": _shape("organisation_sponsor"),
        "sponsor.unnamed": _shape("organisation_sponsor"),
        "identity_provider.added": _shape("identity_provider"),
        "identity_provider.changed": _shape("identity_provider", "was"),
        "identity_provider.tested": _shape("identity_provider", "findings"),
        "identity_provider.trial": _shape("identity_provider", "outcome reasons"),
        "identity_provider.strength_attested": _shape("identity_provider"),
        "identity_provider.enabled": _shape("identity_provider"),
        "identity_provider.disabled": _shape("identity_provider"),
        "terms.published": _shape("terms"),
        "terms.accepted": _shape("terms_acceptance guest"),
        "application.added": _shape("application"),
        "application.changed": _shape("application"),
        "entitlement.added": _shape("entitlement"),
        "offer.made": _shape("offer"),
        "offer.withdrawn": _shape("offer"),
        "staff.added": _shape("staff"),
        "staff.bound": _shape("staff"),
        "staff.changed": _shape("staff"),
        "staff.removed": _shape("staff"),
        "staff.role_unknown": _shape("staff"),
        "staff.link_made": _shape("", "staff purpose"),
        "staff.signed_in": _shape("staff", "staff strength"),
        "guest.created": _shape("guest federated_identity"),
        "guest.returned": _shape("guest"),
        "guest.activated": _shape("guest"),
        "guest.suspended": _shape("guest"),
        "guest.resumed": _shape("guest"),
        "guest.removed": _shape("guest"),
        "guest.tombstone_lifted": _shape("guest"),
        "guest.refreshed": _shape("guest federated_identity"),
        "guest.knocked": _shape("guest"),
        "guest.reckoned": _shape("guest"),
        "sponsorship.requested": _shape("sponsorship"),
        "sponsorship.approved": _shape("sponsorship"),
        "sponsorship.extended": _shape("sponsorship"),
        "sponsorship.reviewed": _shape("sponsorship"),
        "sponsorship.review_asked": _shape("sponsorship"),
        "sponsorship.rejected": _shape("sponsorship"),
        "sponsorship.handed_over": _shape("sponsorship"),
        "sponsorship.ended": _shape("sponsorship"),
        "sponsorship.decision_lost": _shape("", "tried decided"),
        "grant.proposed": _shape("grant"),
        "grant.given": _shape("grant"),
        "grant.ended": _shape("grant"),
        "arrival.abandoned": _shape("", "count"),
        "sign_in.succeeded": _shape("", "identity_provider strength"),
        "sign_in.refused": _shape("", "reasons identity_provider"),
        "sign_in.attribute_ignored": _shape("", "claims"),
        "access.refused": _shape("", "path"),
        "refusals.left_out": _shape("", "count"),
        "session.ended": _shape("", "why staff"),
        "address.kept_aside": _shape("guest"),
        "mail.dead": _shape("", "kind"),
        "mail.withdrawn": _shape("", "kind"),
        "mail.sent_again": _shape("", "kind"),
        "mail.encrypted_again": _shape("", "kind"),
        "database.restored": _shape("", "last_event_at providers sessions"),
        "lifecycle.settled_row_failed": _shape("contract", "kind error"),
    }
)


def check(event: Event) -> None:
    """Hold an event against the vocabulary.

    Raises:
        WrongEvent: unknown name, a table it may not set, or other keys than declared.
    """
    shape = VOCABULARY.get(event.name)
    if shape is None:
        raise WrongEvent(f"{event.name} is not in the vocabulary")
    tables = {key.partition(":")[0] for key in (*event.sets, *event.personal)} - {"seen"}
    if not tables <= shape.sets:
        raise WrongEvent(f"{event.name} may not set {sorted(tables - shape.sets)}")
    if set(event.data) != shape.keys:
        raise WrongEvent(f"{event.name} carries {sorted(event.data)}, not {sorted(shape.keys)}")


def plain(value: Any) -> Any:
    """Return *value* as JSON can hold it: UUIDs as text, instants in UTC with Z, dates ISO 8601."""
    if value is None or isinstance(value, (str, int, float)):  # nearly everything
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, (dict, Mapping)):  # a dict is found without asking the ABC
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        items = sorted(value) if isinstance(value, (set, frozenset)) else value
        return [plain(item) for item in items]
    return value


def digest(salt: str, personal: Mapping[str, Any]) -> str:
    """Return the salted digest that stays in the event when the personal rows are erased."""
    text = canonical_json(plain(personal))
    return hashlib.sha256(f"{salt}:{text}".encode()).hexdigest()


def fold(
    events: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]],
) -> dict[str, dict[str, dict[str, Any]]]:
    """Replay events into the rows they describe.

    Args:
        events: (data, personal) of each event, oldest first.

    Returns:
        ``{table: {id: {column: value}}}`` in plain JSON values.
    """
    tables: dict[str, dict[str, dict[str, Any]]] = {}
    for data, personal in events:
        for source in (data.get("sets", {}), personal):
            for key, columns in source.items():
                table, _, row = key.partition(":")
                if row:
                    tables.setdefault(table, {}).setdefault(row, {}).update(columns)
    return tables
