"""What time has done to a guest: tables at the very instant, and what holds for all of them."""

from dataclasses import replace
from datetime import datetime
from itertools import permutations

import pytest

from portal.guests.rules import REMOVED_AFTER, Reason, State
from portal.sponsorship.rules import (
    GuestMoves,
    due_steps,
    outlook,
)
from tests.sponsorship.dates import (
    ACTIVE,
    AT_ONCE,
    DAY,
    END,
    GONE,
    HELD,
    HELD_BY_ADMIN,
    IN,
    NOW,
    ONE,
    OUT,
    PENDING,
    REQUESTED,
    REVIEWED,
    THREE,
    TICK,
    TWO,
    ends,
)

param = pytest.param


def moves(state: State, reason: Reason, at: datetime, *, tombstone: bool = False) -> GuestMoves:
    return GuestMoves(state, reason, at, tombstone)


SUSPENDED, REMOVED = State.SUSPENDED, State.REMOVED


SILENT = NOW + 60 * DAY


SECOND = replace(ACTIVE, id=TWO)


# Seen every day: only the sponsorships' own dates come.
AWAKE = replace(IN, inactive_at=NOW + 900 * DAY)


@pytest.mark.parametrize(
    ("guest", "sponsorships", "now", "expected"),
    [
        param(IN, (ACTIVE,), NOW, (), id="nothing is due"),
        param(AWAKE, (ACTIVE,), END - TICK, (), id="a moment before the last day is over"),
        param(
            AWAKE,
            (ACTIVE,),
            END,
            (ends(ONE, Reason.EXPIRED, END), moves(SUSPENDED, Reason.EXPIRED, END)),
            id="last day over",
        ),
        param(
            AWAKE,
            (ACTIVE, SECOND),
            END,
            (
                ends(ONE, Reason.EXPIRED, END),
                ends(TWO, Reason.EXPIRED, END),
                moves(SUSPENDED, Reason.EXPIRED, END),
            ),
            id="two end together, in the order of their ids",
        ),
        param(
            AWAKE,
            (SECOND, replace(ACTIVE, expires_at=END - DAY)),
            END - DAY,
            (ends(ONE, Reason.EXPIRED, END - DAY),),
            id="another one still carries the guest",
        ),
        param(
            AWAKE,
            (replace(SECOND, expires_at=END + DAY), ACTIVE),
            END + 2 * DAY,
            (
                ends(ONE, Reason.EXPIRED, END),
                ends(TWO, Reason.EXPIRED, END + DAY),
                moves(SUSPENDED, Reason.EXPIRED, END + DAY),
            ),
            id="the last one counts",
        ),
        param(IN, (ACTIVE,), SILENT - TICK, (), id="a moment before silence counts"),
        param(
            IN,
            (SECOND, ACTIVE),
            SILENT,
            (
                ends(ONE, Reason.INACTIVE, SILENT),
                ends(TWO, Reason.INACTIVE, SILENT),
                moves(SUSPENDED, Reason.INACTIVE, SILENT),
            ),
            id="silent: every sponsorship ends with it",
        ),
        param(
            IN,
            (replace(ACTIVE, expires_at=SILENT + DAY),),
            SILENT + 2 * DAY,
            (ends(ONE, Reason.INACTIVE, SILENT), moves(SUSPENDED, Reason.INACTIVE, SILENT)),
            id="silent before the last day was over, unswept: what came first counts",
        ),
        param(
            replace(IN, inactive_at=END),
            (ACTIVE,),
            END,
            (ends(ONE, Reason.EXPIRED, END), moves(SUSPENDED, Reason.EXPIRED, END)),
            id="silent at the instant of the last end: the end counts",
        ),
        param(
            replace(IN, inactive_at=END),
            (ACTIVE, replace(SECOND, expires_at=END + DAY)),
            END,
            (
                ends(ONE, Reason.EXPIRED, END),
                ends(TWO, Reason.INACTIVE, END),
                moves(SUSPENDED, Reason.INACTIVE, END),
            ),
            id="silent at the instant of the first of two ends",
        ),
        param(
            AWAKE,
            (ACTIVE,),
            END + REMOVED_AFTER - TICK,
            (ends(ONE, Reason.EXPIRED, END), moves(SUSPENDED, Reason.EXPIRED, END)),
            id="a moment before suspended for too long",
        ),
        param(
            AWAKE,
            (ACTIVE,),
            END + REMOVED_AFTER,
            (
                ends(ONE, Reason.EXPIRED, END),
                moves(SUSPENDED, Reason.EXPIRED, END),
                moves(REMOVED, Reason.SUSPENDED_TOO_LONG, END + REMOVED_AFTER),
            ),
            id="nobody swept for a month",
        ),
        param(OUT, (), NOW + REMOVED_AFTER - TICK, (), id="suspended, last moment"),
        param(
            OUT,
            (),
            NOW + REMOVED_AFTER,
            (moves(REMOVED, Reason.SUSPENDED_TOO_LONG, NOW + REMOVED_AFTER),),
            id="suspended for too long by time: no tombstone",
        ),
        param(
            HELD,
            (ACTIVE, SECOND),
            NOW + REMOVED_AFTER,
            (
                ends(ONE, Reason.SUSPENDED_TOO_LONG, NOW + REMOVED_AFTER),
                ends(TWO, Reason.SUSPENDED_TOO_LONG, NOW + REMOVED_AFTER),
                moves(REMOVED, Reason.SUSPENDED_TOO_LONG, NOW + REMOVED_AFTER, tombstone=True),
            ),
            id="held for too long: a tombstone",
        ),
        param(
            HELD_BY_ADMIN,
            (),
            NOW + REMOVED_AFTER,
            (moves(REMOVED, Reason.SUSPENDED_TOO_LONG, NOW + REMOVED_AFTER, tombstone=True),),
            id="held by an admin for too long: what removed them is still said",
        ),
        param(
            HELD,
            (replace(ACTIVE, expires_at=NOW + DAY),),
            NOW + 2 * DAY,
            (ends(ONE, Reason.EXPIRED, NOW + DAY),),
            id="held: what runs out runs out, the guest stays as it is",
        ),
        param(
            HELD,
            (replace(ACTIVE, contract_ends_at=NOW + DAY),),
            NOW + DAY,
            (
                ends(ONE, Reason.CONTRACT_ENDED, NOW + DAY),
                moves(REMOVED, Reason.CONTRACT_ENDED, NOW + DAY, tombstone=True),
            ),
            id="held while the contract ends",
        ),
        param(
            HELD,
            (replace(ACTIVE, contract_ends_at=NOW + REMOVED_AFTER),),
            NOW + REMOVED_AFTER,
            (
                ends(ONE, Reason.CONTRACT_ENDED, NOW + REMOVED_AFTER),
                moves(REMOVED, Reason.CONTRACT_ENDED, NOW + REMOVED_AFTER, tombstone=True),
            ),
            id="held for too long at the instant of the contract's end",
        ),
        param(
            AWAKE,
            (replace(ACTIVE, contract_ends_at=END),),
            END,
            (
                ends(ONE, Reason.CONTRACT_ENDED, END),
                moves(REMOVED, Reason.CONTRACT_ENDED, END),
            ),
            id="the contract ends: removed at once, no tombstone",
        ),
        param(
            AWAKE,
            (replace(ACTIVE, contract_ends_at=END), replace(SECOND, contract_ends_at=None)),
            END,
            (
                ends(TWO, Reason.EXPIRED, END),
                ends(ONE, Reason.CONTRACT_ENDED, END),
                moves(REMOVED, Reason.CONTRACT_ENDED, END),
            ),
            id="the contract ends last within an instant",
        ),
        param(
            AWAKE,
            (replace(ACTIVE, contract_ends_at=END - DAY), SECOND),
            END - DAY,
            (ends(ONE, Reason.CONTRACT_ENDED, END - DAY),),
            id="another contract carries the guest",
        ),
        param(
            AWAKE,
            (replace(ACTIVE, contract_ends_at=END - DAY), SECOND),
            END,
            (
                ends(ONE, Reason.CONTRACT_ENDED, END - DAY),
                ends(TWO, Reason.EXPIRED, END),
                moves(SUSPENDED, Reason.EXPIRED, END),
            ),
            id="what the contract did not carry alone is suspended",
        ),
        param(
            AWAKE,
            (REVIEWED,),
            NOW + 50 * DAY,
            (
                ends(ONE, Reason.REVIEW_MISSED, NOW + 50 * DAY),
                moves(SUSPENDED, Reason.REVIEW_MISSED, NOW + 50 * DAY),
            ),
            id="review missed",
        ),
        param(
            replace(AWAKE, reason=Reason.AT_ONCE),
            (AT_ONCE,),
            NOW + 7 * DAY,
            (
                ends(ONE, Reason.NOT_APPROVED, NOW + 7 * DAY),
                moves(SUSPENDED, Reason.NOT_APPROVED, NOW + 7 * DAY),
            ),
            id="at once, never approved",
        ),
        param(PENDING, (REQUESTED,), NOW + 14 * DAY - TICK, (), id="waits, last moment"),
        param(
            PENDING,
            (REQUESTED,),
            NOW + 14 * DAY,
            (
                ends(ONE, Reason.LAPSED, NOW + 14 * DAY),
                moves(REMOVED, Reason.LAPSED, NOW + 14 * DAY),
            ),
            id="nobody decided: gone, may come again",
        ),
        param(
            PENDING,
            (replace(REQUESTED, expires_at=NOW + DAY),),
            NOW + DAY,
            (
                ends(ONE, Reason.LAPSED, NOW + DAY),
                moves(REMOVED, Reason.LAPSED, NOW + DAY),
            ),
            id="the longest stay is shorter than the wait",
        ),
        param(GONE, (), NOW + 900 * DAY, (), id="removed for good"),
        param(GONE, (ACTIVE,), END, (ends(ONE, Reason.EXPIRED, END),), id="removed, a left-over"),
        param(
            replace(GONE, inactive_at=NOW, removes_at=NOW), (), NOW, (), id="dates of the removed"
        ),
        param(replace(IN, inactive_at=None), (), END, (), id="in without a date of silence"),
        param(replace(OUT, removes_at=None), (), END, (), id="suspended without a date"),
        param(replace(IN, removes_at=NOW), (ACTIVE,), NOW, (), id="in: no date of removal counts"),
        param(replace(OUT, inactive_at=NOW), (), NOW, (), id="out: no date of silence counts"),
    ],
)
def test_due_steps(guest, sponsorships, now, expected):
    """Everything that fell due, in order, each at its own instant."""
    assert due_steps(guest, sponsorships, now) == expected


@pytest.mark.parametrize(
    ("guest", "sponsorships", "now", "expected"),
    [
        param(IN, (ACTIVE,), NOW, IN, id="as it is"),
        param(
            AWAKE,
            (ACTIVE,),
            END,
            replace(
                AWAKE,
                state=SUSPENDED,
                reason=Reason.EXPIRED,
                since=END,
                inactive_at=None,
                removes_at=END + REMOVED_AFTER,
            ),
            id="suspended for thirty days",
        ),
        param(
            HELD,
            (),
            NOW + REMOVED_AFTER,
            replace(
                HELD,
                state=REMOVED,
                reason=Reason.SUSPENDED_TOO_LONG,
                since=NOW + REMOVED_AFTER,
                hold=False,
                tombstone=True,
                removes_at=None,
            ),
            id="a hold becomes a tombstone",
        ),
        param(
            HELD_BY_ADMIN,
            (),
            NOW + REMOVED_AFTER,
            replace(
                HELD_BY_ADMIN,
                state=REMOVED,
                since=NOW + REMOVED_AFTER,
                hold=False,
                tombstone=True,
                removes_at=None,
            ),
            id="an admin's hold outlives the removal",
        ),
    ],
)
def test_outlook(guest, sponsorships, now, expected):
    """How the guest will stand is known before any sweep."""
    assert outlook(guest, sponsorships, now) == expected


def test_at_one_instant_the_order_is_that_of_the_ids():
    """Whatever order the rows came in, and whatever the reasons: two sweeps write the same log."""
    missed = replace(ACTIVE, id=ONE, expires_at=END + DAY, review_ends_at=END)
    expired = replace(ACTIVE, id=TWO)
    late = replace(ACTIVE, id=THREE, expires_at=END + DAY, contract_ends_at=END)
    for order in permutations((missed, expired, late)):
        assert due_steps(AWAKE, order, END)[:3] == (
            ends(ONE, Reason.REVIEW_MISSED, END),
            ends(TWO, Reason.EXPIRED, END),
            ends(THREE, Reason.CONTRACT_ENDED, END),
        )


def test_what_a_move_takes_along_is_in_the_order_of_the_ids():
    """Silence ends every sponsorship at once."""
    rows = [replace(ACTIVE, id=key) for key in (THREE, ONE, TWO)]
    steps = due_steps(IN, rows, SILENT)
    assert steps[:3] == tuple(ends(key, Reason.INACTIVE, SILENT) for key in (ONE, TWO, THREE))


def test_a_suspension_leaves_no_tombstone():
    """Only who is gone can leave one, however the guest was held before."""
    steps = due_steps(replace(IN, hold=True), [ACTIVE], SILENT)
    assert steps[-1] == moves(State.SUSPENDED, Reason.INACTIVE, SILENT)
