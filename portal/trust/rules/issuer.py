"""Which issuers may be trusted, and whose people they serve."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import SplitResult, urlsplit

from portal.foundation.addresses import Blocked, Owner, Rules
from portal.foundation.refused import Refused

# Issuers that serve everybody, with the claim that says whose person it is (None: any claim).
SHARED_ISSUERS: Final[Mapping[str, str | None]] = MappingProxyType(
    {
        "accounts.google.com": "hd",
        "appleid.apple.com": None,
        "gitlab.com": None,
        "login.salesforce.com": "organization_id",
        "slack.com": "https://slack.com/team_id",
        "www.facebook.com": None,
        "www.linkedin.com": None,
        "api.login.yahoo.com": None,
    }
)
ENTRA_HOSTS: Final = frozenset(
    {
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
        "login.microsoft.com",
        "login.windows.net",
        "sts.windows.net",
    }
)
_ENTRA_PERSONAL: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"  # everybody's private account
_TENANT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
MOST_ISSUER: Final = 2048
_DISCOVERY: Final = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class House:
    """What the settings say that trust must respect.

    Attributes:
        host_domains: e-mail domains of the host's own people.
        development: whether http on loopback is allowed.
        private_hosts: ``name`` or ``name:port`` that may be fetched from on private networks.
    """

    host_domains: frozenset[str] = frozenset()
    development: bool = False
    private_hosts: frozenset[str] = frozenset()


def check_issuer(text: str, house: House) -> str:
    """Return an issuer fit to be pinned; it is kept and compared to the letter.

    Raises:
        Refused: not an https address of a public host, or shared by many tenants.
    """
    issuer = text.strip()
    parts, host = _address(issuer)
    allowed = (house.development and is_loopback(host)) or bool(
        {host, parts.netloc.lower()} & house.private_hosts
    )
    if parts.scheme != "https" and not (house.development and is_loopback(host)):
        raise Refused("issuer", "Enter an issuer that begins with https://")
    if "@" in parts.netloc:
        raise Refused("issuer", "Enter the issuer without a user name or password")
    if "?" in issuer or "#" in issuer:
        raise Refused("issuer", "Enter the issuer without ? or #")
    if issuer.rstrip("/").endswith(_DISCOVERY):
        raise Refused("issuer", f"Enter the issuer alone, without {_DISCOVERY}")
    if not allowed:
        _require_public(host)
    try:  # what would be refused at each fetch is no issuer either
        Rules(house.private_hosts, development=house.development).target(issuer, Owner.PARTNER)
    except Blocked as fault:
        raise Refused("issuer", f"Nothing is fetched from this address: {fault}") from None
    _refuse_many_tenants(parts, host)
    return issuer


def _address(issuer: str) -> tuple[SplitResult, str]:
    """Return the parts of an address and its host, in lower case."""
    unreadable = Refused("issuer", "Enter an address, like https://id.acme.example")
    printable = issuer.isascii() and issuer.isprintable() and not set(issuer) & set(' \\"<>^`|')
    if not printable or len(issuer) > MOST_ISSUER:
        raise unreadable
    try:
        parts = urlsplit(issuer)
        readable = parts.port is None or parts.port > 0
    except ValueError:
        raise unreadable from None
    host = parts.hostname
    if not readable or parts.scheme not in {"http", "https"} or not host:
        raise unreadable
    return parts, host


def _require_public(host: str) -> None:
    literal = _literal(host)
    if literal is not None:
        if not literal.is_global or literal.is_multicast:
            raise Refused("issuer", "Enter a public host: this address is on a private network")
        return
    last_label = host.rpartition(".")[2]
    local = last_label in {"localhost", "local", "internal"} or "." not in host
    # Resolvers read 127.1, 0x7f000001 and the like as addresses.
    if local or not _HOST.fullmatch(host) or last_label[:1].isdigit():
        raise Refused("issuer", "Enter a public host name, like https://id.acme.example")


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(literal, ipaddress.IPv6Address) and literal.ipv4_mapped:
        return literal.ipv4_mapped
    return literal


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, by name or by address."""
    literal = _literal(host)
    if literal is not None:
        return literal.is_loopback
    return host == "localhost" or host.endswith(".localhost")


def _refuse_many_tenants(parts: SplitResult, host: str) -> None:
    if host not in ENTRA_HOSTS:
        return
    tenant = entra_tenant(parts.geturl())
    if tenant is None:
        raise Refused(
            "issuer",
            "This address serves every tenant: enter the issuer of the organisation's own tenant, "
            "with its tenant id, like https://login.microsoftonline.com/TENANT-ID/v2.0",
        )
    if tenant == _ENTRA_PERSONAL:
        raise Refused("issuer", "This is the issuer of personal accounts: anybody can have one")


def entra_tenant(issuer: str) -> str | None:
    """Return the tenant id in an issuer of Microsoft Entra; ``None``: another product, or none."""
    parts = urlsplit(issuer)
    first = parts.path.strip("/").partition("/")[0]
    entra = parts.hostname in ENTRA_HOSTS
    return first.lower() if entra and _TENANT.fullmatch(first) else None


def require_owner(issuer: str, required: Mapping[str, str]) -> None:
    """Demand the claim that says whose person it is, where an issuer serves everybody.

    Raises:
        Refused: the claim is not required.
    """
    host = urlsplit(issuer).hostname
    if host is None or host not in SHARED_ISSUERS:
        return
    claim = SHARED_ISSUERS[host]
    if (not required) if claim is None else (claim not in required):
        raise Refused(
            "required_claims",
            f"Anybody can have an account at {host}: require {claim or 'CLAIM'}=VALUE, "
            "or everybody could come in",
        )


def is_pairwise(issuer: str, subject_claim: str, subject_types: Sequence[str]) -> bool:
    """Return whether the subject may depend on the client id (OIDC Core 1.0, section 8).

    Args:
        issuer: of the provider.
        subject_claim: only ``sub`` is ever pairwise; Entra's always is.
        subject_types: ``subject_types_supported`` of its discovery document, if known.
    """
    if subject_claim != "sub":
        return False
    return entra_tenant(issuer) is not None or "pairwise" in subject_types
