"""An employee comes back from the host's own provider with something else than before."""

from datetime import timedelta
from threading import Thread
from uuid import UUID

import pytest
from flask import Flask

from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.refused import Refused
from portal.guests.changes import write
from portal.guests.queries import lock
from portal.guests.rules import State
from portal.pages.staff_sign_in import LINK
from portal.sign_in import changes as sessions
from portal.staff import changes
from portal.staff.changes import people
from portal.staff.queries import listed
from tests.factories import PUBLIC_URL
from tests.flows.staff_cases import ROLES, bind, link_of_ben
from tests.flows.story import START, Story, refused, trusting
from tests.flows.test_meanwhile import waiting
from tests.hostile.provider import HostileProvider
from tests.infra.ports import wait_until
from tests.pages.inside import Inside
from tests.pages.stage import token_of
from tests.racing import beside

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
DAY = timedelta(days=1)


def come(house: Flask, own: HostileProvider, email: str) -> None:
    story = Story(house, own, UUID(int=0), UUID(int=0))
    own.person |= {"email": email, "email_verified": True}
    answer = story.knock(story.browser(), "/staff/sign-in")
    assert answer.status_code == 303, answer.text


@SQLITE
@pytest.mark.parametrize("begun", ["/staff/sign-in", START])
def test_o14_an_answer_at_the_other_entrance(
    house: Flask, own: HostileProvider, provider: HostileProvider, begun: str
):
    """A partner's code is not sent to the host's own provider, nor the other way round."""
    story = trusting(house, provider)
    client = story.browser()
    answered = f"{START}/callback" if begun != START else "/staff/sign-in/callback"
    query = story.depart(client, begun).partition("?")[2]
    refused(story, client.get(f"{answered}?{query}"), "oidc.mixup")
    assert own.requests["token"] == provider.requests["token"] == 0
    assert not any("portal-session" in one.key for one in client._cookies.values())


@SQLITE
@pytest.mark.parametrize("whose", ["a partner's domain", "the guest's", "their own"])
def test_i07_a_new_address_takes_along_whom_it_must(
    house: Flask, scene: Inside, own: HostileProvider, whose: str
):
    """Nobody stays with a sponsor who may not decide about them; everybody else does."""
    ada, ben = scene.staff("ada"), scene.staff("ben")
    acme = scene.partner(sponsors=[ada, ben], lead=ada)
    zeta = scene.partner("zeta", sponsors=[ada, ben], lead=ada)
    jane, john, zoe = scene.active(acme, "jane"), scene.active(acme, "john"), scene.guest(zeta)
    bind(scene, ada, own)
    if whose == "the guest's":
        scene.run(
            lambda tx: write(
                tx, "guest.refreshed", lock(tx, [jane])[0], {"email_aside": "ada@new.example"}
            ),
            by=ben,
        )
    come(house, own, {"a partner's domain": "ada@acme.example"}.get(whose, "ada@new.example"))
    gone = {"a partner's domain": {jane, john}, "the guest's": {jane}}.get(whose, set())
    asked = {one: scene.sponsorship(one).sponsor_id for one in (jane, john, zoe)}
    assert asked == {one: ben if one in gone else ada for one in (jane, john, zoe)}
    assert {scene.row(one).state for one in (jane, john)} == {State.ACTIVE}
    told = [mail.payload for mail in scene.mails() if mail.kind.startswith("sponsor.handed_over")]
    assert [payload.get("count", 1) for payload in told] == ([len(gone)] if gone else [])


@SQLITE
def test_a_colleagues_link_shuts_nobody_out_of_their_browser(
    house: Flask, scene: Inside, own: HostileProvider
):
    """Who follows a forwarded link is refused once, and signs in as themselves afterwards."""
    bind(scene, scene.staff("ada"), own)
    own.person |= {"email": "ada@host.example", "email_verified": True}
    story = Story(house, own, UUID(int=0), UUID(int=0))
    browser = story.browser()
    assert browser.submit(link_of_ben(scene, own)).status_code == 200
    back = story.depart(browser, "/staff/sign-in")
    answer = browser.get(back, environ_overrides={"REMOTE_ADDR": "203.0.113.77"})
    assert answer.status_code == 403
    assert "This link is not for this account" in answer.text
    (event,) = scene.events("sign_in.refused")
    assert event.personal["seen"]["address"] == "203.0.113.77"
    assert story.knock(browser, "/staff/sign-in").status_code == 303


@SQLITE
@pytest.mark.parametrize("minutes", [14, 15])
def test_a_link_that_was_pressed_and_left_binds_nobody_later(
    house: Flask, scene: Inside, own: HostileProvider, minutes: int
):
    """On a shared computer the next person who signs in is another one."""
    own.person |= {"email": "eve@host.example", "email_verified": True}
    story = Story(house, own, UUID(int=0), UUID(int=0))
    browser = story.browser()
    pressed = browser.submit(link_of_ben(scene, own))
    assert pressed.status_code == 200
    assert "On to the sign-in of Host Ltd" in pressed.text  # an employee is nobody's guest
    with browser.session_transaction(PUBLIC_URL) as cookie:
        link_id, until = cookie[LINK]
        cookie[LINK] = [link_id, until - 60 * minutes]
    assert story.knock(browser, "/staff/sign-in").status_code == (303 if minutes < 15 else 403)


@SQLITE
@pytest.mark.parametrize("how", ["opened again", "pressed again", "unknown"])
def test_i01_a_link_that_is_over_is_refused_under_a_number(house: Flask, scene: Inside, how: str):
    """Whoever tries one that was used stands in the log: it may have been stolen."""
    ada = scene.staff("ada")
    made = lambda tx: changes.make_sign_in_link(tx, ada, at=clock.protocol_now())  # noqa: E731
    page = scene.run(made, by=ada).url("")
    first, second = (Story(house, None, ada, ada).browser() for _ in range(2))
    token = token_of(second, page)
    assert first.submit(page).status_code == 303
    if how == "pressed again":
        answer = second.post(page, data={"csrf_token": token})
    else:
        answer = second.get(f"{page}x" if how == "unknown" else page)
    assert answer.status_code == 410
    (event,) = scene.events("sign_in.refused")
    assert (event.reason, event.actor, event.guest_id) == ("staff.link", "anonymous", None)
    assert event.data["identity_provider"] == "host"
    assert event.personal["seen"]["address"] == "127.0.0.1"
    assert f"Reference <code>{event.reference}</code>" in answer.text
    assert "Ask whoever gave it to you for a new one." in answer.text
    assert page.rpartition("/")[2] not in str(event)


@POSTGRESQL
@pytest.mark.parametrize("house", [ROLES], indirect=True)
@pytest.mark.parametrize("known", [False, True])
def test_a_new_employee_comes_in_two_tabs_at_once(
    house: Flask, own: HostileProvider, monkeypatch, *, known: bool
):
    """One row, and both are signed in, as with two of a partner's people (A16)."""
    own.person |= {"email": "eve@host.example", "roles": ["sponsors"]}
    story = Story(house, own, UUID(int=0), UUID(int=0))
    first, second = story.browser(), story.browser()
    if known:
        assert story.knock(story.browser(), "/staff/sign-in").status_code == 303
        own.person |= {"email": "eva@host.example"}
    here, there = (story.depart(one, "/staff/sign-in") for one in (first, second))
    start_session, late = sessions.start_session, []
    beside = Thread(target=lambda: late.append(second.get(there).status_code))

    def wait(*arguments, **more):
        if not beside.ident:
            beside.start()
            wait_until(lambda: waiting(house), "the second tab waits")
        return start_session(*arguments, **more)

    monkeypatch.setattr(sessions, "start_session", wait)
    assert first.get(here).status_code == 303
    beside.join(20)
    assert late == [303]
    with house.app_context():
        assert len(listed(db.session())) == 1
        db.session.remove()


@POSTGRESQL
def test_a_new_address_that_a_colleague_gets_at_this_moment(
    house: Flask, scene: Inside, own: HostileProvider, monkeypatch
):
    """Each keeps their own, as where it was taken long ago, and nobody meets an error."""
    bind(scene, scene.staff("ada"), own)
    held_by_other, turns = people._held_by_other, []

    def late(*arguments):
        held = held_by_other(*arguments)
        if not turns:
            other, faults = beside(lambda: scene.staff("eve", email="eve@host.example"))
            other.start()
            other.join(20)
            assert faults == []
        turns.append(held)
        return held

    monkeypatch.setattr(people, "_held_by_other", late)
    come(house, own, "eve@host.example")
    assert turns == [False, True]
    with house.app_context():
        assert sorted(one.email for one in listed(db.session())) == [
            "ada@host.example",
            "eve@host.example",
        ]
        db.session.remove()


@SQLITE
def test_an_employee_who_loses_every_race_is_told_to_try_again(
    house: Flask, scene: Inside, own: HostileProvider, monkeypatch
):
    """Under a number, and their own entrance is where it goes on."""
    bind(scene, scene.staff("ada"), own)

    def lose(*_arguments, **_more):
        raise Refused("email", "Somebody was added meanwhile")

    monkeypatch.setattr(changes, "arrive", lose)
    story = Story(house, own, UUID(int=0), UUID(int=0))
    answer = story.knock(story.browser(), "/staff/sign-in")
    assert answer.status_code == 503
    assert 'href="/staff/sign-in">Try again' in answer.text
    (event,) = scene.events("sign_in.refused")
    assert (event.reason, event.data["identity_provider"]) == ("adm.overtaken", "host")
    assert f"Reference <code>{event.reference}</code>" in answer.text
