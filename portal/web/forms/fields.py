"""Fields: each cleans what comes in, and keeps what was typed when it is refused."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any, ClassVar, Final, cast

from wtforms import (
    BooleanField,
    Field,
    IntegerField,
    PasswordField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms import DateField as _DateField
from wtforms.form import BaseForm
from wtforms.validators import Optional, StopValidation
from wtforms.widgets import CheckboxInput, ListWidget

from portal.foundation.clock import YEARS
from portal.foundation.refused import Refused
from portal.foundation.text import (
    BadText,
    canonical_email,
    clean_lines,
    clean_name,
)
from portal.web.forms.widgets import Area, Box, Line

NAME_LIMIT: Final = 120
NOTE_LIMIT: Final = 1000
_NAMED: Final = 5  # of the entries of a list that are wrong
_RAW_LIMIT: Final = 200_000  # characters of any one value, before a field looks at it


class Needed:
    """An answer is needed; *thing* completes "Enter ...", or is a whole sentence."""

    field_flags: ClassVar[dict[str, bool]] = {"required": True}

    def __init__(self, thing: str) -> None:
        self.message = thing if thing[:1].isupper() else f"Enter {thing}"

    def __call__(self, _form: BaseForm, field: Field) -> None:
        """Say what to enter, unless what was entered is wrong in another way."""
        if field.process_errors:
            raise StopValidation
        if field.data in (None, "", "None", False) or field.data in ((), []):
            raise StopValidation(self.message)


def needs(thing: str | None) -> list[Any]:
    """Return the validators of a field that needs an answer, or may be left empty (None)."""
    return [Needed(thing)] if thing else [Optional()]


class _Cleaned:
    """What the text fields share: clean on the way in, keep what was typed when it is refused."""

    data: Any
    raw_data: list[str] | None

    def clean(self, text: str) -> Any:
        return clean_name(text, _RAW_LIMIT)

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        """Clean the value; what is wrong with it is said beside the field."""
        self.data = None
        if not valuelist or not valuelist[0].strip():
            return
        if len(valuelist[0]) > _RAW_LIMIT:
            raise ValueError("Use fewer characters")
        try:
            self.data = self.clean(valuelist[0])
        except (BadText, Refused) as bad:
            raise ValueError(bad.message) from bad

    def _value(self) -> str:
        if self.raw_data:
            return self.raw_data[0].replace("\0", "")
        return self.shown(self.data) if self.data is not None else ""

    def shown(self, data: Any) -> str:
        return str(data)


class TextField(_Cleaned, StringField):
    """One line: a name, a reference, a title."""

    widget = Line()

    def __init__(
        self,
        label: str,
        required: str | None = None,
        *,
        limit: int = NAME_LIMIT,
        check: Callable[[str], str] | None = None,
        **kwargs: Any,
    ) -> None:
        """Make the field.

        Args:
            label: its words.
            required: what to enter, as in "the name of the organisation"; None: may be empty.
            limit: most characters.
            check: returns the final text, or raises ``BadText`` or ``Refused``.
            kwargs: for the base class; ``description`` is the hint below the label.
        """
        self.limit, self.check = limit, check
        super().__init__(label, [*needs(required), *kwargs.pop("validators", [])], **kwargs)

    def clean(self, text: str) -> str:
        """Return the line, cleaned and checked."""
        line = clean_name(text, self.limit)
        return self.check(line) if self.check else line


class EmailField(TextField):
    """An e-mail address, in its one canonical form."""

    def __init__(self, label: str, required: str | None = None, **kwargs: Any) -> None:
        keywords = {"type": "email", "autocomplete": "email", "spellcheck": "false"}
        kwargs["render_kw"] = keywords | kwargs.get("render_kw", {})
        super().__init__(label, required, **kwargs)

    def clean(self, text: str) -> str:
        """Return the address."""
        return canonical_email(text)


class NoteField(_Cleaned, TextAreaField):
    """Several lines: a reason, a note, the terms of use."""

    widget = Area()

    def __init__(
        self, label: str, required: str | None = None, *, limit: int = NOTE_LIMIT, **kwargs: Any
    ) -> None:
        self.limit = limit
        kwargs["render_kw"] = {"rows": "4"} | kwargs.get("render_kw", {})
        super().__init__(label, [*needs(required), *kwargs.pop("validators", [])], **kwargs)

    def clean(self, text: str) -> str:
        """Return the text, its line breaks kept."""
        return clean_lines(text, self.limit)


class LinesField(_Cleaned, TextAreaField):
    """A list, one entry a line (commas may separate too); its data is a tuple without doubles."""

    widget = Area()

    def __init__(
        self,
        label: str,
        required: str | None = None,
        *,
        each: Callable[[str], str] = lambda text: clean_name(text, 255),
        most: int = 100,
        commas: bool = True,
        **kwargs: Any,
    ) -> None:
        """Make the field.

        Args:
            label: its words.
            required: what to enter; None: may be empty.
            each: returns the final form of an entry, or raises ``BadText``, or ``Refused`` whose
                message names the entry itself.
            most: most entries.
            commas: whether they separate; not where an entry may hold one.
            kwargs: for the base class.
        """
        self.each, self.most, self.commas = each, most, commas
        kwargs["render_kw"] = {"rows": "3", "spellcheck": "false"} | kwargs.get("render_kw", {})
        super().__init__(label, needs(required), **kwargs)

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        """Clean every entry."""
        super().process_formdata(valuelist)
        self.data = self.data or ()

    def clean(self, text: str) -> tuple[str, ...]:
        """Return the entries; those that are wrong are named, as far as one can take them in."""
        lines = text.replace(",", "\n") if self.commas else text
        entries = [entry.strip() for entry in lines.splitlines()]
        kept: dict[str, None] = {}
        faults: list[str] = []
        for entry in filter(None, entries):
            try:
                if done := self.each(entry):  # of unseen characters nothing is left
                    kept[done] = None
            except BadText as bad:
                faults.append(f"{bad.message} (not {clean_name(entry, 2**20)[:60]})")
            except Refused as refused:
                faults.append(refused.message)
        if faults:
            more = [f"And {len(faults) - _NAMED} more"] if len(faults) > _NAMED else []
            raise BadText("input.field", ". ".join(faults[:_NAMED] + more))
        if len(kept) > self.most:
            raise BadText("input.length", f"Enter {self.most} at most")
        return tuple(kept)

    def shown(self, data: Any) -> str:
        """Return the entries, one a line."""
        return "\n".join(cast("Iterable[str]", data))


class DateField(_DateField):
    """A date in ISO form, as the browser's own date field sends it."""

    def __init__(self, label: str, required: str | None = None, **kwargs: Any) -> None:
        super().__init__(label, [*needs(required), *kwargs.pop("validators", [])], **kwargs)

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        """Read the date."""
        self.data = None
        if not valuelist or not valuelist[0].strip():
            return
        try:
            self.data = date.fromisoformat(valuelist[0].strip())
        except ValueError as fault:
            raise ValueError("Enter a date, like 2027-03-01") from fault
        if self.data.year not in YEARS:
            raise ValueError("Enter a date of this century, like 2027-03-01")

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0]).replace("\0", "")
        return self.data.isoformat() if self.data else ""


class NumberField(IntegerField):
    """A whole number between two bounds."""

    def __init__(
        self, label: str, least: int, most: int, required: str | None = None, **kwargs: Any
    ) -> None:
        self.least, self.most = least, most
        bounds = {"min": str(least), "max": str(most), "inputmode": "numeric"}
        kwargs["render_kw"] = bounds | kwargs.get("render_kw", {})
        super().__init__(label, needs(required), **kwargs)

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        """Read the number."""
        self.data = None
        if not valuelist or not valuelist[0].strip():
            return
        text = valuelist[0].strip()
        in_bounds = text.isascii() and text.isdigit() and len(text) <= 9  # noqa: PLR2004
        if not in_bounds or not self.least <= int(text) <= self.most:
            raise ValueError(f"Enter a whole number between {self.least} and {self.most}")
        self.data = int(text)


class SecretField(PasswordField):
    """A secret: never shown again, so an empty one means "as it is"."""

    def __init__(self, label: str, required: str | None = None, **kwargs: Any) -> None:
        kwargs["render_kw"] = {"autocomplete": "off"} | kwargs.get("render_kw", {})
        super().__init__(label, needs(required), **kwargs)


class _Offers:
    """Choices may be (value, label) pairs, at the class or set later."""

    def __init__(
        self, label: str, choices: Any = None, required: str | None = None, **kwargs: Any
    ) -> None:
        kwargs.setdefault("invalid_choice_message", "Choose one of those offered")
        super().__init__(label, needs(required), choices=_offered(choices), **kwargs)  # type: ignore[call-arg]

    @property
    def choices(self) -> Any:
        """What is offered."""
        return super().choices  # type: ignore[misc]

    @choices.setter
    def choices(self, choices: Any) -> None:
        offered: Any = SelectField.choices
        offered.fset(self, _offered(choices))


class ChoiceField(_Offers, RadioField):
    """One of a few, all in sight."""

    def pre_validate(self, form: Any) -> None:
        """Refuse what was not offered; nothing chosen is for the validators to say."""
        if any(self.raw_data or ()):
            super().pre_validate(form)


class SelectOneField(_Offers, SelectField):
    """One of many."""


class ChecksField(_Offers, SelectMultipleField):
    """Any of a few, as check boxes; its data is a list."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()


class CheckField(BooleanField):
    """Yes or no."""

    widget = Box()

    def __init__(self, label: str, required: str | None = None, **kwargs: Any) -> None:
        super().__init__(label, [Needed(required)] if required else [], **kwargs)


def _offered(choices: Any) -> Any:
    """Return pairs as the mapping that WTForms takes; whatever else it takes, as it is."""
    pairs = isinstance(choices, list | tuple) and all(isinstance(one, tuple) for one in choices)
    return dict(choices) if pairs else choices
