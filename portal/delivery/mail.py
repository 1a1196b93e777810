"""From an outbox row to a mail.

Rendering needs no request: every link is below ``PORTAL_PUBLIC_URL``. The Message-ID comes from the
row, so that a mail which a crash made us send twice can be recognised as one.
"""

from collections.abc import Mapping
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime
from functools import cache
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, select_autoescape

from portal.delivery.changes import Claimed, opened
from portal.delivery.rules import NOWHERE, PATHS, SINCE_ADDED, is_one_address
from portal.delivery.smtp import Undeliverable
from portal.delivery.words import one_line, shown
from portal.foundation.crypto import Undecryptable
from portal.foundation.files import folder
from portal.foundation.settings import Settings


def compose(settings: Settings, message: Claimed) -> EmailMessage:
    """Write the mail of an outbox row: a text and an HTML part that say the same.

    Raises:
        Undeliverable: ``mail.render``: its words or its link cannot be written.
    """
    try:
        payload = opened(message)
        words = _words(settings, message, payload)
        text = _environment().get_template(f"{message.kind}.txt")
        words["subject"] = one_line("".join(text.blocks["subject"](text.new_context(words))))
        plain = _without_gaps(text.render(words))
        page = _environment().get_template(f"{message.kind}.html").render(words)
        return _assemble(settings, message, str(words["subject"]), plain, page)
    except (TemplateError, Undecryptable, KeyError, ValueError, TypeError, IndexError) as fault:
        detail = f"the mail could not be written: {type(fault).__name__}: {fault}"
        raise Undeliverable("mail.render", detail, refused=True) from fault


def _words(settings: Settings, message: Claimed, payload: Mapping[str, Any]) -> dict[str, Any]:
    lacking = dict.fromkeys(SINCE_ADDED.get(message.kind, ()))
    values = {**lacking, "reference": one_line(message.reference), **shown(payload)}
    return {
        "host_name": one_line(settings.host_name),
        "support_contact": one_line(settings.support_contact).removeprefix("https://"),
        "colour": settings.colour,
        **values,
        "link": _link(settings, message.kind, payload, values),
    }


def _link(
    settings: Settings, kind: str, payload: Mapping[str, Any], values: Mapping[str, Any]
) -> str:
    """Return the one link of the mail, if it has one; it leads to the portal and nowhere else."""
    path = PATHS[kind]
    if path == NOWHERE:
        return ""
    if path is not None:
        parts = {name: quote(str(value), safe="") for name, value in values.items()}
        return settings.public_url + path.format_map(parts)
    url = str(payload["url"])
    if not url.startswith(f"{settings.public_url}/") or not url.isascii() or not url.isprintable():
        raise ValueError("a link in a mail must lead to the public URL")
    return url


def _without_gaps(text: str) -> str:
    """Fold the empty lines that conditions leave behind."""
    lines = text.strip("\n").split("\n")
    kept = [
        line for at, line in enumerate(lines) if line.strip() or (at > 0 and lines[at - 1].strip())
    ]
    return "\n".join(kept) + "\n"


def _assemble(
    settings: Settings, message: Claimed, subject: str, plain: str, page: str
) -> EmailMessage:
    """Build the message; the header classes refuse line breaks."""
    if not is_one_address(message.to):
        raise ValueError("a mail goes to one address")
    mail = EmailMessage(policy=SMTP_POLICY)
    local, _, domain = message.to.rpartition("@")
    sender = _sender(settings)
    if sender.display_name.isascii():
        mail["From"] = sender
    else:
        named = _encoded("From", sender.display_name)
        mail.set_raw("From", f"{named}\n <{sender.addr_spec}>")
    mail["To"] = Address("", local, domain)
    if subject.isascii():
        mail["Subject"] = subject
    else:
        mail.set_raw("Subject", _encoded("Subject", subject))
    mail["Date"] = format_datetime(message.created_at)
    mail["Message-ID"] = f"<{message.id}@{sender.domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday notes, please
    mail.set_content(plain, cte="quoted-printable")
    mail.add_alternative(page, subtype="html", cte="quoted-printable")
    return mail


def _encoded(name: str, words: str) -> str:
    """Return the words of a header as it travels (RFC 2047), folded.

    What the header classes of Python 3.11 fold loses spaces between encoded words: "Ζωή שלום" came
    as one word where a line ended there.
    """
    return Header(words, "utf-8", header_name=name).encode()


def _sender(settings: Settings) -> Address:
    local, _, domain = settings.mail_from.rpartition("@")
    return Address(one_line(settings.host_name), local, domain)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(folder("templates") / "mail"),
        autoescape=select_autoescape(enabled_extensions=("html",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
