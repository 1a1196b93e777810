"""The gallery's year, made once, and brought back in a millisecond after each thing that was taken.

Browsers are stateless here: the same cookies are sent again and again, as a doubled click sends
them.
"""

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from typing import Any, Final
from urllib.parse import urljoin
from uuid import UUID

from flask import Flask
from werkzeug.test import TestResponse

from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.settings import Settings
from portal.sign_in.changes import NewSession
from portal.trust.queries import offers
from tests.gallery.tour import HOUSE
from tests.gallery.world import TODAY, World, employees, history
from tests.hostile.provider import CLIENT_ID, CLIENT_SECRET, HostileProvider
from tests.infra.client import _Forms
from tests.pages.sessions import start_session
from tests.scene import Scene

PUBLIC_URL: Final = "https://guests.host.example"
STAFF: Final = ("petra", "jonas", "irene", "otto")
GUESTS: Final = {"anna": "acme", "priya": "globex"}
# Written down although nothing was done: who was refused, and who was too late.
QUIET: Final = {"access.refused", "sign_in.refused", "sponsorship.decision_lost"}
# What a look leaves behind: when a session was last seen, that a sign-in was begun, what its
# provider published.
PASSING: Final = {"session", "sign_in_attempt", "provider_document"}

Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Form:
    """A form as it stood on a page, ready to be sent again and again."""

    action: str
    cookies: str
    fields: Mapping[str, list[str]]
    names: frozenset[str]


@dataclass
class House:
    """The portal, its world, and somebody's browser for each role."""

    app: Flask
    world: World
    live: sqlite3.Connection
    first: sqlite3.Connection
    own: HostileProvider
    cookies: dict[str, str] = field(default_factory=dict)
    forms: dict[str, tuple[Form, sqlite3.Connection]] = field(default_factory=dict)
    copies: list[sqlite3.Connection] = field(default_factory=list)
    _version: int = -1
    _rows: Rows = field(default_factory=dict)

    # -- the database -----------------------------------------------------------------------------

    def rows(self) -> Rows:
        """Return all that is kept, but for what passes and who was refused."""
        (version,) = self.live.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            self._rows, self._version = _read(self.live), version
        return self._rows

    def keep(self) -> sqlite3.Connection:
        """Return a copy of the database as it stands."""
        copy = sqlite3.connect(":memory:")
        self.copies.append(copy)
        self.live.backup(copy)
        return copy

    def back_to(self, copy: sqlite3.Connection) -> None:
        """Bring the database back to a copy."""
        copy.backup(self.live)
        self._version = -1

    def run(self, change: Any, **by: str) -> Any:
        """Change something, as an employee or as the shell."""
        return self.world.run(change, **by)

    # -- the browsers -----------------------------------------------------------------------------

    def path(self, pattern: str) -> str:
        """Return an address with the ids of this world."""
        return pattern.format(**self.world.ids, **self.world.links)

    def send(self, who: str, method: str, path: str, more: str = "", **kwargs: Any) -> TestResponse:
        """Send a request with somebody's cookies."""
        client = self.app.test_client(use_cookies=False)
        said = "; ".join(filter(None, (self.cookies.get(who, ""), more)))
        headers = {"Referer": f"{PUBLIC_URL}/", "Cookie": said, **kwargs.pop("headers", {})}
        return client.open(path, method=method, base_url=PUBLIC_URL, headers=headers, **kwargs)

    def form(self, who: str, page: str, to: str) -> Form:
        """Open a page and take the form whose action ends so."""
        answer = self.send(who, "GET", page)
        assert answer.status_code == 200, (page, answer.status_code)
        kept = [one.partition(";")[0] for one in answer.headers.getlist("Set-Cookie")]
        parser = _Forms()
        parser.feed(answer.text)
        there = re.findall(r"<form\b.*?</form>", answer.text, re.DOTALL)
        found = [
            (one, text)
            for one, text in zip(parser.forms, there, strict=True)
            if one.method == "post"
            and (one.action == "/sign-out") == (to == "/sign-out")
            and urljoin(page, one.action).endswith(to)
        ]
        assert len(found) == 1, (page, to, [one.action for one in parser.forms])
        form, text = found[0]
        names = {unescape(name) for name in re.findall(r'\bname="([^"]+)"', text)}
        return Form(urljoin(page, form.action), "; ".join(kept), form.fields, frozenset(names))

    def post(
        self, who: str, form: Form, values: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> TestResponse:
        """Send a form with these values, all others as the page had them."""
        kwargs.setdefault("data", {**form.fields, **(values or {})})
        return self.send(who, "POST", kwargs.pop("to", form.action), form.cookies, **kwargs)

    def follow(self, who: str, form: Form, answer: TestResponse) -> str:
        """Return the page that comes after a form: the answer, or where it leads."""
        if answer.status_code != 303:
            return answer.text
        more = [one.partition(";")[0] for one in answer.headers.getlist("Set-Cookie")]
        names = {one.partition("=")[0] for one in more}
        more += [one for one in form.cookies.split("; ") if one.partition("=")[0] not in names]
        return self.send(who, "GET", answer.location, "; ".join(more)).text


def _read(live: sqlite3.Connection) -> Rows:
    tables = [name for (name,) in live.execute("SELECT name FROM sqlite_master WHERE type='table'")]
    rows = {
        name: live.execute(f'SELECT * FROM "{name}" ORDER BY 1').fetchall()
        for name in tables
        if name not in PASSING and not name.startswith(("audit_", "sqlite_"))
    }
    quiet = ", ".join("?" * len(QUIET))
    names = tuple(sorted(QUIET))
    rows["audit_event"] = live.execute(
        f"SELECT * FROM audit_event WHERE event NOT IN ({quiet}) ORDER BY seq", names
    ).fetchall()
    rows["audit_personal"] = live.execute(
        "SELECT p.* FROM audit_personal p JOIN audit_event e ON e.id = p.event_id"
        f" WHERE e.event NOT IN ({quiet}) ORDER BY e.seq",
        names,
    ).fetchall()
    return rows


def new_texts(before: Rows, after: Rows) -> list[str]:
    """Return every text that stands in rows that were not there before."""
    found: list[str] = []
    for name, rows in after.items():
        known = set(before.get(name, ()))
        for row in rows:
            if row not in known:
                found += [cell for cell in row if isinstance(cell, str)]
    return found


@contextmanager
def opened(make_settings: Any, file: str, make_app: Any) -> Iterator[House]:
    """Make the world, and a browser for everybody."""
    provider, own = HostileProvider(host="127.0.0.2"), HostileProvider(host="127.0.0.3")
    host = {
        "host_oidc_issuer": own.issuer,
        "host_oidc_client_id": CLIENT_ID,
        "host_oidc_client_secret": CLIENT_SECRET,
    }
    settings: Settings = make_settings(**HOUSE, **host)
    app: Flask = make_app(settings)
    app.testing = False  # what breaks is a page here, and its number is 500
    live = sqlite3.connect(file, isolation_level=None)
    try:
        clock.set_offset((TODAY - clock.protocol_now()).total_seconds())
        world = World(app, Scene(now=TODAY), provider)
        with app.app_context():
            employees(world)
            world.ids["otto"] = world.scene.staff("Otto Stranger", email="otto@northwind.example")
            history(world)
            for name, slug in (("globex_offer", "globex"), ("read", "acme")):
                found = offers(db.session(), world.partners[slug].id)[0]
                world.ids[name] = found.id if name != "read" else found.entitlement_id
            tokens = {who: session_of(world, who) for who in (*STAFF, *GUESTS)}
            db.session.remove()
        house = House(app, world, live, sqlite3.connect(":memory:"), own)
        house.cookies = {who: f"__Host-portal-session={token}" for who, token in tokens.items()}
        live.backup(house.first)
        yield house
        for copy in (house.first, *house.copies):
            copy.close()
    finally:
        provider.close()
        own.close()
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
        live.close()


def session_of(world: World, who: str) -> str:
    found: UUID = world.ids[who]
    if who in STAFF:
        return start_session(world.app, NewSession(staff_id=found))
    provider = world.partners[GUESTS[who]].provider_id
    epoch = world.scene.row(found).session_epoch
    new = NewSession(guest_id=found, identity_provider_id=provider, guest_epoch=epoch)
    return start_session(world.app, new)
