"""The audit log's tables; triggers make the first one append-only on both databases."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DDL, BigInteger, ForeignKey, Index, Integer, String, event
from sqlalchemy.orm import Mapped, mapped_column

from portal.foundation.db import Base, JsonText


class AuditEvent(Base):
    """One event. No foreign keys: what happened stays, whatever becomes of the rows."""

    __tablename__ = "audit_event"
    __table_args__ = (
        Index("ix_audit_event_reference", "reference"),
        # Each filter, by date, page by page: an index that ends in the order of the log.
        Index("ix_audit_event_event_at", "event", "at", "seq"),
        Index("ix_audit_event_organisation_id_at", "organisation_id", "at", "seq"),
        Index("ix_audit_event_guest_id_at", "guest_id", "at", "seq"),
        Index("ix_audit_event_at", "at", "seq"),
    )

    seq: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    id: Mapped[UUID] = mapped_column(unique=True)
    at: Mapped[datetime]
    event: Mapped[str] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(String(200))
    organisation_id: Mapped[UUID | None]
    guest_id: Mapped[UUID | None]
    reason: Mapped[str | None] = mapped_column(String(64))
    reference: Mapped[str] = mapped_column(String(32))
    rules_version: Mapped[int]
    data: Mapped[Any] = mapped_column(JsonText)


class AuditPersonal(Base):
    """What an event says of a person. Deleting these rows erases the person, not the event."""

    __tablename__ = "audit_personal"

    event_id: Mapped[UUID] = mapped_column(ForeignKey("audit_event.id"), primary_key=True)
    person: Mapped[str] = mapped_column(String(64), primary_key=True)
    salt: Mapped[str] = mapped_column(String(64))
    data: Mapped[Any] = mapped_column(JsonText)

    __table_args__ = (Index("ix_audit_personal_person", "person"),)


SQLITE_TRIGGERS = tuple(
    f"CREATE TRIGGER audit_event_no_{verb} BEFORE {verb.upper()} ON audit_event "
    "BEGIN SELECT RAISE(ABORT, 'audit events are append-only'); END"
    for verb in ("update", "delete")
)
POSTGRESQL_TRIGGERS = (
    (
        "CREATE FUNCTION audit_event_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'audit events are append-only'; END $$"
    ),
    (
        "CREATE TRIGGER audit_event_no_change BEFORE UPDATE OR DELETE ON audit_event "
        "FOR EACH ROW EXECUTE FUNCTION audit_event_append_only()"
    ),
    (
        "CREATE TRIGGER audit_event_no_truncate BEFORE TRUNCATE ON audit_event "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_event_append_only()"
    ),
)

for _dialect, _triggers in (("sqlite", SQLITE_TRIGGERS), ("postgresql", POSTGRESQL_TRIGGERS)):
    for _trigger in _triggers:
        event.listen(
            AuditEvent.__table__,
            "after_create",
            DDL(_trigger.replace("%", "%%")).execute_if(  # type: ignore[no-untyped-call]
                dialect=_dialect
            ),
        )
