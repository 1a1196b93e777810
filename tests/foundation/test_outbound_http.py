"""The egress client against servers that misbehave (cases, part 7)."""

import gzip
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from portal.foundation import outbound_http
from portal.foundation.addresses import Owner
from portal.foundation.egress_sockets import OutboundError
from portal.foundation.outbound_http import Egress
from tests.foundation.serving import HOST, Answer, as_json, raw, refused, settings, url
from tests.infra import tls
from tests.infra.tls import Authority, Certificate

BLOCKED = [
    "http://login.acme.example/",
    "http://127.0.0.1/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.0x1/",
    "https://169.254.43518/",
    "https://%31%32%37.0.0.1/",
    "https://login.acme.example%2eevil.example/",
    "https://login..acme.example/",
    "https://localhost/",
    "https://idp.localhost/",
    "https://10.0.0.1/",
    "https://172.16.3.4/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://metadata.google.internal/",
    "https://idp.acme.local/",
    "https://vault.default.svc.cluster.local./",
    "https://router.home.arpa/",
    "https://idp.corp/",
    "https://intranet/",
    "https://0.0.0.0/",
    "https://[::1]/",
    "https://[::]/",
    "https://[fd00::8]/",
    "https://[fe80::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[64:ff9b::a00:1]/",
    "https://[2002:a00:1::]/",
    "https://[64:ff9b:1::a00:1]/",
    "https://[fec0::8]/",
    "https://[3fff::8]/",
    "https://[4000::8]/",
    "https://192.0.0.192/opc/v1/",
    "https://192.88.99.1/",
    "https://168.63.129.16/",
    "https://224.0.0.1/",
    "file:///etc/passwd",
    "gopher://login.acme.example/",
    "ftp://login.acme.example/",
    "https://user@login.acme.example/",
    "https://user:secret@login.acme.example/",
    "https://login.acme.example:22/",
    "https://login.acme.example:6379/",
    "https://login.acme.example:99999/",
    "https://login.acme.example\\@10.0.0.1/",
    "https://login.\u0430cme.example/",
    "https:///nohost",
    "https://login.acme.example/\r\nHost: x",
    "login.acme.example",
    "",
    "https://login.acme.example/" + "a" * 2048,
]


@pytest.mark.parametrize("address", BLOCKED)
def test_f01_nothing_is_fetched_from_inside(address, monkeypatch):
    """An address inside, another scheme, a user name or an odd port: no connection is tried."""
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("connected"))
    egress = Egress(settings(), lambda *_: ["127.0.0.1"])
    assert refused(egress, address) == "net.blocked"


@pytest.mark.parametrize("address", BLOCKED)
def test_f01_it_is_refused_when_it_is_configured(address):
    """What can be seen in the address alone is seen without the network."""
    egress = Egress(settings(), lambda *_: pytest.fail("asked the network"))
    with pytest.raises(OutboundError, match=r"net\.blocked"):
        egress.check_url(address)


@pytest.mark.parametrize(
    "answers",
    [
        ["10.0.0.8"],
        ["93.184.215.14", "10.0.0.8"],
        ["::1"],
        ["fd00::1"],
        ["fec0::1"],
        ["169.254.169.254"],
    ],
)
def test_f01_a_name_that_leads_inside_is_refused_at_each_fetch(answers, monkeypatch):
    """One private address among several is enough: the name is not what it says."""
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("connected"))
    egress = Egress(settings(), lambda *_: answers)
    egress.check_url(f"https://{HOST}/")
    assert refused(egress, f"https://{HOST}/") == "net.blocked"


def test_f01_the_name_is_resolved_once(monkeypatch):
    """The connection goes to the address that was looked at (no second answer to rebind to)."""
    connected: list[object] = []

    def connect(_: socket.socket, address: object) -> None:
        connected.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    answers = iter([["93.184.215.14"], ["127.0.0.1"]])
    egress = Egress(settings(), lambda *_: next(answers))
    assert refused(egress, f"https://{HOST}/") == "net.unreachable"
    assert connected == [("93.184.215.14", 443)]


@pytest.mark.parametrize(
    "answer",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "fe80::1",
        "fe80::1%eth0",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fd00:42::42",
    ],
)
def test_f01_metadata_services_stay_shut_for_everybody(answer, monkeypatch):
    """Neither the operator's list nor the host's own provider opens them, however written."""
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("connected"))
    named = Egress(settings(egress_private_hosts="meta.example"), lambda *_: [answer])
    for owner in Owner:
        with pytest.raises(OutboundError, match=r"net\.blocked"):
            named.fetch_json("https://meta.example/", owner=owner)


def test_the_hosts_own_provider_may_be_private(server, authority):
    """The operator's own provider stands where it stands; a partner's may not."""
    egress = Egress(settings(authority), lambda *_: ["127.0.0.1"])
    assert egress.fetch_json(url(server), owner=Owner.HOST) == {"issuer": "x"}
    assert refused(egress, url(server)) == "net.blocked"


def test_development_opens_loopback_alone(serve):
    """In development http on loopback works; a private address still does not."""
    plain = serve(None)
    egress = Egress(
        settings(env="development"),
        lambda host, _: ["10.0.0.1"] if host == "inside.acme.example" else ["127.0.0.1"],
    )
    assert egress.fetch_json(f"http://127.0.0.1:{plain.port}/") == {"issuer": "x"}
    assert egress.fetch_json(f"http://acme.localhost:{plain.port}/") == {"issuer": "x"}
    assert refused(egress, "https://inside.acme.example/") == "net.blocked"
    assert refused(egress, "http://inside.acme.example/") == "net.blocked"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "to", ["https://169.254.169.254/", "http://login.acme.example/", "https://other.example/", "/b"]
)
def test_f03_redirects_are_not_followed(status, to, server, egress):
    """Wherever it leads: one request, and what was secret stays here."""
    server.answer = raw(b"", status, Location=to)
    with pytest.raises(OutboundError, match=r"net\.redirect"):
        egress.post(url(server), Owner.PARTNER, {"Authorization": "Basic abc"}, "code=c")
    assert len(server.requests) == 1


def _drip(pause: float, head: bytes) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(head)
        for _ in range(100):
            handler.wfile.write(b"a")
            time.sleep(pause)

    return answer


BOMB = gzip.compress(b"[" + b"0," * 25_000_000 + b"0]", 1)
TOO_MUCH = {
    "500": raw(b"{}", 500),
    "503": raw(b"<html>down</html>", 503),
    "html": raw(b"<!doctype html><title>Sign in</title>", Content_Type="text/html"),
    "list": raw(b"[]"),
    "deep": raw(b"[" * 100_000 + b"]" * 100_000),
    "2 MB": raw(b'{"keys": "' + b"a" * 2_000_000 + b'"}'),
    "gzip bomb": raw(BOMB, Content_Encoding="gzip"),
    "not gzip": raw(b"{}", Content_Encoding="gzip"),
    "brotli": raw(b"{}", Content_Encoding="br"),
    "10k keys": as_json({"keys": [{"kty": "RSA", "kid": "k", "n": "A" * 342}] * 10_000}),
}


@pytest.mark.parametrize("kind", TOO_MUCH)
def test_f06_an_answer_outside_the_limits(kind, server, egress):
    """Too big, packed too tight or not JSON: named and left, whatever the status says."""
    server.answer = TOO_MUCH[kind]
    began = time.monotonic()
    words = "more than 1 MB" if kind in {"2 MB", "gzip bomb", "10k keys"} else "answered"
    with pytest.raises(OutboundError, match=rf"net\.limit: .*{words}"):
        egress.fetch_json(url(server))
    assert time.monotonic() - began < outbound_http.MOST_SECONDS


_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
BROKEN = {
    "a chunk of less than nothing": _CHUNKED + b"-5\r\n{}\r\n0\r\n\r\n",
    "a chunk of no number": _CHUNKED + b"zz\r\n",
    "a chunk that never comes": _CHUNKED + b"FFFFFFFFFFFFFFF\r\n{",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 9\r\n\r\n{}",
    "too short": b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{}",
    "no status": b"HTTP/1.1 abc\r\n\r\n",
    "no HTTP": b"{}",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_f06_an_answer_that_is_no_http(kind, server, egress):
    """Whatever a server says is a refusal under its reason, and no error of the portal."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(BROKEN[kind])
        handler.close_connection = True

    server.answer = answer
    assert refused(egress, url(server)) == "net.unreachable"


@pytest.mark.parametrize(
    "head",
    [b"", b"HTTP/1.1 200 OK\r\nX-A: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"],
    ids=["status", "header", "body"],
)
def test_f06_a_server_that_drips(head, server, egress, monkeypatch):
    """The whole fetch has one deadline, however lively the server seems."""
    monkeypatch.setattr(outbound_http, "MOST_SECONDS", 0.5)
    server.answer = _drip(0.05, head)
    began = time.monotonic()
    assert refused(egress, url(server)) == "net.limit"
    assert 0.4 < time.monotonic() - began < 4  # it drips for five seconds


def test_f06_a_handshake_that_never_ends(serve, authority, monkeypatch):
    """A server that accepts and says nothing."""
    monkeypatch.setattr(outbound_http, "MOST_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        private = f"{HOST}:{port}"
        egress = Egress(settings(authority, egress_private_hosts=private), lambda *_: ["127.0.0.1"])
        assert refused(egress, f"https://{HOST}:{port}/") in {"net.limit", "net.timeout"}


def test_f06_a_resolver_that_hangs(monkeypatch):
    """Finding the name is part of the time."""
    monkeypatch.setattr(outbound_http, "MOST_SECONDS", 0.2)
    release = threading.Event()
    egress = Egress(settings(), lambda *_: [str(release.wait(5))])
    assert refused(egress, f"https://{HOST}/") == "net.timeout"
    release.set()


def test_f06_one_slow_provider_does_not_take_all_places(server, egress, monkeypatch):
    """Beyond its places a slow provider's requests are turned away; another one's go through."""
    monkeypatch.setattr(outbound_http, "MOST_WAIT", 0.1)
    release = threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        release.wait(4)
        as_json({})(handler)

    server.answer = slow
    threads = [
        threading.Thread(target=egress.fetch_json, args=(url(server),))
        for _ in range(outbound_http.MOST_AT_ONCE)
    ]
    for thread in threads:
        thread.start()
    while len(server.requests) < outbound_http.MOST_AT_ONCE:
        time.sleep(0.01)
    assert refused(egress, url(server)) == "net.limit"
    release.set()
    for thread in threads:
        thread.join()
    assert egress.fetch_json(url(server)) == {}


def _expired(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Certificate:
    """A certificate that was issued when there was time for it."""

    class Earlier(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) - timedelta(days=60)

    with monkeypatch.context() as patched:
        patched.setattr(tls, "datetime", Earlier)
        return authority.issue(HOST)


def _self_signed(folder: Path) -> Certificate:
    """A certificate that nobody vouches for but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = Certificate(folder / "self.pem", folder / "self.key")
    files.certificate.write_bytes(built.public_bytes(Encoding.PEM))
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


@pytest.mark.parametrize("wrong", ["expired", "self-signed", "other host", "other authority"])
def test_f09_certificates_are_verified(wrong, serve, authority, tmp_path, monkeypatch):
    """There is no switch."""
    certificate = {
        "expired": lambda: _expired(authority, monkeypatch),
        "self-signed": lambda: _self_signed(tmp_path),
        "other host": lambda: authority.issue("login.globex.example"),
        "other authority": lambda: Authority(tmp_path).issue(HOST),
    }[wrong]()
    server = serve(certificate)
    private = f"{HOST}:{server.port}"
    egress = Egress(settings(authority, egress_private_hosts=private), lambda *_: ["127.0.0.1"])
    with pytest.raises(OutboundError, match=r"net\.tls"):
        egress.fetch_json(url(server))
    assert server.requests == []
