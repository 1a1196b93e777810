"""Fixtures of the sign-in tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.hostile.provider import HostileProvider
from tests.sign_in.walk import Walk, new_providers, partner


@pytest.fixture
def hostile() -> Iterator[HostileProvider]:
    """A provider that lies when told to."""
    provider = HostileProvider()
    yield provider
    provider.close()


@pytest.fixture
def another() -> Iterator[Callable[..., HostileProvider]]:
    """Make further providers."""
    with ExitStack() as stack:

        def make(**options: str) -> HostileProvider:
            provider = HostileProvider(**options)
            stack.callback(provider.close)
            return provider

        yield make


@pytest.fixture
def walk(hostile: HostileProvider) -> Walk:
    """A sign-in at that provider, as Acme's."""
    return Walk(new_providers(), partner(hostile))
