"""The pictures of the documents are taken from the pages, and say what the pages say now.

`make pictures` takes them anew. Pixels differ from machine to machine, words do not: beside the
pictures lies what each page said when it was taken, and a page that says something else is a
picture to be taken again.
"""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import BrowserContext, Page

from portal.foundation import clock
from tests.gallery.tour import Visit, touring
from tests.gallery.visits import EVERY_VISIT
from tests.gallery.world import TODAY

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "docs" / "pictures"
WORDS: Final = FOLDER / "words.json"
DOCUMENTS: Final = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MOST_BYTES: Final = 1_000_000
WIDTH, TALLEST = 1000, 760
TAKE: Final = os.environ.get("PORTAL_PICTURES") == "take"
PICTURED: Final = [visit for visit in EVERY_VISIT if visit.picture]
# The test's own addresses: a picture shows the host's and the partner's.
_ADDRESSES: Final = {
    r"http://127\.0\.0\.1:\d+": "https://guests.northwind.example",
    r"http://127\.0\.0\.2:\d+": "https://login.acme.example",
}
_REPLACE: Final = """(pairs) => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    for (const [pattern, address] of pairs) {
      walker.currentNode.data = walker.currentNode.data.replace(new RegExp(pattern, "g"), address);
    }
  }
  document.activeElement.blur();
}"""


def _words(page: Page) -> str:
    """Return what a page says; a reference number is another one each time."""
    said = re.sub(r"\b(?:[0-9A-Z]{3,4}-){2}[0-9A-Z]{2,4}\b", "REFERENCE", page.inner_text("body"))
    return " ".join(re.sub(r"\b\d+ ms\b", "some ms", said).split())


def _take(page: Page, visit: Visit) -> None:
    page.set_viewport_size({"width": WIDTH, "height": TALLEST})
    height = page.evaluate("Math.ceil(document.body.getBoundingClientRect().height)")
    page.screenshot(
        path=FOLDER / f"{visit.picture}.png",
        full_page=True,
        clip={"x": 0, "y": 0, "width": WIDTH, "height": min(height, TALLEST)},
    )


@pytest.mark.browser
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_pictures_say_what_the_pages_say(
    make_settings: Any, new_context: Callable[..., BrowserContext]
):
    """A page that has changed since its picture was taken: `make pictures`."""
    found = {}
    with touring(make_settings, new_context) as tour:
        for visit in PICTURED:
            # However slow the machine: "40 minutes ago" is what the picture shows.
            clock.set_offset((TODAY - clock.protocol_now()).total_seconds() + 5)
            page = tour.visit(visit)
            page.evaluate(_REPLACE, [list(pair) for pair in _ADDRESSES.items()])
            found[visit.picture] = _words(page)
            if TAKE:
                _take(page, visit)
    if TAKE:
        WORDS.write_text(json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    assert found == json.loads(WORDS.read_text()), "take them again: make pictures"


def test_each_picture_is_shown_and_each_one_shown_is_taken():
    """None hangs nowhere, none is made by hand, each is described, all are small."""
    shown = {
        (file.parent / path).resolve(): words
        for file in DOCUMENTS
        for words, path in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", file.read_text())
    }
    taken = {FOLDER / f"{visit.picture}.png" for visit in PICTURED}
    assert len(taken) == len(PICTURED)
    assert set(shown) == taken == set(FOLDER.glob("*.png"))
    assert all(len(words) > 20 for words in shown.values())
    assert sum(path.stat().st_size for path in taken) < MOST_BYTES
