"""What every answer and every request has to obey, whatever page it is.

The portal speaks under one host name and one scheme, those of ``PORTAL_PUBLIC_URL``; what a request
says about either is checked or ignored, and no URL is ever built from it.
"""

import hashlib
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Request, Response, abort, current_app, request, session, url_for
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from flask_wtf import CSRFProtect
from flask_wtf.csrf import generate_csrf
from itsdangerous import Signer, URLSafeTimedSerializer
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.middleware.proxy_fix import ProxyFix

from portal.foundation.crypto import derive
from portal.foundation.current import house, settings_of
from portal.foundation.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MOST_BODY: Final = 256 * 1024  # bytes; the longest form holds the terms of use
MOST_FIELDS: Final = 500
MOST_NEXT: Final = 1024
BY_ADDRESS: Final = frozenset({"/healthz", "/readyz"})  # asked by machines that know no name

CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; "  # Tabler's icons are data: URLs
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: the CSRF check on https looks at it (and on http only, so tests miss it).
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_MOST_KEPT: Final = 10_000  # cookies, and tokens, in one process
_SEED_LIFE: Final = 3600.0  # seconds: a cookie is good for 31 days, looked at once an hour
# What may be kept says so itself; everything else tells of a person.
_ADDED: Final = tuple(
    (name, name.lower(), value) for name, value in {**HEADERS, "Cache-Control": "no-store"}.items()
)
HSTS: Final = "max-age=31536000; includeSubDomains"

T = TypeVar("T")

# SHA-1 is what both take if nothing is said (ASVS 11.4.1). Flask-WTF lets nobody say it.
Signer.default_digest_method = staticmethod(hashlib.sha256)


class FormCookie(SecureCookieSessionInterface):
    """Flask's signed cookie, with SHA-256; what was verified once is remembered for a while.

    Somebody who looks at ten pages sends the same cookie ten times. Remembered are those with the
    seed of the forms alone, which nobody changes in place.
    """

    digest_method = staticmethod(hashlib.sha256)

    def __init__(self) -> None:
        self._seeds: dict[str, tuple[str, float]] = {}  # of a cookie: its seed, until when

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Read the cookie; an empty one where it is missing, too old or not ours."""
        cookie = request.cookies.get(self.get_cookie_name(app), "")
        seed, until = self._seeds.get(cookie, ("", 0.0))
        if time.monotonic() < until:
            return self.session_class({"csrf_token": seed})
        found = super().open_session(app, request)
        kept = {} if found is None else dict(found)
        if kept.keys() == {"csrf_token"} and isinstance(kept["csrf_token"], str):
            _keep(self._seeds, cookie, (kept["csrf_token"], time.monotonic() + _SEED_LIFE))
        return found

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return the one of an application, made once: every request reads its cookie."""
        drawer = house(app)
        if "form_cookie" not in drawer:
            drawer["form_cookie"] = super().get_signing_serializer(app)
        made: URLSafeTimedSerializer | None = drawer["form_cookie"]
        return made


csrf = CSRFProtect()


class OneHost:
    """WSGI middleware: one host, one scheme, no prefix; Flask sees no others."""

    def __init__(self, app: "WSGIApplication", settings: Settings) -> None:
        self._app = app
        self._host = settings.public_host
        self._scheme = "https" if settings.https else "http"

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer 400 for a foreign host, or go on."""
        environ["wsgi.url_scheme"] = self._scheme
        if prefix := environ.get("SCRIPT_NAME"):  # the portal has none, so it is the client's
            environ.update(SCRIPT_NAME="", PATH_INFO=prefix + environ.get("PATH_INFO", ""))
        if environ.get("PATH_INFO") in BY_ADDRESS:
            environ["HTTP_HOST"] = self._host
            environ.pop("HTTP_X_FORWARDED_HOST", None)
        said = [environ.get("HTTP_HOST", "")]
        said += environ.get("HTTP_X_FORWARDED_HOST", self._host).split(",")
        if any(self._plain(host) != self._host for host in said):
            body = b"This host name is not served here.\n"
            headers = [*HEADERS.items(), ("Content-Type", "text/plain; charset=utf-8")]
            start_response("400 Bad Request", [*headers, ("Content-Length", str(len(body)))])
            return [body]
        environ["HTTP_HOST"] = self._host
        return self._app(environ, start_response)

    def _plain(self, host: str) -> str:
        usual = ":443" if self._scheme == "https" else ":80"
        return host.strip().lower().removesuffix(usual)


def init_security(app: Flask) -> None:
    """Configure an application: keys, cookies, hosts, limits of a request, headers of an answer."""
    settings = settings_of(app)
    first, *others = (derive(key, "signature of forms").hex() for key in settings.secret_keys)
    app.config.update(
        DEBUG=False,  # whatever FLASK_DEBUG says: the debugger shows the inside, and runs code
        SECRET_KEY=first,
        SECRET_KEY_FALLBACKS=others,
        # Flask-WTF knows no fallbacks. itsdangerous signs with the last and verifies with any.
        WTF_CSRF_SECRET_KEY=[*reversed(others), first],
        # This cookie holds the CSRF seed and flashed messages; sessions have their own.
        SESSION_COOKIE_NAME="__Host-portal-form" if settings.https else "portal-form",
        SESSION_COOKIE_SECURE=settings.https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_PATH="/",
        PREFERRED_URL_SCHEME="https" if settings.https else "http",
        TRUSTED_HOSTS=[urlsplit(settings.public_url).hostname],
        MAX_CONTENT_LENGTH=MOST_BODY,
        MAX_FORM_MEMORY_SIZE=MOST_BODY,
        MAX_FORM_PARTS=MOST_FIELDS,
        WTF_CSRF_TIME_LIMIT=None,  # as long as its cookie: a page may stand open over lunch
    )
    app.session_interface = FormCookie()
    csrf.init_app(app)
    # In front of the CSRF check, which would read the form first.
    app.before_request_funcs.setdefault(None, []).insert(0, _check_request)
    app.after_request(_add_headers)
    house(app)["form_tokens"] = {}
    app.jinja_env.globals.update(public_url=public_url, csrf_token=csrf_token)
    app.context_processor(lambda: {"csrf_token": csrf_token})  # Flask-WTF's own comes before it
    app.wsgi_app = OneHost(app.wsgi_app, settings)  # type: ignore[method-assign]
    if settings.trusted_hops:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.trusted_hops, x_proto=0, x_host=0, x_port=0, x_prefix=0
        )


def csrf_token() -> str:
    """Return the token of this browser's forms: signed once, good as long as its seed."""
    signed: dict[str, str] = house(current_app)["form_tokens"]
    token = signed.get(session.get("csrf_token", ""))
    if token is None:
        token = str(generate_csrf())
        _keep(signed, session["csrf_token"], token)
    return token


def _keep(among: dict[str, T], name: str, value: T) -> None:
    """Remember something; begin anew where that is too much."""
    if len(among) >= _MOST_KEPT:
        among.clear()
    among[name] = value


def public_url(endpoint: str, **values: object) -> str:
    """Return the absolute URL of a page, built from the configured public URL alone."""
    path = url_for(endpoint, _external=False, **values)  # type: ignore[arg-type]
    return settings_of(current_app).public_url + path


def safe_next(text: str | None, default: str = "/") -> str:
    r"""Return the page to go to after signing in: a path of ours, or *default*.

    Browsers read ``//evil``, ``/\evil`` and a path with tabs or line breaks as another site.
    """
    if not text or len(text) > MOST_NEXT or not text.startswith("/") or not text.isascii():
        return default
    if text.startswith("//") or "\\" in text or not text.isprintable() or " " in text:
        return default
    parts = urlsplit(text)
    if parts.scheme or parts.netloc or "//" in parts.path:
        return default
    return text


def here(default: str = "/") -> str:
    """Return the page to come back to: this one, or the page whose form was sent."""
    if request.method in {"GET", "HEAD"}:
        query = request.query_string.decode("ascii", "replace")
        return safe_next(f"{request.path}?{query}" if query else request.path, default)
    public = settings_of(current_app).public_url
    if request.referrer and request.referrer.startswith(f"{public}/"):
        return safe_next(request.referrer.removeprefix(public), default)
    return default


def _check_request() -> None:
    """Refuse what no page of ours sends: NUL in an address, a form of very many fields."""
    if "\0" in request.path or b"%00" in request.query_string or b"\0" in request.query_string:
        abort(400)
    if request.method == "POST" and sum(1 for _ in request.form.items(multi=True)) > MOST_FIELDS:
        raise RequestEntityTooLarge


def _add_headers(response: Response) -> Response:
    given = {name.lower() for name, _ in response.headers}
    response.headers.extend([(n, v) for n, low, v in _ADDED if low not in given])
    if settings_of(current_app).https:
        response.headers["Strict-Transport-Security"] = HSTS
    return response
