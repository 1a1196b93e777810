"""The conversation with real mail servers: encrypted ones, strict ones, broken ones."""

import signal
import socket
import threading
import time
from contextlib import ExitStack, contextmanager

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from portal.delivery import smtp
from portal.delivery.mail import compose
from portal.delivery.smtp import Postbox, Undeliverable
from portal.foundation.queues import TimeUp
from portal.foundation.settings import Settings
from tests.conftest import PUBLIC_URL
from tests.delivery.samples import claimed
from tests.infra.mailbox import Mailbox
from tests.infra.ports import free_port

PASSWORD = "p@ss/w:rd"
ENCODED = "p%40ss%2Fw%3Ard"


@pytest.fixture
def certificate(authority):
    """What the mail server shows of itself."""
    return authority.issue("127.0.0.1")


class Tls(Controller):
    """A server that speaks TLS from the first byte."""

    def __init__(self, handler, context, **options):
        super().__init__(handler, **options)
        self._context = context

    def _create_server(self):
        return self.loop.create_server(
            self._factory_invoker, host=self.hostname, port=self.port, ssl=self._context
        )


@pytest.fixture
def serve():
    """Run mail servers, with the options of aiosmtpd."""
    with ExitStack() as stack:

        def start(*, implicit=None, handler=None, **options):
            port = free_port()
            mailbox = handler or Mailbox(port)
            mailbox.port = port
            where = {"hostname": "127.0.0.1", "port": port}
            controller = (
                Tls(mailbox, implicit, **where, **options)
                if implicit
                else Controller(mailbox, **where, **options)
            )
            controller.start()
            stack.callback(controller.stop)
            return mailbox

        yield start


def right_password(server, session, envelope, mechanism, data):
    """Accept one user."""
    right = data.login == b"portal" and data.password == PASSWORD.encode()
    return AuthResult(success=right, handled=False)


def settings_for(url, **more):
    """Settings of a portal with this mail server."""
    return Settings.checked(
        None,
        env="development",
        public_url=PUBLIC_URL,
        secret_keys=("Zx9-kQ3vB7nM1pL5tR8wY2cF6hJ4dG0s",),
        smtp_url=url,
        **more,
    )


def send(settings, to="ada@acme.example", count=1):
    """Send mails over one connection."""
    with Postbox(settings) as postbox:
        for _ in range(count):
            postbox.send(compose(settings, claimed("guest.lapsed", to=to)))


def refusal(settings, **options):
    """Send, and return why it failed."""
    with pytest.raises(Undeliverable) as failed:
        send(settings, **options)
    assert "\n" not in failed.value.message
    return failed.value


def test_one_connection_for_a_batch(serve):
    """A drain says hello once."""
    hellos = []

    class Counting(Mailbox):
        async def handle_EHLO(self, _server, session, _envelope, hostname, responses):  # noqa: N802
            session.host_name = hostname
            hellos.append(hostname)
            return responses

    mailbox = serve(handler=Counting(0))
    send(settings_for(f"smtp://127.0.0.1:{mailbox.port}"), count=3)
    assert len(mailbox.messages) == 3
    assert hellos == ["guests.host.example"]


def test_a_password_goes_through_tls(serve, certificate, authority):
    """STARTTLS first, checked against the authorities; the password may hold any character."""
    mailbox = serve(
        tls_context=certificate.server_context(),
        authenticator=right_password,
        auth_required=True,
        auth_require_tls=True,
    )
    url = f"smtp://portal:{ENCODED}@127.0.0.1:{mailbox.port}"
    send(settings_for(url, ca_file=str(authority.file)))
    assert len(mailbox.messages) == 1


def test_a_password_is_not_told_to_an_unknown_server(serve, certificate):
    """Its certificate is from nobody we trust: the password stays with us."""
    asked = []

    def authenticator(*args):
        asked.append(args)
        return AuthResult(success=True)

    mailbox = serve(tls_context=certificate.server_context(), authenticator=authenticator)
    failed = refusal(settings_for(f"smtp://portal:{ENCODED}@127.0.0.1:{mailbox.port}"))
    assert (failed.code, failed.server, failed.refused) == ("mail.unreachable", True, False)
    assert "CERTIFICATE_VERIFY_FAILED" in failed.message
    assert asked == []
    assert mailbox.messages == []


def test_a_password_is_not_sent_in_clear(serve):
    """A server without encryption, or somebody in between who hides it, gets no password."""
    mailbox = serve(authenticator=right_password, auth_require_tls=False)
    failed = refusal(settings_for(f"smtp://portal:{ENCODED}@127.0.0.1:{mailbox.port}"))
    assert failed.code == "mail.unreachable"
    assert "no encryption" in failed.message
    assert mailbox.messages == []


def test_a_wrong_password_is_our_own_fault(serve, certificate, authority):
    """No mail is to blame: all of them wait, and an admin reads why."""
    mailbox = serve(tls_context=certificate.server_context(), authenticator=right_password)
    url = f"smtp://portal:wrong@127.0.0.1:{mailbox.port}"
    failed = refusal(settings_for(url, ca_file=str(authority.file)))
    assert (failed.code, failed.server, failed.refused) == ("mail.auth", True, False)
    assert "wrong" not in failed.message


def test_without_a_password_any_encryption_is_better_than_none(serve, certificate):
    """A relay with a home-made certificate: encrypted all the same."""
    seen = []

    class Watching(Mailbox):
        async def handle_DATA(self, server: SMTP, session, envelope):  # noqa: N802
            seen.append(session.ssl is not None)
            return await super().handle_DATA(server, session, envelope)

    mailbox = serve(handler=Watching(0), tls_context=certificate.server_context())
    send(settings_for(f"smtp://127.0.0.1:{mailbox.port}"))
    assert seen == [True]


def test_smtps(serve, certificate, authority):
    """TLS from the first byte, and checked, password or not."""
    mailbox = serve(implicit=certificate.server_context())
    url = f"smtps://127.0.0.1:{mailbox.port}"
    send(settings_for(url, ca_file=str(authority.file)))
    assert len(mailbox.messages) == 1
    assert refusal(settings_for(url)).code == "mail.unreachable"


@pytest.mark.parametrize(
    ("answer", "code", "refused"),
    [
        ("550 no such user", "mail.refused", True),
        ("450 greylisted", "mail.later", False),
        ("553 not here", "mail.refused", True),
    ],
)
def test_a_recipient_that_is_not_taken(serve, answer, code, refused):
    """Later and never are told apart; the next mail goes over the same connection."""

    class Picky(Mailbox):
        async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802
            if address.startswith("nobody"):
                return answer
            envelope.rcpt_tos.append(address)
            return "250 OK"

    mailbox = serve(handler=Picky(0))
    settings = settings_for(f"smtp://127.0.0.1:{mailbox.port}")
    with Postbox(settings) as postbox:
        with pytest.raises(Undeliverable) as failed:
            postbox.send(compose(settings, claimed("guest.lapsed", to="nobody@acme.example")))
        postbox.send(compose(settings, claimed("guest.lapsed", to="ada@acme.example")))
    assert (failed.value.code, failed.value.refused, failed.value.server) == (code, refused, False)
    assert answer in failed.value.message
    assert len(mailbox.messages) == 1


def test_a_sender_that_is_not_taken_is_our_own_fault(serve):
    """PORTAL_MAIL_FROM is wrong: all mails wait."""

    class Strict(Mailbox):
        async def handle_MAIL(self, _server, _session, _envelope, _address, _options):  # noqa: N802
            return "553 not your address"

    mailbox = serve(handler=Strict(0))
    failed = refusal(settings_for(f"smtp://127.0.0.1:{mailbox.port}"))
    assert (failed.code, failed.server, failed.refused) == ("mail.sender", True, False)
    assert "no-reply@guests.host.example: 553 not your address" in failed.message


def test_an_address_with_letters_of_the_world(serve):
    """RFC 6531 where the server can, a clear refusal where it cannot."""
    able = serve(enable_SMTPUTF8=True)
    send(settings_for(f"smtp://127.0.0.1:{able.port}"), to="jürgen@acme.example")
    assert str(able.messages[0]["To"]) == "jürgen@acme.example"
    unable = serve(enable_SMTPUTF8=False)
    failed = refusal(settings_for(f"smtp://127.0.0.1:{unable.port}"), to="jürgen@acme.example")
    assert (failed.code, failed.refused) == ("mail.refused", True)


@contextmanager
def rude_server(*lines: bytes, silent: bool = False):
    """A server that says *lines*, whatever it hears, and hangs up or falls silent."""
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def talk():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                for line in lines:
                    connection.sendall(line)
                    connection.recv(4096)
                if silent:
                    done.wait(10)

    thread = threading.Thread(target=talk, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    done.set()
    listener.shutdown(socket.SHUT_RDWR)  # wakes the one who accepts
    listener.close()
    thread.join(5)


@pytest.mark.parametrize(
    ("lines", "server"),
    [
        pytest.param((), True, id="hangs up at once"),
        pytest.param((b"HTTP/1.1 400 Bad Request\r\n",), True, id="is no mail server"),
        pytest.param((b"554 go away\r\n",), True, id="does not want us"),
        pytest.param((b"421 too busy\r\n",), True, id="too busy"),
        pytest.param((b"220 hi\r\n", b"250 ok\r\n"), False, id="hangs up in between"),
    ],
)
def test_a_broken_server(lines, server):
    """Whatever it does, the mail waits."""
    with rude_server(*lines) as port:
        failed = refusal(settings_for(f"smtp://127.0.0.1:{port}"))
    assert (failed.code, failed.server, failed.refused) == ("mail.unreachable", server, False)


@pytest.mark.parametrize(
    "lines", [(), (b"220 hi\r\n", b"250 ok\r\n")], ids=["from the start", "in between"]
)
def test_a_silent_server(lines, monkeypatch):
    """It does not hold the drain for ever."""
    monkeypatch.setattr(smtp, "CONNECT_TIMEOUT", 0.3)
    monkeypatch.setattr(smtp, "ANSWER_TIMEOUT", 0.3)
    with rude_server(*lines, silent=True) as port:
        failed = refusal(settings_for(f"smtp://127.0.0.1:{port}"))
    assert failed.code == "mail.unreachable"
    assert not failed.refused


def test_j16_a_silent_server_is_left_when_the_time_of_the_job_is_up():
    """Nobody waits for the answer to a farewell."""

    def alarm(*_):
        raise TimeUp("Task exceeded maximum timeout value")

    before = signal.signal(signal.SIGALRM, alarm)
    with rude_server(b"220 hi\r\n", b"250 ok\r\n", silent=True) as port:
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        began = time.monotonic()
        try:
            with pytest.raises(TimeUp):
                send(settings_for(f"smtp://127.0.0.1:{port}"))
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert time.monotonic() - began < 8  # it is silent for ten


def test_after_a_broken_connection_comes_a_new_one(serve):
    """A mail that makes the server hang up takes no other with it."""

    class Moody(Mailbox):
        async def handle_DATA(self, server, session, envelope):  # noqa: N802
            if envelope.rcpt_tos[0].startswith("poison"):
                server.transport.abort()
                return "250 OK"
            return await super().handle_DATA(server, session, envelope)

    mailbox = serve(handler=Moody(0))
    settings = settings_for(f"smtp://127.0.0.1:{mailbox.port}")
    with Postbox(settings) as postbox:
        with pytest.raises(Undeliverable) as failed:
            postbox.send(compose(settings, claimed("guest.lapsed", to="poison@acme.example")))
        postbox.send(compose(settings, claimed("guest.lapsed", to="ada@acme.example")))
    assert (failed.value.code, failed.value.server) == ("mail.unreachable", False)
    assert len(mailbox.messages) == 1
