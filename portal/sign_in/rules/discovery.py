"""Read a discovery document: addresses that may be used, and what the provider says it can do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from portal.sign_in.rules.reasons import Failure, SignInReason
from portal.trust.rules.issuer import is_loopback

MOST_ADDRESS_CHARACTERS: Final = 2048
MOST_VALUES: Final = 500
# What is kept of a document between fetches.
USED: Final = (
    "issuer",
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "userinfo_endpoint",
    "authorization_response_iss_parameter_supported",
    "claims_parameter_supported",
    "response_types_supported",
    "grant_types_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
    "token_endpoint_auth_methods_supported",
    "code_challenge_methods_supported",
    "scopes_supported",
    "acr_values_supported",
)


@dataclass(frozen=True, slots=True)
class Metadata:
    """A provider's discovery document, as far as it is used (OpenID Connect Discovery 1.0, 3).

    Lists that the provider does not send are ``None``: it did not say.
    """

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    iss_promised: bool  # RFC 9207: every answer has iss
    claims_parameter: bool
    response_types: tuple[str, ...] | None
    grant_types: tuple[str, ...] | None
    algorithms: tuple[str, ...] | None
    client_auths: tuple[str, ...] | None
    challenge_methods: tuple[str, ...] | None
    scopes: tuple[str, ...] | None
    acr_values: tuple[str, ...] | None
    subject_types: tuple[str, ...] | None

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the hosts of all its addresses; pinned when the connection is tested."""
        addresses = (
            self.authorization_endpoint,
            self.token_endpoint,
            self.jwks_uri,
            self.userinfo_endpoint,
        )
        return tuple(sorted({urlsplit(one).netloc.lower() for one in addresses if one}))


def discovery_address(issuer: str) -> str:
    """Return where an issuer publishes its discovery document (Discovery 4.1)."""
    return issuer.removesuffix("/") + "/.well-known/openid-configuration"


def read_metadata(document: object, issuer: str, *, development: bool) -> Metadata | Failure:
    """Read a discovery document.

    Args:
        document: parsed JSON.
        issuer: the configured one: the document must name it to the letter (Discovery 4.3).
        development: whether http on loopback is allowed.
    """
    if not isinstance(document, dict):
        return Failure(SignInReason.METADATA, "the discovery document is not a JSON object")
    named = document.get("issuer")
    if named is None:
        return Failure(SignInReason.METADATA, "the discovery document names no issuer")
    if named != issuer:
        return Failure(
            SignInReason.METADATA, f"the discovery document names another issuer: {_shown(named)}"
        )
    addresses: dict[str, str] = {}
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
        address = document.get(name)
        if address is None and name == "userinfo_endpoint":
            continue
        if not isinstance(address, str) or not _usable(address, development=development):
            return Failure(
                SignInReason.METADATA, f"the discovery document has no usable {name} (https)"
            )
        addresses[name] = address
    return Metadata(
        issuer=issuer,
        authorization_endpoint=addresses["authorization_endpoint"],
        token_endpoint=addresses["token_endpoint"],
        jwks_uri=addresses["jwks_uri"],
        userinfo_endpoint=addresses.get("userinfo_endpoint"),
        iss_promised=document.get("authorization_response_iss_parameter_supported") is True,
        claims_parameter=document.get("claims_parameter_supported") is True,
        response_types=_words(document, "response_types_supported"),
        grant_types=_words(document, "grant_types_supported"),
        algorithms=_words(document, "id_token_signing_alg_values_supported"),
        client_auths=_words(document, "token_endpoint_auth_methods_supported"),
        challenge_methods=_words(document, "code_challenge_methods_supported"),
        scopes=_words(document, "scopes_supported"),
        acr_values=_words(document, "acr_values_supported"),
        subject_types=_words(document, "subject_types_supported"),
    )


def check_hosts(metadata: Metadata, pinned: tuple[str, ...]) -> Failure | None:
    """Return a failure when an address moved to a host that was not there when tested (F05)."""
    moved = moved_hosts(metadata, pinned)
    if not moved:
        return None
    where = ", ".join(moved)
    return Failure(
        SignInReason.NET_ORIGIN,
        f"the provider's addresses moved to {where}: if that is right, test it again",
    )


def moved_hosts(metadata: Metadata, pinned: tuple[str, ...]) -> tuple[str, ...]:
    """Return the hosts that were not there when it was tested; none pinned, none compared."""
    return tuple(one for one in metadata.hosts if one not in pinned) if pinned else ()


def _usable(address: str, *, development: bool) -> bool:
    """Return whether an address may be used: https, or http on loopback in development."""
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").lower()
        _ = parts.port
    except ValueError:
        return False
    plain = development and parts.scheme == "http" and is_loopback(host)
    return (
        (parts.scheme == "https" or plain)
        and bool(host)
        and parts.username is None
        and parts.password is None
        and "#" not in address
        and len(address) <= MOST_ADDRESS_CHARACTERS
        and address.isascii()
        and address.isprintable()
        and not {" ", "\\"} & set(address)  # browsers read \ as /, and end the host there
    )


def _words(document: Mapping[str, object], name: str) -> tuple[str, ...] | None:
    values = document.get(name)
    if not isinstance(values, list):
        return None
    words = (one for one in values[:MOST_VALUES] if isinstance(one, str))
    return tuple(word for word in words if word.isprintable())  # they are shown at a terminal too


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else "something that is not text"
    return "".join(char if char.isprintable() else "?" for char in text[:200])
