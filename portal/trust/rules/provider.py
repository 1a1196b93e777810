"""What may be configured as a partner's identity provider."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from portal.foundation.refused import Refused

CLIENT_AUTHS: Final = ("client_secret_basic", "client_secret_post")
ADDRESSES: Final = ("verified", "trusted")
DEFAULT_SCOPES: Final = ("openid", "email", "profile")
PROFILE_FIELDS: Final = (
    "email",
    "name",
    "given_name",
    "family_name",
    "department",
    "phone",
)
DEFAULT_CLAIMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "email": "email",
        "name": "name",
        "given_name": "given_name",
        "family_name": "family_name",
        "department": "department",
    }
)
# A provider may give these to somebody else one day: they name an account, not a person.
REUSED_CLAIMS: Final = frozenset(
    {
        "email",
        "preferred_username",
        "upn",
        "unique_name",
        "name",
        "nickname",
        "given_name",
        "family_name",
        "phone_number",
    }
)
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
_CLAIM = re.compile(r"[\x21-\x7e]{1,100}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")  # RFC 6749, 3.3
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
MOST_ISSUER: Final = 2048
MOST_VALUES: Final = 20
_DISCOVERY: Final = "/.well-known/openid-configuration"
_PLANNED: Final = "Plan it as a move: add a second identity provider beside this one"


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
    parts = _address(issuer)
    host = (parts.hostname or "").lower()
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
    _refuse_many_tenants(parts, host)
    return issuer


def _address(issuer: str) -> SplitResult:
    unreadable = Refused("issuer", "Enter an address, like https://id.acme.example")
    printable = issuer.isascii() and issuer.isprintable() and not set(issuer) & set(' \\"<>^`|')
    if not printable or not 0 < len(issuer) <= MOST_ISSUER:
        raise unreadable
    try:
        parts = urlsplit(issuer)
        readable = parts.port is None or parts.port > 0
    except ValueError:
        raise unreadable from None
    if not readable or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise unreadable
    return parts


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
    entra = (parts.hostname or "").lower() in ENTRA_HOSTS
    return first.lower() if entra and _TENANT.fullmatch(first) else None


def check_claims(
    issuer: str, subject_claim: str, required: Mapping[str, str]
) -> tuple[str, dict[str, str]]:
    """Return subject claim and required claims, held against each other and the issuer.

    Raises:
        Refused: the subject could be given to somebody else, or a shared issuer without a claim
            that says whose person it is.
    """
    subject_claim = check_claim_name("subject_claim", subject_claim)
    if subject_claim in REUSED_CLAIMS:
        raise Refused(
            "subject_claim",
            f"{subject_claim} may be given to somebody else one day: use sub, or oid with tid",
        )
    if len(required) > MOST_VALUES:
        raise Refused("required_claims", f"Require {MOST_VALUES} claims at most")
    checked = {
        check_claim_name("required_claims", name): _claim_value(name, value)
        for name, value in required.items()
    }
    if subject_claim == "oid" and "tid" not in checked:
        raise Refused(
            "required_claims", "oid knows a person within one tenant: require tid=TENANT-ID too"
        )
    tenant = entra_tenant(issuer)
    if tenant and checked.get("tid", tenant).lower() != tenant:
        raise Refused("required_claims", f"The issuer is of another tenant: require tid={tenant}")
    _require_owner(issuer, checked)
    return subject_claim, checked


def _require_owner(issuer: str, required: Mapping[str, str]) -> None:
    host = (urlsplit(issuer).hostname or "").lower()
    if host not in SHARED_ISSUERS:
        return
    claim = SHARED_ISSUERS[host]
    if (claim is None and not required) or (claim is not None and claim not in required):
        raise Refused(
            "required_claims",
            f"Anybody can have an account at {host}: require {claim or 'CLAIM'}=VALUE, "
            "or everybody could come in",
        )


def check_company(required: Mapping[str, str], others: Sequence[Mapping[str, str]]) -> None:
    """Hold an identity provider against others with the same issuer: nobody may fit two.

    Args:
        required: its required claims.
        others: the required claims of every other one on this issuer that is not disabled.

    Raises:
        Refused: a person could come in through two of them.
    """
    for other in others:
        if not any(name in other and other[name] != value for name, value in required.items()):
            raise Refused(
                "required_claims",
                "Another identity provider uses this issuer: require a claim on both, with "
                "different values, like tid=TENANT-ID, so that nobody fits both",
            )


def check_claim_name(field: str, name: str) -> str:
    """Return the name of a claim.

    Raises:
        Refused: empty, too long, or with spaces.
    """
    name = name.strip()
    if not _CLAIM.fullmatch(name):
        raise Refused(field, "Enter the name of a claim, without spaces, like department")
    return name


def _claim_value(name: str, value: str) -> str:
    value = value.strip()
    if not value or len(value) > 255 or not value.isprintable():  # noqa: PLR2004 - as in the table
        raise Refused("required_claims", f"Enter a value for the claim {name.strip()[:100]}")
    return value


def check_claim_map(given: Mapping[str, str]) -> dict[str, str]:
    """Return which claim fills which profile field: the defaults, overridden by *given*.

    Args:
        given: field to claim; an empty claim leaves the field empty.

    Raises:
        Refused: a field that no claim may fill, or no claim for the address.
    """
    mapped = dict(DEFAULT_CLAIMS)
    for field, claim in given.items():
        if field not in PROFILE_FIELDS:
            raise Refused(
                "claim_map",
                f"No claim can fill {field[:64]!r}: choose one of {', '.join(PROFILE_FIELDS)}",
            )
        if claim.strip():
            mapped[field] = check_claim_name("claim_map", claim)
        else:
            mapped.pop(field, None)
    if "email" not in mapped:
        raise Refused("claim_map", "Enter the claim that holds the e-mail address")
    return mapped


def check_scopes(scopes: Sequence[str]) -> list[str]:
    """Return the scopes to ask for, ``openid`` first: without it there is no ID token.

    Raises:
        Refused: a scope that cannot be one (RFC 6749, 3.3), or too many.
    """
    kept = list(dict.fromkeys(["openid", *(scope.strip() for scope in scopes if scope.strip())]))
    if len(kept) > MOST_VALUES:
        raise Refused("scopes", f"Ask for {MOST_VALUES} scopes at most")
    for scope in kept:
        if not _SCOPE.fullmatch(scope):
            raise Refused("scopes", f"Enter scopes without spaces: {scope[:64]!r} is not one")
    return kept


def check_client(client_id: str, client_auth: str, addresses: str) -> str:
    """Return the client id; hold the two choices against what there is.

    Raises:
        Refused: no client id, or a choice that does not exist.
    """
    client_id = client_id.strip()
    if not client_id or len(client_id) > 255 or not client_id.isprintable():  # noqa: PLR2004
        raise Refused("client_id", "Enter the client id that the provider gave to the portal")
    if client_auth not in CLIENT_AUTHS:
        raise Refused("client_auth", f"Choose {' or '.join(CLIENT_AUTHS)}")
    if addresses not in ADDRESSES:
        raise Refused("addresses", f"Choose {' or '.join(ADDRESSES)}")
    return client_id


def check_secret(secret: str) -> str:
    """Return a client secret without the line break that files end with.

    Raises:
        Refused: empty, too long, or of several lines.
    """
    secret = secret.strip("\r\n ")
    if not secret or len(secret) > 4096 or not secret.isprintable():  # noqa: PLR2004
        raise Refused("client_secret", "Enter the client secret: one line of printable characters")
    return secret


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


def check_move(
    was: Mapping[str, Any], now: Mapping[str, Any], *, subject_types: Sequence[str], people: int
) -> None:
    """Refuse an edit that would make strangers of the people who already come in.

    Args:
        was: issuer, client_id and subject_claim before.
        now: the same afterwards.
        subject_types: of the provider's discovery document, if known.
        people: how many guests, of any state, are known by a subject of this provider.

    Raises:
        Refused: their subjects would change, and tombstones would be walked past.
    """
    if not people:
        return
    known = f"{people} {'guest is' if people == 1 else 'guests are'} known by it"
    for field, name in (("issuer", "issuer"), ("subject_claim", "subject claim")):
        if was[field] != now[field]:
            raise Refused(field, f"The {name} cannot change while {known}. {_PLANNED}")
    pairwise = is_pairwise(was["issuer"], was["subject_claim"], subject_types)
    if pairwise and was["client_id"] != now["client_id"]:
        raise Refused(
            "client_id",
            "This provider names people anew for each client id, so it cannot change while "
            f"{known}. {_PLANNED}",
        )


def loses_test(was: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Return whether an edit makes it another connection, so that it must be tested again."""
    return any(was[name] != now[name] for name in ("issuer", "client_id", "subject_claim"))


def changed_state(state: str, *, retest: bool) -> str:
    """Return an identity provider's state after an edit; an untested one is never enabled."""
    return "draft" if retest and state == "enabled" else state
