"""Who may see a page: exactly one guard on every route.

Who is looking is told by a loader that ``app`` hands in; it asks the session and the access
decision, once a request. Flask-Login carries the answer, by its request loader: our session row
alone counts, nothing is put into Flask's cookie, and nobody is remembered.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ClassVar, Final, Literal, ParamSpec
from urllib.parse import urlencode
from uuid import UUID

from flask import Flask, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, current_user

from portal.web.errors import RoleUnconfirmed, refuse
from portal.web.security import here

GUEST_DOOR: Final = "/sign-in"
STAFF_DOOR: Final = "/staff/sign-in"

_LOOKING: Final = frozenset({"GET", "HEAD", "OPTIONS"})

P = ParamSpec("P")
View = Callable[P, ResponseReturnValue]


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at the page.

    Attributes:
        kind: a guest, or an employee of the host.
        id: of the guest or staff row.
        name: as shown to the person.
        roles: of an employee: ``sponsor``, ``admin``, both or none.
        confined_to: endpoints that this session may see, and nothing else; the first is where it
            is sent. Empty: everything that is the person's.
        unconfirmed: of an employee: their roles stay, but who gives them does not say them now. An
            admin looks, and changes nothing.
    """

    kind: Literal["guest", "staff"]
    id: UUID
    name: str
    roles: frozenset[str] = frozenset()
    confined_to: tuple[str, ...] = ()
    unconfirmed: bool = False

    # What Flask-Login asks of a user.
    is_authenticated: ClassVar[bool] = True
    is_active: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False

    def get_id(self) -> str:
        """Return the id as text."""
        return str(self.id)


Loader = Callable[[], Viewer | None]


class _Viewers(LoginManager):  # type: ignore[misc]
    def _session_protection_failed(self) -> bool:
        """Our session row knows better than Flask's cookie, in which nothing of ours stands."""
        return False


def init_guards(app: Flask, loader: Loader) -> None:
    """Say how the viewer of a request is found."""
    manager = _Viewers()
    manager.request_loader(lambda _request: loader())
    # Not init_app, which would also write remember cookies after each request.
    app.login_manager = manager  # type: ignore[attr-defined]


def current_viewer() -> Viewer | None:
    """Return who is signed in, or None; asked once a request."""
    viewer: Viewer = current_user._get_current_object()  # noqa: SLF001 - the proxy's own way
    return viewer if viewer.is_authenticated else None


def me() -> Viewer:
    """Return who is signed in, behind a guard that has made sure of it."""
    viewer = current_viewer()
    if viewer is None:
        raise RuntimeError("this page has no guard that asks for somebody")
    return viewer


def for_anyone(view: View[P]) -> View[P]:
    """Let everybody see it, signed in or not."""
    return _guarded(view, "anyone", lambda _: True, None)


def for_signed_in(view: View[P]) -> View[P]:
    """Let guests and employees see it: it is about their own sign-in."""
    return _guarded(view, "signed_in", lambda _: True, GUEST_DOOR)


def for_guest(view: View[P]) -> View[P]:
    """Let guests see it; what of it is theirs the view asks itself."""
    return _guarded(view, "guest", lambda viewer: viewer.kind == "guest", GUEST_DOOR)


def for_sponsor(view: View[P]) -> View[P]:
    """Let sponsors see it; for which organisation the view asks itself."""
    return _guarded(view, "sponsor", lambda viewer: "sponsor" in viewer.roles, STAFF_DOOR)


def for_admin(view: View[P]) -> View[P]:
    """Let admins see it, and those whose role is confirmed send its forms."""
    return _guarded(view, "admin", _is_admin, STAFF_DOOR)


def _is_admin(viewer: Viewer) -> bool:
    if "admin" not in viewer.roles:
        return False
    if request.method not in _LOOKING:
        require_confirmed(viewer)
    return True


def require_confirmed(viewer: Viewer) -> None:
    """Let who gives an employee's roles have said them, where a GET leaves something behind.

    Raises:
        RoleUnconfirmed: nobody says them now.
    """
    if viewer.unconfirmed:
        raise RoleUnconfirmed


def _guarded(view: View[P], name: str, fits: Callable[[Viewer], bool], door: str | None) -> View[P]:
    if hasattr(view, "guard"):
        raise TypeError(f"{view.__name__} has two guards")

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        if door is None:
            return view(*args, **kwargs)
        viewer = current_viewer()
        if viewer is None:
            back = here(default="")
            return redirect(url_for_door(door, back), 303)
        if not fits(viewer):
            refuse()
        if viewer.confined_to and request.endpoint not in viewer.confined_to:
            return redirect(url_for(viewer.confined_to[0]), 303)
        return view(*args, **kwargs)

    guarded.guard = name  # type: ignore[attr-defined]
    return guarded


def url_for_door(door: str, back: str) -> str:
    """Return the sign-in page that leads back to the wanted one."""
    return f"{door}?{urlencode({'next': back})}" if back and back != "/" else door
