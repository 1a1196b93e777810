"""Who is named for an organisation, and who of them may decide."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.foundation.text import domain_of
from portal.foundation.transaction import Tx
from portal.staff.models import Staff
from portal.trust.models import Domain, OrganisationSponsor
from portal.trust.queries.organisations import (
    OrganisationRow,
    domains,
    organisations_of_sponsor,
)


@dataclass(frozen=True, slots=True)
class SponsorRow:
    """An employee named for an organisation, and whether they may decide for it."""

    staff_id: UUID
    name: str
    email: str
    role: str
    lead: bool
    eligible: bool


@dataclass(frozen=True, slots=True)
class EligibleSponsor:
    """An employee who may decide for an organisation now."""

    staff_id: UUID
    name: str
    email: str
    role: str
    lead: bool


def sponsors(session: Session, organisation_id: UUID) -> list[SponsorRow]:
    """Return everybody named for an organisation: the lead, the sponsors by name, the deputy."""
    held = domains(session, organisation_id)
    rows = session.execute(
        select(OrganisationSponsor, Staff)
        .join(Staff, Staff.id == OrganisationSponsor.staff_id)
        .where(OrganisationSponsor.organisation_id == organisation_id)
        .order_by(
            OrganisationSponsor.role.desc(), OrganisationSponsor.lead.desc(), Staff.name, Staff.id
        )
    )
    return [
        SponsorRow(
            staff_id=staff.id,
            name=staff.name,
            email=staff.email,
            role=named.role,
            lead=named.lead,
            eligible=_may_decide(staff, held),
        )
        for named, staff in rows
    ]


def eligible_sponsors(session: Session, organisation_id: UUID) -> list[EligibleSponsor]:
    """Return who may decide for an organisation now, in the order of `sponsors`."""
    return [
        EligibleSponsor(row.staff_id, row.name, row.email, row.role, row.lead)
        for row in sponsors(session, organisation_id)
        if row.eligible
    ]


def keep_deciders(tx: Tx, organisation_id: UUID, staff_ids: Iterable[UUID]) -> None:
    """Keep these employees, and their being named here, as they are until the commit."""
    ids = sorted(set(staff_ids), key=str)
    tx.session.execute(
        select(Staff.id).where(Staff.id.in_(ids)).order_by(Staff.id).with_for_update(read=True)
    )
    tx.session.execute(
        select(OrganisationSponsor.id)
        .where(
            OrganisationSponsor.organisation_id == organisation_id,
            OrganisationSponsor.staff_id.in_(ids),
        )
        .order_by(OrganisationSponsor.id)
        .with_for_update(read=True)
    )


def lock_named(tx: Tx, organisation_id: UUID) -> None:
    """Lock who is named for an organisation, before any guest: decisions of theirs are awaited."""
    tx.session.execute(
        select(OrganisationSponsor.id)
        .where(OrganisationSponsor.organisation_id == organisation_id)
        .order_by(OrganisationSponsor.id)
        .with_for_update()
    )


def organisations_decided_by(session: Session, staff_id: UUID) -> list[OrganisationRow]:
    """Return the organisations that an employee may decide for now, by name."""
    staff = session.get(Staff, staff_id)
    if staff is None:
        return []
    domain = domain_of(staff.email)
    held = select(Domain.organisation_id).where(Domain.name == domain)
    owner = session.scalars(held).one_or_none()
    return [
        row
        for row in organisations_of_sponsor(session, staff_id)
        if _may_decide(staff, frozenset({domain} if row.id == owner else ()))
    ]


def _may_decide(staff: Staff, held: frozenset[str]) -> bool:
    """Whether an employee may decide; one with an address in the organisation's domains may not."""
    able = staff.state == "active" and staff.is_sponsor and not staff.roles_unknown
    return able and domain_of(staff.email) not in held
