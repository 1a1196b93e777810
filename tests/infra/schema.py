"""The schema, made as an installation makes it."""

import importlib
from pathlib import Path

from flask import Flask

import portal
from portal.foundation.db import db, init_database


def import_every_table() -> None:
    """Import all models, so that the metadata is whole."""
    house = Path(portal.__file__).parent
    for file in sorted([*house.glob("*/models.py"), *house.glob("*/models/__init__.py")]):
        name = file.relative_to(house.parent).with_suffix("")
        importlib.import_module(".".join(name.parts).removesuffix(".__init__"))


def migrate(url: str) -> None:
    """Give an empty database the schema of the models."""
    import_every_table()
    app = Flask(__name__)
    init_database(app, url)
    with app.app_context():
        db.create_all()
        db.session.remove()
        db.engine.dispose()
