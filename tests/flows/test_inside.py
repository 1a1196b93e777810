"""Inside, and out again: what ends, asks or closes after a sign-in."""

import re

import pytest
from werkzeug.test import TestResponse

from portal.foundation.db import db
from portal.sponsorship.changes import people
from portal.trust import changes as trust
from portal.trust.queries import organisation_by_slug
from tests import factories
from tests.flows.story import act, approve, refused, trusting
from tests.pages.sessions import as_staff


def test_a_suspended_person_reads_since_when_and_whom_to_ask(story):
    """Kind words, the sponsor by name, another account, and the number."""
    client = story.browser()
    story.arrive(client)
    approve(story)
    guest = story.guest()
    act(story, lambda tx: people.suspend(tx, guest.id, "key card lost"))
    inside = client.get("/me")
    assert inside.status_code == 200
    assert client.get("/me/data").status_code == 303, "a suspended guest sees one page only"
    answer = story.knock(story.browser())
    refused(story, answer, "adm.suspended")
    assert "Ask Sam" in answer.text
    assert "account=other" in answer.text
    assert "btn-primary" not in answer.text, "neither button helps: Sam has to be asked"


@pytest.mark.parametrize("by_admin", [False, True])
def test_who_is_held_is_sent_to_nobody_who_cannot_lift_it(story, by_admin):
    """An admin's hold only an admin lifts: a mail says when it is over, whoever is asked."""
    story.arrive(story.browser())
    approve(story)
    act(story, lambda tx: people.suspend(tx, story.guest().id, "Badge lost", by_admin=by_admin))
    answer = story.knock(story.browser())
    refused(story, answer, "adm.suspended")
    assert "When the suspension is lifted you get a mail." in answer.text
    assert "to let you in again" not in answer.text


def test_new_terms_are_asked_for_before_anything_else(story):
    """A session can only show the terms until they are accepted."""
    client = story.browser()
    story.arrive(client)
    act(story, lambda tx: trust.publish_terms(tx, "Be very kind.", published_by="Ada"))
    assert client.get("/me").location == "/me/terms"
    assert client.submit("/me/terms", {"accept": "y"}).status_code == 303
    assert client.get("/me").status_code == 200


def test_a_disabled_provider_ends_its_sessions_within_one_request(story):
    """Disabling shuts the door and the rooms."""
    client = story.browser()
    story.arrive(client)
    admin = story.browser()
    as_staff(story.app, admin, story.admin_id)
    page = "/admin/organisations/acme/providers/id"
    assert admin.submit(page, to="/disable").status_code == 303
    assert client.get("/me").location.startswith("/sign-in")
    assert story.browser().get("/sign-in/acme/id").status_code == 403


def test_w04_signing_out_kills_a_copied_cookie(story):
    """The row is gone, so a copy of the cookie is nobody's (W04)."""
    client = story.browser()
    story.arrive(client)
    cookie = next(one for one in client._cookies.values() if one.key.endswith("portal-session"))
    client.submit("/me", to="/sign-out")
    thief = story.browser()
    thief.set_cookie(cookie.key, cookie.value, domain=cookie.domain, secure=cookie.secure)
    assert thief.get("/me").location.startswith("/sign-in")


def token_on(page: TestResponse) -> str:
    """Return what the forms of a page are known by."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_w01_forms_of_before_are_nobodys(story):
    """Who had the browser before knows their seed: it is another after a sign-in, and after it."""
    client = story.browser()
    before = {"csrf_token": token_on(client.get("/sign-in"))}
    story.arrive(client)
    assert client.post("/sign-out", data=before).status_code == 400
    own = {"csrf_token": token_on(client.get("/me"))}
    assert client.post("/sign-out", data=own).status_code == 303
    assert client.post("/sign-out", data=own).status_code == 400


@pytest.mark.parametrize("whose", ["guest", "staff"])
def test_signing_out_is_written_down(story, whose):
    """Who it was, and that it was their own doing."""
    client = story.browser()
    if whose == "guest":
        story.arrive(client)
    else:
        as_staff(story.app, client, story.admin_id)
    page = "/me" if whose == "guest" else "/admin"
    client.submit(page, to="/sign-out")
    (event,) = story.events(event="session.ended")
    who = story.guest().id if whose == "guest" else story.admin_id
    assert event.actor == f"{whose}:{who}"
    assert event.data["why"] == "signed_out"
    assert (event.guest_id == who) == (whose == "guest")
    assert (event.organisation_id is not None) == (whose == "guest")
    assert event.data.get("staff") == (str(who) if whose == "staff" else None)


def test_at_once_works_restricted_until_somebody_decides(app, provider, policy_clock):
    """Restricted access at once with the default offers; not approved in time, suspended."""
    story = trusting(app, provider, policy={"approval": "at-once"})
    with app.app_context():
        acme = organisation_by_slug(db.session(), "acme").id
        db.session.remove()
    act(story, lambda tx: factories.offer(tx, acme, default=True))
    client = story.browser()
    assert story.knock(client).location == "/arrival"
    page = client.get("/arrival").text
    assert "decides within 7 days whether it goes on; if nobody does, it ends then" in page
    assert "Accept and start" in page
    client.submit("/arrival", {"terms": "y"})
    guest = story.guest()
    assert (guest.state, guest.decision.allowed) == ("active", True)
    assert guest.entitlements == ["wiki/read"]
    assert "Wiki" in client.get("/me").text
    policy_clock.forward(days=7, seconds=1)
    guest = story.guest()
    assert not guest.decision.allowed
    assert guest.decision.standing.reason == "not_approved"


@pytest.mark.parametrize(
    ("lies", "code"),
    [
        ({}, "adm.domain"),
        ({"error": "access_denied"}, "oidc.denied"),
        ({"broken": {"token": "status 503"}}, "net.limit"),
    ],
    ids=["another account", "cancelled", "away"],
)
def test_who_tries_again_comes_to_the_page_that_they_wanted(story, lies, code):
    """A wrong account, a cancelled sign-in or a provider that is away costs nobody their way."""
    story.arrive(story.browser())
    approve(story)
    client = story.browser()
    door = client.get("/me/data").location
    assert door == "/sign-in?next=%2Fme%2Fdata"
    client.get(door)
    right = story.provider.person
    with story.provider.lying(**lies):
        if not lies:
            story.provider.person = {**right, "sub": "other", "email": "other@elsewhere.example"}
        refused(story, story.knock(client), code)
    story.provider.person = right
    assert story.knock(client).location == "/me/data"
    assert story.knock(client).location == "/me", "it is wanted once"


@pytest.mark.parametrize("typed", ["Acme", "acme/"])
def test_a_companys_link_is_found_as_people_type_it(story, typed):
    """In capitals, as names are written, or with a slash behind it."""
    assert story.browser().get(f"/sign-in/{typed}").location == "/sign-in/acme/id"
