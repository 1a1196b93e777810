"""A scene for tests that also send requests.

Flask shares ``g`` with a request that is made while an application context is open, and the portal
keeps in ``g`` who asks: so the scene opens a context for each thing it does, and none in between.
"""

import functools
from collections.abc import Callable
from typing import Any

from flask import Flask

from portal.foundation import clock
from tests.scene import Scene


class Inside:
    """A scene at the policy clock's time; every method of it runs in a context of its own."""

    def __init__(self, app: Flask) -> None:
        """Set the scene."""
        self._app = app
        self._scene = Scene(now=clock.policy_now())

    def __getattr__(self, name: str) -> Any:
        """Return what the scene has of this name."""
        with self._app.app_context():
            found = getattr(self._scene, name)
        return self._inside(found) if callable(found) else found

    def at(self, now: Any) -> None:
        """Move the scene to an instant."""
        self._scene.now = now

    def run(self, change: Callable[..., Any], *arguments: Any, by: Any, **named: Any) -> Any:
        """Run a change as an employee, in a transaction."""
        with self._app.app_context(), self._scene.as_staff(by) as tx:
            return change(tx, *arguments, **named)

    def _inside(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def run(*args: Any, **kwargs: Any) -> Any:
            with self._app.app_context():
                return method(*args, **kwargs)

        return run
