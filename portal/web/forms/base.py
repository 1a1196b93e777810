"""The base form, and what the templates ask of a field."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from flask import Flask, request
from flask_wtf import FlaskForm
from flask_wtf.csrf import _FlaskFormCSRF
from wtforms import BooleanField, Field, HiddenField, RadioField, SelectField, TextAreaField

from portal.foundation.refused import Refused
from portal.web.forms.fields import ChecksField
from portal.web.security import csrf_token


class _Token(_FlaskFormCSRF):  # type: ignore[misc]
    def generate_csrf_token(self, csrf_token_field: Any) -> str:  # noqa: ARG002
        """Return the token that every form of this browser has."""
        return csrf_token()


class PortalForm(FlaskForm):  # type: ignore[misc]
    """The base of every form: CSRF token, texts without NUL, refusals beside their field."""

    # What this form calls a field of the rules, where that is not its name.
    called: ClassVar[Mapping[str, str]] = {}

    class Meta:
        """What a form is read from."""

        csrf_class = _Token

        def wrap_formdata(self, _form: Any, formdata: Any) -> Any:
            """Return what was typed: a file or a JSON value in place of a text is nothing typed."""
            if formdata is None or hasattr(formdata, "getlist"):
                return formdata
            return request.form if request.method == "POST" else None

    def validate(self, extra_validators: Any = None) -> bool:
        """Check every field, then all of them together.

        A value with NUL is refused at its field and never read.
        """
        valid = bool(super().validate(extra_validators))
        try:
            self.check_together()
        except Refused as refused:
            self.refuse(refused)
            valid = False
        for field in self:
            if _has_nul(field.raw_data):
                field.errors = [*field.errors, "Remove the characters that cannot be shown"]
                field.raw_data = [value.replace("\0", "") for value in field.raw_data]
                if isinstance(field.data, str):
                    field.data = field.data.replace("\0", "")  # a hidden field shows this one
                valid = False
        return valid

    def check_together(self) -> None:
        """Hold fields against each other, whatever is wrong with others.

        Raises:
            Refused: what is said in the first list of problems, and not once all else is mended.
        """

    def refuse(self, refused: Refused | None = None, *, field: str = "", message: str = "") -> None:
        """Show what a change has refused, beside the fields it is about, else on top."""
        if refused is not None:
            for one in refused.each:
                self.refuse(field=one.field, message=one.message)
            return
        name = self.called.get(field, field.replace("-", "_"))
        if name in self._fields:
            at = self._fields[name]
            at.errors = [*at.errors, message]
        else:
            self.form_errors.append(message)

    def problems(self) -> list[tuple[str, str]]:
        """Return every error, as (id of the field or "", message), in the order of the fields."""
        found = [("", message) for message in self.form_errors]
        for field in self:
            at = field.id
            if isinstance(field, RadioField | ChecksField) and field.choices:
                at = f"{field.id}-0"
            found += [(at, str(message)) for message in _flat(field.errors)]
        return found


class FilterForm(PortalForm):
    """Filters that stand in the address."""

    class Meta:
        """A form that is sent by GET and changes nothing needs no token."""

        csrf = False

    @property
    def asked(self) -> dict[str, Any]:
        """The filters as they stand in the address, for the addresses of further pages."""
        return {field.name: field.raw_data[0] for field in self if any(field.raw_data or ())}


class Seen(PortalForm):
    """A form that holds what it was filled in about, so that nobody's newer change is undone."""

    seen = HiddenField()


def init_forms(app: Flask) -> None:
    """Let the templates ask how a field looks."""
    app.jinja_env.tests.update(group=is_group, check=is_check, hidden=is_hidden)
    app.jinja_env.filters["input_kind"] = input_kind
    app.jinja_env.globals["aria"] = aria


def aria(field: Field, about: str) -> dict[str, str]:
    """Return what ties an input to its hint and error, whose ids stand in *about*."""
    tied = {"aria-describedby": about.strip()} if about.strip() else {}
    return tied | ({"aria-invalid": "true"} if field.errors else {})


def is_group(field: Field) -> bool:
    """Say whether a field is several inputs, which need a fieldset and a legend."""
    return isinstance(field, RadioField | ChecksField)


def is_check(field: Field) -> bool:
    """Say whether a field is one check box, which stands before its label."""
    return isinstance(field, BooleanField)


def is_hidden(field: Field) -> bool:
    """Say whether a field is carried along, and shown to nobody."""
    return isinstance(field, HiddenField)


def input_kind(field: Field) -> str:
    """Return ``select``, ``area`` or ``input``: the class that its look has."""
    if isinstance(field, SelectField) and not isinstance(field, RadioField):
        return "select"
    return "area" if isinstance(field, TextAreaField) else "input"


def _has_nul(raw: Any) -> bool:
    return any(isinstance(value, str) and "\0" in value for value in raw or ())


def _flat(errors: Any) -> Iterable[str]:
    for error in errors:
        if isinstance(error, str):
            yield error
        else:
            yield from _flat(error)
