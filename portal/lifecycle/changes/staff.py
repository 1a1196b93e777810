"""A sponsor leaves: what they vouched for and were asked goes to somebody eligible, at once."""

from collections.abc import Sequence
from uuid import UUID

from portal.foundation.transaction import Tx
from portal.guests import changes as guest_changes
from portal.guests.changes import Move
from portal.guests.queries import GuestRow
from portal.guests.rules import REMOVED_AFTER, Reason, State
from portal.sponsorship.changes.deciding import pass_on
from portal.sponsorship.changes.settling import end_sponsorships, reckon, settle
from portal.sponsorship.changes.telling import tell_removed, tell_suspended
from portal.sponsorship.queries import (
    Decider,
    SponsorshipRow,
    deciders,
    open_by_sponsor,
    open_rows,
)
from portal.sponsorship.rules import anybody_else, who_is_asked
from portal.trust import changes as trust_changes
from portal.trust.queries import lock_named
from portal.trust.queries import sponsors as named


def hand_over_all(tx: Tx, staff_id: UUID) -> tuple[int, int]:
    """Pass on everything an employee vouches for; where nobody else is left, guests are suspended.

    Call it once the employee is no longer eligible, in the same transaction.

    Returns:
        How many sponsorships were handed over, and how many ended.
    """
    settle(tx, {row.guest_id for row in open_by_sponsor(tx.session, staff_id)})
    return _pass_or_end(tx, open_by_sponsor(tx.session, staff_id), staff_id)


def name_sponsors(
    tx: Tx,
    organisation_id: UUID,
    *,
    sponsors: Sequence[UUID],
    deputy: UUID | None = None,
    lead: UUID | None = None,
) -> None:
    """Name an organisation's sponsors; what others vouched for there is handed over.

    Raises:
        Refused: as ``trust.changes.name_sponsors``.
    """
    lock_named(tx, organisation_id)
    before = {one.staff_id for one in named(tx.session, organisation_id)}
    gone = before - {*sponsors, deputy}
    rows = {
        staff_id: [
            row
            for row in open_by_sponsor(tx.session, staff_id)
            if row.organisation_id == organisation_id
        ]
        for staff_id in gone
    }
    # Guests are locked before their organisation, everywhere.
    settle(tx, {row.guest_id for own in rows.values() for row in own})
    trust_changes.name_sponsors(tx, organisation_id, sponsors=sponsors, deputy=deputy, lead=lead)
    for staff_id in sorted(gone, key=str):
        standing = open_by_sponsor(tx.session, staff_id)
        own = [row for row in standing if row.organisation_id == organisation_id]
        _pass_or_end(tx, own, staff_id)


def _pass_or_end(tx: Tx, rows: Sequence[SponsorshipRow], staff_id: UUID) -> tuple[int, int]:
    guests = settle(tx, {row.guest_id for row in rows})
    able: dict[UUID, list[Decider]] = {}
    passed: list[tuple[SponsorshipRow, UUID]] = []
    left: list[SponsorshipRow] = []
    for row in rows:
        if row.organisation_id not in able:
            may = deciders(tx.session, row.organisation_id, tx.now)
            able[row.organisation_id] = [one for one in may if one.staff_id != staff_id]
        heir = _heir(able[row.organisation_id], guests[row.guest_id])
        if heir is None:
            left.append(row)
        else:
            passed.append((row, heir))
    if passed:
        pass_on(tx, passed, guests, by=None)
    end_sponsorships(tx, [(row, Reason.SPONSOR_LEFT, tx.now) for row in left])
    _strand(tx, {row.guest_id for row in left})
    return len(passed), len(left)


def _heir(able: Sequence[Decider], guest: GuestRow) -> UUID | None:
    """Return the deputy, else the sponsor with the fewest open requests; never the guest."""
    fit = anybody_else(able, (guest.email, guest.email_aside))
    return who_is_asked([one for one in fit if one.role == "deputy"] or fit)


def _strand(tx: Tx, guest_ids: set[UUID]) -> None:
    """Suspend guests whom nobody vouches for any more; whoever only waited is removed by time."""
    guests = settle(tx, guest_ids) if guest_ids else {}
    standing = open_rows(tx.session, guests)
    vouched = {row.guest_id for row in standing}
    reckon(tx, guests.values(), standing)
    alone = [guest for guest in guests.values() if guest.id not in vouched]
    guest_changes.move(
        tx,
        "guest.suspended",
        [
            Move(
                guest,
                State.SUSPENDED,
                Reason.SPONSOR_LEFT,
                tx.now,
                {"inactive_at": None, "removes_at": tx.now + REMOVED_AFTER},
            )
            for guest in alone
            if guest.state == State.ACTIVE
        ],
    )
    guest_changes.move(
        tx,
        "guest.removed",
        [
            Move(
                guest,
                State.REMOVED,
                Reason.SPONSOR_LEFT,
                tx.now,
                {"inactive_at": None, "session_epoch": guest.session_epoch + 1},
            )
            for guest in alone
            if guest.state == State.PENDING
        ],
    )
    for guest in alone:
        if guest.state == State.ACTIVE:
            tell_suspended(tx, guest, Reason.SPONSOR_LEFT)
        elif guest.state == State.PENDING:
            tell_removed(tx, guest, Reason.SPONSOR_LEFT)
