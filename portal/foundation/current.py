"""What belongs to the running application and is needed on every floor: its settings."""

from typing import Any

from flask import Flask, current_app

from portal.foundation.settings import Settings

_KEY = "portal"


def house(app: Flask) -> dict[str, Any]:
    """Return the application's own drawer, where the wiring puts what the rooms look up."""
    drawer: dict[str, Any] = app.extensions.setdefault(_KEY, {})
    return drawer


def current_house() -> dict[str, Any]:
    """Return the drawer of the application in whose context this runs."""
    return house(current_app)


def settings_of(app: Flask) -> Settings:
    """Return the settings that an application was made with."""
    settings: Settings = house(app)["settings"]
    return settings


def current_settings() -> Settings:
    """Return the settings of the application in whose context this runs."""
    return settings_of(current_app)
