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
from portal.pages.sessions import Overtaken, begin, let_in
from portal.sign_in import session
from portal.sign_in.changes import StartedSession
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


class _Another(Exception):
    """What was accepted is not what the browser holds now, or other terms count, or it is over."""


@bp.post("/arrival")
@for_anyone
def accept() -> ResponseReturnValue:
    """Decide again, and make the guest."""
    form = ArrivalForm()
    if not form.validate_on_submit():
        return _once_more(form)
    hosts = frozenset(settings_of(current_app).host_domains)

    def decide(
        tx: Tx,
        lost: bool,  # noqa: FBT001 - as ``let_in`` calls it
    ) -> tuple[OpenArrival, Result, StartedSession | None]:
        arrival = admission.take_up(tx, brought())
        if arrival is None or not _is_about(form, arrival):
            raise _Another
        said = Acceptance(arrival.terms, form.why.data or None, form.works_with.data or None)
        result = admission.accept(tx, arrival, hosts, said, settling=lost)
        return arrival, result, begin(tx, result, arrival.identity, arrival.provider)

    reference = new_reference()
    try:
        arrival, result, started = let_in(reference, decide)
    except _Another:
        return _once_more(form)
    except Overtaken as failure:
        known = _found()
        if known is None:  # this very arrival was accepted meanwhile: a doubled click
            return render_template("sign_in/arrival_over.html"), 410
        return refusals.failed(failure, known.provider)
    if isinstance(result, TurnedAway):
        return refusals.turned_away(result, arrival.provider, reference)
    assert isinstance(result, SignedIn)
    assert started is not None
    response = redirect(arrival.next_url or url_for("guest.standing"), 303)
    session.sign_in(response, started)
    forget(response)
    return response


def _is_about(form: ArrivalForm, arrival: OpenArrival) -> bool:
    """Say whether it was this arrival, and these terms, that somebody said yes to."""
    shown = (form.arrival.data, form.version.data)
    return shown == (str(arrival.id), str(arrival.terms.version))


def _once_more(form: ArrivalForm) -> ResponseReturnValue:
    """Show the page again, and say why; or that it is over."""
    arrival = _found()
    if arrival is None:
        return render_template("sign_in/arrival_over.html"), 410
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
    if form.version.data != str(arrival.terms.version):
        form.terms.data = False
        form.refuse(field="", message="The terms have changed meanwhile. Read them once more")
        return _page(arrival, form, 409)
    return _page(arrival, form, 422)


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
