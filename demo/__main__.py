"""``python -m demo``: the portal and everything around it on loopback, until Ctrl-C.

The folder is var/demo, or what ``DEMO_DIR`` names; ``DEMO_PORT`` chooses the portal's port;
``--fresh`` begins with new data.
"""

import argparse
import fcntl
import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from demo.guide import guide, people_to_be
from demo.layout import ROOT, CannotStart, Layout, load_layout, new_layout
from demo.parts import RunningPortal, run_seed, start_surroundings

LOCK: Final = "demo.lock"
ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def say(text: str) -> None:
    """Tell whoever started the demo."""
    print(text, flush=True)


class Asked(Exception):
    """Somebody asked the demo to end."""


def _end(*_: object) -> None:
    # A second Ctrl-C would interrupt the stopping and leave something behind.
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise Asked


def prepare(directory: Path, port: int | None, *, fresh: bool) -> Layout:
    """Return the demo of an earlier start, or a new one in an empty folder.

    Raises:
        CannotStart: a port is taken.
    """
    kept = None if fresh else load_layout(directory, port)
    if kept is not None:
        return kept
    layout = new_layout(directory, port)
    for old in directory.iterdir():
        if old.name == LOCK:
            continue
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink()
    return layout


@contextmanager
def only_one(directory: Path) -> Iterator[None]:
    """Keep a second demo out of the same folder.

    Raises:
        CannotStart: one runs in it, or the folder holds something else.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()) and not (directory / LOCK).exists():
        raise CannotStart(f"{directory} holds something else: name an empty folder with DEMO_DIR")
    with (directory / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(
                f"A demo runs in {directory}: stop it, or name another folder with DEMO_DIR"
            ) from None
        yield


def run(directory: Path, port: int | None, *, fresh: bool) -> None:
    """Start everything, say where to go, and stop everything when asked.

    Raises:
        CannotStart: something did not start; the message says what to do.
    """
    with ExitStack() as stack:
        stack.enter_context(only_one(directory))
        layout = prepare(directory, port, fresh=fresh)
        layout.save()
        layout.write_settings()
        say("Starting the portal, the identity providers and the mail sink ...")
        if layout.complete:
            # Both take seconds, and neither needs the other to start.
            portal = stack.enter_context(RunningPortal(layout))
            start_surroundings(layout, stack)
        else:
            start_surroundings(layout, stack)
            run_seed(layout, say)
            portal = stack.enter_context(RunningPortal(layout))
        portal.wait_until_ready()
        layout.complete = True
        layout.save()
        facts = {
            "portal_url": layout.portal_url,
            "mail_url": layout.url("mail"),
            "people": people_to_be(layout),
        }
        (directory / "demo.json").write_text(json.dumps(facts, indent=2, ensure_ascii=False))
        say(guide(layout))
        stack.callback(say, "Stopping ...")
        portal.process.wait()
        raise CannotStart(f"The portal has ended by itself; {portal.log} says why.")


def _port(text: str | None) -> int | None:
    if text and not text.isdecimal():
        raise CannotStart(f"DEMO_PORT is {text!r}: give a port number, such as 8001")
    return int(text) if text else None


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--fresh", action="store_true", help="begin with new data")
    fresh = parser.parse_args(arguments).fresh
    directory = Path(os.environ.get("DEMO_DIR") or ROOT / "var" / "demo").resolve()
    for number in ENDING:
        signal.signal(number, _end)
    try:
        run(directory, _port(os.environ.get("DEMO_PORT")), fresh=fresh)
    except Asked:
        say("Everything has stopped.")
        return 0
    except CannotStart as fault:
        print(fault, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
