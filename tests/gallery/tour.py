"""Walk through the gallery with a real browser: one context for each person, pages reused."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, request, template_rendered
from playwright.sync_api import BrowserContext, Page
from werkzeug.exceptions import abort
from werkzeug.wrappers import Response

from portal.app import create_app
from portal.foundation import clock
from portal.foundation.db import db
from portal.sign_in.changes import NewSession
from portal.web.errors import PAGES
from portal.web.guards import for_anyone
from tests.gallery.world import TODAY, World, employees, history
from tests.hostile.provider import HostileProvider
from tests.infra.web import served
from tests.pages.sessions import start_session
from tests.scene import Scene

HOST = "127.0.0.1"
ERRORS = (400, 403, 404, 405, 409, 413, 422, 429, 500, 503)
HOUSE = {
    "host_name": "Northwind",
    "host_domains": ("northwind.example",),
    "support_contact": "access@northwind.example",
    "limit_per_address": "100000/minute",
    "limit_per_account": "100000/minute",
    "limit_sign_in_per_address": "100000/minute",
}
PERSON = {
    "sub": "wanda.keller",
    "email": "wanda.keller@acme.example",
    "email_verified": True,
    "name": "Wanda Keller",
}
_SEND = """([end, values]) => {
  const path = (form) => new URL(form.getAttribute("action") || location.href, location).pathname;
  const form = [...document.forms].find(
    (one) => one.className !== "who" && one.method === "post" && path(one).endsWith(end));
  for (const [name, value] of Object.entries(values)) {
    const field = form.elements.namedItem(name);
    if (field.type === "checkbox") field.checked = value; else field.value = value;
  }
  HTMLFormElement.prototype.submit.call(form);
}"""


@dataclass(frozen=True)
class Visit:
    """One page as one person sees it in one state.

    Attributes:
        who: a guest by first name, an employee, or ``nobody``.
        endpoint: that renders it.
        template: that it is rendered from.
        path: where the person goes; ``{name}`` stands for an id of the world.
        send: end of a form's action and what is typed into it: the page is the answer.
        before: makes the state that this page shows.
        sign_in: claims of the person who comes through the provider next.
        lies: of the provider, while it is visited.
        picture: name of its picture in the docs.
    """

    who: str
    endpoint: str
    template: str
    path: str
    send: tuple[str, Mapping[str, Any]] | None = None
    before: Callable[[World], object] | None = None
    sign_in: Mapping[str, Any] = field(default_factory=dict)
    lies: Mapping[str, Any] = field(default_factory=dict)
    picture: str = ""

    @property
    def name(self) -> str:
        """How a test speaks of it."""
        said = f" {json.dumps([*self.sign_in.items(), *self.lies.items()])}"
        sent = f" sent{self.send[0]}" if self.send else ""
        return f"{self.who}: {self.path}{sent}{said if said != ' []' else ''}"


@dataclass
class Tour:
    """A served portal, its world, and the pages of its people."""

    app: Flask
    url: str
    world: World
    new_context: Callable[..., BrowserContext]
    rendered: list[tuple[str, str]]
    _pages: dict[str, Page] = field(default_factory=dict)

    def page(self, who: str, **options: Any) -> Page:
        """Return the page of somebody, signed in."""
        if who not in self._pages:
            self._pages[who] = self.open(who, **options)
        return self._pages[who]

    def open(self, who: str, **options: Any) -> Page:
        """Open a browser for somebody, signed in."""
        context = self.new_context(
            reduced_motion="reduce", timezone_id="Europe/Berlin", service_workers="block", **options
        )
        if who != "nobody":
            cookie = {"name": "portal-session", "value": self.token(who), "url": self.url}
            context.add_cookies([cookie])  # type: ignore[list-item]
        return context.new_page()

    def token(self, who: str) -> str:
        """Begin a session of somebody; return its token."""
        found = self.world.ids[who]
        if who in {"petra", "jonas", "irene"}:
            return start_session(self.app, NewSession(staff_id=found))
        slug = {"priya": "globex", "ines": "globex"}.get(who, "acme")
        provider = self.world.partners[slug].provider_id
        with self.app.app_context():
            epoch = self.world.scene.row(found).session_epoch
        new = NewSession(guest_id=found, identity_provider_id=provider, guest_epoch=epoch)
        return start_session(self.app, new)

    def visit(self, visit: Visit) -> Page:
        """Go there; say so if it is another page than the visit says."""
        if visit.before:
            visit.before(self.world)
        provider = self.world.provider
        provider.person = {**PERSON, **visit.sign_in}
        page = self.page(visit.who)
        self.rendered.clear()
        with provider.lying(**visit.lies):
            page.goto(self.url + self.path(visit))
            if visit.send is not None:
                with page.expect_navigation():
                    page.evaluate(_SEND, [visit.send[0], dict(visit.send[1])])
        assert self.rendered[-1:] == [(visit.template, visit.endpoint)], (page.url, self.rendered)
        return page

    def path(self, visit: Visit) -> str:
        """Return the address with the ids of this world."""
        return visit.path.format(**self.world.ids, **self.world.links)


def with_errors(app: Flask) -> Flask:
    """Give an application an address for each page of an error."""

    @app.get("/broken/<int:status>")
    @for_anyone
    def broken(status: int) -> str:
        abort(status)

    assert sorted(PAGES) == sorted(ERRORS)
    return app


def held_still(app: Flask) -> Flask:
    """Let the page that goes on at once stay, so that it can be looked at."""

    @app.after_request
    def hold(response: Response) -> Response:
        if response.mimetype == "text/html" and not response.direct_passthrough:
            at_once, tomorrow = (
                b'http-equiv="refresh" content="0;',
                b'http-equiv="refresh" content="86400;',
            )
            response.data = response.data.replace(at_once, tomorrow)
        return response

    return app


@contextmanager
def touring(
    make_settings: Callable[..., Any],
    new_context: Callable[..., BrowserContext],
    *,
    empty: bool = False,
    **changes: object,
) -> Iterator[Tour]:
    """Serve a portal, and let its year pass where it is not to be empty."""
    rendered: list[tuple[str, str]] = []

    def note(_app: Flask, template: Any, **_: Any) -> None:
        rendered.append((template.name, str(request.endpoint)))

    def make(url: str) -> Flask:
        settings = make_settings(**{**HOUSE, "public_url": url, **changes})
        return held_still(with_errors(create_app(settings)))

    provider = HostileProvider(host="127.0.0.2")
    try:
        with served(make, host=HOST) as (app, url):
            clock.set_offset((TODAY - clock.protocol_now()).total_seconds())
            world = World(app, Scene(now=TODAY), provider)
            with app.app_context():
                employees(world)
                if not empty:
                    history(world)
                db.session.remove()
            with template_rendered.connected_to(note, app):
                yield Tour(app, url, world, new_context, rendered)
    finally:
        provider.close()
