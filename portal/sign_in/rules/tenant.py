"""Shared issuers and tenants: which issuers may be configured, and whose a token is (architecture 2.7)."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from portal.sign_in.rules.reasons import Failure, SignInReason

_GUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_ENTRA_HOSTS: Final = frozenset(
    {
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
        "login.windows.net",
        "sts.windows.net",
    }
)
_ENTRA_SHARED: Final = frozenset({"common", "organizations", "consumers"})
_ENTRA_CONSUMERS: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"  # everybody's personal account
# Issuers that serve everybody: without this claim any of their customers could come in.
_SHARED: Final[Mapping[str, str]] = {
    "https://accounts.google.com": "hd",
}
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
MOST_ISSUER_CHARACTERS: Final = 2048


def issuer_fault(issuer: str, *, development: bool = False) -> str | None:
    """Return what is wrong with an issuer as configuration, in a sentence; ``None``: nothing.

    Args:
        issuer: as typed.
        development: whether http on loopback is allowed.
    """
    try:
        parts = urlsplit(issuer)
        host = (parts.hostname or "").lower()
        _ = parts.port
    except ValueError:
        return "The issuer is not an address: it looks like https://id.acme.example."
    loopback = development and parts.scheme == "http" and is_loopback(host)
    if parts.scheme != "https" and not loopback:
        return "The issuer must begin with https://."
    if not host or not issuer.isprintable() or " " in issuer or len(issuer) > MOST_ISSUER_CHARACTERS:
        return "The issuer is not an address: it looks like https://id.acme.example."
    if parts.username is not None or parts.password is not None:
        return "The issuer must not hold a user name or password."
    if "?" in issuer or "#" in issuer:
        return "The issuer must not hold ? or #."
    if issuer.endswith("/.well-known/openid-configuration"):
        return "Enter the issuer alone, without /.well-known/openid-configuration."
    first = parts.path.strip("/").partition("/")[0].lower()
    shared = first in _ENTRA_SHARED and parts.path.rstrip("/").endswith("/v2.0")
    if "{" in issuer or shared or (host in _ENTRA_HOSTS and not _GUID.fullmatch(first)):
        return (
            "This Entra address is shared by many tenants. Enter the tenant's own issuer: its"
            " tenant id stands where common, organizations or a name stands now."
        )
    if host in _ENTRA_HOSTS and first == _ENTRA_CONSUMERS:
        return "This is the issuer of personal Microsoft accounts: anybody can have one."
    return None


def connection_fault(
    issuer: str,
    subject_claim: str,
    required_claims: Mapping[str, str],
    *,
    development: bool = False,
) -> tuple[str, str] | None:
    """Return (field, sentence) of the first thing wrong with a configuration; ``None``: nothing."""
    if fault := issuer_fault(issuer, development=development):
        return "issuer", fault
    demanded = _SHARED.get(issuer.rstrip("/"))
    if demanded and demanded not in required_claims:
        return "required_claims", (
            f"Everybody can have an account at this issuer: require {demanded}=DOMAIN,"
            " or any of its customers could come in."
        )
    tenant = tenant_of(issuer)
    pinned = required_claims.get("tid")
    if subject_claim == "oid" and not (pinned or tenant):
        return "subject_claim", (
            "oid knows a person only within one tenant: require tid=TENANT-ID as well."
        )
    if pinned and tenant and pinned.lower() != tenant:
        return "required_claims", "The required tid is not the tenant of this issuer."
    return None


def tenant_of(issuer: str) -> str | None:
    """Return the Entra tenant id in an issuer, lower case; ``None`` for other issuers."""
    try:
        parts = urlsplit(issuer)
        host = (parts.hostname or "").lower()
    except ValueError:
        return None
    first = parts.path.strip("/").partition("/")[0]
    if host in _ENTRA_HOSTS and _GUID.fullmatch(first):
        return first.lower()
    # A test double or a proxy of Entra: host of its own, the path still says tenant and version.
    if _GUID.fullmatch(first) and parts.path.rstrip("/").endswith("/v2.0"):
        return first.lower()
    return None


def check_tenant(
    claims: Mapping[str, object], issuer: str, required_claims: Mapping[str, str]
) -> Failure | None:
    """Return a failure when the token is of another tenant than issuer and configuration say."""
    tid = claims.get("tid")
    tenants = {tenant_of(issuer), required_claims.get("tid", "").lower() or None} - {None}
    if not tenants:
        return None
    if not isinstance(tid, str) or {tid.lower()} != tenants:
        return Failure(SignInReason.TENANT, "the account is of another tenant (tid)")
    return None


def is_directory_guest(claims: Mapping[str, object], issuer: str) -> bool:
    """Return whether an account is only a guest of the host's own directory (architecture 2.18).

    Entra says ``acct=1`` for a guest and names the foreign ``idp`` of an account that proves itself
    elsewhere. Other products use ``idp`` for an id of their own, without dot or colon.
    """
    if claims.get("acct") in (1, "1"):
        return True
    provider = claims.get("idp")
    if not isinstance(provider, str) or provider == issuer:
        return False
    tenant = tenant_of(issuer)
    ours = tenant is not None and tenant in provider.lower()
    return not ours and ("." in provider or ":" in provider)


def is_loopback(host: str) -> bool:
    """Return whether a host name is this machine."""
    return host in _LOOPBACK or host.endswith(".localhost") or host.startswith("127.")
