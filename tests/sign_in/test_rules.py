"""Tables of the pure decisions: each line is one thing that a provider may say."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from portal.admission.identity import Unknown, VerifiedIdentity, claim_values
from portal.sign_in.connection import Connection
from portal.sign_in.rules import (
    Failure,
    SignInReason,
    identity_of,
    is_directory_guest,
    missing_claims,
    subject_warning,
    tenant_of,
)
from tests.sign_in.walk import ORGANISATION_ID, PROVIDER_ID

R = SignInReason


param = pytest.param


GUID = "11111111-2222-3333-4444-555555555555"


ACME = Connection(
    id=PROVIDER_ID,
    organisation_id=ORGANISATION_ID,
    organisation_slug="acme",
    slug="main",
    name="Acme",
    issuer="https://id.acme.example",
    client_id="portal",
    client_secret="hunter2",
)


ENTRA = replace(ACME, issuer=f"https://login.microsoftonline.com/{GUID}/v2.0")


def person(
    connection: Connection = ACME, userinfo: dict[str, Any] | None = None, **claims: Any
) -> VerifiedIdentity:
    identity = identity_of(connection, {"sub": "s", **claims}, userinfo or {})
    assert isinstance(identity, VerifiedIdentity), identity
    return identity


@pytest.mark.parametrize(
    ("connection", "token", "userinfo", "expected"),
    [
        param(ACME, {"email_verified": True}, {}, True, id="true"),
        param(
            ACME,
            {"email_verified": False},
            {"email": "ada@acme.example", "email_verified": True},
            False,
            id="false, and true in UserInfo",
        ),
        param(
            ACME,
            {"email_verified": True},
            {"email": "ada@acme.example", "email_verified": False},
            True,
            id="true, and false in UserInfo",
        ),
        param(
            ACME,
            {"email_verified": None},
            {"email": "ada@acme.example", "email_verified": True},
            True,
            id="null, and true in UserInfo",
        ),
        param(ACME, {"email_verified": "true"}, {}, False, id="text"),
        param(ACME, {"email_verified": 1}, {}, False, id="one"),
        param(ACME, {"email_verified": False}, {}, False, id="false"),
        param(ACME, {}, {}, False, id="absent"),
        param(
            ACME,
            {},
            {"email": "ada@acme.example", "email_verified": True},
            True,
            id="of the same address in UserInfo",
        ),
        param(
            ACME,
            {},
            {"email": "eve@acme.example", "email_verified": True},
            False,
            id="of another address in UserInfo",
        ),
        param(ACME, {}, {"email_verified": True}, False, id="of no address in UserInfo"),
        param(ACME, {"xms_edov": True}, {}, False, id="xms_edov elsewhere"),
        param(ENTRA, {"xms_edov": True}, {}, True, id="xms_edov of Entra"),
        param(ENTRA, {"xms_edov": "1"}, {}, True, id="xms_edov as text"),
        param(ENTRA, {"xms_edov": False}, {}, False, id="xms_edov false"),
        param(
            replace(ENTRA, claim_map={"email": "upn"}),
            {"upn": "eve@acme.example", "xms_edov": True},
            {},
            False,
            id="xms_edov of another claim",
        ),
        param(
            replace(ENTRA, claim_map={"email": "upn"}),
            {"upn": "Ada@ACME.example", "xms_edov": True},
            {},
            True,
            id="xms_edov of another claim, same address",
        ),
        param(
            replace(ACME, claim_map={"email": "upn"}),
            {"upn": "eve@acme.example", "email_verified": True},
            {},
            False,
            id="said of another claim",
        ),
        param(
            replace(ACME, claim_map={"email": "upn"}),
            {"upn": "Ada@ACME.example", "email_verified": True},
            {},
            True,
            id="another claim, same address",
        ),
    ],
)
def test_a08_email_verified(
    connection: Connection, token: dict[str, Any], userinfo: dict[str, Any], expected: bool
) -> None:
    """Only JSON's true counts, and only for the address it was said of; the ID token wins."""
    identity = person(connection, userinfo, email="ada@acme.example", **token)
    assert identity.email_verified is expected


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        ("Ada@Acme.Example", ("ada@acme.example", "Ada@Acme.Example")),
        ("a@acme.com,b@evil.org", (None, "a@acme.com,b@evil.org")),
        ("a@evil.org(@acme.com)", (None, "a@evil.org(@acme.com)")),
        ("not an address", (None, "not an address")),
        ("", (None, "")),
        (None, (None, None)),
        (["ada@acme.example"], (None, None)),
        (7, (None, None)),
    ],
)
def test_addresses(email: Any, expected: tuple[str | None, str | None]) -> None:
    """One bare address, or none; what was asserted is kept beside it."""
    identity = person(email=email)
    assert (identity.email, identity.email_raw) == expected


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        param({"name": "A\0da"}, R.INPUT_CHAR, id="n02 NUL in a name"),
        param({"given_name": "A\0da"}, R.INPUT_CHAR, id="n02 NUL in a profile field"),
        param({"email": "a\0@acme.example"}, R.INPUT_CHAR, id="n02 NUL in an address"),
        param({"name": "\ud800"}, R.INPUT_CHAR, id="half a surrogate pair"),
        param({"other": ["\ud800"]}, R.INPUT_CHAR, id="half a surrogate pair deep inside"),
        param({"other": float("nan")}, R.INPUT_CHAR, id="not a number"),
        param({"name": "x" * 10_000}, R.INPUT_LENGTH, id="n01 name of 10,000 characters"),
        param({"email": "x" * 300 + "@acme.example"}, R.INPUT_LENGTH, id="n01 long address"),
        param(
            {"given_name": "x" * 200, "family_name": "y" * 200},
            R.INPUT_LENGTH,
            id="n01 two long names in place of one",
        ),
    ],
)
def test_what_cannot_be_stored(claims: dict[str, Any], reason: SignInReason) -> None:
    """Claims that no table takes are refused before any table is asked."""
    identity = identity_of(ACME, {"sub": "s", **claims}, {})
    assert isinstance(identity, Failure)
    assert identity.reason is reason


def test_profile() -> None:
    """Mapped fields are cleaned; other types fill nothing; the ID token wins over UserInfo."""
    connection = replace(ACME, claim_map={"email": "mail", "name": "cn", "phone": "tel"})
    identity = person(
        connection,
        {"cn": "Somebody Else", "tel": "+49 1", "mail": "ada@acme.example"},
        cn="Ada\u202e  Lovelace\n",
        tel=["+49"],
    )
    assert identity.name == "Ada Lovelace"
    assert identity.profile == {}
    assert identity.email == "ada@acme.example"
    assert person(given_name="Ada", family_name="L").name == "Ada L"
    assert person(preferred_username="Ada Lovelace").name is None


def test_claims_of_the_token_alone() -> None:
    """Proofs of the sign-in are not kept; UserInfo cannot add what only a signature can say."""
    identity = person(
        ACME,
        {"acr": "gold", "tid": "x", "sid": "y", "department": "Finance", "iss": "z"},
        nonce="n",
        at_hash="h",
        groups=["a"],
    )
    assert identity.claims == {"sub": "s", "department": "Finance", "groups": ["a"]}
    assert (identity.acr, identity.sid) == (None, None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, None),
        (1_700_000_000.5, datetime(2023, 11, 14, 22, 13, 20, 500_000, UTC)),
        ("1700000000", None),
        (True, None),
        (1e300, None),
        (-5, None),
        (None, None),
    ],
)
def test_authentication_time(value: Any, expected: datetime | None) -> None:
    """Floats and 0 are real; nothing makes it raise."""
    assert person(auth_time=value).authenticated_at == expected


@pytest.mark.parametrize(
    ("claims", "looks"),
    [
        ({"sub": "ada@acme.example"}, "an e-mail address"),
        ({"sub": "alovelace", "preferred_username": "ALovelace"}, "a login name"),
        ({"sub": "ada", "email": "ada@acme.example"}, "a login name"),
        ({"sub": "a8f5f167", "email": "ada@acme.example"}, None),
    ],
)
def test_subject_warning(claims: dict[str, Any], looks: str | None) -> None:
    """A subject that looks like a name may be given to somebody else."""
    warning = subject_warning(person(**claims))
    assert (looks in warning if looks and warning else warning) is (True if looks else None)


@pytest.mark.parametrize(
    ("changes", "claims", "expected"),
    [
        param({}, {"email": "a", "name": "b", "family_name": "d"},
              {"given_name", "email_verified"}, id="standard claims"),
        param({"claim_map": {"email": "email", "name": "name", "department": "department"}},
              {"email": "a", "name": "b", "email_verified": False}, set(), id="by default"),
        param({"claim_map": {"email": "email", "name": "name", "department": "unit"}},
              {"email": "a", "name": "b", "email_verified": False}, {"unit"}, id="mapped"),
        param({"addresses": "trusted", "claim_map": {"email": "email"}}, {"email": "a"}, set(),
              id="nothing missing"),
        param({"claim_map": {"email": "email"}, "wanted_claims": ("realm_access.roles", "groups"),
               "required_claims": {"hd": "x", "tid": "y"}},
              {"email": "a", "email_verified": True, "_claim_names": {"groups": "src"}},
              {"realm_access.roles", "hd"}, id="wanted, required, cut short"),
    ],
)  # fmt: skip
def test_missing_claims(changes: Any, claims: dict[str, Any], expected: set[str]) -> None:
    """UserInfo is asked only for what somebody decides or shows by."""
    assert missing_claims(replace(ACME, **changes), claims) == expected


@pytest.mark.parametrize(
    ("claims", "name", "expected"),
    [
        ({"roles": ["a", "b"]}, "roles", {"a", "b"}),
        ({"roles": "a"}, "roles", {"a"}),
        ({"roles": []}, "roles", set()),
        ({"roles": True}, "roles", {"true"}),
        ({"roles": 7}, "roles", {"7"}),
        ({}, "roles", Unknown.ABSENT),
        ({"roles": None}, "roles", Unknown.ABSENT),
        ({"roles": [{"a": 1}]}, "roles", Unknown.UNREADABLE),
        ({"roles": 0.5}, "roles", Unknown.UNREADABLE),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", {"a"}),
        ({"realm_access": "x"}, "realm_access.roles", Unknown.ABSENT),
        ({"a.b": "dotted", "a": {"b": "deep"}}, "a.b", {"dotted"}),
        ({"_claim_names": {"groups": "src1"}}, "groups", Unknown.CUT_SHORT),
        ({"_claim_names": {"groups": "src1"}, "groups": ["a"]}, "groups", Unknown.CUT_SHORT),
        ({"hasgroups": True}, "groups", Unknown.CUT_SHORT),
        ({"hasgroups": True, "roles": ["a"]}, "roles", {"a"}),
        ({"_claim_names": "x", "groups": ["a"]}, "groups", {"a"}),
    ],
)
def test_claim_values(claims: dict[str, Any], name: str, expected: Any) -> None:
    """Known to be empty, and not known, are two things."""
    assert claim_values(claims, name) == expected


@pytest.mark.parametrize(
    ("issuer", "tenant"),
    [
        (f"https://login.microsoftonline.com/{GUID}/v2.0", GUID),
        (f"https://sts.windows.net/{GUID}/", GUID),
        (f"https://login.microsoftonline.com/{GUID.upper()}/v2.0", GUID),
        (f"https://entra.proxy.example/{GUID}/v2.0", GUID),
        (f"https://id.acme.example/{GUID}", None),
        ("https://login.microsoftonline.com/common/v2.0", None),
        ("https://accounts.google.com", None),
    ],
)
def test_tenant_of(issuer: str, tenant: str | None) -> None:
    """Entra's issuers hold their tenant."""
    assert tenant_of(issuer) == tenant


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({}, False),
        ({"acct": 0}, False),
        ({"acct": 1}, True),
        ({"acct": "1"}, True),
        ({"idp": ENTRA.issuer}, False),
        ({"idp": f"https://sts.windows.net/{GUID}/"}, False),
        ({"idp": "https://sts.windows.net/99999999-2222-3333-4444-555555555555/"}, True),
        ({"idp": "live.com"}, True),
        ({"idp": "00oa1b2c3d"}, False),
        ({"idp": ["x"]}, False),
    ],
)
def test_directory_guests(claims: dict[str, Any], expected: bool) -> None:
    """Guests of the host's own directory; Okta's idp is an id of its own."""
    assert is_directory_guest(claims, ENTRA.issuer) is expected
