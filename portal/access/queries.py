"""The facts that access is decided on, in one indexed read."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from portal.access.rules import AccessFacts
from portal.guests.models import FederatedIdentity, Guest
from portal.guests.rules import Reason, State
from portal.sponsorship.models import Sponsorship
from portal.sponsorship.queries import OPEN
from portal.sponsorship.rules import GuestDates, OpenSponsorship, Standing
from portal.trust.models import Contract, IdentityProvider, Organisation, Terms


@dataclass(frozen=True, slots=True)
class Known:
    """A guest's facts, with what a page needs to greet them."""

    guest_id: UUID
    organisation_id: UUID
    organisation: str
    name: str | None
    email: str | None
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
    heads: dict[UUID, tuple[object, ...]] = {}
    open_: dict[UUID, dict[UUID, OpenSponsorship]] = {}
    enabled: set[UUID] = set()
    for row in session.execute(query):
        guest_id = row[0]
        heads[guest_id] = tuple(row[:17])
        if row[15] == "enabled":
            enabled.add(guest_id)
        if row[17] is not None:
            open_.setdefault(guest_id, {})[row[17]] = OpenSponsorship(
                row[17], Standing(row[18]), *row[19:25]
            )
    return {
        guest_id: _known(head, tuple(open_.get(guest_id, {}).values()), guest_id in enabled)
        for guest_id, head in heads.items()
    }


def _known(head: tuple[object, ...], open_: tuple[OpenSponsorship, ...], enabled: bool) -> Known:
    (guest_id, organisation_id, organisation, name, email, state, reason, *rest) = head
    since, hold, tombstone, inactive_at, removes_at, aside_until, accepted, active, _, current = rest
    dates = GuestDates(
        state=State(str(state)),
        reason=Reason(str(reason)),
        since=since,  # type: ignore[arg-type]
        hold=bool(hold),
        tombstone=bool(tombstone),
        inactive_at=inactive_at,  # type: ignore[arg-type]
        removes_at=removes_at,  # type: ignore[arg-type]
    )
    return Known(
        guest_id=guest_id,  # type: ignore[arg-type]
        organisation_id=organisation_id,  # type: ignore[arg-type]
        organisation=str(organisation),
        name=name,  # type: ignore[arg-type]
        email=email,  # type: ignore[arg-type]
        facts=AccessFacts(
            guest=dates,
            sponsorships=open_,
            organisation_active=active == "active",
            identity_provider_enabled=enabled,
            terms_accepted=int(accepted),  # type: ignore[call-overload]
            terms_current=int(current or 0),  # type: ignore[call-overload]
            aside_until=aside_until,  # type: ignore[arg-type]
        ),
    )


def of(session: Session, guest_id: UUID) -> Known | None:
    """Return what access depends on for one guest."""
    return gather(session, [guest_id]).get(guest_id)
