"""Every check of an ID token and of UserInfo: libraries parse, this decides."""

import hashlib
import json
import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest
from typing import Final

from portal.sign_in.rules.reasons import Failure, SignInReason
from portal.sign_in.rules.tenant import check_tenant

# Ours, asymmetric, not the provider's metadata (RFC 8725, 3.1). The hash is for at_hash.
ALGORITHMS: Final[Mapping[str, str]] = {
    "RS256": "sha256",
    "RS384": "sha384",
    "RS512": "sha512",
    "PS256": "sha256",
    "PS384": "sha384",
    "PS512": "sha512",
    "ES256": "sha256",
    "ES384": "sha384",
    "ES512": "sha512",
    "EdDSA": "sha512",
    "Ed25519": "sha512",  # RFC 9864 names it so
}
SKEW: Final = 60  # seconds that two clocks may differ
OLDEST: Final = 600  # seconds since an ID token was issued: it is fresh from the token endpoint
MOST_TOKEN_CHARACTERS: Final = 65_536
MOST_LEVELS: Final = 32  # of lists and objects in each other; Python gives up at about a thousand
# What a provider may call an ID token. Access, log-out and event tokens have types of their own.
_TYPES: Final = frozenset({"jwt", "application/jwt"})
_OTHER_KINDS: Final = frozenset({"bearer", "refresh", "offline", "logout", "access"})


@dataclass(frozen=True, slots=True)
class Expected:
    """What this ID token must fit.

    Attributes:
        issuer: the connection's.
        client_id: the connection's.
        nonce: the attempt's.
        now: the protocol clock's time.
        required_claims: a pinned ``tid`` among them is the tenant.
        max_age: seconds since authentication that were asked for, if any.
    """

    issuer: str
    client_id: str
    nonce: str
    now: datetime
    required_claims: Mapping[str, str]
    max_age: int | None = None


def split(token: object) -> tuple[Mapping[str, object], Mapping[str, object]] | Failure:
    """Read header and claims of a compact JWS without believing a word of them."""
    if not isinstance(token, str) or not token:
        return Failure(SignInReason.NO_ID_TOKEN, "the token response has no ID token")
    if len(token) > MOST_TOKEN_CHARACTERS:
        return Failure(SignInReason.NET_LIMIT, "the ID token is longer than 64 kB")
    parts = token.split(".")
    header = _object(parts[0])
    if header is None:
        return Failure(SignInReason.SIGNATURE, "the ID token is not a signed JWT")
    if failure := check_header(header):
        return failure
    claims = _object(parts[1]) if len(parts) == 3 else None  # noqa: PLR2004 - RFC 7515, 3.1
    if claims is None:
        return Failure(SignInReason.SIGNATURE, "the ID token is not a signed JWT")
    return header, claims


def check_header(header: Mapping[str, object]) -> Failure | None:
    """Return why a JOSE header is refused; ``jku``, ``jwk``, ``x5u``, ``x5c`` are ignored."""
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        return Failure(SignInReason.ALGORITHM, "the ID token is signed by no accepted algorithm")
    if "crit" in header or "b64" in header:  # RFC 7515, 4.1.11: not understood, so not valid
        return Failure(SignInReason.SIGNATURE, "the ID token's header demands unknown extensions")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        return Failure(SignInReason.TYPE, "the token is of another type than an ID token")
    if not isinstance(header.get("kid", ""), str):
        return Failure(SignInReason.SIGNATURE, "the ID token's key id is not text")
    return None


def check_claims(claims: Mapping[str, object], expected: Expected) -> Failure | None:
    """Return the first check that the claims of a correctly signed ID token fail (Core 3.1.3.7)."""
    checks = (
        _check_issuer(claims, expected),
        _check_audience(claims, expected),
        _check_type(claims),
        _check_nonce(claims, expected),
        _check_time(claims, expected),
        _check_subject(claims),
        check_tenant(claims, expected.issuer, expected.required_claims),
        _check_max_age(claims, expected),
    )
    return next((failure for failure in checks if failure), None)


def check_hash(
    claims: Mapping[str, object], algorithm: str, name: str, value: object
) -> Failure | None:
    """Return a failure when ``at_hash`` or ``c_hash`` is there and not of this token or code."""
    if name not in claims:
        return None
    claimed = claims[name]
    if isinstance(value, str) and isinstance(claimed, str):
        digest = hashlib.new(ALGORITHMS[algorithm], value.encode("utf-8", "replace")).digest()
        half = urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=")
        if compare_digest(half, claimed.encode("utf-8", "replace").rstrip(b"=")):
            return None
    return Failure(SignInReason.SIGNATURE, f"the ID token's {name} is not of what came with it")


def check_token_type(tokens: Mapping[str, object]) -> Failure | None:
    """Return a failure when the access token says that it is no bearer token (Core 3.1.3.3).

    What another type demands is not known here, so it is not used (RFC 6749, 7.1). Some providers
    do not say.
    """
    kind = tokens.get("token_type", "Bearer")
    if isinstance(kind, str) and kind.lower() == "bearer":
        return None
    return Failure(SignInReason.TYPE, "the token response is of another token_type than Bearer")


def check_userinfo(userinfo: object, subject: object) -> Failure | None:
    """Return why UserInfo is not of the same person (Core 5.3.2)."""
    if not isinstance(userinfo, dict):
        return Failure(SignInReason.USERINFO, "UserInfo is not a JSON object")
    if not isinstance(userinfo.get("sub"), str) or userinfo["sub"] != subject:
        return Failure(SignInReason.USERINFO, "UserInfo is about another subject than the ID token")
    return None


def is_subject(value: object) -> bool:
    """Return whether a value can know a person: 1 to 255 printable characters (Core 2: sub).

    White space alone is what a broken template makes of everybody.
    """
    if not isinstance(value, str) or not 1 <= len(value) <= 255:  # noqa: PLR2004
        return False
    return value.isprintable() and not value.isspace()


def number(value: object) -> float | None:
    """Return a JSON number that can be a time; ``true`` and ``"1"`` are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) else None


def is_shallow(value: object) -> bool:
    """Return whether a JSON value nests so little that whoever reads or writes it can do so."""
    level = [value]
    for _ in range(MOST_LEVELS):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return True
    return False


def _check_issuer(claims: Mapping[str, object], expected: Expected) -> Failure | None:
    if claims.get("iss") != expected.issuer:
        return Failure(SignInReason.ISSUER, "the ID token was issued by another issuer")
    return None


def _check_audience(claims: Mapping[str, object], expected: Expected) -> Failure | None:
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if not audiences or any(one != expected.client_id for one in audiences):
        return Failure(SignInReason.AUDIENCE, "the ID token is not for this portal alone")
    if "azp" in claims and claims["azp"] != expected.client_id:
        return Failure(SignInReason.AUDIENCE, "the ID token was given to another client (azp)")
    return None


def _check_type(claims: Mapping[str, object]) -> Failure | None:
    kinds = {str(claims.get(name, "")).lower() for name in ("typ", "token_use")}
    if kinds & _OTHER_KINDS or "events" in claims:
        return Failure(SignInReason.TYPE, "the token says that it is not an ID token")
    return None


def _check_nonce(claims: Mapping[str, object], expected: Expected) -> Failure | None:
    nonce = claims.get("nonce")
    if not isinstance(nonce, str):
        return Failure(SignInReason.NONCE, "the ID token has no nonce")
    if not compare_digest(nonce.encode("utf-8", "replace"), expected.nonce.encode()):
        return Failure(SignInReason.NONCE, "the ID token's nonce is of another sign-in")
    return None


def _check_time(claims: Mapping[str, object], expected: Expected) -> Failure | None:
    now = expected.now.timestamp()
    expires, issued = number(claims.get("exp")), number(claims.get("iat"))
    if expires is None or issued is None:
        return Failure(SignInReason.TIME, "the ID token's exp and iat are not both numbers")
    if expires + SKEW <= now:
        return Failure(SignInReason.TIME, _apart("the ID token expired", now - expires, "ago"))
    if issued - SKEW > now:
        ahead = _apart("the ID token was issued", issued - now, "ahead of the portal's clock")
        return Failure(SignInReason.TIME, ahead)
    if issued + OLDEST + SKEW <= now:
        return Failure(SignInReason.TIME, _apart("the ID token was issued", now - issued, "ago"))
    if "nbf" in claims:
        begins = number(claims["nbf"])
        if begins is None or begins - SKEW > now:
            return Failure(SignInReason.TIME, "the ID token is not valid yet (nbf)")
    return None


def _check_subject(claims: Mapping[str, object]) -> Failure | None:
    if not is_subject(claims.get("sub")):
        return Failure(SignInReason.SUBJECT, "sub is not 1 to 255 printable characters")
    return None


def _check_max_age(claims: Mapping[str, object], expected: Expected) -> Failure | None:
    if expected.max_age is None:
        return None
    authenticated = number(claims.get("auth_time"))
    if authenticated is None:
        return Failure(SignInReason.ASSURANCE, "max_age was asked for; auth_time is missing")
    if authenticated + expected.max_age + SKEW <= expected.now.timestamp():
        return Failure(SignInReason.ASSURANCE, "the person authenticated longer ago than asked for")
    if authenticated - SKEW > expected.now.timestamp():  # recent for as long as it pleases
        return Failure(SignInReason.ASSURANCE, "auth_time is ahead of the portal's clock")
    return None


def _apart(what: str, seconds: float, where: str) -> str:
    return f"{what} {seconds:.0f} s {where}"


def _object(part: str) -> dict[str, object] | None:
    """Return the JSON object in a base64url part, if there is one."""
    try:
        raw = urlsafe_b64decode(part.encode("ascii") + b"=" * (-len(part) % 4))
        value = json.loads(raw)
    except (ValueError, Base64Error, RecursionError):
        return None
    return value if isinstance(value, dict) and is_shallow(value) else None
