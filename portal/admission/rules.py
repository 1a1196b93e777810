"""Admission: may this identity come in? Every reason against it is named."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from portal.admission.identity import VerifiedIdentity, as_text
from portal.guests.rules import Reason, State
from portal.sponsorship.rules import GuestDates
from portal.trust.rules import strong_enough


class Refusal(StrEnum):
    """Why the door stays shut. The audit keeps the code; people read kinder words."""

    PARTNER_STATE = "adm.partner_state"
    IDP_DISABLED = "adm.idp_disabled"
    REQUIRED_CLAIM = "adm.required_claim"
    DOMAIN = "adm.domain"
    HOST_DOMAIN = "adm.host_domain"
    EMAIL_UNVERIFIED = "adm.email_unverified"
    EMAIL_MALFORMED = "input.email"
    ASSURANCE = "oidc.assurance"
    CAP = "adm.cap"
    LATER = "adm.later"
    SUSPENDED = "adm.suspended"
    INACTIVE = "adm.inactive"
    TOMBSTONE = "adm.tombstone"
    EMAIL_CONFLICT = "adm.email_conflict"


class Outcome(StrEnum):
    """What happens at the door."""

    REFUSE = "refuse"
    ARRIVE = "arrive"
    SIGN_IN = "sign_in"


@dataclass(frozen=True, slots=True)
class AdmissionFacts:
    """What the portal knows when an identity stands at the door.

    Attributes:
        known: how the guest of this identity stands once everything due is settled, or nobody.
        aside_until: until when a known guest's foreign address is put up with, null before it
            was first seen.
        address_grace: whether the policy puts up with a foreign address at all.
    """

    organisation_active: bool
    contract_running: bool
    provider_enabled: bool
    provider_of_organisation: bool
    required_claims: Mapping[str, str]
    domains: frozenset[str]
    host_domains: frozenset[str]
    addresses_trusted: bool
    accepted_acr: tuple[str, ...]
    accepted_amr: tuple[str, ...]
    places_taken: int
    most_guests: int
    arrived_last_hour: int
    most_new_per_hour: int
    eligible_sponsors: int
    address_taken: bool
    address_of_staff: bool
    known: GuestDates | None
    aside_until: datetime | None
    address_grace: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """The outcome, and every reason when it is a refusal."""

    outcome: Outcome
    reasons: tuple[Refusal, ...] = ()


def decide(identity: VerifiedIdentity, facts: AdmissionFacts, now: datetime) -> Decision:
    """Say whether this identity may come in, with every reason against it.

    Args:
        identity: verified by its protocol.
        facts: gathered now.
        now: the policy clock, aware.
    """
    known = facts.known
    arriving = known is None or known.state == State.REMOVED
    suspended = known is not None and known.state == State.SUSPENDED
    tired = suspended and known is not None and known.reason == Reason.INACTIVE
    # Kept aside it opens nothing, so it need not be verified either: a rebrand at a provider that
    # sends no email_verified must not lock everybody out (A03).
    borne = (
        not arriving
        and identity.email is not None
        and not domain_in(identity.email, facts.domains)
        and foreign_address_borne(facts, now)
    )
    checks = {
        Refusal.PARTNER_STATE: facts.organisation_active
        and facts.contract_running
        and (not arriving or facts.eligible_sponsors > 0),
        Refusal.IDP_DISABLED: facts.provider_enabled and facts.provider_of_organisation,
        Refusal.REQUIRED_CLAIM: has_required_claims(identity, facts.required_claims),
        Refusal.HOST_DOMAIN: not _is_host_address(identity, facts),
        Refusal.EMAIL_MALFORMED: identity.email is not None or not identity.email_raw,
        # Whose address is not theirs to bring is told that first: verifying it would not help.
        Refusal.DOMAIN: identity.email is None or domain_in(identity.email, facts.domains) or borne,
        Refusal.EMAIL_UNVERIFIED: borne or address_good_enough(identity, facts),
        Refusal.ASSURANCE: strong_enough(
            identity.acr, identity.amr, facts.accepted_acr, facts.accepted_amr
        ),
        Refusal.SUSPENDED: not suspended or tired,
        Refusal.INACTIVE: not suspended or not tired,
        Refusal.TOMBSTONE: known is None or not known.tombstone,
        Refusal.EMAIL_CONFLICT: not arriving or not facts.address_taken,
        Refusal.CAP: not arriving or facts.places_taken < facts.most_guests,
        Refusal.LATER: not arriving or facts.arrived_last_hour < facts.most_new_per_hour,
    }
    if reasons := tuple(reason for reason, holds in checks.items() if not holds):
        return Decision(Outcome.REFUSE, reasons)
    return Decision(Outcome.ARRIVE if arriving else Outcome.SIGN_IN)


def has_required_claims(identity: VerifiedIdentity, required: Mapping[str, str]) -> bool:
    """Say whether every required claim is there with exactly its value, as an admin can write it.

    A tenant id is a UUID, which is the same in either letter case (RFC 9562, section 4).
    """
    said = {claim: as_text(identity.claims.get(claim)) for claim in required}
    return all(
        said[claim] == value or (claim == "tid" and (said[claim] or "").lower() == value.lower())
        for claim, value in required.items()
    )


def domain_in(email: str | None, domains: frozenset[str]) -> bool:
    """Say whether an address is in one of the domains, compared exactly: no sub-domain counts."""
    return email is not None and email.rpartition("@")[2] in domains


def address_good_enough(identity: VerifiedIdentity, facts: AdmissionFacts) -> bool:
    """Say whether an address counts: verified, or trusted within the organisation's domains."""
    if identity.email is None:
        return False
    return identity.email_verified or (
        facts.addresses_trusted and domain_in(identity.email, facts.domains)
    )


def foreign_address_borne(facts: AdmissionFacts, now: datetime) -> bool:
    """Say whether a known guest's address outside the domains is still put up with (A03)."""
    if facts.aside_until is not None:
        return now < facts.aside_until
    return facts.address_grace


def _is_host_address(identity: VerifiedIdentity, facts: AdmissionFacts) -> bool:
    return facts.address_of_staff or domain_in(identity.email, facts.host_domains)
