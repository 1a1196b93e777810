"""Organisations, their domains, and what the settings add to them."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from portal.foundation.settings import Settings
from portal.trust.models import Domain, Organisation, OrganisationSponsor
from portal.trust.rules import House


@dataclass(frozen=True, slots=True)
class OrganisationRow:
    """A connected organisation; *seats* are active and suspended guests, *waiting* pending ones."""

    id: UUID
    slug: str
    name: str
    state: str
    state_reason: str | None
    unlisted: bool
    seats: int
    waiting: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DomainRow:
    """A domain and who vouched for it."""

    id: UUID
    name: str
    vouched_by: str
    created_at: datetime


def house_of(settings: Settings) -> House:
    """Return what the settings say that trust must respect."""
    return House(
        host_domains=frozenset(settings.host_domains),
        development=settings.development,
        private_hosts=frozenset(host.lower() for host in settings.egress_private_hosts),
    )


def organisation_by_slug(session: Session, slug: str) -> OrganisationRow | None:
    """Return the organisation of this slug."""
    return _organisation(session, Organisation.slug == slug)


def organisation_by_id(session: Session, organisation_id: UUID) -> OrganisationRow | None:
    """Return the organisation of this id."""
    return _organisation(session, Organisation.id == organisation_id)


def organisation_for_domain(session: Session, domain: str) -> OrganisationRow | None:
    """Return the listed organisation that holds a canonical domain (home-realm discovery)."""
    held = select(Domain.organisation_id).where(Domain.name == domain).scalar_subquery()
    return _organisation(session, and_(Organisation.id == held, Organisation.unlisted.is_(False)))


def holder_of(session: Session, domain: str) -> OrganisationRow | None:
    """Return the organisation that holds a canonical domain, listed or not."""
    held = select(Domain.organisation_id).where(Domain.name == domain).scalar_subquery()
    return _organisation(session, Organisation.id == held)


def organisations(session: Session) -> list[OrganisationRow]:
    """Return all organisations, by name."""
    rows = session.scalars(select(Organisation).order_by(Organisation.name, Organisation.slug))
    return [_organisation_row(row) for row in rows]


def organisations_of_sponsor(session: Session, staff_id: UUID) -> list[OrganisationRow]:
    """Return the organisations that an employee is named for, by name."""
    rows = session.scalars(
        select(Organisation)
        .join(OrganisationSponsor, OrganisationSponsor.organisation_id == Organisation.id)
        .where(OrganisationSponsor.staff_id == staff_id)
        .order_by(Organisation.name, Organisation.slug)
    )
    return [_organisation_row(row) for row in rows]


def _organisation(session: Session, which: ColumnElement[bool]) -> OrganisationRow | None:
    row = session.scalars(select(Organisation).where(which)).one_or_none()
    return None if row is None else _organisation_row(row)


def _organisation_row(row: Organisation) -> OrganisationRow:
    return OrganisationRow(
        **{name: getattr(row, name) for name in OrganisationRow.__dataclass_fields__}
    )


def domains(session: Session, organisation_id: UUID) -> frozenset[str]:
    """Return the canonical domains of an organisation."""
    names = session.scalars(select(Domain.name).where(Domain.organisation_id == organisation_id))
    return frozenset(names)


def domain_rows(session: Session, organisation_id: UUID) -> list[DomainRow]:
    """Return the domains of an organisation with who vouched for each, by name."""
    rows = session.scalars(
        select(Domain).where(Domain.organisation_id == organisation_id).order_by(Domain.name)
    )
    return [DomainRow(row.id, row.name, row.vouched_by, row.created_at) for row in rows]


def domains_of_all(session: Session) -> dict[UUID, list[str]]:
    """Return the canonical domains of every organisation that has any, by name."""
    found: dict[UUID, list[str]] = {}
    query = select(Domain.organisation_id, Domain.name).order_by(Domain.name)
    for organisation_id, name in session.execute(query):
        found.setdefault(organisation_id, []).append(name)
    return found
