"""What an organisation's people may be given, and the terms that they accept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, func, lambda_stmt, select
from sqlalchemy.orm import Session

from portal.applications.models import Application, Entitlement
from portal.foundation.db import table_of
from portal.foundation.transaction import Tx
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


_OFFER, _ENTITLEMENT, _APPLICATION = table_of(Offer), table_of(Entitlement), table_of(Application)
_KEPT = lambda_stmt(
    lambda: (
        select(
            _OFFER.c.id,
            _OFFER.c.entitlement_id,
            _APPLICATION.c.name,
            _ENTITLEMENT.c.name,
            _OFFER.c.is_default,
            _OFFER.c.when_claim,
            _OFFER.c.when_value,
        )
        .select_from(
            _OFFER.join(_ENTITLEMENT, _ENTITLEMENT.c.id == _OFFER.c.entitlement_id).join(
                _APPLICATION, _APPLICATION.c.id == _ENTITLEMENT.c.application_id
            )
        )
        .where(
            _OFFER.c.organisation_id == bindparam("organisation"), _OFFER.c.withdrawn_at.is_(None)
        )
        .order_by(_APPLICATION.c.name, _ENTITLEMENT.c.name, _OFFER.c.id)
        .with_for_update(read=True, key_share=True, of=_OFFER)
    ),
    enable_tracking=False,
)


def kept_offers(tx: Tx, organisation_id: UUID) -> list[OfferFacts]:
    """Return the offers that stand, which nobody withdraws until the commit.

    Whoever gives or proposes one reads them so: an offer that is withdrawn takes with it what was
    given before, and after it nothing is.
    """
    rows = tx.execute(_KEPT, {"organisation": organisation_id})
    return [OfferFacts(*tuple(row)) for row in rows]


TERMS_COLUMNS: tuple[ColumnElement[Any], ...] = tuple(
    table_of(Terms).c[name] for name in TermsFacts.__dataclass_fields__
)
NEWEST_TERMS: ColumnElement[bool] = table_of(Terms).c.version == (
    select(func.max(table_of(Terms).alias("older_terms").c.version)).scalar_subquery()
)


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
