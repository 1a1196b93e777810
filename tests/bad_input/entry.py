"""What the catalogue says of one form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.bad_input.nasty import Values
from tests.bad_input.world import House


@dataclass(frozen=True)
class Entry:
    """One form.

    Attributes:
        endpoint: that takes it.
        who: sends it: an employee, a guest or ``nobody``.
        page: where the form stands.
        to: end of its action.
        fields: what may be sent in each, by the name in the form; the token is everywhere.
        good: values that are taken, beside those the page has.
        again: what the second of two equal forms is told.
        before: makes the state in which the form stands on its page.
        foreign: field to the ids of somebody else's things in it.
        elsewhere: addresses of the same route that name somebody else's things.
        repeats: why the second of two equal forms may do it once more.
    """

    endpoint: str
    who: str
    page: str
    to: str
    fields: Mapping[str, Values] = field(default_factory=dict)
    good: Mapping[str, Any] = field(default_factory=dict)
    again: str = ""
    before: Callable[[House], object] | None = None
    foreign: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    elsewhere: tuple[str, ...] = ()
    repeats: str = ""
