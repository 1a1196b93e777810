"""Input that is refused: a page shows it beside the field, a command on stderr."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


class Refused(ValueError):
    """What was asked for cannot be done; the database stays as it was.

    Attributes:
        field: which input it is about, as the form and the option call it.
        message: for the person, says what to do.
        each: what is refused, one by one: this, or everything of `Refusals`.
    """

    def __init__(self, field: str, message: str, each: "Sequence[Refused]" = ()) -> None:
        super().__init__(message)
        self.field = field
        self.message = message
        self.each = tuple(each) or (self,)


class Refusals:
    """What is wrong in several steps of one change, to be said at once and not one by one."""

    def __init__(self) -> None:
        self._found: list[Refused] = []

    def of(self, step: Callable[[], T]) -> T | None:
        """Take a step; return what it returns, or nothing where it is refused."""
        try:
            return step()
        except Refused as refused:
            self._found += refused.each
            return None

    def end(self) -> None:
        """Let nothing pass of which a step was refused.

        Raises:
            Refused: with all of it; the first speaks for it where only one can.
        """
        if self._found:
            first = self._found[0]
            raise Refused(first.field, first.message, self._found)
