"""A provider on loopback that answers as it is told, and how it is asked."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from portal.foundation.egress_sockets import OutboundError
from portal.foundation.outbound_http import Egress
from portal.foundation.settings import Settings
from tests.infra.tls import Authority, Certificate

HOST = "login.acme.example"
Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """A provider on loopback that answers as it is told and counts."""

    def __init__(self, certificate: Certificate | None) -> None:
        self.answer: Answer = as_json({"issuer": "x"})
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.connections = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                outer.connections += 1
                super().setup()

            def do_GET(self) -> None:
                outer.requests.append(self.path)
                outer.headers.append(dict(self.headers.items()))
                outer.answer(self)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.do_GET()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = _Quiet(("127.0.0.1", 0), Handler)
        if certificate is not None:
            context = certificate.server_context()
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that breaks off is what these tests are about."""


def as_json(value: object) -> Answer:
    """Answer with this as JSON."""
    return raw(json.dumps(value).encode())


def raw(body: bytes, status: int = 200, **headers: str) -> Answer:
    """Answer with these bytes; an underscore in a header stands for a hyphen."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def settings(authority: Authority | None = None, **values: object) -> Settings:
    """Settings of a production portal."""
    return Settings.checked(
        public_url="https://guests.northwind.example",
        secret_keys="fzQ7x2Lk9mVb4Rt1Yp8Wc3Nd6Hs5Jg0A",
        ca_file=str(authority.file) if authority else "",
        **values,
    )


def url(server: Server, path: str = "/") -> str:
    """The address of a server, by its name."""
    return f"https://{HOST}:{server.port}{path}"


def refused(egress: Egress, address: str) -> str:
    """The code under which an address is refused."""
    with pytest.raises(OutboundError) as caught:
        egress.fetch_json(address)
    return caught.value.code
