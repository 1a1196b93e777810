"""Keeps the processes of one machine running, and leaves none behind.

A part that ends by itself is started again after a pause. One that ends again and again brings all
down with a line that says which: something is wrong that a restart does not mend.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from portal.foundation import processes

MOST_ENDS: Final = 5  # times that a part may end by itself ...
WITHIN: Final = 60.0  # ... in so many seconds
LONGEST_PAUSE: Final = 10.0
PATIENCE: Final = 12.0  # seconds a part has to stop by itself
_GLANCE: Final = 0.2

Process = subprocess.Popen[bytes]


@dataclass
class Part:
    """A program to keep running.

    Attributes:
        name: as the lines call it.
        start: starts it.
        cleanup: called when all have stopped.
    """

    name: str
    start: Callable[[], Process]
    cleanup: Callable[[], object] = lambda: None
    process: Process | None = None
    ends: list[float] = field(default_factory=list)
    start_at: float = 0.0


class Supervisor:
    """Starts parts in order, watches them, and stops them in the opposite order."""

    def __init__(self, parts: Sequence[Part], say: Callable[[str], object]) -> None:
        self._parts = parts
        self._say = say
        self._stopping = False

    def run(self, started: Callable[[], object]) -> int:
        """Run until asked to stop; return the exit code.

        Args:
            started: called once, when all parts have been started.
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._ask_to_stop)
        try:
            for part in self._parts:
                if not self._stopping:
                    part.process = part.start()
            if not self._stopping:
                started()
            while not self._stopping:
                if hopeless := self._look():
                    self._say(
                        f"{hopeless} has ended {MOST_ENDS} times within {WITHIN:.0f} seconds: "
                        "stopping everything. Its own words are above."
                    )
                    return 1
                time.sleep(_GLANCE)
        finally:
            self._stop_all()
        return 0

    def _ask_to_stop(self, *_: object) -> None:
        self._stopping = True

    def _look(self) -> str | None:
        """Start again what has ended; return the name of a part that is not worth it any more."""
        now = time.monotonic()
        for part in self._parts:
            if part.process is not None and part.process.poll() is not None:
                processes.stop(part.process, 0)  # whatever is left of its group
                part.ends = [at for at in part.ends if now - at < WITHIN] + [now]
                if len(part.ends) >= MOST_ENDS:
                    return part.name
                pause = min(2.0 ** (len(part.ends) - 1), LONGEST_PAUSE)
                code = part.process.returncode
                self._say(f"{part.name} has ended (exit {code}); starting it again in {pause:g} s")
                part.process, part.start_at = None, now + pause
            elif part.process is None and now >= part.start_at:
                part.process = part.start()
        return None

    def _stop_all(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        # All are asked at once, so that the slowest decides how long it takes; the first part is
        # what the others lean on, and stops last.
        first, others = self._parts[0], self._parts[1:]
        for part in others:
            if part.process is not None and part.process.poll() is None:
                part.process.terminate()
        deadline = time.monotonic() + PATIENCE
        for part in (*reversed(others), first):
            if part.process is not None:
                left = max(0.1, deadline - time.monotonic())
                processes.stop(part.process, left, asked=part is not first)
            part.cleanup()


def python(*arguments: str) -> list[str]:
    """Return the command that runs a module of this environment."""
    return [sys.executable, "-P", "-m", *arguments]
