"""One way to carry a form out: a transaction as whoever sent it, refusals at the field."""

from collections.abc import Callable
from typing import TypeVar

from flask import flash

from portal.foundation import clock
from portal.foundation.refused import Refused
from portal.foundation.transaction import ANONYMOUS, Actor, Tx, again_after_deadlock, transaction
from portal.web.errors import current_reference
from portal.web.forms import PortalForm
from portal.web.guards import current_viewer

T = TypeVar("T")


def whoever() -> Actor:
    """Return who asks, guest or employee; nobody where nobody is signed in."""
    viewer = current_viewer()
    return Actor(viewer.kind, viewer.id) if viewer else ANONYMOUS


def act(change: Callable[[Tx], T]) -> T:
    """Run a change as whoever asks, in one transaction; once more after a deadlock.

    Raises:
        Refused: by the change; nothing is written.
    """

    def carry_out() -> T:
        now, reference = clock.policy_now(), current_reference()
        with transaction(actor=whoever(), now=now, reference=reference) as tx:
            return change(tx)

    return again_after_deadlock(carry_out)


UNCHANGED = "Nothing was changed: it stands like this already"


def try_act(
    form: PortalForm,
    change: Callable[[Tx], T],
    done: str | Callable[[T], str],
    *,
    unchanged: str = "",
) -> bool:
    """Run a change; a refusal is shown in the form, success is said on the next page.

    Args:
        form: where a refusal is said.
        change: what to carry out.
        done: what to say then, or what says it of the change's result.
        unchanged: what to say where nothing was, if that is another thing.

    Returns:
        Whether it was done.
    """
    idle = False

    def watched(tx: Tx) -> T:
        nonlocal idle
        result = change(tx)
        idle = tx.idle
        return result

    try:
        result = act(watched)
    except Refused as refused:
        form.refuse(refused)
        return False
    if idle and unchanged:
        flash(unchanged)
    else:
        flash(done if isinstance(done, str) else done(result))
    return True


def need(value: T | None) -> T:
    """Return what a field that needs an answer holds once its form is valid."""
    if value is None:
        raise ValueError("the form was not validated")
    return value
