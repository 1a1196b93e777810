"""Write attempts and sessions. Times are the protocol clock's, given by the caller as *at*."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CursorResult,
    and_,
    bindparam,
    delete,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.elements import ColumnElement

from portal.admission.changes import close_arrivals
from portal.foundation.crypto import encrypt, hash_token, random_token
from portal.foundation.db import table_of, uuid7
from portal.foundation.packed import told
from portal.foundation.transaction import Tx, Writer
from portal.sign_in.attempt import ATTEMPT_LIFE, NewAttempt
from portal.sign_in.models import ProviderDocument, Session, SignInAttempt
from portal.sign_in.queries import LiveSession, of_person
from portal.sign_in.rules import Failure, SignInFailure, SignInReason
from portal.sign_in.shelved import FETCHES, PER, Shelved
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

TOUCH_EVERY = timedelta(minutes=5)
BATCH = 1000


class AttemptUsed(SignInFailure):
    """A doubled callback (double click, back button) used this attempt first: ``oidc.state``."""

    def __init__(self) -> None:
        super().__init__(Failure(SignInReason.STATE, "the attempt has been used already"))


@dataclass(frozen=True, slots=True)
class NewSession:
    """Who signed in, how, and for how long at most.

    Attributes:
        guest_id: the guest, or ``None`` for an employee.
        staff_id: the employee, or ``None`` for a guest.
        identity_provider_id: the guest's connection; ``None`` for an employee.
        guest_epoch: the guest's epoch of sessions; a removal raises it.
        life: absolute limit.
        latest_end: never past this instant (the end of access), if there is one.
        sid: the provider's session id.
        acr: how they were authenticated.
        amr: by which methods.
        break_glass: signed in by a link printed on the server.
    """

    guest_id: UUID | None = None
    staff_id: UUID | None = None
    identity_provider_id: UUID | None = None
    guest_epoch: int | None = None
    life: timedelta = timedelta(hours=12)
    latest_end: datetime | None = None
    sid: str | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    break_glass: bool = False


@dataclass(frozen=True, slots=True)
class StartedSession:
    """A new session; *token* goes into the cookie and nowhere else."""

    id: UUID
    token: str = field(repr=False)
    ends_at: datetime


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
_BEGIN_AT = (
    insert(_ATTEMPT)
    .from_select(
        [*_OF_SIGN_IN, "identity_provider_id"],
        select(*(bindparam(name, type_=_ATTEMPT.c[name].type) for name in _OF_SIGN_IN), PROVIDER_ID)
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


def start_session(
    tx: Tx, new: NewSession, at: datetime, *, replacing: str | None = None
) -> StartedSession:
    """Start a session under a new random id.

    Args:
        tx: the transaction of the sign-in.
        new: who, how and for how long.
        at: the protocol clock's time.
        replacing: the session cookie that the browser came with; whatever it names ends (W01).
    """
    if replacing:
        end_session(tx, replacing, at)
    started = StartedSession(
        id=uuid7(),
        token=random_token(),
        ends_at=min(filter(None, (at + new.life, new.latest_end))),
    )
    tx.insert(
        table_of(Session),
        {
            "id": started.id,
            "token_hash": hash_token(started.token),
            "guest_id": new.guest_id,
            "staff_id": new.staff_id,
            "identity_provider_id": new.identity_provider_id,
            "guest_epoch": new.guest_epoch,
            "sid": new.sid,
            "acr": new.acr,
            "amr": list(new.amr),
            "break_glass": new.break_glass,
            "created_at": at,
            "seen_at": at,
            "ends_at": started.ends_at,
        },
    )
    return started


def touch_session(tx: Writer, session_id: UUID, at: datetime) -> None:
    """Say that a session is in use; two requests at once write once."""
    tx.execute(
        update(Session)
        .where(Session.id == session_id, Session.seen_at <= at - TOUCH_EVERY)
        .values(seen_at=at)
    )


def end_session(tx: Tx, token: str, at: datetime) -> bool:
    """End the session behind a cookie (sign-out); return whether there was one to end."""
    return _end(tx, Session.token_hash == hash_token(token), at) == 1


def renew_session(tx: Tx, session_id: UUID) -> str | None:
    """Give a session another random id, so that a copy of its cookie is nobody's.

    Returns:
        The new id; nothing where somebody has ended the session meanwhile: it stays ended.
    """
    token = random_token()
    renewed = tx.session.execute(
        update(Session)
        .where(Session.id == session_id, Session.revoked_at.is_(None))
        .values(token_hash=hash_token(token))
        .execution_options(synchronize_session=False)
    )
    return token if _count(renewed) else None


def end_sessions_beside(tx: Tx, own: LiveSession, at: datetime) -> int:
    """End the other sessions of the person behind one; return how many."""
    return _end(tx, and_(of_person(own), Session.id != own.id), at)


def end_sessions_of_guests(tx: Tx, guest_ids: Sequence[UUID], at: datetime) -> int:
    """End every session of these guests; return how many."""
    return _end(tx, Session.guest_id.in_(guest_ids), at) if guest_ids else 0


def end_sessions_of_staff(tx: Tx, staff_ids: Sequence[UUID], at: datetime) -> int:
    """End every session of these employees; return how many."""
    return _end(tx, Session.staff_id.in_(staff_ids), at) if staff_ids else 0


def end_sessions_of_provider(tx: Tx, identity_provider_id: UUID, at: datetime) -> int:
    """End what came through an identity provider; return how many sessions.

    Open attempts and arrivals first: whoever uses one up at this moment is waited for, and the
    session that comes of it is ended too. An admin's test sign-in is an attempt like any other: its
    code must not go to the provider that is configured by the time it comes back.
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
    close_arrivals(tx, identity_provider_id)
    return _end(tx, Session.identity_provider_id == identity_provider_id, at)


def note_fetch(tx: Tx, name: str, at: datetime) -> bool:
    """Note a fetch of a provider's keys, unless there were enough in the last minute."""
    key = hash_token(name)
    row = tx.session.execute(
        select(ProviderDocument.fetches)
        .where(ProviderDocument.issuer_hash == key)
        .with_for_update()
    ).one_or_none()
    earliest = (at - PER).timestamp()
    recent = [one for one in (row.fetches if row else ()) if one > earliest]
    if len(recent) >= FETCHES:
        return False
    recent.append(at.timestamp())
    if row:
        tx.session.execute(
            update(ProviderDocument)
            .where(ProviderDocument.issuer_hash == key)
            .values(fetches=recent)
            .execution_options(synchronize_session=False)
        )
        return True
    # Two processes that meet a provider for the first time at once: one of them makes the row.
    made = tx.session.execute(
        _insert(tx)(ProviderDocument)
        .values(issuer_hash=key, fetches=recent)
        .on_conflict_do_nothing(index_elements=["issuer_hash"])
        .returning(ProviderDocument.issuer_hash)
    )
    return made.first() is not None


def shelve(tx: Tx, name: str, shelved: Shelved) -> None:
    """Keep what was fetched of a provider."""
    values = {
        "document": dict(shelved.document),
        "keys": dict(shelved.keys),
        "fetched_at": shelved.fetched_at,
    }
    tx.session.execute(
        _insert(tx)(ProviderDocument)
        .values(issuer_hash=hash_token(name), fetches=[], **values)
        .on_conflict_do_update(index_elements=["issuer_hash"], set_=values)
    )


def delete_expired(tx: Tx, at: datetime, limit: int = BATCH) -> int:
    """Delete a batch of attempts and sessions past their life; return how many, 0 when done.

    An attempt is kept as long as its state could be tried again (replay memory), a session until
    its absolute end, also when it was ended earlier. Documents go when nobody came for a month.
    """
    deleted = _count(
        tx.session.execute(
            delete(ProviderDocument)
            .where(ProviderDocument.fetched_at <= at - timedelta(days=30))
            .execution_options(synchronize_session=False)
        )
    )
    for table, expired in (
        (SignInAttempt, SignInAttempt.expires_at <= at),
        (Session, Session.ends_at <= at),
    ):
        keys = select(table.id).where(expired).limit(limit)
        deleted += _count(
            tx.session.execute(
                delete(table).where(table.id.in_(keys)).execution_options(synchronize_session=False)
            )
        )
    return deleted


def _end(tx: Tx, which: ColumnElement[bool], at: datetime) -> int:
    """End the live sessions among *which*."""
    return _count(
        tx.session.execute(
            update(Session)
            .where(which, Session.revoked_at.is_(None))
            .values(revoked_at=at)
            .execution_options(synchronize_session=False)
        )
    )


def _insert(tx: Tx) -> Any:
    sqlite = tx.session.get_bind().dialect.name == "sqlite"
    return sqlite_insert if sqlite else postgresql_insert


def _count(result: object) -> int:
    """Return how many rows a statement touched."""
    return result.rowcount if isinstance(result, CursorResult) else 0
