"""A sponsorship that runs: keep, prolong, choose anew, end. Each answers to one form of a guest."""

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from portal.access.queries import GuestView, SponsorshipView
from portal.foundation import clock
from portal.foundation.refused import Refused
from portal.foundation.transaction import Tx
from portal.pages.sponsor.desk import Desk
from portal.pages.sponsor.rights import Stale, decide, require_seen, their_sponsorship
from portal.sponsorship.changes import deciding
from portal.sponsorship.changes.deciding import Lost
from portal.web.display import last_day as last_day_words
from portal.web.forms import PortalForm
from portal.web.guards import for_sponsor

bp = Blueprint("running", __name__, url_prefix="/sponsor/decisions")

LATE = 409

Change = Callable[[Tx, UUID], Lost | None]


def desk_of(sponsorship_id: UUID, sent: str = "") -> Desk:
    """Return the desk of a sponsorship that is theirs to decide about."""
    sponsorship, guest, organisation = their_sponsorship(sponsorship_id)
    return Desk(guest, organisation, sponsorship, sent=sent)


def answered(
    sponsorship_id: UUID, desk: Desk, form: PortalForm, change: Change, done: Callable[[], str]
) -> ResponseReturnValue:
    """Carry out what a form asks; what is refused stands in it, what is too late is said."""
    if not form.validate_on_submit():
        return desk.page(422)
    try:
        lost = decide(change)
    except Refused as refused:
        form.refuse(refused)
        return desk.page(422)
    except Stale:
        return desk_of(sponsorship_id).page(409, overtaken=True)
    if lost is not None:
        return decided(sponsorship_id, 409)
    flash(done())
    return redirect(url_for("sponsor_guests.one", guest_id=desk.guest.id), 303)


def decided(sponsorship_id: UUID, status: int = 200) -> ResponseReturnValue:
    """Say who decided what and when; nothing is overwritten."""
    sponsorship, guest, _ = their_sponsorship(sponsorship_id)
    page = render_template(
        "sponsor/decided.html",
        one=sponsorship,
        guest=guest,
        late=status == LATE,
        now=clock.policy_now(),
    )
    return page, status


@bp.post("/<uuid:sponsorship_id>/keep")
@for_sponsor
def keep(sponsorship_id: UUID) -> ResponseReturnValue:
    """Answer a review: I still vouch."""
    desk = desk_of(sponsorship_id, "keep")
    form = desk.keep

    def change(tx: Tx, staff_id: UUID) -> Lost | None:
        require_seen(tx, sponsorship_id, form.seen.data)
        return deciding.keep(tx, sponsorship_id, staff_id)

    def done() -> str:
        one, guest, _ = their_sponsorship(sponsorship_id)
        return f"You still vouch for {guest.display_name}, until {_until(one)}."

    return answered(sponsorship_id, desk, form, change, done)


@bp.post("/<uuid:sponsorship_id>/last-day")
@for_sponsor
def extend(sponsorship_id: UUID) -> ResponseReturnValue:
    """Move the last day, within the same bounds as an approval."""
    desk = desk_of(sponsorship_id, "extend")
    form = desk.extend

    def change(tx: Tx, staff_id: UUID) -> Lost | None:
        require_seen(tx, sponsorship_id, form.seen.data)
        return deciding.change_last_day(tx, sponsorship_id, staff_id, form.day)

    def done() -> str:
        one, guest, _ = their_sponsorship(sponsorship_id)
        return f"{guest.display_name}'s last day is now {_until(one)}."

    return answered(sponsorship_id, desk, form, change, done)


@bp.post("/<uuid:sponsorship_id>/may-use")
@for_sponsor
def choose(sponsorship_id: UUID) -> ResponseReturnValue:
    """Choose anew what the guest may use: take up what is proposed, or turn it down."""
    desk = desk_of(sponsorship_id, "choose")
    form = desk.choose

    def change(tx: Tx, staff_id: UUID) -> Lost | None:
        require_seen(tx, sponsorship_id, form.seen.data)
        return deciding.choose(tx, sponsorship_id, staff_id, form.chosen)

    def done() -> str:
        _, guest, _ = their_sponsorship(sponsorship_id)
        return f"{guest.display_name} may use: {_names(guest, sponsorship_id)}."

    return answered(sponsorship_id, desk, form, change, done)


@bp.post("/<uuid:sponsorship_id>/end")
@for_sponsor
def end(sponsorship_id: UUID) -> ResponseReturnValue:
    """Stop vouching."""
    desk = desk_of(sponsorship_id, "end")
    form = desk.end

    def change(tx: Tx, staff_id: UUID) -> Lost | None:
        return deciding.end(tx, sponsorship_id, staff_id, form.reason.data)

    def done() -> str:
        _, guest, _ = their_sponsorship(sponsorship_id)
        name = guest.display_name
        if guest.decision.allowed:
            return f"This sponsorship has ended. {name} stays in: somebody else vouches for them."
        return f"{name} is out, and told. They can come back only if a sponsor lets them."

    return answered(sponsorship_id, desk, form, change, done)


def _until(one: SponsorshipView) -> str:
    return last_day_words(one.last_day, one.time_zone)


def _names(guest: GuestView, sponsorship_id: UUID) -> str:
    names = [
        f"{grant.application}: {grant.entitlement}"
        for grant in guest.grants
        if grant.sponsorship_id == sponsorship_id and grant.state == "active"
    ]
    return ", ".join(names) or "nothing"
