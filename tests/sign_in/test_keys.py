"""A provider's key set: which keys count, and what of them is kept (RFC 7517, 7518)."""

import pytest

from portal.sign_in.keys import KeySet, kept_keys, read_keys
from portal.sign_in.rules import SignInReason
from tests.hostile.keys import b64, key, public
from tests.hostile.provider import HostileProvider
from tests.sign_in.walk import Walk

R = SignInReason
PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth")


@pytest.mark.parametrize("part", PRIVATE)
def test_a_key_whose_private_half_leaked_in_parts(
    walk: Walk, hostile: HostileProvider, part: str
) -> None:
    """Whoever reads one prime can sign (RFC 7518, 6.3.2): any private part is the private half."""
    leaked = dict(key("first").as_dict(private=True)) | {"oth": [{"r": "AQAB"}]}
    with hostile.lying(keys={"keys": [public(hostile.key, **{part: leaked[part]})]}):
        assert walk.refused() is R.METADATA


@pytest.mark.parametrize("part", PRIVATE)
def test_a_leaked_part_is_not_kept_but_that_it_leaked(part: str) -> None:
    """The set that the database holds gives the same keys, and the part itself is not in it."""
    leaked = public(key("first"), **{part: "cHJpdmF0ZQ"})
    kept = kept_keys({"keys": [leaked, public(key("second"))]})
    assert "cHJpdmF0ZQ" not in str(kept)
    for document in ({"keys": [leaked, public(key("second"))]}, kept):
        found = read_keys(document)
        assert isinstance(found, KeySet)
        assert [one.kid for one in found.keys] == ["second"]
        assert found.left_out == (
            "a key whose private half is published: whoever reads it can sign",
        )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param({"n": b64(b"\xff" * 1024)}, None, id="8192 bits"),
        pytest.param(
            {"n": b64(b"\xff" * 1040)},
            "an RSA key that is shorter than 2048 or longer than 8192 bits",
            id="8320 bits",
        ),
        pytest.param({"e": b64(b"\x7f" + b"\xff" * 7)}, None, id="63 bits of exponent"),
        pytest.param({"e": b64(b"\xff" * 9)}, "an RSA key with a huge exponent", id="72 bits"),
    ],
)
def test_a_key_that_takes_long_to_check(change: dict[str, str], why: str | None) -> None:
    """A provider does not choose how long each check of a signature takes."""
    found = read_keys({"keys": [public(key("first"), **change), public(key("second"))]})
    assert isinstance(found, KeySet)
    assert found.left_out == (() if why is None else (why,))
    assert found.keys[-1].kid == "second"


@pytest.mark.parametrize(
    "change",
    [
        {"kid": 1},
        {"kid": ["first"]},
        {"kty": ["RSA"]},
        {"n": 5},
        {"n": "A=="},
        {"e": None},
        {"e": "AQ!AB"},
        {"e": ""},
    ],
    ids=str,
)
def test_a_key_that_cannot_be_read_stands_in_nobodys_way(change: dict[str, object]) -> None:
    """It is left out with its reason; the others count."""
    found = read_keys({"keys": [public(key("first")) | change, public(key("second"))]})
    assert isinstance(found, KeySet)
    assert [one.kid for one in found.keys] == ["second"]
    assert len(found.left_out) == 1


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("EC", {"crv": "P-384"}),
        ("EC", {"crv": "secp256k1"}),
        ("EC", {"crv": "P-256", "y": b64(b"\1" * 32)}),
        ("OKP", {"crv": "X25519"}),
        ("OKP", {"crv": "Ed448"}),
    ],
)
def test_a_key_on_another_curve(kind: str, change: dict[str, str]) -> None:
    """A point that is not on the curve which the key names, or a curve that signs nothing here."""
    found = read_keys({"keys": [public(key("curve", kind), **change), public(key("second"))]})
    assert isinstance(found, KeySet)
    assert [one.kid for one in found.keys] == ["second"]


def test_a_name_is_taken_at_its_word() -> None:
    """A token that names a key is checked with that one, or with one that has no name."""
    found = read_keys({"keys": [public(key("first")), public(key("second"), kid=None)]})
    assert isinstance(found, KeySet)
    names = [
        [one.kid for one in found.fitting({"alg": "RS256"} | kid)]
        for kid in ({}, {"kid": "first"}, {"kid": "third"}, {"kid": ""})
    ]
    assert names == [["first", None], ["first"], [None], [None]]


def test_each_kind_of_key_has_its_algorithms() -> None:
    """A key of one kind never checks a signature of another, whatever its name says."""
    kinds = {"EC": "ES256", "EC384": "ES384", "EC521": "ES512", "OKP": "EdDSA"}
    keys = [public(key(f"of {kind}", kind), kid="one", alg=None) for kind in ("RSA", *kinds)]
    found = read_keys({"keys": keys})
    assert isinstance(found, KeySet)
    for kind, algorithm in kinds.items():
        (one,) = found.fitting({"kid": "one", "alg": algorithm})
        assert one.key.as_dict()["x"] == key(f"of {kind}", kind).as_dict()["x"]
    for algorithm in ("RS256", "PS512"):
        (one,) = found.fitting({"kid": "one", "alg": algorithm})
        assert one.key.key_type == "RSA"
    for algorithm in ("HS256", "none", "ES256K", None):
        assert list(found.fitting({"kid": "one", "alg": algorithm})) == []
