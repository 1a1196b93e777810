"""Write attempts: begun before the browser leaves, used up once."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, insert, lambda_stmt, literal_column, select, update

from portal.foundation.crypto import encrypt, hash_token
from portal.foundation.db import table_of, uuid7
from portal.foundation.packed import told
from portal.foundation.transaction import Tx, Writer
from portal.sign_in.attempt import ATTEMPT_LIFE, NewAttempt
from portal.sign_in.models import SignInAttempt
from portal.sign_in.rules import Failure, SignInFailure, SignInReason
from portal.trust.queries import ProviderRow
from portal.trust.queries.providers import (
    AT_ADDRESS,
    ENABLED,
    PROVIDER_COLUMN,
    PROVIDER_ID,
    PROVIDERS,
    PROVIDERS_FROM,
    provider_of,
)


class AttemptUsed(SignInFailure):
    """A doubled callback (double click, back button) used this attempt first: ``oidc.state``."""

    def __init__(self) -> None:
        super().__init__(Failure(SignInReason.STATE, "the attempt has been used already"))


_ATTEMPT = table_of(SignInAttempt)
_OF_SIGN_IN = (
    "id", "state_hash", "browser_hash", "purpose", "nonce", "code_verifier", "max_age", "next_url",
    "created_at", "expires_at",
)  # fmt: skip
_USE_UP = (
    update(_ATTEMPT)
    .where(_ATTEMPT.c.id == bindparam("attempt"), _ATTEMPT.c.used_at.is_(None))
    .values(used_at=bindparam("at"))
)


# Whoever may leave is found and remembered by one statement, which tells of the provider as well.
_BEGIN_AT = lambda_stmt(
    lambda: (
        insert(_ATTEMPT)
        .from_select(
            [*_OF_SIGN_IN, "identity_provider_id"],
            select(
                *(bindparam(name, type_=_ATTEMPT.c[name].type) for name in _OF_SIGN_IN), PROVIDER_ID
            )
            .select_from(PROVIDERS)
            .where(*AT_ADDRESS, ENABLED),
            include_defaults=False,
        )
        .returning(
            told(
                select(PROVIDER_COLUMN)
                .select_from(PROVIDERS_FROM)
                .where(literal_column("sign_in_attempt.identity_provider_id") == PROVIDER_ID)
            )
        )
    ),
    enable_tracking=False,
)


def begin_attempt(tx: Writer, new: NewAttempt, identity_provider_id: UUID | None) -> UUID:
    """Remember an attempt until its callback; return its id.

    Args:
        tx: writes it.
        new: the attempt.
        identity_provider_id: where the browser leaves for; ``None``: the host's own.
    """
    values = _values(new)
    tx.insert(
        _ATTEMPT,
        {
            **values,
            "identity_provider_id": identity_provider_id,
            "staff_id": new.errand.staff_id,
            "staff_link_id": new.errand.staff_link_id,
        },
    )
    found: UUID = values["id"]
    return found


def begin_attempt_at(
    tx: Writer, organisation: str, provider: str, new: NewAttempt
) -> ProviderRow | None:
    """Remember an attempt to sign in at an address; nothing where no provider is enabled there.

    Args:
        tx: writes it.
        organisation: slug of the organisation.
        provider: slug of its identity provider.
        new: the attempt.
    """
    at = {"organisation_slug": organisation, "provider_slug": provider}
    found = tx.execute(_BEGIN_AT, _values(new) | at).scalar_one_or_none()
    return None if found is None else provider_of(found)


def _values(new: NewAttempt) -> dict[str, Any]:
    errand = new.errand
    return {
        "id": uuid7(),
        "state_hash": hash_token(new.state),
        "browser_hash": hash_token(new.browser_secret),
        "purpose": errand.purpose.value,
        "nonce": new.nonce,
        "code_verifier": encrypt(new.code_verifier),
        "max_age": errand.max_age,
        "next_url": errand.next_url,
        "created_at": new.created_at,
        "expires_at": new.created_at + ATTEMPT_LIFE,
    }


def use_up(tx: Tx, attempt_id: UUID, at: datetime) -> None:
    """Use an attempt, once; in the transaction of what comes of it (session, arrival, refusal).

    Raises:
        AttemptUsed: a doubled callback used it first; nothing comes of this one.
    """
    if tx.execute(_USE_UP, {"attempt": attempt_id, "at": at}).rowcount != 1:
        raise AttemptUsed


def give_up(tx: Tx, attempt_id: UUID | None, at: datetime) -> None:
    """Use an attempt up because its sign-in failed (``SignInFailure.attempt_id``)."""
    if attempt_id is not None:
        tx.execute(_USE_UP, {"attempt": attempt_id, "at": at})


def give_up_all_at(tx: Tx, identity_provider_id: UUID, at: datetime) -> None:
    """Use up the open attempts at an identity provider: whoever comes back begins anew.

    An admin's test sign-in is an attempt like any other: its code must not go to the provider that
    is configured by the time it comes back.
    """
    tx.session.execute(
        update(SignInAttempt)
        .where(
            SignInAttempt.identity_provider_id == identity_provider_id,
            SignInAttempt.used_at.is_(None),
        )
        .values(used_at=at)
        .execution_options(synchronize_session=False)
    )
