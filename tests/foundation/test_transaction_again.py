"""What the database took back for a deadlock is carried out again."""

import pytest
from sqlalchemy.exc import OperationalError

from portal.foundation.transaction import again_after_deadlock


class _Said(Exception):
    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


def _taken_back(times: int, turns: list[int], sqlstate: str = "40P01"):
    def carry_out() -> str:
        turns.append(1)
        if len(turns) <= times:
            raise OperationalError("UPDATE", None, _Said(sqlstate))
        return "done"

    return carry_out


@pytest.mark.parametrize("times", [0, 1, 2])
def test_it_goes_through_in_the_end(times):
    """Whoever begins again at once may meet the other one before it has woken: twice."""
    turns: list[int] = []
    assert again_after_deadlock(_taken_back(times, turns)) == "done"
    assert len(turns) == times + 1


def test_it_does_not_go_on_for_ever():
    """The third time it is told to whoever asked."""
    turns: list[int] = []
    with pytest.raises(OperationalError):
        again_after_deadlock(_taken_back(3, turns))
    assert len(turns) == 3


def test_another_fault_is_raised_at_once():
    """A connection that is gone is no deadlock."""
    turns: list[int] = []
    with pytest.raises(OperationalError):
        again_after_deadlock(_taken_back(1, turns, "57P01"))
    assert len(turns) == 1
