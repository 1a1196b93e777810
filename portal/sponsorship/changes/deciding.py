"""What employees decide about sponsorships. Each settles first and locks the guest.

A function returns ``None`` when it did what was asked, or ``Lost``: somebody else (or time) was
quicker, nothing was overwritten, and the attempt is in the audit log.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from portal.audit.changes import record
from portal.audit.rules import Event
from portal.foundation.transaction import Tx
from portal.guests import changes as guest_changes
from portal.guests.changes import Move
from portal.guests.queries import GuestRow, lock
from portal.guests.rules import Reason, State
from portal.sponsorship.changes import grants, writing
from portal.sponsorship.changes.bounds import (
    NotYours,
    Oneself,
    bring_in,
    require_another,
    require_day,
    require_decider,
    require_reason,
    review_columns,
)
from portal.sponsorship.changes.settling import NO_REVIEW, end_sponsorships, reckon, settle
from portal.sponsorship.changes.telling import (
    Taken,
    Word,
    tell_approved,
    tell_guest,
    tell_handed_over,
    tell_relieved,
    tell_removed,
    tell_sponsors,
)
from portal.sponsorship.changes.writing import Change
from portal.sponsorship.queries import (
    SponsorshipRow,
    get,
    open_rows,
    organisation_names,
)
from portal.sponsorship.rules import (
    Review,
    Standing,
    expiry_of,
    review_after,
    review_when_moved,
)
from portal.trust.queries import contract_facts, eligible_sponsors, kept_offers, policy_for
from portal.trust.rules import Refused


@dataclass(frozen=True, slots=True)
class Lost:
    """Somebody was quicker, or time was: what stands now, who decided it and when."""

    sponsorship: SponsorshipRow
    decided_by: UUID | None
    decided_at: datetime


def approve(
    tx: Tx, sponsorship_id: UUID, staff_id: UUID, last_day: date, chosen: Collection[UUID]
) -> Lost | None:
    """Vouch for a person until a last day, for the chosen offers.

    Raises:
        NotYours: the employee may not decide for this organisation.
        Refused: the last day is in the past or beyond what the policy and the contract allow.
    """
    row, guest = _open(tx, sponsorship_id, staff_id)
    if not row.awaits_decision:
        return _lost(tx, row, "approve")
    policy = policy_for(tx.session, row.organisation_id)
    contract = contract_facts(tx.session, row.contract_id)
    require_day(last_day, policy, contract, tx.now)
    expires_at = expiry_of(last_day, contract)
    writing.change(
        tx,
        "sponsorship.approved",
        [
            Change(
                row,
                Standing.ACTIVE,
                {
                    "state_reason": Reason.APPROVED,
                    "state_since": tx.now,
                    "sponsor_id": staff_id,
                    "last_day": last_day,
                    "expires_at": expires_at,
                    "lapses_at": None,
                    "approve_by": None,
                    "decided_at": tx.now,
                    "decided_by": staff_id,
                    **review_columns(review_after(policy, tx.now, expires_at)),
                },
            )
        ],
    )
    grants.decide(tx, row, kept_offers(tx, row.organisation_id), chosen)
    bring_in(tx, guest, policy, Reason.APPROVED)
    tell_approved(tx, guest, Word(row.id, staff_id, contract, last_day, expires_at))
    tell_relieved(tx, guest, row, Taken.APPROVED, by=staff_id)
    return None


def reject(tx: Tx, sponsorship_id: UUID, staff_id: UUID, reason: str) -> Lost | None:
    """Turn a request down; a tombstone stays, so that the person cannot simply come back.

    Raises:
        NotYours: the employee may not decide for this organisation.
        Refused: no reason is given.
    """
    reason = require_reason(reason)
    row, guest = _open(tx, sponsorship_id, staff_id)
    if not row.awaits_decision:
        return _lost(tx, row, "reject")
    writing.change(
        tx,
        "sponsorship.rejected",
        [
            Change(
                row,
                Standing.REJECTED,
                {
                    "state_reason": Reason.REJECTED,
                    "state_since": tx.now,
                    "lapses_at": None,
                    "approve_by": None,
                    "decided_at": tx.now,
                    "decided_by": staff_id,
                    "decision_note": reason,
                    **NO_REVIEW,
                },
            )
        ],
    )
    grants.end_with(tx, {row.id: ("rejected", tx.now)})
    if others := _others(tx, row):
        reckon(tx, [guest], others)
    else:
        _out(tx, guest, Reason.REJECTED)
        organisation = organisation_names(tx.session, [row.organisation_id])
        tell_guest(tx, guest, "guest.rejected", {"organisation": organisation[row.organisation_id]})
    tell_relieved(tx, guest, row, Taken.REJECTED, by=staff_id, stays=bool(others))
    return None


def hand_over(tx: Tx, sponsorship_id: UUID, staff_id: UUID, to: UUID) -> Lost | None:
    """Hand a request or a guest over to another sponsor of that organisation.

    Raises:
        NotYours: the employee may not decide for this organisation.
        Refused: the other one may not decide for it either.
    """
    row, guest = _open(tx, sponsorship_id, staff_id, to)
    if row.state not in (Standing.REQUESTED, Standing.ACTIVE):
        return _lost(tx, row, "hand_over")
    if to not in {one.staff_id for one in eligible_sponsors(tx.session, row.organisation_id)}:
        raise Refused("to", "Choose a sponsor or the deputy of this organisation")
    try:
        require_another(tx, guest.id, to)
    except Oneself:
        raise Refused("to", "Choose somebody else: nobody vouches for themselves") from None
    pass_on(tx, [(row, to)], {guest.id: guest}, by=staff_id)
    tell_relieved(tx, guest, row, Taken.HANDED_OVER, by=staff_id, to=to)
    return None


def pass_on(
    tx: Tx,
    rows: Sequence[tuple[SponsorshipRow, UUID]],
    guests: dict[UUID, GuestRow],
    by: UUID | None,
) -> None:
    """Give sponsorships another sponsor, and tell them, unless they took it on themselves.

    A review that somebody else was asked about already is asked of them as well.

    Args:
        tx: the open transaction.
        rows: which, as before, and whom each goes to.
        guests: whose they are, by id; locked.
        by: who hands over; none: it follows from another change.
    """
    writing.change(
        tx,
        "sponsorship.handed_over",
        [
            Change(row, row.state, {"sponsor_id": to, **(_ask_anew(tx, row) if to != by else {})})
            for row, to in rows
        ],
    )
    tell_handed_over(tx, rows, guests, by)


def _ask_anew(tx: Tx, row: SponsorshipRow) -> dict[str, object]:
    asked = row.review_due_at is not None and row.review_ask_at is None
    return {"review_ask_at": tx.now} if asked else {}


def change_last_day(tx: Tx, sponsorship_id: UUID, staff_id: UUID, last_day: date) -> Lost | None:
    """Move the last day of a sponsorship, within the same bounds as an approval.

    It stays the sponsor's word, be it a colleague who moves it: they are told, and so is the guest.

    Raises:
        NotYours, Refused: as ``approve``.
    """
    row, guest = _open(tx, sponsorship_id, staff_id)
    if row.state != Standing.ACTIVE or row.awaits_decision:
        return _lost(tx, row, "extend")
    policy = policy_for(tx.session, row.organisation_id)
    contract = contract_facts(tx.session, row.contract_id)
    require_day(last_day, policy, contract, tx.now)
    expires_at = expiry_of(last_day, contract)
    standing = Review(row.review_ask_at, row.review_due_at, row.review_ends_at)
    review = review_when_moved(standing, policy, tx.now, expires_at)
    values = {"last_day": last_day, "expires_at": expires_at, **review_columns(review)}
    writing.change(tx, "sponsorship.extended", [Change(row, row.state, values)])
    reckon(tx, [guest], open_rows(tx.session, [guest.id]))
    if last_day != row.last_day:
        new = Word(row.id, row.sponsor_id, contract, last_day, expires_at, row.version + 1)
        tell_approved(tx, guest, new)
        tell_relieved(tx, guest, row, Taken.MOVED, by=staff_id, word=new)
    return None


def keep(tx: Tx, sponsorship_id: UUID, staff_id: UUID) -> Lost | None:
    """Answer a review: I still vouch. The next one is counted from now, by today's policy.

    Raises:
        NotYours: the employee may not decide for this organisation.
    """
    row, guest = _open(tx, sponsorship_id, staff_id)
    if row.state != Standing.ACTIVE or row.awaits_decision:
        return _lost(tx, row, "keep")
    policy = policy_for(tx.session, row.organisation_id)
    review = review_after(policy, tx.now, row.expires_at)
    values = {"sponsor_id": staff_id, **review_columns(review)}
    writing.change(tx, "sponsorship.reviewed", [Change(row, row.state, values)])
    tell_relieved(tx, guest, row, Taken.KEPT, by=staff_id)
    return None


def choose(tx: Tx, sponsorship_id: UUID, staff_id: UUID, chosen: Collection[UUID]) -> Lost | None:
    """Choose anew what a guest has under a sponsorship: take up a proposal, or turn it down.

    Raises:
        NotYours: the employee may not decide for this organisation.
    """
    row, _guest = _open(tx, sponsorship_id, staff_id)
    if row.state != Standing.ACTIVE or row.awaits_decision:
        return _lost(tx, row, "choose")
    grants.decide(tx, row, kept_offers(tx, row.organisation_id), chosen)
    return None


def end(tx: Tx, sponsorship_id: UUID, staff_id: UUID, reason: str) -> Lost | None:
    """Stop vouching. If nobody else vouches the guest is out at once, behind a tombstone.

    Raises:
        NotYours: the employee may not decide for this organisation.
        Refused: no reason is given.
    """
    reason = require_reason(reason)
    row, guest = _open(tx, sponsorship_id, staff_id)
    if row.state != Standing.ACTIVE or row.awaits_decision:
        return _lost(tx, row, "end")
    end_sponsorships(tx, [(row, Reason.ENDED_BY_SPONSOR, tx.now)], note=reason)
    others = _others(tx, row)
    if others:
        reckon(tx, [guest], others)
    else:
        _out(tx, guest, Reason.ENDED_BY_SPONSOR)
        tell_removed(tx, guest, Reason.ENDED_BY_SPONSOR)
    tell_sponsors(tx, guest, [row], Reason.ENDED_BY_SPONSOR, by=staff_id, stays=bool(others))
    return None


def hold(tx: Tx, sponsorship_id: UUID, staff_id: UUID, *others: UUID) -> None:
    """Keep a sponsorship as it stands until the commit: whoever else decides waits for this one.

    Raises:
        NotYours: the employee may not decide for this organisation.
    """
    known = get(tx.session, sponsorship_id)
    if known is None:
        raise NotYours
    require_decider(tx, known.organisation_id, staff_id, *others)
    lock(tx, [known.guest_id])


def _open(
    tx: Tx, sponsorship_id: UUID, staff_id: UUID, *others: UUID
) -> tuple[SponsorshipRow, GuestRow]:
    """Settle and lock the guest of a sponsorship; return both as they stand now."""
    known = get(tx.session, sponsorship_id)
    if known is None:
        raise NotYours
    require_decider(tx, known.organisation_id, staff_id, *others)
    guest = settle(tx, [known.guest_id])[known.guest_id]
    require_another(tx, guest.id, staff_id)
    row = get(tx.session, sponsorship_id)
    assert row is not None
    return row, guest


def _lost(tx: Tx, row: SponsorshipRow, tried: str) -> Lost:
    record(
        tx,
        [
            Event(
                "sponsorship.decision_lost",
                organisation_id=row.organisation_id,
                guest_id=row.guest_id,
                reason="sponsor.stale",
                data={"tried": tried, "decided": f"{row.state}.{row.state_reason}"},
            )
        ],
    )
    return Lost(row, row.decided_by, row.decided_at or row.state_since)


def _others(tx: Tx, row: SponsorshipRow) -> list[SponsorshipRow]:
    return [one for one in open_rows(tx.session, [row.guest_id]) if one.id != row.id]


def _out(tx: Tx, guest: GuestRow, reason: Reason) -> None:
    """Remove a guest by a human's decision: its sessions are dead, a tombstone stays."""
    values = {"tombstone": True, "inactive_at": None, "session_epoch": guest.session_epoch + 1}
    guest_changes.move(tx, "guest.removed", [Move(guest, State.REMOVED, reason, tx.now, values)])
