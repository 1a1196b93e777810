"""Forms that say what to do: beside the field, and once on top.

Every text that comes in is cleaned by the field it belongs to (no NUL, no control or bidi
characters, a length that is said) and what was typed is kept when it is refused. Messages tell what
to enter, after the manner of GOV.UK Notify: "Enter the last day of access".
"""

from portal.web.forms.base import FilterForm, PortalForm, Seen, init_forms
from portal.web.forms.fields import (
    CheckField,
    ChecksField,
    ChoiceField,
    DateField,
    EmailField,
    LinesField,
    Needed,
    NoteField,
    NumberField,
    SecretField,
    SelectOneField,
    TextField,
)

__all__ = [
    "CheckField",
    "ChecksField",
    "ChoiceField",
    "DateField",
    "EmailField",
    "FilterForm",
    "LinesField",
    "Needed",
    "NoteField",
    "NumberField",
    "PortalForm",
    "SecretField",
    "Seen",
    "SelectOneField",
    "TextField",
    "init_forms",
]
