"""What an organisation's people may be given, and the terms that they accept."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.applications.models import Application, Entitlement
from portal.trust.models import Offer, Terms
from portal.trust.rules import OfferFacts


@dataclass(frozen=True, slots=True)
class OfferRow:
    """An offer that stands, with the names that people know it by."""

    id: UUID
    organisation_id: UUID
    entitlement_id: UUID
    application_slug: str
    application_name: str
    entitlement_slug: str
    entitlement_name: str
    is_default: bool
    when_claim: str | None
    when_value: str | None
    offered_at: datetime


@dataclass(frozen=True, slots=True)
class TermsFacts:
    """A version of the terms of use."""

    id: UUID
    version: int
    body: str
    published_by: str
    published_at: datetime


def offers(session: Session, organisation_id: UUID) -> list[OfferRow]:
    """Return the offers to an organisation that stand, by application and entitlement."""
    rows = session.execute(
        select(Offer, Entitlement, Application)
        .join(Entitlement, Entitlement.id == Offer.entitlement_id)
        .join(Application, Application.id == Entitlement.application_id)
        .where(Offer.organisation_id == organisation_id, Offer.withdrawn_at.is_(None))
        .order_by(Application.name, Entitlement.name, Offer.id)
    )
    return [
        OfferRow(
            id=offer.id,
            organisation_id=offer.organisation_id,
            entitlement_id=offer.entitlement_id,
            application_slug=application.slug,
            application_name=application.name,
            entitlement_slug=entitlement.slug,
            entitlement_name=entitlement.name,
            is_default=offer.is_default,
            when_claim=offer.when_claim,
            when_value=offer.when_value,
            offered_at=offer.offered_at,
        )
        for offer, entitlement, application in rows
    ]


def standing_offers(session: Session, organisation_id: UUID) -> list[OfferFacts]:
    """Return what the decisions need of the offers that stand."""
    return [
        OfferFacts(
            id=row.id,
            entitlement_id=row.entitlement_id,
            application_name=row.application_name,
            entitlement_name=row.entitlement_name,
            is_default=row.is_default,
            when_claim=row.when_claim,
            when_value=row.when_value,
        )
        for row in offers(session, organisation_id)
    ]


def current_terms(session: Session) -> TermsFacts:
    """Return the terms of use that count: the newest version."""
    row = session.scalars(select(Terms).order_by(Terms.version.desc()).limit(1)).one_or_none()
    if row is None:
        raise LookupError("there are no terms of use yet: run `portal db upgrade`")
    return TermsFacts(row.id, row.version, row.body, row.published_by, row.published_at)


def terms_history(session: Session) -> list[TermsFacts]:
    """Return every version of the terms, newest first."""
    rows = session.scalars(select(Terms).order_by(Terms.version.desc()))
    return [
        TermsFacts(row.id, row.version, row.body, row.published_by, row.published_at)
        for row in rows
    ]
