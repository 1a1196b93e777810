"""What is asked for and not allowed (another's page, a form without its token) is audited."""

import time
from dataclasses import dataclass
from threading import Lock
from typing import Final

from portal.audit.changes import record
from portal.audit.rules import Event
from portal.foundation import clock
from portal.foundation.transaction import Tx, transaction
from portal.pages.acting import whoever
from portal.web.errors import Refusal

MOST_A_MINUTE: Final = 600  # of one process: a flood is logged, but does not fill the database

BEGUN: Final = "begun"

_lock = Lock()
_window = [0.0, 0]  # what anybody can cause by one request
# What takes a sign-in that was begun, and for each identity provider what takes its answer.
_windows: dict[str, list[float]] = {}


@dataclass(frozen=True, slots=True)
class Counted:
    """A refusal that was counted.

    Attributes:
        flood: this process has had too many of its kind within the minute: it is left out.
        left_out: how many were, before this one: it is the first after such a minute.
    """

    flood: bool
    left_out: int


def write_down(refusal: Refusal) -> None:
    """Record a refusal under the number that the person sees."""
    counted = count()
    if counted.flood:
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
        record_refusal(tx, counted, event)


def count(took: str | None = None) -> Counted:
    """Count a refusal; return whether it is written down, and how many before it were not.

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
        return Counted(window[1] > MOST_A_MINUTE, left_out)


def record_refusal(tx: Tx, counted: Counted, event: Event) -> None:
    """Write a refusal down, and with the first after a flood how many were left out of the log."""
    if counted.left_out:
        record(tx.by_time(), [Event("refusals.left_out", data={"count": counted.left_out})])
    if not counted.flood:
        record(tx, [event])
