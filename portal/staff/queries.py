"""Read employees."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.foundation.db import Reader
from portal.staff.models import Staff, StaffLink


@dataclass(frozen=True, slots=True)
class StaffRow:
    """An employee of the host."""

    id: UUID
    email: str
    name: str
    state: str
    is_sponsor: bool
    is_admin: bool
    roles_unknown: bool
    roles_from_claim: bool
    issuer: str | None
    subject: str | None
    created_at: datetime
    last_sign_in_at: datetime | None

    @property
    def bound(self) -> bool:
        """Whether the host's identity provider knows them by a subject of ours."""
        return self.subject is not None

    @property
    def roles(self) -> tuple[str, ...]:
        """What they may do here."""
        roles = (("sponsor", self.is_sponsor), ("admin", self.is_admin))
        return tuple(name for name, held in roles if held)


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A single-use link of an employee; its token is known to its holder only."""

    id: UUID
    staff_id: UUID
    purpose: str
    expires_at: datetime
    used_at: datetime | None


def row_of(staff: Staff) -> StaffRow:
    """Return an employee's row as a value."""
    return StaffRow(**{name: getattr(staff, name) for name in StaffRow.__dataclass_fields__})


def staff_by_id(session: Session, staff_id: UUID) -> StaffRow | None:
    """Return the employee of this id, also one who left."""
    row = session.get(Staff, staff_id)
    return None if row is None else row_of(row)


def staff_by_email(session: Session, email: str) -> StaffRow | None:
    """Return the active employee of a canonical address."""
    row = session.scalars(
        select(Staff).where(Staff.email == email, Staff.state == "active")
    ).one_or_none()
    return None if row is None else row_of(row)


def listed(session: Session) -> list[StaffRow]:
    """Return everybody, active ones first, by name."""
    rows = session.scalars(select(Staff).order_by(Staff.state, Staff.name, Staff.id))
    return [row_of(row) for row in rows]


def admins(session: Session) -> list[StaffRow]:
    """Return the active admins, by name: whom the portal tells."""
    rows = session.scalars(
        select(Staff)
        .where(Staff.state == "active", Staff.is_admin.is_(True))
        .order_by(Staff.name, Staff.id)
    )
    return [row_of(row) for row in rows]


def who_left(session: Reader, emails: Collection[str]) -> frozenset[str]:
    """Return which addresses are of somebody who may do nothing here any more, and of nobody else.

    An address that is nobody's may be an old one of somebody who is still here.
    """
    query = select(Staff.email, Staff.state, Staff.is_sponsor, Staff.is_admin)
    here: dict[str, bool] = {}
    for email, state, *roles in session.execute(query.where(Staff.email.in_(emails))):
        here[email] = here.get(email, False) or (state == "active" and any(roles))
    return frozenset(email for email, is_here in here.items() if not is_here)


def link_by_hash(session: Session, token_hash: str) -> LinkRow | None:
    """Return the link of this token's hash, used and expired ones too."""
    row = session.scalars(select(StaffLink).where(StaffLink.token_hash == token_hash)).one_or_none()
    if row is None:
        return None
    return LinkRow(row.id, row.staff_id, row.purpose, row.expires_at, row.used_at)
