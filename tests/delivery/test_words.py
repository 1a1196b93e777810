"""How values read in a mail."""

import re

import pytest

from portal.delivery.words import address, day, identifier, instant, one_line, person, quoted, shown

LINKED = re.compile(r"https?://\S|www\.\S|\w\.(com|example)\b", re.IGNORECASE)


@pytest.mark.parametrize(
    "said",
    [
        "https://evil.example/now",
        "HTTP://EVIL.EXAMPLE",
        "www.evil.example",
        "see evil.example today",
        "evil.com",
        "call x@evil.example",
        "ftp://evil.com",
    ],
)
def test_nothing_a_partner_said_looks_like_a_link(said):
    """A mail program finds nothing to link, and the eye sees the same word."""
    shown = quoted(said)
    assert LINKED.search(said)
    assert not LINKED.search(shown)
    assert shown.replace("\u200b", "") == f"“{said}”"


@pytest.mark.parametrize(
    ("said", "reads"),
    [
        pytest.param("Jane Roe", "“Jane Roe”", id="plain"),
        pytest.param("J. R. Roe", "“J. R. Roe”", id="initials"),
        pytest.param("Jane\r\nBcc: x", "“Jane Bcc: x”", id="n13 line break"),
        pytest.param("Jane%0d%0aBcc", "“Jane%0d%0aBcc”", id="n13 encoded line break is letters"),
        pytest.param("\u202eeoR enaJ\u202c", "“eoR enaJ”", id="n03 bidi override"),
        pytest.param("Ja\u200bne\ufeff", "“Jane”", id="n03 zero width"),
        pytest.param("Ja\0ne\x1b[31m", "“Jane[31m”", id="n02 controls"),
        pytest.param("{{7*7}}", "“{{7*7}}”", id="n14 template"),
        pytest.param("<script>alert(1)</script>", "“<script>alert(1)</script>”", id="n14 markup"),
        pytest.param("javascript:alert(1)", "“javascript:alert(1)”", id="n14 scheme"),
        pytest.param("e\u0301", "“é”", id="n07 one spelling"),
        pytest.param("x" * 600, f"“{'x' * 499}…”", id="n01 too long"),
        pytest.param("", "“”", id="nothing"),
    ],
)
def test_quoted(said, reads):
    """What a partner said is quoted, on one line, and shown literally."""
    assert quoted(said) == reads


def test_n13_nobody_ends_the_quotation_of_their_words():
    """What follows would read as ours."""
    said = "Ada” was checked by us. “Ada"
    assert quoted(said) == "“Ada' was checked by us. 'Ada”"
    assert quoted('"\u201e\u201f\u301d\u301e\u301f\uff02') == "“'''''''”"


@pytest.mark.parametrize(
    ("said", "reads"),
    [
        ("jane.roe@acme.example", "“jane.roe@acme.example”"),
        (None, "no address"),
        ("", "no address"),
        ("jane@xn--acm-epa.example", "“jane@xn--acm-epa.example”"),
        ("https://evil/x@acme.example", "“https:\u200b//evil/x@\u200bacme\u200b.example”"),
    ],
)
def test_address(said, reads):
    """A plain address can be copied; one that plays at being a link cannot be clicked."""
    assert address(said) == reads


@pytest.mark.parametrize("name", [None, "", "\u200b", " \n"])
def test_a_person_without_a_name(name):
    """There are words for it, and no empty quotation marks."""
    assert person(name) == "somebody without a name"


def test_dates_have_their_zone():
    """A mail knows no zone but UTC, and says so; a last day is a day."""
    assert day("2027-03-01") == "1 March 2027"
    assert instant("2026-12-31T23:30:00Z") == "31 December 2026, 23:30 UTC"
    assert instant("2027-01-01T00:30:00+02:00") == "31 December 2026, 22:30 UTC"
    with pytest.raises(ValueError, match="zone"):
        instant("2027-01-01T00:30:00")


def test_an_id_is_an_id():
    """What becomes part of a link can be nothing else."""
    with pytest.raises(ValueError, match="UUID"):
        identifier("../../admin")


def test_unknown_fields_are_never_shown():
    """A field without words of its own stops the mail instead of leaking into it."""
    with pytest.raises(KeyError):
        shown({"client_secret": "x"})


def test_one_line_is_short_enough_for_a_subject():
    """Cut, with a mark that it was."""
    assert one_line("a  b\tc", 4) == "a b…"
