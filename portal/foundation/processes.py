"""Child processes that never outlive their parent, not even one that was killed."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import IO, Any, Final

_PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


def die_with_parent(parent: int) -> None:
    """Ask the kernel to end this process when *parent* is gone (Linux; elsewhere nothing)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before we asked
        os.kill(os.getpid(), signal.SIGTERM)


def start(
    command: Sequence[str],
    *,
    stdin: int | IO[Any] | None = subprocess.DEVNULL,
    stdout: int | None = None,
) -> "subprocess.Popen[bytes]":
    """Start a child in a group of its own: Ctrl-C reaches the parent alone, who ends it."""
    return subprocess.Popen(  # noqa: S603 - programs of ours, no shell
        command,
        stdin=stdin,
        stdout=stdout,
        process_group=0,
        preexec_fn=_with(os.getpid()),  # noqa: PLW1509 - called before any thread is started
    )


def stop(process: "subprocess.Popen[bytes]", seconds: float, *, asked: bool = False) -> None:
    """Ask a child to end; after *seconds* end it and whatever is left of its group.

    Args:
        process: the child.
        seconds: how long it may take.
        asked: whether it was asked already; some take a second time for haste.
    """
    if process.poll() is None:
        if not asked:
            process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # nobody is left


def _with(parent: int) -> Callable[[], None]:
    return lambda: die_with_parent(parent)
