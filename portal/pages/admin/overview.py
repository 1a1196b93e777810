"""Overview: is anything wrong, and what is coming?"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.access.queries import GuestFilter
from portal.access.queries import counts as guest_counts
from portal.audit.queries import refused_by_organisation
from portal.delivery.queries import counts, standing_since
from portal.foundation import clock
from portal.foundation.db import db
from portal.lifecycle.queries import (
    alone_by_contract,
    coming,
    count_due,
    guests_by_contract,
    last_runs,
)
from portal.pages.admin.health import patience, stands_still
from portal.sign_in.rules import wants_mending
from portal.trust.queries import (
    OrganisationRow,
    contracts_ending,
    organisations,
    without_sponsor,
)
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
    names = {row.id: row for row in rows}
    runs = last_runs(session, now, 1)
    soon = contracts_ending(session, now, now + SOON)
    ending = [one for one in soon if one.organisation_id in names]
    without = without_sponsor(session, now)
    yesterday = now - timedelta(days=1)
    alarms, as_meant = _refused(session, yesterday, names)
    return render_template(
        "admin/overview.html",
        organisations=rows,
        counts=guest_counts(session, GuestFilter()),
        refused=alarms,
        refused_as_meant=as_meant,
        yesterday=yesterday.date(),
        names=names,
        ending=ending,
        touched=guests_by_contract(session, [one.id for one in ending]),
        alone=alone_by_contract(session, [one.id for one in ending]),
        sponsorless=[row for row in rows if row.id in without],
        last_run=runs[0] if runs else None,
        stopped=stands_still(runs, now),
        minutes=patience() // timedelta(minutes=1),
        due=sum(count_due(session, now).values()),
        outbox=counts(session),
        mail_stands=standing_since(session, now),
        weeks=coming(session, now, timedelta(days=90)),
        now=now,
    )


def _refused(
    session: Session, since: datetime, names: Mapping[UUID, OrganisationRow]
) -> tuple[list[tuple[OrganisationRow, str, int]], int]:
    """Return the refusals that want mending, most first; and how many others there were."""
    alarms: list[tuple[OrganisationRow, str, int]] = []
    as_meant = 0
    for key, reason, count in refused_by_organisation(session, since):
        row = names.get(key)
        if row is None:  # connected a moment ago
            continue
        if wants_mending(reason, suspended=row.state == "suspended"):
            alarms.append((row, reason, count))
        else:
            as_meant += count
    return alarms, as_meant
