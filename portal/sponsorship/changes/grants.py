"""What a guest may use under a sponsorship: proposed, given, ended.

No grant comes back: an ended one stays ended, and a new one needs a decision that names the guest.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from portal.foundation.db import uuid7
from portal.foundation.transaction import Tx
from portal.sponsorship.changes import writing
from portal.sponsorship.queries import (
    GrantRow,
    SponsorshipRow,
    grants_of_offer,
    grants_under,
    turned_down,
)
from portal.sponsorship.rules import NOT_CHOSEN
from portal.trust.rules import OfferFacts, Proposal


def propose(
    tx: Tx,
    organisation_id: UUID,
    guest_id: UUID,
    sponsorship_id: UUID,
    proposals: Sequence[Proposal],
) -> None:
    """Put offers before the sponsor; a proposal gives nothing."""
    rows = [
        {
            **_row(guest_id, sponsorship_id, proposal.offer, by_claim=proposal.by_claim),
            "state": "proposed",
            "state_reason": "by_claim" if proposal.by_claim else "default",
            "proposed_at": tx.now,
            "starts_at": None,
        }
        for proposal in proposals
    ]
    writing.add_grants(tx, "grant.proposed", organisation_id, rows)


def give_at_once(
    tx: Tx,
    organisation_id: UUID,
    guest_id: UUID,
    sponsorship_id: UUID,
    proposals: Sequence[Proposal],
) -> None:
    """Give the restricted grants of a policy that lets people in before approval."""
    rows = [
        {
            **_row(guest_id, sponsorship_id, proposal.offer, by_claim=proposal.by_claim),
            "state": "active",
            "state_reason": "at_once",
            "proposed_at": None,
            "starts_at": tx.now,
        }
        for proposal in proposals
    ]
    writing.add_grants(tx, "grant.given", organisation_id, rows)


def decide(
    tx: Tx,
    sponsorship: SponsorshipRow,
    offers: Sequence[OfferFacts],
    chosen: Collection[UUID],
) -> None:
    """Make a sponsor's choice of offers what the guest has under a sponsorship: no more, no less.

    Args:
        tx: the open transaction.
        sponsorship: under which the guest has it.
        offers: what stands offered to the organisation now.
        chosen: ids of the offers that the sponsor ticked.
    """
    standing = {grant.offer_id: grant for grant in grants_under(tx.session, [sponsorship.id])}
    give, begin, end = [], [], []
    for offer in offers:
        grant = standing.pop(offer.id, None)
        if offer.id in chosen and grant is None:
            give.append(
                {
                    **_row(sponsorship.guest_id, sponsorship.id, offer, by_claim=False),
                    "state": "active",
                    "state_reason": "approved",
                    "proposed_at": None,
                    "starts_at": tx.now,
                }
            )
        elif grant is not None and offer.id in chosen and grant.state == "proposed":
            begin.append(grant)
        elif grant is not None and offer.id not in chosen:
            end.append(grant)
    end.extend(standing.values())
    organisation_id = sponsorship.organisation_id
    writing.add_grants(tx, "grant.given", organisation_id, give)
    started = {"state": "active", "state_reason": "approved", "starts_at": tx.now}
    writing.change_grants(tx, "grant.given", [(grant, started) for grant in begin])
    ended = {"state": "ended", "state_reason": NOT_CHOSEN, "ended_at": tx.now}
    writing.change_grants(tx, "grant.ended", [(grant, ended) for grant in end])
    tx.write_kept()  # whoever decides once more, or tells of it, reads what was given


def follow_claims(
    tx: Tx,
    sponsorship: SponsorshipRow,
    proposals: Sequence[Proposal],
    standing: Sequence[GrantRow],
) -> tuple[Proposal, ...]:
    """End what a claim chose and no longer says; propose what it says now.

    What the sponsor turned down under this sponsorship is not proposed again at every sign-in.

    Returns:
        What is newly proposed, so that the sponsor can be told.
    """
    said = {proposal.offer.id for proposal in proposals if proposal.by_claim}
    gone = {"state": "ended", "state_reason": "claim_gone", "ended_at": tx.now}
    ending = [(grant, gone) for grant in standing if grant.by_claim and grant.offer_id not in said]
    writing.change_grants(tx, "grant.ended", ending)
    held = {grant.offer_id for grant in standing}
    new = tuple(
        proposal for proposal in proposals if proposal.by_claim and proposal.offer.id not in held
    )
    if new:
        declined = turned_down(tx.session, sponsorship.guest_id, sponsorship.id)
        new = tuple(proposal for proposal in new if proposal.offer.id not in declined)
    propose(tx, sponsorship.organisation_id, sponsorship.guest_id, sponsorship.id, new)
    return new


def end_with(tx: Tx, ended: Mapping[UUID, tuple[str, datetime]]) -> None:
    """End every grant of sponsorships that have ended, for the same reason at the same instant."""
    grants = grants_under(tx.session, ended) if ended else []
    writing.change_grants(
        tx,
        "grant.ended",
        [
            (
                grant,
                {
                    "state": "ended",
                    "state_reason": ended[grant.sponsorship_id][0],
                    "ended_at": ended[grant.sponsorship_id][1],
                },
            )
            for grant in grants
        ],
    )


def end_offer(tx: Tx, offer_id: UUID) -> int:
    """End every grant of an offer that is withdrawn; return how many."""
    grants = grants_of_offer(tx.session, offer_id)
    gone = {"state": "ended", "state_reason": "offer_withdrawn", "ended_at": tx.now}
    writing.change_grants(tx, "grant.ended", [(grant, gone) for grant in grants])
    return len(grants)


def _row(
    guest_id: UUID, sponsorship_id: UUID, offer: OfferFacts, *, by_claim: bool
) -> dict[str, object]:
    return {
        "id": uuid7(),
        "guest_id": guest_id,
        "sponsorship_id": sponsorship_id,
        "offer_id": offer.id,
        "entitlement_id": offer.entitlement_id,
        "by_claim": by_claim,
        "ended_at": None,
    }
