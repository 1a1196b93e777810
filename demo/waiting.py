"""Free ports, and waiting until something answers."""

import socket
import subprocess
import time
import urllib.error
import urllib.request
from http import HTTPStatus

# Nothing from the environment: a proxy has no business on loopback.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Say whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
    return port


def wait_for_http(url: str, process: subprocess.Popen[bytes] | None, timeout: float = 30) -> None:
    """Wait until *url* answers with any status below 500.

    Raises:
        RuntimeError: *process* ended, or *timeout* seconds have passed.
    """
    deadline = time.monotonic() + timeout
    fault: object = "no answer"
    while time.monotonic() < deadline:
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"it ended with exit code {process.returncode}")
        try:
            with _DIRECT.open(url, timeout=2):
                return
        except urllib.error.HTTPError as error:
            if error.code < HTTPStatus.INTERNAL_SERVER_ERROR:
                return
            fault = error
        except OSError as error:
            fault = error
        time.sleep(0.05)
    raise RuntimeError(f"{url} did not answer within {timeout:g} s ({fault})")
