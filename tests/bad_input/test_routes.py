"""Whatever is sent in a form is refused at its field, or taken and cleaned; nothing in between."""

import io
import json
import re
from collections.abc import Iterator, Mapping
from itertools import permutations
from typing import Any, Final

import pytest
from markupsafe import escape
from werkzeug.test import TestResponse

from portal.foundation.db import db
from portal.web.forms.base import PortalForm
from portal.web.security import MOST_BODY
from tests.bad_input.entry import Entry
from tests.bad_input.nasty import MARKUP, NO, NUMBER, YES, Nasty, is_clean
from tests.bad_input.routes import ENTRIES
from tests.bad_input.world import Form, House, new_texts
from tests.replay import folded, kept

REFUSED: Final = {400, 404, 409, 410, 413, 422}
EACH: Final = pytest.mark.parametrize("entry", ENTRIES, ids=[one.endpoint for one in ENTRIES])
UNESCAPED: Final = ("<script>alert(1)", "<img src=x")
_FORMS: Final = {one.endpoint for one in ENTRIES}


def test_every_form_meets_bad_input(house: House):
    """A new form fails here until it has an entry, and an entry whose form is gone."""
    looks = {"GET", "HEAD", "OPTIONS"}
    rules = house.app.url_map.iter_rules()
    takes = {rule.endpoint for rule in rules if (rule.methods or set()) - looks}
    assert takes == _FORMS
    assert len(ENTRIES) == len(_FORMS)


@EACH
def test_every_field_meets_bad_input(house: House, entry: Entry):
    """A new field of a form fails here until it says what may be sent in it."""
    there = {name for name in _open(house, entry).names if not name.endswith("csrf_token")}
    assert there == set(entry.fields)


@EACH
def test_every_field_that_is_read_meets_bad_input(house: House, entry: Entry, monkeypatch):
    """Nor does a field pass that no page draws: whatever is sent with the form fills it too."""
    made, read = set(), set()
    begin, validate = PortalForm.__init__, PortalForm.validate

    def noted(form: PortalForm, *arguments: Any, **more: Any) -> None:
        begin(form, *arguments, **more)
        made.update(_names(form))

    def asked(form: PortalForm, **more: Any) -> bool:
        read.update(_names(form))
        return validate(form, **more)

    form = _open(house, entry)
    monkeypatch.setattr(PortalForm, "__init__", noted)
    monkeypatch.setattr(PortalForm, "validate", asked)
    answer = house.post(entry.who, form, _values(house, entry))
    assert answer.status_code in {200, 303}, _said(answer.text)
    assert read - set(entry.fields) == set()
    # The other forms of a page are made with it; each is read where it is sent to.
    assert made - {name for one in ENTRIES for name in one.fields} == set()
    assert set(entry.fields) - read <= READ_BY_HAND.get(entry.endpoint, set())


# A button's own value.
READ_BY_HAND: Final = {"providers.attest": {"attested"}}


def _names(form: PortalForm) -> set[str]:
    names = (field.name for field in form._fields.values())
    return {name for name in names if not name.endswith("csrf_token")}


@EACH
def test_what_is_bad_is_refused_and_what_is_odd_is_cleaned(house: House, entry: Entry):
    """The answer names the field and keeps what was typed; markup is never markup."""
    form = _open(house, entry)
    good = _values(house, entry)
    wrong = []
    for names, value in _tries(house, entry):
        before = house.rows()
        answer = house.post(entry.who, form, {**good, **dict.fromkeys(names, value.value)})
        said = _faults(house, entry, form, answer, before, value)
        if answer.status_code == 422:
            said += [one for name in names for one in _shown(answer.text, name, value)]
        wrong += [(names, value.value[:80], one) for one in said]
        if house.rows() != before:
            house.back_to(house.forms[entry.endpoint][1])
    assert wrong == []


def _tries(house: House, entry: Entry) -> Iterator[tuple[tuple[str, ...], Nasty]]:
    """Yield every bad value with the field that it goes into; numbers go into all at once."""
    numbers = tuple(name for name, values in entry.fields.items() if values is NUMBER)
    for value in NUMBER if numbers else ():
        yield numbers, value
    for name, values in entry.fields.items():
        strangers = [Nasty(str(house.world.ids[one])) for one in entry.foreign.get(name, ())]
        for value in (*values, *strangers) if name not in numbers else ():
            yield (name,), value


def _faults(
    house: House,
    entry: Entry,
    form: Form,
    answer: TestResponse,
    before: Mapping[str, Any],
    value: Nasty,
) -> list[str]:
    """Return what is wrong with an answer to a bad value."""
    status, after = answer.status_code, house.rows()
    found = []
    if value.may == NO and status not in REFUSED:
        found.append(f"taken with {status}")
    if value.may == YES and status in REFUSED:
        found.append(f"refused with {status}: {_said(answer.text)}")
    if status in REFUSED:
        found += [] if after == before else [f"refused with {status}, and something was written"]
    elif status not in {200, 303}:
        found.append(f"answered {status}")
    found += [f"keeps {text[:80]!r}" for text in new_texts(before, after) if not is_clean(text)]
    pages = (answer.text, house.follow(entry.who, form, answer))
    found += [f"shows {mark}" for mark in UNESCAPED if any(mark in page for page in pages)]
    return found


def _shown(page: str, name: str, value: Nasty) -> list[str]:
    """Return what a refusing page lacks: a message that names the field, and what was typed."""
    found = [] if _said(page) else ["no message"]
    if "\0" in page:
        found.append("shows NUL")
    text = rf'<(input|textarea)\b(?=[^>]*\bname="{re.escape(name)}")[^>]*>'
    at = re.search(text, page)
    if at is None or 'type="password"' in at[0] or re.search(r'type="(hidden|radio|check)', at[0]):
        return found
    if f'id="{value.beside or name}-error"' not in page:
        found.append(f"no message at the field, but {_said(page)}")
    kept = str(escape(value.value.replace("\0", "")))
    if kept.replace("\r\n", "\n") not in page.replace("\r\n", "\n"):
        found.append("what was typed is gone")
    return found


def _said(page: str) -> str:
    """Return the problems that a page tells."""
    found = re.search(r'role="alert".*?</div>', page, re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", found[0].partition(">")[2]).split()) if found else ""


@EACH
def test_sent_twice_it_is_done_once(house: House, entry: Entry):
    """A doubled click, or the way back: the second says so, or is answered like the first."""
    form = _open(house, entry)
    good = _values(house, entry)
    before = house.rows()
    first = house.post(entry.who, form, good)
    once = house.rows()
    assert first.status_code in {200, 303}, _said(first.text)
    second = house.post(entry.who, form, good)
    assert second.status_code in (REFUSED | {303} if entry.again else {200, 303})
    assert entry.again in _words(house.follow(entry.who, form, second))
    assert entry.repeats or house.rows() == once
    assert first.status_code == 200 or entry.endpoint in NO_ROWS or once != before


def _words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", "", page).split())


# A mail; sessions, which pass.
NO_ROWS: Final = {"health.test_mail", "sign_in.sign_out", "signed_in.end_elsewhere"}


PAIRS: Final = [
    (one, other)
    for one, other in permutations(ENTRIES, 2)
    if (one.who, one.page, one.before) == (other.who, other.page, other.before)
]


def test_the_way_back_to_another_form_of_the_page(house: House):
    """What a page offered before its first form was sent: taken whole, or refused with a word."""
    wrong = []
    for one, other in PAIRS:
        stale = _open(house, other)
        assert house.post(one.who, _open(house, one), _values(house, one)).status_code in {200, 303}
        before = house.rows()
        answer = house.post(other.who, stale, _values(house, other))
        page = house.follow(other.who, stale, answer)
        told = _said(page) or "later, and nothing" in page or 'class="done' in page
        if answer.status_code not in REFUSED | {200, 303} or not told:
            wrong.append((one.endpoint, other.endpoint, answer.status_code))
        if answer.status_code in REFUSED:
            if house.rows() != before:
                wrong.append((one.endpoint, other.endpoint, "refused, and something was written"))
            continue
        with house.app.app_context():
            if folded(house.world.scene.session) != kept(house.world.scene.session):
                wrong.append((one.endpoint, other.endpoint, "the audit log tells another story"))
            db.session.remove()
    assert wrong == []


@EACH
def test_it_is_nobody_elses(house: House, entry: Entry):
    """Other people, other people's things, no token, too much: nothing is written."""
    form = _open(house, entry)
    good = _values(house, entry)
    before = house.rows()
    answers = {who: house.post(who, form, good).status_code for who in _others(entry)}
    # 303: on to the sign-in, or to the one page that somebody may see.
    assert {who: status for who, status in answers.items() if status not in {303, 403, 404}} == {}
    for path in entry.elsewhere:
        answer = house.post(entry.who, form, good, to=house.path(path))
        told = entry.again and entry.again in _words(house.follow(entry.who, form, answer))
        assert answer.status_code == 404 or told, path
    assert house.rows() == before


def _others(entry: Entry) -> list[str]:
    if entry.who == "petra":
        return ["nobody", "anna", "jonas"]
    if entry.who == "jonas":
        return ["nobody", "anna", "petra", "otto"]
    return ["nobody", "petra"] if entry.endpoint.startswith("guest.") else []


@EACH
def test_no_other_shape_of_request_comes_in(house: House, entry: Entry):
    """No token, a hundred thousand fields, a large body, files and JSON in place of a form."""
    form = _open(house, entry)
    good = {**form.fields, **_values(house, entry)}
    bare = {name: value for name, value in good.items() if not name.endswith("csrf_token")}
    token = next(value[0] for name, value in form.fields.items() if name.endswith("csrf_token"))
    many = {f"f{i}": "x" for i in range(501)}
    before = house.rows()
    assert house.post(entry.who, form, data=bare).status_code == 400
    assert house.post(entry.who, form, data={**good, "csrf_token": "ä\0" * 9}).status_code == 400
    assert house.post(entry.who, form, data={**good, **many}).status_code == 413
    large = {**good, "more": "x" * MOST_BODY}
    assert house.post(entry.who, form, data=large).status_code == 413
    assert house.rows() == before
    headers = {"X-CSRFToken": token}
    body = json.dumps(dict.fromkeys(entry.fields, 1) or [1, 2])
    kind = "application/json"
    answer = house.post(entry.who, form, data=body, content_type=kind, headers=headers)
    assert answer.status_code < 500


@EACH
def test_a_file_is_no_text(house: House, entry: Entry):
    """A part with a file name, where a field should be, is nothing that was typed."""
    form = _open(house, entry)
    good = {**form.fields, **_values(house, entry)}
    before = house.rows()
    data = {**good, **{one: (io.BytesIO(MARKUP.encode()), "x.txt") for one in entry.fields}}
    answer = house.post(entry.who, form, data=data, content_type="multipart/form-data")
    assert answer.status_code < 500
    assert all(map(is_clean, new_texts(before, house.rows())))


def test_a_hundred_thousand_fields(house: House):
    """Once, since the test before this one shows that every form has the same bound."""
    (entry,) = (one for one in ENTRIES if one.endpoint == "admin_guests.suspend")
    form = _open(house, entry)
    body = "&".join(f"f{i}=x" for i in range(100_000))
    kind = "application/x-www-form-urlencoded"
    assert house.post(entry.who, form, data=body, content_type=kind).status_code == 413


def _open(house: House, entry: Entry) -> Form:
    """Return the form on its page, in the state in which it stands there; looked at once."""
    if entry.endpoint not in house.forms:
        house.back_to(house.first)
        if entry.before:
            entry.before(house)
        form = house.form(entry.who, house.path(entry.page), house.path(entry.to))
        house.forms[entry.endpoint] = form, house.keep()
    form, state = house.forms[entry.endpoint]
    house.back_to(state)
    return form


def _values(house: House, entry: Entry) -> dict[str, Any]:
    """Return what makes the form good, with the ids of this world."""

    def put(value: Any) -> Any:
        return [put(one) for one in value] if isinstance(value, list) else house.path(value)

    return {name: put(value) for name, value in entry.good.items()}
