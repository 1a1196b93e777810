"""A test sign-in that fails: the admin is told why, and stays the admin."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from sqlalchemy import update

from portal.foundation.current import house
from portal.foundation.db import db
from portal.sign_in.models import ProviderDocument, SignInAttempt
from portal.staff.models import Staff
from portal.trust.models import IdentityProvider
from tests import factories
from tests.flows.story import Story, act, refused
from tests.hostile.provider import HostileProvider
from tests.pages.sessions import as_staff

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
STEPS = "/admin/organisations/acme/providers/id"

WRONG = {
    "a lie": ({"claims": {"nonce": "another"}}, "the ID token's nonce is of another sign-in"),
    "a no": ({"error": "access_denied"}, "the provider answered access_denied"),
    "silence": ({"broken": {"token": "status 503"}}, "the token endpoint gave no usable answer"),
}


@pytest.mark.parametrize("what", WRONG)
def test_the_steps_say_why(story: Story, what: str):
    """No page for guests, whose button would sign the admin in as one."""
    lies, words = WRONG[what]
    client = story.browser()
    as_staff(story.app, client, story.admin_id)
    with story.provider.lying(**lies):
        answer = story.knock(client, f"{STEPS}/try")
    assert (answer.status_code, answer.location) == (303, STEPS)
    page = client.get(STEPS).text
    assert f"The test sign-in failed: {words}" in page.replace("&#39;", "'")
    (event,) = story.events(event="sign_in.refused")
    assert event.reference in page


def test_who_would_come_in_is_not_refused_for_a_later_step(story: Story):
    """Enabling is step 5, and the test is step 4: done in order, it passes."""
    act(story, lambda tx: tx.session.execute(update(IdentityProvider).values(state="draft")))
    client = story.browser()
    as_staff(story.app, client, story.admin_id)
    shown = client.get(story.depart(client, f"{STEPS}/try")).text
    assert "<h1>This person would arrive as a new guest</h1>" in shown
    assert "People come in through it once it is enabled: that is step 5." in shown
    steps = client.get(STEPS).text
    assert "Would arrive as a new person" in steps
    assert '<span class="state good">passed</span>' in steps


def test_an_attempt_that_is_over_says_so(story: Story):
    """Reloaded: it was used, and nothing is decided by it again."""
    client = story.browser()
    as_staff(story.app, client, story.admin_id)
    back = story.depart(client, f"{STEPS}/try")
    shown = client.get(back)
    assert shown.status_code == 200
    assert '<a href="/admin/organisations" aria-current="page">' in shown.text  # where it belongs
    answer = client.get(back)
    assert (answer.status_code, answer.location) == (303, STEPS)
    assert "the attempt has been used already" in client.get(STEPS).text


def test_an_answer_that_cannot_be_read_says_so(story: Story):
    """It brings the state of the test: that it is one is known before anything is checked."""
    client = story.browser()
    as_staff(story.app, client, story.admin_id)
    back = story.depart(client, f"{STEPS}/try")
    answer = client.get(f"{back}&code=another")
    assert (answer.status_code, answer.location) == (303, STEPS)
    assert "The test sign-in failed: " in client.get(STEPS).text


def test_a_provider_that_cannot_be_spoken_with(story: Story):
    """Before anybody has left."""
    client = story.browser()
    as_staff(story.app, client, story.admin_id)
    with story.provider.lying(broken={"discovery": "status 503"}):
        answer = client.get(f"{STEPS}/try")
    assert (answer.status_code, answer.location) == (303, STEPS)
    assert "The test sign-in failed: " in client.get(STEPS).text
    with story.app.app_context():
        assert db.session.query(SignInAttempt).count() == 1
        db.session.remove()


@pytest.mark.parametrize("comes", ["nobody", "sponsor", "another admin", "no admin any more"])
def test_w13_it_is_shown_to_the_admin_who_began_it(story: Story, comes: str):
    """Whoever sits at that browser by now is told nothing, and that they came is written down."""
    client = story.browser()
    as_staff(story.app, client, story.admin_id)
    back = story.depart(client, f"{STEPS}/try")
    if comes != "no admin any more":
        client.delete_cookie("__Host-portal-session", domain="guests.host.example")
    if comes == "sponsor":
        as_staff(story.app, client, story.sponsor_id)
    elif comes == "another admin":
        other = act(story, lambda tx: factories.admin(tx, email="other@host.example"))
        as_staff(story.app, client, other)
    elif comes == "no admin any more":
        less = update(Staff).values(is_admin=False, is_sponsor=True)
        act(story, lambda tx: tx.session.execute(less.where(Staff.id == story.admin_id)))
    answer = client.get(back)
    assert answer.status_code == 403
    assert "Lovelace" not in answer.text
    (event,) = story.events(event="access.refused")
    assert (event.reason, event.reference in answer.text) == ("authz", True)
    assert not story.events(event="identity_provider.trial")


@pytest.fixture
def elsewhere() -> Iterator[HostileProvider]:
    """Another host."""
    provider = HostileProvider()
    yield provider
    provider.close()


def test_f05_whoever_tests_again_is_told_where_the_addresses_moved(
    story: Story, elsewhere: HostileProvider
):
    """Before, with the refusal, and when it is accepted; nobody is sent there meanwhile."""
    client = story.browser()
    as_staff(story.app, client, story.admin_id)
    assert client.submit(STEPS, to="/test").status_code == 303
    assert "addresses moved" not in client.get(STEPS).text
    moved = {"authorization_endpoint": f"{elsewhere.issuer}/authorize"}
    with story.provider.lying(document=moved):
        house(story.app).pop("providers")
        act(story, lambda tx: tx.session.execute(update(ProviderDocument).values(fetched_at=None)))
        host = urlsplit(elsewhere.issuer).netloc
        answer = client.get(f"{STEPS}/try")
        assert (answer.status_code, answer.location) == (303, STEPS)
        assert f"addresses moved to {host}: if that is right" in client.get(STEPS).text
        refused(story, story.browser().get("/sign-in/acme/id"), "net.origin")
        assert client.submit(STEPS, to="/test").status_code == 303
        assert f"Its addresses moved to {host}; the last test that passed" in client.get(STEPS).text
        assert story.browser().get("/sign-in/acme/id").location.startswith(elsewhere.issuer)
        assert client.submit(STEPS, to="/test").status_code == 303
        assert "addresses moved" not in client.get(STEPS).text
