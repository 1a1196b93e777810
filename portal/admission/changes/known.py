"""Settle first: who is known and due, and who stands in a new person's way."""

from portal.admission.identity import VerifiedIdentity
from portal.admission.queries import Door, gather
from portal.admission.rules import Refusal
from portal.foundation.transaction import Tx
from portal.guests.queries import address_taken
from portal.sponsorship.changes.settling import make_room, settle
from portal.trust.queries import ProviderRow

# What a guest may cause who is gone by the dates and only waits for a sweep.
IN_THE_WAY = frozenset({Refusal.CAP, Refusal.EMAIL_CONFLICT})


def gather_settled(
    tx: Tx, identity: VerifiedIdentity, provider: ProviderRow, host_domains: frozenset[str]
) -> Door:
    """Read the door; where time has done something to the guest, carry it out and read again."""
    door = gather(tx.connection, identity, provider, host_domains, tx.now)
    if door.guest is not None and door.due:
        settle(tx, [door.guest.id])
        door = gather(tx.connection, identity, provider, host_domains, tx.now)
    return door


def clear_the_way(tx: Tx, identity: VerifiedIdentity, provider: ProviderRow, door: Door) -> bool:
    """Settle who holds the address of a new person, or a place, and is gone by the dates.

    Returns:
        Whether anybody was settled, so that it is worth deciding again.
    """
    own = door.guest.id if door.guest else None
    holders = address_taken(tx.session, identity.email, own) if identity.email else []
    if holders:
        settle(tx, [one.id for one in holders])
    made = make_room(tx, provider.organisation_id, door.policy.most_guests)
    return made or bool(holders)
