"""Tables of trust, with the constraints that a database can hold."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal.foundation.db import Base, JsonText, uuid7


class Organisation(Base):
    """A connected organisation, and the seats its guests take (counter rows, architecture 2.13)."""

    __tablename__ = "organisation"
    __table_args__ = (
        CheckConstraint("state in ('active', 'suspended')", name="state"),
        CheckConstraint("seats >= 0 and waiting >= 0", name="counts"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    slug: Mapped[str] = mapped_column(String(63), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16), default="active")
    state_reason: Mapped[str | None] = mapped_column(String(500))
    unlisted: Mapped[bool] = mapped_column(default=False)
    seats: Mapped[int] = mapped_column(default=0)  # active and suspended guests
    waiting: Mapped[int] = mapped_column(default=0)  # pending guests
    later_told_at: Mapped[datetime | None]  # when admins were last told of the hourly cap
    created_at: Mapped[datetime]


class Domain(Base):
    """An e-mail domain, canonical; held by one organisation, vouched for by an admin."""

    __tablename__ = "domain"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"), index=True)
    name: Mapped[str] = mapped_column(String(253), unique=True)
    vouched_by: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]


class Contract(Base):
    """The reason for access: from a first to a last local day, or explicitly open-ended."""

    __tablename__ = "contract"
    __table_args__ = (
        UniqueConstraint("organisation_id", "reference"),
        CheckConstraint("open_ended = (last_day is null)", name="open_ended_said"),
        CheckConstraint("open_ended = (ends_at is null)", name="end_computed"),
        CheckConstraint("last_day is null or last_day >= first_day", name="days_in_order"),
        Index("ix_contract_ends_at_settled_at", "settled_at", "ends_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"))
    reference: Mapped[str] = mapped_column(String(100))
    first_day: Mapped[date]
    last_day: Mapped[date | None]
    open_ended: Mapped[bool]
    time_zone: Mapped[str] = mapped_column(String(64))
    begins_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]  # when its end was carried out and told
    created_at: Mapped[datetime]


class Policy(Base):
    """The terms for guests, from a moment on. No organisation: the portal-wide defaults.

    A null column of an organisation's policy follows the defaults. The newest version counts.
    """

    __tablename__ = "policy"
    __table_args__ = (
        Index("uq_policy_organisation_id_version", "organisation_id", "version", unique=True),
        Index(
            "uq_policy_defaults_version",
            "version",
            unique=True,
            sqlite_where=text("organisation_id is null"),
            postgresql_where=text("organisation_id is null"),
        ),
        CheckConstraint("approval is null or approval in ('first', 'at-once')", name="approval"),
        CheckConstraint(
            "organisation_id is not null or (approval is not null and approval_days is not null"
            " and longest_days is not null and review_days is not null and grace_days is not null"
            " and inactivity_days is not null and most_guests is not null"
            " and most_new_per_hour is not null and address_days is not null)",
            name="defaults_whole",
        ),
        CheckConstraint(
            "(approval_days is null or approval_days between 1 and 90)"
            " and (longest_days is null or longest_days between 1 and 3650)"
            " and (review_days is null or review_days between 1 and 3650)"
            " and (grace_days is null or grace_days between 0 and 365)"
            " and (inactivity_days is null or inactivity_days between 1 and 3650)"
            " and (most_guests is null or most_guests between 0 and 10000000)"
            " and (most_new_per_hour is null or most_new_per_hour between 0 and 1000000)"
            " and (address_days is null or address_days between 0 and 365)",
            name="ranges",
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    organisation_id: Mapped[UUID | None] = mapped_column(ForeignKey("organisation.id"))
    version: Mapped[int]
    since: Mapped[datetime]
    approval: Mapped[str | None] = mapped_column(String(16))
    approval_days: Mapped[int | None]
    longest_days: Mapped[int | None]
    review_days: Mapped[int | None]
    grace_days: Mapped[int | None]
    inactivity_days: Mapped[int | None]
    most_guests: Mapped[int | None]
    most_new_per_hour: Mapped[int | None]
    address_days: Mapped[int | None]
    accepted_acr: Mapped[Any | None] = mapped_column(JsonText)
    accepted_amr: Mapped[Any | None] = mapped_column(JsonText)


class IdentityProvider(Base):
    """A partner's identity provider: the portal is its OpenID Connect relying party."""

    __tablename__ = "identity_provider"
    __table_args__ = (
        UniqueConstraint("organisation_id", "slug"),
        Index("ix_identity_provider_issuer", "issuer"),
        CheckConstraint("state in ('draft', 'enabled', 'disabled')", name="state"),
        CheckConstraint("addresses in ('verified', 'trusted')", name="addresses"),
        CheckConstraint(
            "client_auth in ('client_secret_basic', 'client_secret_post')", name="client_auth"
        ),
        CheckConstraint("state <> 'enabled' or tested_at is not null", name="enabled_was_tested"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"))
    slug: Mapped[str] = mapped_column(String(63))
    name: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16), default="draft")
    issuer: Mapped[str] = mapped_column(String(2048))
    client_id: Mapped[str] = mapped_column(String(255))
    client_secret: Mapped[str] = mapped_column(Text)  # encrypted, foundation/crypto
    client_auth: Mapped[str] = mapped_column(String(32))
    scopes: Mapped[Any] = mapped_column(JsonText)
    claim_map: Mapped[Any] = mapped_column(JsonText)
    subject_claim: Mapped[str] = mapped_column(String(100))
    required_claims: Mapped[Any] = mapped_column(JsonText)
    addresses: Mapped[str] = mapped_column(String(16))
    tested_at: Mapped[datetime | None]  # last connection test that passed, of this configuration
    findings: Mapped[Any | None] = mapped_column(JsonText)  # of the last connection test
    # When an admin attested that the partner enforces the demanded strength (it sends no ``amr``).
    strength_attested_at: Mapped[datetime | None]
    trial_at: Mapped[datetime | None]  # last test sign-in that came back
    trial: Mapped[Any | None] = mapped_column(JsonText)  # outcome and warnings, nothing personal
    created_at: Mapped[datetime]


class OrganisationSponsor(Base):
    """Who may vouch for an organisation's people: its sponsors and its deputy."""

    __tablename__ = "organisation_sponsor"
    __table_args__ = (
        CheckConstraint("role in ('sponsor', 'deputy')", name="role"),
        CheckConstraint("lead is false or role = 'sponsor'", name="lead_is_sponsor"),
        UniqueConstraint("organisation_id", "staff_id"),
        Index(
            "uq_organisation_sponsor_one_lead",
            "organisation_id",
            unique=True,
            sqlite_where=text("lead"),
            postgresql_where=text("lead"),
        ),
        Index(
            "uq_organisation_sponsor_one_deputy",
            "organisation_id",
            unique=True,
            sqlite_where=text("role = 'deputy'"),
            postgresql_where=text("role = 'deputy'"),
        ),
        Index("ix_organisation_sponsor_staff_id", "staff_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"))
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff.id"))
    role: Mapped[str] = mapped_column(String(16))
    lead: Mapped[bool] = mapped_column(default=False)  # always asked first
    created_at: Mapped[datetime]


class Offer(Base):
    """An entitlement an organisation's people may be given: on asking, as default, by claim."""

    __tablename__ = "offer"
    __table_args__ = (
        CheckConstraint("(when_claim is null) = (when_value is null)", name="when_whole"),
        Index(
            "uq_offer_standing",
            "organisation_id",
            "entitlement_id",
            unique=True,
            sqlite_where=text("withdrawn_at is null"),
            postgresql_where=text("withdrawn_at is null"),
        ),
        Index("ix_offer_entitlement_id", "entitlement_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    organisation_id: Mapped[UUID] = mapped_column(ForeignKey("organisation.id"))
    entitlement_id: Mapped[UUID] = mapped_column(ForeignKey("entitlement.id"))
    is_default: Mapped[bool]
    when_claim: Mapped[str | None] = mapped_column(String(100))
    when_value: Mapped[str | None] = mapped_column(String(255))
    offered_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]


class Terms(Base):
    """A version of the terms of use. The newest one counts; a session without it shows it first."""

    __tablename__ = "terms"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    version: Mapped[int] = mapped_column(unique=True)
    body: Mapped[str] = mapped_column(Text)
    published_by: Mapped[str] = mapped_column(String(200))
    published_at: Mapped[datetime]
