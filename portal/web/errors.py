"""Error pages, each with a reference number that finds what happened; refusals are reported.

A refusal is something that was asked for and is not allowed (another's page, a form without its
token, too much of anything). ``app`` says who writes it down, so that this room need not know the
audit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NoReturn

import structlog
from flask import Flask, current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import (
    Forbidden,
    HTTPException,
    InternalServerError,
    MethodNotAllowed,
    RequestEntityTooLarge,
    TooManyRequests,
)

from portal.foundation.current import house
from portal.foundation.logs import path_to_log
from portal.foundation.transaction import new_reference

log = structlog.get_logger(__name__)

PAGES: Final = frozenset({400, 403, 404, 405, 409, 413, 422, 429, 500, 503})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that was asked for and refused.

    Attributes:
        code: ``authz``, ``csrf``, ``rate``, ``input.*`` or ``sponsor.*``.
        reference: the number that the person sees.
        method: of the request.
        path: of the request, without its query, or what opens once.
        address: the client's.
    """

    code: str
    reference: str
    method: str
    path: str
    address: str


OnRefusal = Callable[[Refusal], None]


class NotAllowed(Forbidden):
    """This page is somebody else's."""

    waits = False


class RoleUnconfirmed(NotAllowed):
    """It is theirs to do, once somebody has said again which role they have."""

    waits = True
    decides = False


class DeciderUnconfirmed(RoleUnconfirmed):
    """The same of who decides about people, and sees none of them meanwhile."""

    decides = True


def current_reference() -> str:
    """Return this request's reference number: one for the page, the audit and the log."""
    if "reference" not in g:
        g.reference = new_reference()
    reference: str = g.reference
    return reference


def on_refusal(app: Flask, callback: OnRefusal) -> None:
    """Say who writes refusals down."""
    house(app)["on_refusal"] = callback


def refuse() -> NoReturn:
    """Answer 403, and report that somebody wanted what is not theirs."""
    raise NotAllowed


def report(code: str) -> None:
    """Report a refusal of this request. A report that fails is logged: the refusal stands."""
    refusal = Refusal(
        code,
        current_reference(),
        request.method,
        path_to_log(request.path),
        request.remote_addr or "",
    )
    log.info("refused", code=code, reference=refusal.reference, path=refusal.path)
    callback: OnRefusal | None = house(current_app).get("on_refusal")
    if callback is None:
        return
    try:
        callback(refusal)
    except Exception:
        log.exception("refusal.not_recorded", code=code, reference=refusal.reference)


def init_errors(app: Flask) -> None:
    """Give an application its error pages."""
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected)
    app.jinja_env.globals["current_reference"] = current_reference


def error_page(status: int, **words: object) -> ResponseReturnValue:
    """Return the page of a status, without looking the person up again."""
    g.plain_page = True
    page = status if status in PAGES else 400 if status < InternalServerError.code else 500
    return render_template(f"errors/{page}.html", reference=current_reference(), **words), status


def _http_error(error: HTTPException) -> ResponseReturnValue:
    status = error.code or InternalServerError.code
    if status < 400 or (error.response is not None and status != TooManyRequests.code):  # noqa: PLR2004
        return error  # a redirect of the router, or an answer made by hand
    if code := _code(error):
        report(code)
    answer = current_app.make_response(error_page(status, error=error, above=_above(error)))
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            answer.headers[name] = value
    return answer


def _above(error: HTTPException) -> str:
    """Return the page to which a form belongs whose own address was opened; empty for none.

    Whoever reloads a form that was refused, or keeps it as a bookmark, asks for that.
    """
    above = request.path.rpartition("/")[0]
    if not isinstance(error, MethodNotAllowed) or request.method != "GET" or not above:
        return ""
    try:
        current_app.url_map.bind("").match(above, method="GET")
    except HTTPException:
        return ""
    return above


def _code(error: HTTPException) -> str | None:
    if isinstance(error, CSRFError):
        return "csrf"
    if isinstance(error, NotAllowed):
        return "authz"
    if isinstance(error, TooManyRequests):
        return "rate"
    if isinstance(error, RequestEntityTooLarge):
        return "input.length"
    return None


def _unexpected(error: Exception) -> ResponseReturnValue:
    """Show no trace, log all of it, under the number that the person sees."""
    if current_app.testing and current_app.config.get("PROPAGATE_EXCEPTIONS") is not False:
        raise error
    path = path_to_log(request.path)
    log.error("unexpected", reference=current_reference(), path=path, exc_info=error)
    return error_page(InternalServerError.code)
