"""Processes of the portal that die in the middle of something, for real."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from flask import Flask

from portal.foundation.current import house
from portal.foundation.db import db, init_database
from portal.foundation.queues import SWEEP, connect, queue_of
from portal.foundation.settings import Settings
from portal.lifecycle import jobs
from portal.sponsorship.changes.settling import settle
from portal.worker import work

_PATIENCE = 60  # seconds


def killed(target: Callable[..., None], *arguments: Any) -> None:
    """Run a function of a module in a process of its own, which must be ended by SIGKILL."""
    process = multiprocessing.get_context("spawn").Process(target=target, args=arguments)
    process.start()
    process.join(_PATIENCE)
    assert process.exitcode == -signal.SIGKILL, process.exitcode


def worker_killed_in_a_sweep(settings: Settings, batches: int) -> None:
    """Work; once so many batches of a sweep stand and the next is written, the power goes."""
    written = 0

    def dying(tx: Any, guest_ids: Any) -> Any:
        nonlocal written
        done = settle(tx, guest_ids)
        tx.session.flush()
        if written == batches:
            os.kill(os.getppid(), signal.SIGKILL)  # the worker; this is its work horse
            os.kill(os.getpid(), signal.SIGKILL)
        written += 1
        return done

    queue_of(connect(settings)).enqueue(SWEEP)
    with patch.object(jobs, "settle", dying):
        work(settings)


def killed_before_waking(settings: Settings, change: Callable[[], Any]) -> None:
    """Change something; the process dies between the commit and the word to the queue."""
    app = Flask("portal")
    house(app)["settings"] = settings
    init_database(app, settings.database)

    def die(*_: Any) -> None:
        db.session.remove()
        os.kill(os.getpid(), signal.SIGKILL)

    with app.app_context(), patch("portal.foundation.queues.enqueue", die):
        change()
