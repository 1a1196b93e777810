"""The egress client: everything that is fetched because a partner said so goes through here.

``https`` only, public addresses only, no redirects, nothing from the environment, 1 MB and 5
seconds in all, certificates always verified. A name is resolved once, every address it has is
looked at, and the connection goes to exactly those addresses. One pool of connections serves the
whole process; no more than a few requests go to one provider at a time, so that a slow one does
not hold every thread of the portal.
"""

import json
import math
import queue
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Final

import certifi
from flask import current_app
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, PoolManager, ProxyManager
from urllib3.exceptions import HTTPError, SSLError
from urllib3.exceptions import TimeoutError as Urllib3TimeoutError
from urllib3.util import make_headers, parse_url

from portal.foundation.addresses import Blocked, Owner, Rules, Target
from portal.foundation.current import house
from portal.foundation.egress_sockets import POOLS, OutboundError, TlsSocket, call
from portal.foundation.settings import Settings

MOST_BYTES: Final = 1_000_000
MOST_SECONDS: Final = 5.0
MOST_AT_ONCE: Final = 8  # requests to one origin in one process
MOST_WAIT: Final = 2.0  # seconds for a place among them
_PIECE: Final = 65_536
# Read by ourselves, within the limit; nothing compressed is asked for.
_HEADERS: Final = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "guest-portal",
}
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

Resolver = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status; never a redirect.

    Attributes:
        status: of HTTP.
        body: decoded, at most 1 MB.
    """

    status: int
    body: bytes

    def object(self) -> dict[str, Any] | None:
        """Return the JSON object that it is, or nothing.

        Whatever charset it claims, it is UTF-8, and knows no infinite number (RFC 8259, 8.1 and 6).
        """
        try:
            text = self.body.decode("utf-8-sig")
            found = json.loads(text, parse_constant=_no_number, parse_float=_finite)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None


class _Pools:
    """The connections to whom one owner named, direct or through the proxy."""

    def __init__(self, egress: "Egress") -> None:
        sizes: dict[str, Any] = {
            "num_pools": 64,
            "maxsize": MOST_AT_ONCE,
            "ssl_context": egress.context,
        }
        self.direct = PoolManager(**sizes)
        self.proxied: ProxyManager | None = None
        if egress.proxy:
            auth = parse_url(egress.proxy).auth
            headers = make_headers(proxy_basic_auth=auth) if auth else None
            self.proxied = ProxyManager(egress.proxy, proxy_headers=headers, **sizes)
        for manager in self.managers:
            manager.pool_classes_by_scheme = POOLS

    @property
    def managers(self) -> list[PoolManager]:
        """What there is of them."""
        return [one for one in (self.direct, self.proxied) if one is not None]


class Egress:
    """The client of one process, with one pool for partners and one for the host's own provider."""

    def __init__(self, settings: Settings, resolver: Resolver | None = None) -> None:
        self.rules = Rules(frozenset(settings.egress_private_hosts), settings.development)
        self.proxy = settings.egress_proxy
        self.context = _context(settings.ca_file)
        self._resolver = resolver or _system_resolver
        self._places: dict[str, threading.BoundedSemaphore] = {}
        self._lock = threading.Lock()
        self._pools = {owner: _Pools(self) for owner in Owner}

    def get(self, url: str, owner: Owner, headers: Mapping[str, str] | None = None) -> Answer:
        """GET something.

        Raises:
            OutboundError: with its code.
        """
        return self._send("GET", url, owner, {**_HEADERS, **(headers or {})}, None)

    def post(self, url: str, owner: Owner, headers: Mapping[str, str], body: str) -> Answer:
        """POST something.

        Raises:
            OutboundError: with its code.
        """
        return self._send("POST", url, owner, {**_HEADERS, **headers}, body.encode())

    def close(self) -> None:
        """Close every pooled connection."""
        for pools in self._pools.values():
            for manager in pools.managers:
                manager.clear()

    def check_url(self, url: str, owner: Owner = Owner.PARTNER) -> Target:
        """Refuse a URL from which nothing would be fetched, without asking the network.

        Raises:
            OutboundError: ``net.blocked``.
        """
        try:
            return self.rules.target(url, owner)
        except Blocked as fault:
            raise OutboundError("net.blocked", str(fault)) from fault

    def require(self, target: Target, addresses: Sequence[str], owner: Owner) -> None:
        """Refuse addresses to which no connection may go.

        Raises:
            OutboundError: ``net.blocked``.
        """
        try:
            self.rules.require(target, map(ip_address, addresses), owner)
        except Blocked as fault:
            raise OutboundError("net.blocked", str(fault)) from fault

    def goes_direct(self, target: Target, owner: Owner) -> bool:
        """Say whether a target is reached without the proxy: what the operator named, loopback."""
        return (
            owner is Owner.HOST
            or target.scheme == "http"
            or self.rules.is_private_host(target.host, target.port)
        )

    def resolve(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of *host*, within the time that is left.

        Raises:
            OutboundError: ``net.unreachable`` or ``net.timeout``.
        """
        answers: queue.SimpleQueue[Sequence[str] | OSError] = queue.SimpleQueue()

        def ask() -> None:
            try:
                answers.put(self._resolver(host, port))
            except (OSError, UnicodeError) as fault:
                answers.put(OSError(str(fault)))

        # The system's resolver knows no deadline, so it is waited for and left behind.
        threading.Thread(target=ask, daemon=True, name="resolve").start()
        try:
            answer = answers.get(timeout=call.remaining())
        except (queue.Empty, TimeoutError) as fault:
            raise OutboundError("net.timeout", f"the name {host} was not found in time") from fault
        if isinstance(answer, OSError) or not answer:
            raise OutboundError("net.unreachable", f"the name {host} is not known")
        return answer

    @contextmanager
    def fetching(self, url: str, owner: Owner) -> Iterator[Target]:
        """Check *url*, wait for a place at its origin, and start the clock."""
        target = self.check_url(url, owner)
        with self._lock:
            place = self._places.setdefault(target.origin, threading.BoundedSemaphore(MOST_AT_ONCE))
        if not place.acquire(timeout=MOST_WAIT):
            raise OutboundError("net.limit", f"too many requests wait for {target.host} already")
        call.guard, call.owner, call.target = self, owner, target
        call.deadline = time.monotonic() + MOST_SECONDS
        try:
            yield target
        finally:
            call.guard = call.target = None
            place.release()

    def fetch_json(
        self,
        url: str,
        *,
        owner: Owner = Owner.PARTNER,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """GET a JSON object.

        Raises:
            OutboundError: with its code.
        """
        answer = self.get(url, owner, headers)
        plain = answer.status == HTTPStatus.OK
        if plain and (found := answer.object()) is not None:
            return found
        said = "no JSON object" if plain else f"status {answer.status}"
        host = self.check_url(url, owner).host
        raise OutboundError("net.limit", f"{host} answered with {said}")

    def _send(
        self, method: str, url: str, owner: Owner, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        with self.fetching(url, owner) as target:
            try:
                response = self._pool(target, owner).urlopen(
                    method,
                    parse_url(url).request_uri,
                    body=body,
                    headers=headers,
                    retries=False,
                    redirect=False,
                    assert_same_host=False,
                    timeout=call.remaining(),
                    preload_content=False,
                    decode_content=False,
                )
                try:
                    answer = _read(response, target)
                except BaseException:
                    response.close()  # what is half read is not pooled
                    raise
                response.release_conn()
            except SSLError as fault:
                raise OutboundError("net.tls", f"{target.host}: {_tls_words(fault)}") from fault
            # ValueError: http.client reads a chunk of negative length.
            except (HTTPError, OSError, ValueError) as fault:
                if _cause(fault, TimeoutError, Urllib3TimeoutError):
                    said = f"{target.host} did not answer within {MOST_SECONDS:.0f} seconds"
                    raise OutboundError("net.limit", said) from fault
                raise OutboundError("net.unreachable", f"{target.host} broke off") from fault
            return answer

    def _pool(self, target: Target, owner: Owner) -> HTTPConnectionPool:
        pools = self._pools[owner]
        manager = pools.direct
        if pools.proxied is not None and not self.goes_direct(target, owner):
            manager = pools.proxied
        return manager.connection_from_host(target.host, target.port, target.scheme)


def egress() -> Egress:
    """Return the egress client of the running application."""
    drawer = house(current_app)
    if "egress" not in drawer:
        drawer["egress"] = Egress(drawer["settings"])
    kept: Egress = drawer["egress"]
    return kept


def check_url(url: str, owner: Owner = Owner.PARTNER) -> Target:
    """Refuse a URL from which nothing would be fetched, without asking the network.

    Raises:
        OutboundError: ``net.blocked``.
    """
    return egress().check_url(url, owner)


def fetch_json(url: str, *, owner: Owner = Owner.PARTNER) -> dict[str, Any]:
    """GET a JSON object through the egress client.

    Raises:
        OutboundError: with its code.
    """
    return egress().fetch_json(url, owner=owner)


def _finite(text: str) -> float:
    """Read a number; one that is too large for a float is none.

    Raises:
        ValueError: it is.
    """
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number without an end")
    return number


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _read(response: BaseHTTPResponse, target: Target) -> Answer:
    """Read the body, decoded and within the limit."""
    if response.status in _REDIRECTS:
        raise OutboundError("net.redirect", f"{target.host} sent us on, which is not followed")
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding not in {"identity", "gzip", "x-gzip", "deflate"}:
        raise OutboundError("net.limit", f"{target.host} answered compressed, with {encoding}")
    decoder = None if encoding == "identity" else zlib.decompressobj(wbits=47)  # finds out which
    raw_size, body = 0, bytearray()
    try:
        while piece := response.read(_PIECE, decode_content=False):
            raw_size += len(piece)
            room = MOST_BYTES + 1 - len(body)
            body += decoder.decompress(piece, room) if decoder else piece
            if raw_size > MOST_BYTES or len(body) > MOST_BYTES:
                raise OutboundError("net.limit", f"{target.host} answered with more than 1 MB")
    except zlib.error as fault:
        raise OutboundError("net.limit", f"{target.host} answered with broken data") from fault
    return Answer(response.status, bytes(body))


def _context(ca_file: str) -> ssl.SSLContext:
    """Return the one TLS context: public authorities, and the operator's; loaded once."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(certifi.where())
    if ca_file:
        context.load_verify_locations(ca_file)
    context.sslsocket_class = TlsSocket
    return context


def _system_resolver(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _cause(fault: BaseException, *kinds: type[BaseException]) -> BaseException | None:
    """Return the first of *kinds* among a fault, what it wraps and what it came from."""
    seen: list[BaseException] = [fault]
    for one in seen:
        if isinstance(one, kinds):
            return one
        wrapped = [arg for arg in one.args if isinstance(arg, BaseException)]
        reason = getattr(one, "reason", None)
        further = [*wrapped, reason, one.__cause__, one.__context__]
        seen += [x for x in further if isinstance(x, BaseException) and x not in seen]
    return None


def _tls_words(fault: SSLError) -> str:
    found = _cause(fault, ssl.SSLCertVerificationError)
    if isinstance(found, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {found.verify_message}"
    return "no secure connection could be agreed on"
