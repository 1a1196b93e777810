"""What a provider and a browser bring: claims, tokens, answers, documents, keys."""

import json
import math
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portal.admission.identity import Unknown, VerifiedIdentity, as_text, claim_values
from portal.admission.rules import has_required_claims
from portal.foundation import outbound_http  # its Answer is another one than the protocol's
from portal.foundation.text import canonical_email, clean_name
from portal.sign_in.keys import KeySet, kept_keys, read_keys
from portal.sign_in.rules import (
    Answer,
    Expected,
    Failure,
    Metadata,
    check_claims,
    check_hash,
    check_header,
    check_tenant,
    check_userinfo,
    identity_of,
    is_directory_guest,
    provider_error,
    read_answer,
    read_metadata,
    split,
    tenant_of,
    token_error,
)
from tests.admission.facts import IDENTITY
from tests.hostile.keys import signing_input
from tests.properties.texts import emails, json_values, texts
from tests.sign_in.test_rules import ACME

pytestmark = pytest.mark.properties

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
EXPECTED = Expected(ACME.issuer, ACME.client_id, "n", NOW, {"tid": "x"}, max_age=60)
CLAIMS = re.findall(
    r"\w+",
    """
    iss aud azp exp iat nbf nonce sub typ token_use events tid acct idp auth_time acr amr sid email
    email_verified xms_edov name given_name family_name groups hasgroups _claim_names department
    """,
)
claims = st.dictionaries(st.sampled_from(CLAIMS) | texts, json_values | emails, max_size=12)
GOOD: dict[str, Any] = {
    "iss": ACME.issuer, "aud": ACME.client_id, "nonce": "n", "exp": NOW.timestamp() + 60,
    "iat": NOW.timestamp(), "sub": "s", "tid": "x", "auth_time": NOW.timestamp(),
}  # fmt: skip


@given(claims, claims)
@example({"sub": "s", "email": "a@acme.com", "amr": [None, "mfa"]}, {})
def test_claims_make_a_person_or_a_failure(token: dict[str, Any], userinfo: dict[str, Any]):
    """Never an error of another kind; what is kept is clean and can be stored."""
    found = identity_of(ACME, {"sub": "s", **token}, userinfo)
    if isinstance(found, Failure):
        return
    assert isinstance(found, VerifiedIdentity)
    assert found.subject == token.get("sub", "s")
    assert found.subject.isprintable()
    assert found.email is None or canonical_email(found.email) == found.email
    assert found.name is None or clean_name(found.name, 500) == found.name
    assert not found.email_verified or found.email is not None
    assert all(isinstance(one, str) for one in (*found.profile.values(), *found.amr))
    json.dumps(dict(found.claims), allow_nan=False, ensure_ascii=False).encode()
    for name in ("acr", "amr", "sid", "auth_time"):
        if name not in token:
            assert name not in found.claims


@given(claims)
def test_only_what_fits_in_everything_passes(lie: dict[str, Any]):
    """Any claim put over a good one either fails the check or says the same."""
    assert check_claims(GOOD, EXPECTED) is None
    if check_claims({**GOOD, **lie}, EXPECTED) is None:
        for name in ("iss", "nonce", "tid", "sub"):
            said = lie.get(name, GOOD[name])
            assert said == GOOD[name] or (name in {"sub", "tid"} and isinstance(said, str))
        assert lie.get("aud", ACME.client_id) in (ACME.client_id, [ACME.client_id])
    check_tenant(lie, ACME.issuer, {})
    is_directory_guest(lie, ACME.issuer)
    assert check_userinfo(lie, "s") is None or lie.get("sub") != "s"
    for name in ("at_hash", "c_hash"):
        check_hash(lie, "RS256", name, "x")


@given(texts, json_values)
def test_a_claim_has_text_values_or_says_nothing(name: str, value: Any):
    """A frozen set of text, or why not."""
    found = claim_values({name: value}, name)
    assert isinstance(found, Unknown) or all(isinstance(one, str) for one in found)


@given(json_values)
@example(True)
@example(1)
@example(1.0)
def test_a_scalar_claim_is_one_text(value: Any):
    """Text is itself, a number and a truth are as JSON writes them; nothing else is a text."""
    found = as_text(value)
    if isinstance(value, str):
        assert found == value
    elif isinstance(value, int):
        assert found == json.dumps(value)
        assert type(json.loads(found)) is type(value)
    else:
        assert found is None
    assert found is None or as_text(found) == found


WORDS = st.sampled_from(["true", "True", "1", "None", "kK", "KK", "\u0130", "\u212ak"]) | texts
VALUES_OF_CLAIMS = WORDS.map(str.strip).filter(lambda one: one and one.isprintable())
TENANTS = st.uuids().map(str) | st.uuids().map(lambda one: str(one).upper())
required_claims = st.builds(
    lambda words, tenant: words | tenant,
    st.dictionaries(st.sampled_from(["hd", "employee", "company"]), VALUES_OF_CLAIMS, max_size=2),
    st.dictionaries(st.just("tid"), TENANTS, max_size=1),
)


@given(required_claims, claims, st.data())
def test_required_claims_are_all_there_to_the_letter(
    required: dict[str, str], more: dict[str, Any], data: st.DataObject
):
    """Whatever else is said, none may lack or be another; a tenant alone is in either case."""

    def passes(said: dict[str, Any]) -> bool:
        return has_required_claims(replace(IDENTITY, claims=said), required)

    good = {**more, **required}
    assert passes(good)
    for claim, value in required.items():
        assert not passes({name: it for name, it in good.items() if name != claim})
        assert not passes({**good, claim: [value]})
        near = st.sampled_from([value.upper(), value.lower(), value[1:], f"{value} ", [], None])
        said = data.draw(near | WORDS | json_values)
        text = as_text(said)
        in_either_case = claim == "tid" and text is not None and text.lower() == value.lower()
        assert passes({**good, claim: said}) is (text == value or in_either_case)


@given(json_values | st.dictionaries(texts, json_values, max_size=4), st.integers(0, 40))
@example({"a": math.inf}, 0)
def test_a_body_is_one_object_or_nothing(value: Any, cut: int):
    """Round trip of what JSON can say; of whatever is broken, no part."""
    text = json.dumps(value)
    finite = not re.search(r"NaN|Infinity", re.sub(r'"(\\.|[^"\\])*"', "", text))
    found = outbound_http.Answer(200, text.encode()).object()
    if isinstance(value, dict) and finite:
        assert json.dumps(found) == text
    else:
        assert found is None
    if cut:
        assert outbound_http.Answer(200, text.encode()[:-cut]).object() is None
        assert outbound_http.Answer(200, text.encode() + b"{}").object() is None


@given(st.binary(max_size=60) | st.binary(max_size=40).map(lambda one: b'{"a":"' + one + b'"}'))
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b'{"a":' + b"1" * 5000 + b"}")
def test_any_bytes_are_an_object_or_nothing(body: bytes):
    """Never an error."""
    found = outbound_http.Answer(200, body).object()
    assert found is None or isinstance(found, dict)


@given(st.dictionaries(texts, st.integers(), max_size=3), st.sampled_from(["utf-16", "utf-32"]))
@example({"a": 1}, "utf-16")
def test_a_body_is_utf_8_alone(value: dict[str, int], encoding: str):
    """RFC 8259, 8.1."""
    assert outbound_http.Answer(200, json.dumps(value).encode(encoding)).object() is None


@given(st.integers(1, 9), st.integers(309, 10**6))
def test_a_body_knows_no_infinite_number(digit: int, power: int):
    """Nor one that becomes infinite when it is read."""
    assert outbound_http.Answer(200, f'{{"exp":{digit}e{power}}}'.encode()).object() is None


@given(
    st.dictionaries(st.sampled_from(["alg", "typ", "kid", "crit", "b64"]) | texts, json_values),
    json_values,
)
def test_a_token_is_split_or_refused(header: dict[str, Any], body: Any):
    """Whatever is between the dots; an algorithm that is not ours never comes through."""
    try:
        token = f"{signing_input(header, body)}.x"
    except UnicodeEncodeError:
        return
    for text in (token, token[:-2], token + ".x", "." + token):
        found = split(text)
        if not isinstance(found, Failure):
            assert check_header(found[0]) is None
            assert str(found[0]["alg"])[:2] in {"RS", "PS", "ES", "Ed"}


@given(texts | json_values)
def test_what_is_no_token_is_refused(value: Any):
    """Any text or JSON value in its place."""
    assert isinstance(split(value), Failure)


NAMES = st.sampled_from(["state", "code", "iss", "error", "error_description", "x"])


@given(st.dictionaries(NAMES, st.lists(texts, max_size=2)))
def test_an_answer_is_whole_or_refused(args: dict[str, list[str]]):
    """With a state and either a code or an error, each of them once and printable."""
    found = read_answer(args)
    if isinstance(found, Answer):
        assert found.state
        assert (found.code is None) is (found.error is not None)
        assert all(
            one is None or one.isprintable() for one in (found.state, found.code, found.error)
        )


@given(json_values)
def test_an_error_becomes_a_reason(error: Any):
    """The line for the log is plain, whatever the provider wrote."""
    for failure in (token_error(error), provider_error(str(error))):
        assert failure.detail.isprintable()
        assert len(failure.detail) < 200


ADDRESSES = st.sampled_from(
    ["https://id.acme.example/x", "http://id.acme.example/", "javascript:x", "https://[::1", "//x"]
)
DOCUMENT = {
    "issuer": ACME.issuer,
    "authorization_endpoint": "https://id.acme.example/a",
    "token_endpoint": "https://id.acme.example/t",
    "jwks_uri": "https://id.acme.example/k",
}


@given(st.dictionaries(st.sampled_from([*DOCUMENT, "userinfo_endpoint"]), ADDRESSES | json_values))
def test_a_document_is_usable_or_refused(changes: dict[str, Any]):
    """Every address that is kept is a plain https one of the issuer that was configured."""
    found = read_metadata({**DOCUMENT, **changes}, ACME.issuer, development=False)
    if isinstance(found, Metadata):
        assert found.issuer == ACME.issuer
        for address in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            assert address.startswith("https://")
            assert address.isprintable()
        assert all(found.hosts)


PARTS = st.sampled_from(
    ["kty", "kid", "use", "key_ops", "alg", "n", "e", "crv", "x", "y", "d", "k"]
)
VALUES = st.sampled_from(["RSA", "EC", "OKP", "oct", "sig", "AQAB", "P-256", "Ed25519", "A" * 43])


@given(
    st.lists(st.dictionaries(PARTS, VALUES | json_values) | json_values, max_size=4) | json_values
)
def test_keys_are_read_or_refused(keys: Any):
    """No key set breaks the reader; symmetric and private keys are never among those kept."""
    found = read_keys({"keys": keys})
    if isinstance(found, KeySet):
        assert found.keys
        assert all(one.key.key_type in {"RSA", "EC", "OKP"} for one in found.keys)
    for one in kept_keys({"keys": keys}).get("keys", []):
        assert one.get("d", "") == ""
        assert "k" not in one


@given(texts)
def test_the_tenant_of_any_text(text: str):
    """A tenant is lower case, or there is none."""
    try:
        tenant = tenant_of(text)
    except ValueError:
        return  # an issuer is checked before it is kept: no such text is one
    assert tenant is None or tenant == tenant.lower()
