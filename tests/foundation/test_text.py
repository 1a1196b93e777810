"""One canonical form, whoever types it (cases, part 11)."""

import csv
import io
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.foundation.text import (
    BadText,
    canonical_domain,
    canonical_email,
    canonical_json,
    clean_lines,
    clean_name,
    csv_cell,
    domain_of,
)
from tests.properties.texts import cell_value

CYRILLIC = "\u0430cme.com"
BIDI = "\u202e\u2066\u200f"
ZERO_WIDTH = "\u200b\u200d\ufeff\u00ad"


def code(function, *arguments) -> str:
    with pytest.raises(BadText) as caught:
        function(*arguments)
    return caught.value.code


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("name@acme.com", "name@acme.com"),
        ("Name.Family@ACME.com", "name.family@acme.com"),
        ("  name@acme.com  ", "name@acme.com"),
        ("o'neil+orders@acme.co.uk", "o'neil+orders@acme.co.uk"),
        ("a@b\u00fccher.example", "a@xn--bcher-kva.example"),
        ("a@XN--BCHER-KVA.example", "a@xn--bcher-kva.example"),
        ("a@corp.local", "a@corp.local"),
        ("a@acme.test", "a@acme.test"),
    ],
)
def test_an_address_has_one_form(typed, canonical):
    """Case, white space around and the spelling of the domain do not make another address."""
    assert canonical == canonical_email(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "a@acme.com,b@evil.org",
        "a@acme.com;b@evil.org",
        "a@acme.com b@evil.org",
        "a@evil.org(@acme.com)",
        '"a@acme.com"@evil.org',
        '"a b"@acme.com',
        "A <a@acme.com>",
        "<a@acme.com>",
        "a@acme.com@evil.org",
        "a@[192.0.2.1]",
        "a@192.0.2.1",
        "a@localhost",
        "a@acme.com.",
        "a@.com",
        "a@acme..com",
        "a@-acme.com",
        "a@acme_x.com",
        "a..b@acme.com",
        ".a@acme.com",
        "@acme.com",
        "a@",
        "acme.com",
        "a%40acme.com",
        "mailto:a@acme.com",
        "",
        " ",
    ],
)
def test_n08_only_one_bare_address_is_one(typed):
    """Lists, comments, quoted local parts, display names and literals are no address."""
    with pytest.raises(BadText, match="like name@example"):
        canonical_email(typed)
    assert code(canonical_email, typed) == "input.email"


@pytest.mark.parametrize(
    "typed",
    [
        "name@acme.com\r\nBcc: x@evil.org",
        "name\r\n@acme.com",
        "name@acme.com\n",
        "name%0d%0a@acme.com\0",
        "na\0me@acme.com",
        f"name@ac{ZERO_WIDTH[0]}me.com",
        f"{BIDI[0]}name@acme.com",
        "name@acme.com\u2028x",
    ],
)
def test_n13_no_control_character_in_an_address(typed):
    """Line breaks would write mail headers; zero width and bidi would hide what it is."""
    assert code(canonical_email, typed) == "input.char"


@pytest.mark.parametrize(
    "typed",
    ["a" * 65 + "@acme.com", "a@" + "b" * 250 + ".com", "a" * 10_000, "\u00e9" * 40 + "@acme.com"],
)
def test_n01_a_long_address_is_refused(typed):
    """RFC 5321 gives 64 octets to the local part and 254 to the whole."""
    assert code(canonical_email, typed) in {"input.length", "input.email"}


@pytest.mark.parametrize("domain", [CYRILLIC, "xn--cme-5cd.com", "XN--CME-5CD.COM"])
def test_n05_a_homograph_is_another_domain(domain):
    """A Cyrillic letter gives another name; what is kept and shown is the xn-- form."""
    assert canonical_domain(domain) == "xn--cme-5cd.com"
    assert domain_of(canonical_email(f"name@{domain}")) == "xn--cme-5cd.com"


@pytest.mark.parametrize(
    "domain",
    [
        "\uff41cme.com",  # full width
        "\u24d0cme.com",  # circled
        "acme.\u212aom",  # Kelvin sign
        "acme\u3002com",  # ideographic full stop
        "\u2100cme.com",
    ],
)
def test_n05_a_letter_that_folds_to_ascii_is_refused(domain):
    """Mapped by Unicode it would *be* another company's domain."""
    assert code(canonical_domain, domain) == "input.field"


@pytest.mark.parametrize(
    "domain", ["acme", "1.2.3.4", "acme.123", "a b.com", "a/b.com", "-.com", ""]
)
def test_what_is_no_domain(domain):
    """A host alone, an address, anything with other characters."""
    assert code(canonical_domain, domain) == "input.field"


def test_a_domain_may_end_with_its_root():
    """``acme.com.`` is how DNS writes it."""
    assert canonical_domain("ACME.com.") == "acme.com"


def test_n07_nfc_and_nfd_are_one():
    """Two spellings of a name or local part do not make two."""
    for text in ("Zo\u00eb", "\u00c5ngstr\u00f6m", "\ud55c\uae00"):
        other = unicodedata.normalize("NFD", text)
        assert other != text
        assert clean_name(text, 50) == clean_name(other, 50)
        assert canonical_email(f"{text}@acme.com") == canonical_email(f"{other}@acme.com")


def test_n03_floods_and_hidden_characters_are_stripped():
    """Bidi controls, zero width and piles of marks do not reach a page, a mail or a file."""
    assert clean_name(f"{BIDI}Ann{ZERO_WIDTH} Example", 50) == "Ann Example"
    flooded = clean_name("Z" + "\u0301\u0302\u0336" * 200, 50)
    assert len(flooded) < 10
    assert clean_name("Nguy\u1ec5n V\u0103n", 50) == "Nguy\u1ec5n V\u0103n"


@pytest.mark.parametrize("mark", ["\u0315\u0323", "\u0344", "\u0f73", "\u302e", "\u0315\u200b"])
@pytest.mark.parametrize("clean", [clean_name, clean_lines])
def test_n03_a_flood_of_marks_is_never_sorted(mark, clean, monkeypatch):
    """Marks on a letter are sorted in a time that is their square: a form of them takes a minute.

    Nothing else in the process runs meanwhile. Thirty are more than anybody writes (UAX 15, 13).
    """
    sorted_at_once = []

    def normalize(form, text):
        runs = re.findall("[^a]+", text)
        sorted_at_once.extend(map(len, runs))
        return NORMALIZE(form, text)

    monkeypatch.setattr("portal.foundation.text.unicodedata.normalize", normalize)
    assert len(clean(f"a{mark * 5000}a", 50)) <= 32
    assert sorted_at_once
    assert max(sorted_at_once) <= 30


NORMALIZE = unicodedata.normalize

# Drawn as nothing, though Unicode counts them among letters, marks, signs or the unassigned.
UNSEEN = "\u3164\u115f\u1160\uffa0\u2800\u034f\u17b4\u2065\ufff0\U000e0fff"


@pytest.mark.parametrize("hidden", UNSEEN)
def test_n03_n05_what_is_drawn_as_nothing_makes_no_second_address(hidden):
    """A colleague's address with a letter that nobody sees reads as that colleague's."""
    assert code(canonical_email, f"ada{hidden}@acme.com") == "input.char"
    assert clean_name(f"A{hidden}da{hidden}", 50) == "Ada"
    assert clean_name(hidden * 3, 50) == ""


@pytest.mark.parametrize("blank", ["\ufe0f", "\u0301", "\u00a0\ufe0f", "\U000e0100\u3164"])
def test_n03_a_name_is_more_than_marks(blank):
    """A mark alone has no letter to stand on: the name would be blank, or hang on a label."""
    assert clean_name(blank, 50) == ""
    assert clean_name(f"{blank}Ada {blank}L.", 50) == "Ada L."
    assert code(canonical_email, f"{blank}ada@acme.com") in {"input.char", "input.email"}


def test_n03_a_letters_own_form_is_kept():
    """Japanese names choose the form of a letter by a selector after it."""
    assert clean_name("\u8fbb\U000e0100", 50) == "\u8fbb\U000e0100"


@pytest.mark.parametrize("local", ["\uff41da", "\u24d0da", "\U0001d41ada", "a\ufb01", "\u017fam"])
def test_n05_a_letter_that_folds_to_ascii_makes_no_second_address(local):
    """Full width, circled, bold, a ligature: it reads as the address without."""
    assert code(canonical_email, f"{local}@acme.com") == "input.email"


def test_n13_line_breaks_in_a_name_become_a_space():
    """A name is one line, so it writes no header."""
    assert clean_name("Ann\r\nBcc: x@evil.org", 50) == "Ann Bcc: x@evil.org"
    assert clean_lines("one\r\ntwo\x07\n\n", 50) == "one\ntwo"


@pytest.mark.parametrize("bad", ["a\0b", "\0", "a\ud800"])
@pytest.mark.parametrize("clean", [clean_name, clean_lines])
def test_n02_nul_is_refused(bad, clean):
    """PostgreSQL takes neither NUL nor half a surrogate pair: told, not a crash."""
    assert code(clean, bad, 50) == "input.char"


def test_n01_a_long_name_is_refused():
    """What is too long is refused, not cut."""
    assert clean_name("a" * 120, 120) == "a" * 120
    assert code(clean_name, "a" * 10_000, 120) == "input.length"
    assert code(clean_lines, "a\n" * 501, 1000) == "input.length"


ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@pytest.mark.properties
@given(ANYTHING.map(lambda text: text.replace("\0", "")))
def test_a_clean_name_is_clean(text):
    """Cleaning twice is cleaning once; what is left is one printable line in NFC."""
    once = clean_name(text, 1000)
    assert clean_name(once, 1000) == once
    assert unicodedata.is_normalized("NFC", once)
    assert not any(unicodedata.category(char) in {"Cc", "Cf"} for char in once)


LOCALS = st.text(st.characters(categories=["Lu", "Ll", "Lo", "Nd", "Mn"]), min_size=1, max_size=20)
LABELS = st.text(st.characters(categories=["Lu", "Ll", "Lo", "Nd"]), min_size=1, max_size=12)


@pytest.mark.properties
@given(LOCALS, st.lists(LABELS, min_size=2, max_size=3))
def test_an_address_is_canonical_once_and_for_all(local, labels):
    """Its canonical form is its own, in every letter case and normal form."""
    typed = f"{local}@{'.'.join(labels)}"
    try:
        canonical = canonical_email(typed)
    except BadText:
        return
    assert canonical_email(canonical) == canonical
    assert canonical_email(unicodedata.normalize("NFD", typed)) == canonical
    assert domain_of(canonical).isascii()
    assert canonical == canonical.lower()


@pytest.mark.properties
@given(st.text(max_size=40) | st.from_regex(r"'*[=+\-@\t\r\n]+.*", fullmatch=True))
def test_n11_a_cell_is_harmless_and_comes_back(text):
    """No cell begins as a formula does, and reading it gives the value."""
    cell = csv_cell(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert cell_value(cell) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        (";=1+1", ";'=1+1"),
        ('{"name": ";=1+1"}', """{"name": ";'=1+1"}"""),
        ("a; \t@SUM(A1)", "a;' \t'@SUM(A1)"),
        ("a\n=1", "a\n'=1"),
        (";'=1", ";''=1"),
        ("a;b", "a;b"),
        ("a=1;b-c", "a=1;b-c"),
        (" =1", "' =1"),
        (';"=1+1;', """;'"=1+1;"""),
    ],
)
def test_n11_no_formula_behind_a_semicolon(text, cell):
    """Where the comma is the decimal sign, Excel begins a new cell there, quotes or not."""
    assert csv_cell(text) == cell
    assert cell_value(cell) == text


@pytest.mark.properties
@given(st.text("\"';=\n\t -a\r@"))
def test_n11_no_cell_is_a_formula_whichever_sign_parts_them(text):
    """A quotation mark behind a semicolon is read as one that opens a cell, and left out."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(["first", csv_cell(text), "last"])
    for sign in ",;\t":
        for row in csv.reader(io.StringIO(line.getvalue(), newline=""), delimiter=sign):
            assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@"))]


@pytest.mark.properties
@given(st.text("\"';=\n\t -a\r@"))
def test_n11_cells_of_little_else_come_back(text):
    """Marks upon marks."""
    assert cell_value(csv_cell(text)) == text


def test_canonical_json_is_one_text():
    """Order and white space do not matter, and what JSON has not is refused."""
    assert canonical_json({"b": 1, "a": ["\u00e9"]}) == '{"a":["\u00e9"],"b":1}'
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(float("nan"))
