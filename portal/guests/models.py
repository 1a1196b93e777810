"""Tables of guests, the identities they sign in with, and the terms they accepted."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal.foundation.db import Base, JsonText, uuid7

SEARCHED_WORDS = 4  # a search finds a name by how each of its first words begins


def _searched(length: int) -> String:
    """Return a text in the order of its code points, whatever the locale: as SQLite has it."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


class Guest(Base):
    """A guest. The dates are set by what starts their period, so that sweeps find them by index."""

    __tablename__ = "guest"
    __table_args__ = (
        CheckConstraint("state in ('pending', 'active', 'suspended', 'removed')", name="state"),
        CheckConstraint("not tombstone or state = 'removed'", name="tombstone_is_removed"),
        CheckConstraint("not hold or state = 'suspended'", name="hold_is_suspended"),
        CheckConstraint("state <> 'active' or inactive_at is not null", name="active_may_tire"),
        CheckConstraint("(state = 'suspended') = (removes_at is not null)", name="suspended_ends"),
        CheckConstraint("(state = 'pending') = (lapses_at is not null)", name="pending_lapses"),
        Index("ix_guest_organisation_id_email", "organisation_id", "email"),
        Index("ix_guest_email", "email"),
        Index("ix_guest_organisation_id_arrived_at", "organisation_id", "arrived_at"),
        Index("ix_guest_organisation_id_state", "organisation_id", "state"),
        Index("ix_guest_state_inactive_at", "state", "inactive_at", "id"),
        Index("ix_guest_state_removes_at", "state", "removes_at", "id"),
        Index("ix_guest_state_expires_at", "state", "expires_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"))
    # Host-owned: nothing that an identity provider sends writes these (architecture 2.5).
    state: Mapped[str] = mapped_column(String(16))
    state_reason: Mapped[str] = mapped_column(String(32))
    state_since: Mapped[datetime]
    state_note: Mapped[str | None] = mapped_column(String(500))  # a human's words for it
    hold: Mapped[bool] = mapped_column(default=False)  # a human suspended it
    tombstone: Mapped[bool] = mapped_column(default=False)  # refused until a sponsor lifts it
    expires_at: Mapped[datetime]  # the latest of its sponsorships'
    inactive_at: Mapped[datetime | None]
    lapses_at: Mapped[datetime | None]
    removes_at: Mapped[datetime | None]
    last_sign_in_at: Mapped[datetime | None]
    knocked_at: Mapped[datetime | None]  # a removed person who came back to the door
    terms_version: Mapped[int]
    created_at: Mapped[datetime]
    arrived_at: Mapped[datetime]  # created or come back: the hourly cap counts these
    session_epoch: Mapped[int]  # raised by removal: sessions of an earlier epoch are dead
    # Profile: follows the mapped claims.
    email: Mapped[str | None] = mapped_column(_searched(254))
    name: Mapped[str | None] = mapped_column(_searched(200))
    profile: Mapped[Any] = mapped_column(JsonText)
    # A new address outside the organisation's domains, kept aside until it is settled (A03).
    email_aside: Mapped[str | None] = mapped_column(String(254))
    aside_until: Mapped[datetime | None]


def name_from(word: int) -> ColumnElement[str]:
    """Return the SQL of a guest's name from its first, second, ... word on, ASCII in lower case.

    Without parameters, so that it is the expression of an index on both databases.
    """
    space = text("' '")
    letters = func.replace(Guest.__table__.c.name, space, text("''"))
    rest: ColumnElement[str] = Guest.__table__.c.name
    for _ in range(word - 1):
        rest = func.ltrim(func.ltrim(rest, letters), space)
    return func.lower(rest)


for _word in range(1, SEARCHED_WORDS + 1):
    Index(f"ix_guest_name_{_word}", name_from(_word))


class FederatedIdentity(Base):
    """How a guest is known: organisation, issuer, subject. The connection is not part of it."""

    __tablename__ = "federated_identity"
    __table_args__ = (
        UniqueConstraint("organisation_id", "issuer", "subject"),
        Index("ix_federated_identity_guest_id", "guest_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    guest_id: Mapped[UUID] = mapped_column(ForeignKey("guest.id"))
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"))
    issuer: Mapped[str] = mapped_column(String(2048))
    subject: Mapped[str] = mapped_column(String(255))  # OIDC Core 1.0, section 2: sub
    identity_provider_id: Mapped[UUID] = mapped_column(ForeignKey("identity_provider.id"))


class TermsAcceptance(Base):
    """A guest's yes to one version of the terms."""

    __tablename__ = "terms_acceptance"

    guest_id: Mapped[UUID] = mapped_column(ForeignKey("guest.id"), primary_key=True)
    terms_id: Mapped[UUID] = mapped_column(ForeignKey("terms.id"), primary_key=True)
    accepted_at: Mapped[datetime]
