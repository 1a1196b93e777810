"""The egress client: everything that is fetched because a partner said so goes through here.

``https`` only, public addresses only, no redirects, nothing from the environment, 1 MB and 5
seconds in all, certificates always verified. A name is resolved once, every address it has is
looked at, and the connection goes to exactly those addresses. One pool of connections serves the
whole process; no more than a few requests go to one provider at a time, so that a slow one does
not hold every thread of the portal.
"""

import json
import queue
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, Final, cast

import certifi
import requests
from flask import current_app
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException, SSLError
from urllib3 import PoolManager, ProxyManager
from urllib3.exceptions import HTTPError, ReadTimeoutError
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
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

Resolver = Callable[[str, int], Sequence[str]]


class _Adapter(HTTPAdapter):
    """What a ``requests`` session sends through; its verify, cert and proxies count for nothing."""

    def __init__(self, egress: "Egress", owner: Owner) -> None:
        self._egress, self._owner = egress, owner
        super().__init__(pool_connections=64, pool_maxsize=MOST_AT_ONCE)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002
        sizes: dict[str, Any] = {
            "num_pools": 64,
            "maxsize": MOST_AT_ONCE,
            "ssl_context": self._egress.context,
        }
        self.poolmanager = PoolManager(**sizes)
        self._proxied = None
        if self._egress.proxy:
            auth = parse_url(self._egress.proxy).auth
            headers = make_headers(proxy_basic_auth=auth) if auth else None
            self._proxied = ProxyManager(self._egress.proxy, proxy_headers=headers, **sizes)
            self.proxy_manager[self._egress.proxy] = self._proxied  # closed with the adapter
        for manager in filter(None, (self.poolmanager, self._proxied)):
            manager.pool_classes_by_scheme = POOLS

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> Any:
        target = cast("Target", call.target)
        through = self.poolmanager if self._egress.goes_direct(target, self._owner) else None
        manager = through or self._proxied or self.poolmanager
        return manager.connection_from_host(target.host, target.port, target.scheme)

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Nothing to choose: our context verifies, and there is no switch."""

    def close(self) -> None:
        """Keep the connections: a session that is closed is one of many on this adapter."""

    def let_go(self) -> None:
        """Close every connection."""
        super().close()

    def request_url(self, request: requests.PreparedRequest, proxies: object) -> str:  # noqa: ARG002
        return request.path_url

    def send(
        self,
        request: requests.PreparedRequest,
        *args: Any,  # noqa: ARG002 - stream, timeout, verify, cert and proxies: all ours
        **kwargs: Any,  # noqa: ARG002
    ) -> requests.Response:
        with self._egress.fetching(request.url or "", self._owner) as target:
            # Read by ourselves, within the limit; nothing compressed is asked for.
            request.headers["Accept-Encoding"] = "identity"
            try:
                response = super().send(request, stream=True, timeout=call.remaining())
                try:
                    _finish(response, target)
                except BaseException:
                    response.raw.close()  # what is half read is not pooled
                    raise
                response.raw.release_conn()
            except SSLError as fault:
                raise OutboundError("net.tls", f"{target.host}: {_tls_words(fault)}") from fault
            except (requests.Timeout, ReadTimeoutError, TimeoutError) as fault:
                said = f"{target.host} did not answer within {MOST_SECONDS:.0f} seconds"
                raise OutboundError("net.limit", said) from fault
            # ValueError: http.client reads a chunk of negative length.
            except (RequestException, HTTPError, OSError, ValueError) as fault:
                if isinstance(_cause(fault, TimeoutError), TimeoutError):
                    said = f"{target.host} did not answer within {MOST_SECONDS:.0f} seconds"
                    raise OutboundError("net.limit", said) from fault
                raise OutboundError("net.unreachable", f"{target.host} broke off") from fault
            return response


class Egress:
    """The client of one process, with one pool for partners and one for the host's own provider."""

    def __init__(self, settings: Settings, resolver: Resolver | None = None) -> None:
        self.rules = Rules(frozenset(settings.egress_private_hosts), settings.development)
        self.proxy = settings.egress_proxy
        self.context = _context(settings.ca_file)
        self._resolver = resolver or _system_resolver
        self._places: dict[str, threading.BoundedSemaphore] = {}
        self._lock = threading.Lock()
        self._adapters = {owner: _Adapter(self, owner) for owner in Owner}

    def session(self, owner: Owner = Owner.PARTNER) -> requests.Session:
        """Return a new ``requests`` session through this client."""
        session = requests.Session()
        self.guard(session, owner)
        return session

    def guard(self, session: requests.Session, owner: Owner = Owner.PARTNER) -> None:
        """Make any ``requests`` session, such as Authlib's, go through this client alone."""
        session.trust_env = False
        session.adapters.clear()
        session.mount("", self._adapters[owner])  # whatever the scheme: the adapter refuses

    def close(self) -> None:
        """Close every pooled connection."""
        for adapter in self._adapters.values():
            adapter.let_go()

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
        host = self.check_url(url, owner).host
        with self.session(owner) as session:
            answer = session.get(url, headers={"Accept": "application/json", **(headers or {})})
        if answer.status_code != requests.codes.ok:
            raise OutboundError("net.limit", f"{host} answered with status {answer.status_code}")
        try:
            found = json.loads(answer.content)
        except (ValueError, RecursionError) as fault:
            raise OutboundError("net.limit", f"{host} answered with no JSON") from fault
        if not isinstance(found, dict):
            raise OutboundError("net.limit", f"{host} answered with JSON that is no object")
        return found


def egress() -> Egress:
    """Return the egress client of the running application."""
    drawer = house(current_app)
    if "egress" not in drawer:
        drawer["egress"] = Egress(drawer["settings"])
    kept: Egress = drawer["egress"]
    return kept


def session(owner: Owner = Owner.PARTNER) -> requests.Session:
    """Return a ``requests`` session of the running application's egress client."""
    return egress().session(owner)


def guard(any_session: requests.Session, owner: Owner = Owner.PARTNER) -> None:
    """Make any ``requests`` session, such as Authlib's ``OAuth2Session``, use the egress client."""
    egress().guard(any_session, owner)


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


def _finish(response: requests.Response, target: Target) -> None:
    """Read the body into the response, decoded and within the limit."""
    if response.status_code in _REDIRECTS:
        raise OutboundError("net.redirect", f"{target.host} sent us on, which is not followed")
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding not in {"identity", "gzip", "x-gzip", "deflate"}:
        raise OutboundError("net.limit", f"{target.host} answered compressed, with {encoding}")
    decoder = None if encoding == "identity" else zlib.decompressobj(wbits=47)  # finds out which
    raw_size, body = 0, bytearray()
    try:
        while piece := response.raw.read(_PIECE, decode_content=False):
            raw_size += len(piece)
            room = MOST_BYTES + 1 - len(body)
            body += decoder.decompress(piece, room) if decoder else piece
            if raw_size > MOST_BYTES or len(body) > MOST_BYTES:
                raise OutboundError("net.limit", f"{target.host} answered with more than 1 MB")
    except zlib.error as fault:
        raise OutboundError("net.limit", f"{target.host} answered with broken data") from fault
    response._content = bytes(body)  # noqa: SLF001 - as Response.content would, had it a limit
    response._content_consumed = True  # type: ignore[attr-defined] # noqa: SLF001
    # Whatever it says: JSON is UTF-8 (RFC 8259, 8.1), and Python's punycode takes time as a square.
    response.encoding = "utf-8-sig"


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


def _cause(fault: BaseException, kind: type[BaseException]) -> BaseException | None:
    """Return the first of *kind* among a fault, what it wraps and what it came from."""
    seen: list[BaseException] = [fault]
    for one in seen:
        if isinstance(one, kind):
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
