"""The two cookies, and the session behind a request.

The browser's cookie holds one secret for all its open attempts; the session's holds a random id of
which the database knows the hash only. Both are ``__Host-`` where people come over https: no other
host, path or plain connection can set them. Limits go by the protocol clock, which is always real.
"""

import re
from datetime import timedelta
from typing import Final

import flask
from flask import current_app, g, request
from werkzeug.wrappers import Response

from portal.foundation import clock
from portal.foundation.crypto import random_token
from portal.foundation.current import settings_of
from portal.foundation.db import reading
from portal.foundation.transaction import single_write
from portal.sign_in import changes, queries
from portal.sign_in.changes import TOUCH_EVERY, StartedSession
from portal.sign_in.queries import LiveSession

BREAK_GLASS: Final = timedelta(hours=1)
_BROWSER_LIFE: Final = timedelta(hours=1)  # an attempt has 15 minutes
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def cookie_names() -> tuple[str, str]:
    """Return the names of the browser's and of the session's cookie here."""
    prefix = "__Host-" if settings_of(current_app).https else ""
    return f"{prefix}portal-browser", f"{prefix}portal-session"


def browser_secret() -> str | None:
    """Return the secret that this browser's attempts are bound to, if it has one."""
    return _cookie(cookie_names()[0])


def new_browser_secret() -> str:
    """Return this browser's secret, or a new one: all its open attempts share it."""
    return browser_secret() or random_token()


def keep_browser_secret(response: Response, secret: str) -> None:
    """Give the secret to the browser, in a way that it comes along with an answer from elsewhere.

    Answers that are posted by another site (SAML, ``form_post``) carry ``SameSite=None`` only,
    which browsers take over https only.
    """
    https = settings_of(current_app).https
    response.set_cookie(
        cookie_names()[0],
        secret,
        max_age=_BROWSER_LIFE,
        secure=https,
        httponly=True,
        samesite=_same_site(https=https),
    )


def _same_site(*, https: bool) -> str:
    return "None" if https else "Lax"


def session_token() -> str | None:
    """Return the id that the browser's session cookie holds, whether or not it is alive."""
    return _cookie(cookie_names()[1])


def sign_in(response: Response, started: StartedSession) -> None:
    """Give a new session to the browser; forms of before the sign-in are no longer valid."""
    flask.session.clear()  # the CSRF seed: somebody else may have known it
    give(response, started.token)


def give(response: Response, token: str) -> None:
    """Give the browser the id of its session."""
    response.set_cookie(
        cookie_names()[1],
        token,
        secure=settings_of(current_app).https,
        httponly=True,
        samesite="Lax",
    )


def sign_out(response: Response) -> None:
    """Take both cookies from the browser (``changes.end_session`` ends the session's row).

    A sign-in that is open in another tab ends with its secret: whoever sits there next is not let
    in as the one before.
    """
    flask.session.clear()
    https = settings_of(current_app).https
    of_attempts, of_session = cookie_names()
    response.delete_cookie(of_session, secure=https, httponly=True, samesite="Lax")
    if browser_secret() is not None:
        response.delete_cookie(
            of_attempts, secure=https, httponly=True, samesite=_same_site(https=https)
        )
    # Not the cookies: that would reach other applications under the host's domain.
    response.headers["Clear-Site-Data"] = '"cache", "storage"'


def life(*, break_glass: bool = False) -> timedelta:
    """Return the absolute limit of a new session."""
    hours = timedelta(hours=settings_of(current_app).session_hours)
    return min(BREAK_GLASS, hours) if break_glass else hours


def idle() -> timedelta:
    """Return how long a session may sleep before it is over."""
    return timedelta(minutes=settings_of(current_app).session_idle_minutes)


def current_session() -> LiveSession | None:
    """Return the live session of this request; read once, touched at most every five minutes.

    Whether the person behind it may do anything is asked elsewhere, on every request.
    """
    if "live_session" not in g:
        g.live_session = _load()
    live: LiveSession | None = g.live_session
    return live


def _load() -> LiveSession | None:
    token = session_token()
    if token is None:
        return None
    now = clock.protocol_now()
    with reading() as connection:
        live = queries.live_session(connection, token=token, at=now, idle=idle())
    if live is not None and now - live.seen_at >= TOUCH_EVERY:
        with single_write() as tx:
            changes.touch_session(tx, live.id, now)
    return live


def _cookie(name: str) -> str | None:
    value = request.cookies.get(name)
    return value if value is not None and _TOKEN.fullmatch(value) else None
