"""``python -m tests.mutants [MODULES]``: change each rule a little and see a test go red."""

import argparse
import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.plugin import Verdict
from tests.mutants.sources import MODULES

SURVIVORS = Path(__file__).with_name("survivors.toml")
LEAST = 0.95
_PLUGINS = ("xdist", "randomly", "cacheprovider", "pytest_cov", "logging")


@dataclass(frozen=True, slots=True)
class Survivor:
    """A mutant that no test can tell, and why."""

    module: str
    was: str
    now: str
    reason: str


def survivors() -> tuple[Survivor, ...]:
    """Return the survivors that are accounted for."""
    listed = tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))
    return tuple(Survivor(**one) for one in listed.get("survivor", ()))


def complaints(verdicts: Sequence[Verdict], listed: Sequence[Survivor]) -> list[str]:
    """Hold what happened against the list of survivors.

    Args:
        verdicts: of every mutant of some modules.
        listed: the survivors of these modules that are accounted for.
    """
    lived = {(one.module, one.was, one.now): one for one in verdicts if one.outcome == "survived"}
    known = {(one.module, one.was, one.now): one for one in listed}
    found = [
        f"survived: {one.module}:{one.line}\n  - {one.was}\n  + {one.now}"
        for key, one in lived.items()
        if key not in known
    ]
    found += [
        f"listed as a survivor, but it is killed or exists no more: {one.module}\n"
        f"  - {one.was}\n  + {one.now}"
        for key, one in known.items()
        if key not in lived
    ]
    found += [f"no reason: {one.module}: {one.was}" for one in listed if not one.reason.strip()]
    return found


def main() -> int:
    """Return 0 if enough mutants are killed and every survivor is accounted for."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="a part of a path; none: all")
    parser.add_argument("--jobs", type=int, default=2, help="how many at once")
    asked = parser.parse_args()
    chosen = {
        module: tests
        for module, tests in MODULES.items()
        if not asked.modules or any(part in module for part in asked.modules)
    }
    if not chosen:
        parser.error(f"no such module of rules: {' '.join(asked.modules)}")
    verdicts = _tried(chosen, asked.jobs)
    listed = [one for one in survivors() if one.module in chosen]
    bad = complaints(verdicts, listed)
    for complaint in bad:
        print(complaint)  # noqa: T201
    killed = sum(one.outcome != "survived" for one in verdicts)
    share = killed / len(verdicts)
    print(f"{killed} of {len(verdicts)} mutants killed ({share:.1%}), {len(listed)} accounted for")  # noqa: T201
    return 1 if bad or share < LEAST else 0


def _tried(chosen: Mapping[str, Sequence[str]], jobs: int) -> list[Verdict]:
    with (
        tempfile.TemporaryDirectory(prefix="portal-mutants-") as folder,
        ThreadPoolExecutor(jobs) as pool,
    ):
        work = [
            pool.submit(_run, module, tests, f"{part}:{jobs}", Path(folder, f"{number}-{part}"))
            for number, (module, tests) in enumerate(chosen.items())
            for part in range(jobs)
        ]
        return [verdict for one in work for verdict in one.result()]


def _run(module: str, tests: Sequence[str], part: str, verdicts: Path) -> list[Verdict]:
    """Try some mutants of a module in a process of its own."""
    verdicts.touch()
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-x", "-s", "-p", "tests.mutants.plugin"),
            *(word for name in _PLUGINS for word in ("-p", f"no:{name}")),
            *("--timeout", "0", "--mutate", module, "--part", part),
            *("--verdicts", str(verdicts), *tests),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        print(f"{module}: the trial itself failed\n{ran.stdout}{ran.stderr}", flush=True)  # noqa: T201
        raise SystemExit(1)
    lines = verdicts.read_text(encoding="utf-8").splitlines()
    told = [Verdict(**json.loads(line)) for line in lines]
    killed = sum(one.outcome != "survived" for one in told)
    print(f"{module} {part}: {killed} of {len(told)} killed", flush=True)  # noqa: T201
    for one in told:
        if one.outcome == "survived":
            print(f"  {one.line}\n    - {one.was}\n    + {one.now}", flush=True)  # noqa: T201
    return told


if __name__ == "__main__":
    sys.exit(main())
