"""Encryption at rest with key rotation; random tokens and the hashes that are stored of them.

Every key is derived from ``PORTAL_SECRET_KEYS`` for one purpose: what signs a form cannot open a
client secret. The first key encrypts, all decrypt, so that a key is changed by putting a new one
in front and is dropped once nothing needs it any more.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app

from portal.foundation.current import house

TOKEN_BYTES: Final = 32  # 256 bits; ASVS 7.2.3 asks for 128
_AT_REST: Final = "encryption at rest"


class Undecryptable(Exception):
    """None of the secret keys opens it: a key was dropped too early, or the text was changed."""


def derive(secret: str, purpose: str) -> bytes:
    """Return 32 bytes that belong to *secret* and to *purpose* alone (HKDF, RFC 5869)."""
    info = f"portal: {purpose}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret.encode())


class Vault:
    """Encrypts with the first of its keys and decrypts with any of them."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        fernets = [Fernet(base64.urlsafe_b64encode(derive(key, _AT_REST))) for key in secret_keys]
        self._first, self._fernet = fernets[0], MultiFernet(fernets)
        # What every sign-in asks for again; the keys that open it lie in the same memory.
        self.decrypt_often = lru_cache(maxsize=256)(self.decrypt)

    def encrypt(self, text: str) -> str:
        """Return *text* encrypted and authenticated, as URL-safe ASCII."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, text: str) -> str:
        """Return what was encrypted.

        Raises:
            Undecryptable: no key opens it.
        """
        try:
            return self._fernet.decrypt(text.encode()).decode()
        except InvalidToken as fault:
            raise Undecryptable(
                "a stored secret cannot be opened: put the key that wrote it back at the end of "
                "PORTAL_SECRET_KEYS, or enter the secret again"
            ) from fault

    def under_first(self, text: str) -> bool:
        """Say whether the first key wrote it: then no other key is needed for it."""
        try:
            self._first.decrypt(text.encode())
        except InvalidToken:
            return False
        return True

    def rotate(self, text: str) -> str:
        """Return the same secret, encrypted with the first key.

        Raises:
            Undecryptable: no key opens it.
        """
        return self.encrypt(self.decrypt(text))


def vault() -> Vault:
    """Return the vault of the running application; its keys are derived once."""
    drawer = house(current_app)
    if "vault" not in drawer:
        drawer["vault"] = Vault(drawer["settings"].secret_keys)
    kept: Vault = drawer["vault"]
    return kept


def encrypt(text: str) -> str:
    """Return *text* encrypted for the database."""
    return vault().encrypt(text)


def decrypt(text: str) -> str:
    """Return what `encrypt` was given.

    Raises:
        Undecryptable: no key opens it.
    """
    return vault().decrypt(text)


def decrypt_often(text: str) -> str:
    """Return what `encrypt` was given, and remember it: for what is used at every sign-in.

    Raises:
        Undecryptable: no key opens it.
    """
    return vault().decrypt_often(text)


def random_token() -> str:
    """Return a secret of 256 random bits, URL-safe."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_token(token: str) -> str:
    """Return what is stored of a token. No salt: it has 256 random bits, nobody can guess them."""
    return hashlib.sha256(token.encode()).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare two secrets in a time that does not tell where they differ."""
    return hmac.compare_digest(one.encode(), other.encode())
