"""Fixtures of the flows."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.flows.story import Story, trusting
from tests.hostile.provider import HostileProvider


@pytest.fixture
def provider() -> Iterator[HostileProvider]:
    """Acme's identity provider, which does what the test says."""
    provider = HostileProvider()
    yield provider
    provider.close()


@pytest.fixture
def story(app: Flask, provider: HostileProvider) -> Story:
    """A portal that trusts Acme: a sponsor approves first."""
    return trusting(app, provider)
