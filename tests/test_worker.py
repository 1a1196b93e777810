"""Workers and their schedule, with a real queue and real processes (cases J01, J02, J05)."""

import json
import os
import pickle
import signal
import time
import zlib
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest
from flask import Flask
from rq.command import send_shutdown_command
from rq.suspension import suspend
from sqlalchemy import func, select

from portal.check import check
from portal.foundation.current import house
from portal.foundation.db import db
from portal.foundation.queues import (
    ALLOWED_JOBS,
    DRAIN,
    SWEEP,
    TIDY,
    connect,
    foreign_jobs,
    queue_of,
)
from portal.foundation.settings import Settings
from portal.lifecycle.models import SweepRun
from portal.worker import run_waiting, schedule_of, tick
from tests.infra.ports import wait_until
from tests.infra.processes import environment, started
from tests.infra.queue import running_redis

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def put(settings: Settings, data: bytes, **more: str | bytes) -> str:
    """Put a job into Redis as somebody would who can write there; return its id."""
    redis = connect(settings)
    key = f"foreign-{os.urandom(4).hex()}"
    stamp = "2026-11-24T00:00:00.000000Z"
    redis.hset(
        f"rq:job:{key}",
        mapping={
            "data": data,
            "created_at": stamp,
            "enqueued_at": stamp,
            "status": "queued",
            "origin": "portal",
            "success_callback_name": "os.getcwd",
            "failure_callback_name": "os.getcwd",
            **more,
        },
    )
    redis.rpush("rq:queue:portal", key)
    return key


def failed(settings: Settings) -> list[str]:
    return queue_of(connect(settings)).failed_job_registry.get_job_ids()


class Touch:
    """Pickled, it touches a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@SQLITE
def test_j01_a_worker_never_unpickles(app: Flask, settings: Settings, tmp_path: Path):
    """A pickled job fails; what it would have run has not run, and the worker goes on."""
    proof = tmp_path / "ran"
    key = put(settings, pickle.dumps(("os.getcwd", None, (Touch(proof),), {})))
    queue_of(connect(settings)).enqueue(DRAIN)
    run_waiting(app)
    assert not proof.exists()
    assert key in failed(settings)
    assert queue_of(connect(settings)).finished_job_registry.count == 1


@SQLITE
def test_j02_a_worker_runs_only_our_jobs(app: Flask, settings: Settings, tmp_path: Path):
    """A JSON job that names os.system fails, `portal check` tells, and nothing was called."""
    proof = tmp_path / "ran"
    key = put(settings, json.dumps(("os.system", None, [f"touch {proof}"], {})).encode())
    run_waiting(app)
    assert not proof.exists()
    assert failed(settings) == [key]
    (line,) = [one.line for one in check(settings) if one.line.startswith("queue: answers")]
    times = foreign_jobs(connect(settings))
    assert f"; refused foreign jobs {times} times" in line
    connect(settings).flushdb()
    assert "queue: answers, 0 waiting" in [one.line for one in check(settings)]


@SQLITE
@pytest.mark.parametrize("kind", ["text", "list"])
def test_j02_whoever_spoils_the_count_of_foreign_jobs_stops_nothing(
    app: Flask, settings: Settings, kind: str
):
    """The worker goes on, and that somebody writes there is told as before."""
    redis = connect(settings)
    if kind == "text":
        redis.set("portal:foreign-jobs", "none")
        assert foreign_jobs(redis) == 1
    else:
        redis.rpush("portal:foreign-jobs", "none")
    key = put(settings, json.dumps(("os.getcwd", None, [], {})).encode())
    put(settings, b"x" * 20_000)
    queue_of(redis).enqueue(DRAIN)
    run_waiting(app)
    assert failed(settings) == [key]
    assert queue_of(redis).finished_job_registry.count == 1
    assert foreign_jobs(redis) > 0


@SQLITE
def test_j02_a_bomb_is_not_unpacked(app: Flask, settings: Settings, monkeypatch):
    """A short text that would fill the memory is left packed, counted, and the worker goes on."""
    bomb = zlib.compress(b"x" * 50_000_000)
    unpacked: list[int] = []
    decompress = zlib.decompress
    monkeypatch.setattr(
        "rq.job.zlib.decompress", lambda data: unpacked.append(len(data)) or decompress(data)
    )
    put(settings, bomb)
    queue_of(connect(settings)).enqueue(DRAIN)
    run_waiting(app)
    assert len(bomb) not in unpacked
    assert foreign_jobs(connect(settings)) == 1
    assert queue_of(connect(settings)).finished_job_registry.count == 1


UNREADABLE = {
    "a time": {"created_at": "yesterday"},
    "a number": {"timeout": "soon"},
    "a state": {"status": "eager"},
    "a list": {"dependency_ids": "one"},
    "letters": {"description": b"\xff\xfe"},
}


@SQLITE
@pytest.mark.parametrize("what", UNREADABLE)
def test_j02_a_job_that_cannot_be_read_stops_no_worker(app: Flask, settings: Settings, what: str):
    """It is counted and left; a worker that ended of it would meet it again at every start."""
    put(settings, json.dumps((DRAIN, None, [], {})).encode(), **UNREADABLE[what])
    queue_of(connect(settings)).enqueue(DRAIN)
    run_waiting(app)
    assert foreign_jobs(connect(settings)) > 0
    assert queue_of(connect(settings)).finished_job_registry.count == 1


@SQLITE
def test_j02_a_job_that_is_no_record_stops_no_worker(app: Flask, settings: Settings):
    """Something else stands where a job should."""
    redis = connect(settings)
    redis.set("rq:job:foreign", "x")
    redis.rpush("rq:queue:portal", "foreign")
    queue_of(redis).enqueue(DRAIN)
    run_waiting(app)
    assert foreign_jobs(redis) > 0
    assert queue_of(redis).finished_job_registry.count == 1


@SQLITE
def test_a_sweep_runs_in_a_worker(app: Flask, settings: Settings):
    """Its child has an application context and a database connection of its own."""
    with app.app_context():
        db.session.execute(select(1))
    queue_of(connect(settings)).enqueue(SWEEP)
    run_waiting(app)
    assert failed(settings) == []
    with app.app_context():
        assert db.session.scalar(select(func.count()).select_from(SweepRun)) == 1
    house(app).pop("redis", None)


@SQLITE
def test_the_schedule_names_allowed_jobs_only(settings: Settings):
    """All there is to run, and each under a name that a worker takes."""
    assert {entry.job for entry in schedule_of(settings)} == ALLOWED_JOBS
    swept = [entry.seconds for entry in schedule_of(settings) if entry.job == SWEEP]
    assert swept == [60]


class Clock:
    """Seconds that pass when they are waited for; stops after so many ticks."""

    def __init__(self, ticks: int) -> None:
        self.now, self.ticks = 1000.0, ticks
        self.jump = 0.0

    def wait(self, seconds: float) -> bool:
        self.now += seconds + self.jump
        self.jump = 0.0
        self.ticks -= 1
        return self.ticks <= 0


@SQLITE
def test_a_schedule_begins_at_once_and_repeats(settings: Settings):
    """What begins is put into the queue again when its seconds have passed."""
    seen: list[str] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("portal.worker.enqueue", lambda _, job: seen.append(job))
        clock = Clock(ticks=61)
        tick(settings, lambda: clock.now, clock.wait)
    assert seen[:3] == [SWEEP, DRAIN, TIDY]
    assert seen.count(SWEEP) == 2
    assert seen.count(DRAIN) == 5


@SQLITE
def test_a_schedule_that_slept_a_night_catches_up_with_one_tick(settings: Settings):
    """Every job once: the job finds in the database what the night has left."""
    seen: list[str] = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("portal.worker.enqueue", lambda _, job: seen.append(job))
        clock = Clock(ticks=2)
        clock.jump = 8 * 3600.0
        tick(settings, lambda: clock.now, clock.wait)
    assert seen == [SWEEP, DRAIN, TIDY] * 2


@SQLITE
def test_j05_two_schedulers_put_one_job(settings: Settings):
    """While it waits it is not put a second time."""
    for _ in range(2):
        clock = Clock(ticks=1)
        tick(settings, lambda clock=clock: clock.now, clock.wait)
    assert sorted(job.func_name for job in queue_of(connect(settings)).jobs) == [DRAIN, SWEEP, TIDY]


@SQLITE
def test_a_schedule_outlives_its_queue(settings: Settings):
    """Away, then there again: no word is lost but the ones in between."""
    seen: list[str] = []
    answers = iter([ConnectionError("gone"), ConnectionError("gone")])

    def put_or_fail(_: object, job: str) -> None:
        if (fault := next(answers, None)) is not None:
            raise fault
        seen.append(job)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("portal.worker.enqueue", put_or_fail)
        clock = Clock(ticks=3)
        tick(settings, lambda: clock.now, clock.wait)
    assert seen == [SWEEP, DRAIN, TIDY]


@SQLITE
@pytest.mark.processes
def test_a_worker_and_a_scheduler_as_processes(settings: Settings, tmp_path: Path):
    """Started apart they sweep; asked to stop they do, and leave nobody."""
    variables = environment(settings)
    with (
        started("scheduler", variables=variables, folder=tmp_path) as scheduler,
        started("worker", variables=variables, folder=tmp_path) as worker,
    ):
        done = queue_of(connect(settings)).finished_job_registry
        wait_until(lambda: done.count >= 1, "a job to be done", seconds=40)
        assert scheduler.interrupt() == 0
        worker.process.send_signal(signal.SIGTERM)
        assert worker.wait() == 0
        assert [*scheduler.family(), *worker.family()] == []
    assert failed(settings) == []


@SQLITE
@pytest.mark.processes
def test_a_worker_awaits_a_database_that_is_away(settings: Settings, tmp_path: Path):
    """Another version's it refuses; one that is away comes back, and no restart should be due."""
    away = settings.model_copy(update={"database_url": "postgresql://portal@127.0.0.1:1/portal"})
    redis = connect(away)
    with started("worker", variables=environment(away), folder=tmp_path) as worker:
        wait_until(lambda: redis.smembers("rq:workers"), "the worker to be there", seconds=40)
        worker.process.send_signal(signal.SIGTERM)
        assert worker.wait() == 0


@SQLITE
@pytest.mark.processes
def test_j02_a_worker_takes_no_orders_through_the_queue(settings: Settings, tmp_path: Path):
    """Who can write there can neither end it nor send it to sleep: a unit would let it lie."""
    redis = connect(settings)
    suspend(redis)
    with started("worker", variables=environment(settings), folder=tmp_path) as worker:
        wait_until(lambda: redis.smembers("rq:workers"), "the worker to be there", seconds=40)
        (key,) = redis.smembers("rq:workers")
        send_shutdown_command(redis, key.decode().removeprefix("rq:worker:"))
        queue_of(redis).enqueue(TIDY)
        done = queue_of(redis).finished_job_registry
        wait_until(lambda: done.count >= 1, "a job to be done")
        worker.process.send_signal(signal.SIGTERM)
        assert worker.wait() == 0


@SQLITE
@pytest.mark.processes
def test_a_worker_ends_when_it_is_asked_to_though_its_queue_is_gone(
    settings: Settings, tmp_path: Path
):
    """Asked once: by its unit, or by the kernel when `portal up` was killed. It would stay on."""
    with ExitStack() as queue:
        own = settings.model_copy(update={"redis_url": queue.enter_context(running_redis())})
        redis = connect(own)
        with started("worker", variables=environment(own), folder=tmp_path) as worker:
            wait_until(lambda: redis.smembers("rq:workers"), "the worker to be there", seconds=40)
            queue.close()
            # From RQ where it was waiting for a job already, from us where it had just begun.
            said = ("could not connect", "worker.no_queue")
            wait_until(lambda: any(one in worker.output for one in said), "a word", seconds=40)
            worker.process.send_signal(signal.SIGTERM)
            assert worker.wait() == 0


@SQLITE
@pytest.mark.processes
def test_the_child_of_a_killed_worker_does_not_live_on(settings: Settings, tmp_path: Path):
    """A mail server that takes the call and says nothing holds a drain; then the worker dies."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        variables = environment(settings)
        variables["PORTAL_SMTP_URL"] = f"smtp://127.0.0.1:{silent.getsockname()[1]}"
        _owe_a_mail(settings)
        with started("worker", variables=variables, folder=tmp_path) as worker:
            queue_of(connect(settings)).enqueue(DRAIN)
            silent.settimeout(40)
            taken, _ = silent.accept()
            with taken:
                assert len(worker.family()) == 2
                worker.process.kill()
                worker.wait()
                deadline = time.monotonic() + 5
                while worker.family() and time.monotonic() < deadline:
                    time.sleep(0.02)
                assert [one.pid for one in worker.family() if psutil.pid_exists(one.pid)] == []


def _owe_a_mail(settings: Settings) -> None:
    from portal.app import create_app
    from portal.delivery.changes import put as put_message
    from portal.delivery.rules import Message
    from portal.foundation import clock
    from portal.foundation.transaction import Actor, transaction
    from tests.delivery.samples import PAYLOADS

    app = create_app(settings)
    with app.app_context():
        with transaction(actor=Actor.system("test"), now=clock.policy_now()) as tx:
            kind = "sponsor.request_lapsed"
            put_message(tx, [Message(kind, "ann@host.example", "one", PAYLOADS[kind])])
        db.session.remove()
        db.engine.dispose()
