"""A mail server that delivers nothing and shows everything: SMTP in, a page to read it out.

The page lists what came; each message shows its text, and its HTML in a sandboxed frame.
``/messages.json`` gives the same to scripts.
"""

import email
import email.policy
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self

import flask
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from markupsafe import Markup, escape

from demo.serving import Served, serve
from demo.waiting import free_port

# What an HTML part may do: be looked at, and lead to another page when clicked.
_FRAME_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation"
)
_LINK = re.compile(r"https?://[^\s<>\"']+")


@dataclass(frozen=True, slots=True)
class Mail:
    """A message as it arrived: *recipients* are the envelope's, *sent_at* is its Date in UTC."""

    id: int
    received_at: str
    sent_at: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    html: str | None
    raw: str

    def links(self) -> list[str]:
        """Return the addresses in the text part, in order."""
        return [link.rstrip(".,;)") for link in _LINK.findall(self.text)]

    def as_dict(self) -> dict[str, Any]:
        """Return what ``/messages.json`` gives."""
        return {key: value for key, value in asdict(self).items() if key != "raw"} | {
            "links": self.links()
        }


@dataclass(slots=True)
class Mailbox:
    """The messages, in memory and, with a directory, on disk as ``.json`` for the next start."""

    directory: Path | None = None
    mails: list[Mail] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def load(self) -> None:
        """Read what an earlier run kept."""
        if self.directory is None:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        for path in sorted(self.directory.glob("*.json")):
            kept = json.loads(path.read_text())
            self.mails.append(Mail(**{**kept, "recipients": tuple(kept["recipients"])}))

    def add(self, content: bytes, sender: str, recipients: list[str]) -> None:
        """Keep a message and wake whoever waits for one."""
        message = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        received_at = datetime.now(UTC)
        with self.arrived:
            mail = Mail(
                id=self.mails[-1].id + 1 if self.mails else 1,
                received_at=received_at.isoformat(timespec="seconds"),
                sent_at=_sent_at(message, received_at).isoformat(timespec="seconds"),
                sender=sender,
                recipients=tuple(recipients),
                subject=str(message.get("Subject", "")),
                text=_part(message, "plain") or "",
                html=_part(message, "html"),
                raw=content.decode(errors="replace"),
            )
            self.mails.append(mail)
            if self.directory is not None:
                (self.directory / f"{mail.id:06}.json").write_text(json.dumps(asdict(mail)))
            self.arrived.notify_all()

    def find(self, to: str | None = None, subject: str | None = None) -> list[Mail]:
        """Return the messages to an address and with words in the subject, oldest first."""
        with self.arrived:
            return [
                mail
                for mail in self.mails
                if (to is None or to in mail.recipients)
                and (subject is None or subject.lower() in mail.subject.lower())
            ]


@dataclass(slots=True)
class RunningMailSink:
    """A sink that receives; `stop` ends it."""

    smtp_url: str
    url: str
    mailbox: Mailbox
    controller: Controller
    served: Served

    def messages(self, to: str | None = None, subject: str | None = None) -> list[Mail]:
        """Return the messages to an address and with words in the subject, oldest first."""
        return self.mailbox.find(to, subject)

    def wait_for(
        self, to: str | None = None, subject: str | None = None, timeout: float = 10
    ) -> Mail:
        """Return the newest such message, once there is one.

        Raises:
            TimeoutError: none came within *timeout* seconds; says what came instead.
        """
        deadline = time.monotonic() + timeout
        while True:
            if found := self.messages(to, subject):
                return found[-1]
            left = deadline - time.monotonic()
            with self.mailbox.arrived:
                if left <= 0:
                    came = [(mail.recipients, mail.subject) for mail in self.mailbox.mails]
                    raise TimeoutError(f"no mail to {to} about {subject}; there are {came}")
                self.mailbox.arrived.wait(min(left, 0.2))

    def clear(self) -> None:
        """Forget every message."""
        with self.mailbox.arrived:
            self.mailbox.mails.clear()

    def stop(self) -> None:
        """Stop both servers."""
        self.controller.stop()
        self.served.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Handler:
    """What aiosmtpd calls when a message is complete."""

    def __init__(self, receive: Callable[[bytes, str, list[str]], None]) -> None:
        self.receive = receive

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        self.receive(content, envelope.mail_from or "", list(envelope.rcpt_tos))
        return "250 Message kept"


def start_mail_sink(
    smtp_port: int = 0,
    http_port: int = 0,
    *,
    host: str = "127.0.0.1",
    directory: Path | None = None,
) -> RunningMailSink:
    """Start the sink; it receives when this returns. Port 0 takes a free one.

    Args:
        smtp_port: where it takes mail.
        http_port: where its page is.
        host: a loopback address.
        directory: keeps the messages for the next start.
    """
    mailbox = Mailbox(directory)
    mailbox.load()
    smtp_port = smtp_port or free_port(host)
    controller = Controller(
        _Handler(mailbox.add), hostname=host, port=smtp_port, enable_SMTPUTF8=True
    )
    controller.start()
    served = serve(_make_app(mailbox), host, http_port)
    return RunningMailSink(f"smtp://{host}:{smtp_port}", served.url, mailbox, controller, served)


def _sent_at(message: EmailMessage, received_at: datetime) -> datetime:
    """Return the Date of a message in UTC, or when it arrived if it says none."""
    said = getattr(message["Date"], "datetime", None)
    return said.astimezone(UTC) if isinstance(said, datetime) else received_at


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    return None if part is None else str(part.get_content())


def _make_app(mailbox: Mailbox) -> flask.Flask:
    app = flask.Flask(__name__)

    @app.get("/")
    def index() -> str:
        to = flask.request.args.get("to") or None
        # By its Date, and not by when it came: what the demo sends of the past belongs there.
        mails = sorted(mailbox.find(to), key=lambda mail: (mail.sent_at, mail.id), reverse=True)
        return flask.render_template_string(_INDEX, mails=mails, to=to, style=Markup(_STYLE))

    @app.get("/messages.json")
    def messages() -> flask.Response:
        to = flask.request.args.get("to") or None
        return flask.jsonify([mail.as_dict() for mail in mailbox.find(to)])

    @app.get("/messages/<int:number>")
    def message(number: int) -> str:
        mail = _mail_or_404(mailbox, number)
        return flask.render_template_string(
            _MESSAGE, mail=mail, text=_linked(mail.text), style=Markup(_STYLE)
        )

    @app.get("/messages/<int:number>/html")
    def html_part(number: int) -> flask.Response:
        mail = _mail_or_404(mailbox, number)
        if mail.html is None:
            flask.abort(404)
        # A link shall leave the frame.
        response = flask.Response('<base target="_top">' + mail.html)
        response.headers["Content-Security-Policy"] = _FRAME_POLICY
        return response

    @app.get("/messages/<int:number>/raw")
    def raw(number: int) -> flask.Response:
        return flask.Response(_mail_or_404(mailbox, number).raw, mimetype="text/plain")

    return app


def _mail_or_404(mailbox: Mailbox, number: int) -> Mail:
    found = next((mail for mail in mailbox.find() if mail.id == number), None)
    return found if found is not None else flask.abort(404)


def _linked(text: str) -> Markup:
    parts: list[Markup] = []
    position = 0
    for match in _LINK.finditer(text):
        link = match.group().rstrip(".,;)")
        parts.append(escape(text[position : match.start()]))
        parts.append(Markup('<a href="{0}">{0}</a>').format(link))
        position = match.start() + len(link)
    parts.append(escape(text[position:]))
    return Markup("").join(parts)


_STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0; background: #f6f8fb; color: #182433; }
main { max-width: 60rem; margin: 1.5rem auto; padding: 0 1rem; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; background: #fff; }
th, td { text-align: left; padding: .5rem .75rem; border-bottom: 1px solid #dce1e7;
  vertical-align: top; }
a { color: #054f96; } dt { font-weight: 600; } dd { margin: 0 0 .3rem; }
pre { white-space: pre-wrap; background: #fff; border: 1px solid #dce1e7; padding: 1rem; }
iframe { width: 100%; height: 36rem; border: 1px solid #dce1e7; background: #fff; }
"""

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{% block title %}Mail{% endblock %}</title>
<style>{{ style }}</style>
"""

_INDEX = (
    _HEAD
    + """<meta http-equiv="refresh" content="5">
</head>
<body><main>
<h1>Mail</h1>
{% if to %}<p>To {{ to }}. <a href="/">Show all</a></p>{% endif %}
{% if mails %}
<table>
<thead><tr><th>Sent (UTC)</th><th>To</th><th>Subject</th></tr></thead>
<tbody>
{% for mail in mails %}
<tr>
<td>{{ mail.sent_at[:19] | replace("T", " ") }}</td>
<td>{% for one in mail.recipients %}<a href="/?to={{ one | urlencode }}">{{ one }}</a>
{% endfor %}</td>
<td><a href="/messages/{{ mail.id }}">{{ mail.subject or "(no subject)" }}</a></td>
</tr>
{% endfor %}
</tbody>
</table>
{% else %}<p>No mail yet. This page looks again every five seconds.</p>{% endif %}
</main></body></html>
"""
)

_MESSAGE = (
    _HEAD
    + """</head>
<body><main>
<p><a href="/">All mail</a></p>
<h1>{{ mail.subject or "(no subject)" }}</h1>
<dl>
<dt>From</dt><dd>{{ mail.sender }}</dd>
<dt>To</dt><dd>{{ mail.recipients | join(", ") }}</dd>
<dt>Sent</dt><dd>{{ mail.sent_at }}</dd>
</dl>
<h2>Text</h2>
<pre>{{ text }}</pre>
{% if mail.html %}
<h2>HTML</h2>
<iframe src="/messages/{{ mail.id }}/html" title="The message as HTML"></iframe>
{% endif %}
<p><a href="/messages/{{ mail.id }}/raw">Source</a></p>
</main></body></html>
"""
)
