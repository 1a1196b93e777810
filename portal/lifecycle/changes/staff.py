"""A sponsor leaves, or may decide no longer: what they vouched for and were asked goes on at once.

It goes to somebody eligible; where nobody is, guests are suspended.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from portal.foundation.text import domain_of
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
    out_of_reach,
)
from portal.sponsorship.rules import anybody_else, who_is_asked
from portal.staff import changes as staff_changes
from portal.trust import changes as trust_changes
from portal.trust.queries import lock_named, lock_named_of, organisations_of_sponsor
from portal.trust.queries import sponsors as named
from portal.trust.rules import House, check_domain


def let_go(tx: Tx, staff_id: UUID) -> tuple[int, int]:
    """Let an employee go: what they vouch for is passed on, and they are named nowhere any more.

    Were they to come back, an admin would have to name them anew. The caller ends their sessions.

    Returns:
        As ``hand_over_all``.

    Raises:
        Refused: as ``staff.changes.remove``.
    """
    staff_changes.remove(tx, staff_id)
    lock_named_of(tx, staff_id)
    moved = hand_over_all(tx, staff_id)
    trust_changes.unname(tx, staff_id)
    return moved


def hand_over_all(tx: Tx, staff_id: UUID) -> tuple[int, int]:
    """Pass on everything an employee vouches for; where nobody else is left, guests are suspended.

    Call it once the employee is no longer eligible, in the same transaction.

    Returns:
        How many sponsorships were handed over, and how many ended.
    """
    settle(tx, {row.guest_id for row in open_by_sponsor(tx.session, staff_id)})
    _await_arrivals(tx, staff_id)
    return _pass_or_end(tx, open_by_sponsor(tx.session, staff_id), staff_id)


def hand_over_lost(tx: Tx, staff_id: UUID, *, moved: bool) -> tuple[int, int]:
    """Pass on what an employee vouches for and may not decide about any more; the rest stays.

    Args:
        tx: the open transaction.
        staff_id: who.
        moved: their own address has just moved, maybe into an organisation's domains, or to that
            of a guest.

    Returns:
        How many sponsorships were handed over, and how many ended.
    """
    lost = out_of_reach(tx.session, staff_id)
    settle(tx, {row.guest_id for row in lost})
    if moved:
        _await_arrivals(tx, staff_id)
    elif not lost:
        return 0, 0
    return _pass_or_end(tx, out_of_reach(tx.session, staff_id), staff_id)


def _await_arrivals(tx: Tx, staff_id: UUID) -> None:
    """Let who arrives at this moment finish: they may be asking this employee; read again then."""
    for one in sorted(organisations_of_sponsor(tx.session, staff_id), key=lambda row: str(row.id)):
        guest_changes.lock_places(tx, one.id)


def name_sponsors(
    tx: Tx,
    organisation_id: UUID,
    *,
    sponsors: Sequence[UUID],
    deputy: UUID | None = None,
    lead: UUID | None = None,
) -> tuple[int, int]:
    """Name an organisation's sponsors; what others vouched for there is handed over.

    Returns:
        How many sponsorships were handed over, and how many ended.

    Raises:
        Refused: as ``trust.changes.name_sponsors``.
    """
    lock_named(tx, organisation_id)
    before = {one.staff_id for one in named(tx.session, organisation_id)}
    gone = before - {*sponsors, deputy}
    _settle_theirs(tx, organisation_id, gone)
    trust_changes.name_sponsors(tx, organisation_id, sponsors=sponsors, deputy=deputy, lead=lead)
    return _take_from(tx, organisation_id, gone)


def set_domains(
    tx: Tx, organisation_id: UUID, names: Sequence[str], *, vouched_by: str, house: House
) -> tuple[int, int]:
    """Make these the domains of an organisation; who has an address in one decides no longer.

    What such sponsors vouch for there is handed over. They stay named: were the domain taken
    away again, they could decide again.

    Returns:
        How many sponsorships were handed over, and how many ended.

    Raises:
        Refused: as ``trust.changes.set_domains``.
    """
    lock_named(tx, organisation_id)
    wanted = {check_domain(name, house.host_domains) for name in names}
    shut_out = {
        one.staff_id for one in named(tx.session, organisation_id) if domain_of(one.email) in wanted
    }
    _settle_theirs(tx, organisation_id, shut_out)
    trust_changes.set_domains(tx, organisation_id, names, vouched_by=vouched_by, house=house)
    return _take_from(tx, organisation_id, shut_out)


def _settle_theirs(tx: Tx, organisation_id: UUID, staff_ids: Iterable[UUID]) -> None:
    """Settle whom these employees vouch for: guests are locked before their organisation."""
    settle(tx, {row.guest_id for row in _theirs(tx, organisation_id, staff_ids)})


def _take_from(tx: Tx, organisation_id: UUID, staff_ids: Iterable[UUID]) -> tuple[int, int]:
    """Pass on what employees who may not decide there any more still vouch for."""
    passed = ended = 0
    for staff_id in sorted(staff_ids, key=str):
        more = _pass_or_end(tx, _theirs(tx, organisation_id, [staff_id]), staff_id)
        passed, ended = passed + more[0], ended + more[1]
    return passed, ended


def _theirs(tx: Tx, organisation_id: UUID, staff_ids: Iterable[UUID]) -> list[SponsorshipRow]:
    rows = [row for staff_id in staff_ids for row in open_by_sponsor(tx.session, staff_id)]
    return [row for row in rows if row.organisation_id == organisation_id]


def _pass_or_end(tx: Tx, seen: Sequence[SponsorshipRow], staff_id: UUID) -> tuple[int, int]:
    """Pass on what is theirs still of *seen*, which was read before its guests were locked."""
    guests = settle(tx, {row.guest_id for row in seen})
    rows = [row for row in open_rows(tx.session, guests) if row.sponsor_id == staff_id]
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
    removes_at = tx.now + REMOVED_AFTER
    guest_changes.move(
        tx,
        "guest.suspended",
        [
            Move(
                guest,
                State.SUSPENDED,
                Reason.SPONSOR_LEFT,
                tx.now,
                {"inactive_at": None, "removes_at": removes_at},
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
            tell_suspended(tx, guest, Reason.SPONSOR_LEFT, tx.now, removes_at)
        elif guest.state == State.PENDING:
            tell_removed(tx, guest, Reason.SPONSOR_LEFT)
