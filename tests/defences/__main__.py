"""``python -m tests.defences [IDS]``: take each defence away and see its tests go red."""

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.defences.catalogue import DEFENCES, IN_SCOPE
from tests.defences.defence import Defence
from tests.defences.proof import Outcome, copy_checkout, green, prove


def main() -> int:
    """Return 0 if every defence that was asked for is proven."""
    parser = argparse.ArgumentParser(prog="python -m tests.defences", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="ID", help="such as O03; none: all")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    asked = parser.parse_args()
    cases = frozenset(one.upper() for one in asked.cases) or IN_SCOPE
    if strangers := sorted(cases - IN_SCOPE):
        parser.error(f"no such case: {', '.join(strangers)}")
    chosen = [one for one in DEFENCES if one.case in cases]
    with tempfile.TemporaryDirectory(prefix="portal-defences-") as folder:
        if wrong := green(copy_checkout(Path(folder, "whole")), chosen):
            print(f"not green with every defence in place:\n{wrong}")  # noqa: T201
            return 1
        outcomes = _prove_all(chosen, Path(folder), asked.jobs)
    bad = [one for one in outcomes if not one.red]
    print(f"{len(outcomes) - len(bad)} of {len(outcomes)} defences proven, {len(cases)} cases")  # noqa: T201
    return 1 if bad else 0


def _prove_all(chosen: list[Defence], folder: Path, jobs: int) -> list[Outcome]:
    copies: SimpleQueue[Path] = SimpleQueue()
    for number in range(jobs):
        copies.put(copy_checkout(folder / str(number)))

    def one(defence: Defence) -> Outcome:
        copy = copies.get()
        try:
            outcome = prove(copy, defence)
        finally:
            copies.put(copy)
        print(outcome, flush=True)  # noqa: T201
        return outcome

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, chosen))


if __name__ == "__main__":
    sys.exit(main())
