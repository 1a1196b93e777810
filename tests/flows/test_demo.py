"""`make demo` as people run it: everything comes up, knows a year of history, and goes away."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import requests

from demo.waiting import free_port
from tests.infra.ports import wait_until
from tests.infra.processes import plain_environment

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path):
    """Return the demo's folder; whatever still runs for it at the end is ended."""
    yield tmp_path / "demo"
    for one in family(tmp_path / "demo"):
        one.kill()


def family(folder):
    """Return the processes that belong to a demo, by what they were started with."""
    found = []
    for one in psutil.process_iter():
        try:
            known = " ".join([*one.cmdline(), *one.environ().values()])
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if str(folder) in known and one.pid != os.getpid():
            found.append(one)
    return found


@contextmanager
def running(folder, port, seconds):
    """Run the demo until it says where to go; yield its process, and end it as Ctrl-C does."""
    log = folder.with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "demo"],
            cwd=ROOT,
            env=plain_environment() | {"DEMO_DIR": str(folder), "DEMO_PORT": str(port)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )

    def told():
        assert process.poll() is None, log.read_text()
        return "Ctrl-C ends all of it" in log.read_text()

    wait_until(told, "the demo to come up", seconds=seconds)
    yield process
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0, log.read_text()
    assert "Everything has stopped" in log.read_text()


def asked(folder, *command):
    """Ask the demo's portal at its command line."""
    environment = plain_environment() | {"PORTAL_SETTINGS_FILE": str(folder / "portal.env")}
    portal = Path(sys.executable).with_name("portal")
    words = [portal, *command, "--json"]
    return json.loads(subprocess.check_output(words, env=environment, text=True))


@pytest.mark.processes
@pytest.mark.timeout(600)
def test_demo_comes_up_and_goes_away(folder):
    """The first start makes the data, the second keeps it, and neither leaves a process."""
    port = free_port()
    with running(folder, port, seconds=300):
        facts = json.loads((folder / "demo.json").read_text())
        assert facts["portal_url"] == f"http://127.0.0.1:{port}"
        assert {"admin", "sponsor", "guest"} <= {one["role"] for one in facts["people"]}
        for one in facts["people"]:
            assert {"role", "name", "email", "username", "password", "sign_in_url"} <= set(one)

        with requests.Session() as browser:
            browser.trust_env = False
            for one in facts["people"]:
                if one["name"] in {"Petra Vogel", "Anna Weber", "Li Wang"}:
                    page = browser.get(one["sign_in_url"])
                    assert page.status_code == 200, one
                    assert "sign in" in page.text.lower()
            assert browser.get(f"{facts['mail_url']}/messages.json").json()

        told = folder.with_suffix(".log").read_text()
        line = next(one for one in told.splitlines() if one.startswith("At the shell: "))
        typed = line.removeprefix("At the shell: ")
        assert "anna.weber@acme.example" in subprocess.check_output(
            typed, shell=True, cwd=ROOT, env=plain_environment(), text=True
        )
        guests = asked(folder, "guest", "list")
        assert len(guests) == 38
        states = Counter(guest["state"] for guest in guests)
        assert set(states) == {"pending", "active", "suspended", "removed"}
        assert len({guest["organisation"] for guest in guests}) == 3
        access = {guest["name"] for guest in guests if guest["access"]}
        assert "Anna Weber" in access
        nora = next(guest for guest in guests if guest["name"] == "Nora Keller")
        assert nora["state_reason"] == "suspended_by_admin"  # as it is printed
        assert len(asked(folder, "audit", "list")) > 500
        assert not asked(folder, "lifecycle", "run", "--dry-run")["settled"]
        assert {mail["state"] for mail in asked(folder, "outbox", "list")} == {"sent"}
    assert family(folder) == []

    made = (folder / "seed.log").stat().st_mtime
    with running(folder, port, seconds=120) as process:
        assert (folder / "seed.log").stat().st_mtime == made
        refused = subprocess.run(
            [sys.executable, "-m", "demo"],
            cwd=ROOT,
            env=plain_environment() | {"DEMO_DIR": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert refused.returncode == 1
        assert "A demo runs in" in refused.stderr
        assert process.poll() is None
    assert family(folder) == []


@pytest.mark.processes
def test_demo_killed_leaves_nothing(folder):
    """Even a demo that is killed while it starts takes its children with it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env=plain_environment() | {"DEMO_DIR": str(folder), "DEMO_PORT": str(free_port())},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until((folder / "acme" / "canaille.log").exists, "Canaille", seconds=60)
    process.kill()
    process.wait()
    wait_until(lambda: family(folder) == [], "the children to end", seconds=60)
