"""Accessibility by the rules of axe-core: every WCAG 2.2 A and AA rule, and its best practices."""

from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

_SOURCE = Path(__file__).parents[1] / "vendor" / "axe" / "axe.min.js"
_TAGS = [
    *("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"),
    "best-practice",
]
_RUN = """async (options) => {
  const found = await axe.run(document, options);
  return found.violations.map((one) => [one.id, one.nodes.map((node) => node.html.slice(0, 160))]);
}"""


@cache
def _source() -> str:
    return _SOURCE.read_text()


def violations(page: Page, *, rules: list[str] | None = None) -> list[Any]:
    """Return what a page breaks, as (rule, elements); only some *rules* where they are named."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_source())
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": _TAGS}
    found: list[Any] = page.evaluate(_RUN, {"runOnly": only, "resultTypes": ["violations"]})
    return found
