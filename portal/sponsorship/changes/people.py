"""What employees decide about a person: hold, resume, remove, let back. Each settles first."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select

from portal.foundation.transaction import Tx
from portal.guests import changes as guest_changes
from portal.guests import queries as guests
from portal.guests.changes import Move
from portal.guests.queries import GuestRow
from portal.guests.rules import LAPSES_AFTER, REMOVED_AFTER, Reason, State, family
from portal.sponsorship.changes.bounds import (
    NotYours,
    require_another,
    require_decider,
    require_reason,
)
from portal.sponsorship.changes.requesting import Request, request
from portal.sponsorship.changes.settling import end_sponsorships, make_room, settle
from portal.sponsorship.changes.telling import (
    display_name,
    tell_guest,
    tell_lifted,
    tell_removed,
    tell_sponsors,
    tell_suspended,
)
from portal.sponsorship.models import Sponsorship
from portal.sponsorship.queries import (
    is_closed,
    open_of,
    open_rows,
    organisation_names,
    staff_people,
)
from portal.sponsorship.rules import Standing, expiry_of, latest_last_day, word_ends
from portal.trust.queries import policy_for, running_contract
from portal.trust.rules import Refused


def suspend(tx: Tx, guest_id: UUID, reason: str, *, by_admin: bool = False) -> GuestRow:
    """Hold a guest: no access until somebody lifts it; what runs out meanwhile runs out.

    Args:
        tx: the open transaction.
        guest_id: whom.
        reason: a human's words for it.
        by_admin: an admin does it as one: then an admin has to lift it, whoever held before.

    Raises:
        Refused: the guest waits for a decision, is held or gone already, or no reason is given.
    """
    reason = require_reason(reason)
    guest = _settled(tx, guest_id)
    held = guest.hold and (not by_admin or guest.state_reason == Reason.SUSPENDED_BY_ADMIN)
    if guest.state not in (State.ACTIVE, State.SUSPENDED) or held:
        raise Refused(
            "guest", _WHY_NOT_SUSPEND.get(guest.state, "Somebody here has suspended them already")
        )
    # Whoever time suspended already keeps that clock: a hold must not lengthen anything.
    since = tx.now if guest.state == State.ACTIVE else guest.state_since
    removes_at = guest.removes_at or tx.now + REMOVED_AFTER
    values = {"hold": True, "state_note": reason, "inactive_at": None, "removes_at": removes_at}
    why = Reason.SUSPENDED_BY_ADMIN if by_admin else Reason.SUSPENDED_BY_STAFF
    guest_changes.move(tx, "guest.suspended", [Move(guest, State.SUSPENDED, why, since, values)])
    if not guest.hold:
        tell_suspended(tx, guest, why, since, removes_at)
    rows = open_rows(tx.session, [guest_id])
    tell_sponsors(tx, guest, rows, why, by=_staff(tx), removes_at=removes_at)
    return guest


_WHY_NOT_SUSPEND = {
    State.PENDING: "The guest waits for a sponsor's decision and has no access. Reject it instead",
    State.REMOVED: "The guest is removed already",
}


def resume(tx: Tx, guest_id: UUID, *, by_admin: bool = False) -> State:
    """Lift a human's hold. What time did meanwhile needs a sponsor's decision.

    Of somebody who was removed under an admin's hold only that is lifted: the tombstone stays.

    Args:
        tx: the open transaction.
        guest_id: whose.
        by_admin: an admin does it as one.

    Returns:
        ``active``; ``suspended`` where no sponsorship is left to come back to; ``removed``
        where a sponsor has yet to let them back.

    Raises:
        Oneself: the guest is the employee who asks.
        Refused: nobody holds the guest, or an admin does and none asks.
    """
    guest = _settled(tx, guest_id)
    if (staff_id := _staff(tx)) is not None:
        require_another(tx, guest_id, staff_id)
    if not by_admin:
        _require_no_admins_hold(guest)
    if guest.state == State.REMOVED and guest.state_reason == Reason.SUSPENDED_BY_ADMIN:
        lifted = {"state_reason": Reason.REMOVED_BY_STAFF}
        guest_changes.write(tx, "guest.resumed", guest, lifted, family(Reason.RESUMED))
        return State.REMOVED
    if not guest.hold:
        raise Refused("guest", _WHY_NOT_RESUME[guest.tombstone])
    standing = open_of(tx.session, [guest_id]).get(guest_id, ())
    if words := [word_ends(one) for one in standing if one.state == Standing.ACTIVE]:
        policy = policy_for(tx.session, guest.organisation_id)
        inactive_at = tx.now + timedelta(days=policy.inactivity_days)
        values = {"inactive_at": inactive_at}
        guest_changes.move(
            tx, "guest.resumed", [Move(guest, State.ACTIVE, Reason.RESUMED, tx.now, values)]
        )
        names = organisation_names(tx.session, [guest.organisation_id])
        payload = {
            "organisation": names[guest.organisation_id],
            "expires_at": max(words).isoformat(),
            "closed": is_closed(tx.session, guest_id),
        }
        tell_guest(tx, guest, "guest.resumed", payload)
        return State.ACTIVE
    reason, since = tx.session.execute(
        select(Sponsorship.state_reason, Sponsorship.state_since)
        .where(Sponsorship.guest_id == guest_id, Sponsorship.state == Standing.ENDED)
        .order_by(Sponsorship.state_since.desc(), Sponsorship.id.desc())
        .limit(1)
    ).one()
    moved = Move(guest, State.SUSPENDED, Reason(reason), since, {"removes_at": guest.removes_at})
    guest_changes.move(tx, "guest.resumed", [moved])
    tell_lifted(tx, guest, Reason(reason), since, by=staff_id)
    return State.SUSPENDED


_WHY_NOT_RESUME = {
    False: "Nobody holds this guest. What time ended, a sponsor must approve",
    True: "Nobody holds this guest. They are removed: a sponsor has to let them back",
}


def _require_no_admins_hold(guest: GuestRow) -> None:
    """Refuse what a sponsor wants with somebody whom an admin holds, removed meanwhile or not."""
    if guest.state_reason == Reason.SUSPENDED_BY_ADMIN:
        raise Refused("guest", "An admin has suspended this person: ask an admin to lift it")


def remove(tx: Tx, guest_id: UUID, reason: str) -> GuestRow:
    """Remove a guest by a human's decision, behind a tombstone that a sponsor must lift.

    Raises:
        Refused: it is removed already and stands behind a tombstone, or no reason is given.
    """
    reason = require_reason(reason)
    guest = _settled(tx, guest_id)
    if guest.tombstone:
        raise Refused("guest", "The guest is removed already")
    rows = open_rows(tx.session, [guest_id])
    end_sponsorships(tx, [(row, Reason.REMOVED_BY_STAFF, tx.now) for row in rows], note=reason)
    if guest.state == State.REMOVED:
        values = {"tombstone": True, "state_note": reason}
        guest_changes.write(tx, "guest.removed", guest, values, "human.removed_by_staff")
        return guest
    values = {
        "tombstone": True,
        "state_note": reason,
        "inactive_at": None,
        "session_epoch": guest.session_epoch + 1,
    }
    moved = Move(guest, State.REMOVED, Reason.REMOVED_BY_STAFF, tx.now, values)
    guest_changes.move(tx, "guest.removed", [moved])
    tell_removed(tx, guest, Reason.REMOVED_BY_STAFF)
    tell_sponsors(tx, guest, rows, Reason.REMOVED_BY_STAFF, by=_staff(tx))
    return guest


def let_back(tx: Tx, guest_id: UUID, staff_id: UUID) -> UUID:
    """Lift a tombstone: the person waits for a decision again, with none of the old grants.

    Returns:
        The new request, which this sponsor is asked about.

    Raises:
        NotYours: the employee may not decide for this organisation.
        Refused: an admin holds them still; there is no tombstone, no place, or no contract to
            come back under.
    """
    known = guests.get(tx.session, guest_id)
    if known is None:
        raise NotYours
    require_decider(tx, known.organisation_id, staff_id)
    guest = _settled(tx, guest_id)
    require_another(tx, guest_id, staff_id)
    _require_no_admins_hold(guest)
    if not guest.tombstone:
        raise Refused("guest", "Nothing keeps this person out. They can simply sign in again")
    policy = policy_for(tx.session, guest.organisation_id)
    contract = running_contract(tx.session, guest.organisation_id, tx.now)
    if contract is None:
        raise Refused("guest", "No contract is running. Ask an admin to enter the new one")
    make_room(tx, guest.organisation_id, policy.most_guests)
    if guest_changes.lock_places(tx, guest.organisation_id) >= policy.most_guests:
        raise Refused("guest", f"All {policy.most_guests} places are taken. Ask an admin for more")
    expires_at = expiry_of(latest_last_day(policy, contract, tx.now).day, contract)
    lapses_at = tx.now + LAPSES_AFTER
    values = {"lapses_at": lapses_at, "expires_at": expires_at, "knocked_at": None}
    moved = Move(guest, State.PENDING, Reason.LET_BACK, tx.now, values)
    guest_changes.move(tx, "guest.tombstone_lifted", [moved])
    organisation = organisation_names(tx.session, [guest.organisation_id])[guest.organisation_id]
    asked = Request(
        guest_id=guest_id,
        guest_name=display_name(guest),
        guest_email=guest.email or "",
        organisation_id=guest.organisation_id,
        organisation_name=organisation,
        contract=contract,
        policy=policy,
        sponsor_id=staff_id,
        sponsor_email=staff_people(tx.session, [staff_id])[staff_id].email,
        proposals=(),
        at_once=False,
        why=None,
        works_with=None,
        told=False,
    )
    sponsorship_id = request(tx, asked).id
    over = min(lapses_at, expires_at)  # if nobody decides
    payload = {"organisation": organisation, "lapses_at": over.isoformat()}
    tell_guest(tx, guest, "guest.let_back", payload)
    return sponsorship_id


def _staff(tx: Tx) -> UUID | None:
    """Return the employee who acts; none is at the server's shell."""
    return tx.actor.id if tx.actor.kind == "staff" else None


def _settled(tx: Tx, guest_id: UUID) -> GuestRow:
    guest = settle(tx, [guest_id]).get(guest_id)
    if guest is None:
        raise NotYours
    return guest
