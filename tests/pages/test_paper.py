"""A page on paper, and in the reader's own colours."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.gallery.tour import touring

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]
NewContext = Callable[..., BrowserContext]
_SHOWN = """(selector) => [...document.querySelectorAll(selector)].filter(
  (one) => one.getClientRects().length).length"""
_STYLE = """([selector, name]) => getComputedStyle(document.querySelector(selector))[name]"""


def style(page: Page, selector: str, name: str) -> str:
    """Return what the browser made of a property."""
    found: str = page.evaluate(_STYLE, [selector, name])
    return found


def test_paper_shows_what_is_said_and_nothing_to_press(make_settings, new_context: NewContext):
    """Dark on white whatever the system is set to, each card in its frame."""
    with touring(make_settings, new_context) as tour:
        page = tour.page("petra")
        page.goto(f"{tour.url}/admin/organisations/acme")
        light = style(page, "main a", "color")
        page.emulate_media(color_scheme="dark")
        assert style(page, "main a", "color") != light
        assert page.evaluate(_SHOWN, "nav, button, .danger") > 3
        page.emulate_media(media="print")
        assert page.evaluate(_SHOWN, "nav, button, .danger") == 0
        assert page.evaluate(_SHOWN, "h1, h2, time") > 3
        assert style(page, "main a", "color") == light
        assert style(page, ".card", "borderTopWidth") == "1px"


def test_in_ones_own_colours_the_page_that_is_open_stands_out(
    make_settings, new_context: NewContext
):
    """A border that nobody was to see is seen when the system sets the colours."""
    with touring(make_settings, new_context) as tour:
        page = tour.page("petra", forced_colors="active")
        page.goto(f"{tour.url}/admin")
        here, others = (
            style(page, f"nav a{which}", "borderBottomColor")
            for which in ("[aria-current]", ":not([aria-current])")
        )
        assert here != others == style(page, "body", "backgroundColor")
