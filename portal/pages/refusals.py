"""Say no kindly: whose side it is on, what to do next, and the number to quote.

Every refusal is an audit event under that number; which rule it was stays in the log.
"""

from uuid import UUID

from flask import current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.access.queries import guest_view
from portal.admission.changes import TurnedAway
from portal.admission.rules import Refusal
from portal.audit.rules import Event
from portal.foundation import clock
from portal.foundation.current import settings_of
from portal.foundation.db import db
from portal.foundation.transaction import ANONYMOUS, new_reference, transaction
from portal.pages.not_allowed import BEGUN, count, record_refusal
from portal.sign_in import changes
from portal.sign_in.attempt import Purpose
from portal.sign_in.rules import Side, SignInFailure, SignInReason, anybody_can_cause
from portal.trust.queries import ProviderRow

_TEMPLATES = {
    Side.PERSON: "sign_in/failed_here.html",
    Side.PARTNER: "sign_in/failed_partner.html",
    Side.ADMIN: "sign_in/failed_ours.html",
}


def turned_away(result: TurnedAway, row: ProviderRow, reference: str) -> ResponseReturnValue:
    """Show an admission refusal; its audit event is written already."""
    now = clock.policy_now()
    guest = result.guest
    view = guest_view(db.session(), guest.id, now) if guest else None
    page = render_template(
        "sign_in/refused.html",
        reasons=result.decision.reasons,
        first=result.decision.reasons[0],
        Refusal=Refusal,
        provider=row,
        guest=view,
        reference=reference,
    )
    return page, 403


def failed(failure: SignInFailure, row: ProviderRow | None) -> ResponseReturnValue:
    """Record that a conversation with a provider failed, and show whose side it is on.

    An admin who tested it reads at its steps what failed.
    """
    reference = new_reference()
    # Whoever invents states or errors by the thousand fills no database: of a minute the first are
    # kept. It takes no provider to begin a sign-in and to say that it was denied.
    counted = count(_took(failure, row))
    if failure.attempt_id is not None or not counted.flood:
        with transaction(actor=ANONYMOUS, now=clock.policy_now(), reference=reference) as tx:
            changes.give_up(tx, failure.attempt_id, clock.protocol_now())
            record_refusal(tx, counted, _event(failure, row))
    if failure.purpose == Purpose.TRIAL and row is not None:
        # The pages below are for guests, and their button would sign the admin in as one.
        flash(f"The test sign-in failed: {failure.detail}. Reference {reference}", "bad")
        steps = url_for("providers.one", slug=row.organisation_slug, idp=row.slug)
        return redirect(steps, 303)
    page = render_template(
        _TEMPLATES[failure.side],
        failure=failure,
        provider=row,
        host=settings_of(current_app).host_name,
        reference=reference,
        staff=row is None,
    )
    if failure.reason is SignInReason.OVERTAKEN:
        return page, 503
    return page, 502 if failure.side is Side.PARTNER else 403


def _took(failure: SignInFailure, row: ProviderRow | None) -> str | None:
    """Return what it took to fail so: nothing, a sign-in that was begun, or a provider's answer."""
    begun = failure.attempt_id is not None or failure.reason is SignInReason.TOKEN_ENDPOINT
    if not begun:
        return None
    if anybody_can_cause(failure.reason):
        return BEGUN
    return str(row.id) if row else "host"


def _event(failure: SignInFailure, row: ProviderRow | None) -> Event:
    return Event(
        "sign_in.refused",
        organisation_id=row.organisation_id if row else None,
        reason=failure.reason,
        data={
            "reasons": [str(failure.reason)],
            "identity_provider": row.slug if row else "host",
        },
        personal={"seen": {"detail": failure.detail, "address": request.remote_addr}},
    )


def closed(organisation_id: UUID, name: str) -> ResponseReturnValue:
    """Say that an organisation's sign-in is not open."""
    reference = new_reference()
    counted = count()
    if not counted.flood:  # anybody can call this address, as often as they like
        with transaction(actor=ANONYMOUS, now=clock.policy_now(), reference=reference) as tx:
            event = Event(
                "sign_in.refused",
                organisation_id=organisation_id,
                reason=Refusal.IDP_DISABLED,
                data={"reasons": [str(Refusal.IDP_DISABLED)], "identity_provider": ""},
                personal={"seen": {"address": request.remote_addr}},
            )
            record_refusal(tx, counted, event)
    page = render_template("sign_in/closed.html", organisation=name, reference=reference)
    return page, 403
