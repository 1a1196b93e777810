"""Fixtures of the flows."""

from collections.abc import Iterator

import pytest
from flask import Flask

from portal.app import create_app
from portal.foundation.db import db
from tests.factories import PUBLIC_URL
from tests.flows.story import Story, trusting
from tests.hostile.provider import CLIENT_ID, CLIENT_SECRET, HostileProvider
from tests.infra.client import PortalClient
from tests.pages.inside import Inside


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


@pytest.fixture
def own() -> Iterator[HostileProvider]:
    """The host's own provider."""
    provider = HostileProvider(host="127.0.0.3")
    yield provider
    provider.close()


@pytest.fixture
def house(make_settings, own: HostileProvider, request: pytest.FixtureRequest) -> Iterator[Flask]:
    """A portal whose employees sign in there, with further settings as the test's parameter."""
    app = create_app(
        make_settings(
            host_oidc_issuer=own.issuer,
            host_oidc_client_id=CLIENT_ID,
            host_oidc_client_secret=CLIENT_SECRET,
            **getattr(request, "param", {}),
        )
    )
    app.testing = True
    app.test_client_class = type("Client", (PortalClient,), {"public_url": PUBLIC_URL})
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def scene(house: Flask) -> Inside:
    """What happens in that portal."""
    return Inside(house)
