"""A portal of kit alone: no rooms, no database, a few pages with each guard."""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient

from portal.foundation import files
from portal.foundation.current import house
from portal.foundation.settings import Settings
from portal.web.application import Application
from portal.web.assets import init_assets
from portal.web.display import contact, init_display
from portal.web.errors import Refusal, init_errors, on_refusal
from portal.web.forms import init_forms
from portal.web.guards import (
    Viewer,
    current_viewer,
    for_admin,
    for_anyone,
    for_guest,
    for_sponsor,
    init_guards,
)
from portal.web.limits import init_limits, limited_sign_in
from portal.web.navigation import navigation
from portal.web.security import init_security, public_url

PUBLIC = "https://guests.host.example"
FORM = """{% extends "base.html" %}{% block title %}Form{% endblock %}{% block main %}
<form method="post"><input type="hidden" name="csrf_token" value="{{ csrf_token() }}"></form>
{% endblock %}"""


class Kit:
    """The application, who looks at it, and what it has refused."""

    def __init__(self, settings: Settings) -> None:
        self.viewer: Viewer | None = None
        self.refusals: list[Refusal] = []
        self.settings = settings
        self.app = self._make()

    def _make(self) -> Flask:
        app = Application("kit", template_folder=str(files.folder("templates")), static_folder=None)
        house(app)["settings"] = self.settings
        init_errors(app)
        init_limits(app)
        init_security(app)
        init_assets(app)
        init_display(app)
        init_forms(app)
        init_guards(app, lambda: self.viewer)
        on_refusal(app, self.refusals.append)
        app.jinja_env.globals.update(
            settings=self.settings,
            current_viewer=current_viewer,
            navigation=navigation,
            contact=contact,
        )
        self._add_pages(app)
        return app

    def _add_pages(self, app: Flask) -> None:
        @app.route("/form", methods=["GET", "POST"])
        @for_anyone
        def form() -> str:
            return render_template_string(FORM)

        @app.get("/link")
        @for_anyone
        def link() -> str:
            return public_url("form", x=1)

        @app.get("/broken")
        @for_anyone
        def broken() -> str:
            raise RuntimeError("a secret of the inside")

        @app.get("/door")
        @for_anyone
        @limited_sign_in
        def door() -> str:
            return "door"

        for name, guard in {
            "me": for_guest,
            "sponsor": for_sponsor,
            "admin": for_admin,
        }.items():
            self._guarded(app, name, guard)

    def _guarded(self, app: Flask, name: str, guard: Callable[..., Callable[..., str]]) -> None:
        def view() -> str:
            return render_template_string(FORM)

        view.__name__ = name
        app.route(f"/{name}", methods=["GET", "POST"])(guard(view))

    def client(self) -> FlaskClient:
        """Return a browser at the public URL."""
        client = self.app.test_client()
        client.environ_base["HTTP_REFERER"] = f"{self.settings.public_url}/"
        client.environ_base["REMOTE_ADDR"] = "192.0.2.7"
        return client

    def get(self, path: str, **more: object):
        """GET a page as a new browser."""
        return self.client().get(path, base_url=self.settings.public_url, **more)


@pytest.fixture
def kit_settings(tmp_path: Path) -> Callable[..., Settings]:
    def make(**changes: object) -> Settings:
        values: dict[str, object] = {
            "public_url": PUBLIC,
            "secret_keys": (secrets.token_urlsafe(32),),
            "data_dir": tmp_path,
            "host_name": "Host Ltd",
            "support_contact": "help@host.example",
        }
        return Settings.checked(None, **(values | changes))

    return make


@pytest.fixture
def make_kit(kit_settings: Callable[..., Settings]) -> Callable[..., Kit]:
    return lambda **changes: Kit(kit_settings(**changes))


@pytest.fixture
def kit(make_kit: Callable[..., Kit]) -> Iterator[Kit]:
    return make_kit()


def viewer(kind: str = "staff", *roles: str, confined_to: tuple[str, ...] = ()) -> Viewer:
    """Return somebody who is signed in."""
    found = UUID("0190b5a0-1111-7000-8000-000000000001")
    return Viewer(kind, found, "Ann Example", frozenset(roles), confined_to)  # type: ignore[arg-type]
