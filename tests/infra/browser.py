"""A real Chromium, the system's or Playwright's own."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, WebError, sync_playwright

# Root needs --no-sandbox; the others keep Chromium from calling anybody but the portal.
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_INSTALL = (
    "No Chromium was found. Install one: apt-get install -y chromium   "
    "(or: .venv/bin/playwright install --with-deps chromium)"
)


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Start Chromium.

    A missing browser is a failure with the line that installs one, never a skipped test.
    """
    with sync_playwright() as playwright:
        found = next(filter(None, map(shutil.which, _NAMES)), None)
        path = found or playwright.chromium.executable_path
        if not Path(path).exists():
            pytest.fail(_INSTALL, pytrace=False)
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


# The providers that others wrote stand at 127.0.0.2 and above; their pages are theirs.
_THEIRS = re.compile(r"https?://127\.0\.0\.[2-9]")


class Complaints:
    """What pages of a browser complained about that no page of ours may cause."""

    def __init__(self) -> None:
        """Begin with none."""
        self.found: list[str] = []

    def listen(self, context: BrowserContext) -> None:
        """Hear of broken scripts and of everything that the content security policy stopped."""
        context.on("weberror", self._broken)
        context.on("console", self._console)

    def _broken(self, error: WebError) -> None:
        url = error.page.url if error.page else ""
        if not _THEIRS.match(url):
            self.found.append(f"script: {error.error} ({url})")

    def _console(self, message: ConsoleMessage) -> None:
        url = message.page.url if message.page else ""
        if "Content Security Policy" in message.text and not _THEIRS.match(url):
            self.found.append(f"{message.type}: {message.text} ({url})")
