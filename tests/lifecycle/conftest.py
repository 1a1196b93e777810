"""A portal of its own for each test."""

import pytest

from tests.scene import Scene


@pytest.fixture
def scene(database) -> Scene:
    return Scene()
