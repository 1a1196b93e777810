"""The application as it is wired (cases W10, W12, W13, W15)."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text
from structlog.testing import capture_logs
from werkzeug.routing import Rule

from portal.app import create_app
from portal.audit.models import AuditEvent, AuditPersonal
from portal.foundation.db import db
from portal.foundation.logs import path_to_log
from portal.foundation.settings import Settings
from portal.pages import not_allowed
from portal.trust.rules.names import NOT_FREE
from portal.web.limits import FREE
from tests.infra.client import PortalClient
from tests.pages.inside import Inside
from tests.pages.sessions import as_guest, as_staff

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def _no_flood(monkeypatch):
    monkeypatch.setattr(not_allowed, "_window", [0.0, 0])


def refusals(app: Flask) -> list[AuditEvent]:
    with app.app_context():
        found = select(AuditEvent).where(AuditEvent.event == "access.refused")
        return list(db.session.scalars(found))


def test_it_is_alive_and_ready(client: PortalClient):
    """Database and queue answer."""
    assert client.get("/healthz").text == "alive\n"
    assert client.get("/readyz").text == "ready\n"


@SQLITE
def test_it_is_not_ready_without_its_queue(make_settings: Callable[..., Settings], tmp_path):
    """And says what is missing."""
    app = create_app(make_settings(redis_url=f"unix://:x@{tmp_path}/none.sock"))
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.text) == (503, "the queue does not answer\n")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_it_is_not_ready_where_nothing_can_be_written(app: Flask):
    """As on a server that became a standby: it answers, and every decision would fail."""
    with app.app_context():
        name = db.engine.url.database
        with db.engine.connect() as connection:
            readonly = f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'
            connection.execute(text(readonly))
        db.engine.dispose()
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, answer.text) == (503, "the database takes no writes\n")


@SQLITE
def test_it_is_not_ready_with_a_spoiled_file(app: Flask):
    """Also where it was opened before: whether it can be read shows where something is read."""
    client = app.test_client()
    assert client.get("/readyz").status_code == 200
    with app.app_context():
        Path(str(db.engine.url.database)).write_bytes(b"spoiled" * 1000)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "the database does not answer\n")


@SQLITE
def test_what_is_not_counted_is_what_there_is(app: Flask):
    """An endpoint that was renamed would be counted again, without a word."""
    assert set(app.view_functions) >= FREE


@SQLITE
def test_no_page_stands_where_a_short_name_leads(app: Flask):
    """An organisation or provider called as a page beside it could not be reached."""
    paths = {tuple(rule.rule.split("/")) for rule in app.url_map.iter_rules()}
    beside = {
        other[len(path) - 1]
        for path in paths
        if path[-1] in {"<slug>", "<idp>", "<organisation>", "<provider>"}
        for other in paths
        if len(other) == len(path) and other[:-1] == path[:-1] and "<" not in other[-1]
    }
    assert beside == NOT_FREE


@SQLITE
def test_a_form_without_its_token_counts(make_settings: Callable[..., Settings]):
    """Refused or not, it was a request."""
    settings = make_settings(limit_per_address="2 per minute")
    client = create_app(settings).test_client()
    found = [client.post("/sign-in", base_url=settings.public_url).status_code for _ in range(3)]
    assert found == [400, 400, 429]


@SQLITE
def test_every_route_has_its_guard(app: Flask):
    """Asked of what is routed, not of the source."""
    bare = [
        str(rule)
        for rule in app.url_map.iter_rules()
        if not hasattr(app.view_functions[rule.endpoint], "guard")
    ]
    assert bare == []


@SQLITE
def test_w13_nobody_sees_a_guarded_page(app: Flask, client: PortalClient):
    """Every address of guests and staff leads to a door; with POST nothing happens either."""
    doors = {"guest": "/sign-in", "staff": "/staff/sign-in"}
    doors |= {"sponsor": doors["staff"], "admin": doors["staff"]}
    app.config["WTF_CSRF_ENABLED"] = False
    tried = 0
    for rule in app.url_map.iter_rules():
        door = doors.get(app.view_functions[rule.endpoint].guard)  # type: ignore[attr-defined]
        if door is None:
            continue
        path = address(rule)
        for method in rule.methods or ():
            if method in {"GET", "POST"}:
                answer = client.open(path, method=method)
                assert answer.status_code == 303, (path, method)
                assert answer.location.partition("?")[0] == door
                tried += 1
    assert tried > 20


def address(rule: Rule) -> str:
    """An address that a route answers, with ids of nobody."""
    path = re.sub(r"<uuid:\w+>", "0190b5a0-1111-7000-8000-000000000001", str(rule))
    path = re.sub(r"<any\((\w+)[^>]*>", r"\1", path)
    return re.sub(r"<[^>]+>", "x", path)


def paths(app: Flask, *guards: str) -> list[tuple[str, str]]:
    """Every (method, path) behind one of these guards, with ids of nobody."""
    found = []
    for rule in app.url_map.iter_rules():
        if app.view_functions[rule.endpoint].guard in guards:  # type: ignore[attr-defined]
            path = address(rule)
            found += [(one, path) for one in sorted(rule.methods or ()) if one in {"GET", "POST"}]
    return found


@SQLITE
def test_w12_headers_on_every_route(app: Flask, client: PortalClient):
    """Whatever is answered, to nobody in particular: the policy, no sniffing, nothing kept."""
    for method, path in paths(app, "anyone", "guest", "staff", "sponsor", "admin"):
        answer = client.open(path, method=method)
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe-inline" not in policy, path
        for part in ("frame-ancestors 'none'", "form-action 'self'", "default-src 'none'"):
            assert part in policy, path
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Strict-Transport-Security"]
        kept = answer.headers["Cache-Control"]
        assert kept == "no-store" or path.startswith(("/static", "/brand")), (path, kept)


@SQLITE
@pytest.mark.parametrize("who", ["guest", "sponsor"])
def test_w13_nobody_opens_what_is_for_others(app: Flask, client: PortalClient, who: str):
    """A guest on pages of staff, a sponsor on those of admins and guests: 403, audited."""
    scene = Inside(app)
    acme = scene.partner()
    if who == "guest":
        as_guest(app, client, scene.guest(acme), acme.provider_id)
    else:
        as_staff(app, client, acme.sponsor)
    app.config["WTF_CSRF_ENABLED"] = False
    others = ("staff", "sponsor", "admin") if who == "guest" else ("admin", "guest")
    asked = paths(app, *others)
    assert len(asked) > 20
    for method, path in asked:
        answer = client.open(path, method=method)
        assert answer.status_code == 403, (method, path)
        assert "Acme" not in answer.text
    found = refusals(app)
    assert len(found) == len(asked)
    assert {one.reason for one in found} == {"authz"}
    assert {one.actor.partition(":")[0] for one in found} == {
        "guest" if who == "guest" else "staff"
    }


def test_a_refusal_is_audited_under_the_number_on_the_page(app: Flask, client: PortalClient):
    """With the reason, the path and, apart, the address."""
    answer = client.post("/sign-out", data={})
    assert answer.status_code == 400
    (event,) = refusals(app)
    assert event.reason == "csrf"
    assert event.reference in answer.text
    assert event.actor == "anonymous"
    assert event.data["path"] == "/sign-out"
    assert "127.0.0.1" not in str(event.data)
    with app.app_context():
        personal = db.session.scalars(select(AuditPersonal)).one()
        assert "127.0.0.1" in str(personal.data)


@SQLITE
def test_l05_a_link_that_opens_once_is_in_no_log(app: Flask, client: PortalClient):
    """A form without its token: log and audit name the page, and not what opens it."""
    with capture_logs() as said:
        assert client.post("/staff/link/hush", data={}).status_code == 400
    (event,) = refusals(app)
    assert event.data["path"] == "/staff/link/-"
    assert "hush" not in str(said)


@SQLITE
def test_l05_the_log_knows_every_address_that_opens_once(app: Flask):
    """Wherever a token stands in an address, it is left out."""
    rules = [rule.rule for rule in app.url_map.iter_rules() if "token" in rule.arguments]
    assert rules
    for rule in rules:
        assert "hush" not in path_to_log(rule.replace("<token>", "hush")), rule


@SQLITE
def test_a_flood_does_not_fill_the_database(app: Flask, client: PortalClient, monkeypatch):
    """Beyond so many a minute refusals are logged only."""
    monkeypatch.setattr(not_allowed, "MOST_A_MINUTE", 3)
    for _ in range(6):
        assert client.post("/sign-out", data={}).status_code == 400
    assert len(refusals(app)) == 3


@SQLITE
def test_w15_debugging_is_off_whatever_the_environment_says(
    make_settings: Callable[..., Settings], monkeypatch
):
    """The debugger runs code for whoever finds it."""
    monkeypatch.setenv("FLASK_DEBUG", "1")
    assert create_app(make_settings()).debug is False


@SQLITE
def test_w10_the_door_is_shut_to_other_names(client: PortalClient):
    """Under a foreign Host nothing is rendered, no cookie is set."""
    answer = client.get("/sign-in", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert "Set-Cookie" not in answer.headers


@SQLITE
def test_w02_no_cookie_but_our_own(client: PortalClient):
    """Each with its prefix, none for remembering."""
    answer = client.get("/sign-in")
    for cookie in answer.headers.getlist("Set-Cookie"):
        assert re.match(r"__Host-portal-(form|browser|session)=", cookie), cookie
        assert "Secure" in cookie
        assert "HttpOnly" in cookie
