"""Guests: who is in, why, and until when; one guest with everything in order of time."""

from collections.abc import Sequence
from uuid import UUID

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.access.queries import GuestFilter, GuestView, counts, guest_view, guests
from portal.audit.queries import Filter, search
from portal.foundation import clock
from portal.foundation.db import db
from portal.guests.rules import State
from portal.pages.acting import try_act
from portal.pages.admin.forms import GuestFilterForm, ReasonForm
from portal.pages.admin.named import organisation_named, organisations_to_choose
from portal.pages.admin.who import names_in
from portal.pages.ahead import ahead
from portal.sponsorship.changes import people
from portal.sponsorship.changes.bounds import Oneself
from portal.trust.queries import OrganisationRow, organisations
from portal.web.display import naming
from portal.web.errors import report
from portal.web.guards import for_admin

bp = Blueprint("admin_guests", __name__, url_prefix="/admin/guests")


@bp.get("")
@for_admin
def listed() -> ResponseReturnValue:
    """List guests, filters in the address."""
    form = GuestFilterForm(request.args)
    session = db.session()
    rows = organisations(session)
    wanted = _filter(form, rows)
    before = request.args.get("before", type=UUID)
    now = clock.policy_now()
    found = guests(session, wanted, now, before=before)
    older = (
        url_for("admin_guests.listed", before=found.before, **form.asked) if found.before else ""
    )
    return render_template(
        "admin/guests/list.html",
        form=form,
        organisations=organisations_to_choose(rows),
        guests=found.guests,
        counts=counts(session, wanted),
        newest=url_for("admin_guests.listed", **form.asked) if before else "",
        older=older,
        now=now,
    )


def _filter(form: GuestFilterForm, rows: Sequence[OrganisationRow]) -> GuestFilter:
    """Return what the reader asked for; what is wrong is said in the form, and the rest counts."""
    form.validate()
    state = State(form.state.data) if form.state.data in set(State) else None
    return GuestFilter(organisation_named(form, rows), state, form.text.data or None)


def _wanted(guest_id: UUID) -> GuestView:
    view = guest_view(db.session(), guest_id, clock.policy_now())
    if view is None:
        abort(404)
    return view


@bp.get("/<uuid:guest_id>")
@for_admin
def one(guest_id: UUID) -> ResponseReturnValue:
    """Show one guest."""
    return _page(_wanted(guest_id))


def _page(
    view: GuestView,
    suspend: ReasonForm | None = None,
    remove: ReasonForm | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    now = clock.policy_now()
    events = search(db.session(), Filter(guest_id=view.id), limit=200)
    page = render_template(
        "admin/guests/one.html",
        guest=view,
        events=events,
        ahead=ahead(view, now),
        who=names_in(db.session(), events),
        suspend_form=suspend or ReasonForm(prefix="suspend-"),
        remove_form=remove or ReasonForm(prefix="remove-"),
        now=now,
    )
    return page, status


@bp.post("/<uuid:guest_id>/suspend")
@for_admin
def suspend(guest_id: UUID) -> ResponseReturnValue:
    """Hold a guest: no access until somebody lifts it."""
    view = _wanted(guest_id)
    form = ReasonForm(prefix="suspend-")
    if form.validate_on_submit() and try_act(
        form,
        lambda tx: people.suspend(tx, guest_id, form.reason.data, by_admin=True),
        naming("{} is suspended and has no access from now on", view.display_name),
    ):
        return _back(guest_id)
    return _page(view, suspend=form, status=422)


@bp.post("/<uuid:guest_id>/resume")
@for_admin
def resume(guest_id: UUID) -> ResponseReturnValue:
    """Lift a human's hold."""
    view = _wanted(guest_id)
    form = ReasonForm(prefix="suspend-")
    try:
        if try_act(
            form,
            lambda tx: people.resume(tx, guest_id, by_admin=True),
            lambda state: naming(f"{_HOLD_LIFTED}. {_AFTER_HOLD[state]}", view.display_name),
        ):
            return _back(guest_id)
    except Oneself:
        report(Oneself.code)
        form.refuse(field="", message="This is you. Ask another admin to lift it")
    return _page(view, suspend=form, status=422)


_HOLD_LIFTED = "The suspension of {} is lifted"
_AFTER_HOLD = {
    State.ACTIVE: "What ran out, a sponsor must approve",
    State.SUSPENDED: "Nobody vouches for them any more: a sponsor has to",
    State.REMOVED: "They stay removed until a sponsor lets them back",
}


@bp.post("/<uuid:guest_id>/remove")
@for_admin
def remove(guest_id: UUID) -> ResponseReturnValue:
    """Remove a guest behind a tombstone."""
    view = _wanted(guest_id)
    form = ReasonForm(prefix="remove-")
    if form.validate_on_submit() and try_act(
        form,
        lambda tx: people.remove(tx, guest_id, form.reason.data),
        naming("{} is removed, and comes back only if a sponsor says so", view.display_name),
    ):
        return _back(guest_id)
    return _page(view, remove=form, status=422)


def _back(guest_id: UUID) -> ResponseReturnValue:
    return redirect(url_for("admin_guests.one", guest_id=guest_id), 303)
