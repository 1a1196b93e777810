"""Tables of sponsorships and grants."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from portal.foundation.db import Base, uuid7


class Sponsorship(Base):
    """One employee vouching for one guest under one contract until a last day."""

    __tablename__ = "sponsorship"
    __table_args__ = (
        CheckConstraint("state in ('requested', 'active', 'rejected', 'ended')", name="state"),
        CheckConstraint("approve_by is null or at_once", name="only_at_once_waits_with_access"),
        CheckConstraint("(review_due_at is null) = (review_ends_at is null)", name="review_whole"),
        CheckConstraint(
            "review_ends_at is null or review_ends_at >= review_due_at", name="grace_after_review"
        ),
        # One open request a guest: one decision a request.
        Index(
            "uq_sponsorship_one_request",
            "guest_id",
            unique=True,
            sqlite_where=text("state = 'requested'"),
            postgresql_where=text("state = 'requested'"),
        ),
        Index("ix_sponsorship_guest_id_state", "guest_id", "state"),
        Index("ix_sponsorship_sponsor_id_state", "sponsor_id", "state"),
        Index("ix_sponsorship_organisation_id_state", "organisation_id", "state"),
        Index("ix_sponsorship_contract_id_state", "contract_id", "state"),
        Index("ix_sponsorship_decided_by_decided_at", "decided_by", "decided_at", "id"),
        Index("ix_sponsorship_state_expires_at", "state", "expires_at", "id"),
        Index("ix_sponsorship_state_lapses_at", "state", "lapses_at", "id"),
        Index("ix_sponsorship_state_approve_by", "state", "approve_by", "id"),
        Index("ix_sponsorship_state_review_ends_at", "state", "review_ends_at", "id"),
        Index("ix_sponsorship_state_review_ask_at", "state", "review_ask_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    guest_id: Mapped[UUID] = mapped_column(ForeignKey("guest.id"))
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"))
    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contract.id"))
    sponsor_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    state: Mapped[str] = mapped_column(String(16))
    state_reason: Mapped[str] = mapped_column(String(32))
    state_since: Mapped[datetime]
    last_day: Mapped[date]  # inclusive, in the contract's zone
    expires_at: Mapped[datetime]  # first instant after the last day, never past the contract
    requested_at: Mapped[datetime]
    lapses_at: Mapped[datetime | None]  # a request that nobody decides
    at_once: Mapped[bool] = mapped_column(default=False)  # restricted access before approval
    approve_by: Mapped[datetime | None]  # set while access given at once waits for approval
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff.id"))
    decision_note: Mapped[str | None] = mapped_column(String(500))
    review_ask_at: Mapped[datetime | None]  # when to ask; null once asked
    review_due_at: Mapped[datetime | None]
    review_ends_at: Mapped[datetime | None]  # review due plus grace: access ends
    why: Mapped[str | None] = mapped_column(String(500))  # what the person claims
    works_with: Mapped[str | None] = mapped_column(String(254))
    version: Mapped[int] = mapped_column(default=1)


class Grant(Base):
    """An entitlement proposed or given under a sponsorship. ``grant`` is a reserved word in SQL."""

    __tablename__ = "grant_"
    __table_args__ = (
        CheckConstraint("state in ('proposed', 'active', 'ended')", name="state"),
        CheckConstraint("(state = 'ended') = (ended_at is not null)", name="ended_has_moment"),
        Index(
            "uq_grant_standing",
            "sponsorship_id",
            "offer_id",
            unique=True,
            sqlite_where=text("state <> 'ended'"),
            postgresql_where=text("state <> 'ended'"),
        ),
        Index("ix_grant_guest_id_state", "guest_id", "state"),
        Index("ix_grant_offer_id_state", "offer_id", "state"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    guest_id: Mapped[UUID] = mapped_column(ForeignKey("guest.id"))
    sponsorship_id: Mapped[UUID] = mapped_column(ForeignKey("sponsorship.id"))
    offer_id: Mapped[UUID] = mapped_column(ForeignKey("offer.id"))
    entitlement_id: Mapped[UUID] = mapped_column(ForeignKey("entitlement.id"))
    state: Mapped[str] = mapped_column(String(16))
    state_reason: Mapped[str] = mapped_column(String(32))
    by_claim: Mapped[bool]  # ends when the claim that chose it is gone
    proposed_at: Mapped[datetime | None]
    starts_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
