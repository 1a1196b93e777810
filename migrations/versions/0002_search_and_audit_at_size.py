"""0002: search guests, read the audit log and past decisions by index, however many there are."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SEARCHED = {"email": 254, "name": 200}
# Frozen here: from the first, second, ... word of the name on.
LETTERS = "replace(name, ' ', '')"
REST = "name"
NAMES = ["lower(name)"]
for _ in range(3):
    REST = f"ltrim(ltrim({REST}, {LETTERS}), ' ')"
    NAMES.append(f"lower({REST})")
AUDIT = ["event", "organisation_id", "guest_id"]


def upgrade() -> None:
    """Order what is searched by code points, and make the indexes."""
    op.drop_index("ix_guest_name", "guest")
    _collate("C")
    for word, expression in enumerate(NAMES, 1):
        op.create_index(f"ix_guest_name_{word}", "guest", [sa.text(expression)])
    for column in AUDIT:
        op.drop_index(f"ix_audit_event_{column}_seq", "audit_event")
        op.create_index(f"ix_audit_event_{column}_at", "audit_event", [column, "at", "seq"])
    op.drop_index("ix_audit_event_at", "audit_event")
    op.create_index("ix_audit_event_at", "audit_event", ["at", "seq"])
    op.create_index(
        "ix_sponsorship_decided_by_decided_at", "sponsorship", ["decided_by", "decided_at", "id"]
    )


def downgrade() -> None:
    """Back to what 0001 made."""
    op.drop_index("ix_sponsorship_decided_by_decided_at", "sponsorship")
    op.drop_index("ix_audit_event_at", "audit_event")
    op.create_index("ix_audit_event_at", "audit_event", ["at"])
    for column in AUDIT:
        op.drop_index(f"ix_audit_event_{column}_at", "audit_event")
        op.create_index(f"ix_audit_event_{column}_seq", "audit_event", [column, "seq"])
    for word in range(1, len(NAMES) + 1):
        op.drop_index(f"ix_guest_name_{word}", "guest")
    _collate("default")
    op.create_index("ix_guest_name", "guest", ["name"])


def _collate(collation: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for column, length in SEARCHED.items():
            op.alter_column("guest", column, type_=sa.String(length, collation=collation))
