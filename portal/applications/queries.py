"""Read applications and their entitlements."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.applications.models import Application, Entitlement


@dataclass(frozen=True, slots=True)
class ApplicationRow:
    """A system of the host that guests reach by a link."""

    id: UUID
    slug: str
    name: str
    url: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class EntitlementRow:
    """One thing a guest may use in an application."""

    id: UUID
    application_id: UUID
    application_slug: str
    application_name: str
    slug: str
    name: str


def applications(session: Session) -> list[ApplicationRow]:
    """Return all applications, by name."""
    rows = session.scalars(select(Application).order_by(Application.name, Application.slug))
    return [application_row(row) for row in rows]


def application_by_slug(session: Session, slug: str) -> ApplicationRow | None:
    """Return the application of this slug."""
    row = session.scalars(select(Application).where(Application.slug == slug)).one_or_none()
    return None if row is None else application_row(row)


def application_row(row: Application) -> ApplicationRow:
    """Return what others may know of a row."""
    return ApplicationRow(row.id, row.slug, row.name, row.url, row.created_at)


def entitlements(session: Session, application_id: UUID | None = None) -> list[EntitlementRow]:
    """Return the entitlements of an application, or of all, by application and name."""
    query = (
        select(Entitlement, Application)
        .join(Application, Application.id == Entitlement.application_id)
        .order_by(Application.name, Entitlement.name, Entitlement.slug)
    )
    if application_id is not None:
        query = query.where(Entitlement.application_id == application_id)
    return [_entitlement(row, application) for row, application in session.execute(query)]


def entitlement_by_slugs(
    session: Session, application_slug: str, slug: str
) -> EntitlementRow | None:
    """Return the entitlement written as ``APP/SLUG``."""
    found = session.execute(
        select(Entitlement, Application)
        .join(Application, Application.id == Entitlement.application_id)
        .where(Application.slug == application_slug, Entitlement.slug == slug)
    ).one_or_none()
    return None if found is None else _entitlement(*found)


def _entitlement(row: Entitlement, application: Application) -> EntitlementRow:
    return EntitlementRow(
        id=row.id,
        application_id=row.application_id,
        application_slug=application.slug,
        application_name=application.name,
        slug=row.slug,
        name=row.name,
    )
