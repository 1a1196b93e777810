"""What decisions have in common: who may take them, how far they may go, letting somebody in."""

from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select

from portal.foundation.text import check_name
from portal.foundation.transaction import Tx
from portal.guests import changes as guest_changes
from portal.guests.changes import Move
from portal.guests.models import Guest
from portal.guests.queries import GuestRow
from portal.guests.rules import Reason, State, family
from portal.sponsorship.queries import open_rows
from portal.sponsorship.rules import Bound, Latest, Review, expiry_of, latest_last_day
from portal.staff.models import Staff
from portal.trust.queries import eligible_sponsors, keep_deciders
from portal.trust.rules import ContractFacts, EffectivePolicy, Refused

LONGEST_REASON = 500


class NotYours(Exception):
    """This employee may not decide for this organisation."""

    code = "authz"


class Oneself(NotYours):
    """This guest is the employee: nobody vouches for themselves."""

    code = "sponsor.self"


class BeyondLimit(Refused):
    """A last day past the contract's end or the policy's longest stay."""


def require_another(tx: Tx, guest_id: UUID, staff_id: UUID) -> None:
    """Refuse an employee who is the guest: the same address, also one that is kept aside.

    Call it once both are locked: either address may be moving at this moment.

    Raises:
        Oneself: so it is.
    """
    same = or_(Guest.email == Staff.email, Guest.email_aside == Staff.email)
    query = select(Guest.id).join(Staff, same).where(Guest.id == guest_id, Staff.id == staff_id)
    if tx.session.execute(query).first() is not None:
        raise Oneself


def require_decider(tx: Tx, organisation_id: UUID, staff_id: UUID, *others: UUID) -> None:
    """Refuse an employee who is no sponsor or deputy there, or has an address in its domains.

    They stay one until the commit, and so do *others*: whoever lets them go waits for this
    decision, and then hands over what it gave them. Call it before guests are locked.

    Raises:
        NotYours: so it is.
    """
    keep_deciders(tx, organisation_id, (staff_id, *others))
    if staff_id not in {one.staff_id for one in eligible_sponsors(tx.session, organisation_id)}:
        raise NotYours


def require_reason(reason: str) -> str:
    """Return a human's reason, cleaned.

    Raises:
        Refused: at field ``reason``: there is none, or it is too long.
    """
    return check_name("reason", reason, LONGEST_REASON)


def require_day(
    last_day: date, policy: EffectivePolicy, contract: ContractFacts, now: datetime
) -> Latest:
    """Refuse a last day that has passed or lies beyond the bounds.

    Raises:
        Refused: at field ``last_day``, saying which day would do; ``BeyondLimit`` if it is too far.
    """
    latest = latest_last_day(policy, contract, now)
    if last_day > latest.day:
        why = (
            "the contract ends then"
            if latest.bound == Bound.CONTRACT
            else f"the policy allows {policy.longest_days} days"
        )
        raise BeyondLimit("last_day", f"Choose {latest.day:%-d %B %Y} or earlier: {why}")
    if expiry_of(last_day, contract) <= now:
        raise Refused("last_day", "Choose today or a later day")
    return latest


def review_columns(review: Review) -> dict[str, object]:
    """Return the columns of a review."""
    return {
        "review_ask_at": review.ask_at,
        "review_due_at": review.due_at,
        "review_ends_at": review.ends_at,
    }


def bring_in(tx: Tx, guest: GuestRow, policy: EffectivePolicy, reason: Reason) -> None:
    """Make a guest active (or keep it so); silence counts from this decision.

    Whom a human holds stays held: an approval is no lifting of a colleague's hold.
    """
    standing = open_rows(tx.session, [guest.id])
    expires_at = max(row.expires_at for row in standing)
    if guest.hold:
        guest_changes.reckon(tx, [(guest, expires_at)])
        return
    inactive_at = tx.now + timedelta(days=policy.inactivity_days)
    values = {"inactive_at": inactive_at, "expires_at": expires_at}
    if guest.state == State.ACTIVE:
        known = {"state_reason": reason, **values}
        guest_changes.write(tx, "guest.reckoned", guest, known, family(reason))
    else:
        guest_changes.move(
            tx, "guest.activated", [Move(guest, State.ACTIVE, reason, tx.now, values)]
        )
