"""Servers, and the egress client that may reach them."""

from collections.abc import Callable, Iterator

import pytest

from portal.foundation.outbound_http import Egress
from tests.foundation.serving import HOST, Server, settings
from tests.infra.tls import Authority, Certificate


@pytest.fixture
def serve() -> Iterator[Callable[[Certificate | None], Server]]:
    """Starts servers with the certificates it is given."""
    servers: list[Server] = []

    def start(certificate: Certificate | None) -> Server:
        servers.append(Server(certificate))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def server(serve, authority: Authority) -> Server:
    """A server whose certificate is good."""
    return serve(authority.issue(HOST))


@pytest.fixture
def egress(server: Server, authority: Authority) -> Iterator[Egress]:
    """A production client whose operator allows the one server."""
    private = f"{HOST}:{server.port}"
    made = Egress(settings(authority, egress_private_hosts=private), lambda *_: ["127.0.0.1"])
    yield made
    made.close()
