"""Settle: carry out everything that time has already done to some guests.

Whoever is about to move an end later, or to decide anything, settles first under the same locks;
a sweep settles in batches. Both apply the same pure steps with the same instants, so it does not
matter which of them came first. The guest's row lock guards its sponsorships too.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from portal.delivery.changes import Message, put
from portal.delivery.rules import KINDS
from portal.foundation.transaction import Tx
from portal.guests import changes as guest_changes
from portal.guests.changes import Move
from portal.guests.queries import GuestRow, lock
from portal.guests.rules import REMOVED_AFTER, Reason, State
from portal.sponsorship.changes import grants, writing
from portal.sponsorship.changes.telling import out_since
from portal.sponsorship.changes.writing import Change
from portal.sponsorship.queries import (
    Person,
    SponsorshipRow,
    due_in,
    open_of,
    open_rows,
    organisation_names,
    staff_people,
)
from portal.sponsorship.rules import (
    GuestDates,
    GuestMoves,
    SponsorshipEnds,
    Standing,
    Step,
    due_steps,
    latest_expiry,
)

NO_REVIEW = {"review_ask_at": None}
BATCH = 500


def dates_of(guest: GuestRow) -> GuestDates:
    """Return what of a guest the passing of time can change."""
    return GuestDates(
        state=guest.state,
        reason=guest.state_reason,
        since=guest.state_since,
        hold=guest.hold,
        tombstone=guest.tombstone,
        inactive_at=guest.inactive_at,
        removes_at=guest.removes_at,
    )


def settle(tx: Tx, guest_ids: Iterable[UUID]) -> dict[UUID, GuestRow]:
    """Lock guests, carry out what is due, and return them as they stand now."""
    guests = {guest.id: guest for guest in lock(tx, guest_ids)}
    standing = open_of(tx.session, guests)
    steps = {
        key: due
        for key, guest in guests.items()
        if (due := due_steps(dates_of(guest), standing.get(key, ()), tx.now))
    }
    if not steps:
        return guests
    rows = {row.id: row for row in open_rows(tx.session, steps)}
    ends = {
        key: [step for step in due if isinstance(step, SponsorshipEnds)]
        for key, due in steps.items()
    }
    over = [(rows[one.sponsorship_id], one.reason, one.at) for own in ends.values() for one in own]
    for acting, part in _by_whom(tx, over, lambda end: end[2]):
        end_sponsorships(acting, part)
    expiries: dict[UUID, dict[UUID, datetime]] = {}
    for row in rows.values():
        expiries.setdefault(row.guest_id, {})[row.id] = row.expires_at
    latest = {key: latest_expiry(expiries.get(key, {}), own) for key, own in ends.items()}
    reckoned = [(guests[key], end) for key, end in latest.items() if end]
    last = {key: max((end.at for end in own), default=tx.now) for key, own in ends.items()}
    for acting, some in _by_whom(tx, reckoned, lambda one: last[one[0].id]):
        guest_changes.reckon(acting, some)
    now = dict(guests)
    # A guest moves twice at most, suspended and then removed: each move is a batch of its own.
    for turn in (0, 1):
        moving: list[tuple[GuestRow, GuestMoves]] = []
        for key, due in steps.items():
            own = [step for step in due if isinstance(step, GuestMoves)]
            if len(own) > turn:
                moving.append((now[key], own[turn]))
        for acting, movers in _by_whom(tx, moving, lambda move: move[1].at):
            _move(acting, movers)
        if moving:
            now.update((guest.id, guest) for guest in lock(tx, [one.id for one, _ in moving]))
    _tell(tx, [(guests[key], due) for key, due in steps.items()], rows)
    return now


T = TypeVar("T")


def _by_whom(
    tx: Tx, found: Sequence[T], at: Callable[[T], datetime]
) -> tuple[tuple[Tx, list[T]], tuple[Tx, list[T]]]:
    """Part what time did before from what falls due by what is decided at this very moment.

    The log says of the one that time did it, and of the other who decided.
    """
    before = [one for one in found if at(one) < tx.now]
    return (tx.by_time(), before), (tx, [one for one in found if at(one) == tx.now])


def make_room(tx: Tx, organisation_id: UUID, most: int) -> bool:
    """Where every place is taken, settle the guests who hold one only for want of a sweep.

    Call it before ``lock_places``: guests are locked before their organisation.

    Returns:
        Whether there was anybody to settle.
    """
    if guest_changes.places(tx.session, organisation_id) < most:
        return False
    ids = due_in(tx.session, organisation_id, tx.now)
    for start in range(0, len(ids), BATCH):
        settle(tx, ids[start : start + BATCH])
    return bool(ids)


def end_sponsorships(
    tx: Tx, ends: Sequence[tuple[SponsorshipRow, Reason, datetime]], note: str | None = None
) -> None:
    """End sponsorships and what was given under them."""
    writing.change(
        tx,
        "sponsorship.ended",
        [
            Change(
                row,
                Standing.ENDED,
                {
                    "state_reason": reason,
                    "state_since": at,
                    "lapses_at": None,
                    "approve_by": None,
                    **NO_REVIEW,
                    **({"decision_note": note} if note else {}),
                },
            )
            for row, reason, at in ends
        ],
    )
    grants.end_with(tx, {row.id: (str(reason), at) for row, reason, at in ends})


def reckon(tx: Tx, guests: Iterable[GuestRow], standing: Sequence[SponsorshipRow]) -> None:
    """Set each guest's end to the latest of its open sponsorships'; with none it keeps its last."""
    ends = []
    for guest in guests:
        own = [row.expires_at for row in standing if row.guest_id == guest.id]
        if own:
            ends.append((guest, max(own)))
    guest_changes.reckon(tx, ends)


def _move(tx: Tx, moving: Sequence[tuple[GuestRow, GuestMoves]]) -> None:
    for state, event in ((State.SUSPENDED, "guest.suspended"), (State.REMOVED, "guest.removed")):
        guest_changes.move(
            tx,
            event,
            [
                Move(guest, step.state, step.reason, step.at, _columns(guest, step))
                for guest, step in moving
                if step.state == state
            ],
        )


def _columns(guest: GuestRow, step: GuestMoves) -> dict[str, object]:
    if step.state == State.SUSPENDED:
        return {"inactive_at": None, "removes_at": step.at + REMOVED_AFTER}
    epoch = guest.session_epoch + 1
    return {"inactive_at": None, "tombstone": step.tombstone, "session_epoch": epoch}


def _tell(
    tx: Tx,
    settled: Sequence[tuple[GuestRow, Sequence[Step]]],
    sponsorships: Mapping[UUID, SponsorshipRow],
) -> None:
    """Tell each guest, as before the steps, of the last move, and sponsors of what they lost."""
    moved = [
        (guest, steps)
        for guest, steps in settled
        if any(isinstance(step, GuestMoves) for step in steps)
    ]
    if not moved:
        return
    organisations = organisation_names(tx.session, {guest.organisation_id for guest, _ in moved})
    people = staff_people(tx.session, {row.sponsor_id for row in sponsorships.values()})
    sponsors = {row.id: people[row.sponsor_id] for row in sponsorships.values()}
    messages = []
    for guest, steps in moved:
        messages += _messages(guest, steps, organisations[guest.organisation_id], sponsors)
    put(tx, messages)


def _messages(
    guest: GuestRow, steps: Sequence[Step], organisation: str, sponsors: Mapping[UUID, Person]
) -> list[Message]:
    *before, last = [step for step in steps if isinstance(step, GuestMoves)]
    about = {
        "organisation": organisation,
        "waited": guest.state == State.PENDING,
        "out_since": before[0].at.isoformat() if before else out_since(guest),
        "removed_at": last.at.isoformat() if before else None,
        "removes_at": (last.at + REMOVED_AFTER).isoformat() if not before else None,
        "lifted": False,
        "guest_id": str(guest.id),
        "guest_name": guest.name or guest.email or "",
        "guest_email": guest.email or "",
    }
    lapsed = last.reason == Reason.LAPSED
    messages = []
    if guest.email:
        kind = f"guest.{'lapsed' if lapsed else last.state}"
        messages.append(_message(kind, guest.email, about, guest, last))
    # A contract's end is told to sponsors once, with the count, not once a guest.
    if before or last.state == State.SUSPENDED or lapsed:
        kind = "sponsor.request_lapsed" if lapsed else "sponsor.guest_suspended"
        move = (*before, last)[0]
        # Whose word ended before that lost nobody then: whenever a sweep ran, the same are told.
        lost = {
            sponsors[step.sponsorship_id]
            for step in steps
            if isinstance(step, SponsorshipEnds) and step.at == move.at
        }
        messages += [
            _message(kind, sponsor.email, about, guest, move, f":{sponsor.id}")
            for sponsor in sorted(lost, key=lambda one: one.id)
        ]
    return messages


def _message(
    kind: str,
    to: str,
    about: Mapping[str, object],
    guest: GuestRow,
    move: GuestMoves,
    further: str = "",
) -> Message:
    """Return what a mail of this kind says of a move, put once."""
    said = {**about, "reason": str(move.reason), "since": move.at.isoformat()}
    once = f"{kind}:{guest.id}:{move.at.isoformat()}{further}"
    return Message(kind, to, once, {key: said[key] for key in KINDS[kind].required})
