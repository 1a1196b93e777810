"""What is asked for and not allowed (another's page, a form without its token) is audited."""

import time
from threading import Lock
from typing import Final

from portal.audit.changes import record
from portal.audit.rules import Event
from portal.foundation import clock
from portal.foundation.transaction import transaction
from portal.pages.acting import whoever
from portal.web.errors import Refusal

MOST_A_MINUTE: Final = 600  # of one process: a flood is logged, but does not fill the database

_lock = Lock()
_window = [0.0, 0]


def write_down(refusal: Refusal) -> None:
    """Record a refusal under the number that the person sees."""
    if is_flood():
        return
    actor = whoever()
    with transaction(actor=actor, now=clock.policy_now(), reference=refusal.reference) as tx:
        event = Event(
            "access.refused",
            guest_id=actor.id if actor.kind == "guest" else None,
            reason=refusal.code,
            data={"path": refusal.path[:200]},
            personal={"seen": {"address": refusal.address, "method": refusal.method}},
        )
        record(tx, [event])


def is_flood() -> bool:
    """Count a refusal; say whether this process has had too many within the minute."""
    with _lock:
        now = time.monotonic()
        if now - _window[0] >= 60:  # noqa: PLR2004
            _window[:] = [now, 0]
        _window[1] += 1
        return _window[1] > MOST_A_MINUTE
