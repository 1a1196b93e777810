"""The facts that access is decided on, in one indexed read."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, func, select
from sqlalchemy.orm import Session

from portal.access.rules import AccessFacts
from portal.guests.models import FederatedIdentity, Guest
from portal.guests.rules import Reason, State
from portal.sponsorship.models import Sponsorship
from portal.sponsorship.queries import OPEN, open_sponsorship
from portal.sponsorship.rules import GuestDates
from portal.trust.models import Contract, IdentityProvider, Organisation, Terms


@dataclass(frozen=True, slots=True)
class Known:
    """A guest's facts, with what a page needs to greet them."""

    guest_id: UUID
    organisation_id: UUID
    organisation: str
    name: str | None
    email: str | None
    session_epoch: int
    facts: AccessFacts


def gather(session: Session, guest_ids: Iterable[UUID]) -> dict[UUID, Known]:
    """Return what access depends on, for each guest: one read, whatever their number."""
    query = (
        select(
            Guest.id,
            Guest.organisation_id,
            Organisation.name,
            Guest.name,
            Guest.email,
            Guest.state,
            Guest.state_reason,
            Guest.state_since,
            Guest.hold,
            Guest.tombstone,
            Guest.inactive_at,
            Guest.removes_at,
            Guest.aside_until,
            Guest.terms_version,
            Organisation.state,
            IdentityProvider.state,
            select(func.max(Terms.version)).scalar_subquery(),
            Sponsorship.id,
            Sponsorship.state,
            Sponsorship.expires_at,
            Sponsorship.lapses_at,
            Sponsorship.approve_by,
            Sponsorship.review_ends_at,
            Contract.begins_at,
            Contract.ends_at,
            Guest.session_epoch,
        )
        .join(Organisation, Organisation.id == Guest.organisation_id)
        .join(FederatedIdentity, FederatedIdentity.guest_id == Guest.id)
        .join(IdentityProvider, IdentityProvider.id == FederatedIdentity.identity_provider_id)
        .outerjoin(
            Sponsorship,
            and_(Sponsorship.guest_id == Guest.id, Sponsorship.state.in_(OPEN)),
        )
        .outerjoin(Contract, Contract.id == Sponsorship.contract_id)
        .where(Guest.id.in_(list(guest_ids)))
    )
    found: dict[UUID, Known] = {}
    for row in session.execute(query):
        known = found.get(row[0]) or _known(row)
        facts = known.facts
        enabled = facts.identity_provider_enabled or row[15] == "enabled"
        standing = {one.id: one for one in facts.sponsorships}
        if row[17] is not None:
            standing[row[17]] = open_sponsorship(row[17], row[18], row[19:25])
        facts = replace(
            facts,
            identity_provider_enabled=enabled,
            sponsorships=tuple(standing.values()),
        )
        found[row[0]] = replace(known, facts=facts)
    return found


def _known(row: Row[*tuple[Any, ...]]) -> Known:
    return Known(
        guest_id=row[0],
        organisation_id=row[1],
        organisation=row[2],
        name=row[3],
        email=row[4],
        session_epoch=row[25],
        facts=AccessFacts(
            guest=GuestDates(State(row[5]), Reason(row[6]), *row[7:12]),
            sponsorships=(),
            organisation_active=row[14] == "active",
            identity_provider_enabled=False,
            terms_accepted=row[13],
            terms_current=row[16] or 0,
            aside_until=row[12],
        ),
    )


def of(session: Session, guest_id: UUID) -> Known | None:
    """Return what access depends on for one guest."""
    return gather(session, [guest_id]).get(guest_id)
