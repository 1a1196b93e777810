"""Drain the outbox: claim a few, send each, settle each. Safe to repeat, double or kill."""

import time
from collections.abc import Callable, Collection, Sequence
from uuid import UUID

import structlog

from portal.delivery import changes
from portal.delivery.changes import Claimed
from portal.delivery.mail import compose
from portal.delivery.queries import dead_for_employees
from portal.delivery.rules import State, for_employee
from portal.delivery.smtp import Postbox, Undeliverable
from portal.foundation import clock
from portal.foundation.current import current_house, current_settings
from portal.foundation.db import Reader, reading, uuid7
from portal.foundation.queues import TimeUp
from portal.foundation.transaction import Actor, new_reference, transaction

BATCH = 20
SECONDS = 60.0  # then the next run goes on; what is left of a batch goes back before its lease ends

_DRAIN = Actor.system("drain")

WhoLeft = Callable[[Reader, Collection[str]], frozenset[str]]

log = structlog.get_logger(__name__)


def drain() -> dict[str, int]:
    """Send what is due, oldest first; withdraw what is for employees who have left, dead or not.

    Returns:
        How many were ``sent``, are to be tried ``later``, or are ``dead``.
    """
    counts = {"sent": 0, "later": 0, "dead": 0}
    stop_at = time.monotonic() + SECONDS
    _withdraw_dead()
    with Postbox(current_settings()) as postbox:
        while batch := _claim():
            left = _who_left({one.to for one in batch if for_employee(one.kind)})
            for done, message in enumerate(batch, start=1):
                if for_employee(message.kind) and message.to in left:
                    _withdraw(message)
                    continue
                fault = _send(postbox, message)
                counts[_settle(message, fault)] += 1
                # A server that is down costs one message one try, not all of them.
                if (fault is not None and fault.server) or time.monotonic() > stop_at:
                    _release(batch[done:])
                    return counts
    return counts


def _claim() -> list[Claimed]:
    with transaction(actor=_DRAIN, now=clock.policy_now()) as tx:
        return changes.claim(tx, BATCH)


def _who_left(to: Collection[str]) -> frozenset[str]:
    """Return the addresses of employees who have left: somebody else knows, as ``app`` says."""
    ask: WhoLeft | None = current_house().get("who_left")
    if ask is None or not to:
        return frozenset()
    with reading() as reader:
        return ask(reader, to)


def _withdraw(message: Claimed) -> None:
    now = clock.policy_now()
    with transaction(actor=_DRAIN, now=now, reference=message.reference) as tx:
        changes.withdraw(tx, message)


def _withdraw_dead() -> None:
    """Withdraw the dead letters of those who have left: nobody has to decide about them."""
    with reading() as reader:
        dead = dead_for_employees(reader)
    left = _who_left({to for _, to, _ in dead})
    for id_, _, reference in [one for one in dead if one[1] in left]:
        with transaction(actor=_DRAIN, now=clock.policy_now(), reference=reference) as tx:
            changes.withdraw_dead(tx, id_, "staff.left")


def _release(messages: Sequence[Claimed]) -> None:
    with transaction(actor=_DRAIN, now=clock.policy_now()) as tx:
        changes.release(tx, messages)


def _send(postbox: Postbox, message: Claimed) -> Undeliverable | None:
    """Return why the message could not be sent, if so."""
    try:
        postbox.send(compose(current_settings(), message))
    except Undeliverable as fault:
        return fault
    except TimeUp:
        raise  # no message's fault: the job ends here, and this one comes up again with its lease
    except Exception as fault:  # noqa: BLE001 - a poisonous row must not hold up the others
        detail = f"unexpected {type(fault).__name__}: {fault}"
        return Undeliverable("mail.failed", detail, refused=True)
    return None


def _settle(message: Claimed, fault: Undeliverable | None) -> str:
    """Write down how it went, under the reference of the change that the message tells of."""
    now = clock.policy_now()
    with transaction(actor=_DRAIN, now=now, reference=message.reference) as tx:
        if fault is None:
            changes.settle_sent(tx, message)
            return "sent"
        state = changes.settle_failed(
            tx, message, code=fault.code, error=fault.message, refused=fault.refused
        )
    # What the server answered may name a person: it stands in the row, not in the log.
    log.warning("mail.not_sent", code=fault.code, state=str(state), reference=message.reference)
    return "dead" if state is State.DEAD else "later"


def send_test(to: str) -> UUID:
    """Send a test mail now, past the outbox, so that whoever asked learns at once how it went.

    Args:
        to: a canonical address.

    Returns:
        The id in its Message-ID.

    Raises:
        Undeliverable: with one line that says what happened.
    """
    settings, id_ = current_settings(), uuid7()
    message = Claimed(
        id=id_,
        kind="test",
        to=to,
        payload={},
        reference=new_reference(),
        tries=1,
        created_at=clock.policy_now(),
    )
    with Postbox(settings) as postbox:
        postbox.send(compose(settings, message))
    return id_
