"""Connections that go to addresses which were looked at, and have an end.

A fetch has one deadline for everything: finding the name, connecting, the TLS handshake, and every
read, so that a server which drips its answer byte by byte is left in time.
"""

import socket
import ssl
import threading
import time
from collections.abc import Sequence
from typing import Any, Final, Protocol

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection

from portal.foundation.addresses import Owner, Target

LEAST_SHARE: Final = 1.0  # seconds to connect to one address of many


class OutboundError(Exception):
    """A fetch that was refused or failed.

    Attributes:
        code: ``net.blocked`` (we do not go there), ``net.redirect``, ``net.tls``,
            ``net.unreachable`` (no answer at all), ``net.timeout`` (no connection in time) or
            ``net.limit`` (the answer came too slowly, was too long, or was not what was asked for).
        message: a sentence for an admin.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Guard(Protocol):
    """Finds the addresses of a host and refuses those to which no connection may go."""

    def resolve(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of *host*."""

    def require(self, target: Target, addresses: Sequence[str], owner: Owner) -> None:
        """Raise ``OutboundError`` for an address that is not allowed."""


class Call(threading.local):
    """The fetch that this thread is busy with."""

    deadline: float = 0.0
    target: Target | None = None
    owner: Owner = Owner.PARTNER
    guard: Guard | None = None

    def remaining(self) -> float:
        """Return the seconds that are left; raises ``TimeoutError`` when none are."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time for this fetch is over")
        return left

    def share(self, among: int) -> float:
        """Return what one of several gets of the seconds that are left; a far one needs a whole."""
        left = self.remaining()
        return min(left, max(LEAST_SHARE, left / among))


call: Final = Call()


class _Socket(socket.socket):
    """A socket on which each read has only the time that is left of the whole fetch."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(call.remaining())
        return super().recv_into(*args, **kwargs)


class TlsSocket(ssl.SSLSocket):
    """The same over TLS."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Read into a buffer within the time that is left."""
        self.settimeout(call.remaining())
        return super().recv_into(*args, **kwargs)


def _connect(connection: HTTPConnection) -> socket.socket:
    """Connect to one of the addresses that were looked at, and to no other."""
    guard, target = call.guard, call.target
    if guard is None or target is None:
        raise RuntimeError("a pooled connection was used outside a fetch")
    host, port = connection.host, connection.port
    addresses = guard.resolve(host, port)
    if connection.proxy is None:
        if (host, port) != (target.host, target.port):
            raise OutboundError("net.blocked", f"{host} is not where the address leads")
        guard.require(target, addresses, call.owner)
    fault: OSError = OSError(f"{host} has no address")
    for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = _Socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(call.share(left))  # one that is silent leaves time for the others
            sock.connect((address, port))
        except OSError as failed:
            sock.close()
            fault = failed
        else:
            sock.settimeout(call.remaining())  # the TLS handshake has the rest, in all
            return sock
    if isinstance(fault, TimeoutError):
        raise OutboundError("net.timeout", f"{host} does not answer") from fault
    raise OutboundError("net.unreachable", f"no connection to {host}: {fault}") from fault


class _Http(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _Https(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _Https


POOLS: Final = {"http": _HttpPool, "https": _HttpsPool}
