"""Where somebody is signed in: their own sessions, and an end to all but this one."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from portal.audit.changes import record
from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.transaction import Tx
from portal.pages.acting import act
from portal.pages.viewer import session_ended
from portal.sign_in import session
from portal.sign_in.changes import end_sessions_beside, renew_session
from portal.sign_in.queries import LiveSession, sessions_beside
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
    """End every other session of this person within one request, and every copy of this one.

    Sent twice, the second one has the id of before, which is nobody's: the browser is led to
    the sign-in page, and on from there if it has taken the new id meanwhile.
    """
    own = _own()
    token = act(lambda tx: _alone(tx, own))
    response = redirect(url_for("signed_in.look"), 303)
    if token is not None:
        flash("You are signed out everywhere else.")
        session.give(response, token)
    return response


def _alone(tx: Tx, own: LiveSession) -> str | None:
    """Leave this session alone, under another id; nothing if another browser has just ended it."""
    token = renew_session(tx, own.id)
    if token is not None and end_sessions_beside(tx, own, clock.protocol_now()):
        record(tx, [session_ended("signed_out_elsewhere")])
    return token


def _own() -> LiveSession:
    own = session.current_session()
    assert own is not None  # the guard has asked
    return own
