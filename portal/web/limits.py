"""Rate limits, counted in Redis; without it in memory, at half of everything, and never off.

The limits of the settings hold for a client network and for a signed-in person; signing in has a
tighter one. An IPv6 client is known by its /64, since it has all of it to itself.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final, ParamSpec

from flask import Flask, Response, current_app, request
from flask.typing import ResponseReturnValue
from flask_limiter import ApplicationLimit, Limiter
from limits import parse_many
from redis import RedisError
from werkzeug.exceptions import TooManyRequests

from portal.foundation import clock
from portal.foundation.current import house, settings_of
from portal.foundation.queues import redis_url
from portal.web.guards import current_viewer

_SCHEMES: Final = {"unix": "redis+unix"}
_SIGN_IN: Final = "sign-in"
_MEMORY: Final = "memory://"  # of one process

P = ParamSpec("P")


class PortalLimiter(Limiter):
    """Flask-Limiter, telling whether it has no storage that all processes share."""

    @property
    def degraded(self) -> bool:
        """Whether it counts in this process's memory, and halves what is allowed."""
        return bool(self._storage_dead) or self._storage_uri == _MEMORY


def init_limits(app: Flask) -> None:
    """Limit every route of an application but static files and probes."""
    settings = settings_of(app)
    limiter = PortalLimiter(
        key_func=client_network,
        application_limits=[
            ApplicationLimit(
                lambda: _allowed(settings.limit_per_address), key_function=client_network
            ),
            ApplicationLimit(
                lambda: _allowed(settings.limit_per_account),
                key_function=_account,
                exempt_when=lambda: current_viewer() is None,
            ),
        ],
        storage_uri=_storage(redis_url(settings)),
        storage_options={"socket_connect_timeout": 1, "socket_timeout": 1},
        strategy="fixed-window",
        in_memory_fallback_enabled=True,
        key_prefix="portal",
    )
    limiter.request_filter(_is_free)
    limiter.init_app(app)
    house(app)["limiter"] = limiter
    app.after_request(_say_when)


def limited_sign_in(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Count a view among the sign-ins of its client; stands below the guard."""

    @wraps(view)
    def limited(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        limiter: PortalLimiter = house(current_app)["limiter"]
        allowed = _allowed(settings_of(current_app).limit_sign_in_per_address)
        with limiter.shared_limit(allowed, scope=_SIGN_IN, key_func=client_network):
            return view(*args, **kwargs)

    return limited


def degraded() -> bool:
    """Say whether the limits of this process are its own alone, for the health page."""
    limiter: PortalLimiter = house(current_app)["limiter"]
    return limiter.degraded


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


def halved(limits: str) -> str:
    """Return limits of half the amount each, one at least."""
    return "; ".join(
        f"{max(1, limit.amount // 2)} per {limit.multiples} {limit.GRANULARITY.name}"
        for limit in parse_many(limits)
    )


def _say_when(response: Response) -> Response:
    """Tell whoever was too fast when to come back (RFC 9110, 10.2.3), in seconds."""
    limiter: PortalLimiter = house(current_app)["limiter"]
    breached = limiter.current_limit
    if response.status_code == TooManyRequests.code and breached is not None:
        wait = breached.limit.get_expiry()
        with suppress(RedisError):  # the storage may be gone by now: then the whole window
            wait = breached.reset_at - int(clock.protocol_now().timestamp())
        response.headers["Retry-After"] = str(max(1, wait))
    return response


def _allowed(limits: str) -> str:
    return halved(limits) if degraded() else limits


def _account() -> str:
    viewer = current_viewer()
    return f"{viewer.kind}:{viewer.id}" if viewer else ""


def _is_free() -> bool:
    return request.path in {"/healthz", "/readyz", "/brand.css", "/brand/logo"}


def _storage(url: str | None) -> str:
    if url is None:
        return _MEMORY
    scheme, _, rest = url.partition("://")
    return f"{_SCHEMES.get(scheme, scheme)}://{rest}"
