"""People who sign in, one after the other, and what each kind of visit costs the web process."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

import requests

from bench.ground import Ground, Served

_SEE_OTHER: Final = 303
_OK: Final = 200
_FIELD: Final = re.compile(r'<input[^>]*name="(csrf_token|arrival|version)"[^>]*value="([^"]*)"')


def browser() -> requests.Session:
    """Return a fresh browser: cookies, and nothing from the environment."""
    session = requests.Session()
    session.trust_env = False
    return session


def person(number: int) -> dict[str, Any]:
    """Return the claims of somebody."""
    return {
        "sub": f"person-{number}",
        "email": f"person.{number}@acme.example",
        "email_verified": True,
        "name": f"Person {number}",
        "given_name": "Person",
        "family_name": f"{number}",
    }


@dataclass
class People:
    """Drives one app as browsers do: away to the provider, and back."""

    on: Ground
    app: Served
    start: str

    def come_back(self, session: requests.Session, number: int) -> requests.Response:
        """Sign somebody in; return the answer to the callback."""
        self.on.provider.person = person(number)
        away = session.get(self.app.url + self.start, allow_redirects=False)
        assert away.status_code == _SEE_OTHER, (away.status_code, away.text)
        back = requests.get(away.headers["Location"], allow_redirects=False, timeout=10)
        answer = session.get(back.headers["Location"], allow_redirects=False)
        assert answer.status_code == _SEE_OTHER, (answer.status_code, answer.text)
        return answer

    def first(self, number: int) -> requests.Session:
        """Come for the first time, and accept the terms where there are any."""
        session = browser()
        answer = self.come_back(session, number)
        if answer.headers["Location"] == "/arrival":
            page = session.get(f"{self.app.url}/arrival")
            form = {**dict(_FIELD.findall(page.text)), "terms": "y"}
            answer = session.post(f"{self.app.url}/arrival", data=form, allow_redirects=False)
            assert answer.status_code == _SEE_OTHER, (answer.status_code, answer.text)
        return session

    def again(self, number: int) -> None:
        """Come once more, in a browser that knows nothing."""
        self.come_back(browser(), number)

    def look(self, session: requests.Session, page: str) -> None:
        """Look at a page."""
        answer = session.get(self.app.url + page, allow_redirects=False)
        assert answer.status_code == _OK, (answer.status_code, answer.text)


def cost(app: Served, visit: Callable[[int], object], numbers: range) -> float:
    """Return the CPU seconds that one of these visits costs the web process."""
    before = app.cpu()
    for number in numbers:
        visit(number)
    return (app.cpu() - before) / len(numbers)


def compare(
    portal: Callable[[range], float], floor: Callable[[range], float], *, rounds: int, size: int
) -> tuple[float, float, float]:
    """Measure in turn, so that what else the machine does falls on both.

    Returns:
        CPU seconds of the portal and of the floor (medians), and the median of their ratios.
    """
    pairs = []
    for turn in range(rounds):
        numbers = range(turn * size, (turn + 1) * size)
        pairs.append((portal(numbers), floor(numbers)))
    ratio = median(one / other for one, other in pairs)
    return median(one for one, _ in pairs), median(other for _, other in pairs), ratio
