"""Begin a session for somebody who has just come in, in the transaction that let them in."""

from collections.abc import Callable
from typing import TypeVar

import structlog
from flask import request
from sqlalchemy.exc import DBAPIError, IntegrityError

from portal.admission.changes import LostRace, Result, SignedIn
from portal.admission.identity import VerifiedIdentity
from portal.audit.changes import record
from portal.audit.rules import Event
from portal.foundation import clock
from portal.foundation.transaction import Actor, Tx, transaction, was_deadlock
from portal.sign_in import changes, session
from portal.sign_in.changes import NewSession, StartedSession
from portal.sign_in.rules import Failure, SignInFailure, SignInReason
from portal.trust.queries import ProviderRow

_TRIES = 3

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Overtaken(SignInFailure):
    """A sign-in lost every race, and nothing was written: begun anew it will go through."""

    def __init__(self) -> None:
        super().__init__(Failure(SignInReason.OVERTAKEN, "others were faster every time"))


def once_more(carry_out: Callable[[bool], T]) -> T:
    """Run the transaction of a sign-in, once more for each race that it loses.

    Args:
        carry_out: the whole transaction; told whether a race was lost, so that it settles first.

    Raises:
        Overtaken: it lost every time.
    """
    lost: Exception | None = None
    for _ in range(_TRIES):
        try:
            return carry_out(lost is not None)
        except (LostRace, DBAPIError) as fault:
            if not _was_race(fault):
                raise
            lost = fault
    if not isinstance(lost, LostRace):  # so often it may be a defect that only looks like a race
        log.warning("sign_in.overtaken", exc_info=lost)
    raise Overtaken from lost


def _was_race(fault: Exception) -> bool:
    return isinstance(fault, LostRace | IntegrityError) or was_deadlock(fault)


def let_in(reference: str, decide: Callable[[Tx, bool], T]) -> T:
    """Run the transaction of a sign-in, once more for each race that it loses.

    Args:
        reference: the correlation id.
        decide: decides and carries out; told whether a race was lost, so that it settles first.

    Raises:
        Overtaken: lost every time.
    """
    actor = Actor.anonymous(request.remote_addr)

    def carry_out(lost: bool) -> T:  # noqa: FBT001 - see above
        with transaction(actor=actor, now=clock.policy_now(), reference=reference) as tx:
            return decide(tx, lost)

    return once_more(carry_out)


def begin(
    tx: Tx, admitted: Result, identity: VerifiedIdentity, row: ProviderRow
) -> StartedSession | None:
    """Begin the session of a guest who is in, never past the end of access; nobody else's.

    What the browser had before ends.
    """
    if not isinstance(admitted, SignedIn):
        return None
    at = clock.protocol_now()
    # The two clocks differ in development only; the session lives by the real one.
    latest_end = at + (admitted.until - tx.now) if admitted.until else None
    new = NewSession(
        guest_id=admitted.guest_id,
        identity_provider_id=row.id,
        guest_epoch=admitted.session_epoch,
        life=session.life(),
        latest_end=latest_end,
        sid=identity.sid,
        acr=identity.acr,
        amr=identity.amr,
    )
    succeeded = Event(
        "sign_in.succeeded",
        organisation_id=row.organisation_id,
        guest_id=admitted.guest_id,
        data={"identity_provider": row.slug, "strength": strength_of(identity)},
    )
    record(tx, [succeeded])
    return changes.start_session(tx, new, at, replacing=session.session_token())


def strength_of(identity: VerifiedIdentity) -> str:
    """Return how somebody was authenticated, for the audit."""
    return " ".join(filter(None, (identity.acr, *identity.amr)))[:200]
