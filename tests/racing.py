"""Races between real processes, each with its own connections, all off at the same instant."""

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from threading import Thread
from typing import Any

from flask import Flask, current_app
from sqlalchemy import text

from portal.foundation.current import house
from portal.foundation.db import db, init_database
from portal.foundation.settings import Settings

_PATIENCE = 60  # seconds until the last process has imported everything

Job = Callable[[Any], Any]


def beside(work: Callable[[], object]) -> tuple[Thread, list[Exception]]:
    """Return a thread that does *work* with a connection of its own, and what it will meet."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    faults: list[Exception] = []

    def run() -> None:
        with app.app_context():
            try:
                work()
            except Exception as fault:  # noqa: BLE001 - the test says so, not the thread
                faults.append(fault)
            finally:
                db.session.remove()

    return Thread(target=run), faults


_WAITING = text(
    "select count(*) from pg_stat_activity"
    " where datname = current_database() and wait_event_type = 'Lock'"
)


def somebody_waits() -> bool:
    """Say whether somebody waits for a lock in this test's database, which is PostgreSQL's."""
    with db.engine.connect() as connection:
        return bool(connection.scalar(_WAITING))


def race(
    settings: Settings, job: Job, lanes: Sequence[Sequence[Any]], *, processes: int = 2
) -> list[list[Any]]:
    """Run *job* on the first of every lane at once, then on the second of every lane, and so on.

    Args:
        settings: of the portal whose database they race on.
        job: a function of a module, called inside an application context.
        lanes: arguments; each lane is a thread, the threads are spread over the processes.
        processes: how many.

    Returns:
        For each lane what the job returned, or the exception that it raised.
    """
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(len(lanes))
    results = context.Queue()
    running = []
    for number in range(processes):
        own = list(enumerate(lanes))[number::processes]
        process = context.Process(target=_run, args=(settings, job, own, barrier, results))
        process.start()
        running.append(process)
    found = dict(results.get(timeout=_PATIENCE) for _ in lanes)
    for process in running:
        process.join(_PATIENCE)
        assert process.exitcode == 0
    results.close()
    return [found[number] for number in range(len(lanes))]


def _run(
    settings: Settings,
    job: Job,
    lanes: Sequence[tuple[int, Sequence[Any]]],
    barrier: Barrier,
    results: "Queue[tuple[int, list[Any]]]",
) -> None:
    app = Flask("portal")
    house(app)["settings"] = settings
    init_database(app, settings.database)

    def run(number: int, arguments: Sequence[Any]) -> None:
        done: list[Any] = []
        for argument in arguments:
            with app.app_context():
                db.session.connection()  # the pool is warm before the start
                db.session.remove()
                barrier.wait(_PATIENCE)
                try:
                    done.append(job(argument))
                except Exception as error:  # noqa: BLE001 - the test looks at it
                    done.append(error)
        results.put((number, done))

    threads = [Thread(target=run, args=lane) for lane in lanes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with app.app_context():
        db.engine.dispose()
