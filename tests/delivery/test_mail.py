"""Every kind of mail, rendered: one question, one link, the same words in both parts."""

import html
import re
from email import message_from_bytes, policy
from html.parser import HTMLParser

import pytest

from portal.delivery.mail import compose
from portal.delivery.rules import KINDS, SINCE_ADDED
from portal.delivery.smtp import Undeliverable
from portal.foundation import crypto
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


@pytest.fixture
def render(database, settings):
    """Compose a mail, and read it as it arrives."""

    def render(kind, *, changed_settings=None, **changes):
        message = claimed(kind, **changes)
        if kind == "staff.bind_link":
            message.payload["url"] = crypto.encrypt(message.payload["url"])
        wire = compose(changed_settings or settings, message).as_bytes()
        return message_from_bytes(wire, policy=policy.default)

    return render


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_one_question_and_one_link(kind, render):
    """In each part one address, ours; no image; a question, and what happens if nothing is done."""
    mail = render(kind)
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    text, page = text_of(mail), text_of(mail, "html")
    (link,) = URL.findall(text)
    assert link.startswith("https://guests.host.example/")
    assert [html.unescape(found) for found in URL.findall(page)] == [link]
    parsed = Page(page)
    assert [attrs["href"] for tag, attrs in parsed.tags if tag == "a"] == [link]
    assert not {"img", "script", "link", "iframe", "form", "object"} & {t for t, _ in parsed.tags}
    assert not any({"src", "background", "onclick"} & set(attrs) for _, attrs in parsed.tags)
    assert "url(" not in page
    assert "@import" not in page
    question = text.split("\n", 1)[0]
    assert question.endswith("?")
    assert text.count("?") == question.count("?") + link.count("?") + ASIDES.get(kind, 0)
    assert re.search(r"^If (nothing|nobody|you do nothing|you do not answer)", text, re.MULTILINE)
    assert "\n\n\n" not in text
    assert "\n\n-- \n" in text
    assert "Reference: 7K3F-9QX-M2D" in text
    assert "None" not in text + page


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


def test_a_request_that_waits_with_access_says_so(render):
    """At once: the access is there, and ends unless somebody approves."""
    first = text_of(render("sponsor.request"))
    assert "If nobody decides by 16 November 2026, 13:05 UTC, the request lapses" in first
    assert "restricted access" not in first
    at_once = text_of(
        render("sponsor.request", at_once=True, approve_by="2026-11-09T13:05:00Z", lapses_at=None)
    )
    assert "They have restricted access already" in at_once
    assert "If nobody approves by 9 November 2026, 13:05 UTC, the access ends" in at_once


def test_what_is_not_known_is_not_mentioned(render):
    """A person without address or words of their own makes no empty lines."""
    mail = render("sponsor.request", guest_name=None, guest_email=None, why=None, works_with="")
    assert "somebody without a name" in text_of(mail)
    assert "no address" in text_of(mail)
    assert "own words" not in text_of(mail)
    assert "own words" not in text_of(mail, "html")


@pytest.mark.parametrize("kind", ["guest.suspended", "guest.removed", "sponsor.guest_suspended"])
def test_every_reason_has_words(kind, render):
    """A code never reaches a person; an unknown one is met with a pointer to the page."""
    from portal.guests.rules import Reason

    states = {"awaiting_decision", "at_once", "approved", "resumed", "let_back"}
    unknown = "the page says why"
    for reason in set(Reason) - states:
        assert unknown not in text_of(render(kind, reason=reason))
    assert unknown in text_of(render(kind, reason="a_reason_of_tomorrow"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "no access: Ada Byron suspended it. They have been told."),
        ({}, "Every sponsor of theirs may lift it."),
        ({"by": "", "reason": "suspended_by_admin"}, "no access: an admin suspended it."),
        ({"reason": "suspended_by_admin"}, "An admin has to lift it."),
        ({"reason": "removed_by_staff", "removes_at": None}, "no access: Ada Byron ended it."),
        ({"waited": True, "removes_at": None}, "they no longer do: Ada Byron ended that."),
        ({"stays": True, "removes_at": None}, "Somebody else vouches for them"),
    ],
)
def test_what_somebody_else_decided(changes, said, render):
    """Who did it, what it means, and who may undo it."""
    mail = render("sponsor.guest_stopped", **changes)
    assert said in text_of(mail)
    assert said in text_of(mail, "html")


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "Nobody was here under it."),
        (1, "1 guest was here under it."),
        (2, "2 guests were here under it."),
    ],
)
@pytest.mark.parametrize("whom", ["admin", "sponsor"])
def test_counts_are_grammatical(whom, count, said, render):
    """One guest was, two were, and nobody is not a number."""
    text = text_of(render(f"{whom}.contract_ended", count=count))
    assert said in text
    assert ("they stay outside" in text) == bool(count)


@pytest.mark.parametrize("whom", ["admin", "sponsor"])
def test_whom_another_contract_carries_is_not_called_removed(whom, render):
    """All whom a contract carried are counted: some of them may stay under another."""
    text = text_of(render(f"{whom}.contract_ended", count=2))
    assert "Whoever had nothing else has been removed, and told." in text
    assert "2 guests who were here under it alone have been removed" not in text


@pytest.mark.parametrize("part", ["plain", "html"])
def test_what_nobody_handed_over_names_nobody(part, render):
    """Where a colleague has left, nobody did it: no sentence begins with a gap."""
    by_ada = text_of(render("sponsor.handed_over"), part)
    assert "Ada Byron handed this guest of Acme over to you." in by_ada
    text = text_of(render("sponsor.handed_over", by=""), part)
    assert "handed this guest" not in text
    assert "Whoever vouched for this guest of Acme, or was asked to, may no longer decide." in text


def test_an_emergency_link_is_told_as_what_it_is(render):
    """It is told when it is made: nobody has signed in by it yet."""
    mail = render("admin.break_glass")
    assert "signed in" not in mail["Subject"] + text_of(mail)
    assert "a link was made on the server" in text_of(mail)


def test_a_guest_reads_when(render):
    """Since when access is gone for good, and how long it runs once it is open again."""
    assert "ended on 1 March 2027, 23:00 UTC: the contract" in text_of(render("guest.removed"))
    assert "until 1 March 2027, 23:00 UTC at the latest" in text_of(render("guest.resumed"))


@pytest.mark.parametrize("part", ["plain", "html"])
def test_where_a_domain_was_taken_away_no_address_is_new(part, render):
    """The company says what it always said: it is the host that no longer knows the domain."""
    same = render("sponsor.address_changed", new="jane.roe@acme.example")
    told = same["Subject"] + text_of(same, part)
    assert "new address" not in told.lower()
    assert "no longer among those that Acme has here" in told
    other = render("sponsor.address_changed")
    assert "has a new address" in other["Subject"]
    assert "New address:" in text_of(other, part)


@pytest.mark.parametrize("part", ["plain", "html"])
def test_an_approval_is_one_sponsors_word(part, render):
    """Another's word may reach further: the mail does not say that access ends with this one."""
    text = text_of(render("guest.approved"), part)
    assert "Ada Byron vouches for you until 1 March 2027, 24:00 in the time zone" in text
    assert "access ends then, unless somebody else vouches for you longer" in text


@pytest.mark.parametrize("part", ["plain", "html"])
@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("contract_ended", "the contract that you came under has ended"),
        ("sponsor_left", "nobody is left here who could decide about it"),
        ("expired", "the last day that it could be for has passed"),
    ],
)
def test_whoever_only_waited_reads_of_their_request(part, render, reason: str, why: str):
    """They never had the access that others lose, nor anybody who vouched for them."""
    mail = render("guest.removed", reason=reason, waited=True)
    assert f"Your request ended on 1 March 2027, 23:00 UTC: {why}." in text_of(mail, part)
    assert "access" not in mail["Subject"].split(" to ")[0]
    assert "Your access" not in text_of(mail, part)


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


def test_what_is_handed_over_says_by_whom_and_until_when(render):
    """A colleague by name; where one has left, a sentence without a hole in it."""
    text = text_of(render("sponsor.handed_over"))
    assert "\nAda Byron handed this guest of Acme over to you.\n" in text
    assert "access ends on 1 March 2027, 23:00 UTC" in text
    left = render("sponsor.handed_over", by="", lapses_at="2026-11-16T13:05:00Z")
    assert (
        "\nWhoever vouched for this guest of Acme, or was asked to, may no longer decide"
        in text_of(left)
    )
    assert "If nobody decides by 16 November 2026, 13:05 UTC, the request lapses" in text_of(left)


@pytest.mark.parametrize(
    ("reason", "who"),
    [
        ("expired", "a sponsor there can let you in again"),
        ("suspended_by_staff", "whoever suspended it can lift it"),
        ("suspended_by_admin", "whoever suspended it can lift it"),
    ],
)
def test_a_suspended_guest_reads_who_can_help(reason, who, render):
    """No sponsor lifts what an admin did: nobody is sent to one in vain."""
    assert who in text_of(render("guest.suspended", reason=reason))


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


def test_a_knock_of_whoever_was_turned_down_is_not_told_as_a_removal(render):
    """They were never in: the mail says both, and fits either."""
    text = text_of(render("sponsor.knocked"))
    assert "removed them, or turned their request down" in " ".join(text.split())
