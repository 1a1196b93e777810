"""A sponsorship that runs: keep, prolong, choose anew, end. Each answers to one form of a guest."""

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from portal.access.queries import GuestView, SponsorshipView
from portal.foundation import clock
from portal.foundation.refused import Refused
from portal.foundation.transaction import Tx
from portal.guests.rules import State
from portal.pages.sponsor.desk import Desk
from portal.pages.sponsor.rights import Stale, decide, require_seen, their_sponsorship
from portal.sponsorship.changes import deciding
from portal.sponsorship.changes.deciding import Lost
from portal.web.display import last_day as last_day_words
from portal.web.display import naming
from portal.web.forms import PortalForm, Seen
from portal.web.guards import for_sponsor

bp = Blueprint("running", __name__, url_prefix="/sponsor/decisions")

LATE = 409

Change = Callable[[Tx, UUID], Lost | None]
Done = Callable[[SponsorshipView, GuestView], str]


def desk_of(sponsorship_id: UUID, sent: str = "") -> Desk:
    """Return the desk of a sponsorship that is theirs to decide about."""
    sponsorship, guest, organisation = their_sponsorship(sponsorship_id)
    return Desk(guest, organisation, sponsorship, sent=sent)


def answered(desk: Desk, form: PortalForm, change: Change, done: Done) -> ResponseReturnValue:
    """Carry out what a form asks; what is refused stands in it, what is too late is said."""
    assert desk.sponsorship is not None
    sponsorship_id = desk.sponsorship.id

    def about_what_was_seen(tx: Tx, staff_id: UUID) -> Lost | None:
        if isinstance(form, Seen):
            require_seen(tx, sponsorship_id, form.seen.data, staff_id)
        return change(tx, staff_id)

    if not form.validate_on_submit():
        return as_it_stands(desk, 422)
    try:
        lost = decide(about_what_was_seen)
    except Refused as refused:
        form.refuse(refused)
        return desk.page(422)
    except Stale:
        return as_it_stands(desk_of(sponsorship_id), LATE, overtaken=True)
    if lost is not None:
        return decided(sponsorship_id, 409)
    sponsorship, guest, _ = their_sponsorship(sponsorship_id)
    flash(done(sponsorship, guest))
    return redirect(url_for("sponsor_guests.one", guest_id=guest.id), 303)


def as_it_stands(desk: Desk, status: int, *, overtaken: bool = False) -> ResponseReturnValue:
    """Show a desk again, or that what was sent is about what has ended: its mistakes are, too."""
    assert desk.sponsorship is not None
    if desk.runs:
        return desk.page(status, overtaken=overtaken)
    return decided(desk.sponsorship.id, LATE)


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
    return answered(
        desk,
        desk.keep,
        lambda tx, staff_id: deciding.keep(tx, sponsorship_id, staff_id),
        lambda one, guest: naming(
            f"You still vouch for {{}}, until {_until(one)}.", guest.display_name
        ),
    )


@bp.post("/<uuid:sponsorship_id>/last-day")
@for_sponsor
def extend(sponsorship_id: UUID) -> ResponseReturnValue:
    """Move the last day, within the same bounds as an approval."""
    desk = desk_of(sponsorship_id, "extend")
    form = desk.extend
    return answered(
        desk,
        form,
        lambda tx, staff_id: deciding.change_last_day(tx, sponsorship_id, staff_id, form.day),
        lambda one, guest: naming(f"{{}}'s last day is now {_until(one)}.", guest.display_name),
    )


@bp.post("/<uuid:sponsorship_id>/may-use")
@for_sponsor
def choose(sponsorship_id: UUID) -> ResponseReturnValue:
    """Choose anew what the guest may use: take up what is proposed, or turn it down."""
    desk = desk_of(sponsorship_id, "choose")
    form = desk.choose
    return answered(
        desk,
        form,
        lambda tx, staff_id: deciding.choose(tx, sponsorship_id, staff_id, form.chosen),
        lambda one, guest: _may_use(guest, one.id),
    )


@bp.post("/<uuid:sponsorship_id>/end")
@for_sponsor
def end(sponsorship_id: UUID) -> ResponseReturnValue:
    """Stop vouching."""
    desk = desk_of(sponsorship_id, "end")
    form = desk.end

    def done(_: SponsorshipView, guest: GuestView) -> str:
        said = "{} is out, and told. They can come back only if a sponsor lets them."
        if guest.decision.standing.state != State.REMOVED:
            said = "This sponsorship has ended. {} stays a guest under another one."
        return naming(said, guest.display_name)

    return answered(
        desk,
        form,
        lambda tx, staff_id: deciding.end(tx, sponsorship_id, staff_id, form.reason.data),
        done,
    )


def _until(one: SponsorshipView) -> str:
    return last_day_words(one.last_day, one.time_zone)


def _may_use(guest: GuestView, sponsorship_id: UUID) -> Markup:
    names = [
        f"{grant.application}: {grant.entitlement}"
        for grant in guest.grants
        if grant.sponsorship_id == sponsorship_id and grant.state == "active"
    ]
    listed = ", ".join("{}" for _ in names) or "nothing"
    return naming(f"{{}} may use: {listed}.", guest.display_name, *names)
