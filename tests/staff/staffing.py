"""Employees of the tests, and what is there of them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, inspect, select

from portal.audit import queries as audit
from portal.audit.models import AuditEvent
from portal.audit.rules import plain
from portal.delivery.models import Outbox
from portal.foundation.db import db
from portal.foundation.transaction import Tx
from portal.staff import changes, queries
from portal.staff.models import Staff, StaffLink
from portal.staff.rules import RoleSource, StaffClaims
from tests.factories import HOST_ISSUER, NOW, PUBLIC_URL

BY_HAND = RoleSource(by_claim=False)
BY_CLAIM = RoleSource(by_claim=True, sponsor_value="sponsors", admin_value="admins")
CLAIMS = StaffClaims(
    issuer=HOST_ISSUER,
    subject="s1",
    email="sam@host.example",
    name="Sam",
    roles=None,
    directory_guest=False,
    strong=True,
)
LATER = NOW + timedelta(hours=1)


def said(*values: str) -> StaffClaims:
    """Claims with these values of the role claim."""
    return replace(CLAIMS, roles=frozenset(values))


def add(tx: Tx, **values: Any) -> changes.Added:
    """Put Sam in, but for what is said otherwise."""
    whole: dict[str, Any] = {
        "email": "sam@host.example",
        "name": "Sam",
        "role": "sponsor",
        "host_issuer": HOST_ISSUER,
        "public_url": PUBLIC_URL,
        "at": NOW,
    }
    return changes.add_staff(tx, **(whole | values))


def events() -> list[str]:
    """The names of all events, oldest first."""
    return [one.event for one in audit.search(db.session, audit.Filter(), oldest_first=True)]


def mails(kind: str) -> list[Outbox]:
    """The mails of a kind, by address."""
    return list(db.session.scalars(select(Outbox).where(Outbox.kind == kind).order_by(Outbox.to)))


def staff_row(staff_id: UUID) -> queries.StaffRow:
    """An employee as the database has them."""
    found = queries.staff_by_id(db.session, staff_id)
    assert found is not None
    return found


def snapshot() -> tuple[object, ...]:
    """Everything that a refusal must leave alone."""
    names = [one.key for one in inspect(Staff).columns]
    rows = sorted(
        [plain(getattr(row, name)) for name in names] for row in db.session.scalars(select(Staff))
    )
    links = db.session.scalar(select(func.count()).select_from(StaffLink))
    return rows, links, db.session.scalar(select(func.count()).select_from(AuditEvent))
