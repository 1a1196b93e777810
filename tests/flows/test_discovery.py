"""Finding one's own sign-in by an address tells nothing about anybody (A24)."""

import re

import pytest
from sqlalchemy import event

from portal.app import create_app
from portal.foundation.db import db
from portal.sponsorship.changes import people
from tests import factories
from tests.flows.story import START, act, trusting
from tests.hostile.provider import CLIENT_ID, CLIENT_SECRET


def test_a24_discovery_tells_nothing_about_persons_or_partners(story):
    """Known, unknown and unlisted: one page, which differs only in where its button leads."""
    client = story.browser()

    def ask(email):
        answer = client.submit("/sign-in", {"email": email})
        assert answer.status_code == 200
        return re.sub(r'(url=|href=")/sign-in/[a-z-]+"', "LEADS", answer.text)

    known = ask("ada@acme.example")
    assert known == ask("nobody@acme.example") == ask("x@unknown.example")


def test_a24_whatever_they_are_the_answer_is_one(story):
    """Known, removed, never seen, another's: the same status, size and steps; no list anywhere."""
    story.arrive(story.browser())
    act(story, lambda tx: people.remove(tx, story.guest().id, "left"))
    act(story, lambda tx: factories.organisation(tx, "zeta", unlisted=True))
    asked = ("ada@acme.example", "nobody@acme.example", "x@zeta.example", "x@unknown.example")
    seen = set()
    with story.app.app_context():
        engine = db.engine
    for email in asked:
        client = story.browser()
        sent = []
        event.listen(engine, "before_cursor_execute", note := lambda *_, sent=sent: sent.append(1))
        answer = client.submit("/sign-in", {"email": email})
        event.remove(engine, "before_cursor_execute", note)
        page = re.sub(r'(url=|href=")/sign-in/[a-z-]+"', "LEADS", answer.text)
        seen.add((answer.status_code, page, len(sent)))
    assert len(seen) == 1
    for path in ("/sign-in", "/sign-in/nowhere-to-go", "/"):
        text = story.browser().get(path, follow_redirects=True).text
        assert "Acme" not in text
        assert "Zeta" not in text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("company", "told"), [("acme", True), ("globex", False)])
def test_a24_the_typed_address_is_told_to_its_own_company_alone(app, provider, company, told):
    """Whoever goes on to another company's link after all has not told it where they work."""
    story = trusting(app, provider, required_claims={"org": "acme"})
    at_the_same = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    globex = {"issuer": provider.issuer, "required_claims": {"org": "globex"}, **at_the_same}
    act(story, lambda tx: factories.partner(tx, "globex", **globex))
    client = story.browser()
    client.submit("/sign-in", {"email": "ada@acme.example"})
    away = client.get(f"/sign-in/{company}/id").location
    assert ("login_hint=ada%40acme.example" in away) == told
    assert "login_hint" not in client.get(START).location, "it is told once"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a24_discovery_is_throttled(make_settings):
    """Trying addresses ends soon, with 429."""
    app = create_app(make_settings(limit_sign_in_per_address="3 per minute"))
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    at = {"base_url": "https://guests.host.example"}
    answers = [client.post("/sign-in", data={"email": f"x@d{n}.example"}, **at) for n in range(5)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429, 429]
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
