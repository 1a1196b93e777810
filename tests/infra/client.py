"""Flask's test client, behaving as a browser does on the portal's own address."""

from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

from flask.testing import FlaskClient
from werkzeug.test import TestResponse


class PortalClient(FlaskClient):
    """Speaks to the configured public URL and sends the Referer that a page of ours would send."""

    public_url: str

    def open(self, *args: Any, **kwargs: Any) -> TestResponse:
        """Send a request; everything is as for Flask's own client."""
        kwargs.setdefault("base_url", self.public_url)
        headers = dict(kwargs.pop("headers", None) or {})
        headers.setdefault("Referer", f"{self.public_url}/")
        return super().open(*args, headers=headers, **kwargs)

    def submit(
        self,
        page: str,
        data: dict[str, Any] | None = None,
        *,
        to: str | None = None,
        button: str | None = None,
    ) -> TestResponse:
        """Fill in the form of a page and send it, with all that the page put into it.

        Args:
            page: path of the page to read first.
            data: fields to change; a list gives several values of one name.
            to: end of the action, when the page has several forms that post.
            button: text on the button to press, when its name and value matter.
        """
        answer = self.get(page)
        assert answer.status_code == 200, f"{page} answered {answer.status_code}"
        parser = _Forms()
        parser.feed(answer.text)
        posting = [form for form in parser.forms if form.method == "post"]
        if to is None:  # signing out stands on every page
            chosen = [form for form in posting if form.action != "/sign-out"]
        else:
            chosen = [form for form in posting if form.action.endswith(to)]
        if button is not None:
            chosen = [form for form in chosen if button in form.buttons] or chosen
        assert len(chosen) == 1, f"{page}: {[form.action for form in posting]} for {to!r}"
        form = chosen[0]
        fields: dict[str, Any] = {name: list(values) for name, values in form.fields.items()}
        if button is not None and (pressed := form.buttons.get(button)):
            fields[pressed[0]] = [pressed[1]]
        fields.update(data or {})
        return self.post(urljoin(f"{self.public_url}{page}", form.action), data=fields)


class _Form:
    def __init__(self, action: str, method: str) -> None:
        self.action = action
        self.method = method
        self.fields: dict[str, list[str]] = {}
        self.buttons: dict[str, tuple[str, str]] = {}

    def put(self, name: str, value: str) -> None:
        self.fields.setdefault(name, []).append(value)


class _Forms(HTMLParser):
    """Reads what a browser would send if nobody typed anything."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[_Form] = []
        self._open: _Form | None = None
        self._select: str | None = None
        self._text: list[str] | None = None
        self._button: tuple[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = _Form(at.get("action", ""), at.get("method", "get").lower())
            self.forms.append(self._open)
        elif self._open is None:
            return
        elif tag == "input":
            self._input(at, dict(attrs))
        elif tag == "select":
            self._select = at.get("name")
        elif tag == "option" and self._select and "selected" in at:
            self._open.put(self._select, at.get("value", ""))
        elif tag in {"textarea", "button"}:
            self._text = []
            self._button = (at.get("name", ""), at.get("value", ""))

    def _input(self, at: dict[str, str], raw: dict[str, str | None]) -> None:
        assert self._open is not None
        kind = at.get("type", "text")
        if "name" not in at or "disabled" in at:
            return
        if kind == "submit":
            self._open.buttons[at.get("value", "")] = (at["name"], at.get("value", ""))
        elif kind not in {"checkbox", "radio"}:
            self._open.put(at["name"], at.get("value", ""))
        elif "checked" in at:
            self._open.put(at["name"], "on" if raw.get("value") is None else at["value"])

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "select":
            self._select = None
        elif tag in {"textarea", "button"}:
            self._end_of_text(tag)

    def _end_of_text(self, tag: str) -> None:
        if self._open is not None and self._button is not None and self._text is not None:
            text, (name, value) = "".join(self._text), self._button
            if tag == "textarea" and name:
                self._open.put(name, text.removeprefix("\n"))
            elif tag == "button" and name:
                self._open.buttons[" ".join(text.split())] = (name, value)
        self._text = self._button = None
