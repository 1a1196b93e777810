"""Every check of an ID token alone, at its exact second, in its words."""

import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from portal.sign_in.rules import (
    ALGORITHMS,
    Expected,
    Failure,
    SignInReason,
    check_claims,
    check_hash,
    check_header,
    check_token_type,
    check_userinfo,
    is_subject,
    split,
)
from portal.sign_in.rules.token import MOST_TOKEN_CHARACTERS, OLDEST, SKEW, number
from tests.hostile.keys import b64

R = SignInReason
TENANT = "11111111-2222-3333-4444-55555555abcd"
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
AT = int(NOW.timestamp())
EXPECTED = Expected("https://id.acme.example", "portal", "n0nce", NOW, {})
CLAIMS = {
    "iss": "https://id.acme.example",
    "aud": "portal",
    "sub": "ada",
    "nonce": "n0nce",
    "exp": AT + 300,
    "iat": AT,
}
ABSENT = object()


def checked(expected: Expected = EXPECTED, **changes: Any) -> Failure | None:
    claims = {name: value for name, value in (CLAIMS | changes).items() if value is not ABSENT}
    return check_claims(claims, expected)


ISSUER = Failure(R.ISSUER, "the ID token was issued by another issuer")
NOT_ALONE = Failure(R.AUDIENCE, "the ID token is not for this portal alone")
OTHER_CLIENT = Failure(R.AUDIENCE, "the ID token was given to another client (azp)")
OTHER_KIND = Failure(R.TYPE, "the token says that it is not an ID token")
NO_NONCE = Failure(R.NONCE, "the ID token has no nonce")
OTHER_NONCE = Failure(R.NONCE, "the ID token's nonce is of another sign-in")
NO_TIMES = Failure(R.TIME, "the ID token's exp and iat are not both numbers")
NOT_YET = Failure(R.TIME, "the ID token is not valid yet (nbf)")
NO_SUBJECT = Failure(R.SUBJECT, "sub is not 1 to 255 printable characters")


def late(what: str, seconds: int, where: str) -> Failure:
    return Failure(R.TIME, f"the ID token {what} {seconds} s {where}")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"iss": "https://id.acme.example/"}, ISSUER),
        ({"iss": ABSENT}, ISSUER),
        ({"aud": ["portal"]}, None),
        ({"aud": ["portal", "portal"]}, None),
        ({"aud": []}, NOT_ALONE),
        ({"aud": ABSENT}, NOT_ALONE),
        ({"aud": "other"}, NOT_ALONE),
        ({"aud": ["portal", "other"]}, NOT_ALONE),
        ({"aud": ["other", "portal"]}, NOT_ALONE),
        ({"azp": "portal"}, None),
        ({"azp": "other"}, OTHER_CLIENT),
        ({"azp": None}, OTHER_CLIENT),
        ({"typ": "ID"}, None),
        ({"typ": "JWT"}, None),
        ({"token_use": "id"}, None),
        *(
            ({name: kind}, OTHER_KIND)
            for name in ("typ", "token_use")
            for kind in ("Bearer", "Refresh", "Offline", "logout", "ACCESS")
        ),
        ({"events": {}}, OTHER_KIND),
        ({"nonce": ABSENT}, NO_NONCE),
        ({"nonce": 7}, NO_NONCE),
        ({"nonce": ""}, OTHER_NONCE),
        ({"nonce": "n0nce "}, OTHER_NONCE),
        ({"nonce": "\ud800"}, OTHER_NONCE),
        ({"exp": ABSENT}, NO_TIMES),
        ({"iat": ABSENT}, NO_TIMES),
        ({"exp": str(AT + 300)}, NO_TIMES),
        ({"iat": True}, NO_TIMES),
        # To the second: the clocks may differ by SKEW, and not by the second after.
        ({"exp": AT - SKEW + 1}, None),
        ({"exp": AT - SKEW}, late("expired", 60, "ago")),
        ({"exp": AT - SKEW - 30}, late("expired", 90, "ago")),
        ({"iat": AT + SKEW}, None),
        ({"iat": AT + SKEW + 1}, late("was issued", 61, "ahead of the portal's clock")),
        ({"iat": AT - OLDEST - SKEW + 1}, None),
        ({"iat": AT - OLDEST - SKEW}, late("was issued", 660, "ago")),
        ({"nbf": AT + SKEW}, None),
        ({"nbf": AT + SKEW + 1}, NOT_YET),
        ({"nbf": "now"}, NOT_YET),
        ({"nbf": None}, NOT_YET),
        ({"sub": ""}, NO_SUBJECT),
        ({"sub": ABSENT}, NO_SUBJECT),
        ({"sub": "x" * 255}, None),
        ({"sub": "x" * 256}, NO_SUBJECT),
        ({"tid": "anything"}, None),
        ({"auth_time": 0}, None),
    ],
)
def test_claims(changes: dict[str, Any], expected: Failure | None):
    """What is good passes, and each fault alone is named."""
    assert checked(**changes) == expected


def test_the_clocks_may_differ_by_a_minute_and_a_token_is_ten_minutes_old_at_most():
    """The numbers that the table above stands on."""
    assert (SKEW, OLDEST, MOST_TOKEN_CHARACTERS) == (60, 600, 65_536)


@pytest.mark.parametrize(
    ("tid", "expected"),
    [
        (TENANT, None),
        (TENANT.upper(), None),
        ("other", Failure(R.TENANT, "the account is of another tenant (tid)")),
        (ABSENT, Failure(R.TENANT, "the account is of another tenant (tid)")),
    ],
)
def test_the_tenant_is_among_the_checks(tid: Any, expected: Failure | None):
    """A pinned one counts for a provider whose issuer holds none."""
    assert checked(replace(EXPECTED, required_claims={"tid": TENANT}), tid=tid) == expected


LONG_AGO = Failure(R.ASSURANCE, "the person authenticated longer ago than asked for")
NOT_YET = Failure(R.ASSURANCE, "auth_time is ahead of the portal's clock")
NEVER_SAID = Failure(R.ASSURANCE, "max_age was asked for; auth_time is missing")


@pytest.mark.parametrize(
    ("max_age", "auth_time", "expected"),
    [
        (None, ABSENT, None),
        (300, ABSENT, NEVER_SAID),
        (300, "x", NEVER_SAID),
        (300, AT, None),
        (300, AT - 300 - SKEW + 1, None),
        (300, AT - 300 - SKEW, LONG_AGO),
        (0, AT - SKEW + 1, None),
        (0, AT - SKEW, LONG_AGO),
        (300, AT + SKEW, None),
        (300, AT + SKEW + 1, NOT_YET),
        (None, AT + SKEW + 1, None),
    ],
)
def test_the_age_of_the_authentication(max_age: int | None, auth_time: Any, expected: Any):
    """Asked for, then checked; zero is asked for too."""
    assert checked(replace(EXPECTED, max_age=max_age), auth_time=auth_time) == expected


def test_the_first_fault_is_named():
    """Whose token it is goes before what it says."""
    wrong = {"iss": "x", "aud": "x", "typ": "bearer", "nonce": "x", "exp": 0, "sub": ""}
    order = []
    while failure := checked(**wrong):
        order.append(failure.reason)
        wrong.pop(next(iter(wrong)))
    assert order == [R.ISSUER, R.AUDIENCE, R.TYPE, R.NONCE, R.TIME, R.SUBJECT]


ALGORITHM = Failure(R.ALGORITHM, "the ID token is signed by no accepted algorithm")
EXTENSIONS = Failure(R.SIGNATURE, "the ID token's header demands unknown extensions")
OTHER_TYPE = Failure(R.TYPE, "the token is of another type than an ID token")
KEY_ID = Failure(R.SIGNATURE, "the ID token's key id is not text")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        *(({"alg": name}, None) for name in ALGORITHMS),
        ({}, ALGORITHM),
        ({"alg": "none"}, ALGORITHM),
        ({"alg": "HS256"}, ALGORITHM),
        ({"alg": "rs256"}, ALGORITHM),
        ({"alg": ["RS256"]}, ALGORITHM),
        ({"alg": None}, ALGORITHM),
        ({"alg": "RS256", "crit": []}, EXTENSIONS),
        ({"alg": "RS256", "b64": True}, EXTENSIONS),
        ({"alg": "RS256", "typ": "JWT"}, None),
        ({"alg": "RS256", "typ": "application/jwt"}, None),
        ({"alg": "RS256", "typ": "at+jwt"}, OTHER_TYPE),
        ({"alg": "RS256", "typ": ""}, OTHER_TYPE),
        ({"alg": "RS256", "typ": 7}, OTHER_TYPE),
        ({"alg": "RS256", "typ": None}, OTHER_TYPE),
        ({"alg": "RS256", "kid": "k"}, None),
        ({"alg": "RS256", "kid": 7}, KEY_ID),
        ({"alg": "RS256", "kid": None}, KEY_ID),
        ({"alg": "RS256", "jku": "https://evil.example", "jwk": {}, "x5u": "", "x5c": []}, None),
    ],
)
def test_a_header(header: dict[str, Any], expected: Failure | None):
    """Ours is the list of algorithms; keys that it brings along are not even looked at."""
    assert check_header(header) == expected


def test_each_algorithm_has_its_hash():
    """OpenID Connect Core 3.1.3.6: the one that the algorithm itself uses."""
    assert dict(ALGORITHMS) == {
        **{f"{one}{bits}": f"sha{bits}" for one in ("RS", "PS", "ES") for bits in (256, 384, 512)},
        "EdDSA": "sha512",
        "Ed25519": "sha512",
    }  # fmt: skip


NO_TOKEN = Failure(R.NO_ID_TOKEN, "the token response has no ID token")
NO_JWT = Failure(R.SIGNATURE, "the ID token is not a signed JWT")
TOO_LONG = Failure(R.NET_LIMIT, "the ID token is longer than 64 kB")
HEADER = b64(b'{"alg":"RS256"}')


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (None, NO_TOKEN),
        ("", NO_TOKEN),
        (["a.b.c"], NO_TOKEN),
        (b"a.b.c", NO_TOKEN),
        (f"{HEADER}.e30", NO_JWT),
        (f"{HEADER}.e30.x.y", NO_JWT),
        (f"{HEADER}.W10.x", NO_JWT),
        (f"{HEADER}.!.x", NO_JWT),
        ("W10.e30.x", NO_JWT),
        ("x", NO_JWT),
        ("e30.e30.x", ALGORITHM),
        (f"{HEADER}.e30.x", ({"alg": "RS256"}, {})),
        (f"{HEADER}.eyJhIjoxfQ.", ({"alg": "RS256"}, {"a": 1})),
        (f"{HEADER}.e30.".ljust(MOST_TOKEN_CHARACTERS, "x"), ({"alg": "RS256"}, {})),
        (f"{HEADER}.e30.".ljust(MOST_TOKEN_CHARACTERS + 1, "x"), TOO_LONG),
    ],
    ids=range(15),
)
def test_a_token_is_read_without_believing_it(token: object, expected: Any):
    """Three parts, the first two JSON objects; what is longer than 64 kB is not even cut."""
    assert split(token) == expected


@pytest.mark.parametrize(("levels", "read"), [(30, True), (31, False), (900, False)])
def test_a_token_that_nests_deeply_is_not_read(levels: int, *, read: bool):
    """In its header as in its claims: 32 levels of lists and objects, the outermost among them."""
    deep: list[Any] = []
    for _ in range(levels):
        deep = [deep]
    part = urlsafe_b64encode(json.dumps({"a": deep}).encode()).rstrip(b"=").decode()
    header = (
        urlsafe_b64encode(json.dumps({"alg": "RS256", "a": deep}).encode()).decode().rstrip("=")
    )
    assert (split(f"{HEADER}.{part}.x") == ({"alg": "RS256"}, {"a": deep})) is read
    assert (split(f"{header}.e30.x") == ({"alg": "RS256", "a": deep}, {})) is read


@pytest.mark.parametrize("length", range(1, 9))
def test_padding_is_made_up(length: int):
    """Base64url in a JWS comes without it, whatever its length."""
    claims = {"a": "x" * length}
    part = urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    assert split(f"{HEADER}.{part}.x") == ({"alg": "RS256"}, claims)


def half(value: str, name: str, *, padded: bool = False) -> str:
    digest = hashlib.new(name, value.encode()).digest()
    text = urlsafe_b64encode(digest[: len(digest) // 2]).decode()
    return text if padded else text.rstrip("=")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("name", ["at_hash", "c_hash"])
def test_a_hash_is_of_what_came_with_it(algorithm: str, name: str):
    """The left half of the digest; absent it says nothing, there it must be right."""
    wrong = Failure(R.SIGNATURE, f"the ID token's {name} is not of what came with it")
    good = half("secret", ALGORITHMS[algorithm])
    assert check_hash({}, algorithm, name, "secret") is None
    assert check_hash({name: good}, algorithm, name, "secret") is None
    padded = half("secret", ALGORITHMS[algorithm], padded=True)
    assert check_hash({name: padded}, algorithm, name, "secret") is None
    assert check_hash({name: good}, algorithm, name, "secret2") == wrong
    assert check_hash({name: good[:-1]}, algorithm, name, "secret") == wrong
    assert check_hash({name: good}, algorithm, name, None) == wrong
    assert check_hash({name: good}, algorithm, name, "\ud800") == wrong  # half a character
    for other in (None, 7, "", "\ud800", good.upper()):
        assert check_hash({name: other}, algorithm, name, "secret") == wrong


@pytest.mark.parametrize("last", "AQgw")
def test_only_padding_is_cut_off_a_hash(last: str):
    """A letter at its end belongs to it."""
    value = next(one for one in map(str, range(10_000)) if half(one, "sha256").endswith(last))
    good = half(value, "sha256")
    assert check_hash({"at_hash": good}, "RS256", "at_hash", value) is None
    for wrong in (f"{good}{last}", f"{good}X", good[:-1]):
        assert check_hash({"at_hash": wrong}, "RS256", "at_hash", value) is not None


OTHER_PERSON = Failure(R.USERINFO, "UserInfo is about another subject than the ID token")


@pytest.mark.parametrize(
    ("userinfo", "subject", "expected"),
    [
        ({"sub": "ada"}, "ada", None),
        ({"sub": "Ada"}, "ada", OTHER_PERSON),
        ({}, "ada", OTHER_PERSON),
        ({}, None, OTHER_PERSON),
        ({"sub": None}, None, OTHER_PERSON),
        ({"sub": 7}, 7, OTHER_PERSON),
        ([], "ada", Failure(R.USERINFO, "UserInfo is not a JSON object")),
        (None, None, Failure(R.USERINFO, "UserInfo is not a JSON object")),
    ],
)
def test_userinfo_is_of_the_same_person(userinfo: object, subject: object, expected: Any):
    """Core 5.3.2: else somebody else's address comes in with a good token."""
    assert check_userinfo(userinfo, subject) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a", True),
        ("x" * 255, True),
        ("a b", True),
        ("", False),
        (" ", False),
        ("    ", False),
        ("x" * 256, False),
        ("a\n", False),
        ("\ud800", False),
        (None, False),
        (7, False),
        (["a"], False),
    ],
)
def test_a_subject(value: object, *, expected: bool):
    """1 to 255 printable characters, as the column has it."""
    assert is_subject(value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, 0.0),
        (-1, -1.0),
        (1.5, 1.5),
        (True, None),
        (False, None),
        ("1", None),
        (None, None),
        (10**400, None),
        (float("inf"), None),
        (float("nan"), None),
    ],
)
def test_a_number(value: object, expected: float | None):
    """JSON's true is no time, and neither is what no clock reaches."""
    assert number(value) == expected


@pytest.mark.parametrize(
    ("tokens", "fits"),
    [
        ({}, True),
        ({"token_type": "Bearer"}, True),
        ({"token_type": "bEARER"}, True),
        ({"token_type": "DPoP"}, False),
        ({"token_type": None}, False),
        ({"token_type": ["Bearer"]}, False),
    ],
)
def test_an_access_token_is_a_bearer_token(tokens: dict[str, Any], *, fits: bool):
    """In any case, or unsaid; every other type is named as the fault."""
    words = "the token response is of another token_type than Bearer"
    assert check_token_type(tokens) == (None if fits else Failure(SignInReason.TYPE, words))
