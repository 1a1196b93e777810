"""What may be configured as a partner's identity provider."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from portal.foundation.refused import Refusals, Refused
from portal.foundation.text import check_name
from portal.trust.rules.issuer import (
    House,
    check_issuer,
    entra_tenant,
    is_pairwise,
    require_owner,
)

CLIENT_AUTHS: Final = ("client_secret_basic", "client_secret_post")
ADDRESSES: Final = ("verified", "trusted")
DEFAULT_SCOPES: Final = ("openid", "email", "profile")
PROFILE_FIELDS: Final = (
    "email",
    "name",
    "given_name",
    "family_name",
    "department",
    "phone",
)
DEFAULT_CLAIMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "email": "email",
        "name": "name",
        "given_name": "given_name",
        "family_name": "family_name",
        "department": "department",
    }
)
# A provider may give these to somebody else one day: they name an account, not a person.
REUSED_CLAIMS: Final = frozenset(
    {
        "email",
        "preferred_username",
        "upn",
        "unique_name",
        "name",
        "nickname",
        "given_name",
        "family_name",
        "phone_number",
    }
)
_CLAIM = re.compile(r"[\x21-\x7e]{1,100}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")  # RFC 6749, 3.3
MOST_VALUES: Final = 20
_PLANNED: Final = "That is a planned move: add a second identity provider beside this one"


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """What an admin says of an identity provider; the secret is handed over apart from it.

    Attributes:
        name: what people call it.
        issuer: pinned, compared to the letter.
        client_id: of the portal at this provider.
        client_auth: how the portal proves itself at the token endpoint.
        scopes: asked for; ``openid`` is always among them.
        claim_map: field of the portal to claim of the provider.
        subject_claim: which claim knows the person: ``sub``, or ``oid`` with a pinned ``tid``.
        required_claims: demanded of everybody.
        addresses: whether an address counts only when ``verified`` or is ``trusted``.
    """

    name: str
    issuer: str
    client_id: str
    client_auth: str = "client_secret_basic"
    scopes: Sequence[str] = DEFAULT_SCOPES
    claim_map: Mapping[str, str] = field(default_factory=lambda: DEFAULT_CLAIMS)
    subject_claim: str = "sub"
    required_claims: Mapping[str, str] = field(default_factory=dict)
    addresses: str = "verified"


def check_provider(given: ProviderSettings, house: House) -> ProviderSettings:
    """Return settings fit to be stored.

    Raises:
        Refused: with every field that is wrong.
    """
    refusals = Refusals()
    issuer = refusals.of(lambda: check_issuer(given.issuer, house))
    checked: dict[str, Any] = {
        "name": refusals.of(lambda: check_name("name", given.name)),
        "client_id": refusals.of(
            lambda: check_client(given.client_id, given.client_auth, given.addresses)
        ),
        "scopes": refusals.of(lambda: check_scopes(given.scopes)),
        "claim_map": refusals.of(lambda: check_claim_map(given.claim_map)),
    }
    claims = refusals.of(
        lambda: check_claims(issuer or "", given.subject_claim, given.required_claims)
    )
    refusals.end()
    assert issuer is not None
    assert claims is not None
    subject_claim, required = claims
    return replace(
        given, issuer=issuer, subject_claim=subject_claim, required_claims=required, **checked
    )


def check_claims(
    issuer: str, subject_claim: str, required: Mapping[str, str]
) -> tuple[str, dict[str, str]]:
    """Return subject claim and required claims, held against each other and the issuer.

    Raises:
        Refused: the subject could be given to somebody else, or a shared issuer without a claim
            that says whose person it is.
    """
    subject_claim = check_claim_name("subject_claim", subject_claim)
    if subject_claim in REUSED_CLAIMS:
        raise Refused(
            "subject_claim",
            f"{subject_claim} may be given to somebody else one day: use sub, or oid with tid",
        )
    if len(required) > MOST_VALUES:
        raise Refused("required_claims", f"Require {MOST_VALUES} claims at most")
    checked = {
        check_claim_name("required_claims", name): _claim_value(name, value)
        for name, value in required.items()
    }
    if subject_claim == "oid" and "tid" not in checked:
        raise Refused(
            "required_claims", "oid knows a person within one tenant: require tid=TENANT-ID too"
        )
    tenant = entra_tenant(issuer)
    if tenant and checked.get("tid", tenant).lower() != tenant:
        raise Refused("required_claims", f"The issuer is of another tenant: require tid={tenant}")
    require_owner(issuer, checked)
    return subject_claim, checked


def check_company(required: Mapping[str, str], others: Sequence[Mapping[str, str]]) -> None:
    """Hold an identity provider against others with the same issuer: nobody may fit two.

    Args:
        required: its required claims.
        others: the required claims of every other one on this issuer that is not disabled.

    Raises:
        Refused: a person could come in through two of them.
    """
    for other in others:
        if not any(
            name in other and _apart(name, other[name], value) for name, value in required.items()
        ):
            raise Refused(
                "required_claims",
                "Another identity provider uses this issuer: require a claim on both, with "
                "different values, like tid=TENANT-ID, so that nobody fits both",
            )


def _apart(name: str, one: str, other: str) -> bool:
    """Say whether nobody has both values: a tenant is the same in either letter case (RFC 9562)."""
    return one.lower() != other.lower() if name == "tid" else one != other


def check_claim_name(field: str, name: str) -> str:
    """Return the name of a claim.

    Raises:
        Refused: empty, too long, or with spaces.
    """
    name = name.strip()
    if not _CLAIM.fullmatch(name):
        raise Refused(field, "Enter the name of a claim, without spaces, like department")
    return name


def _claim_value(name: str, value: str) -> str:
    value = value.strip()
    if not value or len(value) > 255 or not value.isprintable():  # noqa: PLR2004 - as in the table
        raise Refused("required_claims", f"Enter a value for the claim {name.strip()}")
    return value


def check_claim_map(given: Mapping[str, str]) -> dict[str, str]:
    """Return which claim fills which profile field.

    Args:
        given: field to claim; a field whose claim is empty is left out.

    Raises:
        Refused: a field that no claim may fill, or no claim for the address.
    """
    mapped = {}
    for filled, claim in given.items():
        if filled not in PROFILE_FIELDS:
            raise Refused(
                "claim_map",
                f"No claim can fill {filled[:64]!r}: choose one of {', '.join(PROFILE_FIELDS)}",
            )
        if claim.strip():
            mapped[filled] = check_claim_name("claim_map", claim)
    if "email" not in mapped:
        raise Refused("claim_map", "Enter the claim that holds the e-mail address")
    return mapped


def check_scopes(scopes: Sequence[str]) -> list[str]:
    """Return the scopes to ask for, ``openid`` first: without it there is no ID token.

    Raises:
        Refused: a scope that cannot be one (RFC 6749, 3.3), or too many.
    """
    kept = list(dict.fromkeys(["openid", *(scope.strip() for scope in scopes if scope.strip())]))
    if len(kept) > MOST_VALUES:
        raise Refused("scopes", f"Ask for {MOST_VALUES} scopes at most")
    for scope in kept:
        if not _SCOPE.fullmatch(scope):
            raise Refused("scopes", f"Enter scopes without spaces: {scope[:64]!r} is not one")
    return kept


def check_client(client_id: str, client_auth: str, addresses: str) -> str:
    """Return the client id; hold the two choices against what there is.

    Raises:
        Refused: no client id, or a choice that does not exist.
    """
    client_id = client_id.strip()
    if not client_id or len(client_id) > 255 or not client_id.isprintable():  # noqa: PLR2004
        raise Refused("client_id", "Enter the client id that the provider gave to the portal")
    if client_auth not in CLIENT_AUTHS:
        raise Refused("client_auth", f"Choose {' or '.join(CLIENT_AUTHS)}")
    if addresses not in ADDRESSES:
        raise Refused("addresses", f"Choose {' or '.join(ADDRESSES)}")
    return client_id


def check_secret(secret: str) -> str:
    """Return a client secret without the line break that files end with.

    Raises:
        Refused: empty, too long, or of several lines.
    """
    secret = secret.strip("\r\n ")
    if not secret or len(secret) > 4096 or not secret.isprintable():  # noqa: PLR2004
        raise Refused("client_secret", "Enter the client secret: one line of printable characters")
    return secret


def check_move(
    was: ProviderSettings, now: ProviderSettings, *, subject_types: Sequence[str], people: int
) -> None:
    """Refuse an edit that would make strangers of the people who already come in.

    Args:
        was: before.
        now: afterwards.
        subject_types: of the provider's discovery document, if known.
        people: how many guests, of any state, are known by a subject of this provider.

    Raises:
        Refused: their subjects would change, and tombstones would be walked past.
    """
    if not people:
        return
    known = f"{people} {'guest is' if people == 1 else 'guests are'} known by it"
    if was.issuer != now.issuer:
        raise Refused("issuer", f"The issuer cannot change while {known}. {_PLANNED}")
    if was.subject_claim != now.subject_claim:
        raise Refused(
            "subject_claim",
            f"The subject claim cannot change while {known}: that is a planned move and no edit",
        )
    if was.client_id != now.client_id and is_pairwise(was.issuer, was.subject_claim, subject_types):
        raise Refused(
            "client_id",
            "This provider names people anew for each client id, so it cannot change while "
            f"{known}: that is a planned move and no edit",
        )


def check_subject_kept(subject_claim: str, siblings: Sequence[str]) -> None:
    """Hold a subject claim against the organisation's other providers on the same issuer.

    Args:
        subject_claim: of the new or edited one.
        siblings: subject claims of the others, in any state.

    Raises:
        Refused: the same people would be strangers, and tombstones would be walked past.
    """
    for other in siblings:
        if other != subject_claim:
            raise Refused(
                "subject_claim",
                f"Another identity provider of this organisation knows people of this issuer by "
                f"{other}: use {other} here too, so that nobody becomes a stranger",
            )


def loses_test(was: ProviderSettings, now: ProviderSettings) -> bool:
    """Return whether an edit makes it another connection, so that it must be tested again."""
    return (was.issuer, was.client_id, was.subject_claim) != (
        now.issuer,
        now.client_id,
        now.subject_claim,
    )


def asks_more(was: ProviderSettings, now: ProviderSettings) -> bool:
    """Return whether an edit demands what whoever came in so far may not have shown.

    That is a further required claim, an address from another claim, or a verified one where it was
    trusted so far.
    """
    further = not now.required_claims.items() <= was.required_claims.items()
    elsewhere = now.claim_map["email"] != was.claim_map["email"]
    return further or elsewhere or (was.addresses, now.addresses) == ("trusted", "verified")


def changed_state(state: str, *, retest: bool) -> str:
    """Return an identity provider's state after an edit; an untested one is never enabled."""
    return "draft" if retest and state == "enabled" else state
