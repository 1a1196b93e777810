"""One canonical form, whatever is written: addresses, domains, names, notes, cells."""

import re
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portal.delivery.rules import is_one_address
from portal.delivery.words import one_line, quoted
from portal.foundation.text import (
    EMAIL_LIMIT,
    BadText,
    canonical_domain,
    canonical_email,
    clean_lines,
    clean_name,
    csv_cell,
    domain_of,
)
from tests.properties.texts import cell_value, domains, emails, texts

pytestmark = pytest.mark.properties

CODES = {"input.char", "input.length", "input.email", "input.field"}
FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def attempt(function: Callable[..., str], *arguments: object) -> str | None:
    """What a function makes of something; a refusal of its own is None, nothing else may happen."""
    try:
        return function(*arguments)
    except BadText as fault:
        bad = fault
    assert bad.code in CODES
    assert bad.message
    return None


@given(emails)
@example("a@acme.com,b@evil.org")
@example("\u0130@acme.com")
@example("a\u0308\u0323@acme.com")
def test_an_address_is_one_and_its_own_form(text: str):
    """Idempotent, one at-sign, ASCII domain, no capital, short; every normal form is the same."""
    email = attempt(canonical_email, text)
    if email is None:
        return
    assert canonical_email(email) == email
    assert email.count("@") == 1
    assert is_one_address(email)
    assert len(email.encode()) <= EMAIL_LIMIT
    assert not any(unicodedata.category(one) in HIDDEN or one.isspace() for one in email)
    assert unicodedata.is_normalized("NFC", email)
    assert canonical_domain(domain_of(email)) == domain_of(email)
    for form in ("NFC", "NFD"):
        assert canonical_email(unicodedata.normalize(form, text)) == email
    assert attempt(canonical_email, f" {text} ") in (email, None)


@given(domains | texts)
@example("xn--a")
@example("\u0430cme.com")
@example("acme.com..")
def test_a_domain_is_its_own_form(text: str):
    """Idempotent, letters digits hyphens, no look-alike folds into ASCII."""
    domain = attempt(canonical_domain, text)
    if domain is None:
        return
    assert canonical_domain(domain) == domain
    assert canonical_domain(domain.upper()) == domain
    assert re.fullmatch(r"(?!-)[a-z0-9-]+(?<!-)(\.(?!-)[a-z0-9-]+(?<!-))+", domain)
    assert all(len(label) <= 63 for label in domain.split("."))
    if not text.isascii():
        assert "xn--" in domain


@given(texts, st.integers(0, 60))
def test_a_name_is_one_printable_line(text: str, limit: int):
    """Idempotent, within its limit, nothing hidden in it, no line break, no flood of marks."""
    name = attempt(clean_name, text, limit)
    if name is None:
        return
    assert clean_name(name, limit) == name
    assert len(name) <= limit
    assert name == " ".join(name.split())
    assert not any(unicodedata.category(one) in HIDDEN for one in name)
    assert unicodedata.is_normalized("NFC", name)
    name.encode()


@given(texts, st.integers(0, 60))
def test_a_note_is_clean_line_by_line(text: str, limit: int):
    """Idempotent; LF is the only control character."""
    note = attempt(clean_lines, text, limit)
    if note is None:
        return
    assert clean_lines(note, limit) == note
    assert len(note) <= limit
    assert not any(unicodedata.category(one) in HIDDEN for one in note.replace("\n", ""))
    assert all(line == clean_name(line, limit) for line in note.split("\n"))


@given(texts)
@example("=1+1")
@example("'=1+1")
@example("\uff1d1")
@example("\t=1")
@example("")
def test_n11_no_cell_is_a_formula_and_all_come_back(text: str):
    """Harmless after white space too; what was quoted, and that alone, is quoted when read."""
    cell = csv_cell(text)
    assert not cell.startswith(FORMULA)
    assert cell_value(cell) == text


@given(texts)
def test_what_a_mail_says_of_somebody_is_one_line(text: str):
    """No break that could begin a header, no control character, nothing that looks like a link."""
    line = one_line(text)
    assert one_line(line) == line
    assert len(line.splitlines()) <= 1
    assert not any(unicodedata.category(one).startswith("C") for one in line)
    assert not re.search(r"://|www\.\w", quoted(text))
