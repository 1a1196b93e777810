"""Write sessions: started, touched, and ended everywhere within one request."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import CursorResult, and_, select, update
from sqlalchemy.sql.elements import ColumnElement

from portal.admission.changes import close_arrivals
from portal.foundation.crypto import hash_token, random_token
from portal.foundation.db import parts, table_of, uuid7
from portal.foundation.transaction import Tx, Writer
from portal.sign_in.changes.attempts import give_up_all_at
from portal.sign_in.models import Session
from portal.sign_in.queries import LiveSession, of_person
from portal.trust.queries import providers
from portal.trust.rules import strong_enough

TOUCH_EVERY = timedelta(minutes=5)


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
    tx.insert_at_end(
        table_of(Session),
        [
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
            }
        ],
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
    return token if touched(renewed) else None


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
    session that comes of it is ended too.
    """
    give_up_all_at(tx, identity_provider_id, at)
    close_arrivals(tx, identity_provider_id)
    return _end(tx, Session.identity_provider_id == identity_provider_id, at)


def end_weak_sessions(
    tx: Tx, organisation_id: UUID | None, at: datetime, *, locked: bool = False
) -> int:
    """End guests' sessions that a stricter demand for strength would not have let begin.

    Open attempts and arrivals first, as above: whoever speaks with the provider now was asked for
    less, and whoever accepts now is decided on by the old demand.

    Args:
        tx: in which the demand was changed.
        organisation_id: whose guests; none: everybody's.
        at: the protocol clock's time.
        locked: whether the organisation's row is, by which whoever accepts was waited for, or waits
            and is asked for more: an arrival that waits cannot be waited for.

    Returns:
        How many.
    """
    weak: list[UUID] = []
    for provider in providers(tx.session, organisation_id):
        if not provider.accepted_acr and not provider.accepted_amr:
            continue
        give_up_all_at(tx, provider.id, at)
        if not locked:
            close_arrivals(tx, provider.id)
        live = select(Session.id, Session.acr, Session.amr).where(
            Session.identity_provider_id == provider.id,
            Session.revoked_at.is_(None),
            Session.ends_at > at,
        )
        weak += [
            row.id
            for row in tx.session.execute(live).all()
            if not strong_enough(
                row.acr, row.amr or (), provider.accepted_acr, provider.accepted_amr
            )
        ]
    return sum(_end(tx, Session.id.in_(ids), at) for ids in parts(weak))


def _end(tx: Tx, which: ColumnElement[bool], at: datetime) -> int:
    """End the live sessions among *which*."""
    return touched(
        tx.session.execute(
            update(Session)
            .where(which, Session.revoked_at.is_(None))
            .values(revoked_at=at)
            .execution_options(synchronize_session=False)
        )
    )


def touched(result: object) -> int:
    """Return how many rows a statement touched."""
    return result.rowcount if isinstance(result, CursorResult) else 0
