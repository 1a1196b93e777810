"""Read what is proposed or given to guests, and what was turned down."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, func, select
from sqlalchemy.orm import Session

from portal.applications.models import Application, Entitlement
from portal.foundation.db import parts, table_of
from portal.foundation.packed import packed
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


_GRANT, _OFFER = table_of(Grant), table_of(Offer)
_ENTITLEMENT, _APPLICATION = table_of(Entitlement), table_of(Application)
_COLUMNS: Mapping[str, ColumnElement[Any]] = {
    "id": _GRANT.c.id,
    "organisation_id": _OFFER.c.organisation_id,
    "guest_id": _GRANT.c.guest_id,
    "sponsorship_id": _GRANT.c.sponsorship_id,
    "offer_id": _GRANT.c.offer_id,
    "entitlement_id": _GRANT.c.entitlement_id,
    "state": _GRANT.c.state,
    "state_reason": _GRANT.c.state_reason,
    "by_claim": _GRANT.c.by_claim,
    "starts_at": _GRANT.c.starts_at,
    "ended_at": _GRANT.c.ended_at,
    "offer_withdrawn_at": _OFFER.c.withdrawn_at,
    "when_claim": _OFFER.c.when_claim,
    "when_value": _OFFER.c.when_value,
    "entitlement": _ENTITLEMENT.c.name,
    "application": _APPLICATION.c.name,
    "application_slug": _APPLICATION.c.slug,
    "entitlement_slug": _ENTITLEMENT.c.slug,
    "url": _APPLICATION.c.url,
}
_FROM = (
    _GRANT.join(_OFFER, _OFFER.c.id == _GRANT.c.offer_id)
    .join(_ENTITLEMENT, _ENTITLEMENT.c.id == _GRANT.c.entitlement_id)
    .join(_APPLICATION, _APPLICATION.c.id == _ENTITLEMENT.c.application_id)
)
_ORDER = (_APPLICATION.c.name, _ENTITLEMENT.c.name, _GRANT.c.id)
_GRANTS = select(packed(*_COLUMNS.values())).select_from(_FROM).order_by(*_ORDER)
_STANDS = _GRANT.c.state != "ended"
_STANDING = _GRANTS.where(_STANDS)
_ALL_OF_GUESTS, _OF_GUESTS = (
    query.where(_GRANT.c.guest_id.in_(bindparam("guests", expanding=True)))
    for query in (_GRANTS, _STANDING)
)
_UNDER = _STANDING.where(_GRANT.c.sponsorship_id.in_(bindparam("sponsorships", expanding=True)))
_OF_OFFER = _STANDING.where(_GRANT.c.offer_id == bindparam("offer"))


def grants_of(
    session: Session, guest_ids: Iterable[UUID], *, ended: bool = False
) -> list[GrantRow]:
    """Return the grants of guests; the ended ones only when asked."""
    query = _ALL_OF_GUESTS if ended else _OF_GUESTS
    return [
        GrantRow(*row)
        for ids in parts(guest_ids)
        for row in session.scalars(query, {"guests": ids})
    ]


def standing_grants_to(guest_id: ColumnElement[UUID]) -> Select[*tuple[Any, ...]]:
    """Return, as a sub-select of a larger statement, what stands for a guest: ``GrantRow``s."""
    columns = [column.label(name) for name, column in _COLUMNS.items()]
    return (
        select(*columns)
        .select_from(_FROM)
        .where(_STANDS, _GRANT.c.guest_id == guest_id)
        .order_by(*_ORDER)
    )


def grants_under(session: Session, sponsorship_ids: Iterable[UUID]) -> list[GrantRow]:
    """Return what is proposed or given under sponsorships."""
    return [
        GrantRow(*row)
        for ids in parts(sponsorship_ids)
        for row in session.scalars(_UNDER, {"sponsorships": ids})
    ]


def grants_of_offer(session: Session, offer_id: UUID) -> list[GrantRow]:
    """Return what stands by one offer."""
    return [GrantRow(*row) for row in session.scalars(_OF_OFFER, {"offer": offer_id})]


def users_by_offer(session: Session, offer_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Count the guests who use what was offered, by offer; one that nobody uses is left out."""
    query = (
        select(Grant.offer_id, func.count(Grant.guest_id.distinct()))
        .where(Grant.state == "active", Grant.offer_id.in_(list(offer_ids)))
        .group_by(Grant.offer_id)
    )
    return dict(session.execute(query).all())


def turned_down(session: Session, guest_id: UUID, sponsorship_id: UUID) -> frozenset[UUID]:
    """Return the offers that a sponsor did not choose under a sponsorship."""
    query = select(Grant.offer_id).where(
        Grant.guest_id == guest_id,
        Grant.state == "ended",
        Grant.sponsorship_id == sponsorship_id,
        Grant.state_reason == NOT_CHOSEN,
    )
    return frozenset(session.scalars(query))
