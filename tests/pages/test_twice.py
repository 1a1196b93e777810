"""A button that is pressed twice sends its form once: the answer shown is that of the first."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext

from tests.gallery.tour import touring

NewContext = Callable[..., BrowserContext]
# Press a button twice; return which of the two would have been sent, and send neither.
_TWICE = """(name) => {
  const sent = [];
  addEventListener("submit", (event) => {
    sent.push(!event.defaultPrevented);
    event.preventDefault();
  });
  const buttons = [...document.querySelectorAll("button")];
  const button = buttons.find((one) => one.innerText.includes(name));
  button.click();
  button.click();
  return sent;
}"""


@pytest.mark.browser
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_pressed_twice_is_sent_once(make_settings, new_context: NewContext):
    """Neither "somebody was quicker" nor a sign-in page; a search is sent as often as one likes."""
    with touring(make_settings, new_context) as tour:
        tour.token("jonas")
        page = tour.page("jonas")
        for path, name, sent in (
            ("/sponsor/decisions/{theo_asks}", "Approve until", [True, False]),
            ("/signed-in", "Sign out everywhere else", [True, False]),
            ("/sponsor/guests?text=an", "Find", [True, True]),
        ):
            page.goto(tour.url + path.format(**tour.world.ids))
            assert page.evaluate(_TWICE, name) == sent, path
