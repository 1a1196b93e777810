"""What a guest sees: where they stand, what is held of them, and new terms of use."""

from itertools import groupby

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import HiddenField

from portal.access.queries import GuestView, view_of
from portal.access.rules import Against
from portal.foundation import clock
from portal.foundation.current import settings_of
from portal.foundation.db import db
from portal.foundation.transaction import Tx
from portal.guests.changes import accept_terms as note_acceptance
from portal.guests.queries import terms_accepted
from portal.pages.acting import act
from portal.pages.ahead import What, ahead, final_end
from portal.pages.viewer import GuestViewer, current
from portal.sponsorship.changes.settling import settle
from portal.trust.queries import TermsFacts, current_terms, eligible_sponsors
from portal.web.forms import CheckField, PortalForm
from portal.web.guards import for_guest, me

bp = Blueprint("guest", __name__)


class TermsForm(PortalForm):
    """Yes to the version that was read."""

    version = HiddenField()
    accept = CheckField("I accept the terms of use", "Accept the terms of use to go on")


@bp.get("/me")
@for_guest
def standing() -> ResponseReturnValue:
    """Show where the guest stands: until when, on whose word, and what happens next."""
    guest, now = _myself(), clock.policy_now()
    # One tile an application, whatever the number of things in it.
    tiles = [
        (application, url, sorted({grant.entitlement for grant in grants}))
        for (application, url), grants in groupby(
            sorted(guest.usable, key=lambda one: (one.application, one.url)),
            key=lambda one: (one.application, one.url),
        )
    ]
    dates = ahead(guest, now)
    return render_template(
        "guest/standing.html",
        guest=guest,
        tiles=tiles,
        ahead=dates,
        final=final_end(dates),
        now=now,
        What=What,
        Against=Against,
        gone=_sponsor_gone(guest),
        host=settings_of(current_app).host_name,
    )


def _sponsor_gone(guest: GuestView) -> bool:
    """Say whether somebody without access would be sent to an employee who decides no more."""
    if guest.decision.allowed or guest.leading is None:
        return False
    able = eligible_sponsors(db.session(), guest.organisation_id)
    return guest.leading.sponsor_id not in {one.staff_id for one in able}


@bp.get("/me/data")
@for_guest
def data() -> ResponseReturnValue:
    """Show what is held, where each item came from, and who decides over it."""
    guest = _myself()
    accepted = terms_accepted(db.session(), guest.id)
    return render_template("guest/data.html", guest=guest, accepted=accepted)


@bp.get("/me/terms")
@for_guest
def terms() -> ResponseReturnValue:
    """Show the terms of use, and ask for a yes where a new version has none yet."""
    found = current_terms(db.session())
    return _terms_page(found, TermsForm(version=str(found.version)))


@bp.post("/me/terms")
@for_guest
def accept_terms() -> ResponseReturnValue:
    """Note the yes to the version that was shown; a newer one is shown first."""
    form, found = TermsForm(), current_terms(db.session())
    if form.version.data != str(found.version):
        fresh = TermsForm(formdata=None, version=str(found.version))
        fresh.refuse(field="", message="The terms have changed meanwhile. Read them once more")
        return _terms_page(found, fresh, 409)
    if not form.validate_on_submit():
        return _terms_page(found, form, 422)
    act(lambda tx: _accept(tx, found))
    flash("Thank you. You have accepted the terms of use.")
    return redirect(url_for("guest.standing"), 303)


def _accept(tx: Tx, found: TermsFacts) -> None:
    guest_id = me().id
    note_acceptance(tx, settle(tx, [guest_id])[guest_id], found.id, found.version)


def _terms_page(found: TermsFacts, form: TermsForm, status: int = 200) -> ResponseReturnValue:
    accepted = _myself().terms_version >= found.version
    page = render_template("guest/terms.html", terms=found, form=form, accepted=accepted)
    return page, status


def _myself() -> GuestView:
    asking = current()
    assert isinstance(asking, GuestViewer)
    return view_of(asking.known, asking.session.whole, asking.decision, clock.policy_now())
