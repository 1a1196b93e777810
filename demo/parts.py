"""Start the parts around the portal, and stop them: providers, mail sink, the portal itself."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from demo.canaille import RunningCanaille, start_canaille
from demo.layout import CannotStart, Layout
from demo.mail_sink import start_mail_sink
from demo.people import EMPLOYEES, people_of
from demo.providers import start_provider
from demo.waiting import wait_for_http

CLIENT_ID: Final = "guest-portal"
LEASH: Final = Path(__file__).with_name("leash.py")


def start_surroundings(layout: Layout, stack: ExitStack) -> None:
    """Start the three mock providers, Canaille and the mail sink; *stack* stops them.

    Raises:
        CannotStart: Canaille did not start.
    """
    # Canaille takes two seconds; the others stand up meanwhile.
    with ThreadPoolExecutor(1) as pool:
        canaille = pool.submit(
            start_canaille,
            layout.directory / "acme",
            layout.ports["acme"],
            [person.as_canaille() for person in people_of("acme")],
            CLIENT_ID,
            layout.secrets["acme"],
            [layout.callback("acme")],
            name="Acme",
        )
        stack.callback(_stop, canaille)
        stack.enter_context(
            start_mail_sink(
                layout.ports["smtp"],
                layout.ports["mail"],
                directory=layout.directory / "mail",
            )
        )
        stack.enter_context(
            start_provider(
                layout.ports["northwind"],
                [employee.as_user() for employee in EMPLOYEES],
                CLIENT_ID,
                layout.secrets["northwind"],
                [layout.staff_callback],
                name="Northwind",
            )
        )
        for slug, name in (("globex", "Globex"), ("initech", "Initech")):
            stack.enter_context(
                start_provider(
                    layout.ports[slug],
                    [person.as_mock() for person in people_of(slug)],
                    CLIENT_ID,
                    layout.secrets[slug],
                    [layout.callback(slug)],
                    name=name,
                )
            )
        try:
            canaille.result()
        except (RuntimeError, OSError) as fault:
            raise CannotStart(str(fault)) from fault


def _stop(starting: Future[RunningCanaille]) -> None:
    if starting.exception() is None:
        starting.result().stop()


class RunningPortal:
    """``portal up`` on a leash: it ends with this process, however that ends."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.log = layout.directory / "portal.log"
        self.process = subprocess.Popen(
            [sys.executable, "-P", LEASH, sys.executable, "-m", "portal.cli", "up"],
            cwd=layout.directory,
            env=layout.environment(),
            stdin=subprocess.PIPE,
            stdout=self.log.open("wb"),
            stderr=subprocess.STDOUT,
            # Ctrl-C at the terminal reaches us; we stop our children in order.
            start_new_session=True,
        )

    def wait_until_ready(self, timeout: float = 60) -> None:
        """Wait until database and queue answer.

        Raises:
            CannotStart: with the end of its log.
        """
        try:
            wait_for_http(f"{self.layout.portal_url}/readyz", self.process, timeout)
        except RuntimeError as fault:
            tail = self.log.read_text(errors="replace")[-3000:]
            raise CannotStart(f"The portal did not start: {fault}\n{tail}") from fault

    def stop(self) -> None:
        """Stop it and wait for its end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=45)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def run_seed(layout: Layout, say: Callable[[str], None]) -> None:
    """Make the data set in a process of its own, whose clock it moves.

    Raises:
        CannotStart: with the end of what it said.
    """
    say("Making a data set: three organisations, their guests and a year of history ...")
    log = layout.directory / "seed.log"
    with log.open("wb") as output:
        done = subprocess.run(
            [sys.executable, "-m", "demo.seed", layout.directory],
            env=layout.environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        tail = log.read_text(errors="replace")[-3000:]
        raise CannotStart(f"The data set could not be made; {log} says why:\n{tail}")
