"""Every flow by keyboard alone, with script and without: nobody needs a mouse, or a script.

What a key reaches must be seen to be reached; after a refused form the keyboard stands where the
problems are listed, and a problem's link leads to its field.
"""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.gallery.tour import PERSON, Tour, touring

pytestmark = [
    pytest.mark.browser,
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]

NewContext = Callable[..., BrowserContext]
MOST_STOPS = 70
# What has the focus: how it is called, whether that can be seen, and whether it lies in main.
_FOCUS = """() => {
  const at = document.activeElement;
  if (at === document.body) return ["", false, "", ""];
  const named = at.labels && at.labels.length ? at.labels[0].innerText : at.innerText;
  const [box, style] = [at.getBoundingClientRect(), getComputedStyle(at)];
  const light = (colour) => colour.match(/[0-9.]+/g).slice(0, 3).reduce((sum, part, at) => {
    const share = part / 255;
    const linear = share <= .04045 ? share / 12.92 : ((share + .055) / 1.055) ** 2.4;
    return sum + linear * [.2126, .7152, .0722][at];
  }, .05);
  const ground = light(getComputedStyle(document.body).backgroundColor);
  const ring = light(style.outlineColor);
  const seen = box.width > 0 && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 1
    && Math.max(ring, ground) / Math.min(ring, ground) >= 3;
  return [(named || at.getAttribute("aria-label") || "").replace(/\\s+/g, " ").trim(), seen,
          at.id, at.className];
}"""


class Keys:
    """A keyboard, and what its user expects of a page."""

    def __init__(self, page: Page, *, script: bool) -> None:
        self.page = page
        self.script = script

    def reach(self, name: str) -> None:
        """Press the tabulator until something of this name (a pattern) has the focus."""
        passed = []
        for _ in range(MOST_STOPS):
            self.page.keyboard.press("Tab")
            found, seen, *_ = self.page.evaluate(_FOCUS)
            assert seen or not found, f"{found} has the focus, and nobody can see it"
            if re.search(name, found):
                return
            passed.append(found)
        raise AssertionError(f"no key reaches {name!r}, only {passed}")

    def enter(self, name: str) -> None:
        """Follow a link, or press a button."""
        self.reach(name)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def write(self, name: str, text: str) -> None:
        """Type into a field over what stood there."""
        self.reach(name)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def tick(self, name: str) -> None:
        """Tick a box."""
        self.reach(name)
        self.page.keyboard.press("Space")

    def refused(self, problem: str, field: str) -> None:
        """The form came back: the problem is said on top, and its link leads to its field."""
        expect(self.page.locator(".problem")).to_contain_text(problem)
        if self.script:
            assert self.page.evaluate(_FOCUS)[3] == "problem"
        self.reach(re.escape(problem))
        self.page.keyboard.press("Enter")
        if self.script:
            assert self.page.evaluate("location.hash") == f"#{field}"
        # The browser goes on from there, whether or not the field itself took the focus.
        self.page.keyboard.press("Tab")
        self.page.keyboard.press("Shift+Tab")
        assert self.page.evaluate(_FOCUS)[2] == field

    def done(self, words: str) -> None:
        """The page says what was done."""
        expect(self.page.get_by_role("status")).to_contain_text(re.compile(words))


def comes_by_address(tour: Tour, keys: Keys) -> None:
    """A new person signs in by address, forgets to accept the terms, and then asks for access."""
    page = keys.page
    page.goto(f"{tour.url}/sign-in")
    page.keyboard.press("Tab")
    assert page.evaluate(_FOCUS)[0] == "Skip to the content"
    keys.write("Work e-mail", "wanda")
    page.keyboard.press("Enter")
    keys.refused("Enter an e-mail address", "email")
    page.keyboard.press("Control+A")
    page.keyboard.type("wanda.keller@acme.example")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    keys.enter("^Continue$")  # it goes on by itself, but not on the tour
    page.wait_for_url("**/arrival")
    keys.write("Why do you need access", "Forecasts")
    keys.enter("Accept and ask for access")
    keys.refused("Accept the terms of use to go on", "terms")
    page.keyboard.press("Space")
    keys.enter("Accept and ask for access")
    expect(page.get_by_role("heading", level=1)).to_have_text("You are waiting for a decision")


def decides(tour: Tour, keys: Keys) -> None:
    """A sponsor approves one, rejects another, and keeps a third."""
    page = keys.page
    page.goto(f"{tour.url}/sponsor")
    keys.enter("Wanda Keller")
    keys.enter("^Approve until")
    keys.done("Wanda Keller has your word")
    keys.enter("Theo Lang")
    keys.reach("^Reject")
    page.keyboard.press("Enter")  # opens what the summary holds
    keys.enter("^Reject")
    keys.refused("Enter", "reject-reason")
    page.keyboard.type("Not known to planning")
    keys.enter("^Reject")
    keys.done("Theo Lang")
    page.goto(f"{tour.url}/sponsor")
    keys.enter("Jakob Reiter")
    keys.enter("^Keep until")
    keys.done("Jakob Reiter")


def connects(tour: Tour, keys: Keys) -> None:
    """An admin connects an organisation and adds its identity provider."""
    page = keys.page
    page.goto(f"{tour.url}/admin/organisations")
    keys.enter("Connect an organisation")
    keys.write("^Name", "Hooli")
    keys.write("^Short name", "hooli")
    keys.write("E-mail domains", "acme.example")
    keys.write("Contract reference", "H-1")
    keys.write("First day", "01112026")
    keys.tick("Open-ended")
    keys.write("Time zone", "Europe/Berlin")
    keys.write("Sponsors", "jonas.brandt@northwind.example")
    keys.enter("Connect the organisation")
    keys.refused("already held by", "domain")
    page.keyboard.press("Control+A")
    page.keyboard.type("hooli.example")
    keys.enter("Connect the organisation")
    keys.done("Hooli")
    keys.enter("Add an identity provider")
    keys.write("^Client id", "portal")
    keys.enter("Add the identity provider")
    keys.refused("Enter the issuer", "issuer")
    page.keyboard.type("https://login.hooli.example")
    keys.write("^Client secret", "a-secret-for-hooli")
    keys.enter("Add the identity provider")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Hooli login")


def decides_with_script(tour: Tour, keys: Keys) -> None:
    """With script the keyboard is taken to what is wrong, in whichever of several forms."""
    keys.page.goto(f"{tour.url}/sponsor")
    keys.enter("Greta Wolf")
    keys.reach("^Reject")
    keys.page.keyboard.press("Enter")
    keys.enter("^Reject")
    keys.refused("Enter the reason", "reject-reason")


def test_every_flow_by_keyboard(make_settings, new_context: NewContext):
    """Sign-in and arrival, a sponsor's decisions, an admin's new partner."""
    with touring(make_settings, new_context) as tour:
        for who, script, flow in (
            ("nobody", False, comes_by_address),
            ("jonas", False, decides),
            ("petra", False, connects),
            ("nobody", True, comes_by_address),
            ("jonas", True, decides_with_script),
        ):
            said = {"sub": "otto", "email": "otto@acme.example"} if script else {}
            tour.world.provider.person = {**PERSON, **said}
            flow(tour, Keys(tour.open(who, java_script_enabled=script), script=script))
