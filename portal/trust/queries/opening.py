"""What keeps an organisation's people out, read from its rows."""

from datetime import datetime

from sqlalchemy.orm import Session

from portal.trust.queries.contracts import running_contract
from portal.trust.queries.organisations import OrganisationRow
from portal.trust.queries.policies import policy_for
from portal.trust.queries.sponsors import eligible_sponsors
from portal.trust.rules import Missing, missing


def what_is_missing(session: Session, row: OrganisationRow, now: datetime) -> list[Missing]:
    """Return what is still to be done before somebody new of an organisation can come in."""
    return missing(
        suspended=row.state == "suspended",
        contract_runs=running_contract(session, row.id, now) is not None,
        sponsors=len(eligible_sponsors(session, row.id)),
        places=policy_for(session, row.id).most_guests - row.seats - row.waiting,
    )
