"""Where templates, static files and migrations are: in the installed package, or in a checkout."""

from functools import cache
from pathlib import Path
from typing import Final, Literal

_PACKAGE: Final = Path(__file__).resolve().parents[1]

Folder = Literal["templates", "static", "migrations"]


@cache
def folder(name: Folder) -> Path:
    """Return the folder of that name.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    for place in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"the portal's {name} are missing: install it again")
