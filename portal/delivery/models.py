"""The outbox."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.foundation.db import Base, JsonText, uuid7


class Outbox(Base):
    """One message. Claiming pushes ``not_before`` ahead; what fails too often is dead, visibly."""

    __tablename__ = "outbox"
    __table_args__ = (
        CheckConstraint("state in ('waiting', 'sent', 'dead')", name="state"),
        Index(
            "ix_outbox_due",
            "not_before",
            "id",
            sqlite_where=text("state = 'waiting'"),
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("ix_outbox_state_created_at", "state", "created_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    kind: Mapped[str] = mapped_column(String(64))
    to: Mapped[str] = mapped_column(String(254))
    dedupe_key: Mapped[str] = mapped_column(String(200), unique=True)
    payload: Mapped[Any] = mapped_column(JsonText)
    reference: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16), default="waiting")
    tries: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime]
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(String(500))
