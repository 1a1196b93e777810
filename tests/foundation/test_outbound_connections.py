"""How the egress client connects: pools, proxies, addresses, and nothing of the environment."""

import gzip
import os
import socket
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from portal.foundation import egress_sockets
from portal.foundation.addresses import Owner
from portal.foundation.outbound_http import MOST_SECONDS, Egress
from tests.foundation.serving import HOST, as_json, raw, refused, settings, url


def test_the_environment_counts_for_nothing(server, egress, monkeypatch, tmp_path: Path):
    """Neither proxies nor CA bundles nor a netrc of the environment."""
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine {HOST} login a password b\n")
    netrc.chmod(0o600)
    for name, value in {
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
        "REQUESTS_CA_BUNDLE": os.devnull,
        "SSL_CERT_FILE": os.devnull,
        "NETRC": str(netrc),
    }.items():
        monkeypatch.setenv(name, value)
    assert egress.fetch_json(url(server)) == {"issuer": "x"}
    assert "Authorization" not in server.headers[0]


def test_one_pool_serves_all(server, egress):
    """Twenty requests of both kinds share one connection and one TLS context."""
    for _ in range(10):
        assert egress.fetch_json(url(server)) == {"issuer": "x"}
    server.answer = as_json({"access_token": "t", "token_type": "Bearer"})
    for _ in range(10):
        answer = egress.post(url(server, "/token"), Owner.PARTNER, {}, "code=c")
        assert answer.object() == {"access_token": "t", "token_type": "Bearer"}
    assert server.connections == 1
    assert len(server.requests) == 20


def test_a_body_in_chunks_and_a_small_gzip_are_read(server, egress):
    """What real servers send."""
    server.answer = raw(gzip.compress(b'{"a": 1}'), Content_Encoding="gzip")
    assert egress.fetch_json(url(server)) == {"a": 1}

    def chunked(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        handler.wfile.write(b'4\r\n{"a"\r\n4\r\n: 2}\r\n0\r\n\r\n')

    server.answer = chunked
    assert egress.fetch_json(url(server)) == {"a": 2}


def test_a_server_that_is_not_there(egress, authority):
    """Nobody listens: unreachable, and at once."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    gone = Egress(
        settings(authority, egress_private_hosts=f"{HOST}:{port}"), lambda *_: ["127.0.0.1"]
    )
    assert refused(gone, f"https://{HOST}:{port}/") == "net.unreachable"


def test_every_public_address_is_tried(server, authority):
    """The first address of a name may be dead."""
    egress = Egress(
        settings(authority, egress_private_hosts=f"{HOST}:{server.port}"),
        lambda *_: ["127.0.0.9", "127.0.0.1"],
    )
    assert egress.fetch_json(url(server)) == {"issuer": "x"}


def test_an_address_that_does_not_answer_leaves_time_for_the_others(server, authority, monkeypatch):
    """Where one way to a provider is broken, as IPv6 often is, people come in by the other."""
    patience = []

    class Silent(egress_sockets._Socket):
        def connect(self, address):
            patience.append(self.gettimeout())
            if address[0] == "127.0.0.2":
                raise TimeoutError
            super().connect(address)

    monkeypatch.setattr(egress_sockets, "_Socket", Silent)
    private = f"{HOST}:{server.port}"
    egress = Egress(
        settings(authority, egress_private_hosts=private),
        lambda *_: ["127.0.0.2"] * 9 + ["127.0.0.1"],
    )
    assert egress.fetch_json(url(server)) == {"issuer": "x"}
    assert patience[:6] == [1.0] * 6  # whoever is far away needs that much
    assert patience[-2] <= MOST_SECONDS / 2
    assert len(patience) == 10
    egress.close()


def test_a_connect_proxy_carries_partners_only(server, authority):
    """The proxy is told the host by CONNECT; what the operator named is reached directly."""
    lines: list[bytes] = []

    def proxy(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, socket.create_connection(("127.0.0.1", server.port)) as behind:
            lines.append(connection.recv(4096))
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=_copy, args=(behind, connection))
            back.start()
            _copy(connection, behind)
            back.join()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=proxy, args=(listener,))
        thread.start()
        port = listener.getsockname()[1]
        egress = Egress(
            settings(authority, egress_proxy=f"http://u:p@127.0.0.1:{port}"),
            lambda *_: ["127.0.0.1"],
        )
        assert egress.fetch_json(f"https://{HOST}/") == {"issuer": "x"}
        assert refused(egress, "https://10.0.0.1/") == "net.blocked"
        assert egress.fetch_json(url(server), owner=Owner.HOST) == {"issuer": "x"}
        egress.close()
        thread.join()
    assert lines[0].startswith(f"CONNECT {HOST}:443 ".encode())
    assert b"Proxy-Authorization: Basic" in lines[0].replace(b"proxy-auth", b"Proxy-Auth")
    assert lines[0].count(b"CONNECT") == 1


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(4096):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return
