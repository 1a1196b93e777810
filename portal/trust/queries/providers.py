"""Identity providers, with what else the conversation and the door need of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from portal.foundation.crypto import decrypt
from portal.trust.models import IdentityProvider, Offer, Organisation
from portal.trust.queries.policies import policies_for


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """A partner's identity provider with all that the conversation and the door need of it.

    Attributes:
        secret: the client secret as it is stored; ``client_secret`` opens it.
        accepted_acr: of the organisation's policy, unless an admin attests the strength.
        accepted_amr: the same.
        wanted_claims: claims that standing offers decide by.
    """

    id: UUID
    organisation_id: UUID
    organisation_slug: str
    organisation_name: str
    organisation_state: str
    slug: str
    name: str
    state: str
    issuer: str
    client_id: str
    secret: str = field(repr=False)
    client_auth: str
    scopes: tuple[str, ...]
    claim_map: Mapping[str, str]
    subject_claim: str
    required_claims: Mapping[str, str]
    addresses: str
    tested_at: datetime | None
    findings: Any
    strength_attested_at: datetime | None
    trial_at: datetime | None
    trial: Any
    created_at: datetime
    accepted_acr: tuple[str, ...] = ()
    accepted_amr: tuple[str, ...] = ()
    wanted_claims: tuple[str, ...] = ()

    @property
    def client_secret(self) -> str:
        """The client secret, decrypted; never shown, logged or represented."""
        return decrypt(self.secret)

    @property
    def endpoint_hosts(self) -> tuple[str, ...]:
        """Hosts that the last connection test saw; an endpoint elsewhere waits for another test."""
        found = self.findings.get("hosts") if isinstance(self.findings, Mapping) else None
        return tuple(found) if isinstance(found, (list, tuple)) else ()

    @property
    def sign_in_path(self) -> str:
        """The path of the organisation's own link to this provider."""
        return f"/sign-in/{self.organisation_slug}/{self.slug}"

    @property
    def callback_path(self) -> str:
        """The path of its one redirect URI."""
        return f"{self.sign_in_path}/callback"


def connection_for(session: Session, org_slug: str, idp_slug: str) -> ProviderRow | None:
    """Return an identity provider by its address, whatever its state."""
    found = _providers(
        session, and_(Organisation.slug == org_slug, IdentityProvider.slug == idp_slug)
    )
    return found[0] if found else None


def provider_by_id(session: Session, provider_id: UUID) -> ProviderRow | None:
    """Return the identity provider of this id, whatever its state."""
    found = _providers(session, IdentityProvider.id == provider_id)
    return found[0] if found else None


def providers(session: Session, organisation_id: UUID | None = None) -> list[ProviderRow]:
    """Return the identity providers of an organisation, or of all, by organisation and slug."""
    return _providers(
        session,
        None if organisation_id is None else IdentityProvider.organisation_id == organisation_id,
    )


def enabled_providers(session: Session, organisation_id: UUID) -> list[ProviderRow]:
    """Return the identity providers through which an organisation's people may come."""
    return _providers(
        session,
        and_(
            IdentityProvider.organisation_id == organisation_id, IdentityProvider.state == "enabled"
        ),
    )


def _providers(session: Session, which: ColumnElement[bool] | None) -> list[ProviderRow]:
    query = (
        select(IdentityProvider, Organisation.slug, Organisation.name, Organisation.state)
        .join(Organisation, Organisation.id == IdentityProvider.organisation_id)
        .order_by(Organisation.slug, IdentityProvider.slug)
    )
    found = session.execute(query if which is None else query.where(which)).all()
    if not found:
        return []
    ids = {row.organisation_id for row, *_ in found}
    policies = policies_for(session, ids)
    wanted = _wanted_claims(session, ids)
    return [
        ProviderRow(
            id=row.id,
            organisation_id=row.organisation_id,
            organisation_slug=org_slug,
            organisation_name=org_name,
            organisation_state=org_state,
            slug=row.slug,
            name=row.name,
            state=row.state,
            issuer=row.issuer,
            client_id=row.client_id,
            secret=row.client_secret,
            client_auth=row.client_auth,
            scopes=tuple(row.scopes),
            claim_map=row.claim_map,
            subject_claim=row.subject_claim,
            required_claims=row.required_claims,
            addresses=row.addresses,
            tested_at=row.tested_at,
            findings=row.findings,
            strength_attested_at=row.strength_attested_at,
            trial_at=row.trial_at,
            trial=row.trial,
            created_at=row.created_at,
            accepted_acr=_demand(row, policies[row.organisation_id].accepted_acr),
            accepted_amr=_demand(row, policies[row.organisation_id].accepted_amr),
            wanted_claims=wanted.get(row.organisation_id, ()),
        )
        for row, org_slug, org_name, org_state in found
    ]


def _demand(row: IdentityProvider, accepted: tuple[str, ...]) -> tuple[str, ...]:
    """Return what must be asserted; nothing where an admin attests that the partner enforces it."""
    return () if row.strength_attested_at is not None else accepted


def _wanted_claims(session: Session, ids: set[UUID]) -> dict[UUID, tuple[str, ...]]:
    rows = session.execute(
        select(Offer.organisation_id, Offer.when_claim)
        .where(
            Offer.organisation_id.in_(ids),
            Offer.withdrawn_at.is_(None),
            Offer.when_claim.is_not(None),
        )
        .distinct()
        .order_by(Offer.when_claim)
    )
    wanted: dict[UUID, tuple[str, ...]] = {}
    for organisation_id, claim in rows:
        wanted[organisation_id] = (*wanted.get(organisation_id, ()), str(claim))
    return wanted
