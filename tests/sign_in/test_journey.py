"""Out and back in a browser, on both databases: attempts are used once, sessions can be ended."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.cookies import SimpleCookie

import pytest
from flask import g, has_app_context
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from portal.foundation import clock
from portal.foundation.crypto import hash_token
from portal.foundation.db import db
from portal.foundation.transaction import ANONYMOUS, transaction
from portal.sign_in import changes, session
from portal.sign_in.models import Session, SignInAttempt
from tests.hostile.provider import HostileProvider
from tests.sign_in.door import PUBLIC_URL, Door, leave

BROWSER, SESSION = "__Host-portal-browser", "__Host-portal-session"


def get(browser: FlaskClient, path: str) -> TestResponse:
    if has_app_context():
        g.pop("live_session", None)  # the fixture's context spans requests; a server's does not
    return browser.get(path, base_url=PUBLIC_URL)


def signed_in(door: Door, browser: FlaskClient | None = None) -> FlaskClient:
    browser = browser or door.browser()
    assert get(browser, leave(browser)).status_code == 303
    return browser


def token(browser: FlaskClient) -> str:
    cookie = browser.get_cookie(SESSION, "guests.host.example")
    assert cookie is not None
    return cookie.value


def give(browser: FlaskClient, value: str, name: str = SESSION) -> None:
    browser.set_cookie(name, value, domain="guests.host.example", secure=True)


def sessions() -> int:
    count = db.session.scalar(select(func.count()).select_from(Session))
    db.session.rollback()
    return count or 0


def cookies(response: TestResponse) -> dict[str, str]:
    found = {}
    for line in response.headers.getlist("Set-Cookie"):
        (name,) = SimpleCookie(line).keys()
        found[name] = line
    return found


def test_there_and_back(door: Door) -> None:
    """The door opens, and the person lands where they wanted to go."""
    browser = door.browser()
    answer = get(browser, leave(browser))
    assert answer.headers["Location"] == "/who"
    assert get(browser, "/who").status_code == 200


def test_o13_state_absent_or_unknown(door: Door) -> None:
    """Without the state of an attempt nothing happens, not even a question to the provider."""
    browser = signed_in(door)
    before = token(browser)
    path = leave(browser)
    for bad in (path.replace("state=", "else="), path.replace("state=", "state=x")):
        answer = get(browser, bad)
        assert (answer.status_code, answer.text) == (403, "oidc.state")
    assert token(browser) == before
    assert get(browser, "/who").status_code == 200


def test_o13_state_of_another_browser(door: Door, hostile: HostileProvider) -> None:
    """Login CSRF: the attacker's callback in the victim's browser."""
    attacker, victim = door.browser(), signed_in(door)
    redeemed = hostile.requests["token"]
    before = get(victim, "/who").text
    path = leave(attacker)
    assert get(victim, path).text == "oidc.state"
    assert get(door.browser(), path).text == "oidc.state"
    assert hostile.requests["token"] == redeemed
    assert get(victim, "/who").text == before
    assert get(attacker, path).status_code == 303


def test_o13_state_reused(door: Door, hostile: HostileProvider) -> None:
    """A state works once, also when its first answer was an error."""
    browser = door.browser()
    with hostile.lying(error="access_denied"):
        refused = leave(browser)
    assert get(browser, refused).text == "oidc.denied"
    again = refused.replace("error=access_denied", "code=new")
    assert get(browser, again).text == "oidc.state"
    assert hostile.requests["token"] == 0  # not even asked: the row says that it was used
    path = leave(browser)
    assert get(browser, path).status_code == 303
    assert get(browser, path).text == "oidc.state"


def test_o13_state_too_old(door: Door) -> None:
    """An attempt lives for fifteen minutes."""
    browser = door.browser()
    path = leave(browser)
    with transaction(actor=ANONYMOUS, now=clock.policy_now()) as tx:
        past = clock.protocol_now() - timedelta(minutes=15)
        tx.session.execute(
            update(SignInAttempt).values(created_at=past, expires_at=past + timedelta(minutes=15))
        )
    assert get(browser, path).text == "oidc.state"


def test_o14_answer_at_another_providers_address(door: Door, hostile: HostileProvider) -> None:
    """Begun at A, brought to B's callback: A's code goes nowhere."""
    browser = door.browser()
    path = leave(browser)
    answer = get(browser, path.replace("/main/", "/other/"))
    assert answer.text == "oidc.mixup"
    assert hostile.requests["token"] == 0


def test_o16_callback_twice(door: Door) -> None:
    """The back button: refused, and still signed in."""
    browser = door.browser()
    path = leave(browser)
    assert get(browser, path).status_code == 303
    who = get(browser, "/who").text
    assert get(browser, path).text == "oidc.state"
    assert get(browser, "/who").text == who
    assert sessions() == 1


@pytest.mark.parametrize("codes_last", [False, True], ids=["strict", "lax"])
def test_o16_double_click(door: Door, hostile: HostileProvider, codes_last: bool) -> None:
    """Eight callbacks at once make one session, also where the provider takes a code twice."""
    browser = door.browser()
    path = leave(browser)
    secret = browser.get_cookie(BROWSER, "guests.host.example")
    assert secret is not None

    def call(_: int) -> TestResponse:
        twin = door.browser()
        give(twin, secret.value, BROWSER)
        return get(twin, path)

    with hostile.lying(codes_last=codes_last), ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(call, range(8)))
    assert sorted(answer.status_code for answer in answers) == [303] + [403] * 7
    assert {answer.text for answer in answers if answer.status_code == 403} == {"oidc.state"}
    assert sessions() == 1


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_request", "code_already_used"])
def test_o16_a_code_that_is_used_spoils_nothing(door: Door, hostile: HostileProvider, error: str):
    """By whatever name: the doubled callback must not end the attempt of the first."""
    browser = door.browser()
    path = leave(browser)
    with hostile.lying(token_error=error):
        assert get(browser, path).status_code == 403
    assert get(browser, path).status_code == 303
    assert sessions() == 1


def test_many_tabs(door: Door) -> None:
    """Thirty open attempts in one browser: one small cookie, and each of them works."""
    browser = door.browser()
    paths = [leave(browser) for _ in range(30)]
    assert all(get(browser, path).status_code == 303 for path in paths)


def test_w01_planted_session(door: Door) -> None:
    """A session that was planted before the sign-in: a new id, and the planted one dead."""
    planted = token(signed_in(door))
    victim = door.browser()
    give(victim, planted)
    signed_in(door, victim)
    assert token(victim) != planted
    thief = door.browser()
    give(thief, planted)
    assert get(thief, "/who").status_code == 401


def test_w02_cookies(door: Door) -> None:
    """Both cookies: no script, no other host, no plain connection."""
    browser = door.browser()
    sent = browser.get("/go/main", base_url=PUBLIC_URL)
    attempt = cookies(sent)[BROWSER]
    assert all(part in attempt for part in ("Secure", "HttpOnly", "Path=/", "SameSite=None"))
    signed = cookies(get(browser, leave(browser)))[SESSION]
    assert all(part in signed for part in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"))
    assert "Domain" not in attempt + signed


def test_w02_only_hashes_are_stored(door: Door) -> None:
    """Who reads the database can neither take a session nor finish an attempt."""
    browser = door.browser()
    path = leave(browser)
    attempt = db.session.execute(select(SignInAttempt)).scalar_one()
    stored = str({column: getattr(attempt, column) for column in attempt.__table__.c.keys()})  # noqa: SIM118
    state = path.partition("state=")[2].partition("&")[0]
    secret = browser.get_cookie(BROWSER, "guests.host.example")
    assert secret is not None
    assert state not in stored
    assert secret.value not in stored
    assert attempt.code_verifier.startswith("gAAAA")
    db.session.rollback()
    signed_in(door, browser)
    assert db.session.scalar(select(Session.token_hash)) == hash_token(token(browser))


@pytest.mark.parametrize("value", ["", "x", "a" * 43 + "=", "a" * 4000, "ä" * 43, "../" * 14 + "a"])
def test_malformed_cookies(door: Door, value: str) -> None:
    """A cookie that cannot be ours is as good as none; no table is asked for it."""
    header = f"{SESSION}={value}; {BROWSER}={value}"
    with door.app.test_request_context(headers={"Cookie": header}, base_url=PUBLIC_URL):
        assert session.session_token() is None
        assert session.browser_secret() is None
    browser = door.browser()
    give(browser, value)
    assert get(browser, "/who").status_code == 401


@pytest.mark.parametrize("before", ["\u2000", "\u00a0", "\u0085", "\ufeff", "_", "$"])
@pytest.mark.parametrize("name", [SESSION, BROWSER])
def test_w02_a_name_that_only_looks_like_ours(door: Door, name: str, before: str) -> None:
    """A neighbouring host may set it: browsers guard the prefix, and some servers trim the name."""
    value = "a" * 43
    for other in (f"{before}{name}", name.removeprefix("__Host-"), name.upper(), f'x="{name}'):
        header = f"{other}={value}; y=1".encode().decode("latin-1")
        with door.app.test_request_context(headers={"Cookie": header}, base_url=PUBLIC_URL):
            assert session.session_token() is None
            assert session.browser_secret() is None
    with door.app.test_request_context(headers={"Cookie": f"{name}={value}"}, base_url=PUBLIC_URL):
        assert value in {session.session_token(), session.browser_secret()}


def test_w04_sign_out_ends_copies(door: Door) -> None:
    """A cookie copied before the sign-out is worth nothing after it."""
    browser = signed_in(door)
    copy = door.browser()
    give(copy, token(browser))
    assert get(copy, "/who").status_code == 200
    out = browser.post("/out", base_url=PUBLIC_URL)
    assert out.headers["Clear-Site-Data"] == '"cache", "storage"'
    assert get(browser, "/who").status_code == get(copy, "/who").status_code == 401


def test_w04_signing_out_ends_what_is_open_in_another_tab(door: Door) -> None:
    """Whoever sits there next, and finishes it, is not let in as the one who signed out."""
    browser = signed_in(door)
    path = leave(browser)
    browser.post("/out", base_url=PUBLIC_URL)
    assert get(browser, path).text == "oidc.state"
    assert sessions() == 1
    assert get(browser, leave(browser)).status_code == 303


def test_w05_idle_and_absolute_limits(door: Door) -> None:
    """Eight hours without a request, twelve in all; never past the end of access."""
    browser = signed_in(door)
    now = clock.protocol_now()

    def moved(**values: object) -> int:
        with transaction(actor=ANONYMOUS, now=clock.policy_now()) as tx:
            tx.session.execute(update(Session).values(**values))
        return get(browser, "/who").status_code

    assert moved(seen_at=now - timedelta(hours=7, minutes=59)) == 200
    assert moved(seen_at=now - timedelta(hours=8, seconds=1)) == 401
    assert moved(seen_at=now) == 200
    assert moved(created_at=now - timedelta(hours=13), ends_at=now - timedelta(seconds=1)) == 401


def test_w05_a_clock_that_was_ahead_lengthens_no_session(door: Door) -> None:
    """Begun a day ahead of the clock as it is now: signed out, not in for that day as well."""
    browser = signed_in(door)
    now = clock.protocol_now()

    def begun(ahead: timedelta) -> int:
        with transaction(actor=ANONYMOUS, now=clock.policy_now()) as tx:
            at = now + ahead
            life = {"seen_at": at, "ends_at": at + timedelta(hours=12)}
            tx.session.execute(update(Session).values(created_at=at, **life))
        return get(browser, "/who").status_code

    assert begun(timedelta(minutes=4)) == 200  # two machines' clocks are never quite the same
    assert begun(timedelta(minutes=6)) == 401
    assert begun(timedelta(days=1)) == 401


def test_w05_touched_seldom(door: Door) -> None:
    """A request notes that the session is in use, at most every five minutes."""
    browser = signed_in(door)
    now = clock.protocol_now()
    for back, touched in ((timedelta(minutes=4), False), (timedelta(minutes=6), True)):
        with transaction(actor=ANONYMOUS, now=clock.policy_now()) as tx:
            tx.session.execute(update(Session).values(seen_at=now - back))
        get(browser, "/who")
        seen = db.session.scalar(select(Session.seen_at))
        assert seen is not None
        assert (seen > now - back) is touched
        db.session.rollback()


def test_disabling_a_provider_ends_what_came_through_it(door: Door) -> None:
    """Sessions and open attempts, within the one request."""
    browser = signed_in(door)
    path = leave(browser)
    provider_id = door.connections["main"].id
    assert provider_id is not None
    with transaction(actor=ANONYMOUS, now=clock.policy_now()) as tx:
        assert changes.end_sessions_of_provider(tx, provider_id, clock.protocol_now()) == 1
    assert get(browser, "/who").status_code == 401
    assert get(browser, path).text == "oidc.state"


def test_plain_http_in_development(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over http browsers take neither the prefix nor SameSite=None."""
    from portal.foundation.current import house

    settings = house(door.app)["settings"].model_copy(update={"public_url": "http://127.0.0.1:8"})
    monkeypatch.setitem(house(door.app), "settings", settings)
    browser = door.browser()
    sent = browser.get("/go/main", base_url="http://127.0.0.1:8")
    attempt = cookies(sent)["portal-browser"]
    assert "SameSite=Lax" in attempt
    assert "Secure" not in attempt
