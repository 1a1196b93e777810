"""Read attempts and sessions, each by the one index it has."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hmac import compare_digest
from uuid import UUID

from sqlalchemy import ColumnElement, String, and_, bindparam, func, lambda_stmt, select

from portal.access.queries import (
    FACTS_COLUMNS,
    WHOLE_COLUMNS,
    Known,
    Whole,
    known_of,
    with_facts,
)
from portal.foundation.crypto import Undecryptable, decrypt, hash_token
from portal.foundation.db import Reader, table_of
from portal.foundation.packed import packed
from portal.guests.models import Guest
from portal.sign_in.attempt import OpenAttempt, Purpose
from portal.sign_in.models import ProviderDocument, Session, SignInAttempt
from portal.sign_in.rules import Failure, SignInReason
from portal.sign_in.shelved import Shelved
from portal.trust.queries import ProviderRow
from portal.trust.queries.providers import (
    AT_ADDRESS,
    PROVIDER_COLUMN,
    PROVIDERS_FROM,
    provider_of,
)


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session that neither ended nor slept too long, as the request's user loader needs it.

    Attributes:
        known: the facts of its guest, read with it; nothing for an employee.
        whole: what else the guest's own pages show.
    """

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
    known: Known | None
    whole: Whole


@dataclass(frozen=True, slots=True)
class KeptAttempt:
    """An attempt as the row has it; ``check_attempt`` says whether a callback may end it."""

    id: UUID
    browser_hash: str
    identity_provider_id: UUID | None
    purpose: str
    nonce: str = field(repr=False)
    code_verifier: str = field(repr=False)
    max_age: int | None
    next_url: str | None
    staff_id: UUID | None
    staff_link_id: UUID | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


_ATTEMPT, _SESSION = table_of(SignInAttempt), table_of(Session)
_OF_ATTEMPT = packed(*(_ATTEMPT.c[name] for name in KeptAttempt.__dataclass_fields__))
_HAS_STATE = _ATTEMPT.c.state_hash == bindparam("state_hash", type_=String)
_BY_STATE = select(_OF_ATTEMPT).where(_HAS_STATE)
# Found by its state alone: that it was begun at another provider must be seen (RFC 9700, 4.4).
_CALLBACK = lambda_stmt(
    lambda: (
        select(packed(PROVIDER_COLUMN, _OF_ATTEMPT))
        .select_from(PROVIDERS_FROM.outerjoin(_ATTEMPT, _HAS_STATE))
        .where(*AT_ADDRESS)
    ),
    enable_tracking=False,
)


def attempt_of(database: Reader, state: str) -> KeptAttempt | None:
    """Return the attempt of a state, if there is one."""
    values = database.scalar(_BY_STATE, {"state_hash": hash_token(state)})
    return None if values is None else KeptAttempt(*values)


def provider_and_attempt(
    database: Reader, organisation: str, provider: str, state: str
) -> tuple[ProviderRow, KeptAttempt | None] | None:
    """Return whose callback was called, and the attempt of the state that it brought: one read."""
    row = database.scalar(
        _CALLBACK,
        {
            "organisation_slug": organisation,
            "provider_slug": provider,
            "state_hash": hash_token(state),
        },
    )
    if row is None:
        return None
    known, own = row
    return provider_of(known), KeptAttempt(*own) if own[0] is not None else None


def check_attempt(
    kept: KeptAttempt | None,
    *,
    browser_secret: str | None,
    identity_provider_id: UUID | None,
    at: datetime,
) -> OpenAttempt | Failure:
    """Return the attempt that a callback may end.

    Args:
        kept: found by the state that the callback brought.
        browser_secret: what the browser's cookie holds, if anything.
        identity_provider_id: whose callback path was called; ``None``: the host's.
        at: the protocol clock's time.

    Returns:
        The attempt, or ``oidc.state`` (unknown, used, too old, another browser) or ``oidc.mixup``
        (this browser's, but begun at another provider: RFC 9700, 4.4).
    """
    if kept is None:
        return Failure(SignInReason.STATE, "no attempt has this state")
    if browser_secret is None or not compare_digest(kept.browser_hash, hash_token(browser_secret)):
        return Failure(SignInReason.STATE, "the attempt was begun in another browser")
    if kept.used_at is not None:
        return Failure(SignInReason.STATE, "the attempt has been used already")
    if kept.expires_at <= at:
        return Failure(SignInReason.STATE, "the attempt is older than 15 minutes")
    if kept.identity_provider_id != identity_provider_id:
        return Failure(SignInReason.MIX_UP, "the answer came to another provider's address")
    try:
        code_verifier = decrypt(kept.code_verifier)
    except Undecryptable:
        return Failure(SignInReason.STATE, "the attempt was begun under a key that is gone")
    return OpenAttempt(
        id=kept.id,
        identity_provider_id=kept.identity_provider_id,
        purpose=Purpose(kept.purpose),
        nonce=kept.nonce,
        code_verifier=code_verifier,
        max_age=kept.max_age,
        next_url=kept.next_url,
        staff_id=kept.staff_id,
        staff_link_id=kept.staff_link_id,
        created_at=kept.created_at,
    )


_OF_SESSION = tuple(
    name for name in LiveSession.__dataclass_fields__ if name not in {"known", "whole"}
)
_GUEST = table_of(Guest)
_LIVE = lambda_stmt(
    lambda: (
        select(
            packed(
                *FACTS_COLUMNS, packed(*(_SESSION.c[name] for name in _OF_SESSION)), *WHOLE_COLUMNS
            )
        )
        .select_from(with_facts(_SESSION.outerjoin(_GUEST, _GUEST.c.id == _SESSION.c.guest_id)))
        .where(
            _SESSION.c.token_hash == bindparam("token_hash", type_=String),
            _SESSION.c.revoked_at.is_(None),
            _SESSION.c.ends_at > bindparam("at", type_=_SESSION.c.ends_at.type),
            _SESSION.c.seen_at > bindparam("idle_since", type_=_SESSION.c.seen_at.type),
            _SESSION.c.created_at <= bindparam("begun_by", type_=_SESSION.c.created_at.type),
        )
    ),
    enable_tracking=False,
)
# A session from later than that began under a clock that was wrong: its limits would come too late.
CLOCKS_APART = timedelta(minutes=5)


def live_session(
    database: Reader, *, token: str, at: datetime, idle: timedelta
) -> LiveSession | None:
    """Return the session behind a cookie, if it is still alive at the protocol clock's *at*."""
    given = {"at": at, "idle_since": at - idle, "begun_by": at + CLOCKS_APART}
    rows = database.scalars(_LIVE, {"token_hash": hash_token(token), **given}).all()
    if not rows:
        return None
    *_, own, sponsorships, grants = rows[0]
    values = dict(zip(_OF_SESSION, own, strict=True))
    values["amr"] = tuple(values["amr"] or ())
    known = None if values["guest_id"] is None else known_of(rows)
    return LiveSession(**values, known=known, whole=(sponsorships, grants))


@dataclass(frozen=True, slots=True)
class OwnSession:
    """A browser in which somebody is signed in; times of the protocol clock, aware."""

    id: UUID
    created_at: datetime
    seen_at: datetime
    ends_at: datetime


def sessions_beside(
    database: Reader, own: LiveSession, *, at: datetime, idle: timedelta
) -> list[OwnSession]:
    """Return the live sessions of the person behind one, that one too; the latest used first."""
    columns = [_SESSION.c[name] for name in OwnSession.__dataclass_fields__]
    rows = database.execute(
        select(*columns)
        .where(
            of_person(own),
            _SESSION.c.ends_at > at,
            _SESSION.c.seen_at > at - idle,
            _SESSION.c.created_at <= at + CLOCKS_APART,
        )
        .order_by(_SESSION.c.seen_at.desc(), _SESSION.c.id)
    )
    return [OwnSession(*row) for row in rows]


def of_person(own: LiveSession) -> ColumnElement[bool]:
    """Return what the sessions of the person behind one have in common, while nobody ended them."""
    whose = (
        _SESSION.c.staff_id == own.staff_id
        if own.guest_id is None
        else and_(_SESSION.c.guest_id == own.guest_id, _SESSION.c.guest_epoch == own.guest_epoch)
    )
    return and_(whose, _SESSION.c.revoked_at.is_(None))


def shelved(database: Reader, name: str) -> Shelved | None:
    """Return what is kept of a provider's documents."""
    row = database.execute(
        select(ProviderDocument.document, ProviderDocument.keys, ProviderDocument.fetched_at).where(
            ProviderDocument.issuer_hash == hash_token(name)
        )
    ).one_or_none()
    if row is None or row.fetched_at is None:
        return None
    return Shelved(document=row.document, keys=row.keys, fetched_at=row.fetched_at)


def count_expired(database: Reader, at: datetime) -> int:
    """Count the attempts and sessions past their life, which the next sweep deletes."""
    return sum(
        database.scalar(select(func.count()).select_from(table).where(over)) or 0
        for table, over in (
            (SignInAttempt, SignInAttempt.expires_at <= at),
            (Session, Session.ends_at <= at),
        )
    )
