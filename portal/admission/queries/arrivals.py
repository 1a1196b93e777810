"""Arrivals: people whose identity is verified and who have not accepted the terms yet."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import String, bindparam, func, lambda_stmt, select

from portal.admission.identity import VerifiedIdentity
from portal.admission.models import Arrival
from portal.foundation.crypto import Undecryptable, decrypt, encrypt, hash_token
from portal.foundation.db import Reader, table_of
from portal.foundation.packed import packed
from portal.foundation.text import canonical_json
from portal.trust.models import Terms
from portal.trust.queries import ProviderRow, TermsFacts
from portal.trust.queries.offers import NEWEST_TERMS, TERMS_COLUMNS
from portal.trust.queries.providers import (
    PROVIDER_COLUMN,
    PROVIDER_ID,
    PROVIDERS_FROM,
    provider_of,
)


def sealed(identity: VerifiedIdentity, *, returning: bool) -> str:
    """Return an identity as an arrival keeps it: encrypted, for thirty minutes at most.

    Args:
        identity: who stands at the door.
        returning: whether a record of them is here from before.
    """
    plain = {
        "returning": returning,
        **{field.name: getattr(identity, field.name) for field in fields(identity)},
        "organisation_id": str(identity.organisation_id),
        "identity_provider_id": str(identity.identity_provider_id),
        "profile": dict(identity.profile),
        "claims": dict(identity.claims),
        "authenticated_at": (
            identity.authenticated_at.isoformat() if identity.authenticated_at else None
        ),
    }
    return encrypt(canonical_json(plain))


def unsealed(text: str) -> tuple[VerifiedIdentity, bool]:
    """Return the identity that an arrival keeps, and whether a record of them is here."""
    plain = json.loads(decrypt(text))
    returning = plain.pop("returning", False)  # an earlier version did not say
    at = plain["authenticated_at"]
    identity = VerifiedIdentity(
        **{
            **plain,
            "organisation_id": UUID(plain["organisation_id"]),
            "identity_provider_id": UUID(plain["identity_provider_id"]),
            "amr": tuple(plain["amr"]),
            "authenticated_at": datetime.fromisoformat(at) if at else None,
        }
    )
    return identity, returning


@dataclass(frozen=True, slots=True)
class OpenArrival:
    """An arrival that may still be accepted, with what its page shows.

    Attributes:
        returning: whether the person was a guest before: the record stays if they turn around,
            and a sponsor decides first, whatever the policy gives to somebody new.
        provider: through which the person came.
        terms: the version that counts now.
    """

    id: UUID
    identity: VerifiedIdentity
    returning: bool
    next_url: str | None
    expires_at: datetime
    provider: ProviderRow
    terms: TermsFacts


_ARRIVAL = table_of(Arrival)
ARRIVAL_COLUMNS = tuple(_ARRIVAL.c[name] for name in ("id", "identity", "next_url", "expires_at"))
_OPEN = lambda_stmt(
    lambda: (
        select(
            packed(
                PROVIDER_COLUMN,
                packed(*TERMS_COLUMNS),
                packed(*ARRIVAL_COLUMNS),
            )
        )
        .select_from(
            PROVIDERS_FROM.join(_ARRIVAL, _ARRIVAL.c.identity_provider_id == PROVIDER_ID).join(
                table_of(Terms), NEWEST_TERMS
            )
        )
        .where(
            _ARRIVAL.c.token_hash == bindparam("token_hash", type_=String),
            _ARRIVAL.c.used_at.is_(None),
            _ARRIVAL.c.expires_at > bindparam("now", type_=_ARRIVAL.c.expires_at.type),
        )
    ),
    enable_tracking=False,
)


def open_arrival(session: Reader, token: str, now: datetime) -> OpenArrival | None:
    """Return the arrival of this browser, unless it is used or over."""
    values = {"token_hash": hash_token(token), "now": now}
    row = session.scalar(_OPEN, values)
    return None if row is None else arrival_of(*row)


def arrival_of(
    came_through: Sequence[Any], terms: Sequence[Any], own: Sequence[Any]
) -> OpenArrival | None:
    """Return an arrival of its provider's, its terms' and its own columns."""
    key, identity, next_url, expires_at = own
    try:
        known, returning = unsealed(identity)
    except Undecryptable:  # its key is gone from the settings: the person signs in once more
        return None
    return OpenArrival(
        key, known, returning, next_url, expires_at, provider_of(came_through), TermsFacts(*terms)
    )


def count_expired(session: Reader, now: datetime) -> int:
    """Count the arrivals past their life, which the next sweep deletes."""
    query = select(func.count()).select_from(Arrival).where(Arrival.expires_at <= now)
    return session.scalar(query) or 0
