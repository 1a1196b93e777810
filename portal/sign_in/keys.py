"""A provider's public keys, read once a fetch, and the check of a signature with them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from portal.sign_in.rules import ALGORITHMS, Failure, SignInReason

MOST_KEYS: Final = 100
_LEAST_RSA_BITS: Final = 2048
_MOST_RSA_BITS: Final = 8192
_MOST_EXPONENT_CHARACTERS: Final = 11  # 64 bits
_BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]{1,2048}")
# Only these parts of a key are read: no certificates, no addresses, no private half.
_PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "RSA": ("n", "e"),
    "EC": ("crv", "x", "y"),
    "OKP": ("crv", "x"),
}
_CURVES: Final[Mapping[str, str]] = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
# Any of them gives the others (RFC 7518, 6.3.2): one prime of a modulus is its private half.
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})
_KEPT: Final = ("kty", "kid", "use", "key_ops", "alg", "n", "e", "crv", "x", "y")


class _OurAlgorithms(jws.JWSRegistry):
    """joserfc's registry with our allow-list, and headers as long as real ones (it allows 512)."""

    max_header_length = 16_384

    def get_alg(self, name: str) -> Any:
        if name not in ALGORITHMS:
            raise JoseError(description="not an accepted algorithm")
        return self.algorithms[name]


_REGISTRY: Final = _OurAlgorithms(algorithms=tuple(ALGORITHMS), strict_check_header=False)


@dataclass(frozen=True, slots=True)
class ProviderKey:
    """One key that may sign ID tokens, with the algorithms that it can be used for."""

    kid: str | None
    algorithms: frozenset[str]
    key: Key


@dataclass(frozen=True, slots=True)
class KeySet:
    """Every usable key of a provider, and why the others are not used."""

    keys: tuple[ProviderKey, ...]
    left_out: tuple[str, ...] = ()

    def fitting(self, header: Mapping[str, object]) -> Sequence[ProviderKey]:
        """Return the keys that may have signed a token with this header.

        A token with ``kid`` takes the keys of that name (two may share one) and those without any;
        one without takes every key of its algorithm.
        """
        kid, algorithm = header.get("kid"), header.get("alg")
        fitting = [one for one in self.keys if algorithm in one.algorithms]
        if kid is None:
            return fitting
        named = [one for one in fitting if one.kid == kid]
        return named or [one for one in fitting if one.kid is None]

    def check(self, token: str, header: Mapping[str, object]) -> Failure | None:
        """Return a failure unless one of these keys signed the token.

        The header is the token's own, already checked; ``jku``, ``jwk``, ``x5u`` and ``x5c`` in it
        are neither fetched nor used (RFC 8725, 3.10).
        """
        fitting = self.fitting(header)
        for one in fitting:
            try:
                jws.deserialize_compact(token, one.key, registry=_REGISTRY)
            except (JoseError, ValueError, TypeError):
                continue
            return None
        if fitting:
            return Failure(
                SignInReason.SIGNATURE, "the ID token's signature is not of this provider"
            )
        return Failure(SignInReason.SIGNATURE, "the provider publishes no key for this ID token")


def read_keys(document: object) -> KeySet | Failure:
    """Read a JSON Web Key Set (RFC 7517); keys that cannot be used are left out, with the reason.

    Returns:
        The set, or ``oidc.metadata`` (no key set, no usable key) or ``net.limit`` (over 100 keys).
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        return Failure(SignInReason.METADATA, "jwks_uri gives no key set")
    if len(listed) > MOST_KEYS:
        return Failure(SignInReason.NET_LIMIT, f"the key set has more than {MOST_KEYS} keys")
    keys: list[ProviderKey] = []
    left_out: list[str] = []
    for one in listed:
        read = _read_key(one)
        if isinstance(read, str):
            left_out.append(read)
        else:
            keys.append(read)
    if not keys:
        return Failure(SignInReason.METADATA, "the key set has no key that can check an ID token")
    return KeySet(tuple(keys), tuple(left_out))


def kept_keys(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a key set cut down to what is read of it; a published private half is not kept."""
    listed = document.get("keys")
    if not isinstance(listed, list):
        return {}
    keys = []
    for one in listed[: MOST_KEYS + 1]:
        key = {name: one[name] for name in _KEPT if name in one} if isinstance(one, dict) else {}
        leaked = isinstance(one, dict) and not _PRIVATE.isdisjoint(one)
        keys.append(key | ({"d": ""} if leaked else {}))
    return {"keys": keys}


def _read_key(listed: object) -> ProviderKey | str:
    """Return a usable key, or why it is not used."""
    if not isinstance(listed, dict):
        return "an entry that is no key"
    kind = str(listed.get("kty"))
    if fault := _fault(listed, kind):
        return fault
    parts = {name: str(listed[name]) for name in _PARTS[kind]}
    algorithms = _algorithms(kind, parts)
    if isinstance(algorithms, str):
        return algorithms
    if "alg" in listed:
        algorithms &= {str(listed["alg"])}
    if not algorithms:
        return "a key for an algorithm that is not accepted"
    try:
        key = _import(kind, {"kty": kind, **parts})
    except (JoseError, ValueError, TypeError):
        return "a key with malformed parts"
    return ProviderKey(kid=listed.get("kid"), algorithms=algorithms, key=key)


def _fault(listed: Mapping[str, Any], kind: str) -> str | None:
    """Return why a key is not even tried."""
    operations = listed.get("key_ops")
    if kind not in _PARTS:
        return "a key that is not asymmetric" if kind == "oct" else "a key of an unknown type"
    if not isinstance(listed.get("kid", ""), str):
        return "a key whose id is not text"
    if not _PRIVATE.isdisjoint(listed):
        return "a key whose private half is published: whoever reads it can sign"
    if listed.get("use", "sig") != "sig" or (
        isinstance(operations, list) and "verify" not in operations
    ):
        return "a key that is not for signatures"
    parts = [listed.get(name) for name in _PARTS[kind]]
    if not all(isinstance(part, str) and _BASE64URL.fullmatch(part) for part in parts):
        return "a key with malformed parts"
    return None


def _algorithms(kty: str, parts: Mapping[str, str]) -> frozenset[str] | str:
    """Return the algorithms that a key's kind and size can be used for, or why none."""
    if kty == "RSA":
        bits = len(parts["n"].lstrip("A")) * 6  # zeros in front make no key long
        if bits < _LEAST_RSA_BITS or bits > _MOST_RSA_BITS + 32:
            return "an RSA key that is shorter than 2048 or longer than 8192 bits"
        if len(parts["e"]) > _MOST_EXPONENT_CHARACTERS:
            return "an RSA key with a huge exponent"
        return frozenset(name for name in ALGORITHMS if name[:2] in {"RS", "PS"})
    if kty == "EC":
        algorithm = _CURVES.get(parts["crv"])
        return frozenset({algorithm}) if algorithm else "a key on a curve that is not accepted"
    if parts["crv"] != "Ed25519":
        return "a key on a curve that is not accepted"
    return frozenset({"EdDSA", "Ed25519"})


def _import(kty: str, parts: dict[str, str | list[str]]) -> Key:
    if kty == "RSA":
        return RSAKey.import_key(parts)
    return ECKey.import_key(parts) if kty == "EC" else OKPKey.import_key(parts)
