"""Write the outbox: put with the change, claim, settle. A message leaves at least once, in order.

Claiming pushes ``not_before`` ahead, so a worker that dies keeps nothing back for longer than
``LEASE``. Sending again after a crash bears the same Message-ID.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    String,
    Text,
    bindparam,
    delete,
    select,
    type_coerce,
    update,
)

from portal.audit.changes import record
from portal.audit.rules import Event, plain
from portal.delivery.models import Outbox
from portal.delivery.queries import past_keeping, read_payload, sealed_fields
from portal.delivery.rules import (
    LEASE,
    LONGEST_PAUSE,
    SECRET_FIELDS,
    Message,
    State,
    after_failure,
    check,
)
from portal.foundation import crypto, queues
from portal.foundation.db import table_of, uuid7
from portal.foundation.transaction import Tx

__all__ = [
    "Claimed",
    "Message",
    "claim",
    "delete_sent",
    "encrypt_again",
    "opened",
    "put",
    "release",
    "send_again",
    "settle_failed",
    "settle_sent",
    "wake_drain",
    "withdraw",
    "withdraw_dead",
    "withdraw_unsent",
]

_LONGEST_ERROR = 500
# Written into the statement: a plan made for any state could not use the partial index.
_WAITING = bindparam("waiting", State.WAITING.value, String, literal_execute=True)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this worker may send until its lease ends.

    Attributes:
        payload: None where the row holds none that could be read.
    """

    id: UUID
    kind: str
    to: str
    payload: Mapping[str, Any] | None
    reference: str
    tries: int
    created_at: datetime


def put(tx: Tx, messages: Sequence[Message]) -> None:
    """Put messages into the outbox with this transaction; a known dedupe key is left alone.

    Raises:
        WrongMessage: a message does not fit its kind; the change fails with it.
    """
    if not messages:
        return
    rows = []
    for message in messages:
        check(message)
        rows.append(
            {
                "id": uuid7(),
                "kind": message.kind,
                "to": message.to,
                "dedupe_key": message.dedupe_key,
                "payload": _sealed(message),
                "reference": tx.reference,
                "state": State.WAITING,
                "tries": 0,
                "not_before": tx.now,
                "created_at": tx.now,
            }
        )
    tx.insert_at_end(table_of(Outbox), rows, once_by="dedupe_key")
    _wake_after(tx)


def _sealed(message: Message) -> dict[str, Any]:
    payload: dict[str, Any] = plain(message.payload)
    for field in SECRET_FIELDS.get(message.kind, ()):
        payload[field] = crypto.encrypt(payload[field])
    return payload


def opened(message: Claimed) -> dict[str, Any]:
    """Return the payload with its secret fields in clear, for the one who renders it.

    Raises:
        Undecryptable: the key that sealed them is gone.
        ValueError: there is no payload that could be read.
    """
    if message.payload is None:
        raise ValueError("what it should say cannot be read")
    payload = dict(message.payload)
    for field in SECRET_FIELDS.get(message.kind, ()):
        payload[field] = crypto.decrypt(payload[field])
    return payload


def wake_drain() -> None:
    """Wake the drain; it may be lost, the schedule drains anyway."""
    queues.wake(queues.DRAIN)


def _wake_after(tx: Tx) -> None:
    if wake_drain not in tx.after_commit:  # once a transaction, however many messages
        tx.after_commit.append(wake_drain)


def claim(tx: Tx, limit: int) -> list[Claimed]:
    """Take up to *limit* due messages, oldest first; they are this worker's for ``LEASE``.

    Where nothing else is due, what no pause puts off for so long is: the clock was ahead once.
    """
    ids = _due(tx, Outbox.not_before <= tx.now, limit) or _due(
        tx, Outbox.not_before > tx.now + LONGEST_PAUSE, limit
    )
    if not ids:
        return []
    taken = tx.session.execute(
        update(Outbox)
        .where(Outbox.id.in_(ids))
        .values(tries=Outbox.tries + 1, not_before=tx.now + LEASE)
        .returning(
            Outbox.id,
            Outbox.kind,
            Outbox.to,
            type_coerce(Outbox.payload, Text),
            Outbox.reference,
            Outbox.tries,
            Outbox.created_at,
        )
    )
    claimed = [
        Claimed(id_, kind, to, read_payload(payload), reference, tries, created_at)
        for id_, kind, to, payload, reference, tries, created_at in taken
    ]
    return sorted(claimed, key=lambda message: message.id)


def _due(tx: Tx, when: ColumnElement[bool], limit: int) -> Sequence[UUID]:
    return tx.session.scalars(
        select(Outbox.id)
        .where(Outbox.state == _WAITING, when)
        .order_by(Outbox.not_before, Outbox.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()


def release(tx: Tx, messages: Sequence[Claimed]) -> None:
    """Give back what was claimed and not tried: no try of it is used up."""
    for message in messages:
        tx.session.execute(
            update(Outbox)
            .where(*_still_claimed(message))
            .values(tries=Outbox.tries - 1, not_before=tx.now)
        )


def _still_claimed(message: Claimed) -> tuple[ColumnElement[bool], ...]:
    """Return the condition that no other worker has taken the message over."""
    return (
        Outbox.id == message.id,
        Outbox.state == State.WAITING,
        Outbox.tries == message.tries,
    )


def settle_sent(tx: Tx, message: Claimed) -> None:
    """Note that the mail server took it; what it said of people is kept no longer.

    The row stays for ``KEPT_SENT``: its key sees that nothing is sent twice.
    """
    tx.session.execute(
        update(Outbox)
        .where(Outbox.id == message.id)
        .values(state=State.SENT, settled_at=tx.now, last_error=None, payload={})
    )


def delete_sent(tx: Tx, now: datetime, limit: int) -> int:
    """Delete up to *limit* mails that were sent long ago; return how many.

    What waits, and what is dead until somebody decides, stays.
    """
    long_ago = past_keeping(select(Outbox.id), now).order_by(Outbox.created_at).limit(limit)
    ids = tx.session.scalars(long_ago.with_for_update(skip_locked=True)).all()
    if ids:
        tx.session.execute(
            delete(Outbox).where(Outbox.id.in_(ids)).execution_options(synchronize_session=False)
        )
    return len(ids)


def withdraw(tx: Tx, message: Claimed) -> None:
    """Send a message no more whose recipient has left meanwhile: the log keeps that there was one.

    The row goes, since nobody is to send it again.
    """
    _withdraw(tx, *_still_claimed(message))


def withdraw_unsent(tx: Tx, keys: Collection[str], reason: str) -> None:
    """Withdraw what was put under these keys and is not sent: it would say what holds no more."""
    tx.write_kept()
    _withdraw(tx, Outbox.dedupe_key.in_(keys), Outbox.state != State.SENT, reason=reason)


def withdraw_dead(tx: Tx, message_id: UUID, reason: str) -> bool:
    """Withdraw a dead message: its recipient has left, or somebody decided that it is not sent.

    Returns:
        False when it is not dead (any more): somebody was quicker.
    """
    return _withdraw(tx, Outbox.id == message_id, Outbox.state == State.DEAD, reason=reason)


def _withdraw(tx: Tx, *which: ColumnElement[bool], reason: str = "staff.left") -> bool:
    gone = tx.session.scalars(delete(Outbox).where(*which).returning(Outbox.kind)).all()
    record(tx, [Event("mail.withdrawn", reason=reason, data={"kind": kind}) for kind in gone])
    return bool(gone)


def settle_failed(tx: Tx, message: Claimed, *, code: str, error: str, refused: bool) -> State:
    """Note a failure: try again after a growing pause, or give up where everybody can see it.

    Args:
        tx: the open transaction.
        message: as claimed; a claim that another worker has taken over is left to that one.
        code: ``mail.detail``, for the audit.
        error: one line for admins.
        refused: the server said no for good.

    Returns:
        ``waiting`` or ``dead``.
    """
    outcome = after_failure(message.tries, refused=refused)
    values: dict[str, Any] = {"last_error": error[:_LONGEST_ERROR]}
    if outcome.pause is None:
        values |= {"state": State.DEAD, "settled_at": tx.now}
    else:
        values["not_before"] = tx.now + outcome.pause
    changed = tx.session.execute(
        update(Outbox).where(*_still_claimed(message)).values(values).returning(Outbox.id)
    ).all()
    if changed and outcome.dead:
        record(tx, [Event("mail.dead", reason=code, data={"kind": message.kind})])
    return State.DEAD if outcome.dead else State.WAITING


def send_again(tx: Tx, message_id: UUID) -> bool:
    """Give a dead message a new life, with all its tries.

    Returns:
        False when it is not dead (any more): somebody was quicker.
    """
    kind = tx.session.scalar(
        update(Outbox)
        .where(Outbox.id == message_id, Outbox.state == State.DEAD)
        .values(state=State.WAITING, tries=0, not_before=tx.now, settled_at=None, last_error=None)
        .returning(Outbox.kind)
    )
    if kind is None:
        return False
    record(tx, [Event("mail.sent_again", data={"kind": kind})])
    _wake_after(tx)
    return True


def encrypt_again(tx: Tx, message_id: UUID) -> bool:
    """Encrypt the secret fields of an unsent message with the first of the secret keys.

    Returns:
        False when there is nothing to do (any more): sent meanwhile, or under that key already.

    Raises:
        Undecryptable: no key opens one of them.
    """
    row = tx.session.execute(
        select(Outbox.kind, type_coerce(Outbox.payload, Text))
        .where(Outbox.id == message_id, Outbox.state != State.SENT)
        .with_for_update()
    ).one_or_none()
    if row is None:
        return False
    kind, payload = row[0], read_payload(row[1])
    vault = crypto.vault()
    old = sealed_fields(kind, payload)
    new = {field: vault.rotate(text) for field, text in old.items() if not vault.under_first(text)}
    if not new:
        return False
    tx.session.execute(
        update(Outbox).where(Outbox.id == message_id).values(payload={**(payload or {}), **new})
    )
    record(tx, [Event("mail.encrypted_again", data={"kind": kind})])
    return True
