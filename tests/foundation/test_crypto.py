"""Encryption at rest, and tokens."""

import pytest

from portal.foundation.crypto import (
    Undecryptable,
    Vault,
    derive,
    hash_token,
    random_token,
    same,
)

OLD = "fzQ7x2Lk9mVb4Rt1Yp8Wc3Nd6Hs5Jg0A"
NEW = "Pq3Zt8Lm2Xc7Vb5Nk9Wd4Rf6Ys1Hj0Gu"


def test_the_first_key_encrypts_and_all_decrypt():
    """A key is changed by putting a new one in front."""
    before = Vault([OLD]).encrypt("hush")
    both = Vault([NEW, OLD])
    assert both.decrypt(before) == "hush"
    after = both.rotate(before)
    assert Vault([NEW]).decrypt(after) == "hush"
    with pytest.raises(Undecryptable, match="PORTAL_SECRET_KEYS"):
        Vault([NEW]).decrypt(before)


def test_a_changed_secret_is_not_opened():
    """What was written by somebody else is refused."""
    text = Vault([OLD]).encrypt("hush")
    with pytest.raises(Undecryptable):
        Vault([OLD]).decrypt(text[:-4] + "AAAA")


def test_two_encryptions_differ():
    """Equal secrets cannot be seen to be equal."""
    vault = Vault([OLD])
    assert vault.encrypt("hush") != vault.encrypt("hush")
    assert "hush" not in vault.encrypt("hush")


def test_a_key_serves_one_purpose():
    """What signs forms does not open secrets."""
    assert derive(OLD, "one") != derive(OLD, "two")
    assert derive(OLD, "one") != derive(NEW, "one")


def test_i01_a_token_has_enough_bits_and_only_its_hash_is_kept():
    """256 random bits; the hash does not give them back."""
    token = random_token()
    assert len(token) >= 43
    assert token != random_token()
    assert hash_token(token) == hash_token(token)
    assert token not in hash_token(token)
    assert same(token, token)
    assert not same(token, random_token())
