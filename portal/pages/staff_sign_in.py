"""The employees' entrance: the host's own provider, single-use links, break-glass."""

from uuid import UUID

import flask
from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.admission.changes import LostRace
from portal.admission.identity import Unknown, VerifiedIdentity, claim_values
from portal.audit.changes import record
from portal.audit.rules import Event
from portal.foundation import clock
from portal.foundation.crypto import hash_token
from portal.foundation.current import settings_of
from portal.foundation.db import db
from portal.foundation.refused import Refused
from portal.foundation.settings import Settings
from portal.foundation.transaction import ANONYMOUS, Actor, Tx, new_reference, transaction
from portal.lifecycle.changes import hand_over_all, hand_over_lost
from portal.pages import refusals
from portal.pages.not_allowed import count, record_refusal
from portal.pages.sessions import Overtaken, once_more, strength_of
from portal.sign_in import changes, session
from portal.sign_in.attempt import ATTEMPT_LIFE, Errand, OpenAttempt, Purpose
from portal.sign_in.changes import NewSession, StartedSession
from portal.sign_in.connection import Connection, host_connection
from portal.sign_in.journey import brought_state, come_back, depart
from portal.sign_in.queries import attempt_of
from portal.sign_in.rules import (
    SignInFailure,
    is_directory_guest,
)
from portal.staff import changes as staff_changes
from portal.staff.queries import LinkRow, link_by_hash, staff_by_id
from portal.staff.rules import (
    Outcome,
    Reason,
    RoleSource,
    StaffClaims,
    StaffDecision,
    link_fault,
)
from portal.trust.rules import strong_enough
from portal.web.forms import PortalForm
from portal.web.guards import for_anyone
from portal.web.limits import limited_sign_in
from portal.web.security import safe_next

bp = Blueprint("staff_sign_in", __name__)

LINK = "staff_link"


@bp.get("/staff/sign-in")
@for_anyone
def start() -> ResponseReturnValue:
    """Leave for the host's own provider; the wanted page is kept."""
    connection = host_connection(settings_of(current_app))
    if connection is None:
        return render_template("sign_in/staff_no_provider.html"), 503
    errand = Errand(
        purpose=Purpose.STAFF,
        next_url=safe_next(request.args.get("next"), "") or None,
        staff_link_id=_link_id(),
        select_account=request.args.get("account") == "other",
    )
    try:
        return depart(connection, errand)
    except SignInFailure as failure:
        return refusals.failed(failure, None)


@bp.get("/staff/sign-in/callback")
@for_anyone
def callback() -> ResponseReturnValue:
    """Come back from the host's provider."""
    connection = host_connection(settings_of(current_app))
    if connection is None:
        return render_template("sign_in/staff_no_provider.html"), 503
    try:
        kept = attempt_of(db.session(), brought_state())
        attempt, identity = come_back(connection, kept)
        return _admit(attempt, identity, connection)
    except SignInFailure as failure:
        return refusals.failed(failure, None)


def _admit(
    attempt: OpenAttempt, identity: VerifiedIdentity, connection: Connection
) -> ResponseReturnValue:
    reference = new_reference()
    try:
        decision, started = once_more(
            lambda _lost: _decide(attempt, identity, connection, reference)
        )
    except Overtaken as failure:
        failure.attempt_id = attempt.id
        raise
    flask.session.pop(LINK, None)  # answered: the next sign-in of this browser is about nobody's
    if started is None:
        page = render_template(
            "sign_in/staff_refused.html", reason=decision.reason, reference=reference
        )
        return page, 403
    response = redirect(attempt.next_url or url_for("home.home"), 303)
    session.sign_in(response, started)
    return response


def _decide(
    attempt: OpenAttempt, identity: VerifiedIdentity, connection: Connection, reference: str
) -> tuple[StaffDecision, StartedSession | None]:
    settings = settings_of(current_app)
    with transaction(actor=ANONYMOUS, now=clock.policy_now(), reference=reference) as tx:
        at = clock.protocol_now()
        changes.use_up(tx, attempt.id, at)
        try:
            decision = staff_changes.arrive(
                tx,
                claims_of(identity, connection, settings),
                source_of(settings),
                at=at,
                strength=strength_of(identity),
                link_id=attempt.staff_link_id,
            )
        except Refused as taken:  # a new employee in two tabs at once: the other one made the row
            raise LostRace from taken
        _carry(tx, decision)
        if decision.outcome is Outcome.REFUSED:
            record(tx, [_refusal(decision, identity)])
            return decision, None
        assert decision.staff_id is not None
        return decision, _begin(tx, decision.staff_id, identity)


def _carry(tx: Tx, decision: StaffDecision) -> None:
    """Carry lost roles, and a new address, through to those whom the employee vouched for."""
    if decision.staff_id is None or decision.roles_unknown:
        return
    if decision.is_sponsor:
        hand_over_lost(tx, decision.staff_id, moved=decision.address_moved)
    else:
        hand_over_all(tx, decision.staff_id)
    if decision.outcome is Outcome.REFUSED:
        changes.end_sessions_of_staff(tx, [decision.staff_id], clock.protocol_now())


def _begin(tx: Tx, staff_id: UUID, identity: VerifiedIdentity) -> StartedSession:
    new = NewSession(
        staff_id=staff_id,
        life=session.life(),
        sid=identity.sid,
        acr=identity.acr,
        amr=identity.amr,
    )
    return changes.start_session(tx, new, clock.protocol_now(), replacing=session.session_token())


def _refusal(decision: StaffDecision, identity: VerifiedIdentity) -> Event:
    seen = {
        "issuer": identity.issuer,
        "subject": identity.subject,
        "email": identity.email or identity.email_raw,
        "address": request.remote_addr,
    }
    return Event(
        "sign_in.refused",
        reason=decision.reason,
        data={"reasons": [str(decision.reason)], "identity_provider": "host"},
        personal={"seen": seen},
    )


def claims_of(
    identity: VerifiedIdentity, connection: Connection, settings: Settings
) -> StaffClaims:
    """Return an employee as the host's provider asserts them; a cut-short role claim is unknown."""
    roles: frozenset[str] | None = None
    if settings.host_oidc_role_claim:
        said = claim_values(identity.claims, settings.host_oidc_role_claim)
        roles = None if isinstance(said, Unknown) else said
    return StaffClaims(
        issuer=identity.issuer,
        subject=identity.subject,
        email=identity.email,
        name=identity.name,
        roles=roles,
        directory_guest=is_directory_guest(identity.claims, identity.issuer),
        strong=strong_enough(
            identity.acr, identity.amr, connection.accepted_acr, connection.accepted_amr
        ),
    )


def source_of(settings: Settings) -> RoleSource:
    """Return where employees' roles come from here."""
    return RoleSource(
        by_claim=bool(settings.host_oidc_role_claim),
        sponsor_value=settings.host_oidc_sponsor_value,
        admin_value=settings.host_oidc_admin_value,
    )


@bp.get("/staff/link/<token>")
@for_anyone
@limited_sign_in
def look(token: str) -> ResponseReturnValue:
    """Show what a link does. Opening it does nothing: mail scanners open links too."""
    link = link_by_hash(db.session(), hash_token(token))
    fault = _fault(link)
    staff = staff_by_id(db.session(), link.staff_id) if link and not fault else None
    if link is None or staff is None:
        return _over(fault)
    return render_template("sign_in/link.html", link=link, staff=staff, form=PortalForm())


@bp.post("/staff/link/<token>")
@for_anyone
@limited_sign_in
def use(token: str) -> ResponseReturnValue:
    """Sign in once (break-glass), or go on to the host's sign-in to be bound."""
    link = link_by_hash(db.session(), hash_token(token))
    if link is None or _fault(link):
        return _over(_fault(link))
    if link.purpose == "bind":
        # As long as an attempt: whoever uses this browser tomorrow is not bound by it.
        until = clock.protocol_now() + ATTEMPT_LIFE
        flask.session[LINK] = [str(link.id), until.timestamp()]
        onward = url_for("staff_sign_in.start")
        return render_template("sign_in/onward.html", onward=onward, staff=True)
    try:
        with transaction(actor=Actor.staff(link.staff_id), now=clock.policy_now()) as tx:
            at = clock.protocol_now()
            staff_id = staff_changes.use_link(tx, token, "sign_in", at=at)
            new = NewSession(
                staff_id=staff_id, life=session.life(break_glass=True), break_glass=True
            )
            started = changes.start_session(tx, new, at, replacing=session.session_token())
    except Refused as refused:
        return _over(refused.message)
    response = redirect(url_for("home.home"), 303)
    session.sign_in(response, started)
    return response


def _over(fault: str | None) -> ResponseReturnValue:
    """Say that a link does not open, and write down that it was tried."""
    reference = new_reference()
    counted = count()
    if not counted.flood:  # anybody can make up links, as often as they like
        event = Event(
            "sign_in.refused",
            reason=Reason.LINK,
            data={"reasons": [str(Reason.LINK)], "identity_provider": "host"},
            personal={"seen": {"detail": fault, "address": request.remote_addr}},
        )
        with transaction(actor=ANONYMOUS, now=clock.policy_now(), reference=reference) as tx:
            record_refusal(tx, counted, event)
    page = render_template("sign_in/link_over.html", fault=fault, reference=reference)
    return page, 410


def _fault(link: LinkRow | None) -> str | None:
    if link is None:
        return "This link is not known here. Ask whoever gave it to you for a new one."
    return link_fault(link.used_at, link.expires_at, clock.protocol_now())


def _link_id() -> UUID | None:
    kept = flask.session.get(LINK)
    link_id, until = kept if isinstance(kept, list) else ("", 0)
    return UUID(link_id) if clock.protocol_now().timestamp() < until else None
