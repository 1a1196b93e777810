"""What the audit log tells, folded, beside what the database keeps: both must be the same."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.applications.models import Application, Entitlement
from portal.audit import queries as audit_queries
from portal.audit.rules import fold, plain
from portal.foundation.db import Base
from portal.guests.models import FederatedIdentity, Guest
from portal.sponsorship.models import Grant, Sponsorship
from portal.staff.models import Staff
from portal.trust.models import (
    Contract,
    Domain,
    IdentityProvider,
    Offer,
    Organisation,
    OrganisationSponsor,
    Policy,
    Terms,
)

# Every table that people decide about; what a sign-in is made of (attempts, sessions, arrivals,
# links) passes, and what leaves (the outbox) is settled by its own rows.
FOLDED: Mapping[str, type[Base]] = {
    "guest": Guest,
    "federated_identity": FederatedIdentity,
    "sponsorship": Sponsorship,
    "grant": Grant,
    **{
        model.__tablename__: model
        for model in (
            Organisation, Contract, Domain, Policy, OrganisationSponsor, IdentityProvider, Offer,
            Terms, Staff, Application, Entitlement,
        )
    },
}  # fmt: skip
# Counters of rows that the database keeps for its own sake are counted, not folded; a secret is in
# no log.
UNFOLDED: Mapping[str, frozenset[str]] = {
    "organisation": frozenset({"seats", "waiting", "later_told_at"}),
    "identity_provider": frozenset({"client_secret"}),
}
# A row of these that belongs to nobody any more is gone.
DELETED = frozenset({"domain", "organisation_sponsor"})


def folded(session: Session) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the rows that the audit log describes."""
    tables = fold(audit_queries.replayable(session))
    for name in DELETED:
        rows = tables.get(name, {})
        tables[name] = {key: row for key, row in rows.items() if row["organisation_id"] is not None}
    return {name: _without(name, tables.get(name, {})) for name in FOLDED}


def kept(session: Session) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the rows that the database holds, in the same plain form."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name, model in FOLDED.items():
        rows = session.execute(select(*model.__table__.columns)).mappings()
        found[name] = _without(name, {str(row["id"]): plain(dict(row)) for row in rows})
    return found


def _without(table: str, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    left_out = UNFOLDED.get(table, frozenset()) | {"id"}
    return {
        key: {name: value for name, value in row.items() if name not in left_out}
        for key, row in rows.items()
    }
