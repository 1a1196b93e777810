"""The inputs are those that WTForms writes."""

import pytest
from werkzeug.datastructures import MultiDict
from wtforms.widgets import CheckboxInput, TextArea, TextInput

from portal.web.forms import CheckField, EmailField, LinesField, NoteField, PortalForm, TextField
from portal.web.forms.widgets import attributes
from tests.web.conftest import PUBLIC, Kit


class Some(PortalForm):
    """Fields that we draw ourselves."""

    name = TextField("Name", "a name")
    nick = TextField("Nick")
    email = EmailField("E-mail")
    note = NoteField("Note", "a note", limit=10_000)
    lines = LinesField("Lines")
    sure = CheckField("Sure", "Tick it")
    also = CheckField("Also")


TYPED = [
    '"><script>alert(1)</script>',
    "a & b",
    "' onfocus='x",
    "\n leading",
    "</textarea>",
    "",
    "ü",
]
TOLD = [
    {},
    {"class": "form-control", "aria-describedby": "a b", "list": False},
    {"autofocus": True, "placeholder": 'say "x" & <y>', "required": False},
]


@pytest.mark.parametrize("told", TOLD)
@pytest.mark.parametrize("typed", TYPED)
def test_they_are_what_the_library_writes(kit: Kit, typed, told):
    """Letter by letter, whatever was typed and whatever the macro says."""
    given = dict.fromkeys(("name", "nick", "email", "note", "lines"), typed)
    with kit.app.test_request_context("/", base_url=PUBLIC):
        form = Some(formdata=MultiDict(given | {"sure": "y"}), meta={"csrf": False})
        for field in form:
            library = {"sure": CheckboxInput(), "also": CheckboxInput()}.get(field.name) or (
                TextArea() if field.name in {"note", "lines"} else TextInput()
            )
            said = {**(field.render_kw or {}), **told}
            assert field(**told) == library(field, **said), field.name


def test_an_attribute_cannot_be_left(kit: Kit):
    """What stands in one is escaped, once."""
    assert attributes(value='a" b="c', checked=True, gone=False) == (
        'checked value="a&#34; b=&#34;c"'
    )
