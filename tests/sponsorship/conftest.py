"""Fixtures of what sponsors decide."""

import pytest

from tests.scene import Partner, Scene


@pytest.fixture
def scene(database) -> Scene:
    """A portal without its pages, on each of the databases."""
    return Scene()


@pytest.fixture
def acme(scene: Scene) -> Partner:
    """Two sponsors and a deputy; the first sponsor is asked."""
    ada, ben, dee = (scene.staff(name) for name in ("ada", "ben", "dee"))
    return scene.partner(sponsors=(ada, ben), deputy=dee, lead=ada)
