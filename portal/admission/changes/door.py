"""Somebody stands at the door: find out who, settle, decide, carry out. One transaction."""

from portal.admission.changes.arriving import arrive
from portal.admission.changes.known import IN_THE_WAY, clear_the_way, known_guest
from portal.admission.changes.refreshing import refresh
from portal.admission.changes.refusing import refuse
from portal.admission.changes.results import Result, SignedIn, TurnedAway
from portal.admission.identity import VerifiedIdentity
from portal.admission.queries import Door, gather
from portal.admission.rules import Decision, Outcome, decide
from portal.foundation.transaction import Tx
from portal.guests.queries import by_identity
from portal.sponsorship.changes.settling import as_if_settled
from portal.trust.queries import ProviderRow


def knock(
    tx: Tx,
    identity: VerifiedIdentity,
    provider: ProviderRow,
    host_domains: frozenset[str],
    next_url: str | None = None,
) -> Result:
    """Decide on a verified identity and carry the decision out.

    Args:
        tx: bears the audit event whatever comes of it.
        identity: every protocol check passed.
        provider: through which it came.
        host_domains: the host's own domains.
        next_url: where the person wanted to go, already checked.
    """
    guest = known_guest(tx, identity)
    door = gather(tx.session, identity, provider, guest, host_domains, tx.now)
    decision = decide(identity, door.facts, tx.now)
    if not IN_THE_WAY.isdisjoint(decision.reasons) and clear_the_way(tx, identity, provider, guest):
        door = gather(tx.session, identity, provider, guest, host_domains, tx.now)
        decision = decide(identity, door.facts, tx.now)
    if decision.outcome == Outcome.REFUSE:
        refuse(tx, identity, provider, door, decision, guest)
        return TurnedAway(decision, guest)
    if decision.outcome == Outcome.ARRIVE:
        return arrive(tx, identity, provider, next_url)
    assert guest is not None
    refresh(tx, identity, provider, door, guest)
    return SignedIn(guest.id, guest.session_epoch)


def trial(
    tx: Tx, identity: VerifiedIdentity, provider: ProviderRow, host_domains: frozenset[str]
) -> tuple[Decision, Door]:
    """Say what the door would decide, and carry nothing out (*test sign-in*)."""
    guest = None
    if identity.organisation_id is not None:
        guest = by_identity(tx.session, identity.organisation_id, identity.issuer, identity.subject)
    if guest is not None:
        guest = as_if_settled(tx.session, guest, tx.now)
    door = gather(tx.session, identity, provider, guest, host_domains, tx.now)
    return decide(identity, door.facts, tx.now), door
