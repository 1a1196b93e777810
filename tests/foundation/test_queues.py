"""The queue: our jobs and no others, and nothing depends on it (cases J01, J02)."""

import json
import os
import pickle
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from redis.exceptions import RedisError
from rq.job import Job

from portal.foundation import queues
from portal.foundation.current import house
from portal.foundation.queues import (
    DRAIN,
    SWEEP,
    EmbeddedQueue,
    ForeignJob,
    PortalJob,
    connect,
    enqueue,
    foreign_jobs,
    queue_of,
    redis_url,
    wake,
)
from portal.foundation.settings import Settings
from tests.infra.ports import free_port, wait_until
from tests.infra.queue import server_binary

# A worker as RQ is, which is asked to perform a job and says so for ever.
TAKES_A_JOB = """
import signal, sys
from redis import Redis
from rq import Worker
from portal.foundation.queues import PortalJob, queue_of
from rq.serializers import JSONSerializer

class Taker(Worker):
    def execute_job(self, job, queue):
        print("taken", flush=True)
        signal.pause()

redis = Redis.from_url(sys.argv[1])
taker = Taker([queue_of(redis)], connection=redis, job_class=PortalJob, serializer=JSONSerializer)
taker.work(logging_level="ERROR")
"""


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> Settings:
    return Settings.checked(
        None,
        env="development",
        public_url="https://guests.host.example",
        secret_keys="fzQ7x2Lk9mVb4Rt1Yp8Wc3Nd6Hs5Jg0A",
        data_dir=tmp_path,
        redis_url=redis_url,
    )


@pytest.fixture
def context(settings: Settings):
    app = Flask("queue")
    house(app)["settings"] = settings
    with app.app_context():
        yield app


def put(redis: Redis, data: bytes, **more: str) -> PortalJob:
    """Put a job into Redis as somebody would who can write there."""
    key = f"foreign-{os.urandom(4).hex()}"
    redis.hset(
        f"rq:job:{key}",
        mapping={"data": data, "created_at": "2026-11-24T00:00:00.000000Z", "status": "queued",
                 "origin": "portal", **more},
    )  # fmt: skip
    redis.rpush("rq:queue:portal", key)
    return queue_of(redis).fetch_job(key)


def test_j01_a_pickled_job_is_never_unpickled(settings, context, tmp_path):
    """Reading it raises, and the code inside has not run."""
    proof = tmp_path / "ran"

    class Payload:
        def __reduce__(self):
            return os.system, (f"touch {proof}",)

    job = put(connect(settings), pickle.dumps(("os.getcwd", None, (Payload(),), {})))
    with pytest.raises(ValueError, match=r"utf-8|JSON|codec|Expecting"):
        _ = job.func_name
    assert not proof.exists()


FOREIGN = [
    ("os.system", None, ["true"], {}),
    ("builtins.eval", None, ["1"], {}),
    ("subprocess.check_output", None, [["true"]], {}),
    ("portal.foundation.queues.enqueue", None, [], {}),
    ("portal.lifecycle.jobs.run", None, [], {}),
    (f"{SWEEP}.__globals__", None, [], {}),
    ("sweep", "portal.lifecycle.jobs", [], {}),
    (SWEEP, "something", [], {}),
    (SWEEP, None, [{"now": "2030-01-01"}], {}),
    (SWEEP, None, ["x" * 65], {}),
    (SWEEP, None, [], {"now": 5}),
    (None, None, [], {}),
]


@pytest.mark.parametrize("job", FOREIGN, ids=lambda job: str(job[0]))
def test_j02_a_foreign_job_is_refused(job, settings, context):
    """Another function, a method of an instance, arguments that are no ids: nothing is imported."""
    found = put(connect(settings), json.dumps(job).encode())
    for name in ("func", "func_name", "args", "kwargs", "instance"):
        with pytest.raises(ForeignJob):
            getattr(found, name)
    assert foreign_jobs(connect(settings)) > 0


def test_j02_callbacks_and_webhooks_of_a_job_are_dropped(settings, context):
    """RQ would import and call them around a job that is ours."""
    job = put(
        connect(settings),
        json.dumps((SWEEP, None, [], {})).encode(),
        success_callback_name="os.getcwd",
        failure_callback_name="os.getcwd",
        stopped_callback_name="os.getcwd",
        webhooks=json.dumps([{"url": "https://evil.example", "job_status": "finished"}]),
    )
    assert job.func_name == SWEEP
    assert (job.success_callback, job.failure_callback, job.stopped_callback) == (None,) * 3
    assert job.webhooks == []


def test_the_libraries_own_job_would_have_run_it(settings):
    """The defence is ours: RQ's class imports what it finds."""
    redis = connect(settings)
    key = put(redis, json.dumps(("os.getcwd", None, [], {})).encode()).id
    job = Job.fetch(key, connection=redis, serializer=queues.JSONSerializer)
    assert job.perform() == os.getcwd()


def test_waking_twice_runs_once(settings, context):
    """Until a worker takes it: then what comes after may need another run."""
    redis = connect(settings)
    assert wake(DRAIN)
    assert wake(DRAIN)
    assert wake(SWEEP)
    assert [job.func_name for job in queue_of(redis).jobs] == [DRAIN, SWEEP]
    redis.lpop("rq:queue:portal")
    enqueue(redis, DRAIN)
    assert [job.func_name for job in queue_of(redis).jobs] == [SWEEP, DRAIN]


@pytest.mark.processes
def test_j04_a_worker_that_died_with_a_job_in_hand_holds_up_no_other(settings, context):
    """Killed between taking the job and beginning it: the next word is not taken for a second."""
    redis = connect(settings)
    wake(DRAIN)
    with subprocess.Popen(
        [sys.executable, "-c", TAKES_A_JOB, settings.redis_url], stdout=subprocess.PIPE
    ) as taker:
        assert taker.stdout is not None
        said = taker.stdout.readline()
        taker.kill()
    assert said == b"taken\n"
    assert len(queue_of(redis)) == 0
    assert wake(DRAIN)
    assert [job.func_name for job in queue_of(redis).jobs] == [DRAIN]


def test_what_somebody_else_wrote_into_the_queue_keeps_no_job_out(settings, context):
    """Names of no text, and more of them than we look at."""
    redis = connect(settings)
    redis.rpush("rq:queue:portal", b"\xff\xfe", b"drain", *(b"x%d" % n for n in range(300)))
    assert wake(DRAIN)
    assert redis.llen("rq:queue:portal") == 303


def test_what_is_put_into_the_queue_is_json(settings, context):
    """So that it is read without running anything."""
    wake(DRAIN)
    redis = connect(settings)
    (key,) = queue_of(redis).job_ids
    raw = redis.hget(f"rq:job:{key}", "data")
    import zlib

    assert json.loads(zlib.decompress(raw)) == [DRAIN, None, [], {}]


def test_a_connection_is_of_one_thread_and_of_one_process(context):
    """Two that spoke on one socket would read each other's answers."""
    own = queues.connection()
    assert queues.connection() is own

    def in_a_thread():
        with context.app_context():
            return queues.connection()

    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(in_a_thread).result() is not own
    child = os.fork()
    if child == 0:
        os._exit(0 if queues.connection() is not own else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert own.ping()


@contextmanager
def redis_on(port: int) -> Iterator[None]:
    """Run a server at a port of loopback."""
    command = [server_binary(), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        client = Redis(port=port)
        try:
            wait_until(lambda: _answers(client), "the queue")
            yield
        finally:
            server.terminate()


def _answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


@pytest.mark.processes
def test_j01_a_queue_that_was_away_for_a_moment_is_told(tmp_path: Path):
    """The connection that a thread keeps is made anew when the server has closed it."""
    port = free_port()
    app = Flask("queue")
    house(app)["settings"] = Settings.checked(
        None,
        env="development",
        public_url="https://guests.host.example",
        secret_keys="fzQ7x2Lk9mVb4Rt1Yp8Wc3Nd6Hs5Jg0A",
        data_dir=tmp_path,
        redis_url=f"redis://127.0.0.1:{port}",
    )
    with app.app_context():
        for _ in range(2):
            with redis_on(port):
                assert wake(DRAIN)
                assert queues.connection().ping()
        assert not wake(DRAIN)


def test_waking_never_raises(settings):
    """A page does not fail because the queue is away; nor does a wrong address matter."""
    app = Flask("queue")
    house(app)["settings"] = settings.model_copy(update={"redis_url": "unix:///nowhere.sock"})
    with app.app_context():
        assert wake(DRAIN) is False
    app = Flask("queue")
    house(app)["settings"] = settings.model_copy(update={"redis_url": ""})
    with app.app_context():
        assert wake(DRAIN) is False
        with pytest.raises(ValueError, match="no job of the portal"):
            wake("os.system")


@pytest.mark.processes
def test_the_embedded_server_has_a_password_and_leaves_nothing(settings, tmp_path):
    """A socket for us alone, the password in no process list, all gone afterwards."""
    own = settings.model_copy(update={"redis_url": "", "data_dir": tmp_path / "d"})
    queue = EmbeddedQueue(own)
    process = queue.start()
    try:
        url = redis_url(own)
        assert url is not None
        password = url.partition("://:")[2].partition("@")[0]
        assert len(password) > 30
        assert connect(own).ping()
        with pytest.raises(RedisError):
            Redis(unix_socket_path=str(tmp_path / "d" / "queue.sock")).ping()
        listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
        assert password not in listed.stdout
        mode = (tmp_path / "d" / "queue.url").stat().st_mode
        assert stat.S_IMODE(mode) == 0o600
    finally:
        queue.stop()
    assert process.poll() is not None
    assert redis_url(own) is None
    assert not list((tmp_path / "d").glob("queue.*"))


@pytest.mark.processes
def test_the_embedded_server_starts_again_under_the_same_address(settings, tmp_path):
    """Killed, it is started again; workers find it where it was."""
    own = settings.model_copy(update={"redis_url": "", "data_dir": tmp_path / "d"})
    queue = EmbeddedQueue(own)
    first = queue.start()
    url = redis_url(own)
    first.send_signal(signal.SIGKILL)
    first.wait()
    try:
        queue.start()
        assert redis_url(own) == url
        assert connect(own).ping()
    finally:
        queue.stop()


@pytest.mark.processes
def test_a_deep_data_folder_has_its_socket_elsewhere(settings, tmp_path):
    """A unix socket's path is short by nature."""
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    own = settings.model_copy(update={"redis_url": "", "data_dir": deep})
    queue = EmbeddedQueue(own)
    queue.start()
    try:
        assert connect(own).ping()
        assert not list(deep.glob("*.sock"))
    finally:
        queue.stop()


@pytest.mark.processes
def test_the_embedded_server_dies_with_its_parent(settings, tmp_path):
    """Even when that one was killed and could stop nothing."""
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from portal.foundation.queues import EmbeddedQueue\n"
        "from portal.foundation.settings import Settings\n"
        "s = Settings.checked(None, public_url='https://g.example', data_dir=sys.argv[1],\n"
        "    secret_keys='fzQ7x2Lk9mVb4Rt1Yp8Wc3Nd6Hs5Jg0A')\n"
        "print(EmbeddedQueue(s).start().pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "d")], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{child}").exists()


@pytest.mark.processes
def test_an_odd_data_folder_has_its_socket_all_the_same(settings, tmp_path):
    """Signs of URLs, and those of the server's own file."""
    odd = tmp_path / "a b#c?d%41\"e'f\\g"
    own = settings.model_copy(update={"redis_url": "", "data_dir": odd})
    queue = EmbeddedQueue(own)
    queue.start()
    try:
        assert connect(own).ping()
        assert (odd / "queue.sock").exists()
    finally:
        queue.stop()
