"""What holds for every page, in both lights and at every width."""

import re
from typing import Any, Final

from playwright.sync_api import Page

from tests.infra.axe import violations

WIDE: Final = 1200
NARROW: Final = 360
LEAST: Final = 320  # CSS pixels: WCAG 2.2, 1.4.10
COLOURS: Final = ["color-contrast", "link-in-text-block"]
_FIRST = """() => {
  const first = document.querySelector("a, button, input, select, textarea, summary, [tabindex]");
  return [document.querySelectorAll("h1").length, document.title, first.getAttribute("href"),
          [...document.querySelectorAll(".state")].filter((one) => !one.textContent.trim()).length];
}"""
MOST_WEIGHT: Final = 150_000  # bytes of everything that a browser sees for the first time
_OF_HEADERS: Final = 600  # of each answer, about
# What a cold browser fetches: of what it holds already, the size that it came in is known too.
_WEIGHT = """() => {
  const all = [...performance.getEntriesByType("navigation"),
               ...performance.getEntriesByType("resource")];
  return [all.length, all.reduce((sum, one) => sum + one.encodedBodySize, 0)];
}"""
# Two sentences without a space between them: a template's line ended in a tag.
_TOGETHER: Final = re.compile(r"\w+[a-z]\.(?=[A-Z0-9])\w+")
_LINES = """() => new Set([...document.querySelectorAll("header nav a")].map(
  (one) => Math.round(one.getBoundingClientRect().bottom))).size"""
MOST_LINES: Final = 2  # of the navigation of one role, on a phone
_TEXT = "(size) => { document.documentElement.style.fontSize = size; }"
_WIDTH = "document.documentElement.scrollWidth"
BETWEEN: Final = (490, 600, 720)  # a tablet, half a window, or a wide one at twice the size
# What a row of a list begins with, broken within its words by what stands beside it.
_SQUEEZED = """() => [...document.querySelectorAll(".rows li")].filter((row) => {
  const first = row.firstElementChild, style = getComputedStyle(first);
  const { width, height } = first.getBoundingClientRect();
  const lines = Math.round(height / parseFloat(style.lineHeight));
  return lines > first.innerText.trim().split(/\\s+/).length && width < row.clientWidth / 4;
}).map((row) => row.innerText)"""


def faults(page: Page) -> list[Any]:
    """Return what is wrong with the page that is shown."""
    headings, title, first, mute = page.evaluate(_FIRST)
    found: list[Any] = []
    found += [f"{headings} main headings"] if headings != 1 else []
    found += [f"title {title!r}"] if not title.endswith(" - Guest access, Northwind") else []
    found += [f"begins with {first}, not with the skip link"] if first != "#main" else []
    found += [f"{mute} states without a word"] if mute else []
    found += [f"runs together: {one}" for one in _TOGETHER.findall(page.inner_text("main"))]
    answers, weight = page.evaluate(_WEIGHT)
    if (weighs := weight + answers * _OF_HEADERS) > MOST_WEIGHT or not answers:
        found.append(f"weighs {weighs} bytes in {answers} answers")
    for width in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": 800})
        # The structure is the same in both lights: only what is about colours is asked again.
        page.emulate_media(color_scheme="light")
        found += [(width, "light", one) for one in violations(page)]
        page.emulate_media(color_scheme="dark")
        found += [(width, "dark", one) for one in violations(page, rules=COLOURS)]
    for width in BETWEEN if page.query_selector(".rows li") else ():
        page.set_viewport_size({"width": width, "height": 800})
        found += [(width, "squeezed", one) for one in page.evaluate(_SQUEEZED)]
    page.set_viewport_size({"width": NARROW, "height": 800})
    if (lines := page.evaluate(_LINES)) > MOST_LINES:
        found.append(f"{lines} lines of navigation")
    page.evaluate(_TEXT, "200%")  # WCAG 2.2, 1.4.4: the text alone twice as large
    if (needs := page.evaluate(_WIDTH)) > NARROW:
        found.append(f"scrolls sideways in large text: needs {needs}")
    page.evaluate(_TEXT, "")
    page.set_viewport_size({"width": LEAST, "height": 800})
    if (needs := page.evaluate(_WIDTH)) > LEAST:
        found.append(f"scrolls sideways: needs {needs}")
    page.set_viewport_size({"width": WIDE, "height": 800})
    return found
