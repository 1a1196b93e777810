"""Everybody at the door meets the same partner, where a test names none of its own."""

import pytest

from tests.scene import Partner, Scene


@pytest.fixture
def scene(database) -> Scene:
    return Scene()


@pytest.fixture
def acme(scene: Scene) -> Partner:
    scene.staff("root", role="admin")
    return scene.partner()
