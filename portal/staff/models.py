"""Tables of the host's employees and their single-use links."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.foundation.db import Base, uuid7


class Staff(Base):
    """An employee. ``active`` or ``left``; roles are what they may do here."""

    __tablename__ = "staff"
    __table_args__ = (
        UniqueConstraint("issuer", "subject"),
        CheckConstraint("state in ('active', 'left')", name="state"),
        CheckConstraint("(issuer is null) = (subject is null)", name="bound_whole"),
        Index(
            "uq_staff_email_active",
            "email",
            unique=True,
            sqlite_where=text("state = 'active'"),
            postgresql_where=text("state = 'active'"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    email: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16), default="active")
    is_sponsor: Mapped[bool]
    is_admin: Mapped[bool]
    # True while the host's provider sent no role claim or a cut-short one: deciding waits (2.18).
    roles_unknown: Mapped[bool] = mapped_column(default=False)
    roles_from_claim: Mapped[bool] = mapped_column(default=False)
    issuer: Mapped[str | None] = mapped_column(String(2048))
    subject: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime]
    last_sign_in_at: Mapped[datetime | None]


class StaffLink(Base):
    """A single-use link: ``bind`` an employee to their sign-in, or ``sign_in`` (break-glass)."""

    __tablename__ = "staff_link"
    __table_args__ = (CheckConstraint("purpose in ('bind', 'sign_in')", name="purpose"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"), index=True)
    purpose: Mapped[str] = mapped_column(String(16))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
