"""A provider's discovery document and keys: fetched by the egress client, cached, bounded.

Each process remembers what it read, all of them share one shelf (``shelf``), and the shelf says how
often keys may be fetched: a new key works at once, a flood of tokens with bad signatures does not
become a flood of fetches.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, Final, TypeVar

from flask import current_app

from portal.foundation import clock
from portal.foundation.addresses import Owner
from portal.foundation.current import house, settings_of
from portal.foundation.egress_sockets import OutboundError
from portal.foundation.outbound_http import Egress, egress
from portal.foundation.text import canonical_json
from portal.sign_in.bulkhead import Bulkhead
from portal.sign_in.connection import Connection
from portal.sign_in.keys import KeySet, kept_keys, read_keys
from portal.sign_in.rules import (
    Failure,
    Findings,
    Metadata,
    SignInFailure,
    SignInReason,
    check_hosts,
    discovery_address,
    failed,
    found,
    read_metadata,
)
from portal.sign_in.rules.discovery import USED
from portal.sign_in.shelf import DatabaseShelf, Shelf
from portal.sign_in.shelved import Shelved

T = TypeVar("T")

LIFE: Final = timedelta(hours=1)  # of a document, before it is fetched again
MOST_WAIT: Final = 12  # seconds for somebody else's fetch: two answers of five seconds
MOST_PROVIDERS: Final = 256  # remembered by one process
_CODES: Final[Mapping[str, SignInReason]] = {
    "net.blocked": SignInReason.NET_BLOCKED,
    "net.redirect": SignInReason.NET_REDIRECT,
    "net.tls": SignInReason.NET_TLS,
    "net.limit": SignInReason.NET_LIMIT,
    "net.timeout": SignInReason.NET_LIMIT,
    "net.unreachable": SignInReason.NET_UNREACHABLE,
}


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a provider, ready to use."""

    metadata: Metadata
    keys: KeySet
    fetched_at: datetime


@dataclass(slots=True)
class _Turn:
    """Whose turn it is to fetch from a provider, and how the last ones ended."""

    lock: Lock = field(default_factory=Lock)
    failures: int = 0
    last: Failure | None = None

    def share(self, failures: int) -> None:
        """Raise what the one who was waited for met, if it was a failure."""
        if self.failures != failures and self.last is not None:
            raise SignInFailure(self.last)


class Providers:
    """Every provider that this process speaks with."""

    def __init__(
        self,
        egress: Egress,
        shelf: Shelf,
        *,
        development: bool,
        now: Callable[[], datetime] = clock.protocol_now,
    ) -> None:
        self.egress = egress
        self._shelf = shelf
        self._development = development
        self._now = now
        self._bulkhead = Bulkhead()
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._turns: OrderedDict[str, _Turn] = OrderedDict()
        self._lock = Lock()

    @contextmanager
    def conversation(self, connection: Connection) -> Iterator[Metadata]:
        """Hold a place in the conversation with a provider; yield its metadata.

        Raises:
            SignInFailure: it cannot be spoken with, or let others wait already.
        """
        with self._bulkhead.conversation(connection.issuer):
            metadata = self._current(connection).metadata
            if moved := check_hosts(metadata, connection.endpoint_hosts):
                raise SignInFailure(moved)
            yield metadata

    def check_signature(
        self, connection: Connection, token: str, header: Mapping[str, object]
    ) -> Failure | None:
        """Return a failure unless the provider signed the token.

        A signature that does not fit may be of a new key, under a new or under the old name: newer
        keys are asked for once.
        """
        known = self._current(connection)
        failure = _check(known, connection, token, header)
        if failure is None:
            return None
        newer = self._newer(connection, known.fetched_at)
        return failure if newer is None else _check(newer, connection, token, header)

    def test(self, connection: Connection) -> Findings:
        """Fetch everything anew and say in plain words what was found; never raises for it."""
        try:
            known = self._fetch(connection)
        except SignInFailure as failure:
            return failed(failure.failure)
        return found(connection, known.metadata, len(known.keys.keys), known.keys.left_out)

    def fetch_json(
        self, connection: Connection, url: str, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """GET a JSON object of this provider.

        Raises:
            SignInFailure: ``net.*``.
        """
        try:
            return self.egress.fetch_json(url, owner=owner_of(connection), headers=headers)
        except OutboundError as fault:
            raise outbound_failure(fault) from None

    def _current(self, connection: Connection) -> Known:
        """Return what is known, no older than an hour; fetch it if nobody has."""
        name = _name(connection)
        known = self._known.get(name)
        if known is None or not self._fresh(known.fetched_at):
            with self._one_at_a_time(name):
                known = self._known.get(name)
                if known is None or not self._fresh(known.fetched_at):
                    known = self._from_shelf(connection, newer_than=None)
                if known is None:
                    known = self._fetch_if_allowed(connection)
        if known is None:
            raise SignInFailure(
                Failure(SignInReason.NET_LIMIT, "the provider was asked often enough this minute")
            )
        return known

    def _newer(self, connection: Connection, than: datetime) -> Known | None:
        """Return newer keys than those of *than*: somebody else's, or fetched, if there may be."""
        name = _name(connection)
        with self._one_at_a_time(name):
            known = self._known.get(name)
            if known is not None and known.fetched_at > than:
                return known
            return self._from_shelf(connection, newer_than=than) or self._fetch_if_allowed(
                connection
            )

    def _from_shelf(self, connection: Connection, *, newer_than: datetime | None) -> Known | None:
        shelved = self._shelf.read(_name(connection))
        if shelved is None or not self._fresh(shelved.fetched_at):
            return None
        if newer_than is not None and shelved.fetched_at <= newer_than:
            return None
        try:
            return self._remember(connection, shelved)
        except SignInFailure:
            return None  # kept by another version of the portal

    def _fetch_if_allowed(self, connection: Connection) -> Known | None:
        if not self._shelf.may_fetch(_name(connection), self._now()):
            return None
        return self._fetch(connection)

    def _fetch(self, connection: Connection) -> Known:
        """Fetch document and keys, keep what is good.

        Raises:
            SignInFailure: ``net.*`` or ``oidc.metadata``.
        """
        document = self.fetch_json(connection, discovery_address(connection.issuer))
        metadata = _or_raise(
            read_metadata(document, connection.issuer, development=self._development)
        )
        keys = self.fetch_json(connection, metadata.jwks_uri)
        _or_raise(read_keys(keys))
        shelved = Shelved(
            document={name: document[name] for name in USED if name in document},
            keys=kept_keys(keys),
            fetched_at=self._now(),
        )
        try:
            canonical_json([shelved.document, shelved.keys]).encode()
        except (ValueError, RecursionError):
            raise SignInFailure(
                Failure(SignInReason.NET_LIMIT, "the provider's documents cannot be kept")
            ) from None
        known = self._remember(connection, shelved)
        self._shelf.write(_name(connection), shelved)
        return known

    def _remember(self, connection: Connection, shelved: Shelved) -> Known:
        known = Known(
            metadata=_or_raise(
                read_metadata(shelved.document, connection.issuer, development=self._development)
            ),
            keys=_or_raise(read_keys(shelved.keys)),
            fetched_at=shelved.fetched_at,
        )
        with self._lock:
            self._known[_name(connection)] = known
            self._known.move_to_end(_name(connection))
            while len(self._known) > MOST_PROVIDERS:
                self._known.popitem(last=False)
        return known

    def _fresh(self, fetched_at: datetime) -> bool:
        return abs(self._now() - fetched_at) < LIFE  # far ahead is of a clock that was wrong

    @contextmanager
    def _one_at_a_time(self, name: str) -> Iterator[None]:
        """Let one thread fetch for all that wait; they share what comes of it, a failure too."""
        with self._lock:
            turn = self._turns.setdefault(name, _Turn())
            self._turns.move_to_end(name)
            while len(self._turns) > MOST_PROVIDERS:
                self._turns.popitem(last=False)
        failures = turn.failures
        if not turn.lock.acquire(timeout=MOST_WAIT):
            raise SignInFailure(Failure(SignInReason.NET_LIMIT, "the provider lets others wait"))
        try:
            turn.share(failures)
            yield
        except SignInFailure as failure:
            turn.failures, turn.last = turn.failures + 1, failure.failure
            raise
        finally:
            turn.lock.release()


def _check(
    known: Known, connection: Connection, token: str, header: Mapping[str, object]
) -> Failure | None:
    """Hold a token against keys, which may have come since the conversation began: from where?"""
    moved = check_hosts(known.metadata, connection.endpoint_hosts)
    return moved or known.keys.check(token, header)


def providers() -> Providers:
    """Return the running application's."""
    drawer = house(current_app)
    if "providers" not in drawer:
        settings = settings_of(current_app)
        drawer["providers"] = Providers(egress(), DatabaseShelf(), development=settings.development)
    kept: Providers = drawer["providers"]
    return kept


def findings_of(connection: Connection) -> Findings:
    """Say in plain words whether a connection works, and if not who must mend what."""
    return providers().test(connection)


def owner_of(connection: Connection) -> Owner:
    """Return who said that something should be fetched: private networks are the host's alone."""
    return Owner.HOST if connection.is_host else Owner.PARTNER


def outbound_failure(fault: OutboundError) -> SignInFailure:
    """Return the failure of a fetch under its own reason."""
    reason = _CODES.get(fault.code, SignInReason.NET_UNREACHABLE)
    return SignInFailure(Failure(reason, fault.message))


def _name(connection: Connection) -> str:
    return f"{owner_of(connection).value} {connection.issuer}"


def _or_raise(value: T | Failure) -> T:
    if isinstance(value, Failure):
        raise SignInFailure(value)
    return value
