"""What every request and answer has to obey (cases, part 4)."""

import re
import time
from hashlib import sha1, sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import TimestampSigner

from portal.web.security import safe_next
from tests.web.conftest import PUBLIC, Kit

HOST = {"base_url": PUBLIC}


def token(page: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("path", ["/form", "/nowhere", "/me", "/broken", "/healthz-not", "/link"])
def test_w12_headers_on_every_page(kit: Kit, path):
    """Whatever the status: nothing inline, no frame, forms to us alone, nothing kept."""
    kit.app.config["PROPAGATE_EXCEPTIONS"] = False
    answer = kit.get(path)
    said = answer.headers["Content-Security-Policy"]
    policy = dict(part.split(" ", 1) for part in said.split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in said
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert "camera=()" in answer.headers["Permissions-Policy"]


def test_w12_no_hsts_without_https(make_kit):
    """In development over http."""
    answer = make_kit(env="development", public_url="http://127.0.0.1:8000").get("/form")
    assert answer.status_code == 200
    assert "Strict-Transport-Security" not in answer.headers


def test_w12_pages_obey_their_own_policy(kit: Kit):
    """No inline style or script in the page."""
    page = kit.get("/form").text
    assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|<style|\son\w+=|javascript:", page)


def test_w02_cookies(kit: Kit):
    """__Host-, Secure, HttpOnly, Lax, no Domain; no remember cookie, not even when asked for."""
    client = kit.client()
    client.set_cookie("remember_token", "1|0", domain="guests.host.example")
    (cookie,) = client.get("/form", **HOST).headers.getlist("Set-Cookie")
    assert cookie.startswith("__Host-portal-form=")
    for flag in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert f"; {flag}" in cookie
    assert "Domain" not in cookie


def test_w06_a_form_needs_its_token(kit: Kit):
    """Missing, made up or another browser's: 400, reported, with a reference number."""
    client = kit.client()
    client.get("/form", **HOST)
    other = token(kit.client().get("/form", **HOST).text)
    for data in ({}, {"csrf_token": "x"}, {"csrf_token": other}):
        answer = client.post("/form", data=data, **HOST)
        assert answer.status_code == 400
        assert kit.refusals[-1].code == "csrf"
        assert kit.refusals[-1].reference in answer.text
    assert len(kit.refusals) == 3
    own = token(client.get("/form", **HOST).text)
    assert client.post("/form", data={"csrf_token": own}, **HOST).status_code == 200


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_w06_a_form_of_another_site_is_refused(kit: Kit, scheme):
    """With https the page that sent it counts too, also where a proxy in front ends the https."""
    client = kit.client()
    own = token(client.get("/form", **HOST).text)
    arrived = {"environ_overrides": {"wsgi.url_scheme": scheme}, **HOST}
    for referrer in ("https://evil.example/", "http://guests.host.example/", ""):
        answer = client.post(
            "/form", data={"csrf_token": own}, headers={"Referer": referrer}, **arrived
        )
        assert answer.status_code == 400, referrer
    assert client.post("/form", data={"csrf_token": own}, **arrived).status_code == 200


def test_w06_the_token_outlives_lunch(kit: Kit, monkeypatch):
    """A form that stood open for hours is still the person's own."""
    client = kit.client()
    own = token(client.get("/form", **HOST).text)
    later = int(time.time()) + 12 * 3600
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: later)
    assert client.post("/form", data={"csrf_token": own}, **HOST).status_code == 200


def test_forms_and_their_cookie_are_signed_with_sha_256(kit: Kit):
    """What SHA-1 signed is nobody's (ASVS 11.4.1)."""
    client = kit.client()
    own = token(client.get("/form", **HOST).text)
    (cookie,) = client._cookies.values()
    keys = kit.app.config["WTF_CSRF_SECRET_KEY"]
    for signed, salt, derived in (
        (own, "wtf-csrf-token", "django-concat"),
        (cookie.value, "cookie-session", "hmac"),
    ):
        payload, _, signature = signed.rpartition(".")
        assert [
            TimestampSigner(keys, salt, ".", derived, digest).verify_signature(payload, signature)
            for digest in (sha256, sha1)
        ] == [True, False]


def test_a_rotated_secret_keeps_open_forms(kit_settings):
    """A form that was opened under the old key is sent under the new one, not under a third."""
    old, new = "fzQ7x2Lk9mVb4Rt1Yp8Wc3Nd6Hs5Jg0A", "Pq3Zt8Lm2Xc7Vb5Nk9Wd4Rf6Ys1Hj0Gu"
    before = Kit(kit_settings(secret_keys=(old,))).client()
    opened = token(before.get("/form", **HOST).text)
    (cookie,) = before._cookies.values()
    for keys, status in (((new, old), 200), ((new,), 400)):
        client = Kit(kit_settings(secret_keys=keys)).client()
        client.set_cookie(cookie.key, cookie.value, domain="guests.host.example", secure=True)
        assert client.post("/form", data={"csrf_token": opened}, **HOST).status_code == status
        own = token(client.get("/form", **HOST).text)
        assert client.post("/form", data={"csrf_token": own}, **HOST).status_code == 200


def test_w10_a_request_gives_our_addresses_no_prefix(kit: Kit):
    """Gunicorn takes SCRIPT_NAME from a header, which some proxies let a client send."""
    assert kit.get("/link", environ_overrides={"SCRIPT_NAME": "/evil"}).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "guests.host.example.evil.example"},
        {"Host": "guests.host.example:8443"},
        {"Host": "guests.host.example@evil.example"},
        {"Host": "10.0.0.1"},
        {"Host": ""},
        {"Host": "guests.host.example", "X-Forwarded-Host": "evil.example"},
        {"Host": "guests.host.example", "X-Forwarded-Host": "guests.host.example, evil.example"},
    ],
    ids=lambda headers: ",".join(headers.values()) or "none",
)
@pytest.mark.parametrize("hops", [0, 1])
def test_w10_a_foreign_host_is_turned_away(make_kit, headers, hops):
    """400 before any URL is built, behind a proxy too."""
    answer = make_kit(trusted_hops=hops).get("/link", headers=headers)
    assert answer.status_code == 400
    assert "evil" not in answer.text
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize(
    "host", ["guests.host.example", "GUESTS.host.example", "guests.host.example:443"]
)
def test_w10_urls_come_from_the_settings(make_kit, host):
    """Whatever scheme, port or forwarded words the request has."""
    words = {
        "Host": host,
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Port": "99",
        "Forwarded": "host=x",
    }
    answer = make_kit(trusted_hops=1).client().get("/link", headers=words)
    assert answer.text == f"{PUBLIC}/form?x=1"


def test_probes_answer_by_address(make_kit):
    """A machine that asks knows no name; every other page stays shut to it."""
    from portal.web import probes

    kit = make_kit()
    kit.app.register_blueprint(probes.bp)
    client = kit.app.test_client()
    words = {"Host": "10.1.2.3:8000", "X-Forwarded-Host": "lb.internal"}
    assert client.get("/healthz", headers=words).text == "alive\n"
    assert client.get("/form", headers=words).status_code == 400


@pytest.mark.parametrize(
    ("hops", "address"), [(0, "192.0.2.7"), (1, "203.0.113.5"), (2, "198.51.100.1")]
)
def test_the_clients_address_is_what_our_own_proxies_say(make_kit, hops, address):
    """Not what the client says of itself."""
    kit = make_kit(trusted_hops=hops)
    kit.client().post(
        "/form", headers={"X-Forwarded-For": "1.1.1.1, 198.51.100.1, 203.0.113.5"}, **HOST
    )
    assert kit.refusals[0].address == address


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https:evil.example",
        "https://evil.example",
        "https://guests.host.example/me",
        "\t//evil.example",
        "/\t/evil.example",
        "/%09//evil.example\n",
        "/a//evil.example",
        "///evil.example",
        "data:text/html,x",
        "javascript:alert(1)",
        "evil.example",
        "me",
        "",
        None,
        "/me\r\nSet-Cookie: x=1",
        "/me\0",
        "/\u2044evil.example",
        "/" + "a" * 2000,
    ],
)
def test_w08_the_way_back_leads_to_us_only(wanted):
    """Anything else leads to the first page."""
    assert safe_next(wanted, "/first") == "/first"


@pytest.mark.parametrize(
    "wanted", ["/", "/me", "/sponsor/requests/1?from=mail&x=%2F%2Fevil", "/a#b"]
)
def test_w08_a_page_of_ours_is_kept(wanted):
    """With its query."""
    assert safe_next(wanted) == wanted


ODD = st.text(alphabet="/\\:.@?#%09 \t\n\rae\0", max_size=20)


@pytest.mark.properties
@given(ODD | ODD.map("/".__add__) | ODD.map("/\\".__add__))
def test_w08_no_browser_leaves(text):
    """As browsers read it: backslashes are slashes, tabs and line breaks are nothing."""
    read = re.sub(r"[\t\n\r]", "", safe_next(text)).replace("\\", "/")
    assert read.startswith("/")
    assert not read.startswith("//")


def test_n01_a_large_body_is_refused(kit: Kit):
    """50 MB, or 100,000 fields: 413, before anything reads it."""
    client = kit.client()
    own = token(client.get("/form", **HOST).text)
    assert (
        client.post("/form", data=b"a" * 300_000, content_type="text/plain", **HOST).status_code
        == 413
    )
    fields = {f"f{n}": "" for n in range(5_000)} | {"csrf_token": own}
    assert client.post("/form", data=fields, **HOST).status_code == 413
    assert client.post("/form", data={"x": "a" * 300_000}, **HOST).status_code == 413
    parts = {f"f{n}": "" for n in range(600)}
    answer = client.post("/form", data=parts, content_type="multipart/form-data", **HOST)
    assert answer.status_code == 413
    assert {refusal.code for refusal in kit.refusals} == {"input.length"}


@pytest.mark.parametrize(
    "path", ["/form%00", "/form?next=%00", "/form?a=1&a=%00", "/form?%00=1", "/n%00where"]
)
def test_n02_nul_in_an_address_is_refused(kit: Kit, path):
    """400, no crash of the database."""
    assert kit.get(path).status_code == 400


def test_w06_head_and_get_change_nothing(kit: Kit):
    """They need no token, since no view changes anything for them; other methods do not exist."""
    client = kit.client()
    assert client.head("/form", **HOST).status_code == 200
    for method in ("put", "patch", "delete"):
        assert getattr(client, method)("/form", **HOST).status_code in {400, 405}
