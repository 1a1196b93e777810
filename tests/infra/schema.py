"""The whole metadata, for tests that compare it with what the migrations made."""

import importlib
from pathlib import Path

import portal


def import_every_table() -> None:
    """Import all models, so that the metadata is whole."""
    house = Path(portal.__file__).parent
    for file in sorted([*house.glob("*/models.py"), *house.glob("*/models/__init__.py")]):
        name = file.relative_to(house.parent).with_suffix("")
        importlib.import_module(".".join(name.parts).removesuffix(".__init__"))
