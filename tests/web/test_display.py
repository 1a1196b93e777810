"""How dates, numbers and states are shown."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import render_template_string

from portal.trust.rules import contract_end
from portal.web.display import (
    ago,
    city,
    contact,
    ends,
    instant,
    last_day,
    lines,
    long_date,
    naming,
    plural,
    sentence_list,
    state_kind,
)
from tests.web.conftest import PUBLIC, Kit

NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


def test_a_last_day_has_its_zone():
    """It ends at 24:00 there."""
    assert last_day(date(2027, 3, 1), "Europe/Berlin") == "1 March 2027, 24:00 Berlin"
    assert last_day(date(2027, 3, 1), "America/New_York") == "1 March 2027, 24:00 New York"
    assert (long_date(date(2027, 12, 24)), city("UTC")) == ("24 December 2027", "UTC")


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (datetime(2027, 3, 1, 23, 0, tzinfo=UTC), "1 March 2027, 24:00 Berlin"),
        (datetime(2027, 3, 28, 22, 0, tzinfo=UTC), "28 March 2027, 24:00 Berlin"),
        (datetime(2027, 10, 31, 23, 0, tzinfo=UTC), "31 October 2027, 24:00 Berlin"),
        (datetime(2027, 3, 1, 11, 30, tzinfo=UTC), "1 March 2027, 12:30 Berlin"),
    ],
)
def test_j13_an_end_is_shown_as_its_last_day(at, shown):
    """Also on the days that have 23 or 25 hours."""
    assert ends(at, "Europe/Berlin") == shown


@pytest.mark.parametrize(
    ("day", "zone", "shown"),
    [
        (date(2027, 9, 4), "America/Santiago", "4 September 2027, 24:00 Santiago"),
        (date(2027, 3, 13), "America/Havana", "13 March 2027, 24:00 Havana"),
        (date(2027, 11, 6), "America/Havana", "6 November 2027, 24:00 Havana"),
    ],
)
def test_j13_an_end_where_the_clocks_jump_over_midnight(day, zone, shown):
    """The day after begins at one there, or has its midnight twice: the last day is the same."""
    end = contract_end(day, ZoneInfo(zone))
    assert ends(end, zone) == shown
    assert ends(end + timedelta(hours=1), zone) != shown


def test_an_instant_is_named_utc_and_can_be_turned():
    """A script shows it in the viewer's zone; without one it is right as it is."""
    shown = instant(datetime(2027, 3, 1, 13, 5, 9, tzinfo=UTC).astimezone())
    assert shown == (
        '<time datetime="2027-03-01T13:05:09Z" data-show="minute">1 March 2027, 13:05 UTC</time>'
    )
    assert instant(NOON, only_day=True).endswith('data-show="day">1 March 2027</time>')


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=40), "40 minutes ago"),
        (timedelta(hours=5), "5 hours ago"),
        (timedelta(days=2, hours=3), "2 days ago"),
        (-timedelta(seconds=5), "in a moment"),
        (-timedelta(days=6), "in 6 days"),
    ],
)
def test_how_long_ago(before, words):
    """In one unit."""
    assert ago(NOON - before, NOON) == words


def test_numbers_have_their_word():
    """One guest, 1,204 guests."""
    assert [plural(n, "guest") for n in (0, 1, 1204)] == ["0 guests", "1 guest", "1,204 guests"]
    assert plural(2, "person", "people") == "2 people"
    assert [sentence_list(x) for x in ([], ["a"], ["a", "b"], "abc")] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_n14_what_others_wrote_is_shown_literally():
    """Line breaks stay, markup does not."""
    assert lines("<b>\n{{ 7*7 }}") == "&lt;b&gt;<br>{{ 7*7 }}"
    assert "<script>" not in contact("<script>@x")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("help@host.example", 'href="mailto:help@host.example"'),
        ("https://help.host.example/x", 'href="https://help.host.example/x"'),
        ("+49 30 123456", 'href="tel:+4930123456"'),
    ],
)
def test_the_support_contact_is_a_link(text, target):
    """By what it looks like."""
    assert target in contact(text)


def test_other_contacts_are_text():
    """Room 12 has no link."""
    assert contact("Room 12 & 13") == "Room 12 &amp; 13"


def test_a_state_has_its_kind():
    """Never told by colour alone: the word is there too."""
    assert [state_kind(s) for s in ("active", "pending", "suspended", "removed", "other")] == [
        "good", "wait", "bad", "off", "off",
    ]  # fmt: skip


MACROS = """{% from "_macros/page.html" import head, facts, state, person, quote, table, copy,
    empty, section, reference_line, pager %}
{{ head("Title", "Lead") }}{{ facts([("Name", "x"), ("None", none), ("Empty", ""), ("Zero", 0)]) }}
{{ state("active") }}{{ person("<Ann>", "a@b.example") }}{{ quote("{{ 7*7 }}<i>") }}
{% call table("Guests", ["Name", "Ends"]) %}<tr><td data-label="Name">x</td></tr>{% endcall %}
{{ copy("https://x", "the address") }}{{ empty("Nobody.") }}{{ reference_line("ABC") }}
{% call section("Next", id="n", danger=true) %}body{% endcall %}{{ pager("", "/older") }}"""


def test_the_page_macros(kit: Kit):
    """They escape, leave out what is not there, and say what scrolls."""
    with kit.app.test_request_context("/", base_url=PUBLIC):
        page = render_template_string(MACROS)
    assert "<dt>Zero</dt>" in page
    assert "<dt>None</dt>" not in page
    assert "<dt>Empty</dt>" not in page
    assert '<span class="state good">active</span>' in page
    assert "<bdi>&lt;Ann&gt;</bdi>" in page
    assert "{{ 7*7 }}&lt;i&gt;" in page
    assert 'tabindex="0" role="region" aria-label="Guests"' in page
    assert 'data-copy="https://x" hidden' in page
    assert 'class="card danger" id="n"' in page
    assert "Newer" not in page


def test_a_name_in_a_sentence_is_kept_apart():
    """Escaped, in what keeps its direction to itself; so is the sentence."""
    said = naming("{} & {} are in", "<b>Ann</b>", "{}")
    assert said == "<bdi>&lt;b&gt;Ann&lt;/b&gt;</bdi> &amp; <bdi>{}</bdi> are in"
