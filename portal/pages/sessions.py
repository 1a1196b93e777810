"""Begin a session for somebody who has just come in."""

from portal.access.queries import of
from portal.access.rules import access
from portal.admission.changes import SignedIn
from portal.admission.identity import VerifiedIdentity
from portal.audit.changes import record
from portal.audit.rules import Event
from portal.foundation import clock
from portal.foundation.transaction import Tx
from portal.sign_in import changes, session
from portal.sign_in.changes import NewSession, StartedSession
from portal.trust.queries import ProviderRow


def begin_guest_session(
    tx: Tx, admitted: SignedIn, identity: VerifiedIdentity, row: ProviderRow
) -> StartedSession:
    """Begin a guest's session, never past the end of access; what the browser had before ends."""
    known = of(tx.session, admitted.guest_id)
    until = access(known.facts, tx.now).until if known else None
    at = clock.protocol_now()
    # The two clocks differ in development only; the session lives by the real one.
    latest_end = at + (until - tx.now) if until else None
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
