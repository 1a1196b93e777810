"""The one level of navigation, by role; a person with both roles has both groups."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from flask import Flask, current_app, g, request

from portal.foundation.current import house
from portal.web.guards import Viewer, current_viewer


@dataclass(frozen=True, slots=True)
class Item:
    """A page of the navigation.

    Attributes:
        label: its words.
        path: its address; pages below it belong to it.
        count: name of the number beside it, among those that ``app`` hands in.
    """

    label: str
    path: str
    count: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """An item as the page shows it."""

    label: str
    path: str
    current: bool
    count: int
    begins_group: bool


GUEST: Final = (Item("Where I stand", "/me"), Item("My data", "/me/data"))
SPONSOR: Final = (
    Item("Decisions", "/sponsor", count="decisions"),
    Item("My guests", "/sponsor/guests"),
    Item("Past decisions", "/sponsor/past"),
    Item("Removed people who knock", "/sponsor/removed", count="knocking"),
)
ADMIN: Final = (
    Item("Overview", "/admin"),
    Item("Organisations", "/admin/organisations"),
    Item("Guests", "/admin/guests"),
    Item("Applications", "/admin/applications"),
    Item("Staff", "/admin/staff"),
    Item("Terms", "/admin/terms"),
    Item("Audit log", "/admin/audit"),
    Item("Health", "/admin/health"),
)

Counts = Callable[[Viewer], Mapping[str, int]]


def set_navigation_counts(app: Flask, counts: Counts) -> None:
    """Say how the numbers beside the items are found, once a page."""
    house(app)["navigation_counts"] = counts


def navigation(place: str | None = None) -> list[Shown]:
    """Return what this viewer's pages have on top; nothing on the page of an error.

    Args:
        place: the address that the page has, where a form that failed shows it at its own.
    """
    if g.get("plain_page"):
        return []
    viewer = current_viewer()
    if viewer is None or viewer.confined_to:
        return []
    items = _items(viewer)
    find: Counts | None = house(current_app).get("navigation_counts")
    counts = find(viewer) if find and any(item.count for item in items) else {}
    here = _current(items, place or request.path)
    return [
        Shown(
            item.label,
            item.path,
            current=item is here,
            count=counts.get(item.count, 0),
            begins_group=item is ADMIN[0] and items[0] is not item,
        )
        for item in items
    ]


def home(viewer: Viewer) -> str:
    """Return the first page of somebody: where signing in leads when nothing was wanted."""
    items = _items(viewer)
    return items[0].path if items else "/"


def _items(viewer: Viewer) -> tuple[Item, ...]:
    if viewer.kind == "guest":
        return GUEST
    return (SPONSOR if "sponsor" in viewer.roles else ()) + (
        ADMIN if "admin" in viewer.roles else ()
    )


def _current(items: tuple[Item, ...], place: str) -> Item | None:
    """Return the item with the longest address that a page lies at or below."""
    path = place.rstrip("/") or "/"
    below = [item for item in items if path == item.path or path.startswith(f"{item.path}/")]
    return max(below, key=lambda item: len(item.path), default=None)
