"""Every kind of mail, rendered: one question, one link, the same words in both parts."""

import html
import re
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from html.parser import HTMLParser

import pytest

from portal.delivery.mail import compose
from portal.delivery.rules import KINDS, SINCE_ADDED
from portal.delivery.smtp import Undeliverable
from tests.delivery.samples import LINK, PAYLOADS, SPONSORSHIP, claimed
from tests.infra.mailbox import text_of

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


URL = re.compile(r"https?://[^\s\"'<>]+")


class Page(HTMLParser):
    """What stands in an HTML part."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside.append(tag)

    def handle_endtag(self, tag):
        while self._inside and self._inside.pop() != tag:
            pass

    def handle_data(self, data):
        if not {"style", "title"} & set(self._inside):
            self.words += data.split()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_one_question_and_one_link(kind, render):
    """In each part one address, ours, or none; no image; a question; what if nothing is done."""
    mail = render(kind)
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    text, page = text_of(mail), text_of(mail, "html")
    links = URL.findall(text)
    assert len(links) == (kind not in LED_NOWHERE)
    assert all(link.startswith("https://guests.host.example/") for link in links)
    assert [html.unescape(found) for found in URL.findall(page)] == links
    parsed = Page(page)
    assert [attrs["href"] for tag, attrs in parsed.tags if tag == "a"] == links
    assert all(re.search(rf"\w:\n{re.escape(link)}\n", text) for link in links)
    assert not {"img", "script", "link", "iframe", "form", "object"} & {t for t, _ in parsed.tags}
    assert not any({"src", "background", "onclick"} & set(attrs) for _, attrs in parsed.tags)
    assert "url(" not in page
    assert "@import" not in page
    question = text.split("\n", 1)[0]
    assert question.endswith("?")
    assert text.count("?") == question.count("?") + "".join(links).count("?") + ASIDES.get(kind, 0)
    assert re.search(r"^If (nothing|nobody|you do nothing|you do not answer)", text, re.MULTILINE)
    assert "\n\n\n" not in text
    assert "\n\n-- \n" in text
    assert "Reference: 7K3F-9QX-M2D" in text
    assert "None" not in text + page


# To sign in would be a knock at a closed door: they are told whom to ask instead.
LED_NOWHERE = {"guest.rejected", "guest.removed"}
# Questions within the text that belong to the one question.
ASIDES = {"sponsor.address_changed": 1, "staff.bind_link": 1}


@pytest.mark.parametrize("kind", KINDS)
def test_both_parts_say_the_same(kind, render):
    """Who reads plain text misses nothing, and reads nothing else."""
    mail = render(kind)
    text = [word for word in text_of(mail).split() if not URL.match(word) and word != "--"]
    action = Page(text_of(mail, "html")).words
    assert [word.rstrip(":") for word in text] == [word.rstrip(":") for word in action]


@pytest.mark.parametrize("kind", KINDS)
def test_headers(kind, render, settings):
    """One recipient, one subject of the kind, recognisable when it comes twice."""
    mail = render(kind)
    assert mail["To"] == "ada@host.example"
    assert mail["From"] == "Host Ltd <no-reply@guests.host.example>"
    assert mail["Message-ID"] == "<0190b5a0-3333-7000-8000-000000000003@guests.host.example>"
    assert mail["Date"] == "Mon, 02 Nov 2026 13:05:00 +0000"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Bcc"] is mail["Cc"] is mail["Reply-To"] is None
    assert 10 < len(mail["Subject"]) < 78
    guest = {PAYLOADS[kind].get(key) for key in ("guest_name", "guest_email", "why", "new")}
    assert not any(word and word in mail["Subject"] for word in guest)


HOSTILE = (
    "Jane\r\nBcc: all@evil.example\r\n\r\n<script>alert(1)</script> {{7*7}} https://evil.example/x"
)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "guest_name" in PAYLOADS[kind]])
def test_n13_n14_a_hostile_name_stays_a_name(kind, render):
    """No second recipient, no markup, no template, no link: it is read as it was written."""
    mail = render(kind, guest_name=HOSTILE)
    assert mail["Bcc"] is None
    assert mail["To"] == "ada@host.example"
    assert "Jane" not in mail["Subject"]
    text, page = text_of(mail), text_of(mail, "html")
    assert (
        "“Jane Bcc: all@\u200bevil\u200b.example <script>alert(1)</script> {{7*7}} https:\u200b//"
        in text
    )
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; {{7*7}}" in page
    assert len(URL.findall(text)) == len(URL.findall(page)) == 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "guests" in PAYLOADS[kind]])
def test_n13_n14_a_hostile_name_in_a_list_stays_a_name(kind, render):
    """Each on its line, in quotation marks."""
    mail = render(kind, guests=[[HOSTILE, "Acme"], ["", "Zeta"]])
    assert mail["Bcc"] is None
    assert re.search(
        r"^“Jane Bcc: .*” of Acme\nsomebody without a name of Zeta$", text_of(mail), re.MULTILINE
    )
    assert "<script" not in text_of(mail, "html")
    assert "evil.example" not in text_of(mail) + text_of(mail, "html")


@pytest.mark.parametrize("field", ["why", "works_with"])
def test_n13_n14_a_hostile_line_about_oneself(field, render):
    """What the person wrote on arriving is quoted as their own words."""
    mail = render("sponsor.request", **{field: HOSTILE})
    assert mail["Bcc"] is None
    assert re.search(r"in their own words: “Jane Bcc: .*”$", text_of(mail), re.MULTILINE)
    assert "<script" not in text_of(mail, "html")
    assert "evil.example" not in text_of(mail) + text_of(mail, "html")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "organisation" in PAYLOADS[kind]])
def test_n13_n14_a_hostile_organisation(kind, render):
    """An organisation's name stands in subjects: it folds to one line, and is no markup."""
    mail = render(kind, organisation="Acme\r\nBcc: all@evil.example\r\n<b>{{7*7}}")
    assert mail["Bcc"] is None
    assert mail["To"] == "ada@host.example"
    assert "<b>" not in text_of(mail, "html")
    assert "49" not in text_of(mail).replace(SPONSORSHIP, "")


LONG_NAMES = (
    "Umbrella Ζωή שלום Rückversicherungsgesellschaft Aktiengesellschaft",
    "Ärzte über Öl und noch viel längere Wörter für eine Gesellschaft mit beschränkter Haftung",
    "Über " * 30 + "GmbH",
    "株式会社" * 30,
)


@pytest.mark.parametrize("name", LONG_NAMES)
def test_a_long_name_arrives_as_it_is_written(database, name, settings):
    """Folded where a line of a header ends, and nowhere else: no space is lost, none comes."""
    host = settings.model_copy(update={"host_name": name})
    for kind in ("sponsor.request", "sponsor.decided", "guest.approved"):
        wire = compose(host, claimed(kind, organisation=name)).as_bytes()
        mail = message_from_bytes(wire)  # Python's own headers read the name of a sender amiss
        subject, sender = (
            str(make_header(decode_header(mail[header]))) for header in ("Subject", "From")
        )
        assert name in subject, kind
        assert sender == f"{name} <{settings.mail_from}>"
        assert all(len(line) < 79 for line in wire.partition(b"\r\n\r\n")[0].split(b"\r\n"))


@pytest.mark.parametrize(
    "to", ["a@acme.example\r\nBcc: b@evil.example", "a@acme.example, b@evil.example", "a", ""]
)
def test_n13_a_recipient_is_one_address(to, render):
    """Even from the outbox's own row nothing but one address gets into the header."""
    with pytest.raises(Undeliverable) as refused:
        render("guest.rejected", to=to)
    assert refused.value.code == "mail.render"
    assert "\n" not in refused.value.message


def test_the_link_finds_the_event(render):
    """An admin who is told of something strange lands on its line of the audit log."""
    text = text_of(render("admin.break_glass"))
    assert "https://guests.host.example/admin/audit?reference=7K3F-9QX-M2D\n" in text


@pytest.mark.parametrize("kind", SINCE_ADDED)
@pytest.mark.parametrize("part", ["plain", "html"])
def test_a_mail_of_an_earlier_version_is_sent_without_what_it_lacks(database, settings, part, kind):
    """It waited through the upgrade: fewer dates, and no gap in a sentence."""
    message = claimed(kind)
    for field in SINCE_ADDED[kind]:
        del message.payload[field]
    wire = compose(settings, message).as_bytes()
    text = text_of(message_from_bytes(wire, policy=policy.default), part)
    assert not re.search(r"None| on [:.,]|again: | {2}[a-z]", text.partition("Reference")[0])


@pytest.mark.parametrize(
    "url",
    [
        "https://guests.host.example.evil.example/x",
        "https://guests.host.example",
        "http://guests.host.example/x",
        "javascript:alert(1)",
        "https://guests.host.example/x\r\nBcc: y",
        "//guests.host.example/x",
    ],
)
def test_a_link_from_the_payload_leads_to_the_public_url(url, render):
    """A link that leads elsewhere is never sent."""
    with pytest.raises(Undeliverable) as refused:
        render("staff.bind_link", url=url)
    assert refused.value.code == "mail.render"


def test_the_link_of_a_binding_mail_arrives_in_clear(render):
    """It is sealed in the outbox and opened for the mail alone."""
    assert LINK in text_of(render("staff.bind_link"))


def test_a_lost_key_is_told_and_not_sent(database, settings):
    """A link sealed with a key that is gone: an admin reads why."""
    message = claimed("staff.bind_link")  # never sealed
    with pytest.raises(Undeliverable) as refused:
        compose(settings, message)
    assert refused.value.code == "mail.render"


def test_a_contact_is_text_and_no_link(render, make_settings):
    """The help line may be an address of the web: it is read, the one link stays alone."""
    settings = make_settings(support_contact="https://help.host.example/portal")
    text = text_of(render("guest.lapsed", changed_settings=settings))
    assert "Help: help.host.example/portal" in text
    assert len(URL.findall(text)) == 1


def test_without_contact_there_is_no_empty_line(render, make_settings):
    """No help line at all."""
    text = text_of(render("guest.lapsed", changed_settings=make_settings(support_contact="")))
    assert "Help" not in text


@pytest.mark.parametrize(
    ("host", "sender"),
    [
        pytest.param("Müller & Söhne", "Müller & Söhne", id="letters of the world"),
        pytest.param('Host "The Best", Ltd', 'Host "The Best", Ltd', id="quotes and commas"),
        pytest.param("Host <Ltd>", "Host <Ltd>", id="brackets"),
    ],
)
def test_a_host_name_is_one_display_name(host, sender, render, make_settings):
    """Whatever the host is called, the sender is one address."""
    mail = render("guest.lapsed", changed_settings=make_settings(host_name=host))
    (address,) = mail["From"].addresses
    assert address.display_name == sender
    assert address.addr_spec == "no-reply@guests.host.example"


def test_lines_are_short_on_the_wire(database, settings):
    """RFC 5322, 2.1.1: at most 998 characters, whatever somebody wrote."""
    wire = compose(settings, claimed("sponsor.request", why="ü" * 500)).as_bytes()
    assert max(map(len, wire.split(b"\r\n"))) <= 998
    assert b"\n" not in wire.replace(b"\r\n", b"")


def test_a_knock_under_an_admins_hold_asks_for_nothing_that_is_refused(render):
    """Nobody is let back before an admin has lifted it: the mail says whom to ask."""
    text = " ".join(text_of(render("sponsor.knocked", held=True)).split())
    assert "before an admin has lifted the suspension" in text
    assert "Let them back" not in text
    assert "Let them back, or not" in text_of(render("sponsor.knocked"))


def test_a_knock_of_whoever_was_turned_down_is_not_told_as_a_removal(render):
    """They were never in: the mail says both, and fits either."""
    text = text_of(render("sponsor.knocked"))
    assert "removed them, or turned their request down" in " ".join(text.split())
