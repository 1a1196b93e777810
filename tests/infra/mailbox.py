"""A mail server that keeps what it is given."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.infra.ports import free_port


class Mailbox:
    """What arrived, oldest first.

    Attributes:
        messages: every message, parsed.
        refuse_with: an SMTP answer such as ``451 later`` makes the server refuse what comes.
        url: for ``PORTAL_SMTP_URL``.
    """

    def __init__(self, port: int) -> None:
        """Begin empty."""
        self.messages: list[EmailMessage] = []
        self.refuse_with: str | None = None
        self.url = f"smtp://127.0.0.1:{port}"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd calls it so
        """Keep one message."""
        if self.refuse_with:
            return self.refuse_with
        content = cast("bytes", envelope.original_content)
        # Parsed by the modern policy the result is an EmailMessage, whatever the stubs say.
        self.messages.append(
            cast("EmailMessage", message_from_bytes(content, policy=policy.default))
        )
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        """Return what arrived for one address."""
        return [message for message in self.messages if address in str(message["To"])]

    def wait_for(self, address: str, *, count: int = 1, seconds: float = 60) -> list[EmailMessage]:
        """Return the messages for an address once there are *count* of them."""
        deadline = time.monotonic() + seconds
        while len(found := self.to(address)) < count:
            if time.monotonic() > deadline:
                others = [(str(one["To"]), str(one["Subject"])) for one in self.messages]
                raise AssertionError(f"{len(found)} of {count} mails for {address}; all: {others}")
            time.sleep(0.05)
        return found

    def clear(self) -> None:
        """Forget everything, refusals too."""
        self.messages.clear()
        self.refuse_with = None


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    """Return the text part (``plain``) or the other one (``html``) of a message."""
    part = message.get_body(preferencelist=(kind,))
    assert part is not None, f"no {kind} part"
    return str(part.get_content()).replace("\r\n", "\n")


@contextmanager
def running_mailbox() -> Iterator[Mailbox]:
    """Run a mail server on loopback, in a thread of its own."""
    port = free_port()
    mailbox = Mailbox(port)
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield mailbox
    finally:
        controller.stop()
