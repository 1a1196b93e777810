"""Identity providers, with what else the conversation and the door need of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, bindparam, select

from portal.foundation.crypto import decrypt_often
from portal.foundation.db import Reader, table_of
from portal.foundation.packed import packed, packed_rows
from portal.trust.models import IdentityProvider, Offer, Organisation
from portal.trust.queries.policies import POLICY_COLUMN, policy_of, with_policy
from portal.trust.rules import EffectivePolicy


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """A partner's identity provider with all that the conversation and the door need of it.

    Attributes:
        secret: the client secret as it is stored; ``client_secret`` opens it.
        wanted_claims: claims that standing offers decide by.
        policy: the one that counted for the organisation when this was read.
    """

    organisation_slug: str
    organisation_name: str
    id: UUID
    organisation_id: UUID
    slug: str
    name: str
    state: str
    issuer: str
    client_id: str
    secret: str = field(repr=False)
    client_auth: str
    scopes: Sequence[str]
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
    wanted_claims: tuple[str, ...]
    policy: EffectivePolicy

    @property
    def accepted_acr(self) -> tuple[str, ...]:
        """What ``acr`` is strong enough; nothing where an admin attests that the partner asks."""
        return () if self.strength_attested_at is not None else self.policy.accepted_acr

    @property
    def accepted_amr(self) -> tuple[str, ...]:
        """The same of ``amr``."""
        return () if self.strength_attested_at is not None else self.policy.accepted_amr

    @property
    def client_secret(self) -> str:
        """The client secret, decrypted; never shown, logged or represented."""
        return decrypt_often(self.secret)

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


_PROVIDER, _ORGANISATION = table_of(IdentityProvider), table_of(Organisation)
_OFFER = table_of(Offer)
_OF_ORGANISATION = ("slug", "name")
_OF_PROVIDER = (
    "id", "organisation_id", "slug", "name", "state", "issuer", "client_id", "client_secret",
    "client_auth", "scopes", "claim_map", "subject_claim", "required_claims", "addresses",
    "tested_at", "findings", "strength_attested_at", "trial_at", "trial", "created_at",
)  # fmt: skip
_WANTED = packed_rows(
    select(_OFFER.c.when_claim)
    .where(
        _OFFER.c.organisation_id == _PROVIDER.c.organisation_id,
        _OFFER.c.withdrawn_at.is_(None),
        _OFFER.c.when_claim.is_not(None),
    )
    .distinct()
    .correlate(_PROVIDER)
)
PROVIDER_COLUMN: ColumnElement[Any] = packed(
    *(_ORGANISATION.c[name] for name in _OF_ORGANISATION),
    *(_PROVIDER.c[name] for name in _OF_PROVIDER),
    _WANTED,
    POLICY_COLUMN,
)
PROVIDERS = _PROVIDER.join(_ORGANISATION, _ORGANISATION.c.id == _PROVIDER.c.organisation_id)
PROVIDERS_FROM = with_policy(PROVIDERS, _PROVIDER.c.organisation_id)
AT_ADDRESS = (
    _ORGANISATION.c.slug == bindparam("organisation_slug", type_=String),
    _PROVIDER.c.slug == bindparam("provider_slug", type_=String),
)
PROVIDER_ID = _PROVIDER.c.id
ENABLED: ColumnElement[bool] = _PROVIDER.c.state == "enabled"

_PROVIDERS = (
    select(PROVIDER_COLUMN)
    .select_from(PROVIDERS_FROM)
    .order_by(_ORGANISATION.c.slug, _PROVIDER.c.slug)
)
_BY_ADDRESS = _PROVIDERS.where(*AT_ADDRESS)
_BY_ID = _PROVIDERS.where(_PROVIDER.c.id == bindparam("provider"))
_OF = _PROVIDERS.where(_PROVIDER.c.organisation_id == bindparam("organisation"))
_ENABLED = _OF.where(ENABLED)


def connection_for(session: Reader, org_slug: str, idp_slug: str) -> ProviderRow | None:
    """Return an identity provider by its address, whatever its state."""
    at = {"organisation_slug": org_slug, "provider_slug": idp_slug}
    return next(iter(_read(session, _BY_ADDRESS, at)), None)


def provider_by_id(session: Reader, provider_id: UUID) -> ProviderRow | None:
    """Return the identity provider of this id, whatever its state."""
    return next(iter(_read(session, _BY_ID, {"provider": provider_id})), None)


def providers(session: Reader, organisation_id: UUID | None = None) -> list[ProviderRow]:
    """Return the identity providers of an organisation, or of all, by organisation and slug."""
    if organisation_id is None:
        return _read(session, _PROVIDERS, {})
    return _read(session, _OF, {"organisation": organisation_id})


def enabled_providers(session: Reader, organisation_id: UUID) -> list[ProviderRow]:
    """Return the identity providers through which an organisation's people may come."""
    return _read(session, _ENABLED, {"organisation": organisation_id})


def _read(
    session: Reader, query: Select[*tuple[Any, ...]], values: Mapping[str, object]
) -> list[ProviderRow]:
    return [provider_of(one) for one in session.scalars(query, values)]


def provider_of(values: Sequence[Any]) -> ProviderRow:
    """Return the provider of a row's ``PROVIDER_COLUMN``."""
    *own, wanted, policy = values
    claims = tuple(sorted(claim for (claim,) in wanted))
    return ProviderRow(*(*own, claims, policy_of(policy)))
