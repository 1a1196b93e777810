"""Who is named for an organisation, and who of them may decide."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    Select,
    and_,
    bindparam,
    exists,
    or_,
    select,
)
from sqlalchemy.orm import Session

from portal.foundation.db import table_of
from portal.foundation.transaction import Tx
from portal.staff.models import Staff
from portal.trust.models import Contract, Domain, Organisation, OrganisationSponsor
from portal.trust.queries.organisations import OrganisationRow, organisations_of_sponsor


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


STAFF, NAMED, _DOMAIN = table_of(Staff), table_of(OrganisationSponsor), table_of(Domain)

# Whoever has an address in the organisation's own domains would decide for themselves.
_ONE_OF_THEIRS = exists().where(
    _DOMAIN.c.organisation_id == NAMED.c.organisation_id,
    STAFF.c.email.like("%@" + _DOMAIN.c.name),  # a domain has no wildcard in it (names)
)
MAY_DECIDE: ColumnElement[bool] = and_(
    STAFF.c.state == "active",
    STAFF.c.is_sponsor,
    ~STAFF.c.roles_unknown,
    ~_ONE_OF_THEIRS.correlate(STAFF, NAMED),
)
WITH_STAFF: FromClause = NAMED.join(STAFF, STAFF.c.id == NAMED.c.staff_id)
# The lead, the sponsors by name, the deputy.
IN_ORDER = (NAMED.c.role.desc(), NAMED.c.lead.desc(), STAFF.c.name, STAFF.c.id)
_SPONSORS = (
    select(
        STAFF.c.id, STAFF.c.name, STAFF.c.email, NAMED.c.role, NAMED.c.lead, MAY_DECIDE.label("may")
    )
    .select_from(WITH_STAFF)
    .where(NAMED.c.organisation_id == bindparam("organisation"))
    .order_by(*IN_ORDER)
)

_ORGANISATION, _CONTRACT = table_of(Organisation), table_of(Contract)
_THEIRS = _CONTRACT.c.organisation_id == _ORGANISATION.c.id
_NOW: BindParameter[datetime] = bindparam("now", type_=_CONTRACT.c.ends_at.type)
_WITHOUT_SPONSOR = select(_ORGANISATION.c.id).where(
    ~exists()
    .where(NAMED.c.organisation_id == _ORGANISATION.c.id, NAMED.c.staff_id == STAFF.c.id)
    .where(MAY_DECIDE),
    or_(
        ~exists().where(_THEIRS),
        exists().where(_THEIRS, or_(_CONTRACT.c.ends_at.is_(None), _CONTRACT.c.ends_at > _NOW)),
    ),
)


def sponsors(session: Session, organisation_id: UUID) -> list[SponsorRow]:
    """Return everybody named for an organisation: the lead, the sponsors by name, the deputy."""
    rows = session.execute(_SPONSORS, {"organisation": organisation_id})
    return [SponsorRow(*row) for row in rows]


def eligible_sponsors(session: Session, organisation_id: UUID) -> list[EligibleSponsor]:
    """Return who may decide for an organisation now, in the order of `sponsors`."""
    return [
        EligibleSponsor(row.staff_id, row.name, row.email, row.role, row.lead)
        for row in sponsors(session, organisation_id)
        if row.eligible
    ]


def without_sponsor(session: Session, now: datetime) -> set[UUID]:
    """Return the organisations for which nobody may decide now; those whose time is over need none.

    Whoever has no contract yet is still being set up, and needs somebody.
    """
    return set(session.scalars(_WITHOUT_SPONSOR, {"now": now}))


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
    """Lock who is named for an organisation, before any guest: decisions of theirs are awaited.

    Where nobody is, two who name somebody meet on the organisation: no guest is in their way.
    """
    theirs = OrganisationSponsor.organisation_id == organisation_id
    locked = _lock(tx, theirs)
    # Whoever was waited for may have named others, who decide by now.
    while (found := _lock(tx, theirs)) != locked:
        locked = found
    if not locked:
        tx.session.execute(
            select(Organisation.id)
            .where(Organisation.id == organisation_id)
            .with_for_update(key_share=True)
        )
        _lock(tx, theirs)


def lock_named_of(tx: Tx, staff_id: UUID) -> None:
    """Lock for whom an employee is named, before any guest, as ``lock_named`` does."""
    _lock(tx, OrganisationSponsor.staff_id == staff_id)


def _lock(tx: Tx, which: ColumnElement[bool]) -> Sequence[UUID]:
    """Lock these rows, as far as they were there when it began to wait; return which."""
    return tx.session.scalars(
        select(OrganisationSponsor.id)
        .where(which)
        .order_by(OrganisationSponsor.id)
        .with_for_update()
    ).all()


def decided_by(staff_id: UUID | BindParameter[Any]) -> Select[tuple[UUID]]:
    """Return the sub-select of the organisations that an employee may decide for now."""
    return (
        select(NAMED.c.organisation_id)
        .select_from(WITH_STAFF)
        .where(STAFF.c.id == staff_id, MAY_DECIDE)
    )


_DECIDED_BY = decided_by(bindparam("staff"))


def organisations_decided_by(session: Session, staff_id: UUID) -> list[OrganisationRow]:
    """Return the organisations that an employee may decide for now, by name."""
    may = set(session.scalars(_DECIDED_BY, {"staff": staff_id}))
    return [row for row in organisations_of_sponsor(session, staff_id) if row.id in may]
