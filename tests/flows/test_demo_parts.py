"""The parts that stand around the portal: real identity providers and a mail server."""

import base64
import hashlib
import json
import re
import smtplib
from email.message import EmailMessage
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from demo.canaille import CanailleUser, start_canaille, subject_of
from demo.mail_sink import start_mail_sink
from demo.providers import MockUser, start_provider
from demo.waiting import free_port, is_free

BACK = "http://127.0.0.1:8000/sign-in/acme/main/callback"
CLIENT = ("guest-portal", "a secret for one client")
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()[:-1]
ANNA = CanailleUser(
    "anna", "correct horse battery", "anna.weber@acme.example", "Anna", "Weber", ("engineering",)
)


@pytest.fixture
def browser():
    """Return a session that asks no proxy."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


def begin(issuer, browser, **other):
    """Ask for a sign-in, as the portal does."""
    found = browser.get(f"{issuer}/.well-known/openid-configuration").json()
    assert found["issuer"] == issuer
    query = {
        "response_type": "code",
        "client_id": CLIENT[0],
        "redirect_uri": BACK,
        "scope": "openid profile email groups",
        "state": "a state",
        "nonce": "a nonce of this test",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **other,
    }
    return found, browser.get(found["authorization_endpoint"], params=query)


def follow(answer, browser):
    """Follow redirects as far as the provider goes; return the parameters of the way back."""
    while answer.is_redirect:
        where = requests.compat.urljoin(answer.url, answer.headers["Location"])
        if where.startswith(BACK):
            return {key: value[0] for key, value in parse_qs(urlsplit(where).query).items()}
        answer = browser.get(where, allow_redirects=False)
    raise AssertionError(f"the provider did not come back: {answer.status_code} {answer.text}")


def claims_for(found, code, browser):
    """Exchange the code; return the claims of the ID token, unverified: this is no portal."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
    answer = browser.post(
        found["token_endpoint"], data=form | {"code_verifier": VERIFIER}, auth=CLIENT
    )
    assert answer.status_code == 200, answer.text
    payload = answer.json()["id_token"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    token = answer.json()["access_token"]
    user = browser.get(found["userinfo_endpoint"], headers={"Authorization": f"Bearer {token}"})
    assert user.json()["sub"] == claims["sub"]
    return claims | user.json()


def log_in(page, user, browser):
    """Type the login and the password into Canaille's pages."""
    for field, value in (("login", user.username), ("password", user.password)):
        assert f'name="{field}"' in page.text
        csrf = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
        form = {"csrf_token": csrf, field: value}
        page = browser.post(page.url, data=form, allow_redirects=False)
        if page.is_redirect and field == "login":
            page = browser.get(requests.compat.urljoin(page.url, page.headers["Location"]))
    return page


def test_canaille_signs_in_with_a_password(tmp_path, browser):
    """Canaille starts, asks for login and password, and gives claims with an opaque subject."""
    port = free_port()
    with start_canaille(tmp_path, port, [ANNA], *CLIENT, [BACK], name="Acme") as canaille:
        found, page = begin(canaille.issuer, browser)
        assert "<title>Authorization interface - Acme</title>" in page.text
        back = follow(log_in(page, ANNA, browser), browser)
        assert back["state"] == "a state"
        assert back["iss"] == canaille.issuer
        claims = claims_for(found, back["code"], browser)
        assert claims["sub"] == subject_of(canaille.issuer, "anna")
        assert claims["email"] == ANNA.email
        assert claims["name"] == "Anna Weber"
        assert claims["groups"] == ["engineering"]
        assert claims["nonce"] == "a nonce of this test"
        assert claims["aud"] in (CLIENT[0], [CLIENT[0]])
    assert is_free(port)
    assert canaille.process.poll() is not None


def test_canaille_sends_nobody_to_another_address(tmp_path, browser):
    """Only the exact redirect URI of the client is answered."""
    with start_canaille(tmp_path, free_port(), [ANNA], *CLIENT, [BACK]) as canaille:
        _, page = begin(canaille.issuer, browser, redirect_uri=BACK + "/other")
        page = log_in(page, ANNA, browser)
        page = browser.get(requests.compat.urljoin(page.url, page.headers["Location"]))
        assert page.status_code == 400


def test_canaille_says_why_it_did_not_start(tmp_path):
    """A taken port and a process that ends are told apart; the latter with its own words."""
    with start_mail_sink() as sink, pytest.raises(RuntimeError, match="something else listens"):
        start_canaille(tmp_path, urlsplit(sink.url).port, [ANNA], *CLIENT, [BACK])
    with pytest.raises(RuntimeError, match=r"(?s)exit code 1.*IntegrityError"):
        start_canaille(tmp_path, free_port(), [ANNA, ANNA], *CLIENT, [BACK])


def test_mock_providers_stand_side_by_side(browser):
    """Two providers in one process know their own people and their own client only."""
    admin = MockUser("nw-1", "Petra Vogel (admin)", {"name": "Petra Vogel", "roles": ["admin"]})
    guest = MockUser("glx-1", "Li Wang", {"name": "Li Wang", "email": "li.wang@globex.example"})
    with (
        start_provider(0, [admin], *CLIENT, [BACK], name="Northwind") as northwind,
        start_provider(0, [guest], "another", "secret", [BACK], name="Globex") as globex,
    ):
        found, page = begin(northwind.issuer, browser)
        assert "Sign in at Northwind" in page.text
        assert "Petra Vogel (admin)</button>" in page.text
        assert "jsdelivr" not in page.text
        answer = browser.post(page.url, data={"sub": "nw-1"}, allow_redirects=False)
        claims = claims_for(found, follow(answer, browser)["code"], browser)
        assert claims["sub"] == "nw-1"
        assert claims["roles"] == ["admin"]

        assert begin(globex.issuer, browser)[1].status_code >= 400
        found, page = begin(globex.issuer, browser, client_id="another")
        assert "Li Wang" in page.text
        assert "Petra" not in page.text


def test_mock_provider_says_something_new_of_a_person(browser):
    """`put_user` changes the claims of the next sign-in; denying comes back as an error."""
    guest = MockUser("glx-1", "Li Wang", {"department": "Finance"})
    with start_provider(0, [guest], *CLIENT, [BACK]) as globex:
        globex.put_user("glx-1", {"department": "Sales"})
        found, page = begin(globex.issuer, browser)
        answer = browser.post(page.url, data={"sub": "glx-1"}, allow_redirects=False)
        claims = claims_for(found, follow(answer, browser)["code"], browser)
        assert claims["department"] == "Sales"
        answer = browser.post(page.url, data={"action": "deny"}, allow_redirects=False)
        assert follow(answer, browser)["error"] == "access_denied"


def test_mail_sink_keeps_and_shows(tmp_path, browser):
    """A message with two parts is kept, listed, shown, and still there after the next start."""
    message = EmailMessage()
    message["Subject"] = "Grüße: your access begins"
    message["From"] = "portal@northwind.example"
    message["To"] = "anna.weber@acme.example"
    message.set_content("Open http://127.0.0.1:8000/me?a=1&b=2.\n<script>alert(1)</script>\n")
    message.add_alternative('<p><a href="http://127.0.0.1:8000/me">Open</a></p>', subtype="html")
    with start_mail_sink(directory=tmp_path) as sink:
        with smtplib.SMTP("127.0.0.1", urlsplit(sink.smtp_url).port) as client:
            client.send_message(message)
        mail = sink.wait_for("anna.weber@acme.example", subject="access begins")
        assert mail.links() == ["http://127.0.0.1:8000/me?a=1&b=2"]
        assert "Grüße: your access begins" in browser.get(sink.url).text
        page = browser.get(f"{sink.url}/messages/{mail.id}").text
        assert '<a href="http://127.0.0.1:8000/me?a=1&amp;b=2">' in page
        assert "<script>" not in page
        frame = browser.get(f"{sink.url}/messages/{mail.id}/html")
        assert "sandbox" in frame.headers["Content-Security-Policy"]
        with pytest.raises(TimeoutError, match="access begins"):
            sink.wait_for("nobody@acme.example", timeout=0.1)
    with start_mail_sink(directory=tmp_path) as sink:
        (kept,) = browser.get(f"{sink.url}/messages.json", params={"to": mail.recipients[0]}).json()
        assert kept["subject"] == mail.subject
        assert kept["links"] == mail.links()
