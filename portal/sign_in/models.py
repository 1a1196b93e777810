"""Tables of sign-in attempts and sessions: truth, no cache (architecture 2.8, 2.9)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.foundation.db import Base, JsonText, uuid7


class SignInAttempt(Base):
    """One way to an identity provider and back: one use, 15 minutes, one browser, one provider."""

    __tablename__ = "sign_in_attempt"
    __table_args__ = (
        CheckConstraint("purpose in ('sign_in', 'trial', 'staff')", name="purpose"),
        CheckConstraint(
            "(purpose = 'staff') = (identity_provider_id is null)", name="staff_at_the_host"
        ),
        CheckConstraint("(purpose = 'trial') = (staff_id is not null)", name="trial_has_admin"),
        CheckConstraint("staff_link_id is null or purpose = 'staff'", name="link_is_staff"),
        CheckConstraint("expires_at > created_at", name="times_in_order"),
        Index("ix_sign_in_attempt_expires_at", "expires_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    state_hash: Mapped[str] = mapped_column(String(64), unique=True)
    browser_hash: Mapped[str] = mapped_column(String(64))  # of the browser's own secret
    # Null: the host's own provider. Transient rows go with what they belong to.
    identity_provider_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("identity_provider.id", ondelete="CASCADE")
    )
    purpose: Mapped[str] = mapped_column(String(16))
    nonce: Mapped[str] = mapped_column(String(64))
    code_verifier: Mapped[str] = mapped_column(Text)  # encrypted, foundation/crypto
    max_age: Mapped[int | None]  # seconds; asked for, so it is checked
    next_url: Mapped[str | None] = mapped_column(String(2048))
    staff_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id", ondelete="CASCADE"))
    staff_link_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("staff_link.id", ondelete="CASCADE")
    )
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Session(Base):
    """A signed-in browser: a guest's or an employee's. The cookie's id is stored as a hash only."""

    __tablename__ = "session"
    __table_args__ = (
        CheckConstraint("(guest_id is null) <> (staff_id is null)", name="one_person"),
        CheckConstraint(
            "(guest_id is null) = (identity_provider_id is null)", name="guest_has_provider"
        ),
        CheckConstraint("not break_glass or staff_id is not null", name="break_glass_is_staff"),
        CheckConstraint("ends_at > created_at", name="times_in_order"),
        Index(
            "ix_session_guest_id_live",
            "guest_id",
            sqlite_where=text("revoked_at is null"),
            postgresql_where=text("revoked_at is null"),
        ),
        Index(
            "ix_session_staff_id_live",
            "staff_id",
            sqlite_where=text("revoked_at is null"),
            postgresql_where=text("revoked_at is null"),
        ),
        Index(
            "ix_session_identity_provider_id_live",
            "identity_provider_id",
            sqlite_where=text("revoked_at is null"),
            postgresql_where=text("revoked_at is null"),
        ),
        Index("ix_session_ends_at", "ends_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    guest_id: Mapped[UUID | None] = mapped_column(ForeignKey("guest.id"))
    staff_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    identity_provider_id: Mapped[UUID | None] = mapped_column(ForeignKey("identity_provider.id"))
    guest_epoch: Mapped[int | None]  # dead once the guest's own is higher
    sid: Mapped[str | None] = mapped_column(String(255))  # the provider's session, for its log-out
    acr: Mapped[str | None] = mapped_column(String(255))
    amr: Mapped[Any] = mapped_column(JsonText)
    break_glass: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]  # moved at most every five minutes
    ends_at: Mapped[datetime]  # absolute limit
    revoked_at: Mapped[datetime | None]


class ProviderDocument(Base):
    """What an issuer published, shared by all processes: one fetch serves them all.

    ``fetches`` are the last minute's: a flood of bad tokens makes few of them (O11).
    """

    __tablename__ = "provider_document"

    issuer_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    document: Mapped[Any | None] = mapped_column(JsonText)
    keys: Mapped[Any | None] = mapped_column(JsonText)
    fetched_at: Mapped[datetime | None] = mapped_column(index=True)
    fetches: Mapped[Any] = mapped_column(JsonText)
