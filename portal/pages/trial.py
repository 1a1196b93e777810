"""Test sign-in: a full round trip that creates nothing and shows everything."""

from flask import render_template
from flask.typing import ResponseReturnValue

from portal.admission.changes import trial
from portal.admission.identity import VerifiedIdentity
from portal.foundation import clock
from portal.foundation.current import current_settings
from portal.foundation.transaction import Actor, transaction
from portal.pages.viewer import StaffViewer, current
from portal.sign_in import changes
from portal.sign_in.attempt import OpenAttempt
from portal.sign_in.rules import subject_warning
from portal.trust import changes as trust_changes
from portal.trust.queries import ProviderRow
from portal.web.errors import refuse


def show(attempt: OpenAttempt, identity: VerifiedIdentity, row: ProviderRow) -> ResponseReturnValue:
    """Show the admin what came, how it maps, and what the door would decide."""
    viewer = current()
    if (
        not isinstance(viewer, StaffViewer)
        or not viewer.staff.is_admin
        or viewer.staff.id != attempt.staff_id
    ):
        refuse()
    warning = subject_warning(identity)
    hosts = frozenset(current_settings().host_domains)
    with transaction(actor=Actor.staff(viewer.staff.id), now=clock.policy_now()) as tx:
        changes.use_up(tx, attempt.id, clock.protocol_now())
        decision, door = trial(tx, identity, row, hosts)
        trust_changes.note_trial(
            tx,
            row.id,
            outcome=decision.outcome,
            reasons=[str(reason) for reason in decision.reasons],
            warnings=[warning] if warning else [],
        )
    return render_template(
        "admin/identity_providers/trial.html",
        provider=row,
        identity=identity,
        decision=decision,
        door=door,
        warning=warning,
    )
