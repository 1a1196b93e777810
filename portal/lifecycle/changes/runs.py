"""Note what the sweeps did."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, insert, select

from portal.foundation.db import table_of, uuid7
from portal.foundation.transaction import Tx
from portal.lifecycle.models import SweepRun

KEPT_RUNS = 2000


def note_run(
    tx: Tx, began_at: datetime, ended_at: datetime, settled: Mapping[str, int], failed: int
) -> None:
    """Keep one sweep for the health page, and forget the oldest ones.

    Args:
        tx: the open transaction.
        began_at: the policy clock's time that the sweep settled by.
        ended_at: of the policy clock.
        settled: how many of each kind.
        failed: how many guests and contracts could not be settled.
    """
    tx.session.execute(
        insert(table_of(SweepRun)),
        {
            "id": uuid7(),
            "began_at": began_at,
            "ended_at": ended_at,
            "settled": {kind: count for kind, count in settled.items() if count},
            "failed": failed,
        },
    )
    old = select(SweepRun.id).order_by(SweepRun.began_at.desc()).offset(KEPT_RUNS)
    tx.session.execute(
        delete(SweepRun).where(SweepRun.id.in_(old)).execution_options(synchronize_session=False)
    )
