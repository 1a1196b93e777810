"""The door for partner people: which company, away to its provider, and back."""

import flask
from flask import Blueprint, abort, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.admission import changes as admission
from portal.admission.changes import Arrived, Result, SignedIn, TurnedAway
from portal.admission.identity import VerifiedIdentity
from portal.audit.changes import record
from portal.foundation import clock
from portal.foundation.current import settings_of
from portal.foundation.db import db, reading
from portal.foundation.text import canonical_email, domain_of
from portal.foundation.transaction import Tx, new_reference
from portal.pages import arrival, refusals, trial
from portal.pages.acting import act
from portal.pages.sessions import Overtaken, begin, let_in
from portal.pages.viewer import session_ended
from portal.sign_in import changes, session
from portal.sign_in.attempt import Errand, OpenAttempt, Purpose
from portal.sign_in.changes import StartedSession
from portal.sign_in.connection import Connection, partner_connection
from portal.sign_in.journey import begin_at, brought_state, come_back, leave, new_attempt
from portal.sign_in.queries import provider_and_attempt
from portal.sign_in.rules import SignInFailure
from portal.trust.queries import (
    ProviderRow,
    connection_for,
    enabled_providers,
    organisation_by_slug,
    organisation_for_domain,
)
from portal.web.forms import EmailField, PortalForm
from portal.web.guards import current_viewer, for_anyone
from portal.web.limits import limited_sign_in
from portal.web.security import safe_next

bp = Blueprint("sign_in", __name__)

TYPED = "typed"  # address and company, in the signed cookie, so that they stand in no address
WANTED = "wanted_page"


class SignInForm(PortalForm):
    """One field: the address tells which company."""

    email = EmailField("Work e-mail address", "your work e-mail address")


@bp.get("/sign-in")
@for_anyone
def ask() -> ResponseReturnValue:
    """Ask where to go; whoever is signed in by now is led on to the page that they wanted."""
    wanted = safe_next(request.args.get("next"), "")
    if wanted and current_viewer() is not None:
        return redirect(wanted, 303)
    _remember_wanted(wanted)
    return render_template("sign_in/ask.html", form=SignInForm())


@bp.post("/sign-in")
@for_anyone
@limited_sign_in
def discover() -> ResponseReturnValue:
    """Answer every address with the same page; only where its button leads differs (A24)."""
    form = SignInForm()
    if not form.validate_on_submit():
        return render_template("sign_in/ask.html", form=form), 422
    email = canonical_email(form.email.data or "")
    organisation = organisation_for_domain(db.session(), domain_of(email))
    flask.session[TYPED] = [email, organisation.slug if organisation else ""]
    onward = (
        url_for("sign_in.choose", organisation=organisation.slug)
        if organisation
        else url_for("sign_in.nowhere")
    )
    return render_template("sign_in/onward.html", onward=onward)


@bp.get("/sign-in/nowhere-to-go")
@for_anyone
def nowhere() -> ResponseReturnValue:
    """Say what to do when no company's sign-in opens. No slug can be this: it names no partner."""
    return render_template("sign_in/nowhere.html")


@bp.get("/sign-in/<organisation>", strict_slashes=False)
@for_anyone
def choose(organisation: str) -> ResponseReturnValue:
    """An organisation's own link: on to its provider, or a choice where it has several."""
    row = organisation_by_slug(db.session(), organisation.lower())  # as people type a name
    if row is None:
        abort(404)
    _remember_wanted(request.args.get("next"))
    providers = enabled_providers(db.session(), row.id)
    if len(providers) == 1:
        return redirect(
            url_for("sign_in.start", organisation=row.slug, provider=providers[0].slug), 303
        )
    if not providers:
        return refusals.closed(row.id, row.name)
    return render_template("sign_in/choose.html", organisation=row, providers=providers)


@bp.get("/sign-in/<organisation>/<provider>")
@for_anyone
def start(organisation: str, provider: str) -> ResponseReturnValue:
    """Leave for the identity provider. A GET, since CSP keeps forms on this site."""
    _remember_wanted(request.args.get("next"))
    errand = Errand(
        next_url=flask.session.get(WANTED),
        select_account=request.args.get("account") == "other",
        login_hint=_hint(organisation),
    )
    attempt = new_attempt(errand)
    row = begin_at(organisation, provider, attempt)
    if row is None:
        return _not_open(organisation, provider)
    try:
        away = leave(connect(row), attempt)
    except SignInFailure as failure:
        return refusals.failed(failure, row)
    flask.session.pop(WANTED, None)
    return away


@bp.get("/sign-in/<organisation>/<provider>/callback")
@for_anyone
def callback(organisation: str, provider: str) -> ResponseReturnValue:
    """Come back from the identity provider: a session, an arrival, a trial's result, or a no."""
    with reading() as reader:
        found = provider_and_attempt(reader, organisation, provider, brought_state())
    if found is None:
        abort(404)
    row, kept = found
    connection = connect(row)
    try:
        attempt, identity = come_back(connection, kept)
        if attempt.purpose is Purpose.TRIAL:
            return trial.show(attempt, identity, row)
        return _admit(attempt, identity, row)
    except SignInFailure as failure:
        if kept is not None:
            _remember_wanted(kept.next_url)  # for who tries again
        return refusals.failed(failure, row)


def _admit(
    attempt: OpenAttempt, identity: VerifiedIdentity, row: ProviderRow
) -> ResponseReturnValue:
    hosts = frozenset(settings_of(current_app).host_domains)

    # It settles whatever is due anyway, be a race lost or not.
    def decide(tx: Tx, _lost: bool) -> tuple[Result, StartedSession | None]:  # noqa: FBT001
        changes.use_up(tx, attempt.id, clock.protocol_now())
        result = admission.knock(tx, identity, row, hosts, attempt.next_url)
        return result, begin(tx, result, identity, row)

    reference = new_reference()
    try:
        result, started = let_in(reference, decide)
    except Overtaken as failure:
        failure.attempt_id = attempt.id
        raise
    match result:
        case TurnedAway():
            _remember_wanted(attempt.next_url)
            return refusals.turned_away(result, row, reference)
        case Arrived():
            return arrival.open_page(result)
        case SignedIn():
            assert started is not None
            response = redirect(attempt.next_url or url_for("guest.standing"), 303)
            session.sign_in(response, started)
            return response


@bp.post("/sign-out")
@for_anyone
def sign_out() -> ResponseReturnValue:
    """End the session, here and everywhere its cookie was copied to; and what waits to arrive."""
    token, arriving = session.session_token(), arrival.brought()
    if token is not None or arriving:
        act(lambda tx: _leave(tx, token, arriving))
    response = redirect(url_for("sign_in.signed_out"), 303)
    session.sign_out(response)
    if arriving:
        arrival.forget(response)
    return response


@bp.get("/signed-out")
@for_anyone
def signed_out() -> ResponseReturnValue:
    """Say that it is done, and that the company's own sign-in may still be open."""
    return render_template("sign_in/signed_out.html")


def _leave(tx: Tx, token: str | None, arriving: str) -> None:
    if token is not None and changes.end_session(tx, token, clock.protocol_now()):
        record(tx, [session_ended("signed_out")])
    if arriving:
        admission.turn_around(tx, arriving)


def connect(row: ProviderRow) -> Connection:
    """Return the connection that the conversation with a provider needs."""
    return partner_connection(
        row, wanted_claims=row.wanted_claims, endpoint_hosts=row.endpoint_hosts
    )


def _not_open(organisation: str, provider: str) -> ResponseReturnValue:
    row = connection_for(db.session(), organisation, provider)
    if row is None:
        abort(404)
    return refusals.closed(row.organisation_id, row.organisation_name)


def _remember_wanted(page: str | None) -> None:
    """Keep the page that somebody wanted, in the signed cookie, until they leave for a provider."""
    if wanted := safe_next(page, ""):
        flask.session[WANTED] = wanted


def _hint(slug: str) -> str | None:
    """Return the address that was typed, for the company that it belongs to and no other."""
    email, of = flask.session.pop(TYPED, None) or ("", "")
    return email if of == slug else None
