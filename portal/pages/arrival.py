"""The arrival page: what the company says, who decides, the terms, one button."""

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response
from wtforms import HiddenField

from portal.admission import changes as admission
from portal.admission.changes import Arrived, Result, SignedIn, TurnedAway
from portal.admission.changes.arriving import LIFE, Acceptance
from portal.admission.queries import OpenArrival, open_arrival
from portal.foundation import clock
from portal.foundation.current import settings_of
from portal.foundation.db import reading
from portal.foundation.transaction import Tx, new_reference
from portal.pages import refusals
from portal.pages.sessions import Overtaken, let_in
from portal.sign_in import session
from portal.web.forms import CheckField, NoteField, PortalForm, TextField
from portal.web.guards import for_anyone

bp = Blueprint("arrival", __name__)


class ArrivalForm(PortalForm):
    """What a person may add, and their yes to what was shown: whose arrival, and which terms."""

    arrival = HiddenField()
    version = HiddenField()
    why = NoteField("Why do you need access?", limit=500)
    works_with = TextField("Whom do you work with here?", limit=254)
    terms = CheckField("I accept the terms of use", "Accept the terms of use to go on")


@bp.get("/arrival")
@for_anyone
def look() -> ResponseReturnValue:
    """Show what is going to happen; nothing is kept if the person turns around."""
    arrival = _found()
    if arrival is None:
        return render_template("sign_in/arrival_over.html"), 410
    return _page(arrival, ArrivalForm())


@bp.post("/arrival")
@for_anyone
def accept() -> ResponseReturnValue:
    """Decide again, and make the guest."""
    arrival = _found()
    if arrival is None:
        return render_template("sign_in/arrival_over.html"), 410
    form, terms = ArrivalForm(), arrival.terms
    if form.arrival.data != str(arrival.id):
        other = ArrivalForm(formdata=None)  # what was typed was meant for another company, perhaps
        # A page from before an upgrade does not say whom it showed.
        why = (
            "Somebody has come here in another tab"
            if form.arrival.data
            else "This page has changed"
        )
        other.refuse(message=f"{why} meanwhile. See whether it is you, and accept then")
        return _page(arrival, other, 409)
    if form.version.data != str(terms.version):
        form.terms.data = False
        form.refuse(field="", message="The terms have changed meanwhile. Read them once more")
        return _page(arrival, form, 409)
    if not form.validate_on_submit():
        return _page(arrival, form, 422)
    reference = new_reference()
    said = Acceptance(terms, form.why.data or None, form.works_with.data or None)
    hosts = frozenset(settings_of(current_app).host_domains)

    def decide(tx: Tx, lost: bool) -> Result:  # noqa: FBT001 - as ``let_in`` calls it
        return admission.accept(tx, arrival, hosts, said, settling=lost)

    try:
        result, started = let_in(arrival.identity, arrival.provider, reference, decide)
    except Overtaken as failure:
        if _found() is None:  # this very arrival was accepted meanwhile: a doubled click
            return render_template("sign_in/arrival_over.html"), 410
        return refusals.failed(failure, arrival.provider)
    if isinstance(result, TurnedAway):
        return refusals.turned_away(result, arrival.provider, reference)
    assert isinstance(result, SignedIn)
    assert started is not None
    response = redirect(arrival.next_url or url_for("guest.standing"), 303)
    session.sign_in(response, started)
    forget(response)
    return response


def open_page(arrived: Arrived) -> Response:
    """Send the browser to the arrival page with the arrival in a cookie of its own."""
    response = redirect(url_for("arrival.look"), 303)
    response.set_cookie(
        _cookie(),
        arrived.token,
        max_age=LIFE,
        secure=settings_of(current_app).https,
        httponly=True,
        samesite="Lax",
    )
    return response


def forget(response: Response) -> None:
    """Take the arrival's cookie from the browser."""
    response.delete_cookie(
        _cookie(), secure=settings_of(current_app).https, httponly=True, samesite="Lax"
    )


def brought() -> str:
    """Return the token of the arrival that this browser holds; empty where there is none."""
    return request.cookies.get(_cookie(), "")


def _found() -> OpenArrival | None:
    token = brought()
    if not token:
        return None
    with reading() as connection:
        return open_arrival(connection, token, clock.policy_now())


def _page(arrival: OpenArrival, form: ArrivalForm, status: int = 200) -> ResponseReturnValue:
    form.arrival.data, form.version.data = str(arrival.id), str(arrival.terms.version)
    page = render_template(
        "sign_in/arrival.html",
        arrival=arrival,
        identity=arrival.identity,
        provider=arrival.provider,
        policy=arrival.provider.policy,
        terms=arrival.terms,
        form=form,
    )
    return page, status


def _cookie() -> str:
    return f"{'__Host-' if settings_of(current_app).https else ''}portal-arrival"
