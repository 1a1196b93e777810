"""What both apps stand on: PostgreSQL, a queue, a provider, and one gunicorn sync worker each."""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests
from flask import Flask

from portal.foundation import clock
from portal.foundation.current import house
from portal.foundation.db import db, init_database
from portal.foundation.settings import Settings
from tests import factories
from tests.hostile.provider import CLIENT_ID, CLIENT_SECRET, HostileProvider
from tests.infra.databases import Databases
from tests.infra.postgres import running_postgres
from tests.infra.processes import environment, plain_environment
from tests.infra.queue import running_redis

NO_LIMIT = "100000000 per minute"


class Connections(set[Any]):
    """The provider's open connections, counting every one that there ever was."""

    opened = 0

    def add(self, one: Any) -> None:
        """Note a new one."""
        self.opened += 1
        super().add(one)


@dataclass
class Ground:
    """Everything but the apps."""

    database: str
    provider: HostileProvider
    connections: Connections
    settings: Settings
    partner: factories.Partner
    app: Flask
    folder: Path
    postgres: psutil.Process


@dataclass
class Served:
    """An app behind one gunicorn sync worker."""

    url: str
    worker: psutil.Process
    seconds_to_first_answer: float

    def cpu(self) -> float:
        """CPU seconds of the worker so far, user and system."""
        return cpu_of(self.worker)


def cpu_of(process: psutil.Process) -> float:
    """Return the CPU seconds of a process so far: the scheduler's nanoseconds, of every thread."""
    total = 0
    for thread in process.threads():
        said = Path(f"/proc/{process.pid}/task/{thread.id}/schedstat").read_text()
        total += int(said.split()[0])
    return total / 1e9


def cpu_of_database(postmaster: psutil.Process) -> float:
    """Return the CPU seconds of the server processes that answer somebody.

    What tidies up behind a filling (checkpoints, autovacuum) is not a sign-in's.
    """
    answering = [one for one in postmaster.children() if "[local]" in " ".join(one.cmdline())]
    return sum(cpu_of(one) for one in answering)


@contextmanager
def ground() -> Iterator[Ground]:
    """Lay it, with one organisation that trusts the provider; take it away at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        server = stack.enter_context(running_postgres(folder))
        databases = Databases(folder, folder, lambda: server)
        database = databases.fresh("postgresql")
        redis_url = stack.enter_context(running_redis())
        provider = HostileProvider()
        stack.callback(provider.close)
        provider._connections = connections = Connections()
        settings = Settings.checked(
            None,
            env="development",
            public_url=f"http://127.0.0.1:{free_port()}",
            secret_keys=(secrets.token_urlsafe(48),),
            data_dir=folder,
            database_url=database,
            redis_url=redis_url,
            smtp_url="smtp://127.0.0.1:1",
            host_name="Host Ltd",
            host_domains=("host.example",),
            support_contact="help@host.example",
            limit_per_address=NO_LIMIT,
            limit_per_account=NO_LIMIT,
            limit_sign_in_per_address=NO_LIMIT,
        )
        app = Flask("portal")
        house(app)["settings"] = settings
        init_database(app, settings.database)
        stack.enter_context(app.app_context())
        stack.callback(db.session.remove)
        with factories.writing(now=clock.policy_now()) as tx:
            partner = factories.partner(
                tx,
                issuer=provider.issuer,
                client_id=CLIENT_ID,
                client_secret=CLIENT_SECRET,
                policy={
                    "approval": "at-once",
                    "most_guests": 10_000_000,
                    "most_new_per_hour": 1_000_000,
                },
            )
            factories.offer(tx, partner.id, default=True)
        db.session.remove()
        pid = int(
            (Path((folder / "postgres-folder").read_text()) / "data/postmaster.pid")
            .read_text()
            .splitlines()[0]
        )
        yield Ground(
            database, provider, connections, settings, partner, app, folder, psutil.Process(pid)
        )


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def served(target: str, url: str, variables: Mapping[str, str], folder: Path) -> Iterator[Served]:
    """Serve an application factory with one gunicorn sync worker, as both are measured."""
    command = [sys.executable, "-m", "gunicorn", "--workers", "1", "--worker-class", "sync",
               "--bind", url.removeprefix("http://"), "--log-level", "warning", target]  # fmt: skip
    began = time.monotonic()
    log = folder / f"{target.split(':', maxsplit=1)[0]}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env={**plain_environment(), **variables, "SPT_NOENV": "1"},
            cwd=os.getcwd(), stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        while True:
            try:
                requests.get(f"{url}/healthz", timeout=60)
                break
            except requests.ConnectionError:
                if process.poll() is not None or time.monotonic() - began > 60:  # noqa: PLR2004
                    raise RuntimeError(log.read_text()) from None
                time.sleep(0.02)
        waited = time.monotonic() - began
        worker = psutil.Process(process.pid).children()[0]
        yield Served(url, worker, waited)
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def the_portal(on: Ground) -> Iterator[Served]:
    """Serve the portal."""
    url = on.settings.public_url
    with served("portal.app:from_environment()", url, environment(on.settings), on.folder) as one:
        yield one


@contextmanager
def the_floor(on: Ground) -> Iterator[Served]:
    """Serve the floor, on the same database and provider."""
    from bench.floor import Base

    Base.metadata.create_all(db.engine)
    url = f"http://127.0.0.1:{free_port()}"
    variables = {
        "FLOOR_DATABASE": on.database,
        "FLOOR_ISSUER": on.provider.issuer,
        "FLOOR_CLIENT_ID": CLIENT_ID,
        "FLOOR_CLIENT_SECRET": CLIENT_SECRET,
        "FLOOR_URL": url,
    }
    with served("bench.floor:create_app()", url, variables, on.folder) as one:
        yield one
