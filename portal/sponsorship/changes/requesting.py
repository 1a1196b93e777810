"""How a sponsorship begins: an arrival asks for one, or a sponsor vouches of their own accord."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from portal.delivery.changes import Message, put
from portal.foundation.db import uuid7
from portal.foundation.transaction import Tx
from portal.guests import queries as guests
from portal.guests.rules import LAPSES_AFTER, Reason, State
from portal.sponsorship.changes import grants, writing
from portal.sponsorship.changes.bounds import (
    NotYours,
    bring_in,
    require_another,
    require_day,
    require_decider,
    review_columns,
)
from portal.sponsorship.changes.settling import settle
from portal.sponsorship.changes.telling import Word, tell_approved
from portal.sponsorship.queries import get, open_rows
from portal.sponsorship.rules import (
    OpenSponsorship,
    Standing,
    expiry_of,
    latest_last_day,
    review_after,
)
from portal.trust.queries import kept_offers, policy_for, running_contract
from portal.trust.rules import ContractFacts, EffectivePolicy, Proposal, Refused


@dataclass(frozen=True, slots=True)
class Request:
    """What an arrival asks for, or a sponsor who lets somebody back: nobody tells them of that."""

    guest_id: UUID
    guest_name: str
    guest_email: str
    organisation_id: UUID
    organisation_name: str
    contract: ContractFacts
    policy: EffectivePolicy
    sponsor_id: UUID
    sponsor_email: str
    proposals: Sequence[Proposal]
    at_once: bool
    why: str | None
    works_with: str | None
    told: bool = True


def request(tx: Tx, asked: Request) -> OpenSponsorship:
    """Ask a sponsor to vouch; with *at once* the restricted grants begin now, until approved."""
    sponsorship_id = uuid7()
    latest = latest_last_day(asked.policy, asked.contract, tx.now)
    expires_at = expiry_of(latest.day, asked.contract)
    approve_by = tx.now + timedelta(days=asked.policy.approval_days) if asked.at_once else None
    lapses_at = None if asked.at_once else tx.now + LAPSES_AFTER
    over = min(approve_by or lapses_at or expires_at, expires_at)  # if nobody decides
    state = Standing.ACTIVE if asked.at_once else Standing.REQUESTED
    writing.add(
        tx,
        "sponsorship.requested",
        sponsorship_id,
        {
            "guest_id": asked.guest_id,
            "organisation_id": asked.organisation_id,
            "contract_id": asked.contract.id,
            "sponsor_id": asked.sponsor_id,
            "state": state,
            "state_reason": Reason.AT_ONCE if asked.at_once else Reason.AWAITING_DECISION,
            "state_since": tx.now,
            "last_day": latest.day,
            "expires_at": expires_at,
            "requested_at": tx.now,
            "lapses_at": lapses_at,
            "at_once": asked.at_once,
            "approve_by": approve_by,
            "decided_at": None,
            "decided_by": None,
            "decision_note": None,
            "review_ask_at": None,
            "review_due_at": None,
            "review_ends_at": None,
            "why": asked.why,
            "works_with": asked.works_with,
        },
    )
    offer = grants.give_at_once if asked.at_once else grants.propose
    offer(tx, asked.organisation_id, asked.guest_id, sponsorship_id, asked.proposals)
    if asked.told:
        _tell(tx, asked, sponsorship_id, over)
    return OpenSponsorship(
        id=sponsorship_id,
        state=state,
        expires_at=expires_at,
        lapses_at=lapses_at,
        approve_by=approve_by,
        review_ends_at=None,
        contract_begins_at=asked.contract.begins_at,
        contract_ends_at=asked.contract.ends_at,
    )


def _tell(tx: Tx, asked: Request, sponsorship_id: UUID, over: datetime) -> None:
    """Put the question to the sponsor; *over* is when it ends unanswered."""
    put(
        tx,
        [
            Message(
                "sponsor.request",
                asked.sponsor_email,
                f"sponsor.request:{sponsorship_id}",
                {
                    "guest_name": asked.guest_name,
                    "guest_email": asked.guest_email,
                    "organisation": asked.organisation_name,
                    "asked_at": tx.now.isoformat(),
                    "lapses_at": None if asked.at_once else over.isoformat(),
                    "at_once": asked.at_once,
                    "approve_by": over.isoformat() if asked.at_once else None,
                    "sponsorship_id": str(sponsorship_id),
                    "why": asked.why,
                    "works_with": asked.works_with,
                },
            )
        ],
    )


def vouch(tx: Tx, guest_id: UUID, staff_id: UUID, last_day: date, chosen: Collection[UUID]) -> None:
    """Vouch of one's own accord: for a guest whom time suspended, or beside another sponsor.

    Also beside one's own word under another contract than the one that runs longest: where a new
    contract follows an old one, whoever vouched goes on under it.

    Raises:
        NotYours, Refused: as ``approve``; Refused also where a human holds the guest, nobody
        is in to be vouched for, or no contract runs.
    """
    known = guests.get(tx.session, guest_id)
    if known is None:
        raise NotYours
    require_decider(tx, known.organisation_id, staff_id)
    guest = settle(tx, [guest_id])[guest_id]
    require_another(tx, guest_id, staff_id)
    if guest.hold:
        raise Refused("guest", "This guest is held by somebody here. Lift the suspension first")
    if guest.state not in (State.ACTIVE, State.SUSPENDED):
        raise Refused("guest", "Only a guest who is in, or suspended, can be vouched for")
    contract = running_contract(tx.session, guest.organisation_id, tx.now)
    under = None if contract is None else contract.id
    if any(
        row.awaits_decision or (row.sponsor_id == staff_id and row.contract_id == under)
        for row in open_rows(tx.session, [guest_id])
    ):
        raise Refused("guest", "There is a sponsorship to decide on or to extend already")
    if contract is None:
        raise Refused("last_day", "No contract is running. Ask an admin to enter the new one")
    policy = policy_for(tx.session, guest.organisation_id)
    require_day(last_day, policy, contract, tx.now)
    expires_at = expiry_of(last_day, contract)
    sponsorship_id = uuid7()
    writing.add(
        tx,
        "sponsorship.approved",
        sponsorship_id,
        {
            "guest_id": guest_id,
            "organisation_id": guest.organisation_id,
            "contract_id": contract.id,
            "sponsor_id": staff_id,
            "state": Standing.ACTIVE,
            "state_reason": Reason.APPROVED,
            "state_since": tx.now,
            "last_day": last_day,
            "expires_at": expires_at,
            "requested_at": tx.now,
            "lapses_at": None,
            "at_once": False,
            "approve_by": None,
            "decided_at": tx.now,
            "decided_by": staff_id,
            "decision_note": None,
            "why": None,
            "works_with": None,
            **review_columns(review_after(policy, tx.now, expires_at)),
        },
    )
    tx.write_kept()
    fresh = get(tx.session, sponsorship_id)
    assert fresh is not None
    grants.decide(tx, fresh, kept_offers(tx, guest.organisation_id), chosen)
    bring_in(tx, guest, policy, Reason.APPROVED)
    tell_approved(tx, guest, Word(sponsorship_id, staff_id, contract, last_day, expires_at))
