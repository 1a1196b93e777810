"""Who is known at the door, and who stands in a new person's way: both settled first."""

from portal.admission.identity import VerifiedIdentity
from portal.admission.rules import Refusal
from portal.foundation.transaction import Tx
from portal.guests.queries import GuestRow, address_taken, by_identity
from portal.sponsorship.changes.settling import make_room, settle
from portal.trust.queries import ProviderRow, policy_for

# What a guest may cause who is gone by the dates and only waits for a sweep.
IN_THE_WAY = frozenset({Refusal.CAP, Refusal.EMAIL_CONFLICT})


def known_guest(tx: Tx, identity: VerifiedIdentity) -> GuestRow | None:
    """Return whom this identity signs in as, settled and locked; inactivity is tested here."""
    if identity.organisation_id is None:
        return None
    known = by_identity(tx.session, identity.organisation_id, identity.issuer, identity.subject)
    return settle(tx, [known.id])[known.id] if known else None


def clear_the_way(
    tx: Tx, identity: VerifiedIdentity, provider: ProviderRow, guest: GuestRow | None
) -> bool:
    """Settle who holds the address of a new person, or a place, and is gone by the dates.

    Returns:
        Whether anybody was settled, so that it is worth deciding again.
    """
    holders = (
        address_taken(tx.session, identity.email, guest.id if guest else None)
        if identity.email
        else []
    )
    if holders:
        settle(tx, [one.id for one in holders])
    organisation_id = provider.organisation_id
    made = make_room(tx, organisation_id, policy_for(tx.session, organisation_id).most_guests)
    return made or bool(holders)
