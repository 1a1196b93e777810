"""Overview: is anything wrong, and what is coming?"""

from datetime import timedelta

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from portal.access.queries import GuestFilter
from portal.access.queries import counts as guest_counts
from portal.audit.queries import refused_by_organisation
from portal.delivery.queries import counts, standing_since
from portal.foundation import clock
from portal.foundation.db import db
from portal.lifecycle.queries import coming, count_due, guests_under_contract, last_runs
from portal.pages.admin.health import patience, stands_still
from portal.trust.queries import contracts, eligible_sponsors, organisations
from portal.web.guards import for_admin

bp = Blueprint("admin", __name__, url_prefix="/admin")

SOON = timedelta(days=30)


@bp.get("", strict_slashes=False)
@for_admin
def overview() -> ResponseReturnValue:
    """Show alarms first, then numbers, then the next ninety days."""
    session = db.session()
    now = clock.policy_now()
    rows = organisations(session)
    runs = last_runs(session, 1)
    ending = [
        (row, contract, guests_under_contract(session, contract.id))
        for row in rows
        for contract in contracts(session, row.id)
        if contract.ends_at is not None and now < contract.ends_at <= now + SOON
    ]
    return render_template(
        "admin/overview.html",
        organisations=rows,
        counts=guest_counts(session, GuestFilter()),
        refused=refused_by_organisation(session, now - timedelta(days=1)),
        names={row.id: row for row in rows},
        ending=ending,
        sponsorless=[row for row in rows if not eligible_sponsors(session, row.id)],
        last_run=runs[0] if runs else None,
        stopped=stands_still(runs, now),
        minutes=patience() // timedelta(minutes=1),
        due=sum(count_due(session, now).values()),
        outbox=counts(session),
        mail_stands=standing_since(session, now),
        weeks=coming(session, now, timedelta(days=90)),
        now=now,
    )
