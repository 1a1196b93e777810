"""A sponsor's guests, one guest, and removed people who knock."""

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.access import queries
from portal.access.queries import PAGE
from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.refused import Refused
from portal.foundation.transaction import Tx
from portal.guests.rules import State
from portal.pages.sponsor.decisions import counts
from portal.pages.sponsor.desk import Desk
from portal.pages.sponsor.forms import FindForm
from portal.pages.sponsor.paging import after, before, going_on
from portal.pages.sponsor.rights import Stale, decide, require_person, theirs
from portal.sponsorship.changes import people
from portal.sponsorship.changes.bounds import require_decider
from portal.sponsorship.changes.requesting import vouch as vouch_for
from portal.web.display import last_day as last_day_words
from portal.web.display import naming
from portal.web.forms import PortalForm
from portal.web.guards import for_sponsor, me

T = TypeVar("T")

bp = Blueprint("sponsor_guests", __name__, url_prefix="/sponsor")


@bp.get("/guests")
@for_sponsor
def mine() -> ResponseReturnValue:
    """Show who is in on the sponsor's word, what ends first first, by pages."""
    form, start, now = FindForm(request.args), after(), clock.policy_now()
    form.validate()
    text = (form.text.data or "").strip()
    found = queries.sponsor_guests(db.session(), me().id, now, text=text, after=start, limit=PAGE)
    return render_template(
        "sponsor/guests.html",
        found=found,
        form=form,
        text=text,
        begins=start is None,
        onward=going_on("sponsor_guests.mine", found.inside_last, **form.asked),
        onward_over=going_on("sponsor_guests.mine", found.over_last, **form.asked),
        now=now,
    )


@bp.get("/guests/<uuid:guest_id>")
@for_sponsor
def one(guest_id: UUID) -> ResponseReturnValue:
    """Show one guest."""
    return Desk(*theirs(guest_id)).page()


@bp.get("/removed")
@for_sponsor
def removed() -> ResponseReturnValue:
    """Show removed people who came back to the door, latest first, by pages."""
    session, now, start = db.session(), clock.policy_now(), before()
    found = queries.knocking(session, me().id, now, before=start, limit=PAGE + 1)
    shown, older = found[:PAGE], ""
    if len(found) > PAGE:
        last = shown[-1]
        assert last.knocked_at is not None
        older = url_for("sponsor_guests.removed", at=last.knocked_at.isoformat(), before=last.id)
    return render_template(
        "sponsor/removed.html",
        found=shown,
        count=counts(me())["knocking"],
        older=older,
        begins=start is None,
        now=now,
    )


@bp.post("/guests/<uuid:guest_id>/suspend")
@for_sponsor
def suspend(guest_id: UUID) -> ResponseReturnValue:
    """Hold a guest: no access until somebody lifts it."""
    guest, organisation = theirs(guest_id)
    desk = Desk(guest, organisation, sent="suspend")
    form = desk.suspend

    def change(tx: Tx, staff_id: UUID) -> None:
        require_decider(tx, guest.organisation_id, staff_id)
        people.suspend(tx, guest_id, form.reason.data)

    done = "{} has no access now, and is told. Lift it when they may go on."
    return _answered(desk, form, change, lambda _: naming(done, guest.display_name))


@bp.post("/guests/<uuid:guest_id>/resume")
@for_sponsor
def resume(guest_id: UUID) -> ResponseReturnValue:
    """Lift a hold; what time ended meanwhile needs a sponsor's word."""
    guest, organisation = theirs(guest_id)

    def change(tx: Tx, staff_id: UUID) -> State:
        require_decider(tx, guest.organisation_id, staff_id)
        return people.resume(tx, guest_id)

    def done(state: State) -> str:
        if state == State.ACTIVE:
            fresh, _organisation = theirs(guest_id)
            allowed = fresh.decision.allowed
            back = (
                "{} is in again, and told."
                if allowed
                else "Nobody holds {} any more. A mail says so."
            )
            return naming(back, guest.display_name)
        lifted = "The suspension is lifted, but nobody vouches for {} any more."
        return naming(lifted, guest.display_name)

    desk = Desk(guest, organisation)
    return _answered(desk, desk.plain, change, done)


@bp.post("/guests/<uuid:guest_id>/vouch")
@for_sponsor
def vouch(guest_id: UUID) -> ResponseReturnValue:
    """Vouch of one's own accord: for whom time suspended, or beside another sponsor."""
    guest, organisation = theirs(guest_id)
    desk = Desk(guest, organisation, sent="vouch")
    form = desk.vouch

    def change(tx: Tx, staff_id: UUID) -> None:
        require_person(tx, guest, form.seen.data, staff_id)
        vouch_for(tx, guest_id, staff_id, form.day, form.chosen)

    def done(_: None) -> str:
        fresh, _organisation = theirs(guest_id)
        own = next(one for one in fresh.sponsorships if one.sponsor_id == me().id)
        until = last_day_words(own.last_day, own.time_zone)
        return naming(f"You vouch for {{}} until {until}. They are told.", guest.display_name)

    return _answered(desk, form, change, done)


@bp.post("/guests/<uuid:guest_id>/let-back")
@for_sponsor
def let_back(guest_id: UUID) -> ResponseReturnValue:
    """Lift a tombstone: the person waits for a decision again, with nothing of before."""
    guest, organisation = theirs(guest_id)

    def change(tx: Tx, staff_id: UUID) -> UUID:
        return people.let_back(tx, guest_id, staff_id)

    desk = Desk(guest, organisation)
    try:
        sponsorship_id = decide(change)
    except Refused as refused:
        desk.plain.refuse(refused)
        return desk.page(_status(refused))
    back = "{} may sign in again, and is told. They wait for your decision."
    flash(naming(back, guest.display_name))
    return redirect(url_for("decisions.one", sponsorship_id=sponsorship_id), 303)


def _answered(
    desk: Desk, form: PortalForm, change: Callable[[Tx, UUID], T], done: Callable[[T], str]
) -> ResponseReturnValue:
    """Carry out what a form asks; what is refused stands in it."""
    if form is not desk.plain and not form.validate_on_submit():
        return desk.page(422)
    try:
        result = decide(change)
    except Refused as refused:
        # What is about the guest is said on top: the form may be gone with what it was about.
        (desk.plain if refused.field == "guest" else form).refuse(refused)
        return desk.page(_status(refused))
    except Stale:
        return Desk(*theirs(desk.guest.id)).page(409, overtaken=True)
    flash(done(result))
    return redirect(url_for("sponsor_guests.one", guest_id=desk.guest.id), 303)


def _status(refused: Refused) -> int:
    """Return 409 where somebody was quicker, 422 where something else must be entered."""
    return 409 if refused.field == "guest" else 422
