"""Read what is proposed or given to guests, and what was turned down."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from portal.applications.models import Application, Entitlement
from portal.sponsorship.models import Grant
from portal.sponsorship.rules import NOT_CHOSEN
from portal.trust.models import Offer


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A grant as people read it."""

    id: UUID
    organisation_id: UUID
    guest_id: UUID
    sponsorship_id: UUID
    offer_id: UUID
    entitlement_id: UUID
    state: str
    state_reason: str
    by_claim: bool
    starts_at: datetime | None
    ended_at: datetime | None
    offer_withdrawn_at: datetime | None
    when_claim: str | None
    when_value: str | None
    entitlement: str
    application: str
    application_slug: str
    entitlement_slug: str
    url: str

    @property
    def code(self) -> str:
        """Return the entitlement's name for scripts: ``application/entitlement``."""
        return f"{self.application_slug}/{self.entitlement_slug}"


def _grants() -> Select[*tuple[Any, ...]]:
    return (
        select(
            Grant.id,
            Offer.organisation_id,
            Grant.guest_id,
            Grant.sponsorship_id,
            Grant.offer_id,
            Grant.entitlement_id,
            Grant.state,
            Grant.state_reason,
            Grant.by_claim,
            Grant.starts_at,
            Grant.ended_at,
            Offer.withdrawn_at,
            Offer.when_claim,
            Offer.when_value,
            Entitlement.name,
            Application.name,
            Application.slug,
            Entitlement.slug,
            Application.url,
        )
        .join(Offer, Offer.id == Grant.offer_id)
        .join(Entitlement, Entitlement.id == Grant.entitlement_id)
        .join(Application, Application.id == Entitlement.application_id)
        .order_by(Application.name, Entitlement.name, Grant.id)
    )


def grants_of(
    session: Session, guest_ids: Iterable[UUID], *, ended: bool = False
) -> list[GrantRow]:
    """Return the grants of guests; the ended ones only when asked."""
    query = _grants().where(Grant.guest_id.in_(list(guest_ids)))
    if not ended:
        query = query.where(Grant.state != "ended")
    return [GrantRow(*row) for row in session.execute(query)]


def grants_under(session: Session, sponsorship_ids: Iterable[UUID]) -> list[GrantRow]:
    """Return what is proposed or given under sponsorships."""
    query = _grants().where(Grant.sponsorship_id.in_(list(sponsorship_ids)), Grant.state != "ended")
    return [GrantRow(*row) for row in session.execute(query)]


def grants_of_offer(session: Session, offer_id: UUID) -> list[GrantRow]:
    """Return what stands by one offer."""
    query = _grants().where(Grant.offer_id == offer_id, Grant.state != "ended")
    return [GrantRow(*row) for row in session.execute(query)]


def turned_down(session: Session, guest_id: UUID, sponsorship_id: UUID) -> frozenset[UUID]:
    """Return the offers that a sponsor did not choose under a sponsorship."""
    query = select(Grant.offer_id).where(
        Grant.guest_id == guest_id,
        Grant.state == "ended",
        Grant.sponsorship_id == sponsorship_id,
        Grant.state_reason == NOT_CHOSEN,
    )
    return frozenset(session.scalars(query))
