"""Who waits for a sponsor, one decision, and past decisions. GET changes nothing."""

from collections.abc import Mapping
from uuid import UUID

from flask import Blueprint, current_app, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from portal.access import queries
from portal.access.queries import PAGE, GuestView, SponsorshipView
from portal.access.rules import Against
from portal.foundation import clock
from portal.foundation.current import settings_of
from portal.foundation.db import db
from portal.foundation.refused import Refused
from portal.foundation.transaction import Tx
from portal.guests.rules import State
from portal.pages.sponsor.desk import (
    Desk,
    bound,
    given,
    grants_of,
    holder,
    is_me,
    offered,
    others,
)
from portal.pages.sponsor.forms import ApproveForm, HandOverForm, ReasonForm
from portal.pages.sponsor.paging import after, before, going_on
from portal.pages.sponsor.rights import (
    Stale,
    decide,
    proposed_to,
    require_proposed,
    require_seen,
    seen_of,
    their_sponsorship,
)
from portal.pages.sponsor.running import as_it_stands, decided
from portal.pages.viewer import StaffViewer, current
from portal.sponsorship.changes import deciding
from portal.sponsorship.changes.deciding import Lost
from portal.trust.queries import OrganisationRow, contract_facts, organisations_decided_by
from portal.web.display import last_day as last_day_words
from portal.web.display import naming
from portal.web.guards import Viewer, for_sponsor, me

bp = Blueprint("decisions", __name__, url_prefix="/sponsor")


def counts(viewer: Viewer) -> Mapping[str, int]:
    """Return the numbers beside the menu, read once a request: what waits, and who knocks."""
    if "sponsor" not in viewer.roles:
        return {}
    if "sponsor_counts" not in g:
        session = db.session()
        g.sponsor_counts = {
            "decisions": queries.inbox_count(session, viewer.id, clock.policy_now()),
            "knocking": queries.knocking_count(session, viewer.id),
        }
    found: Mapping[str, int] = g.sponsor_counts
    return found


@bp.get("/decisions")
@bp.get("", strict_slashes=False)
@for_sponsor
def inbox() -> ResponseReturnValue:
    """Show who waits, the most urgent first, by pages."""
    session, now = db.session(), clock.policy_now()
    asking, start = current(), after()
    found = queries.inbox(session, me().id, now, after=start, limit=PAGE)
    count = counts(me())["decisions"]
    return render_template(
        "sponsor/inbox.html",
        waiting=found.items,
        count=count,
        begins=start is None,
        onward=going_on("decisions.inbox", found.last),
        next_review=None if count else queries.next_review(session, me().id, now),
        unknown=isinstance(asking, StaffViewer) and asking.staff.roles_unknown,
        now=now,
    )


@bp.get("/decisions/<uuid:sponsorship_id>")
@for_sponsor
def one(sponsorship_id: UUID) -> ResponseReturnValue:
    """Show one decision; what is decided already is shown as what it is."""
    sponsorship, guest, organisation = their_sponsorship(sponsorship_id)
    question = Question(sponsorship, guest, organisation)
    if question.stands:
        return question.page()
    desk = Desk(guest, organisation, sponsorship)
    return desk.page() if desk.runs else decided(sponsorship_id)


class Question:
    """May this person come in, or stay? With the three forms that answer."""

    def __init__(
        self,
        sponsorship: SponsorshipView,
        guest: GuestView,
        organisation: OrganisationRow,
        sent: str = "",
    ) -> None:
        self.now = clock.policy_now()
        self.sponsorship, self.guest, self.organisation = sponsorship, guest, organisation
        grants = grants_of(guest, sponsorship)
        seen = seen_of(db.session(), sponsorship.id)
        ticked = [grant.offer_id for grant in grants]
        self.approve = ApproveForm(
            prefix="approve-",
            **given(
                sent=sent == "approve",
                seen=proposed_to(db.session(), guest, sponsorship.id),
                may_use=ticked,
            ),
        )
        bound(
            self.approve,
            contract_facts(db.session(), sponsorship.contract_id),
            organisation,
            self.now,
        )
        offered(self.approve, organisation, grants)
        self.reject = ReasonForm(prefix="reject-", **given(sent=sent == "reject"))
        self.hand_over = HandOverForm(prefix="hand-", **given(sent=sent == "hand_over", seen=seen))
        self.hand_over.offer(others(guest, sponsorship, organisation))

    @property
    def stands(self) -> bool:
        """Say whether it is still to be answered: neither somebody nor time has."""
        standing = self.guest.decision.standing
        alive = standing.state in (State.PENDING, State.ACTIVE) or standing.hold
        return self.sponsorship.awaits_decision and self.sponsorship.end[0] > self.now and alive

    def page(
        self, status: int = 200, *, overtaken: bool = False, anew: bool = False
    ) -> ResponseReturnValue:
        """Show it; also that somebody was quicker, or that something else is proposed by now."""
        page = render_template(
            "sponsor/decision.html",
            question=self,
            one=self.sponsorship,
            guest=self.guest,
            organisation=self.organisation,
            vouched=queries.count_vouched(db.session(), me().id, self.organisation.id),
            earlier=[row for row in self.guest.sponsorships if row.id != self.sponsorship.id],
            overtaken=overtaken,
            anew=anew,
            held_by_me=is_me(holder(self.guest)),
            host=settings_of(current_app).host_name,
            mine=self.sponsorship.sponsor_id == me().id,
            now=self.now,
            Against=Against,
        )
        return page, status

    def again(self, status: int) -> ResponseReturnValue:
        """Show it with what is wrong, or what was decided meanwhile."""
        return self.page(status) if self.stands else decided(self.sponsorship.id, 409)


@bp.post("/decisions/<uuid:sponsorship_id>/approve")
@for_sponsor
def approve(sponsorship_id: UUID) -> ResponseReturnValue:
    """Vouch until a day, for the chosen offers."""
    question = Question(*their_sponsorship(sponsorship_id), sent="approve")
    form, guest = question.approve, question.guest
    if not form.validate_on_submit():
        return question.again(422)
    day = form.day

    def change(tx: Tx, staff_id: UUID) -> Lost | None:
        require_proposed(tx, sponsorship_id, form.seen.data, form.chosen, staff_id)
        return deciding.approve(tx, sponsorship_id, staff_id, day, form.chosen)

    try:
        lost = decide(change)
    except Refused as refused:
        form.refuse(refused)
        return question.again(422)
    except Stale:
        fresh = Question(*their_sponsorship(sponsorship_id))
        return fresh.page(409, anew=True) if fresh.stands else decided(sponsorship_id, 409)
    if lost is not None:
        return decided(sponsorship_id, 409)
    until = last_day_words(day, question.sponsorship.time_zone)
    held = guest.decision.standing.hold
    then = "They stay suspended until that is lifted, and are told then." if held else _told(guest)
    nothing = "" if form.chosen else " Nothing was ticked, so there is nothing for them to use yet."
    flash(naming(f"{{}} has your word until {until}. {then}{nothing}", guest.display_name))
    return redirect(url_for("decisions.inbox"), 303)


@bp.post("/decisions/<uuid:sponsorship_id>/reject")
@for_sponsor
def reject(sponsorship_id: UUID) -> ResponseReturnValue:
    """Turn the person down; they stay out until a sponsor lets them back."""
    question = Question(*their_sponsorship(sponsorship_id), sent="reject")
    form, guest = question.reject, question.guest
    if not form.validate_on_submit():
        return question.again(422)
    reason = form.reason.data
    try:
        lost = decide(lambda tx, me_: deciding.reject(tx, sponsorship_id, me_, reason))
    except Refused as refused:
        form.refuse(refused)
        return question.again(422)
    if lost is not None:
        return decided(sponsorship_id, 409)
    flash(naming(f"{{}} is turned down, and stays out. {_told(guest)}", guest.display_name))
    return redirect(url_for("decisions.inbox"), 303)


@bp.post("/decisions/<uuid:sponsorship_id>/hand-over")
@for_sponsor
def hand_over(sponsorship_id: UUID) -> ResponseReturnValue:
    """Let another sponsor of the organisation be asked, or vouch, from now on."""
    found = their_sponsorship(sponsorship_id)
    sponsorship, guest, organisation = found
    asking = sponsorship.awaits_decision
    question = Question(*found, sent="hand_over")
    desk = Desk(guest, organisation, sponsorship, sent="hand_over")
    form = question.hand_over if asking else desk.hand_over
    if not form.validate_on_submit():
        if form.seen.data != seen_of(db.session(), sponsorship_id):
            return _overtaken(sponsorship_id)  # it is about what was, and so are its mistakes
        return question.again(422) if asking else desk.page(422)

    def change(tx: Tx, staff_id: UUID) -> Lost | None:
        require_seen(tx, sponsorship_id, form.seen.data, staff_id, form.heir)
        return deciding.hand_over(tx, sponsorship_id, staff_id, form.heir)

    try:
        lost = decide(change)
    except Refused as refused:
        form.refuse(refused)
        return question.again(422) if asking else desk.page(422)
    except Stale:
        return _overtaken(sponsorship_id)
    if lost is not None:
        return decided(sponsorship_id, 409)
    after, _, _ = their_sponsorship(sponsorship_id)
    now = f"{'asked about' if asking else 'the sponsor of'} {{}} now"
    if after.sponsor_id == me().id:
        flash(naming(f"You are {now}.", guest.display_name))
    else:
        flash(naming(f"{{}} is {now}, and told.", after.sponsor_name, guest.display_name))
    return redirect(url_for("decisions.inbox"), 303)


def _overtaken(sponsorship_id: UUID) -> ResponseReturnValue:
    sponsorship, guest, organisation = their_sponsorship(sponsorship_id)
    question = Question(sponsorship, guest, organisation)
    if question.stands:
        return question.page(409, overtaken=True)
    return as_it_stands(Desk(guest, organisation, sponsorship), 409, overtaken=True)


def _told(guest: GuestView) -> str:
    if guest.email:
        return "A mail tells them."
    return "They have no address here: tell them yourself."


@bp.get("/past")
@for_sponsor
def past() -> ResponseReturnValue:
    """Show what the sponsor decided, latest first, by pages."""
    start = before()
    found = queries.past_decisions(db.session(), me().id, before=start, limit=PAGE + 1)
    shown, older = found[:PAGE], ""
    if len(found) > PAGE:
        last = shown[-1].sponsorship
        assert last.decided_at is not None
        older = url_for("decisions.past", at=last.decided_at.isoformat(), before=last.id)
    places = {one.id for one in organisations_decided_by(db.session(), me().id)}
    return render_template(
        "sponsor/past.html", found=shown, places=places, older=older, begins=start is None
    )
