"""Where somebody is signed in: every browser of theirs, nobody else's, and an end to the others."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from portal.foundation import clock
from portal.foundation.crypto import hash_token
from portal.foundation.db import db
from portal.foundation.transaction import Actor, transaction
from portal.sign_in.models import Session
from tests.flows.story import Story
from tests.infra.client import PortalClient
from tests.pages.sessions import as_guest, as_staff
from tests.pages.stage import hidden

PAGE = "/signed-in"
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def browsers_on(client: PortalClient) -> int:
    return client.get(PAGE).text.count('Last used">')


def in_session(story: Story, token: str, **values: object) -> None:
    """Change the row of a session."""
    with story.app.app_context():
        with transaction(actor=Actor.system("tests"), now=clock.policy_now()) as tx:
            tx.session.execute(
                update(Session).where(Session.token_hash == hash_token(token)).values(**values)
            )
        db.session.remove()


@pytest.fixture
def people(story: Story) -> dict[str, PortalClient]:
    """Ada in three browsers, Bob in one, an admin in two."""
    found = {name: story.browser() for name in ("ada", "phone", "tablet", "bob", "admin", "desk")}
    story.arrive(found["ada"])
    story.knock(found["phone"])
    story.knock(found["tablet"])
    story.provider.person = {
        **story.provider.person, "sub": "bob", "email": "bob@acme.example", "name": "Bob",
    }  # fmt: skip
    story.arrive(found["bob"])
    for name in ("admin", "desk"):
        as_staff(story.app, found[name], story.admin_id)
    return found


def test_a_person_sees_their_browsers_and_ends_the_others(story, people):
    """Within one request; nobody else's, and it is written down whose."""
    counts = {name: browsers_on(client) for name, client in people.items()}
    assert counts == {"ada": 3, "phone": 3, "tablet": 3, "bob": 1, "admin": 2, "desk": 2}
    assert people["phone"].get(PAGE).text.count("this browser") == 1
    answer = people["phone"].submit(PAGE, to="/elsewhere")
    assert "signed out everywhere else" in people["phone"].get(answer.location).text
    alive = {name: client.get(PAGE).status_code == 200 for name, client in people.items()}
    assert alive == {
        "ada": False, "phone": True, "tablet": False, "bob": True, "admin": True, "desk": True,
    }  # fmt: skip
    (event,) = story.events(event="session.ended")
    ada = next(one for one in story.events(event="guest.created") if one.guest_id != bob(story))
    assert (event.guest_id, event.actor) == (ada.guest_id, f"guest:{ada.guest_id}")
    assert event.data == {"why": "signed_out_elsewhere", "staff": None}
    assert event.organisation_id == ada.organisation_id, "or who looks at one company misses it"


def bob(story: Story):
    return story.guest("bob").id


def test_an_employee_too(story, people):
    """The other desk is out, and guests are not."""
    people["admin"].submit(PAGE, to="/elsewhere")
    assert people["desk"].get("/admin").status_code == 303
    assert people["admin"].get("/admin").status_code == 200
    assert people["bob"].get("/me").status_code == 200
    (event,) = story.events(event="session.ended")
    assert (event.guest_id, event.data["staff"]) == (None, str(story.admin_id))


@SQLITE
def test_w04_a_copy_of_this_browsers_cookie_is_elsewhere_too(story):
    """It shows as this browser: the id is another one afterwards."""
    client, other, thief = story.browser(), story.browser(), story.browser()
    story.arrive(client)
    story.knock(other)
    cookie = next(one for one in client._cookies.values() if one.key.endswith("portal-session"))
    thief.set_cookie(cookie.key, cookie.value, domain=cookie.domain, secure=cookie.secure)
    assert thief.get("/me").status_code == 200
    client.submit(PAGE, to="/elsewhere")
    assert thief.get("/me").status_code == 303
    assert client.get("/me").status_code == 200


@SQLITE
def test_sent_twice_the_second_lands_where_the_first_did(story):
    """With the new id the browser is led on; the id of before is nobody's, and gets no other."""
    client, before = story.browser(), story.browser()
    story.arrive(client)
    story.knock(story.browser())
    form = {"csrf_token": hidden(client, PAGE, "csrf_token")}
    for cookie in client._cookies.values():
        before.set_cookie(cookie.key, cookie.value, domain=cookie.domain, secure=cookie.secure)
    here = {"Referer": f"{client.public_url}{PAGE}"}
    first = client.post(f"{PAGE}/elsewhere", data=form, headers=here)
    second = before.post(f"{PAGE}/elsewhere", data=form, headers=here)
    assert (first.location, second.location) == (PAGE, "/sign-in?next=%2Fsigned-in")
    assert "portal-session" not in str(second.headers)
    assert client.get(second.location).location == PAGE
    assert "signed out everywhere else" in client.get(PAGE).text
    assert before.get(second.location).status_code == 200
    assert before.get(PAGE).status_code == 303


@SQLITE
def test_what_is_over_is_no_browser(story):
    """Past its end, asleep too long, ended; there is nothing to end then."""
    client, now = story.browser(), clock.protocol_now()
    as_staff(story.app, client, story.admin_id)
    alone = client.get(PAGE).text
    assert "In this browser alone" in alone
    assert "Sign out everywhere else</span></button>" not in alone
    other = as_staff(story.app, story.browser(), story.admin_id)
    assert browsers_on(client) == 2
    assert "Sign out everywhere else</span></button>" in client.get(PAGE).text
    alive = {
        "created_at": now - timedelta(days=3),
        "seen_at": now,
        "ends_at": now + timedelta(hours=1),
        "revoked_at": None,
    }
    for over in (
        {"seen_at": now - timedelta(days=2)},
        {"seen_at": now - timedelta(minutes=2), "ends_at": now - timedelta(minutes=1)},
        {"revoked_at": now},
    ):
        in_session(story, other, **alive | over)
        assert browsers_on(client) == 1
        in_session(story, other, **alive)
        assert browsers_on(client) == 2


@SQLITE
def test_nobody_else_gets_there(story):
    """A stranger is led to the door; a form without its token ends nothing."""
    assert story.browser().get(PAGE).location.startswith("/sign-in")
    client = story.browser()
    story.arrive(client)
    assert client.post(f"{PAGE}/elsewhere").status_code == 400
    guest, old = story.guest(), story.browser()
    with story.app.app_context():
        provider_id = db.session.scalar(select(Session.identity_provider_id))
        db.session.remove()
    as_guest(story.app, old, guest.id, provider_id, epoch=0)
    assert old.get(PAGE).status_code == 303
    assert browsers_on(client) == 1, "a session of before a removal is none"
