"""A provider's key set: which keys count, and what of them is kept (RFC 7517, 7518)."""

import pytest

from portal.sign_in.keys import KeySet, kept_keys, read_keys
from portal.sign_in.rules import SignInReason
from tests.hostile.keys import key, public
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
