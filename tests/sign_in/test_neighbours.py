"""What stands beside the numbered cases: types, keys, errors of the provider, strength, wishes."""

import time
from dataclasses import replace
from typing import Any

import pytest

from portal.sign_in.attempt import Errand, Purpose
from portal.sign_in.rules import SignInFailure, SignInReason
from tests.hostile.keys import key, public
from tests.hostile.provider import GONE, HostileProvider
from tests.sign_in.walk import Walk, browse, host, new_providers

R = SignInReason


def _in(seconds: float) -> int:
    return int(time.time() + seconds)


@pytest.mark.parametrize("kind", ["at+jwt", "logout+jwt", "application/at+jwt", "JWE", "", 1, None])
def test_another_type_of_token(walk: Walk, hostile: HostileProvider, kind: Any) -> None:
    """An access or log-out token is no ID token."""
    with hostile.lying(header={"typ": kind}):
        assert walk.refused() is R.TYPE


@pytest.mark.parametrize(
    "claims", [{"typ": "Bearer"}, {"typ": "Logout"}, {"token_use": "access"}, {"events": {}}]
)
def test_another_type_by_its_claims(
    walk: Walk, hostile: HostileProvider, claims: dict[str, Any]
) -> None:
    """Keycloak, Cognito and log-out tokens say in a claim what they are."""
    with hostile.lying(claims=claims):
        assert walk.refused() is R.TYPE


def test_real_types_pass(walk: Walk, hostile: HostileProvider) -> None:
    """Header without type, lower case; Keycloak's ID, Cognito's id."""
    for header, claims in ((GONE, "ID"), ("jwt", "id"), ("application/jwt", "ID")):
        with hostile.lying(header={"typ": header}, claims={"typ": claims, "token_use": "id"}):
            assert walk.sign_in()


@pytest.mark.parametrize("header", [{"crit": ["exp"], "exp": 1}, {"b64": False, "crit": ["b64"]}])
def test_critical_extensions(walk: Walk, hostile: HostileProvider, header: dict[str, Any]) -> None:
    """What must be understood and is not makes the token invalid (RFC 7515, 4.1.11)."""
    with hostile.lying(header=header):
        assert walk.refused() is R.SIGNATURE


@pytest.mark.parametrize("where", ["header", "claims"])
def test_lists_in_lists(walk: Walk, hostile: HostileProvider, where: str) -> None:
    """Refused where they are read first: further inside, the last level would be our fault."""
    deep: list[Any] = []
    for _ in range(100):
        deep = [deep]
    with hostile.lying(**{where: {"deep": deep}}):
        assert walk.refused() is R.SIGNATURE


@pytest.mark.parametrize(
    ("tokens", "reason"),
    [
        ({"expires_in": float("inf")}, R.NET_LIMIT),
        ({"expires_at": float("-inf")}, R.NET_LIMIT),
        ({"access_token": "\ud800"}, R.SIGNATURE),
    ],
)
def test_a_token_response_that_cannot_be_reckoned_with(
    walk: Walk, hostile: HostileProvider, tokens: dict[str, Any], reason: SignInReason
) -> None:
    """It is a refusal under its reason, not an error of the portal."""
    with hostile.lying(tokens=tokens):
        assert walk.refused() is reason


def test_what_nobody_reads_of_a_token_response_decides_nothing(
    walk: Walk, hostile: HostileProvider
) -> None:
    """How long the access token lasts is nothing to us: it is used once, or not at all."""
    with hostile.lying(tokens={"expires_in": [300], "expires_at": "soon", "scope": 7}):
        assert walk.sign_in().subject


@pytest.mark.parametrize("charset", ["punycode", "utf-7", "utf-16", "undefined", "none", "hex"])
def test_f06_json_is_utf_8_whatever_charset_it_claims(
    walk: Walk, hostile: HostileProvider, charset: str
) -> None:
    """A charset that is asked for reads another answer, and takes minutes for a megabyte of it."""
    broken = dict.fromkeys(("discovery", "jwks", "token", "userinfo"), f"charset {charset}")
    with hostile.lying(broken=broken, only_userinfo=frozenset({"email"})):
        assert walk.sign_in().email == "ada@acme.example"


@pytest.mark.parametrize("kind", ["DPoP", "mac", "N_A", "", "Bearer ", None, 1, ["Bearer"]])
def test_an_access_token_of_another_type(walk: Walk, hostile: HostileProvider, kind: Any) -> None:
    """It must be Bearer (Core 3.1.3.3); what is not understood is not used (RFC 6749, 7.1)."""
    with hostile.lying(tokens={"token_type": kind}, only_userinfo=frozenset({"email"})):
        assert walk.refused() is R.TYPE
    assert hostile.requests["userinfo"] == 0


@pytest.mark.parametrize("token", ["a\r\nHost: evil.example", "a b", "\u00e4", "", None, 1, GONE])
def test_an_access_token_that_is_no_header(
    walk: Walk, hostile: HostileProvider, token: Any
) -> None:
    """UserInfo is not asked with it: it is a refusal, not an error of the portal."""
    lies = {"tokens": {"access_token": token}, "claims": {"at_hash": GONE}}
    with hostile.lying(only_userinfo=frozenset({"email"}), **lies):
        assert walk.refused() is R.USERINFO
    assert hostile.requests["userinfo"] == 0


@pytest.mark.parametrize("kind", ["bearer", "BEARER", GONE])
def test_bearer_in_any_case_or_unsaid(walk: Walk, hostile: HostileProvider, kind: Any) -> None:
    """The type is compared without case (RFC 6749, 5.1); some providers leave it out."""
    with hostile.lying(tokens={"token_type": kind}, only_userinfo=frozenset({"email"})):
        assert walk.sign_in().email == "ada@acme.example"


def test_a_claim_of_nothing_is_not_said(walk: Walk, hostile: HostileProvider) -> None:
    """Null is no claim (Core 5.3.2): UserInfo is asked, and its word is not struck out by it."""
    with hostile.lying(claims=dict.fromkeys(("email", "email_verified", "name"))):
        identity = walk.sign_in()
    assert (identity.email, identity.email_verified) == ("ada@acme.example", True)
    assert identity.name == "Ada Lovelace"


def test_hashes_of_what_came_along(walk: Walk, hostile: HostileProvider) -> None:
    """An access token or code that was swapped under a true ID token."""
    for claims in ({"at_hash": "AAAA"}, {"at_hash": None}, {"c_hash": "AAAA"}):
        with hostile.lying(claims=claims):
            assert walk.refused() is R.SIGNATURE
    with hostile.lying(claims={"at_hash": GONE}):
        assert walk.sign_in()


def test_a_long_header(walk: Walk, hostile: HostileProvider) -> None:
    """Some providers send their whole chain of certificates along; it is not used."""
    with hostile.lying(header={"x5c": ["MIIB" * 500] * 3}):
        assert walk.sign_in()


def test_several_keys_and_no_kid(walk: Walk, hostile: HostileProvider) -> None:
    """Without a name every key of the algorithm may have signed; a stranger's still may not."""
    keys = {"keys": [public(key("x")), public(key("curve", "EC")), public(hostile.key)]}
    with hostile.lying(header={"kid": GONE}, keys=keys):
        assert walk.sign_in()
        with hostile.lying(signature="other-key"):
            assert walk.refused() is R.SIGNATURE


def test_two_keys_of_one_name(walk: Walk, hostile: HostileProvider) -> None:
    """Both are tried, whichever comes first."""
    twin = public(key("twin"), kid=hostile.key.kid)
    for order in ((twin, public(hostile.key)), (public(hostile.key), twin)):
        with hostile.lying(keys={"keys": list(order)}):
            assert Walk(new_providers(), walk.connection).sign_in()


def test_key_for_another_purpose(walk: Walk, hostile: HostileProvider) -> None:
    """A key for encryption, of another algorithm, or without its public half, checks nothing."""
    for change in ({"use": "enc"}, {"alg": "RS512"}, {"key_ops": ["encrypt"]}, {"d": "AAAA"}):
        other = public(key("curve", "EC"))
        with hostile.lying(keys={"keys": [other, public(hostile.key, **change)]}):
            assert Walk(new_providers(), walk.connection).refused() is R.SIGNATURE


def test_huge_token(walk: Walk, hostile: HostileProvider) -> None:
    """A token of 200 groups passes, one above 64 kB does not."""
    with hostile.lying(claims={"groups": ["0" * 36] * 200}):
        assert walk.sign_in()
    with hostile.lying(claims={"groups": ["0" * 36] * 2000}):
        assert walk.refused() is R.NET_LIMIT


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("access_denied", R.DENIED),
        ("consent_required", R.DENIED),
        ("unmet_authentication_requirements", R.ASSURANCE),
        ("server_error", R.PROVIDER_ERROR),
        ("login_required", R.PROVIDER_ERROR),
        ("<script>alert(1)</script>", R.PROVIDER_ERROR),
    ],
)
def test_error_callbacks(
    walk: Walk, hostile: HostileProvider, error: str, reason: SignInReason
) -> None:
    """An error is believed before any code, and nothing of its text goes on."""
    entra = "AADSTS65004: User declined.\r\nTrace ID: 7c839d05\r\nTimestamp: 2023-08-28"
    said = {"code": "stolen", "error_description": entra}
    with hostile.lying(error=error, callback=said):
        begun = walk.begin()
        with pytest.raises(SignInFailure) as refused:
            walk.finish(begun, browse(begun.url))
    assert refused.value.reason is reason
    assert refused.value.attempt_id is not None
    assert "<" not in refused.value.detail
    assert hostile.requests["token"] == 0


@pytest.mark.parametrize("name", ["code", "state", "iss", "error"])
def test_a_parameter_twice(walk: Walk, hostile: HostileProvider, name: str) -> None:
    """Two readers would read two answers (RFC 6749, 3.1)."""
    with hostile.lying(callback={name: ["one", "two"]}):
        assert walk.refused() is R.STATE
    assert hostile.requests["token"] == 0


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("invalid_client", R.TOKEN_ENDPOINT),
        ("unauthorized_client", R.TOKEN_ENDPOINT),
        ("invalid_grant", R.STATE),
        ("temporarily_unavailable", R.PROVIDER_ERROR),
        (None, R.TOKEN_ENDPOINT),
        ({"a": 1}, R.TOKEN_ENDPOINT),
    ],
)
def test_token_errors(
    walk: Walk, hostile: HostileProvider, error: Any, reason: SignInReason
) -> None:
    """Whose side it is on depends on what the token endpoint says."""
    with hostile.lying(tokens={"error": error}):
        assert walk.refused() is reason


def test_wrong_secret(walk: Walk) -> None:
    """Our own mistake is the admin's to mend."""
    walk.connection = replace(walk.connection, client_secret="wrong")
    begun = walk.begin()
    with pytest.raises(SignInFailure) as refused:
        walk.finish(begun, browse(begun.url))
    assert refused.value.reason is R.TOKEN_ENDPOINT
    assert refused.value.side.value == "admin"


@pytest.mark.parametrize("client_auth", ["client_secret_basic", "client_secret_post"])
def test_client_authentication(walk: Walk, hostile: HostileProvider, client_auth: str) -> None:
    """Both ways, with a secret full of characters that must be encoded (RFC 6749, 2.3.1)."""
    hostile.accepts_client_auth = (client_auth,)
    walk.connection = replace(walk.connection, client_auth=client_auth)
    assert walk.sign_in()


def test_strength_is_asked_for_then_checked(walk: Walk, hostile: HostileProvider) -> None:
    """Any accepted class or method will do; none will not."""
    walk.connection = replace(
        walk.connection, accepted_acr=("gold", "silver"), accepted_amr=("mfa",)
    )
    for claims in ({}, {"acr": "bronze"}, {"amr": ["pwd"]}, {"acr": ["gold"]}, {"amr": "x mfa"}):
        with hostile.lying(claims=claims):
            assert walk.refused() is R.ASSURANCE
    for claims in ({"acr": "silver"}, {"amr": ["pwd", "mfa"]}, {"amr": "mfa"}):
        with hostile.lying(claims=claims):
            assert walk.sign_in()
    assert hostile.received["authorize"]["acr_values"] == "gold silver"
    assert "claims" not in hostile.received["authorize"]
    with hostile.lying(document={"claims_parameter_supported": True}, claims={"acr": "gold"}):
        assert Walk(new_providers(), walk.connection).sign_in()
    assert '"essential":true' in hostile.received["authorize"]["claims"]


def test_strength_of_a_trial_is_shown_not_refused(walk: Walk) -> None:
    """The admission decision names it among its reasons."""
    walk.connection = replace(walk.connection, accepted_acr=("gold",))
    assert walk.sign_in(Errand(purpose=Purpose.TRIAL)).acr is None


def test_recent_authentication(walk: Walk, hostile: HostileProvider) -> None:
    """What max_age asks for, auth_time must show."""
    errand = Errand(max_age=300)
    for value in (GONE, _in(-600), "now", True):
        with hostile.lying(claims={"auth_time": value}):
            assert walk.refused(errand) is R.ASSURANCE
    with hostile.lying(claims={"auth_time": _in(-200) + 0.25}):
        assert walk.sign_in(errand).authenticated_at is not None
    with hostile.lying(claims={"auth_time": 0}):
        assert walk.sign_in().authenticated_at is None


def test_wishes(walk: Walk, hostile: HostileProvider) -> None:
    """Another account, and the address that was typed."""
    walk.sign_in(Errand(select_account=True, login_hint="ada@acme.example"))
    assert hostile.received["authorize"]["prompt"] == "select_account"
    assert hostile.received["authorize"]["login_hint"] == "ada@acme.example"


@pytest.mark.parametrize(
    "claims",
    [{"acct": 1}, {"acct": "1"}, {"idp": "live.com"}, {"idp": "https://sts.windows.net/x/"}],
)
def test_guests_of_the_hosts_own_directory(
    hostile: HostileProvider, claims: dict[str, Any]
) -> None:
    """Employees are members of the directory; its guests are somebody else's people."""
    staff = Walk(new_providers(), host(hostile))
    with hostile.lying(claims=claims):
        assert staff.refused(Errand(purpose=Purpose.STAFF)) is R.TENANT
    with hostile.lying(claims={"acct": 0, "idp": hostile.issuer}):
        assert staff.sign_in(Errand(purpose=Purpose.STAFF)).organisation_id is None
    asked = hostile.received["authorize"]
    assert asked["redirect_uri"] == "https://guests.host.example/staff/sign-in/callback"
