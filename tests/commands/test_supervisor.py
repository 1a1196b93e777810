"""Processes are kept running, and none is left behind."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from portal.commands.supervisor import Part, Supervisor
from portal.foundation import processes
from tests.infra.ports import wait_until

pytestmark = pytest.mark.processes

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
# Once it is deaf, it makes a file.
STUBBORN = [
    sys.executable,
    "-c",
    (
        "import pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "pathlib.Path(sys.argv[1]).touch(); time.sleep(60)"
    ),
]


@pytest.fixture(autouse=True)
def _signals():
    """Pytest's own handlers come back."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_everything_runs_until_it_is_asked_to_stop():
    """Started in order, told once, stopped in the opposite order, cleaned up."""
    order: list[str] = []

    def begin(name: str) -> "subprocess.Popen[bytes]":
        order.append(f"start {name}")
        return processes.start(SLEEP)

    parts = [
        Part(name, partial(begin, name), cleanup=partial(order.append, f"end {name}"))
        for name in ("queue", "web", "worker")
    ]
    said: list[str] = []

    def started() -> None:
        order.append("started")
        os.kill(os.getpid(), signal.SIGTERM)

    assert Supervisor(parts, said.append).run(started) == 0
    assert order == [
        "start queue", "start web", "start worker", "started", "end worker", "end web", "end queue",
    ]  # fmt: skip
    assert [part.process.poll() is not None for part in parts if part.process] == [True] * 3
    assert said == []


def test_what_ends_is_started_again():
    """After a pause, and it is said."""
    said: list[str] = []
    first: list[int] = []

    def kill() -> None:
        assert part.process is not None
        first.append(part.process.pid)
        part.process.kill()

    def start() -> "subprocess.Popen[bytes]":
        if first:
            os.kill(os.getpid(), signal.SIGINT)
        return processes.start(SLEEP)

    part = Part("worker", start)
    assert Supervisor([part], said.append).run(kill) == 0
    assert said == ["worker has ended (exit -9); starting it again in 1 s"]
    assert part.process is not None
    assert part.process.pid != first[0]


def test_what_ends_again_and_again_ends_all(monkeypatch):
    """A restart does not mend it: exit 1, with its name."""
    monkeypatch.setattr("portal.commands.supervisor.LONGEST_PAUSE", 0.05)
    healthy = Part("queue", lambda: processes.start(SLEEP))
    broken = Part("web", lambda: processes.start([sys.executable, "-c", "raise SystemExit(3)"]))
    said: list[str] = []
    assert Supervisor([healthy, broken], said.append).run(lambda: None) == 1
    assert said[0] == "web has ended (exit 3); starting it again in 0.05 s"
    assert "web has ended 5 times within 60 seconds: stopping everything" in said[-1]
    assert healthy.process is not None
    assert healthy.process.poll() is not None


def test_a_part_that_cannot_be_started_stops_the_others():
    """The fault reaches the command."""

    def fail() -> "subprocess.Popen[bytes]":
        raise RuntimeError("no server")

    healthy = Part("queue", lambda: processes.start(SLEEP))
    with pytest.raises(RuntimeError, match="no server"):
        Supervisor([healthy, Part("web", fail)], print).run(lambda: None)
    assert healthy.process is not None
    assert healthy.process.poll() is not None


def test_who_does_not_listen_is_ended(monkeypatch, tmp_path: Path):
    """With everything in its group."""
    monkeypatch.setattr("portal.commands.supervisor.PATIENCE", 0.5)
    deaf = tmp_path / "deaf"
    part = Part("web", lambda: processes.start([*STUBBORN, str(deaf)]))

    def ask_to_stop() -> None:
        wait_until(deaf.exists, "the part to hear nothing")
        os.kill(os.getpid(), signal.SIGTERM)

    began = time.monotonic()
    assert Supervisor([part], print).run(ask_to_stop) == 0
    assert time.monotonic() - began < 20
    assert part.process is not None
    assert part.process.returncode == -signal.SIGKILL


# Writes down each time that it is asked to stop, and stops a while after the first.
COUNTING = [
    sys.executable,
    "-c",
    (
        "import pathlib, signal, sys, time\n"
        "asked, file = [], pathlib.Path(sys.argv[1])\n"
        "signal.signal(signal.SIGTERM, lambda *_: (asked.append(1), file.write_text(str(asked))))\n"
        "file.touch()\n"
        "while not asked: time.sleep(0.05)\n"
        "until = time.monotonic() + float(sys.argv[2])\n"
        "while time.monotonic() < until: time.sleep(0.05)\n"
    ),
]


def test_nobody_is_asked_to_stop_twice(tmp_path: Path):
    """A worker takes a second time for haste, and drops the job at hand."""
    files = [tmp_path / name for name in ("queue", "worker", "scheduler")]
    parts = [
        Part(file.name, partial(processes.start, [*COUNTING, str(file), seconds]))
        for file, seconds in zip(files, ("0", "1.5", "0.5"), strict=True)
    ]

    def ask_to_stop() -> None:
        wait_until(lambda: all(file.exists() for file in files), "the parts to listen")
        os.kill(os.getpid(), signal.SIGTERM)

    assert Supervisor(parts, print).run(ask_to_stop) == 0
    assert [file.read_text() for file in files] == ["[1]"] * 3


def test_a_child_dies_with_its_parent(tmp_path: Path):
    """Also when the parent was killed and could do nothing about it."""
    program = (
        "import sys, time\nfrom portal.foundation import processes\n"
        f"print(processes.start({SLEEP!r}).pid, flush=True)\ntime.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    child.wait(5)


def test_what_is_left_of_a_group_is_ended(tmp_path: Path):
    """A grandchild that its parent has forgotten."""
    program = f"import subprocess\nprint(subprocess.Popen({SLEEP!r}).pid, flush=True)\n"
    process = processes.start([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        grandchild = psutil.Process(int(process.stdout.readline()))
    process.wait()
    assert grandchild.is_running()
    processes.stop(process, 1)
    grandchild.wait(5)
