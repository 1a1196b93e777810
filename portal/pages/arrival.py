"""The arrival page: what the company says, who decides, the terms, one button."""

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response
from wtforms import HiddenField

from portal.admission import changes as admission
from portal.admission.changes import Arrived, LostRace, Result, SignedIn, TurnedAway
from portal.admission.changes.arriving import LIFE, Acceptance
from portal.admission.queries import OpenArrival, open_arrival
from portal.foundation import clock
from portal.foundation.current import settings_of
from portal.foundation.db import db
from portal.foundation.transaction import ANONYMOUS, new_reference, transaction
from portal.pages import refusals
from portal.pages.sessions import begin_guest_session
from portal.sign_in import session
from portal.sign_in.changes import StartedSession
from portal.trust.queries import (
    ProviderRow,
    TermsFacts,
    current_terms,
    policy_for,
    provider_by_id,
)
from portal.web.forms import CheckField, NoteField, PortalForm, TextField
from portal.web.guards import for_anyone

bp = Blueprint("arrival", __name__)

TRIES = 3


class ArrivalForm(PortalForm):
    """What a person may add, and their yes to the version of the terms that was shown."""

    version = HiddenField()
    why = NoteField("Why do you need access?", limit=500)
    works_with = TextField("Whom do you work with here?", limit=254)
    terms = CheckField("I accept the terms of use", "Accept the terms of use to go on")


@bp.get("/arrival")
@for_anyone
def look() -> ResponseReturnValue:
    """Show what is going to happen; nothing is kept if the person turns around."""
    found = _found()
    if found is None:
        return render_template("sign_in/arrival_over.html"), 410
    return _page(*found, ArrivalForm(), _terms())


@bp.post("/arrival")
@for_anyone
def accept() -> ResponseReturnValue:
    """Decide again, and make the guest."""
    found = _found()
    if found is None:
        return render_template("sign_in/arrival_over.html"), 410
    arrival, row = found
    form, terms = ArrivalForm(), _terms()
    if form.version.data != str(terms.version):
        form.terms.data = False
        form.refuse(field="", message="The terms have changed meanwhile. Read them once more")
        return _page(arrival, row, form, terms, 409)
    if not form.validate_on_submit():
        return _page(arrival, row, form, terms, 422)
    reference = new_reference()
    said = Acceptance(terms, form.why.data or None, form.works_with.data or None)
    try:
        result, started = _accept(arrival, row, said, reference)
    except LostRace:  # this very arrival was accepted meanwhile: a doubled click
        return render_template("sign_in/arrival_over.html"), 410
    if isinstance(result, TurnedAway):
        return refusals.turned_away(result, row, reference)
    assert isinstance(result, SignedIn)
    assert started is not None
    response = redirect(arrival.next_url or url_for("guest.standing"), 303)
    session.sign_in(response, started)
    response.delete_cookie(_cookie())
    return response


def _accept(
    arrival: OpenArrival, row: ProviderRow, said: Acceptance, reference: str
) -> tuple[Result, StartedSession | None]:
    """Run the transaction, once more for each race it loses: then the guest is found."""
    hosts = frozenset(settings_of(current_app).host_domains)
    for left in reversed(range(TRIES)):
        try:
            with transaction(actor=ANONYMOUS, now=clock.policy_now(), reference=reference) as tx:
                result = admission.accept(tx, arrival, row, hosts, said)
                started = (
                    begin_guest_session(tx, result, arrival.identity, row)
                    if isinstance(result, SignedIn)
                    else None
                )
        except (LostRace, IntegrityError):
            if not left:
                raise
        else:
            return result, started
    raise AssertionError("unreachable")


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


def _found() -> tuple[OpenArrival, ProviderRow] | None:
    token = request.cookies.get(_cookie(), "")
    arrival = open_arrival(db.session(), token, clock.policy_now()) if token else None
    row = provider_by_id(db.session(), arrival.identity_provider_id) if arrival else None
    return (arrival, row) if arrival and row else None


def _page(
    arrival: OpenArrival,
    row: ProviderRow,
    form: ArrivalForm,
    terms: TermsFacts,
    status: int = 200,
) -> ResponseReturnValue:
    form.version.data = str(terms.version)
    page = render_template(
        "sign_in/arrival.html",
        arrival=arrival,
        identity=arrival.identity,
        provider=row,
        policy=policy_for(db.session(), row.organisation_id),
        terms=terms,
        form=form,
    )
    return page, status


def _terms() -> TermsFacts:
    return current_terms(db.session())


def _cookie() -> str:
    return f"{'__Host-' if settings_of(current_app).https else ''}portal-arrival"
