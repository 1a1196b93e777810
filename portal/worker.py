"""Workers, and the schedule that wakes them.

The schedule is one list. An entry only puts a job into the queue, and the job asks the database
what is due: two schedulers do no harm, one that slept a night makes up for it with its first tick,
and none at all lengthens nobody's access.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Final, NoReturn

import structlog
from flask import Flask
from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.exceptions import StopRequested
from rq.job import Job
from rq.serializers import JSONSerializer

from portal.app import create_app
from portal.foundation import processes
from portal.foundation.current import house, settings_of
from portal.foundation.db import db
from portal.foundation.logs import init_logs, tell_unknown_variables
from portal.foundation.queues import (
    DRAIN,
    SWEEP,
    TIDY,
    PortalJob,
    connect,
    enqueue,
    queue_of,
)
from portal.foundation.settings import Settings

PAUSE: Final = 2.0  # seconds before a worker that lost the queue tries again
DRAIN_SECONDS: Final = 15  # a wake-up that was lost costs a mail this much

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Every:
    """A job that is put into the queue every so many seconds."""

    job: str
    seconds: int


def schedule_of(settings: Settings) -> tuple[Every, ...]:
    """Return the schedule: all there is."""
    return (
        Every(SWEEP, settings.sweep_seconds),
        Every(DRAIN, DRAIN_SECONDS),
        Every(TIDY, settings.sweep_seconds),
    )


class PortalWorker(Worker):
    """Runs jobs of our list, each in a child process with an application context of its own."""

    def __init__(self, app: Flask, connection: "Redis") -> None:
        super().__init__(
            [queue_of(connection)],
            connection=connection,
            job_class=PortalJob,
            serializer=JSONSerializer,
            log_job_description=False,
        )
        self.app = app
        self.asked_to_stop = False

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Finish the job at hand, then stop; also where RQ cannot ask the queue if there is one."""
        self.asked_to_stop = True
        try:
            super().request_stop(signum, frame)  # type: ignore[no-untyped-call]
        except RedisError:
            if not self.horse_pid:
                raise StopRequested from None
            self._stop_requested = True

    def subscribe(self) -> None:
        """Take no orders through the queue: who can write there could end the worker for good."""

    def check_for_suspension(self, burst: bool) -> None:  # noqa: FBT001 - RQ calls it
        """Nor a word there that sends it to sleep."""

    def main_work_horse(self, job: Job, queue: Queue) -> NoReturn:
        """Perform a job in the forked child, which ends when its worker is killed."""
        processes.die_with_parent(int(self.pid or 0))
        with self.app.app_context():
            db.engine.dispose(close=False)  # its connections are the parent's
            house(self.app).pop("redis", None)
            super().main_work_horse(job, queue)
        os._exit(1)  # the line above never returns


def work(settings: Settings) -> None:
    """Work until asked to stop (SIGTERM or Ctrl-C); a queue that is away is waited for."""
    app = create_app(settings)
    tell_unknown_variables()
    told = False
    while True:
        signal.signal(signal.SIGTERM, _leave)
        signal.signal(signal.SIGINT, _leave)
        worker = None
        try:
            worker = PortalWorker(app, connect(settings))
            told = False
            worker.work(logging_level="WARNING")
        except (RedisError, OSError) as fault:
            if not told:
                log.warning("worker.no_queue", fault=str(fault))
                told = True
        if worker is not None and worker.asked_to_stop:
            return
        signal.signal(signal.SIGTERM, _leave)
        time.sleep(PAUSE)


def schedule(settings: Settings) -> None:
    """Wake jobs by the schedule until asked to stop (SIGTERM or Ctrl-C)."""
    init_logs(settings)
    tell_unknown_variables()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    tick(settings, time.monotonic, stop.wait)


def tick(settings: Settings, now: Callable[[], float], wait: Callable[[float], bool]) -> None:
    """Put what is due into the queue, again and again, until *wait* says to stop.

    Args:
        settings: where the queue is, and how often to sweep.
        now: a clock in seconds that never goes back.
        wait: waits so many seconds; returns whether to stop.
    """
    due = dict.fromkeys(schedule_of(settings), 0.0)
    redis: Redis | None = None
    told = False
    while True:
        for entry in [entry for entry, at in due.items() if at <= now()]:
            try:
                redis = redis or connect(settings)
                enqueue(redis, entry.job)
            except (RedisError, OSError) as fault:
                redis = None
                if not told:
                    log.warning("schedule.no_queue", fault=str(fault))
                    told = True
                break
            told = False
            due[entry] = now() + entry.seconds
        if wait(1.0):
            return


def run_waiting(app: Flask) -> int:
    """Run the jobs that wait in the queue, in this process's children; return how many there were.

    For tests and for a shell: what a worker would do now.
    """
    connection = connect(settings_of(app))
    waiting = len(queue_of(connection))
    PortalWorker(app, connection).work(burst=True, logging_level="WARNING")
    return waiting


def _leave(*_: object) -> NoReturn:
    raise SystemExit(0)
