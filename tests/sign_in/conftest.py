"""Fixtures of the sign-in tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from flask import Flask

from portal.foundation import clock
from tests import factories
from tests.hostile.provider import HostileProvider
from tests.sign_in.door import Door, connection, guest
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


@pytest.fixture
def door(database: Flask, hostile: HostileProvider) -> Door:
    """A door with two providers of one organisation, ``main`` and ``other``, and one guest."""
    now = clock.policy_now()
    with factories.writing(now) as tx:
        acme = factories.partner(tx, "acme", issuer=hostile.issuer)
        other_id = factories.provider(tx, acme.id, slug="other", issuer="https://id.other.example")
        guest_id = guest(tx, acme)
    main = connection(hostile, acme, "main")
    other = replace(main, id=other_id, slug="other")
    return Door(database, [main, other], guest_id)
