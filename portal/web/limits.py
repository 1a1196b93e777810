"""Rate limits, counted in Redis; without it in memory, at half of everything, and never off.

A request counts once: for the person who is signed in, else for the client's network, so that
colleagues behind one address take nothing from each other. What may be guessed at has a tighter
limit beside it. An IPv6 client is known by its /64, since it has all of it to itself.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache, wraps
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final, ParamSpec

import structlog
from flask import Flask, current_app, request
from flask.typing import ResponseReturnValue
from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis import ConnectionPool, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry
from werkzeug.exceptions import TooManyRequests

from portal.foundation import clock
from portal.foundation.current import house, settings_of
from portal.foundation.queues import redis_url
from portal.web.guards import current_viewer

log = structlog.get_logger(__name__)

_SIGN_IN: Final = "sign-in"
FREE: Final = frozenset(
    {"assets.static", "assets.brand_css", "assets.logo", "probes.alive", "probes.ready"}
)
_ASK_AGAIN: Final = 10.0  # seconds after Redis did not answer: it may take a second each

P = ParamSpec("P")


class Counters:
    """Where requests are counted: in Redis, for all processes, or in this one's memory."""

    def __init__(self, url: str | None) -> None:
        """Count in the Redis of a URL, if there is one."""
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._url = url
        self._threads = threading.local()
        self._away_until: float | None = None  # on a clock that nobody sets

    @property
    def degraded(self) -> bool:
        """Whether it counts in memory, and halves what is allowed."""
        return self._url is None or self._away_until is not None

    def wait(self, limits: str, *who: str) -> int | None:
        """Count a request.

        Args:
            limits: as the settings write them: ``60 per minute; 600 per hour``.
            who: for whom it counts.

        Returns:
            The seconds until the next one is let through, where this one is too many; else None.
        """
        now, tick = clock.protocol_now(), time.monotonic()
        if self._url is not None and self._is_asked(tick):
            try:
                found = _wait(self._shared(self._url), allowed(limits), who, now)
            except RedisError as error:
                log.warning("limits.degraded", error=str(error))
                self._away_until = tick + _ASK_AGAIN
            else:
                self._away_until = None
                return found
        return _wait(self._own, halved(limits), who, now)

    def _shared(self, url: str) -> FixedWindowRateLimiter:
        """Return this thread's: a pool looks at a connection twice each time that it lends it."""
        if not hasattr(self._threads, "limiter"):
            self._threads.limiter = FixedWindowRateLimiter(_redis(url))
        made: FixedWindowRateLimiter = self._threads.limiter
        return made

    def _is_asked(self, tick: float) -> bool:
        away_until = self._away_until  # read once: another thread may clear it
        if away_until is None:
            return True
        if tick < away_until:
            return False
        self._away_until = tick + _ASK_AGAIN  # one looks; the others need not wait with it
        return True


def init_limits(app: Flask) -> None:
    """Limit every request of an application but static files and probes."""
    house(app)["limits"] = Counters(redis_url(settings_of(app)))
    app.before_request(_count)


def limited_sign_in(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Count a view among the sign-ins of its client; stands below the guard."""

    @wraps(view)
    def limited(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        most = settings_of(current_app).limit_sign_in_per_address
        _refuse_over(most, _SIGN_IN, client_network())
        return view(*args, **kwargs)

    return limited


def degraded() -> bool:
    """Say whether the limits of this process are its own alone, for the health page."""
    return _counters().degraded


def client_network() -> str:
    """Return the client's address; of an IPv6 one the /64."""
    said = request.remote_addr or "unknown"
    if said.startswith("["):  # some proxies say the client's port too
        said = said[1:].partition("]")[0]
    elif said.count(":") == 1:
        said = said.partition(":")[0]
    try:
        address = ip_address(said)
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or ip_network((int(address), 64), strict=False))
    return said


@lru_cache
def allowed(limits: str) -> tuple[RateLimitItem, ...]:
    """Return the limits that a setting writes."""
    return tuple(parse_many(limits))


@lru_cache
def halved(limits: str) -> tuple[RateLimitItem, ...]:
    """Return limits of half the amount each, one at least."""
    return tuple(
        type(one)(max(1, one.amount // 2), one.multiples, one.namespace) for one in allowed(limits)
    )


def _count() -> None:
    if request.endpoint in FREE:
        return
    settings = settings_of(current_app)
    # An address that leads nowhere looks nobody up.
    viewer = current_viewer() if request.endpoint else None
    if viewer is not None:
        _refuse_over(settings.limit_per_account, viewer.kind, str(viewer.id))
    else:
        _refuse_over(settings.limit_per_address, client_network())


def _refuse_over(limits: str, *who: str) -> None:
    """Answer 429 where it is too much, and say when to come back (RFC 9110, 10.2.3)."""
    seconds = _counters().wait(limits, *who)
    if seconds is not None:
        raise TooManyRequests(retry_after=seconds)


def _counters() -> Counters:
    counters: Counters = house(current_app)["limits"]
    return counters


def _wait(
    limiter: FixedWindowRateLimiter,
    limits: tuple[RateLimitItem, ...],
    who: tuple[str, ...],
    now: datetime,
) -> int | None:
    for limit in limits:
        if not limiter.hit(limit, *who):
            reset, _ = limiter.get_window_stats(limit, *who)
            return max(1, round(reset - now.timestamp()))
    return None


def _redis(url: str) -> RedisStorage:
    pool = ConnectionPool.from_url(
        url,
        socket_connect_timeout=1,
        socket_timeout=1,
        retry=Retry(NoBackoff(), 1),  # once, for a connection that was closed meanwhile
    )
    return RedisStorage(
        "redis://", connection_pool=pool, key_prefix="portal", single_connection_client=True
    )
