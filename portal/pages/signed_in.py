"""Where somebody is signed in: their own sessions, and an end to all but this one."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from portal.audit.changes import record
from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.transaction import transaction
from portal.pages.acting import whoever
from portal.pages.viewer import session_ended
from portal.sign_in import session
from portal.sign_in.changes import end_sessions_beside, renew_session
from portal.sign_in.queries import LiveSession, sessions_beside
from portal.web.errors import current_reference
from portal.web.guards import for_signed_in

bp = Blueprint("signed_in", __name__)


@bp.get("/signed-in")
@for_signed_in
def look() -> ResponseReturnValue:
    """Show every browser in which this person is signed in."""
    own = _own()
    sessions = sessions_beside(db.session(), own, at=clock.protocol_now(), idle=session.idle())
    return render_template("sign_in/sessions.html", own=own, sessions=sessions)


@bp.post("/signed-in/elsewhere")
@for_signed_in
def end_elsewhere() -> ResponseReturnValue:
    """End every other session of this person within one request, and every copy of this one."""
    own = _own()
    with transaction(actor=whoever(), now=clock.policy_now(), reference=current_reference()) as tx:
        if end_sessions_beside(tx, own, clock.protocol_now()):
            record(tx, [session_ended("signed_out_elsewhere")])
        token = renew_session(tx, own.id)
    flash("You are signed out everywhere else.")
    response = redirect(url_for("signed_in.look"), 303)
    session.give(response, token)
    return response


def _own() -> LiveSession:
    own = session.current_session()
    assert own is not None  # the guard has asked
    return own
