"""Claims may choose among offered entitlements, and among nothing else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class OfferFacts:
    """An entitlement that an organisation's people may be given.

    Attributes:
        id: of the offer.
        entitlement_id: what is offered.
        application_name: of the application it belongs to.
        entitlement_name: of the entitlement.
        is_default: proposed for everybody.
        when_claim: proposed for those whose claim of this name has *when_value*.
        when_value: see *when_claim*.
    """

    id: UUID
    entitlement_id: UUID
    application_name: str
    entitlement_name: str
    is_default: bool
    when_claim: str | None
    when_value: str | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """An offer that is proposed for a person, and whether a claim of theirs chose it."""

    offer: OfferFacts
    by_claim: bool


def claim_says(claims: Mapping[str, object], name: str, value: str) -> bool:
    """Return whether a claim has a value, alone or in a list.

    Args:
        claims: what the provider asserted.
        name: a claim, or a dotted path into one (Keycloak: ``realm_access.roles``); a claim whose
            own name has dots wins over the path.
        value: compared to the letter; JSON's ``true`` is ``"true"``, ``1`` is ``"1"``.
    """
    found: object = claims.get(name)
    if name not in claims:
        found = claims
        for step in name.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
    values = found if isinstance(found, (list, tuple)) else [found]
    return any(_text(item) == value for item in values)


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int)) else None


def proposals(offers: Iterable[OfferFacts], claims: Mapping[str, object]) -> tuple[Proposal, ...]:
    """Return what is proposed for a person: the defaults, and what their claims choose."""
    chosen = []
    for offer in offers:
        if offer.is_default:
            chosen.append(Proposal(offer, by_claim=False))
        elif (
            offer.when_claim is not None
            and offer.when_value is not None
            and claim_says(claims, offer.when_claim, offer.when_value)
        ):
            chosen.append(Proposal(offer, by_claim=True))
    return tuple(chosen)
