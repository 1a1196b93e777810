"""The portal's own commands as real processes, ended whatever happens, none forgotten."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psutil

from portal.foundation.settings import PREFIX, Settings
from tests.infra.ports import wait_until

# In the environment of every process of one start, so that also a child that left is found.
_MARK = "TESTS_START_MARK"


class Started:
    """A command that runs, with everything it started."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path, mark: str) -> None:
        """Take over a process that was just started."""
        self.process = process
        self._log = log
        self._mark = mark

    @property
    def output(self) -> str:
        """What it and its children have written so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def family(self) -> list[psutil.Process]:
        """Return every living process of this start, also those that it left behind."""
        return [one for one in psutil.process_iter() if _mark_of(one) == self._mark]

    def interrupt(self, *, seconds: float = 60) -> int:
        """Press Ctrl-C; return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.wait(seconds=seconds)

    def wait(self, *, seconds: float = 60) -> int:
        """Wait for the end of the command; return its exit code."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {seconds:g} s:\n{self.output}") from None

    def kill_all(self) -> None:
        """End every process of this start at once, as a power cut would."""
        for one in self.family():
            try:
                one.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait(10)
        wait_until(lambda: not self.family(), "the killed processes to be gone")


def environment(settings: Settings) -> dict[str, str]:
    """Return settings as the environment variables that say the same."""
    given = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        given[PREFIX + name.upper()] = text
    return given


def plain_environment() -> dict[str, str]:
    """Return this process's environment without anything that concerns the portal."""
    return {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}


@contextmanager
def started(
    *arguments: str,
    variables: Mapping[str, str],
    folder: Path,
    program: Path | None = None,
) -> Iterator[Started]:
    """Run ``portal ARGUMENTS``; at the end of the block nothing of it is left.

    Args:
        arguments: the command and its options.
        variables: environment variables; see ``environment``.
        folder: where it runs and where its output is kept.
        program: another installation's ``portal``.
    """
    mark = uuid4().hex
    log = folder / f"{'-'.join(('portal', *arguments[:1]))}-{mark[:8]}.log"
    program = program or Path(sys.executable).parent / "portal"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [program, *arguments],
            cwd=folder,
            env={**plain_environment(), **variables, _MARK: mark, "SPT_NOENV": "1"},
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
        )
    one = Started(process, log, mark)
    try:
        yield one
    finally:
        one.kill_all()


def run(
    *arguments: str,
    variables: Mapping[str, str],
    folder: Path,
    program: Path | None = None,
    typed: str | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run ``portal ARGUMENTS`` to its end; *typed* is its standard input."""
    program = program or Path(sys.executable).parent / "portal"
    return subprocess.run(
        [program, *arguments],
        cwd=folder,
        env={**plain_environment(), **variables},
        input=typed or "",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _mark_of(process: psutil.Process) -> str | None:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.environ().get(_MARK)
    except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
        return None
