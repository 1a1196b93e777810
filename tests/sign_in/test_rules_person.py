"""From claims to a person: each field and each bound alone."""

from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest

from portal.admission.identity import VerifiedIdentity
from portal.sign_in.connection import Connection
from portal.sign_in.rules import (
    Failure,
    SignInReason,
    identity_of,
    missing_claims,
    subject_warning,
)

R = SignInReason
TENANT = "11111111-2222-3333-4444-55555555abcd"
ENTRA = f"https://login.microsoftonline.com/{TENANT}/v2.0"
ACME = Connection(
    id=UUID(int=1),
    organisation_id=UUID(int=2),
    organisation_slug="acme",
    slug="main",
    name="Acme",
    issuer="https://id.acme.example",
    client_id="portal",
    client_secret="hunter2",
)


def person(
    token: dict[str, Any], userinfo: dict[str, Any] | None = None, **changes: Any
) -> VerifiedIdentity:
    identity = identity_of(replace(ACME, **changes), {"sub": "s"} | token, userinfo or {})
    assert isinstance(identity, VerifiedIdentity), identity
    return identity


def test_everything_at_once():
    """Each claim fills its own field and no other."""
    token = {
        "sub": "a8f5",
        "email": "Ada@Acme.example",
        "email_verified": True,
        "name": "Ada Lovelace",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "department": "Pumps",
        "tel": "+49 1",
        "acr": "gold",
        "amr": ["pwd", "otp"],
        "auth_time": 1_700_000_000,
        "sid": "s1",
        "nonce": "n",
        "at_hash": "a",
        "c_hash": "c",
        "s_hash": "s",
    }
    identity = person(token, {"groups": ["x"]}, claim_map=dict(ACME.claim_map) | {"phone": "tel"})
    spent = {"nonce", "at_hash", "c_hash", "s_hash"}
    assert identity == VerifiedIdentity(
        organisation_id=UUID(int=2),
        identity_provider_id=UUID(int=1),
        issuer="https://id.acme.example",
        subject="a8f5",
        email="ada@acme.example",
        email_raw="Ada@Acme.example",
        email_verified=True,
        name="Ada Lovelace",
        profile={
            "given_name": "Ada",
            "family_name": "Lovelace",
            "department": "Pumps",
            "phone": "+49 1",
        },
        claims={"groups": ["x"]} | {key: it for key, it in token.items() if key not in spent},
        acr="gold",
        amr=("pwd", "otp"),
        authenticated_at=datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        sid="s1",
    )
    assert isinstance(identity.claims, MappingProxyType)
    assert isinstance(identity.profile, MappingProxyType)


def test_nothing_but_a_subject():
    """Every other field says that it does not know."""
    assert person({}) == VerifiedIdentity(
        organisation_id=UUID(int=2),
        identity_provider_id=UUID(int=1),
        issuer="https://id.acme.example",
        subject="s",
        email=None,
        email_raw=None,
        email_verified=False,
        name=None,
        profile={},
        claims={"sub": "s"},
        acr=None,
        amr=(),
        authenticated_at=None,
        sid=None,
    )


@pytest.mark.parametrize("subject", ["", None, 7, "x" * 256, "a\nb", ["s"]])
def test_no_subject(subject: object):
    """The chosen claim is named."""
    words = "oid is not 1 to 255 printable characters"
    token = {"sub": "s", "oid": subject}
    assert identity_of(replace(ACME, subject_claim="oid"), token, {}) == Failure(R.SUBJECT, words)


def test_the_subject_is_of_the_token_alone():
    """UserInfo cannot bring one."""
    failure = identity_of(replace(ACME, subject_claim="oid"), {"sub": "s"}, {"oid": "o"})
    assert failure == Failure(R.SUBJECT, "oid is not 1 to 255 printable characters")
    assert person({"oid": "o"}, subject_claim="oid").subject == "o"


@pytest.mark.parametrize(
    "name",
    [
        *("iss", "aud", "azp", "exp", "iat", "nbf", "jti", "nonce", "typ", "events"),
        *("auth_time", "acr", "amr", "sid", "tid", "acct", "idp"),
    ],
)
def test_what_only_a_signature_can_say(name: str):
    """UserInfo is not signed: it cannot add these, and is not asked for them."""
    assert person({}, {name: "x"}).claims == {"sub": "s"}
    connection = replace(ACME, claim_map={"email": "email"}, wanted_claims=(name,))
    token = {"email": "x", "email_verified": True}
    assert missing_claims(connection, token) == frozenset()


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ({"given_name": "Ada", "family_name": "L"}, "Ada L"),
        ({"given_name": "Ada"}, "Ada"),
        ({"family_name": "L"}, "L"),
        ({"name": "Countess", "given_name": "Ada"}, "Countess"),
        ({"name": " ", "given_name": "Ada"}, "Ada"),
        ({"name": 7, "given_name": "Ada"}, "Ada"),
        ({"name": "\u202e"}, None),
        ({"name": "x" * 200}, "x" * 200),
    ],
)
def test_a_name(token: dict[str, Any], expected: str | None):
    """As said, or made of its parts."""
    assert person(token).name == expected


@pytest.mark.parametrize("field", ["name", "given_name", "family_name", "department"])
def test_the_longest_field(field: str):
    """As long as the column, and not one more."""
    assert isinstance(identity_of(ACME, {"sub": "s", field: "x" * 200}, {}), VerifiedIdentity)
    failure = identity_of(ACME, {"sub": "s", field: "x" * 201}, {})
    assert failure == Failure(R.INPUT_LENGTH, "a claim: input.length")


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ({"name": "a\0"}, Failure(R.INPUT_CHAR, "a claim: input.char")),
        ({"email": "a\0@acme.example"}, Failure(R.INPUT_CHAR, "a claim: input.char")),
        ({"email": "x" * 300}, Failure(R.INPUT_LENGTH, "a claim: input.length")),
        (
            {"other": float("inf")},
            Failure(R.INPUT_CHAR, "the claims hold characters that cannot be stored"),
        ),
        (
            {"other": "\udc00"},
            Failure(R.INPUT_CHAR, "the claims hold characters that cannot be stored"),
        ),
    ],
)
def test_what_cannot_be_kept(token: dict[str, Any], expected: Failure):
    """Refused before any table is asked."""
    assert identity_of(ACME, {"sub": "s"} | token, {}) == expected


def test_what_nests_too_deeply_cannot_be_kept():
    """A list in a list in a list ..."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    failure = identity_of(ACME, {"sub": "s", "deep": deep}, {})
    assert failure == Failure(R.INPUT_CHAR, "the claims hold characters that cannot be stored")


def test_letters_of_every_script_can_be_kept():
    """Only half of a pair cannot."""
    assert person({"other": "\U0001f600 \u00e4"}).claims["other"] == "\U0001f600 \u00e4"


@pytest.mark.parametrize(
    ("asserted", "email", "raw"),
    [
        ("Ada@Acme.example", "ada@acme.example", "Ada@Acme.example"),
        ("a@b@c", None, "a@b@c"),
        ("a\u00a0b", None, "a\ufffdb"),
        (None, None, None),
        (7, None, None),
        (f"ada@acme.example{' ' * 400}", "ada@acme.example", f"ada@acme.example{' ' * 304}"),
    ],
)
def test_an_address(asserted: object, email: str | None, raw: str | None):
    """Canonical, and beside it what was asserted, made harmless."""
    identity = person({"email": asserted})
    assert (identity.email, identity.email_raw) == (email, raw)


def test_the_address_of_another_claim():
    """As the map says; without a map of it, the standard claim."""
    token = {"email": "a@acme.example", "upn": "b@acme.example"}
    assert person(token, claim_map={"email": "upn"}).email == "b@acme.example"
    assert person(token, claim_map={"name": "name"}).email == "a@acme.example"
    assert person(token | {"email_verified": True}, claim_map={"name": "name"}).email_verified


ADA = {"email": "ada@acme.example"}


@pytest.mark.parametrize(
    ("issuer", "token", "userinfo", "expected"),
    [
        (ACME.issuer, ADA | {"email_verified": True}, {}, True),
        (ACME.issuer, ADA | {"email_verified": "true"}, {}, False),
        (ACME.issuer, ADA, ADA | {"email_verified": True}, True),
        (ACME.issuer, ADA, {"email": "ADA@acme.example", "email_verified": True}, True),
        (ACME.issuer, ADA, {"email": "eve@acme.example", "email_verified": True}, False),
        (ACME.issuer, ADA, {"email_verified": True}, False),
        (ACME.issuer, ADA, {"email": 7, "email_verified": True}, False),
        (ACME.issuer, ADA, {"email": "no address", "email_verified": True}, False),
        (ACME.issuer, {}, ADA | {"email_verified": True}, True),
        (ACME.issuer, {"email_verified": True}, ADA, False),
        (ACME.issuer, {"email": "no address", "email_verified": True}, {}, False),
        (ACME.issuer, ADA | {"xms_edov": True}, {}, False),
        *((ENTRA, ADA | {"xms_edov": yes}, {}, True) for yes in (True, 1, "1", "true")),
        *((ENTRA, ADA | {"xms_edov": no}, {}, False) for no in (False, 0, "0", "false", "yes")),
        (ENTRA, ADA, {"xms_edov": True} | ADA, False),
    ],
)
def test_a_verified_address(
    issuer: str, token: dict[str, Any], userinfo: dict[str, Any], *, expected: bool
):
    """Said of this address, by JSON's true, or by the tenant that owns its domain."""
    assert person(token, userinfo, issuer=issuer).email_verified is expected


@pytest.mark.parametrize(
    ("token", "acr", "amr", "sid"),
    [
        ({"acr": "gold", "sid": "x" * 255}, "gold", (), "x" * 255),
        ({"acr": "", "sid": "x" * 256}, None, (), None),
        ({"acr": 1, "sid": ["x"]}, None, (), None),
        ({"amr": "otp"}, None, ("otp",), None),
        ({"amr": ["otp", "", 7, "pwd"]}, None, ("otp", "pwd"), None),
        ({"amr": [str(one) for one in range(33)]}, None, tuple(map(str, range(32))), None),
    ],
)
def test_what_is_said_of_the_sign_in(
    token: dict[str, Any], acr: str | None, amr: tuple[str, ...], sid: str | None
):
    """Words as they can be stored, thirty-two methods at most."""
    identity = person(token)
    assert (identity.acr, identity.amr, identity.sid) == (acr, amr, sid)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, None),
        (-1, None),
        (0.5, datetime(1970, 1, 1, 0, 0, 0, 500_000, UTC)),
        (1, datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        (253_402_300_798, datetime(9999, 12, 31, 23, 59, 58, tzinfo=UTC)),
        (253_402_300_799, None),
        ("1", None),
        (True, None),
    ],
)
def test_when_somebody_authenticated(value: object, expected: datetime | None):
    """Zero is *never said*; what no calendar has is not said either."""
    assert person({"auth_time": value}).authenticated_at == expected


WARNING = (
    "The subject looks like {}. When this person leaves and the name is given to somebody else, "
    "the portal would take that person for this one. Ask for a subject that is never given again."
)


@pytest.mark.parametrize(
    ("claims", "looks"),
    [
        ({"sub": "a8f5"}, None),
        ({"sub": "a8f5", "email": "ada@acme.example"}, None),
        ({"sub": "Ada@acme.example"}, "an e-mail address"),
        ({"sub": "ADA", "email": "ada@acme.example"}, "a login name"),
        ({"sub": "ada", "preferred_username": "ADA"}, "a login name"),
        ({"sub": "ada", "upn": "Ada"}, "a login name"),
        ({"sub": "7", "upn": 7}, "a login name"),
        ({"sub": "None"}, None),
        ({"sub": "xxxx"}, None),
        ({"sub": "XXXX"}, None),
        ({"sub": "acme.example", "email": "ada@acme.example"}, None),
    ],
)
def test_a_subject_that_looks_like_a_name(claims: dict[str, Any], looks: str | None):
    """Names are given again."""
    assert subject_warning(person(claims)) == (WARNING.format(looks) if looks else None)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"claim_map": {"email": "mail", "name": "cn"}}, {"mail", "cn", "email_verified"}),
        ({"claim_map": {"email": "mail"}, "addresses": "trusted"}, {"mail"}),
        (
            {
                "claim_map": {},
                "addresses": "trusted",
                "required_claims": {"hd": "x"},
                "wanted_claims": ("groups",),
            },
            {"hd", "groups"},
        ),
        ({"claim_map": {"email": "sub"}, "addresses": "trusted"}, set()),
    ],
)
def test_what_userinfo_is_asked_for(changes: dict[str, Any], expected: set[str]):
    """What somebody decides or shows by, and the token lacks."""
    assert missing_claims(replace(ACME, **changes), {"sub": "s"}) == expected


@pytest.mark.parametrize(("levels", "kept"), [(30, True), (31, False), (930, False)])
def test_what_can_be_kept_from_anywhere(levels: int, *, kept: bool):
    """Whoever keeps it is further inside than who looks: the last level must not be a fault."""
    deep: Any = "value"
    for _ in range(levels):
        deep = [deep]
    found = identity_of(ACME, {"sub": "s"}, {"sub": "s", "deep": deep})
    assert isinstance(found, VerifiedIdentity) is kept
