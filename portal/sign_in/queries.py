"""Read attempts and sessions, each by the one index it has."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session as Database

from portal.foundation.crypto import Undecryptable, decrypt, hash_token
from portal.sign_in.attempt import OpenAttempt, Purpose
from portal.sign_in.models import ProviderDocument, Session, SignInAttempt
from portal.sign_in.rules import Failure, SignInReason
from portal.sign_in.shelved import Shelved


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session that neither ended nor slept too long, as the request's user loader needs it."""

    id: UUID
    guest_id: UUID | None
    staff_id: UUID | None
    identity_provider_id: UUID | None
    guest_epoch: int | None
    acr: str | None
    amr: tuple[str, ...]
    break_glass: bool
    created_at: datetime
    seen_at: datetime
    ends_at: datetime


def find_attempt(
    database: Database,
    *,
    state: str,
    browser_secret: str | None,
    identity_provider_id: UUID | None,
    at: datetime,
) -> OpenAttempt | Failure:
    """Return the attempt that this callback belongs to.

    Args:
        database: any session; nothing is written.
        state: as the callback brought it.
        browser_secret: what the browser's cookie holds, if anything.
        identity_provider_id: whose callback path was called; ``None``: the host's.
        at: the protocol clock's time.

    Returns:
        The attempt, or ``oidc.state`` (unknown, used, too old, another browser) or ``oidc.mixup``
        (this browser's, but begun at another provider: RFC 9700, 4.4).
    """
    row = database.execute(
        select(SignInAttempt).where(SignInAttempt.state_hash == hash_token(state))
    ).scalar_one_or_none()
    if row is None:
        return Failure(SignInReason.STATE, "no attempt has this state")
    if browser_secret is None or not compare_digest(row.browser_hash, hash_token(browser_secret)):
        return Failure(SignInReason.STATE, "the attempt was begun in another browser")
    if row.used_at is not None:
        return Failure(SignInReason.STATE, "the attempt has been used already")
    if row.expires_at <= at:
        return Failure(SignInReason.STATE, "the attempt is older than 15 minutes")
    if row.identity_provider_id != identity_provider_id:
        return Failure(SignInReason.MIX_UP, "the answer came to another provider's address")
    try:
        code_verifier = decrypt(row.code_verifier)
    except Undecryptable:
        return Failure(SignInReason.STATE, "the attempt was begun under a key that is gone")
    return OpenAttempt(
        id=row.id,
        identity_provider_id=row.identity_provider_id,
        purpose=Purpose(row.purpose),
        nonce=row.nonce,
        code_verifier=code_verifier,
        max_age=row.max_age,
        next_url=row.next_url,
        staff_id=row.staff_id,
        staff_link_id=row.staff_link_id,
        created_at=row.created_at,
    )


def live_session(
    database: Database, *, token: str, at: datetime, idle: timedelta
) -> LiveSession | None:
    """Return the session behind a cookie, if it is still alive at the protocol clock's *at*."""
    row = database.execute(
        select(
            Session.id,
            Session.guest_id,
            Session.staff_id,
            Session.identity_provider_id,
            Session.guest_epoch,
            Session.acr,
            Session.amr,
            Session.break_glass,
            Session.created_at,
            Session.seen_at,
            Session.ends_at,
        ).where(
            Session.token_hash == hash_token(token),
            Session.revoked_at.is_(None),
            Session.ends_at > at,
            Session.seen_at > at - idle,
        )
    ).one_or_none()
    if row is None:
        return None
    return LiveSession(
        id=row.id,
        guest_id=row.guest_id,
        staff_id=row.staff_id,
        identity_provider_id=row.identity_provider_id,
        guest_epoch=row.guest_epoch,
        acr=row.acr,
        amr=tuple(row.amr or ()),
        break_glass=row.break_glass,
        created_at=row.created_at,
        seen_at=row.seen_at,
        ends_at=row.ends_at,
    )


def shelved(database: Database, name: str) -> Shelved | None:
    """Return what is kept of a provider's documents."""
    row = database.execute(
        select(ProviderDocument.document, ProviderDocument.keys, ProviderDocument.fetched_at).where(
            ProviderDocument.issuer_hash == hash_token(name)
        )
    ).one_or_none()
    if row is None or row.fetched_at is None:
        return None
    return Shelved(document=row.document, keys=row.keys, fetched_at=row.fetched_at)


def count_expired(database: Database, at: datetime) -> int:
    """Count the attempts and sessions past their life, which the next sweep deletes."""
    return sum(
        database.scalar(select(func.count()).select_from(table).where(over)) or 0
        for table, over in (
            (SignInAttempt, SignInAttempt.expires_at <= at),
            (Session, Session.ends_at <= at),
        )
    )
