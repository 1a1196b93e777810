"""What is asked for and not allowed (another's page, a form without its token) is audited."""

import time
from threading import Lock
from typing import Final

from portal.audit.changes import record
from portal.audit.rules import Event
from portal.foundation import clock
from portal.foundation.transaction import Actor, transaction
from portal.pages.acting import whoever
from portal.web.errors import Refusal

MOST_A_MINUTE: Final = 600  # of one process: a flood is logged, but does not fill the database

BEGUN: Final = "begun"

_lock = Lock()
_window = [0.0, 0]  # what anybody can cause by one request
# What takes a sign-in that was begun, and for each identity provider what takes its answer.
_windows: dict[str, list[float]] = {}


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


def is_flood(took: str | None = None) -> bool:
    """Count a refusal; say whether this process has had too many of its kind within the minute.

    The first one after such a minute writes down how many were left out of the audit log.

    Args:
        took: what it took, so that nobody's flood of less hides it: ``BEGUN``, a sign-in; or
            the identity provider whose answer it was.
    """
    left_out = 0
    with _lock:
        window = _window if took is None else _windows.setdefault(took, [0.0, 0])
        now = time.monotonic()
        if now - window[0] >= 60:  # noqa: PLR2004
            left_out = max(0, int(window[1]) - MOST_A_MINUTE)
            window[:] = [now, 0]
        window[1] += 1
        flood = window[1] > MOST_A_MINUTE
    if left_out:
        with transaction(actor=Actor.system("refusals"), now=clock.policy_now()) as tx:
            record(tx, [Event("refusals.left_out", data={"count": left_out})])
    return flood
