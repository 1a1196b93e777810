"""One relation to an identity provider: a partner's from its row, the host's from settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Protocol
from uuid import UUID

from portal.trust.rules import DEFAULT_CLAIMS, DEFAULT_SCOPES

if TYPE_CHECKING:
    from portal.foundation.settings import Settings

ClientAuth = Literal["client_secret_basic", "client_secret_post"]
Addresses = Literal["verified", "trusted"]


@dataclass(frozen=True, slots=True)
class Connection:
    """Everything the conversation needs to know of one identity provider.

    Attributes:
        id: row of the identity provider; ``None`` for the host's own, which is in the settings.
        organisation_id: whose it is; ``None`` for the host.
        organisation_slug: as in the addresses; empty for the host.
        slug: as in the addresses; empty for the host.
        name: what people call it.
        issuer: pinned, compared to the letter.
        client_id: of the portal at this provider.
        client_secret: decrypted; never shown, logged or represented.
        client_auth: how the portal proves itself at the token endpoint.
        scopes: asked for; ``openid`` is always among them.
        claim_map: field of the portal to claim of the provider.
        subject_claim: which claim knows the person: ``sub``, or ``oid`` with a pinned ``tid``.
        required_claims: demanded of everybody (the admission decision refuses without them).
        addresses: whether an e-mail address counts only when ``verified`` or is ``trusted``.
        accepted_acr: authentication context classes that are strong enough; none: no demand.
        accepted_amr: methods that are strong enough; any one of either list suffices.
        wanted_claims: further claims that somebody decides by (offers, roles): UserInfo is asked
            when the ID token lacks one.
        endpoint_hosts: hosts seen when the connection was tested; an endpoint elsewhere is refused
            until an admin tests again. Empty: any.
    """

    id: UUID | None
    organisation_id: UUID | None
    organisation_slug: str
    slug: str
    name: str
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    client_auth: ClientAuth = "client_secret_basic"
    scopes: tuple[str, ...] = DEFAULT_SCOPES
    claim_map: Mapping[str, str] = field(default_factory=lambda: DEFAULT_CLAIMS)
    subject_claim: str = "sub"
    required_claims: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    addresses: Addresses = "verified"
    accepted_acr: tuple[str, ...] = ()
    accepted_amr: tuple[str, ...] = ()
    wanted_claims: tuple[str, ...] = ()
    endpoint_hosts: tuple[str, ...] = ()

    @property
    def is_host(self) -> bool:
        """Return whether this is the host's own provider, for employees."""
        return self.organisation_id is None

    @property
    def callback_path(self) -> str:
        """Return the path of the one redirect URI of this provider (RFC 9700, 4.4.2.2)."""
        if self.is_host:
            return "/staff/sign-in/callback"
        return f"/sign-in/{self.organisation_slug}/{self.slug}/callback"

    def redirect_uri(self, public_url: str) -> str:
        """Return the redirect URI to give to the provider's admin, from the configured address."""
        return public_url.rstrip("/") + self.callback_path


class ProviderFacts(Protocol):
    """What the room ``trust`` tells of a partner's identity provider, secret decrypted."""

    @property
    def id(self) -> UUID: ...  # noqa: D102
    @property
    def organisation_id(self) -> UUID: ...  # noqa: D102
    @property
    def organisation_slug(self) -> str: ...  # noqa: D102
    @property
    def slug(self) -> str: ...  # noqa: D102
    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def issuer(self) -> str: ...  # noqa: D102
    @property
    def client_id(self) -> str: ...  # noqa: D102
    @property
    def client_secret(self) -> str: ...  # noqa: D102
    @property
    def client_auth(self) -> str: ...  # noqa: D102
    @property
    def scopes(self) -> Sequence[str]: ...  # noqa: D102
    @property
    def claim_map(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def subject_claim(self) -> str: ...  # noqa: D102
    @property
    def required_claims(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def addresses(self) -> str: ...  # noqa: D102
    @property
    def accepted_acr(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def accepted_amr(self) -> tuple[str, ...]: ...  # noqa: D102


def partner_connection(
    facts: ProviderFacts,
    *,
    wanted_claims: tuple[str, ...] = (),
    endpoint_hosts: tuple[str, ...] = (),
) -> Connection:
    """Return the connection to a partner's identity provider."""
    return Connection(
        id=facts.id,
        organisation_id=facts.organisation_id,
        organisation_slug=facts.organisation_slug,
        slug=facts.slug,
        name=facts.name,
        issuer=facts.issuer,
        client_id=facts.client_id,
        client_secret=facts.client_secret,
        client_auth=(
            "client_secret_post"
            if facts.client_auth == "client_secret_post"
            else "client_secret_basic"
        ),
        scopes=with_openid(facts.scopes),
        claim_map=MappingProxyType(dict(facts.claim_map)),
        subject_claim=facts.subject_claim,
        required_claims=MappingProxyType(dict(facts.required_claims)),
        addresses="trusted" if facts.addresses == "trusted" else "verified",
        accepted_acr=tuple(facts.accepted_acr),
        accepted_amr=tuple(facts.accepted_amr),
        wanted_claims=wanted_claims,
        endpoint_hosts=endpoint_hosts,
    )


def with_openid(scopes: Sequence[str]) -> tuple[str, ...]:
    """Return the scopes with ``openid`` among them: without it there is no ID token."""
    return tuple(scopes) if "openid" in scopes else ("openid", *scopes)


def host_connection(settings: "Settings") -> Connection | None:
    """Return the connection to the host's own provider; ``None`` when none is configured."""
    if not settings.host_oidc_issuer:
        return None
    role_claim = settings.host_oidc_role_claim
    return Connection(
        id=None,
        organisation_id=None,
        organisation_slug="",
        slug="",
        name=settings.host_name,
        issuer=settings.host_oidc_issuer,
        client_id=settings.host_oidc_client_id,
        client_secret=settings.host_oidc_client_secret,
        addresses="trusted",
        accepted_acr=tuple(settings.host_oidc_accepted_acr),
        accepted_amr=tuple(settings.host_oidc_accepted_amr),
        wanted_claims=(role_claim,) if role_claim else (),
    )
