"""From checked claims to a verified identity: which claim fills which field."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from portal.admission.identity import Unknown, VerifiedIdentity, claim_values
from portal.foundation.text import BadText, canonical_email, clean_name
from portal.sign_in.connection import Connection
from portal.sign_in.rules.reasons import Failure, SignInReason
from portal.sign_in.rules.tenant import tenant_of
from portal.sign_in.rules.token import is_shallow, is_subject, number
from portal.trust.rules import DEFAULT_CLAIMS

MOST_NAME: Final = 200
MOST_FIELD: Final = 200
MOST_RAW: Final = 320
_SELDOM: Final = DEFAULT_CLAIMS.items() & {("department", "department")}
_LAST_TIME: Final = 253_402_300_799  # 9999-12-31T23:59:59Z
# Said of the sign-in, so believed from the signed ID token alone.
_OF_THE_TOKEN: Final = frozenset(
    (
        *("iss", "aud", "azp", "exp", "iat", "nbf", "jti", "nonce", "typ", "events"),
        *("auth_time", "acr", "amr", "sid", "tid", "acct", "idp"),
    )
)
_SPENT: Final = frozenset({"nonce", "at_hash", "c_hash", "s_hash"})
_INPUT: Final = {
    "input.char": SignInReason.INPUT_CHAR,
    "input.length": SignInReason.INPUT_LENGTH,
}


def missing_claims(connection: Connection, claims: Mapping[str, object]) -> frozenset[str]:
    """Return the claims somebody decides or shows by that the ID token lacks: ask UserInfo.

    A default that is no claim of the standard (OIDC Core 1.0, 5.1) most providers do not send at
    all: not worth a request at every sign-in. A claim that an admin mapped is.
    """
    wanted = {
        *(
            claim
            for filled, claim in connection.claim_map.items()
            if (filled, claim) not in _SELDOM
        ),
        *connection.required_claims,
        *connection.wanted_claims,
    }
    if connection.addresses == "verified":
        wanted.add("email_verified")
    return frozenset(
        name for name in wanted - _OF_THE_TOKEN if claim_values(claims, name) is Unknown.ABSENT
    )


def identity_of(
    connection: Connection, token: Mapping[str, object], userinfo: Mapping[str, object]
) -> VerifiedIdentity | Failure:
    """Return the person whom checked claims are about.

    Args:
        connection: how this provider's claims are read.
        token: claims of the ID token, every check passed.
        userinfo: claims of UserInfo, subject compared; empty when it was not asked.

    Returns:
        The identity, or ``oidc.sub`` (the chosen subject claim is not there or no subject),
        ``input.char`` or ``input.length`` (claims that cannot be stored).
    """
    subject = token.get(connection.subject_claim)
    if not isinstance(subject, str) or not is_subject(subject):
        return Failure(
            SignInReason.SUBJECT,
            f"{connection.subject_claim} is not 1 to 255 printable characters",
        )
    more = {name: value for name, value in userinfo.items() if name not in _OF_THE_TOKEN}
    said = {name: value for name, value in token.items() if value is not None}  # Core 5.3.2
    claims = {**more, **{name: value for name, value in said.items() if name not in _SPENT}}
    if not _storable(claims):
        return Failure(SignInReason.INPUT_CHAR, "the claims hold characters that cannot be stored")
    try:
        fields = {
            field: _line(claims.get(claim), MOST_NAME if field == "name" else MOST_FIELD)
            for field, claim in connection.claim_map.items()
            if field != "email"
        }
        email, raw = _address(claims.get(connection.claim_map.get("email", "email")))
        given = " ".join(filter(None, (fields.get("given_name"), fields.get("family_name"))))
        name = fields.pop("name", None) or _line(given, MOST_NAME)
    except BadText as fault:
        return Failure(_INPUT.get(fault.code, SignInReason.INPUT_CHAR), f"a claim: {fault.code}")
    return VerifiedIdentity(
        organisation_id=connection.organisation_id,
        identity_provider_id=connection.id,
        issuer=connection.issuer,
        subject=subject,
        email=email,
        email_raw=raw,
        email_verified=_verified(connection, email, said, more),
        name=name,
        profile=MappingProxyType({name: text for name, text in fields.items() if text}),
        claims=MappingProxyType(claims),
        acr=_word(token.get("acr")),
        amr=_words(token.get("amr")),
        authenticated_at=_instant(token.get("auth_time")),
        sid=_word(token.get("sid")),
    )


def subject_warning(identity: VerifiedIdentity) -> str | None:
    """Return a warning when a subject looks like one that is given to somebody else one day."""
    subject = identity.subject.lower()
    local = (identity.email or "").partition("@")[0]
    names = {str(identity.claims.get(name, "")).lower() for name in ("preferred_username", "upn")}
    if "@" in subject:
        looks = "an e-mail address"
    elif subject in names or (local and subject == local):
        looks = "a login name"
    else:
        return None
    return (
        f"The subject looks like {looks}. When this person leaves and the name is given to somebody"
        " else, the portal would take that person for this one. Ask for a subject that is never"
        " given again."
    )


def _line(value: object, limit: int) -> str | None:
    """Return a text claim, cleaned; other types fill no field.

    Raises:
        BadText: it cannot be stored.
    """
    return clean_name(value, limit) or None if isinstance(value, str) else None


def _address(value: object) -> tuple[str | None, str | None]:
    """Return (canonical, as asserted) of an address claim.

    Raises:
        BadText: ``input.char`` or ``input.length``; a mere misspelling is no address.
    """
    if not isinstance(value, str):
        return None, None
    raw = "".join(char if char.isprintable() else "\ufffd" for char in value[:MOST_RAW])
    try:
        return canonical_email(value), raw
    except BadText as fault:
        if fault.code in _INPUT:
            raise
        return None, raw


def _verified(
    connection: Connection,
    email: str | None,
    token: Mapping[str, object],
    userinfo: Mapping[str, object],
) -> bool:
    """Return whether the provider says that *this* address is verified.

    ``email_verified`` is said of the ``email`` beside it: not of an address that another claim
    brought, nor of one that the other document brought. Where both speak of it the signed token's
    word counts: its *no* is not made up for by UserInfo.
    """
    if email is None:
        return False
    asserted = {**userinfo, **token}.get(connection.claim_map.get("email", "email"))
    owned = tenant_of(connection.issuer) and token.get("xms_edov") in (True, "1", "true")
    if owned and _same_address(token.get("email"), asserted, email):
        return True  # Entra: the tenant owns the address's domain
    return next(
        (
            claims["email_verified"] is True
            for claims in (token, userinfo)
            if claims.get("email_verified") is not None
            and _same_address(claims.get("email"), asserted, email)
        ),
        False,
    )


def _same_address(value: object, asserted: object, email: str) -> bool:
    """Return whether a value is the address; to the letter, or in its one form (which costs)."""
    if not isinstance(value, str):
        return False
    try:
        return value == asserted or canonical_email(value) == email
    except BadText:
        return False


def _storable(claims: Mapping[str, object]) -> bool:
    """Return whether claims can be kept as JSON: no half surrogate pairs, no NaN, not too deep."""
    if not is_shallow(claims):
        return False
    try:
        json.dumps(claims, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        return False
    return True


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and is_subject(value) else None


def _words(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(word for word in map(_word, values[:32]) if word)


def _instant(value: object) -> datetime | None:
    """Return a time claim as an instant; providers send floats, and 0 for *never said*."""
    seconds = number(value)
    if seconds is None or not 0 < seconds < _LAST_TIME:
        return None
    return datetime.fromtimestamp(seconds, UTC)
