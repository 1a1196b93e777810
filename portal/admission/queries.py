"""What the portal knows of an identity that stands at the door."""

import json
from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal.admission.identity import VerifiedIdentity
from portal.admission.models import Arrival
from portal.admission.rules import AdmissionFacts
from portal.foundation.crypto import Undecryptable, decrypt, encrypt, hash_token
from portal.foundation.text import canonical_json
from portal.guests.queries import HOUR, GuestRow, address_taken, arrivals_since
from portal.guests.rules import State
from portal.sponsorship.changes.settling import dates_of
from portal.sponsorship.queries import open_requests
from portal.sponsorship.rules import Candidate, GuestDates
from portal.staff.models import Staff
from portal.trust.models import IdentityProvider, Organisation
from portal.trust.queries import (
    EligibleSponsor,
    ProviderRow,
    domains,
    eligible_sponsors,
    policy_for,
    running_contract,
)
from portal.trust.rules import ContractFacts, EffectivePolicy


@dataclass(frozen=True, slots=True)
class Door:
    """Everything known at the door: the facts of the decision, and what carrying it out needs."""

    facts: AdmissionFacts
    policy: EffectivePolicy
    contract: ContractFacts | None
    sponsors: tuple[EligibleSponsor, ...]


def gather(
    session: Session,
    identity: VerifiedIdentity,
    provider: ProviderRow,
    guest: GuestRow | None,
    host_domains: frozenset[str],
    now: datetime,
) -> Door:
    """Read what the decision depends on.

    Args:
        session: inside the transaction that will carry the decision out.
        identity: who stands at the door.
        provider: through which they came.
        guest: whom this identity signs in as, settled and locked; null for nobody.
        host_domains: the host's own domains, canonical.
        now: the policy clock.
    """
    organisation_id = provider.organisation_id
    arriving = guest is None or guest.state == State.REMOVED
    policy = policy_for(session, organisation_id)
    contract = running_contract(session, organisation_id, now)
    sponsors = tuple(eligible_sponsors(session, organisation_id)) if arriving else ()
    # The provider's state is read again here: the conversation with it may have taken seconds.
    state, places, provider_state = session.execute(
        select(
            Organisation.state,
            Organisation.seats + Organisation.waiting,
            IdentityProvider.state,
        )
        .join(IdentityProvider, IdentityProvider.organisation_id == Organisation.id)
        .where(Organisation.id == organisation_id, IdentityProvider.id == provider.id)
    ).one()
    known: GuestDates | None = dates_of(guest) if guest else None
    email = identity.email
    taken = bool(arriving and email and address_taken(session, email, guest.id if guest else None))
    facts = AdmissionFacts(
        organisation_active=state == "active",
        contract_running=contract is not None,
        provider_enabled=provider_state == "enabled",
        provider_of_organisation=identity.organisation_id == organisation_id,
        required_claims=provider.required_claims,
        domains=domains(session, organisation_id),
        host_domains=host_domains,
        addresses_trusted=provider.addresses == "trusted",
        accepted_acr=provider.accepted_acr,
        accepted_amr=provider.accepted_amr,
        places_taken=places,
        most_guests=policy.most_guests,
        arrived_last_hour=(
            arrivals_since(session, organisation_id, now - HOUR, policy.most_new_per_hour)
            if arriving
            else 0
        ),
        most_new_per_hour=policy.most_new_per_hour,
        eligible_sponsors=len(sponsors),
        address_taken=taken,
        address_of_staff=bool(email and _staff_has(session, email)),
        known=known,
        aside_until=guest.aside_until if guest else None,
        address_grace=policy.address_days > 0,
    )
    return Door(facts, policy, contract, sponsors)


def _staff_has(session: Session, email: str) -> bool:
    query = select(Staff.id).where(Staff.email == email, Staff.state == "active")
    return session.execute(query.limit(1)).first() is not None


def candidates(
    session: Session, sponsors: tuple[EligibleSponsor, ...], now: datetime
) -> list[Candidate]:
    """Return the sponsors with how much waits for each."""
    waiting = open_requests(session, [one.staff_id for one in sponsors], now)
    return [
        Candidate(one.staff_id, one.role, one.lead, waiting.get(one.staff_id, 0))
        for one in sponsors
    ]


def sealed(identity: VerifiedIdentity) -> str:
    """Return an identity as an arrival keeps it: encrypted, for thirty minutes at most."""
    plain = {
        **{field.name: getattr(identity, field.name) for field in fields(identity)},
        "organisation_id": str(identity.organisation_id),
        "identity_provider_id": str(identity.identity_provider_id),
        "profile": dict(identity.profile),
        "claims": dict(identity.claims),
        "authenticated_at": (
            identity.authenticated_at.isoformat() if identity.authenticated_at else None
        ),
    }
    return encrypt(canonical_json(plain))


def unsealed(text: str) -> VerifiedIdentity:
    """Return the identity that an arrival keeps."""
    plain = json.loads(decrypt(text))
    at = plain["authenticated_at"]
    return VerifiedIdentity(
        **{
            **plain,
            "organisation_id": UUID(plain["organisation_id"]),
            "identity_provider_id": UUID(plain["identity_provider_id"]),
            "amr": tuple(plain["amr"]),
            "authenticated_at": datetime.fromisoformat(at) if at else None,
        }
    )


@dataclass(frozen=True, slots=True)
class OpenArrival:
    """An arrival that may still be accepted."""

    id: UUID
    organisation_id: UUID
    identity_provider_id: UUID
    identity: VerifiedIdentity
    next_url: str | None
    expires_at: datetime


def open_arrival(session: Session, token: str, now: datetime) -> OpenArrival | None:
    """Return the arrival of this browser, unless it is used or over."""
    row = session.execute(
        select(
            Arrival.id,
            Arrival.organisation_id,
            Arrival.identity_provider_id,
            Arrival.identity,
            Arrival.next_url,
            Arrival.expires_at,
        ).where(
            Arrival.token_hash == hash_token(token),
            Arrival.used_at.is_(None),
            Arrival.expires_at > now,
        )
    ).first()
    if row is None:
        return None
    key, organisation_id, provider_id, identity, next_url, expires_at = row
    try:
        known = unsealed(identity)
    except Undecryptable:  # its key is gone from the settings: the person signs in once more
        return None
    return OpenArrival(key, organisation_id, provider_id, known, next_url, expires_at)


def count_expired(session: Session, now: datetime) -> int:
    """Count the arrivals past their life, which the next sweep deletes."""
    query = select(func.count()).select_from(Arrival).where(Arrival.expires_at <= now)
    return session.scalar(query) or 0
