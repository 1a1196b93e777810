"""A guest's state machine and the codes of its reasons."""

from datetime import timedelta

import pytest

from portal.guests.rules import (
    BY_HUMAN,
    LAPSES_AFTER,
    REMOVED_AFTER,
    IllegalTransition,
    Reason,
    State,
    family,
    keeps_its_hold,
    require_transition,
)

P, A, S, R = State.PENDING, State.ACTIVE, State.SUSPENDED, State.REMOVED
LEGAL = {(None, P), (None, A), (P, A), (P, R), (A, S), (A, R), (S, A), (S, S), (S, R), (R, P)}


@pytest.mark.parametrize("current", [None, *State])
@pytest.mark.parametrize("wanted", State)
def test_only_these_transitions_are_legal(current: State | None, wanted: State):
    """Nobody skips the sponsor, nobody is created suspended or removed, the removed only wait."""
    if (current, wanted) in LEGAL:
        require_transition(current, wanted)
        return
    with pytest.raises(IllegalTransition) as refused:
        require_transition(current, wanted)
    assert str(refused.value) == f"a guest that is {current or 'new'} cannot become {wanted}"


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_says_whose_doing_it_was(reason: Reason):
    """The audit can tell what people did from what time did."""
    human = {
        "suspended_by_staff",
        "suspended_by_admin",
        "removed_by_staff",
        "ended_by_sponsor",
        "rejected",
    }
    expected = "human" if reason.value in human else "lifecycle"
    assert family(reason) == f"{expected}.{reason.value}"
    assert (reason in BY_HUMAN) == (reason.value in human)


@pytest.mark.parametrize("hold", [True, False])
@pytest.mark.parametrize("state", State)
def test_only_an_admins_hold_outlives_a_removal(state: State, hold: bool):
    """It goes with whoever is removed; anything else is lifted as somebody moves."""
    outliving = [reason for reason in Reason if keeps_its_hold(state, reason, hold=hold)]
    expected = [Reason.SUSPENDED_BY_ADMIN] if hold and state == State.REMOVED else []
    assert outliving == expected


def test_how_long_nobody_decides():
    """The issue says 30 days suspended, 14 days pending."""
    assert timedelta(days=30) == REMOVED_AFTER
    assert timedelta(days=14) == LAPSES_AFTER


def test_states_and_reasons_are_stored_by_these_words():
    """Rows, audit events and scripts hold them: a word that changes is a migration."""
    assert [*State] == ["pending", "active", "suspended", "removed"]
    assert [*Reason] == [
        "awaiting_decision",
        "at_once",
        "approved",
        "resumed",
        "let_back",
        "expired",
        "inactive",
        "review_missed",
        "not_approved",
        "lapsed",
        "contract_ended",
        "sponsor_left",
        "suspended_too_long",
        "suspended_by_staff",
        "suspended_by_admin",
        "removed_by_staff",
        "ended_by_sponsor",
        "rejected",
    ]
