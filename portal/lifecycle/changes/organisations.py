"""An organisation is suspended or resumed, an offer withdrawn: access follows at once."""

from uuid import UUID

from portal.foundation.transaction import Tx
from portal.lifecycle.queries import guests_of
from portal.sponsorship.changes.grants import end_offer
from portal.sponsorship.changes.settling import settle
from portal.sponsorship.queries import grants_of_offer
from portal.trust import changes as trust_changes

BATCH = 500


def suspend_organisation(tx: Tx, organisation_id: UUID, reason: str) -> None:
    """Suspend an organisation: one row, one event; the access function shuts its guests out."""
    trust_changes.suspend(tx, organisation_id, reason)


def resume_organisation(tx: Tx, organisation_id: UUID) -> None:
    """Resume an organisation. What time did to its guests meanwhile is settled first."""
    settle_organisation(tx, organisation_id)
    trust_changes.resume(tx, organisation_id)


def settle_organisation(tx: Tx, organisation_id: UUID) -> None:
    """Settle every guest of an organisation, in batches within this transaction."""
    after: UUID | None = None
    while batch := guests_of(tx.session, organisation_id, after, BATCH):
        settle(tx, batch)
        after = batch[-1]


def withdraw_offer(tx: Tx, offer_id: UUID) -> int:
    """Withdraw an offer and end what was given by it; return how many grants that ended."""
    ended = _end_given(tx, offer_id)
    trust_changes.withdraw_offer(tx, offer_id)
    # Whoever was given it at this moment was waited for, and is the last.
    return ended + _end_given(tx, offer_id)


def _end_given(tx: Tx, offer_id: UUID) -> int:
    # What time has ended already ended for that reason, whether or not a sweep has said so.
    settle(tx, {grant.guest_id for grant in grants_of_offer(tx.session, offer_id)})
    return end_offer(tx, offer_id)
