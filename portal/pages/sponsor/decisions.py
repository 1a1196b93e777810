"""Who waits for a sponsor, one decision, and past decisions. GET changes nothing."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.access import queries
from portal.access.queries import GuestView, SponsorshipView
from portal.foundation import clock
from portal.foundation.current import settings_of
from portal.foundation.db import db
from portal.foundation.refused import Refused
from portal.foundation.transaction import Tx
from portal.guests.rules import Reason, State
from portal.pages.sponsor import guests
from portal.pages.sponsor.forms import ApproveForm, HandOverForm, ReasonForm
from portal.pages.sponsor.rights import Stale, decide, require_seen, seen_of, their_sponsorship
from portal.pages.viewer import StaffViewer, current
from portal.sponsorship.changes import deciding
from portal.sponsorship.changes.deciding import Lost
from portal.sponsorship.rules import Standing, latest_last_day
from portal.trust.queries import (
    OrganisationRow,
    contract_facts,
    eligible_sponsors,
    offers,
    policy_for,
)
from portal.web.display import last_day as last_day_words
from portal.web.forms import PortalForm
from portal.web.guards import Viewer, for_sponsor, me

bp = Blueprint("decisions", __name__, url_prefix="/sponsor")


def counts(viewer: Viewer) -> Mapping[str, int]:
    """Return the numbers beside the menu: what waits for a sponsor, and who knocks."""
    if "sponsor" not in viewer.roles:
        return {}
    session = db.session()
    return {
        "decisions": queries.inbox_count(session, viewer.id, clock.policy_now()),
        "knocking": queries.knocking_count(session, viewer.id),
    }


@bp.get("/decisions")
@bp.get("", strict_slashes=False)
@for_sponsor
def inbox() -> ResponseReturnValue:
    """Show who waits, the most urgent first."""
    session, now = db.session(), clock.policy_now()
    asking = current()
    return render_template(
        "sponsor/inbox.html",
        waiting=queries.inbox(session, me().id, now),
        proposals=queries.proposals_waiting(session, me().id, now),
        next_review=queries.next_review(session, me().id, now),
        unknown=isinstance(asking, StaffViewer) and asking.staff.roles_unknown,
        now=now,
        Kind=queries.Kind,
        Reason=Reason,
    )


@bp.get("/decisions/<uuid:sponsorship_id>")
@for_sponsor
def one(sponsorship_id: UUID) -> ResponseReturnValue:
    """Show one decision; what is decided already is shown as what it is."""
    sponsorship, guest, organisation = their_sponsorship(sponsorship_id)
    if waits(sponsorship, guest, clock.policy_now()):
        return _page(sponsorship, guest, organisation)
    if sponsorship.state == Standing.ACTIVE and guests.is_in(guest):
        return guests.page(guest, organisation, sponsorship)
    return _decided(sponsorship, guest)


def waits(sponsorship: SponsorshipView, guest: GuestView, now: datetime) -> bool:
    """Say whether a decision is still to be made: neither somebody nor time made it."""
    return sponsorship.awaits_decision and sponsorship.end[0] > now and guests.may_be_in(guest)


def _page(
    sponsorship: SponsorshipView,
    guest: GuestView,
    organisation: OrganisationRow,
    given: PortalForm | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    """Show the decision; *given* is the form that was sent and refused, the others are fresh."""
    session, now = db.session(), clock.policy_now()
    forms = {
        "approve": given if isinstance(given, ApproveForm) else _approve_form(fresh=True),
        "reject": given if isinstance(given, ReasonForm) else _reject_form(fresh=True),
        "hand_over": given if isinstance(given, HandOverForm) else _hand_over_form(fresh=True),
    }
    policy = policy_for(session, organisation.id)
    contract = contract_facts(session, _contract_id(sponsorship.id))
    latest = latest_last_day(policy, contract, now)
    approve_form, hand_over = forms["approve"], forms["hand_over"]
    assert isinstance(approve_form, ApproveForm)
    assert isinstance(hand_over, HandOverForm)
    _fill(approve_form, sponsorship, guest, organisation)
    hand_over.offer(_others(sponsorship, organisation))
    if hand_over is not given:
        hand_over.seen.data = seen_of(session, sponsorship.id)
    page = render_template(
        "sponsor/decision.html",
        one=sponsorship,
        guest=guest,
        organisation=organisation,
        policy=policy,
        latest=latest,
        vouched=queries.count_vouched(session, me().id, organisation.id),
        before=[row for row in guest.sponsorships if row.id != sponsorship.id],
        host=settings_of(current_app).host_name,
        now=now,
        **forms,
    )
    return page, status
