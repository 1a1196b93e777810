"""Flask, less what the portal has no use for and would pay for at every request."""

from collections.abc import Callable, MutableMapping
from typing import Any

from flask import Flask
from flask.templating import Environment


class Templates(Environment):
    """Flask's environment; a template's globals are one plain mapping.

    Jinja's is a ``ChainMap``, which Python walks in Python at every ``{% import %}``. None of ours
    is set once the first page was asked for, so nothing has to shine through.
    """

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Return what a template may name without being given it."""
        return {**self.globals, **(d or {})}


class Application(Flask):
    """Flask with such templates, and without asynchronous views."""

    jinja_environment = Templates

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function itself: Flask looks into each one whether it is a coroutine."""
        return func
