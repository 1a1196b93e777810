"""The arrival: a validated first sign-in that has not become a guest yet."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from portal.foundation.db import Base, uuid7


class Arrival(Base):
    """Thirty minutes, one browser, single use; purged to a count when abandoned."""

    __tablename__ = "arrival"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"))
    identity_provider_id: Mapped[UUID] = mapped_column(ForeignKey("identity_provider.id"))
    identity: Mapped[str] = mapped_column(Text)  # encrypted VerifiedIdentity
    next_url: Mapped[str | None] = mapped_column(String(2048))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
