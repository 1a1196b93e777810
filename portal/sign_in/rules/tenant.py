"""Whose a token is, where one issuer's name holds a tenant (architecture 2.7, 2.18)."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from portal.sign_in.rules.reasons import Failure, SignInReason
from portal.trust.rules.issuer import entra_tenant

_GUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def tenant_of(issuer: str) -> str | None:
    """Return the tenant id in an issuer of Entra's shape, lower case; ``None``: it has none.

    The shape counts, not the host alone: a proxy of Entra has a host of its own.
    """
    parts = urlsplit(issuer)
    first = parts.path.strip("/").partition("/")[0]
    if _GUID.fullmatch(first) and parts.path.rstrip("/").endswith("/v2.0"):
        return first.lower()
    return entra_tenant(issuer)


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
