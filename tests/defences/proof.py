"""Take a defence away in a copy of the checkout, and see its tests go red there."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from tests.defences.defence import Defence

ROOT: Final = Path(__file__).resolve().parents[2]
_LEFT_OUT: Final = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "docs", "*.sqlite3")
_SECONDS: Final = 900
# The code could not even be read or imported: that proves nothing.
_NO_PROOF: Final = ("SyntaxError", "ImportError", "ModuleNotFoundError", "NameError")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the tests of a defence that was taken away.

    Attributes:
        defence: which one.
        green: tests that did not notice, or did not run.
        spoilt: why what was seen proves nothing, if so.
        seconds: how long it took.
    """

    defence: Defence
    green: tuple[str, ...]
    spoilt: str
    seconds: float

    @property
    def red(self) -> bool:
        """Whether every test failed, and because of what it found."""
        return not self.green and not self.spoilt

    def __str__(self) -> str:
        """Return the line for a person."""
        if self.red:
            return f"{self.defence.case} red {self.seconds:.1f} s"
        why = self.spoilt or f"still green: {', '.join(self.green)}"
        return f"{self.defence.case} NOT RED {self.seconds:.1f} s  {self.defence.file}: {why}"


def copy_checkout(to: Path) -> Path:
    """Copy what is needed to run the tests; compiled once, so that each run starts fast."""
    shutil.copytree(ROOT, to, ignore=_LEFT_OUT)
    compiling = [sys.executable, "-m", "compileall", "-q", "portal", "tests"]
    subprocess.run(compiling, cwd=to, check=True)
    return to


@contextmanager
def without(copy: Path, defence: Defence) -> Iterator[None]:
    """Replace a defence in the copy for a while.

    Raises:
        ValueError: its text is not there exactly once.
    """
    file = copy / defence.file
    whole = file.read_text(encoding="utf-8")
    if whole.count(defence.old) != 1:
        raise ValueError(f"{whole.count(defence.old)} places in {defence.file} read so")
    stamp = file.stat()
    file.write_text(whole.replace(defence.old, defence.new), encoding="utf-8")
    try:
        yield
    finally:
        file.write_text(whole, encoding="utf-8")
        os.utime(file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))  # as it was compiled


def green(copy: Path, defences: Iterable[Defence]) -> str:
    """Run the tests with every defence in place; return what is wrong, if anything."""
    tests = tuple(dict.fromkeys(test for one in defences for test in one.tests))
    report = copy / "report.xml"
    ended = _run(copy, tests, report)
    return "" if ended.returncode == 0 else ended.stdout[-2000:]


def prove(copy: Path, defence: Defence) -> Outcome:
    """Run the tests of a defence without it."""
    began = time.monotonic()
    report = copy / "report.xml"
    report.unlink(missing_ok=True)
    try:
        with without(copy, defence):
            ended = _run(copy, defence.tests, report)
    except (ValueError, subprocess.TimeoutExpired) as fault:
        return Outcome(defence, (), str(fault), time.monotonic() - began)
    took = time.monotonic() - began
    if not report.exists() or ended.returncode not in {0, 1}:
        return Outcome(defence, (), f"pytest ended with {ended.returncode}", took)
    failed, spoilt = _read(report)
    green = tuple(test for test in defence.tests if _name(test) not in failed)
    return Outcome(defence, green, spoilt, took)


def _run(copy: Path, tests: tuple[str, ...], report: Path) -> "subprocess.CompletedProcess[str]":
    quietly = ["-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--no-header", "--tb", "no"]
    # What was compiled stays as it is: the file without the defence may be as old to the second.
    alone = {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *quietly, f"--junitxml={report}", *tests],
        cwd=copy,
        env={**os.environ, **alone},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def _read(report: Path) -> tuple[set[str], str]:
    """Return the names of the tests that failed, and why that proves nothing, if so."""
    failed, spoilt = set(), ""
    for case in ET.parse(report).iter("testcase"):
        if (failure := case.find("failure")) is not None:
            name = str(case.get("name"))
            failed |= {name, name.partition("[")[0]}
            said = str(failure.get("message"))
            if said.startswith(_NO_PROOF):
                spoilt = f"{name} fails with {said[:200]}"
        error = case.find("error")
        # What a failed test leaves behind is no wonder, be it found in the setup of the next one;
        # that a test could not begin proves nothing.
        said = "" if error is None else str(error.get("message"))
        if said and "on teardown" not in said and "unraisable" not in said.lower():
            spoilt = f"{case.get('name')} cannot run: {said[:200]}"
    return failed, spoilt


def _name(test: str) -> str:
    return test.rpartition("::")[2] if "[" not in test else _with_parameters(test)


def _with_parameters(test: str) -> str:
    path, bracket, parameters = test.partition("[")
    return f"{path.rpartition('::')[2]}{bracket}{parameters}"
