"""What the sweeps did, for the health page."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from portal.foundation.db import Base, JsonText, uuid7


class SweepRun(Base):
    """One run: when it began and ended, what it settled by kind, what failed."""

    __tablename__ = "sweep_run"
    __table_args__ = (Index("ix_sweep_run_began_at", "began_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    began_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    settled: Mapped[Any] = mapped_column(JsonText)
    failed: Mapped[int] = mapped_column(default=0)
