"""Whose a token is, where an issuer's name or its claims hold a tenant."""

from typing import Any

import pytest

from portal.sign_in.rules import (
    Failure,
    SignInReason,
    check_tenant,
    is_directory_guest,
    tenant_of,
)

TENANT = "11111111-2222-3333-4444-55555555abcd"
OTHER = "99999999-2222-3333-4444-55555555abcd"
ENTRA = f"https://login.microsoftonline.com/{TENANT}/v2.0"
ACME = "https://id.acme.example"


@pytest.mark.parametrize(
    ("issuer", "tenant"),
    [
        (ENTRA, TENANT),
        (f"https://login.microsoftonline.com/{TENANT.upper()}/v2.0", TENANT),
        (f"https://sts.windows.net/{TENANT}/", TENANT),
        (f"https://proxy.example/{TENANT}/v2.0", TENANT),
        (f"https://proxy.example/{TENANT.upper()}/v2.0/", TENANT),
        (f"https://proxy.example/{TENANT}/x/v2.0", TENANT),
        (f"https://proxy.example/{TENANT}", None),
        (f"https://proxy.example/{TENANT}/v1.0", None),
        (f"https://proxy.example/x/{TENANT}/v2.0", None),
        (f"https://proxy.example/{TENANT}0/v2.0", None),
        (f"https://proxy.example/X{TENANT}/v2.0", None),
        (f"https://proxy.example/{TENANT}/v2.0X", None),
        ("https://login.microsoftonline.com/common/v2.0", None),
        ("https://id.acme.example", None),
    ],
)
def test_the_tenant_of_an_issuer(issuer: str, tenant: str | None):
    """By its shape: a proxy of Entra has a host of its own."""
    assert tenant_of(issuer) == tenant


TENANT_FAULT = Failure(SignInReason.TENANT, "the account is of another tenant (tid)")


@pytest.mark.parametrize(
    ("issuer", "required", "tid", "expected"),
    [
        (ACME, {}, None, None),
        (ACME, {}, "anything", None),
        (ACME, {"tid": ""}, None, None),
        (ACME, {"tid": TENANT}, TENANT, None),
        (ACME, {"tid": TENANT.upper()}, TENANT, None),
        (ACME, {"tid": TENANT}, TENANT.upper(), None),
        (ACME, {"tid": TENANT}, OTHER, TENANT_FAULT),
        (ACME, {"tid": TENANT}, None, TENANT_FAULT),
        (ENTRA, {}, TENANT, None),
        (ENTRA, {}, TENANT.upper(), None),
        (ENTRA, {}, OTHER, TENANT_FAULT),
        (ENTRA, {}, None, TENANT_FAULT),
        (ENTRA, {}, [TENANT], TENANT_FAULT),
        (ENTRA, {"tid": TENANT}, TENANT, None),
        # The issuer says one, the configuration another: nobody is of both.
        (ENTRA, {"tid": OTHER}, TENANT, TENANT_FAULT),
        (ENTRA, {"tid": OTHER}, OTHER, TENANT_FAULT),
    ],
)
def test_a_token_is_of_the_tenant(
    issuer: str, required: dict[str, str], tid: object, expected: Failure | None
):
    """What issuer and configuration say, both of them."""
    claims = {} if tid is None else {"tid": tid}
    assert check_tenant(claims, issuer, required) == expected


@pytest.mark.parametrize(
    ("claims", "issuer", "expected"),
    [
        ({}, ENTRA, False),
        ({"acct": 0}, ENTRA, False),
        ({"acct": "0"}, ENTRA, False),
        ({"acct": 2}, ENTRA, False),
        ({"acct": 1}, ENTRA, True),
        ({"acct": "1"}, ENTRA, True),
        ({"idp": ENTRA}, ENTRA, False),
        ({"idp": f"https://sts.windows.net/{TENANT.upper()}/"}, ENTRA, False),
        ({"idp": f"https://sts.windows.net/{OTHER}/"}, ENTRA, True),
        ({"idp": "live.com"}, ENTRA, True),
        ({"idp": "mail:x"}, ENTRA, True),
        ({"idp": "00oa1b2c3d"}, ENTRA, False),
        ({"idp": 7}, ENTRA, False),
        ({"idp": ACME}, ACME, False),
        ({"idp": f"https://sts.windows.net/{TENANT}/"}, ACME, True),
        ({"idp": "00oa1b2c3d"}, ACME, False),
    ],
)
def test_a_guest_of_the_directory(claims: dict[str, Any], issuer: str, *, expected: bool):
    """Somebody else's people, invited into the host's own directory."""
    assert is_directory_guest(claims, issuer) is expected
