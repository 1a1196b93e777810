"""0001: first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Audit events are append-only. Frozen here: the models may move on, this migration does not.
SQLITE_TRIGGERS = (
    (
        "CREATE TRIGGER audit_event_no_update BEFORE UPDATE ON audit_event BEGIN "
        "SELECT RAISE(ABORT, 'audit events are append-only'); END"
    ),
    (
        "CREATE TRIGGER audit_event_no_delete BEFORE DELETE ON audit_event BEGIN "
        "SELECT RAISE(ABORT, 'audit events are append-only'); END"
    ),
)
POSTGRESQL_TRIGGERS = (
    (
        "CREATE FUNCTION audit_event_append_only() RETURNS trigger LANGUAGE plpgsql "
        "AS $$ BEGIN RAISE EXCEPTION 'audit events are append-only'; END $$"
    ),
    (
        "CREATE TRIGGER audit_event_no_change BEFORE UPDATE OR DELETE ON audit_event "
        "FOR EACH ROW EXECUTE FUNCTION audit_event_append_only()"
    ),
    (
        "CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON audit_event FOR "
        "EACH STATEMENT EXECUTE FUNCTION audit_event_append_only()"
    ),
)


def upgrade() -> None:
    """Make every table, its constraints and indexes, and the triggers of the audit log."""
    _applications()
    _audit()
    _delivery()
    _staff()
    _trust()
    _lifecycle()
    _guests()
    _sign_in()
    _admission()
    _sponsorship()
    triggers = SQLITE_TRIGGERS if _sqlite() else POSTGRESQL_TRIGGERS
    for trigger in triggers:
        op.execute(sa.DDL(trigger))  # no bind parameters in it


def _applications() -> None:
    op.create_table(
        "application",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(63), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("url", sa.String(2048), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application")),
        sa.UniqueConstraint("slug", name=op.f("uq_application_slug")),
    )
    op.create_table(
        "entitlement",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("application_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(63), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entitlement")),
        sa.UniqueConstraint(
            "application_id", "slug", name=op.f("uq_entitlement_application_id_slug")
        ),
        sa.ForeignKeyConstraint(
            ["application_id"],
            ["application.id"],
            name=op.f("fk_entitlement_application_id_application"),
        ),
    )


def _audit() -> None:
    op.create_table(
        "audit_event",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            autoincrement=True,
        ),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("guest_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(64), nullable=True),
        sa.Column("reference", sa.String(32), nullable=False),
        sa.Column("rules_version", sa.Integer(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_event")),
        sa.UniqueConstraint("id", name=op.f("uq_audit_event_id")),
    )
    op.create_index(op.f("ix_audit_event_at"), "audit_event", ["at"])
    op.create_index(op.f("ix_audit_event_event_seq"), "audit_event", ["event", "seq"])
    op.create_index(op.f("ix_audit_event_guest_id_seq"), "audit_event", ["guest_id", "seq"])
    op.create_index(
        op.f("ix_audit_event_organisation_id_seq"), "audit_event", ["organisation_id", "seq"]
    )
    op.create_index(op.f("ix_audit_event_reference"), "audit_event", ["reference"])
    op.create_table(
        "audit_personal",
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("salt", sa.String(64), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", "person", name=op.f("pk_audit_personal")),
        sa.ForeignKeyConstraint(
            ["event_id"], ["audit_event.id"], name=op.f("fk_audit_personal_event_id_audit_event")
        ),
    )
    op.create_index(op.f("ix_audit_personal_person"), "audit_personal", ["person"])


def _delivery() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("to", sa.String(254), nullable=False),
        sa.Column("dedupe_key", sa.String(200), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("reference", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(500), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.CheckConstraint("state in ('waiting', 'sent', 'dead')", name=op.f("ck_outbox_state")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_outbox_dedupe_key")),
    )
    op.create_index(
        op.f("ix_outbox_due"),
        "outbox",
        ["not_before", "id"],
        postgresql_where=sa.text("state = 'waiting'"),
        sqlite_where=sa.text("state = 'waiting'"),
    )
    op.create_index(op.f("ix_outbox_state_created_at"), "outbox", ["state", "created_at"])


def _staff() -> None:
    op.create_table(
        "staff",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("is_sponsor", sa.Boolean(), nullable=False),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("roles_unknown", sa.Boolean(), nullable=False),
        sa.Column("roles_from_claim", sa.Boolean(), nullable=False),
        sa.Column("issuer", sa.String(2048), nullable=True),
        sa.Column("subject", sa.String(255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_sign_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_staff_issuer_subject")),
        sa.CheckConstraint("state in ('active', 'left')", name=op.f("ck_staff_state")),
        sa.CheckConstraint(
            "(issuer is null) = (subject is null)", name=op.f("ck_staff_bound_whole")
        ),
    )
    op.create_index(
        op.f("uq_staff_email_active"),
        "staff",
        ["email"],
        unique=True,
        postgresql_where=sa.text("state = 'active'"),
        sqlite_where=sa.text("state = 'active'"),
    )
    op.create_table(
        "staff_link",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_link")),
        sa.CheckConstraint("purpose in ('bind', 'sign_in')", name=op.f("ck_staff_link_purpose")),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_staff_link_staff_id_staff")
        ),
        sa.UniqueConstraint("token_hash", name=op.f("uq_staff_link_token_hash")),
    )
    op.create_index(op.f("ix_staff_link_staff_id"), "staff_link", ["staff_id"])


def _trust() -> None:
    op.create_table(
        "organisation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(63), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("state_reason", sa.String(500), nullable=True),
        sa.Column("unlisted", sa.Boolean(), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("later_told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation")),
        sa.CheckConstraint("state in ('active', 'suspended')", name=op.f("ck_organisation_state")),
        sa.CheckConstraint("seats >= 0 and waiting >= 0", name=op.f("ck_organisation_counts")),
        sa.UniqueConstraint("slug", name=op.f("uq_organisation_slug")),
    )
    op.create_table(
        "terms",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("published_by", sa.String(200), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_terms")),
        sa.UniqueConstraint("version", name=op.f("uq_terms_version")),
    )
    op.create_table(
        "contract",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.String(100), nullable=False),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=True),
        sa.Column("open_ended", sa.Boolean(), nullable=False),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contract")),
        sa.UniqueConstraint(
            "organisation_id", "reference", name=op.f("uq_contract_organisation_id_reference")
        ),
        sa.CheckConstraint(
            "open_ended = (last_day is null)", name=op.f("ck_contract_open_ended_said")
        ),
        sa.CheckConstraint("open_ended = (ends_at is null)", name=op.f("ck_contract_end_computed")),
        sa.CheckConstraint(
            "last_day is null or last_day >= first_day", name=op.f("ck_contract_days_in_order")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_contract_organisation_id_organisation"),
        ),
    )
    op.create_index(op.f("ix_contract_ends_at_settled_at"), "contract", ["settled_at", "ends_at"])
    op.create_table(
        "domain",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(253), nullable=False),
        sa.Column("vouched_by", sa.String(200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_domain")),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_domain_organisation_id_organisation"),
        ),
        sa.UniqueConstraint("name", name=op.f("uq_domain_name")),
    )
    op.create_index(op.f("ix_domain_organisation_id"), "domain", ["organisation_id"])
    op.create_table(
        "identity_provider",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(63), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("issuer", sa.String(2048), nullable=False),
        sa.Column("client_id", sa.String(255), nullable=False),
        sa.Column("client_secret", sa.Text(), nullable=False),
        sa.Column("client_auth", sa.String(32), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("claim_map", sa.Text(), nullable=False),
        sa.Column("subject_claim", sa.String(100), nullable=False),
        sa.Column("required_claims", sa.Text(), nullable=False),
        sa.Column("addresses", sa.String(16), nullable=False),
        sa.Column("tested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("findings", sa.Text(), nullable=True),
        sa.Column("strength_attested_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trial_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("trial", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_provider")),
        sa.UniqueConstraint(
            "organisation_id", "slug", name=op.f("uq_identity_provider_organisation_id_slug")
        ),
        sa.CheckConstraint(
            "state in ('draft', 'enabled', 'disabled')", name=op.f("ck_identity_provider_state")
        ),
        sa.CheckConstraint(
            "addresses in ('verified', 'trusted')", name=op.f("ck_identity_provider_addresses")
        ),
        sa.CheckConstraint(
            "client_auth in ('client_secret_basic', 'client_secret_post')",
            name=op.f("ck_identity_provider_client_auth"),
        ),
        sa.CheckConstraint(
            "state <> 'enabled' or tested_at is not null",
            name=op.f("ck_identity_provider_enabled_was_tested"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_identity_provider_organisation_id_organisation"),
        ),
    )
    op.create_index(op.f("ix_identity_provider_issuer"), "identity_provider", ["issuer"])
    op.create_table(
        "organisation_sponsor",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("lead", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organisation_sponsor")),
        sa.CheckConstraint(
            "role in ('sponsor', 'deputy')", name=op.f("ck_organisation_sponsor_role")
        ),
        sa.CheckConstraint(
            "lead is false or role = 'sponsor'",
            name=op.f("ck_organisation_sponsor_lead_is_sponsor"),
        ),
        sa.UniqueConstraint(
            "organisation_id",
            "staff_id",
            name=op.f("uq_organisation_sponsor_organisation_id_staff_id"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_organisation_sponsor_organisation_id_organisation"),
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_organisation_sponsor_staff_id_staff")
        ),
    )
    op.create_index(op.f("ix_organisation_sponsor_staff_id"), "organisation_sponsor", ["staff_id"])
    op.create_index(
        op.f("uq_organisation_sponsor_one_deputy"),
        "organisation_sponsor",
        ["organisation_id"],
        unique=True,
        postgresql_where=sa.text("role = 'deputy'"),
        sqlite_where=sa.text("role = 'deputy'"),
    )
    op.create_index(
        op.f("uq_organisation_sponsor_one_lead"),
        "organisation_sponsor",
        ["organisation_id"],
        unique=True,
        postgresql_where=sa.text("lead"),
        sqlite_where=sa.text("lead"),
    )
    op.create_table(
        "policy",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approval", sa.String(16), nullable=True),
        sa.Column("approval_days", sa.Integer(), nullable=True),
        sa.Column("longest_days", sa.Integer(), nullable=True),
        sa.Column("review_days", sa.Integer(), nullable=True),
        sa.Column("grace_days", sa.Integer(), nullable=True),
        sa.Column("inactivity_days", sa.Integer(), nullable=True),
        sa.Column("most_guests", sa.Integer(), nullable=True),
        sa.Column("most_new_per_hour", sa.Integer(), nullable=True),
        sa.Column("address_days", sa.Integer(), nullable=True),
        sa.Column("accepted_acr", sa.Text(), nullable=True),
        sa.Column("accepted_amr", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy")),
        sa.CheckConstraint(
            "approval is null or approval in ('first', 'at-once')", name=op.f("ck_policy_approval")
        ),
        sa.CheckConstraint(
            "organisation_id is not null or (approval is not null and approval_days is "
            "not null and longest_days is not null and review_days is not null and "
            "grace_days is not null and inactivity_days is not null and most_guests is "
            "not null and most_new_per_hour is not null and address_days is not null)",
            name=op.f("ck_policy_defaults_whole"),
        ),
        sa.CheckConstraint(
            "(approval_days is null or approval_days between 1 and 90) and (longest_days "
            "is null or longest_days between 1 and 3650) and (review_days is null or "
            "review_days between 1 and 3650) and (grace_days is null or grace_days "
            "between 0 and 365) and (inactivity_days is null or inactivity_days between 1 "
            "and 3650) and (most_guests is null or most_guests between 0 and 10000000) "
            "and (most_new_per_hour is null or most_new_per_hour between 0 and 1000000) "
            "and (address_days is null or address_days between 0 and 365)",
            name=op.f("ck_policy_ranges"),
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_policy_organisation_id_organisation"),
        ),
    )
    op.create_index(
        op.f("uq_policy_defaults_version"),
        "policy",
        ["version"],
        unique=True,
        postgresql_where=sa.text("organisation_id is null"),
        sqlite_where=sa.text("organisation_id is null"),
    )
    op.create_index(
        op.f("uq_policy_organisation_id_version"),
        "policy",
        ["organisation_id", "version"],
        unique=True,
    )
    op.create_table(
        "offer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("entitlement_id", sa.Uuid(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("when_claim", sa.String(100), nullable=True),
        sa.Column("when_value", sa.String(255), nullable=True),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offer")),
        sa.CheckConstraint(
            "(when_claim is null) = (when_value is null)", name=op.f("ck_offer_when_whole")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_offer_organisation_id_organisation"),
        ),
        sa.ForeignKeyConstraint(
            ["entitlement_id"], ["entitlement.id"], name=op.f("fk_offer_entitlement_id_entitlement")
        ),
    )
    op.create_index(op.f("ix_offer_entitlement_id"), "offer", ["entitlement_id"])
    op.create_index(
        op.f("uq_offer_standing"),
        "offer",
        ["organisation_id", "entitlement_id"],
        unique=True,
        postgresql_where=sa.text("withdrawn_at is null"),
        sqlite_where=sa.text("withdrawn_at is null"),
    )


def _lifecycle() -> None:
    op.create_table(
        "sweep_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled", sa.Text(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sweep_run")),
    )
    op.create_index(op.f("ix_sweep_run_began_at"), "sweep_run", ["began_at"])


def _guests() -> None:
    op.create_table(
        "guest",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("state_reason", sa.String(32), nullable=False),
        sa.Column("state_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state_note", sa.String(500), nullable=True),
        sa.Column("hold", sa.Boolean(), nullable=False),
        sa.Column("tombstone", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("inactive_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lapses_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removes_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_sign_in_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("knocked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("terms_version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("session_epoch", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(254), nullable=True),
        sa.Column("name", sa.String(200), nullable=True),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("email_aside", sa.String(254), nullable=True),
        sa.Column("aside_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guest")),
        sa.CheckConstraint(
            "state in ('pending', 'active', 'suspended', 'removed')", name=op.f("ck_guest_state")
        ),
        sa.CheckConstraint(
            "not tombstone or state = 'removed'", name=op.f("ck_guest_tombstone_is_removed")
        ),
        sa.CheckConstraint(
            "not hold or state = 'suspended'", name=op.f("ck_guest_hold_is_suspended")
        ),
        sa.CheckConstraint(
            "state <> 'active' or inactive_at is not null", name=op.f("ck_guest_active_may_tire")
        ),
        sa.CheckConstraint(
            "(state = 'suspended') = (removes_at is not null)", name=op.f("ck_guest_suspended_ends")
        ),
        sa.CheckConstraint(
            "(state = 'pending') = (lapses_at is not null)", name=op.f("ck_guest_pending_lapses")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_guest_organisation_id_organisation"),
        ),
    )
    op.create_index(op.f("ix_guest_email"), "guest", ["email"])
    op.create_index(op.f("ix_guest_name"), "guest", ["name"])
    op.create_index(
        op.f("ix_guest_organisation_id_arrived_at"), "guest", ["organisation_id", "arrived_at"]
    )
    op.create_index(op.f("ix_guest_organisation_id_email"), "guest", ["organisation_id", "email"])
    op.create_index(op.f("ix_guest_organisation_id_state"), "guest", ["organisation_id", "state"])
    op.create_index(op.f("ix_guest_state_expires_at"), "guest", ["state", "expires_at", "id"])
    op.create_index(op.f("ix_guest_state_inactive_at"), "guest", ["state", "inactive_at", "id"])
    op.create_index(op.f("ix_guest_state_removes_at"), "guest", ["state", "removes_at", "id"])
    op.create_table(
        "federated_identity",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("guest_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(2048), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("identity_provider_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_federated_identity")),
        sa.UniqueConstraint(
            "organisation_id",
            "issuer",
            "subject",
            name=op.f("uq_federated_identity_organisation_id_issuer_subject"),
        ),
        sa.ForeignKeyConstraint(
            ["guest_id"], ["guest.id"], name=op.f("fk_federated_identity_guest_id_guest")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_federated_identity_organisation_id_organisation"),
        ),
        sa.ForeignKeyConstraint(
            ["identity_provider_id"],
            ["identity_provider.id"],
            name=op.f("fk_federated_identity_identity_provider_id_identity_provider"),
        ),
    )
    op.create_index(op.f("ix_federated_identity_guest_id"), "federated_identity", ["guest_id"])
    op.create_table(
        "terms_acceptance",
        sa.Column("guest_id", sa.Uuid(), nullable=False),
        sa.Column("terms_id", sa.Uuid(), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("guest_id", "terms_id", name=op.f("pk_terms_acceptance")),
        sa.ForeignKeyConstraint(
            ["guest_id"], ["guest.id"], name=op.f("fk_terms_acceptance_guest_id_guest")
        ),
        sa.ForeignKeyConstraint(
            ["terms_id"], ["terms.id"], name=op.f("fk_terms_acceptance_terms_id_terms")
        ),
    )


def _sign_in() -> None:
    op.create_table(
        "provider_document",
        sa.Column("issuer_hash", sa.String(64), nullable=False),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("keys", sa.Text(), nullable=True),
        sa.Column("fetched_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fetches", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("issuer_hash", name=op.f("pk_provider_document")),
    )
    op.create_index(op.f("ix_provider_document_fetched_at"), "provider_document", ["fetched_at"])
    op.create_table(
        "session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("guest_id", sa.Uuid(), nullable=True),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("identity_provider_id", sa.Uuid(), nullable=True),
        sa.Column("guest_epoch", sa.Integer(), nullable=True),
        sa.Column("sid", sa.String(255), nullable=True),
        sa.Column("acr", sa.String(255), nullable=True),
        sa.Column("amr", sa.Text(), nullable=False),
        sa.Column("break_glass", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        sa.CheckConstraint(
            "(guest_id is null) <> (staff_id is null)", name=op.f("ck_session_one_person")
        ),
        sa.CheckConstraint(
            "(guest_id is null) = (identity_provider_id is null)",
            name=op.f("ck_session_guest_has_provider"),
        ),
        sa.CheckConstraint(
            "not break_glass or staff_id is not null", name=op.f("ck_session_break_glass_is_staff")
        ),
        sa.CheckConstraint("ends_at > created_at", name=op.f("ck_session_times_in_order")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_session_token_hash")),
        sa.ForeignKeyConstraint(["guest_id"], ["guest.id"], name=op.f("fk_session_guest_id_guest")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_session_staff_id_staff")),
        sa.ForeignKeyConstraint(
            ["identity_provider_id"],
            ["identity_provider.id"],
            name=op.f("fk_session_identity_provider_id_identity_provider"),
        ),
    )
    op.create_index(op.f("ix_session_ends_at"), "session", ["ends_at"])
    op.create_index(
        op.f("ix_session_guest_id_live"),
        "session",
        ["guest_id"],
        postgresql_where=sa.text("revoked_at is null"),
        sqlite_where=sa.text("revoked_at is null"),
    )
    op.create_index(
        op.f("ix_session_identity_provider_id_live"),
        "session",
        ["identity_provider_id"],
        postgresql_where=sa.text("revoked_at is null"),
        sqlite_where=sa.text("revoked_at is null"),
    )
    op.create_index(
        op.f("ix_session_staff_id_live"),
        "session",
        ["staff_id"],
        postgresql_where=sa.text("revoked_at is null"),
        sqlite_where=sa.text("revoked_at is null"),
    )
    op.create_table(
        "sign_in_attempt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("state_hash", sa.String(64), nullable=False),
        sa.Column("browser_hash", sa.String(64), nullable=False),
        sa.Column("identity_provider_id", sa.Uuid(), nullable=True),
        sa.Column("purpose", sa.String(16), nullable=False),
        sa.Column("nonce", sa.String(64), nullable=False),
        sa.Column("code_verifier", sa.Text(), nullable=False),
        sa.Column("max_age", sa.Integer(), nullable=True),
        sa.Column("next_url", sa.String(2048), nullable=True),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("staff_link_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_attempt")),
        sa.CheckConstraint(
            "purpose in ('sign_in', 'trial', 'staff')", name=op.f("ck_sign_in_attempt_purpose")
        ),
        sa.CheckConstraint(
            "(purpose = 'staff') = (identity_provider_id is null)",
            name=op.f("ck_sign_in_attempt_staff_at_the_host"),
        ),
        sa.CheckConstraint(
            "(purpose = 'trial') = (staff_id is not null)",
            name=op.f("ck_sign_in_attempt_trial_has_admin"),
        ),
        sa.CheckConstraint(
            "staff_link_id is null or purpose = 'staff'",
            name=op.f("ck_sign_in_attempt_link_is_staff"),
        ),
        sa.CheckConstraint(
            "expires_at > created_at", name=op.f("ck_sign_in_attempt_times_in_order")
        ),
        sa.UniqueConstraint("state_hash", name=op.f("uq_sign_in_attempt_state_hash")),
        sa.ForeignKeyConstraint(
            ["identity_provider_id"],
            ["identity_provider.id"],
            name=op.f("fk_sign_in_attempt_identity_provider_id_identity_provider"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"],
            ["staff.id"],
            name=op.f("fk_sign_in_attempt_staff_id_staff"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["staff_link_id"],
            ["staff_link.id"],
            name=op.f("fk_sign_in_attempt_staff_link_id_staff_link"),
            ondelete="CASCADE",
        ),
    )
    op.create_index(op.f("ix_sign_in_attempt_expires_at"), "sign_in_attempt", ["expires_at"])


def _admission() -> None:
    op.create_table(
        "arrival",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("identity_provider_id", sa.Uuid(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("next_url", sa.String(2048), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_arrival")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_arrival_token_hash")),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_arrival_organisation_id_organisation"),
        ),
        sa.ForeignKeyConstraint(
            ["identity_provider_id"],
            ["identity_provider.id"],
            name=op.f("fk_arrival_identity_provider_id_identity_provider"),
        ),
    )
    op.create_index(op.f("ix_arrival_expires_at"), "arrival", ["expires_at"])


def _sponsorship() -> None:
    op.create_table(
        "sponsorship",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("guest_id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("contract_id", sa.Uuid(), nullable=False),
        sa.Column("sponsor_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("state_reason", sa.String(32), nullable=False),
        sa.Column("state_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lapses_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("at_once", sa.Boolean(), nullable=False),
        sa.Column("approve_by", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decision_note", sa.String(500), nullable=True),
        sa.Column("review_ask_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("why", sa.String(500), nullable=True),
        sa.Column("works_with", sa.String(254), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sponsorship")),
        sa.CheckConstraint(
            "state in ('requested', 'active', 'rejected', 'ended')",
            name=op.f("ck_sponsorship_state"),
        ),
        sa.CheckConstraint(
            "approve_by is null or at_once",
            name=op.f("ck_sponsorship_only_at_once_waits_with_access"),
        ),
        sa.CheckConstraint(
            "(review_due_at is null) = (review_ends_at is null)",
            name=op.f("ck_sponsorship_review_whole"),
        ),
        sa.CheckConstraint(
            "review_ends_at is null or review_ends_at >= review_due_at",
            name=op.f("ck_sponsorship_grace_after_review"),
        ),
        sa.ForeignKeyConstraint(
            ["guest_id"], ["guest.id"], name=op.f("fk_sponsorship_guest_id_guest")
        ),
        sa.ForeignKeyConstraint(
            ["organisation_id"],
            ["organisation.id"],
            name=op.f("fk_sponsorship_organisation_id_organisation"),
        ),
        sa.ForeignKeyConstraint(
            ["contract_id"], ["contract.id"], name=op.f("fk_sponsorship_contract_id_contract")
        ),
        sa.ForeignKeyConstraint(
            ["sponsor_id"], ["staff.id"], name=op.f("fk_sponsorship_sponsor_id_staff")
        ),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["staff.id"], name=op.f("fk_sponsorship_decided_by_staff")
        ),
    )
    op.create_index(
        op.f("ix_sponsorship_contract_id_state"), "sponsorship", ["contract_id", "state"]
    )
    op.create_index(op.f("ix_sponsorship_guest_id_state"), "sponsorship", ["guest_id", "state"])
    op.create_index(
        op.f("ix_sponsorship_organisation_id_state"), "sponsorship", ["organisation_id", "state"]
    )
    op.create_index(op.f("ix_sponsorship_sponsor_id_state"), "sponsorship", ["sponsor_id", "state"])
    op.create_index(
        op.f("ix_sponsorship_state_approve_by"), "sponsorship", ["state", "approve_by", "id"]
    )
    op.create_index(
        op.f("ix_sponsorship_state_expires_at"), "sponsorship", ["state", "expires_at", "id"]
    )
    op.create_index(
        op.f("ix_sponsorship_state_lapses_at"), "sponsorship", ["state", "lapses_at", "id"]
    )
    op.create_index(
        op.f("ix_sponsorship_state_review_ask_at"), "sponsorship", ["state", "review_ask_at", "id"]
    )
    op.create_index(
        op.f("ix_sponsorship_state_review_ends_at"),
        "sponsorship",
        ["state", "review_ends_at", "id"],
    )
    op.create_index(
        op.f("uq_sponsorship_one_request"),
        "sponsorship",
        ["guest_id"],
        unique=True,
        postgresql_where=sa.text("state = 'requested'"),
        sqlite_where=sa.text("state = 'requested'"),
    )
    op.create_table(
        "grant_",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("guest_id", sa.Uuid(), nullable=False),
        sa.Column("sponsorship_id", sa.Uuid(), nullable=False),
        sa.Column("offer_id", sa.Uuid(), nullable=False),
        sa.Column("entitlement_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("state_reason", sa.String(32), nullable=False),
        sa.Column("by_claim", sa.Boolean(), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grant_")),
        sa.CheckConstraint(
            "state in ('proposed', 'active', 'ended')", name=op.f("ck_grant__state")
        ),
        sa.CheckConstraint(
            "(state = 'ended') = (ended_at is not null)", name=op.f("ck_grant__ended_has_moment")
        ),
        sa.ForeignKeyConstraint(["guest_id"], ["guest.id"], name=op.f("fk_grant__guest_id_guest")),
        sa.ForeignKeyConstraint(
            ["sponsorship_id"],
            ["sponsorship.id"],
            name=op.f("fk_grant__sponsorship_id_sponsorship"),
        ),
        sa.ForeignKeyConstraint(["offer_id"], ["offer.id"], name=op.f("fk_grant__offer_id_offer")),
        sa.ForeignKeyConstraint(
            ["entitlement_id"],
            ["entitlement.id"],
            name=op.f("fk_grant__entitlement_id_entitlement"),
        ),
    )
    op.create_index(op.f("ix_grant_guest_id_state"), "grant_", ["guest_id", "state"])
    op.create_index(op.f("ix_grant_offer_id_state"), "grant_", ["offer_id", "state"])
    op.create_index(
        op.f("uq_grant_standing"),
        "grant_",
        ["sponsorship_id", "offer_id"],
        unique=True,
        postgresql_where=sa.text("state <> 'ended'"),
        sqlite_where=sa.text("state <> 'ended'"),
    )


def downgrade() -> None:
    """Leave nothing; the triggers go with their table."""
    for table in (
        "grant_",
        "sponsorship",
        "arrival",
        "sign_in_attempt",
        "session",
        "provider_document",
        "terms_acceptance",
        "federated_identity",
        "guest",
        "sweep_run",
        "offer",
        "policy",
        "organisation_sponsor",
        "identity_provider",
        "domain",
        "contract",
        "terms",
        "organisation",
        "staff_link",
        "staff",
        "outbox",
        "audit_personal",
        "audit_event",
        "entitlement",
        "application",
    ):
        op.drop_table(table)
    if not _sqlite():
        op.execute("DROP FUNCTION audit_event_append_only()")


def _sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"
