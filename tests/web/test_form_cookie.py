"""What is remembered of the form cookie: its seed, under the whole of what was verified once."""

import time
from types import SimpleNamespace

import pytest
from itsdangerous import TimestampSigner
from werkzeug.http import dump_cookie

from portal.web import security
from tests.web.conftest import PUBLIC, Kit

DAY = 86_400


@pytest.fixture
def read(kit: Kit):
    """What the portal reads of a cookie, as the session of a request."""

    def asked(value: str) -> dict[str, object]:
        name = kit.app.config["SESSION_COOKIE_NAME"]
        with kit.app.test_request_context(
            "/", base_url=PUBLIC, headers={"Cookie": dump_cookie(name, value)}
        ) as context:
            return dict(context.session)

    return asked


@pytest.fixture
def cookie(kit: Kit) -> str:
    """One that a page of ours gave."""
    client = kit.client()
    client.get("/form", base_url=PUBLIC)
    (found,) = client._cookies.values()
    value: str = found.value
    return value


def test_w06_what_was_verified_once_is_good_for_itself_alone(read, cookie, monkeypatch):
    """Not verified anew; and whoever changes a letter of it has nothing."""
    seed = read(cookie)
    assert seed["csrf_token"]
    monkeypatch.setattr(TimestampSigner, "unsign", lambda *_, **__: pytest.fail("verified anew"))
    assert read(cookie) == seed
    monkeypatch.undo()
    payload, stamp, signature = cookie.split(".")
    for forged in (
        f"{payload}.{stamp}.{signature[::-1]}",
        f"{payload}A.{stamp}.{signature}",
        f"{payload}.{stamp}",
        "",
    ):
        assert read(forged) == {}, forged


def test_an_old_one_is_looked_at_again(read, cookie, monkeypatch):
    """Within the hour it is good, whatever its age; then its 31 days count."""
    read(cookie)
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: int(time.time()) + 32 * DAY)
    assert read(cookie)["csrf_token"]
    later = time.monotonic() + 3601
    monkeypatch.setattr(security, "time", SimpleNamespace(monotonic=lambda: later))
    assert read(cookie) == {}


def test_what_a_page_said_once_is_said_once(kit: Kit, read):
    """A cookie with more than the seed is read each time: what is taken from it is gone."""
    serializer = kit.app.session_interface.get_signing_serializer(kit.app)
    told = serializer.dumps({"csrf_token": "seed", "_flashes": [("", "Saved")]})
    for _ in range(2):
        assert read(told)["_flashes"] == [("", "Saved")]


def test_no_more_is_remembered_than_there_is_room_for(kit: Kit, read, monkeypatch):
    """Whoever asks for a page a million times takes no memory for it."""
    monkeypatch.setattr(security, "_MOST_KEPT", 5)
    serializer = kit.app.session_interface.get_signing_serializer(kit.app)
    for number in range(20):
        assert read(serializer.dumps({"csrf_token": f"seed {number}"}))
        kit.client().get("/form", base_url=PUBLIC)
    assert 0 < len(kit.app.session_interface._seeds) <= 5
    assert 0 < len(kit.app.extensions["portal"]["form_tokens"]) <= 5


def test_a_page_that_asks_no_cookie_does_not_vary_by_it(kit: Kit, cookie):
    """Else a shared cache would keep a stylesheet for each browser."""
    client = kit.client()
    client.set_cookie("__Host-portal-form", cookie, domain="guests.host.example", secure=True)
    for _ in range(2):
        answer = client.get("/static/portal.css", base_url=PUBLIC)
        assert "Cookie" not in answer.headers.get("Vary", "")
