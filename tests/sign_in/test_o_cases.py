"""Part 1 of the cases, in the conversation: each lie is refused under its own reason."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from portal.sign_in.rules import SignInFailure, SignInReason
from tests.hostile.keys import key, public
from tests.hostile.provider import CLIENT_ID, GONE, HostileProvider
from tests.sign_in.walk import Walk, browse, new_providers, partner

R = SignInReason
TENANT = "11111111-2222-3333-4444-555555555555"
OTHER_TENANT = "99999999-2222-3333-4444-555555555555"


def test_honest(walk: Walk, hostile: HostileProvider) -> None:
    """Without a lie the person comes in: code, S256, state, nonce, the one redirect URI."""
    identity = walk.sign_in()
    assert (identity.subject, identity.email) == ("a8f5f167", "ada@acme.example")
    asked, redeemed = hostile.received["authorize"], hostile.received["token"]
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == redeemed["redirect_uri"]
    assert asked["redirect_uri"] == "https://guests.host.example/sign-in/acme/main/callback"
    assert {"state", "nonce", "code_challenge"} <= asked.keys()
    assert "client_secret" not in redeemed


@pytest.mark.parametrize("addresses", ["verified", "trusted"])
def test_o01_another_issuer(walk: Walk, hostile: HostileProvider, addresses: str) -> None:
    """The ID token of another registered partner's issuer."""
    walk.connection = replace(walk.connection, addresses=addresses, required_claims={"hd": "a"})
    for issuer in ("https://id.other.example", hostile.issuer + "/", None, [hostile.issuer]):
        with hostile.lying(claims={"iss": issuer}):
            assert walk.refused() is R.ISSUER


@pytest.mark.parametrize(
    "named",
    [
        pytest.param(lambda _: GONE, id="none"),
        pytest.param(lambda issuer: issuer + "/", id="slash"),
        pytest.param(lambda issuer: issuer.replace("http", "HTTP"), id="case"),
        pytest.param(lambda issuer: [issuer], id="list"),
    ],
)
def test_o02_metadata_names_another_issuer(
    walk: Walk, hostile: HostileProvider, named: Callable[[str], Any]
) -> None:
    """A discovery document without exactly the configured issuer makes the partner unusable."""
    with hostile.lying(document={"issuer": named(hostile.issuer)}):
        assert walk.refused() is R.METADATA
        assert not walk.providers.test(walk.connection).passed
    assert hostile.requests["authorize"] == 0
    assert walk.sign_in()


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"aud": "another", "azp": CLIENT_ID}, id="azp is ours"),
        pytest.param({"aud": [CLIENT_ID, "untrusted"]}, id="one more"),
        pytest.param({"aud": [CLIENT_ID, "untrusted"], "azp": CLIENT_ID}, id="one more, azp"),
        pytest.param({"azp": "another"}, id="azp is another"),
        pytest.param({"azp": None}, id="azp is null"),
        pytest.param({"aud": []}, id="empty"),
        pytest.param({"aud": GONE}, id="none"),
        pytest.param({"aud": {"0": CLIENT_ID}}, id="object"),
        pytest.param({"aud": CLIENT_ID.upper()}, id="case"),
    ],
)
def test_o03_audience(walk: Walk, hostile: HostileProvider, claims: dict[str, Any]) -> None:
    """An ID token is for this portal alone."""
    with hostile.lying(claims=claims):
        assert walk.refused() is R.AUDIENCE


def test_o03_audience_as_a_list_passes(walk: Walk, hostile: HostileProvider) -> None:
    """Real providers send a string or a list, and azp beside it."""
    with hostile.lying(claims={"aud": [CLIENT_ID], "azp": CLIENT_ID}):
        assert walk.sign_in()


@pytest.mark.parametrize("algorithm", ["none", "nOnE", "NONE", "", None, GONE])
def test_o05_no_signature(walk: Walk, hostile: HostileProvider, algorithm: Any) -> None:
    """No algorithm is no signature, however it is spelled."""
    header = {} if algorithm is GONE else {"alg": algorithm}
    with hostile.lying(signature="none", header=header):
        assert walk.refused() is R.ALGORITHM


@pytest.mark.parametrize("algorithm", ["XX256", "rs256", "ES256K", "RSA-OAEP", 256, ["RS256"]])
def test_unknown_algorithm(walk: Walk, hostile: HostileProvider, algorithm: Any) -> None:
    """What is not on our list is not tried, whatever the metadata says."""
    with hostile.lying(
        signature="none",
        header={"alg": algorithm},
        document={"id_token_signing_alg_values_supported": [algorithm, "RS256"]},
    ):
        assert walk.refused() is R.ALGORITHM


@pytest.mark.parametrize("secret", ["pem", "secret", "empty"])
def test_o07_symmetric_signature(walk: Walk, hostile: HostileProvider, secret: str) -> None:
    """HS256 under a public key, the client secret or nothing is not a signature of the provider."""
    offered = {"id_token_signing_alg_values_supported": ["HS256", "RS256"]}
    symmetric = {"kty": "oct", "kid": hostile.key.kid, "k": "AAAA", "alg": "HS256"}
    with hostile.lying(
        signature=f"hmac-{secret}",
        document=offered,
        keys={"keys": [symmetric, public(hostile.key)]},
    ):
        assert walk.refused() is R.ALGORITHM


def test_o08_a_new_key(walk: Walk, hostile: HostileProvider) -> None:
    """A roll-over between two sign-ins costs one fetch and no restart, also under the old name."""
    walk.sign_in()
    hostile.roll("rolled")
    assert walk.sign_in()
    assert hostile.requests["jwks"] == 2
    hostile.key = key("rolled-silently")
    same_name = {"keys": [public(hostile.key, kid="rolled")]}
    with hostile.lying(keys=same_name, header={"kid": "rolled"}):
        assert walk.sign_in()
    assert hostile.requests["jwks"] == 3


def test_o08_a_new_kind_of_key(walk: Walk, hostile: HostileProvider) -> None:
    """The next key may be of another kind."""
    walk.sign_in()
    hostile.roll("curve", "EC", "ES256")
    assert walk.sign_in()
    hostile.roll("edwards", "OKP", "EdDSA")
    assert walk.sign_in()


@pytest.mark.parametrize("lie", [{"signature": "flipped"}, {"header": {"kid": "unknown"}}])
def test_o11_bad_tokens_make_few_fetches(
    walk: Walk, hostile: HostileProvider, lie: dict[str, Any]
) -> None:
    """A hundred bad tokens in a minute: each refused, five fetches at most."""
    walk.sign_in()
    with hostile.lying(**lie, only_userinfo=frozenset()):
        for number in range(100):
            if "header" in lie:
                hostile.lies = replace(hostile.lies, header={"kid": f"random-{number}"})
            assert walk.refused() is R.SIGNATURE
    assert hostile.requests["jwks"] <= 5
    assert walk.sign_in()


@pytest.mark.parametrize("signature", ["other-key", "stripped", "flipped", "jwk-in-header"])
def test_f08_signed_by_somebody_else(walk: Walk, hostile: HostileProvider, signature: str) -> None:
    """Another key, no signature, a changed one, a key that the token brings along."""
    with hostile.lying(signature=signature):
        assert walk.refused() is R.SIGNATURE


@pytest.mark.parametrize("member", ["jku", "x5u"])
def test_f08_addresses_in_the_header_are_not_fetched(
    walk: Walk, hostile: HostileProvider, another: Callable[..., HostileProvider], member: str
) -> None:
    """The header may name where keys are; nobody goes there."""
    thief = another()
    with hostile.lying(signature="other-key", header={member: f"{thief.issuer}/jwks"}):
        assert walk.refused() is R.SIGNATURE
    assert not thief.requests


@pytest.mark.parametrize("nonce", [GONE, None, "", "of-another-session", 7, ["x"]])
def test_o12_nonce(walk: Walk, hostile: HostileProvider, nonce: Any) -> None:
    """The nonce is always sent and always compared, whatever the provider says it supports."""
    with hostile.lying(claims={"nonce": nonce}, document={"nonce_supported": False}):
        assert walk.refused() is R.NONCE


def test_o12_nonce_of_another_session(walk: Walk, hostile: HostileProvider) -> None:
    """A code of one attempt, brought back for another one of the same person."""
    first, second = walk.begin(), walk.begin()
    args = browse(first.url)
    swapped = replace(
        second, attempt=replace(second.attempt, code_verifier=first.attempt.code_verifier)
    )
    with pytest.raises(SignInFailure) as refused:
        walk.finish(swapped, args)
    assert refused.value.reason is R.NONCE


def test_o14_the_answer_of_another_issuer(
    walk: Walk, hostile: HostileProvider, another: Callable[..., HostileProvider]
) -> None:
    """An answer that says it is B's, at A's address: A's code is not sent to anybody."""
    other = another()
    for issuer in (other.issuer, hostile.issuer + "/", ""):
        with hostile.lying(callback={"iss": issuer}):
            assert walk.refused() is R.MIX_UP
    assert hostile.requests["token"] == other.requests["token"] == 0


def test_o14_an_issuer_that_was_promised(walk: Walk, hostile: HostileProvider) -> None:
    """Who promises RFC 9207 must keep it; who does not may send it all the same."""
    promise = {"authorization_response_iss_parameter_supported": True}
    with hostile.lying(document=promise):
        assert walk.refused() is R.MIX_UP
        with hostile.lying(callback={"iss": hostile.issuer}):
            assert walk.sign_in()
    fresh = Walk(new_providers(), walk.connection)
    with hostile.lying(callback={"iss": hostile.issuer, "session_state": "x"}):
        assert fresh.sign_in()


def test_o14_an_error_of_another_issuer(walk: Walk, hostile: HostileProvider) -> None:
    """The check comes before the error is believed."""
    with hostile.lying(error="access_denied", callback={"iss": "https://b.example"}):
        assert walk.refused() is R.MIX_UP


def test_o16_a_code_twice(walk: Walk) -> None:
    """The second callback finds the code redeemed; it must not spoil the first one's attempt."""
    begun = walk.begin()
    args = browse(begun.url)
    assert walk.finish(begun, args)
    with pytest.raises(SignInFailure) as refused:
        walk.finish(begun, args)
    assert refused.value.reason is R.STATE
    assert refused.value.attempt_id is None


def _in(seconds: float) -> int:
    return int(time.time() + seconds)


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param(lambda: {"exp": _in(-360)}, id="expired 6 min ago"),
        pytest.param(lambda: {"exp": _in(-75)}, id="expired 75 s ago"),
        pytest.param(lambda: {"iat": _in(600)}, id="issued in 10 min"),
        pytest.param(lambda: {"iat": _in(75)}, id="issued in 75 s"),
        pytest.param(lambda: {"iat": _in(-365 * 86400)}, id="issued a year ago"),
        pytest.param(lambda: {"exp": str(_in(300))}, id="exp as text"),
        pytest.param(lambda: {"exp": True}, id="exp as bool"),
        pytest.param(lambda: {"exp": None}, id="exp null"),
        pytest.param(lambda: {"exp": GONE}, id="no exp"),
        pytest.param(lambda: {"exp": [_in(300)]}, id="exp as list"),
        pytest.param(lambda: {"iat": GONE}, id="no iat"),
        pytest.param(lambda: {"iat": str(_in(0))}, id="iat as text"),
        pytest.param(lambda: {"exp": 10**400}, id="exp beyond numbers"),
        pytest.param(lambda: {"nbf": _in(600)}, id="not yet"),
        pytest.param(lambda: {"nbf": "now"}, id="nbf as text"),
    ],
)
def test_o17_times(
    walk: Walk, hostile: HostileProvider, claims: Callable[[], dict[str, Any]]
) -> None:
    """Times are numbers, and of now."""
    with hostile.lying(claims=claims()):
        assert walk.refused() is R.TIME


def test_o17_clocks_may_differ_by_a_minute(walk: Walk, hostile: HostileProvider) -> None:
    """60 seconds of skew pass, either way; so do fractions."""
    with hostile.lying(claims={"exp": _in(-50), "iat": _in(-350)}):
        assert walk.sign_in()
    with hostile.lying(claims={"iat": _in(55), "nbf": _in(55), "exp": _in(300) + 0.5}):
        assert walk.sign_in()


@pytest.mark.parametrize(
    "subject",
    [GONE, None, "", " ", "   ", ["a"], 7, True, {"a": 1}, "x" * 256, "a\0b", "a\nb", "a\u202eb"],
)
def test_o19_subject(walk: Walk, hostile: HostileProvider, subject: Any) -> None:
    """A subject is 1 to 255 printable characters."""
    with hostile.lying(claims={"sub": subject}, userinfo={"sub": subject}):
        assert walk.refused() is R.SUBJECT


def test_o19_chosen_subject_claim(walk: Walk, hostile: HostileProvider) -> None:
    """The chosen claim must be there; sub, or UserInfo's, does not stand in for it."""
    walk.connection = replace(walk.connection, subject_claim="oid", required_claims={"tid": TENANT})
    hostile.person = {**hostile.person, "tid": TENANT}
    with hostile.lying(userinfo={"oid": "from-userinfo"}):
        assert walk.refused() is R.SUBJECT
    with hostile.lying(claims={"oid": "stable"}):
        assert walk.sign_in().subject == "stable"


@pytest.mark.parametrize("subject", ["another", GONE, None, ["a8f5f167"], "A8F5F167"])
def test_o21_userinfo_of_somebody_else(walk: Walk, hostile: HostileProvider, subject: Any) -> None:
    """UserInfo must be about the subject of the ID token."""
    with hostile.lying(only_userinfo=frozenset({"email"}), userinfo={"sub": subject}):
        assert walk.refused() is R.USERINFO


def test_o21_userinfo_may_not_speak_for_the_token(walk: Walk, hostile: HostileProvider) -> None:
    """What is said of the sign-in itself is believed from the signed token alone."""
    walk.connection = replace(walk.connection, accepted_acr=("gold",))
    with hostile.lying(
        only_userinfo=frozenset({"email"}),
        userinfo={"acr": "gold", "amr": ["mfa"], "tid": TENANT, "auth_time": 1},
    ):
        assert walk.refused() is R.ASSURANCE
        walk.connection = replace(walk.connection, accepted_acr=())
        identity = walk.sign_in()
    assert (identity.acr, identity.amr, identity.authenticated_at) == (None, (), None)
    assert "tid" not in identity.claims


@pytest.mark.parametrize("token", [GONE, None, "", 7, ["a.b.c"]])
def test_o22_no_id_token(walk: Walk, hostile: HostileProvider, token: Any) -> None:
    """An access token alone signs nobody in; UserInfo is not even asked."""
    with hostile.lying(tokens={"id_token": token}):
        assert walk.refused() is R.NO_ID_TOKEN
    assert hostile.requests["userinfo"] == 0


@pytest.mark.parametrize("tid", [OTHER_TENANT, GONE, None, [TENANT], ""])
def test_o24_another_tenant(another: Callable[..., HostileProvider], walk: Walk, tid: Any) -> None:
    """A token whose tenant is not that of the issuer, or not the pinned one."""
    entra = another(path=f"/{TENANT}/v2.0")
    by_issuer = Walk(new_providers(), partner(entra))
    pinned = Walk(new_providers(), partner(entra, required_claims={"tid": TENANT}))
    with entra.lying(claims={"tid": tid}):
        assert by_issuer.refused() is R.TENANT
        assert pinned.refused() is R.TENANT
    with entra.lying(claims={"tid": TENANT.upper()}):
        assert by_issuer.sign_in()
        assert pinned.sign_in()


def test_o24_pinned_tenant_of_a_shared_issuer(walk: Walk, hostile: HostileProvider) -> None:
    """One issuer for everybody, told apart by tid."""
    walk.connection = replace(walk.connection, required_claims={"tid": TENANT})
    with hostile.lying(claims={"tid": OTHER_TENANT}):
        assert walk.refused() is R.TENANT
