"""The front door: on to where this person belongs."""

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue

from portal.pages.viewer import GuestViewer, StaffViewer, current
from portal.web.guards import for_anyone

bp = Blueprint("home", __name__)


@bp.get("/")
@for_anyone
def home() -> ResponseReturnValue:
    """Send guests to where they stand, sponsors to their decisions, admins to the overview."""
    match current():
        case GuestViewer():
            return redirect(url_for("guest.standing"), 303)
        case StaffViewer(staff=staff) if staff.is_admin:
            return redirect(url_for("admin.overview"), 303)
        case StaffViewer():
            return redirect(url_for("decisions.inbox"), 303)
        case None:
            return redirect(url_for("sign_in.ask"), 303)
