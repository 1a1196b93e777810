"""What every protocol delivers: an identity whose proof was checked, and nothing of the host's.

Nothing in here may decide over state, role, end, sponsor or grants (architecture 2.5): the claims
fill profile fields and may choose among what an admin offered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

SAY_LEFT_OUT: Final = frozenset({"_claim_names", "hasgroups"})  # that claims were too long to send


class Unknown(StrEnum):
    """Why a claim says nothing: that is not the same as saying *none*."""

    ABSENT = "absent"
    CUT_SHORT = "cut_short"  # the provider left it out because it is too long
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class VerifiedIdentity:
    """A person as their identity provider asserts them, every protocol check passed.

    Attributes:
        organisation_id: the connected organisation; ``None`` for the host's own provider (staff).
        identity_provider_id: the connection it came through; ``None`` for the host's own.
        issuer: the pinned issuer.
        subject: value of the connection's subject claim, 1 to 255 printable characters.
        email: canonical address, ``None`` when absent or malformed.
        email_raw: what was asserted, cut to 320 characters, control characters replaced.
        email_verified: true only if the provider sent JSON ``true``.
        name: cleaned, ``None`` when absent.
        profile: other mapped fields (given_name, family_name, department, phone), cleaned.
        claims: ID token claims merged with UserInfo's; the ID token wins.
        acr: how the person was authenticated (authentication context class), if said.
        amr: by which methods, if said.
        authenticated_at: when, if said.
        sid: the provider's session id, for its log-out messages.
    """

    organisation_id: UUID | None
    identity_provider_id: UUID | None
    issuer: str
    subject: str
    email: str | None
    email_raw: str | None
    email_verified: bool
    name: str | None
    profile: Mapping[str, str]
    claims: Mapping[str, object]
    acr: str | None
    amr: tuple[str, ...]
    authenticated_at: datetime | None
    sid: str | None


def claim_values(claims: Mapping[str, object], name: str) -> frozenset[str] | Unknown:
    """Return the values of a claim, or why it says nothing.

    Args:
        claims: what the provider asserted.
        name: a claim, or a dotted path into one (Keycloak: ``realm_access.roles``). A claim whose
            own name has dots wins over the path.

    Returns:
        Its values as text (an empty list is known to be empty). ``Unknown.CUT_SHORT`` when the
        provider says that it left the values out: ``_claim_names`` (OIDC Core 5.6.2, Entra above
        200 groups) or ``hasgroups`` (Entra, for ``groups``).
    """
    elsewhere = claims.get("_claim_names")
    if isinstance(elsewhere, Mapping) and name in elsewhere:
        return Unknown.CUT_SHORT
    if name == "groups" and claims.get("hasgroups") in (True, "true"):
        return Unknown.CUT_SHORT
    found: object = claims.get(name)
    if name not in claims and "." in name:
        found = claims
        for step in name.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
    if found is None:
        return Unknown.ABSENT
    values = found if isinstance(found, (list, tuple)) else [found]
    texts = [as_text(value) for value in values]
    if None in texts:
        return Unknown.UNREADABLE
    return frozenset(text for text in texts if text is not None)


def as_text(value: object) -> str | None:
    """Return a scalar claim value as text: JSON's ``true`` is ``"true"``, ``1`` is ``"1"``."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else None
