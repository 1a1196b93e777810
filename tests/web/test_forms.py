"""Forms: what to do stands beside the field, and what was typed stays (cases N01-N03, N13)."""

import re
from datetime import date

import pytest
from flask import render_template_string
from werkzeug.datastructures import MultiDict

from portal.foundation.refused import Refused
from portal.foundation.text import canonical_domain
from portal.web.forms import (
    CheckField,
    ChecksField,
    ChoiceField,
    DateField,
    EmailField,
    LinesField,
    NoteField,
    NumberField,
    PortalForm,
    SecretField,
    SelectOneField,
    TextField,
)
from tests.web.conftest import PUBLIC, Kit

DOMAIN = "Enter a domain name, like example.com"


class Everything(PortalForm):
    """A field of each kind."""

    name = TextField("Name", "the name of the organisation", limit=20)
    email = EmailField("E-mail", "an e-mail address")
    note = NoteField("Reason", limit=50)
    domains = LinesField("Domains", each=canonical_domain, most=3)
    ends = DateField("Last day", "the last day of access", description="Berlin time.")
    days = NumberField("Days", 1, 365)
    secret = SecretField("Client secret")
    approval = ChoiceField(
        "Approval",
        [("first", "Sponsor first"), ("at-once", "At once")],
        "Choose when it begins",
    )
    sponsor = SelectOneField("Sponsor", [("", "Nobody"), ("a", "Ann")])
    offers = ChecksField("May use", choices=[("o", "Orders"), ("d", "Drawings")])
    sure = CheckField("I agree", "Tick the box to agree")


GOOD = {
    "name": " Acme  Ltd ",
    "email": "Ann@ACME.example",
    "note": "one\r\ntwo",
    "domains": "Acme.example, acme.example\nglobex.example",
    "ends": "2027-03-01",
    "days": "90",
    "secret": "hush",
    "approval": "first",
    "sponsor": "a",
    "offers": ["o", "d"],
    "sure": "y",
}


@pytest.fixture
def fill(kit: Kit):
    with kit.app.test_request_context("/", base_url=PUBLIC):

        def make(form=Everything, **changes):
            values = {key: value for key, value in (GOOD | changes).items() if value is not None}
            return form(formdata=MultiDict(values), meta={"csrf": False})

        yield make


def test_good_answers_come_in_their_final_form(fill):
    """Canonical, clean, typed."""
    form = fill()
    assert form.validate(), form.errors
    assert form.data | {"csrf_token": None} == {
        "csrf_token": None,
        "name": "Acme Ltd",
        "email": "ann@acme.example",
        "note": "one\ntwo",
        "domains": ("acme.example", "globex.example"),
        "ends": date(2027, 3, 1),
        "days": 90,
        "secret": "hush",
        "approval": "first",
        "sponsor": "a",
        "offers": ["o", "d"],
        "sure": True,
    }


@pytest.mark.parametrize(
    ("field", "typed", "message"),
    [
        ("name", "", "Enter the name of the organisation"),
        ("name", "   ", "Enter the name of the organisation"),
        ("name", None, "Enter the name of the organisation"),
        ("name", "a" * 21, "Use 20 characters or fewer"),
        ("name", "a" * 10_000, "Use 20 characters or fewer"),
        ("name", "a" * 250_000, "Use fewer characters"),
        ("name", "a\0b", "Remove the characters that cannot be shown"),
        ("email", "a@acme.example,b@x.example", "Enter an e-mail address, like name@example.com"),
        ("email", "", "Enter an e-mail address"),
        ("email", "a@acme.example\0", "Remove the invisible characters and type it again"),
        ("note", "a" * 51, "Use 50 characters or fewer"),
        ("domains", "acme.example, nope", f"{DOMAIN} (not nope)"),
        ("domains", "a.example b.example", f"{DOMAIN} (not a.example b.example)"),
        ("domains", "a.example,b.example,c.example,d.example", "Enter 3 at most"),
        ("ends", "", "Enter the last day of access"),
        ("ends", "1 March", "Enter a date, like 2027-03-01"),
        ("ends", "2027-02-30", "Enter a date, like 2027-03-01"),
        ("ends", "9999-12-31", "Enter a date of this century, like 2027-03-01"),
        ("days", "0", "Enter a whole number between 1 and 365"),
        ("days", "1.5", "Enter a whole number between 1 and 365"),
        ("days", "\u0663", "Enter a whole number between 1 and 365"),
        ("days", "9" * 5000, "Enter a whole number between 1 and 365"),
        ("approval", None, "Choose when it begins"),
        ("approval", "never", "Choose one of those offered"),
        ("sure", None, "Tick the box to agree"),
        ("secret", "a\0b", "Remove the characters that cannot be shown"),
        ("offers", ["o\0"], "Choose one of those offered"),
    ],
)  # fmt: skip
def test_a_wrong_answer_says_what_to_do(fill, field, typed, message):
    """Once, beside its field, and the others are fine."""
    form = fill(**{field: typed})
    assert not form.validate()
    assert set(form.errors) == {field}
    assert form.errors[field][0] == message
    assert len(form.errors[field]) == 1 or "\0" in "".join(typed)


@pytest.mark.parametrize("field", ["note", "domains", "days", "secret", "offers"])
def test_what_may_be_left_empty(fill, field):
    """Empty is an answer."""
    for typed in ("", None):
        form = fill(**{field: typed})
        assert form.validate() or field == "offers", form.errors


def test_n03_hidden_characters_do_not_come_in(fill):
    """Stripped from names and notes, before anything shows them."""
    form = fill(name="\u202eAnn\u200b", note="a\u2066b")
    assert form.validate()
    assert (form.name.data, form.note.data) == ("Ann", "ab")


def test_n13_a_name_is_one_line(fill):
    """A line break typed into it is a space."""
    form = fill(name="Ann\r\nBcc: x")
    assert form.validate()
    assert form.name.data == "Ann Bcc: x"


PAGE = """{% from "_macros/forms.html" import begin, field, button with context %}
{% call begin(form) %}{% for f in form if f.name != "csrf_token" %}{{ field(f) }}{% endfor %}
{{ button("Save") }}{% endcall %}"""


def test_a_page_shows_problems_on_top_and_beside_the_fields(fill):
    """Linked, described, and with everything that was typed."""
    form = fill(name="a" * 21 + "<b>", ends="soon", approval=None, offers=["o"])
    assert not form.validate()
    page = render_template_string(PAGE, form=form)
    top = re.search(
        r'<div class="problem" role="alert" tabindex="-1" data-focus>.*?</div>', page, re.DOTALL
    )
    assert top is not None
    assert '<a href="#name">Use 20 characters or fewer</a>' in top[0]
    assert '<a href="#ends">Enter a date, like 2027-03-01</a>' in top[0]
    assert '<a href="#approval-0">Choose when it begins</a>' in top[0]
    assert re.search(r'<input[^>]* id="name"[^>]* value="a{21}&lt;b&gt;"', page)
    ends = re.search(r'<input[^>]* id="ends"[^>]*>', page)
    assert ends is not None
    for part in ('aria-invalid="true"', 'aria-describedby="ends-error ends-hint"', 'value="soon"'):
        assert part in ends[0]
    assert '<p class="error mb-1" id="ends-error">Enter a date' in page
    assert '<p class="note mb-1" id="ends-hint">Berlin time.</p>' in page
    assert "novalidate" in page
    assert re.search(r'<input checked[^>]* value="o">', page)
    assert "hush" not in page


def test_every_input_has_a_label(fill):
    """Its own, or the one around it; a group has a legend."""
    page = render_template_string(PAGE, form=fill())
    for found in re.finditer(r'<(?:input|select|textarea)[^>]* id="([^"]+)"[^>]*>', page):
        if 'type="hidden"' in found[0]:
            continue
        labelled = f'for="{found[1]}"' in page
        wrapped = page[: found.start()].rstrip().endswith('<label class="form-check">')
        assert labelled or wrapped, found[0]
    assert page.count("<legend") == 2
    assert page.count("(optional)") == 5
    assert "data-focus" not in page


def test_what_a_change_refuses_stands_at_its_field(fill):
    """A page hands on what a room said; what is about no field stands on top."""
    form = fill()
    assert form.validate()
    form.refuse(Refused("last-day", "x"))
    form.refuse(Refused("domains", "globex.example belongs to Globex"))
    form.refuse(field="name", message="There is an Acme already")
    assert form.problems() == [
        ("", "x"),
        ("name", "There is an Acme already"),
        ("domains", "globex.example belongs to Globex"),
    ]


def test_a_form_of_ours_is_checked_for_its_token(kit: Kit):
    """The base form carries it."""
    with kit.app.test_request_context("/", base_url=PUBLIC, method="POST"):
        form = Everything(formdata=MultiDict(GOOD))
        assert not form.validate()
        assert "csrf_token" in form.errors
