"""Somebody stands at the door: find out who, settle, decide, carry out. One transaction."""

from dataclasses import replace

from portal.admission.changes.arriving import arrive
from portal.admission.changes.known import IN_THE_WAY, clear_the_way, gather_settled
from portal.admission.changes.refreshing import refresh
from portal.admission.changes.refusing import refuse
from portal.admission.changes.results import Result, TurnedAway
from portal.admission.identity import VerifiedIdentity
from portal.admission.queries import Door, gather
from portal.admission.rules import Decision, Outcome, decide
from portal.foundation.transaction import Tx
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

    Raises:
        LostRace: somebody moved the guest meanwhile: run the transaction once more.
    """
    door = gather_settled(tx, identity, provider, host_domains)
    decision = decide(identity, door.facts, tx.now)
    if not IN_THE_WAY.isdisjoint(decision.reasons) and clear_the_way(tx, identity, provider, door):
        door = gather(tx.connection, identity, provider, host_domains, tx.now)
        decision = decide(identity, door.facts, tx.now)
    if decision.outcome == Outcome.REFUSE:
        refuse(tx, identity, provider, door, decision)
        return TurnedAway(decision, door.guest)
    if decision.outcome == Outcome.ARRIVE:
        return arrive(tx, identity, provider, next_url, returning=door.guest is not None)
    return refresh(tx, identity, provider, door)


def trial(
    tx: Tx, identity: VerifiedIdentity, provider: ProviderRow, host_domains: frozenset[str]
) -> tuple[Decision, Door]:
    """Say what the door would decide if it were open, and carry nothing out (*test sign-in*).

    Enabling comes after the test: that it has not come yet says nothing about who was tested.
    """
    door = gather(tx.connection, identity, provider, host_domains, tx.now)
    return decide(identity, replace(door.facts, provider_enabled=True), tx.now), door
