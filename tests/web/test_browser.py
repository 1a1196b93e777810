"""The kit in a real browser: under its own policy, in both lights, on a narrow screen."""

import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask, render_template_string
from playwright.sync_api import BrowserContext
from werkzeug.datastructures import MultiDict

from portal.foundation.settings import Settings
from portal.web.guards import for_anyone
from portal.web.navigation import set_navigation_counts
from tests.infra.web import served
from tests.web.conftest import Kit, viewer
from tests.web.test_forms import GOOD, Everything

pytestmark = pytest.mark.browser

PAGE = """{% extends "base.html" %}
{% from "_macros/page.html" import head, facts, table, copy, section %}
{% from "_macros/forms.html" import begin, field, button with context %}
{% block title %}Everything{% endblock %}
{% block main %}{{ head("Everything", "In one look.") }}
<div class="layout two"><div>
{% call section("Facts") %}{{ facts([("At", now | instant), ("Long", "x" * 200)]) }}{% endcall %}
{% call section("Guests", body=false) %}{% call table("Guests", ["Name", "Ends"]) %}
<tr><td data-label="Name">Ann</td><td data-label="Ends">1 March 2027</td></tr>
{% endcall %}{% endcall %}
{% call section("Address") %}{{ copy("https://guests.example/" ~ "a" * 90, "it") }}
{% endcall %}</div>
<section class="card"><div class="card-body">{% call begin(form) %}
{% for f in form if f.name != "csrf_token" %}{{ field(f) }}{% endfor %}{{ button("Save") }}
{% endcall %}</div></section></div>{% endblock %}"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A page with one of everything, and two problems."""

    def make(url: str) -> Flask:
        kit = Kit(
            Settings.checked(
                None,
                env="development",
                public_url=url,
                secret_keys=(secrets.token_urlsafe(32),),
                data_dir=tmp_path,
            )
        )
        kit.viewer = viewer("staff", "sponsor", "admin")
        set_navigation_counts(kit.app, lambda _: {"decisions": 3})

        @kit.app.get("/sponsor/requests/1")
        @for_anyone
        def show() -> str:
            form = Everything(formdata=MultiDict(GOOD | {"name": "", "days": "x"}))
            form.validate()
            return render_template_string(
                PAGE, form=form, now=datetime(2027, 3, 1, 12, 5, tzinfo=UTC)
            )

        return kit.app

    with served(make) as (_, url):
        yield f"{url}/sponsor/requests/1"


def test_a_page_with_everything(
    address: str, new_context: Callable[..., BrowserContext], tmp_path: Path
):
    """Light and dark by the system alone, no sideways scroll, instants in the viewer's zone."""
    grounds = {}
    for scheme in ("light", "dark"):
        for width in (1200, 360):
            context = new_context(
                color_scheme=scheme,
                viewport={"width": width, "height": 800},
                timezone_id="Europe/Berlin",
                permissions=["clipboard-read", "clipboard-write"],
            )
            page = context.new_page()
            page.goto(address)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.inner_text("time") == "1 March 2027, 13:05 CET"
            assert page.evaluate("document.activeElement.className") == "problem"
            page.get_by_role("button", name="Copy").click()
            copied = page.evaluate("navigator.clipboard.readText()")
            assert copied.startswith("https://guests.example/aaa")
            grounds[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert grounds["light"] != grounds["dark"]


def test_without_script_everything_is_there(
    address: str, new_context: Callable[..., BrowserContext]
):
    """The instant is named UTC, the address can be selected, and it is dark where it should be."""
    page = new_context(java_script_enabled=False, color_scheme="dark").new_page()
    page.goto(address)
    assert page.inner_text("time") == "1 March 2027, 12:05 UTC"
    assert page.get_by_role("button", name="Copy").count() == 0
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**#main")
