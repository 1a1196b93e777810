"""Measure, and print every figure as a ratio to the floor of this run."""

import argparse
from dataclasses import dataclass

from bench.ground import Ground, Served, ground, the_floor, the_portal
from bench.load import People, compare, cost
from bench.many import many
from bench.sweeping import sweeping

WARM = 40


@dataclass(frozen=True)
class Line:
    """One figure: what, how much, and what it may be at most (or at least)."""

    what: str
    ratio: float
    bound: float
    at_least: bool = False
    more: str = ""

    @property
    def good(self) -> bool:
        """Whether it keeps its bound."""
        return self.ratio >= self.bound if self.at_least else self.ratio <= self.bound

    def __str__(self) -> str:
        """Say it."""
        word = "least" if self.at_least else "most"
        mark = "ok  " if self.good else "MISS"
        return (
            f"{mark} {self.what:<34} {self.ratio:5.2f}  (at {word} {self.bound:.2f})  {self.more}"
        )


def main() -> None:
    """Print the table; exit code 1 if a figure misses its bound."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="of each pair of measurements")
    parser.add_argument("--size", type=int, default=60, help="visits in a round")
    parser.add_argument("--guests", type=int, default=1_000_000, help="for the large table")
    parser.add_argument("--only", choices=("web", "many", "sweep"), help="one part alone")
    chosen = parser.parse_args()
    lines: list[Line] = []
    with ground() as on:
        if chosen.only in (None, "web"):
            lines += web(on, chosen.rounds, chosen.size)
        if chosen.only in (None, "many", "sweep"):
            ratio, more = many(on, chosen.guests, chosen.size)
            lines.append(say(Line("first sign-in among many", ratio, 1.15, more=more)))
        if chosen.only in (None, "sweep"):
            ratio, more = sweeping()
            lines.append(say(Line("sweep", ratio, 0.25, at_least=True, more=more)))
    raise SystemExit(not all(line.good for line in lines))


def say(line: Line) -> Line:
    """Print a figure as soon as it is there."""
    print(line, flush=True)
    return line


def web(on: Ground, rounds: int, size: int) -> list[Line]:
    """Measure sign-ins and the page against the floor."""
    with the_portal(on) as ours, the_floor(on) as least:
        portal, floor = (
            People(on, ours, f"/sign-in/{on.partner.slug}/id"),
            People(on, least, "/start"),
        )
        print(
            f"     from start to first answer {ours.seconds_to_first_answer:.2f} s "
            f"(floor {least.seconds_to_first_answer:.2f} s); a worker holds "
            f"{_megabytes(ours):.0f} MB (floor {_megabytes(least):.0f} MB)",
            flush=True,
        )
        for people in (portal, floor):
            for number in range(WARM):
                people.first(number)
                people.again(number)
        on.connections.opened = 0
        asked = sum(on.provider.requests.values())
        again = compare(
            lambda numbers: cost(ours, lambda one: portal.again(one % WARM), numbers),
            lambda numbers: cost(least, lambda one: floor.again(one % WARM), numbers),
            rounds=rounds,
            size=size,
        )
        told = 2 * rounds * size
        # The browser's own visit to the provider is one connection and one request each.
        extra = f"{(on.connections.opened - told) / told:.3f} new connections a sign-in, "
        extra += f"{(sum(on.provider.requests.values()) - asked - told) / told:.2f} requests"
        first = compare(
            lambda numbers: cost(ours, lambda one: portal.first(1000 + one), numbers),
            lambda numbers: cost(least, lambda one: floor.first(1000 + one), numbers),
            rounds=rounds,
            size=size,
        )
        guest, known = portal.first(0), floor.first(0)
        page = compare(
            lambda numbers: cost(ours, lambda _: portal.look(guest, "/me"), numbers),
            lambda numbers: cost(least, lambda _: floor.look(known, "/page"), numbers),
            rounds=rounds,
            size=5 * size,  # a millisecond each: of sixty the scheduler makes what it likes
        )
        return [
            say(Line("returning sign-in", again[2], 1.5, more=f"{_ms(again)}; {extra}")),
            say(Line("first sign-in", first[2], 2.5, more=_ms(first))),
            say(Line("the guest's page", page[2], 1.4, more=_ms(page))),
        ]


def _ms(measured: tuple[float, float, float]) -> str:
    return f"{measured[0] * 1000:.2f} ms CPU, floor {measured[1] * 1000:.2f}"


def _megabytes(app: Served) -> float:
    resident: int = app.worker.memory_info().rss
    return resident / 1e6


if __name__ == "__main__":
    main()
