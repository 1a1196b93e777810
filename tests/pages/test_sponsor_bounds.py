"""What no sponsor gets done: without the form, for others, with other ids (W06, W13, N14)."""

from uuid import uuid4

from portal.guests.rules import State
from tests.infra.client import PortalClient
from tests.pages.sessions import as_guest
from tests.pages.stage import DECISIONS, FORM, GETS, POSTS, Stage, paths, token_of


def test_w06_a_get_changes_nothing(stage: Stage):
    """Looking at every page, and asking actions by GET or HEAD, leaves the rows as they were."""
    before = (stage.scene.event_names(), stage.scene.mail_kinds())
    for path in paths(stage, GETS):
        assert stage.client.get(path).status_code == 200
    for path in paths(stage, POSTS):
        assert stage.client.get(path).status_code == 405
        assert stage.client.head(path).status_code == 405
    assert (stage.scene.event_names(), stage.scene.mail_kinds()) == before


def test_w06_no_action_without_the_token(stage: Stage):
    """Without a token, and with another person's, every action is refused."""
    foreign = token_of(stage.another(stage.ben), stage.page)
    before = stage.scene.row(stage.jane)
    for path in paths(stage, POSTS):
        for token in ({}, {"csrf_token": foreign}):
            assert stage.client.post(path, data={**FORM, **token}).status_code == 400, path
    assert stage.scene.row(stage.jane) == before
    assert {event.reason for event in stage.scene.events("access.refused")} == {"csrf"}


def test_w13_another_organisations_people_are_nowhere(stage: Stage):
    """A sponsor of Bolt asks for Acme's ids: 404 on every address, and the audit log knows."""
    bolt = stage.scene.partner("bolt")
    stranger = stage.another(bolt.sponsor)
    token = token_of(stranger, "/sponsor")
    before = stage.scene.row(stage.jane)
    for path in paths(stage, GETS[4:]):
        answer = stranger.get(path)
        assert answer.status_code == 404
        assert "Jane" not in answer.text
    for path in paths(stage, POSTS):
        answer = stranger.post(path, data={**FORM, "csrf_token": token})
        assert answer.status_code == 404, path
    assert stage.scene.row(stage.jane) == before
    refused = stage.scene.events("access.refused")
    assert len(refused) == len(GETS[4:]) + len(POSTS)
    assert {(event.reason, event.actor) for event in refused} == {
        ("authz", f"staff:{bolt.sponsor}")
    }
    for path in ("/sponsor", "/sponsor/guests", "/sponsor/removed", "/sponsor/past"):
        assert "Jane" not in stranger.get(path).text


def test_w13_unknown_ids_are_nowhere(stage: Stage):
    token = token_of(stage.client, "/sponsor")
    for pattern in GETS[4:]:
        path = f"/sponsor{pattern.format(request=uuid4(), jane=uuid4())}"
        assert stage.client.get(path).status_code == 404
    for pattern in POSTS:
        path = f"/sponsor{pattern.format(request=uuid4(), jane=uuid4())}"
        answer = stage.client.post(path, data={**FORM, "csrf_token": token})
        assert answer.status_code == 404


def test_w13_an_address_in_the_organisations_domains_decides_nothing(stage: Stage):
    """Named or not: who has an address there cannot vouch for it."""
    own = stage.scene.staff("Olga", email="olga@bolt.example")
    token = token_of(stage.another(own), "/sponsor")
    for path in paths(stage, POSTS):
        answer = stage.another(own).post(path, data={**FORM, "csrf_token": token})
        assert answer.status_code in (400, 404)
    assert stage.another(own).get(stage.page).status_code == 404


def test_w13_guests_and_strangers_see_no_sponsor_page(stage: Stage):
    """A guest is refused; nobody is sent to sign in, and back to the wanted page."""
    guest = stage.app.test_client()
    assert isinstance(guest, PortalClient)
    as_guest(stage.app, guest, stage.jane, stage.acme.provider_id)
    for path in paths(stage, GETS):
        assert guest.get(path).status_code == 403
    nobody = stage.app.test_client()
    answer = nobody.get(stage.page)
    assert answer.status_code == 303
    assert answer.location.startswith("/staff/sign-in?next=")
    assert str(stage.request) in answer.location


def test_an_id_of_another_guests_grant_gives_nothing(stage: Stage):
    """Offers of another organisation cannot be ticked in."""
    bolt = stage.scene.partner("bolt")
    foreign = stage.scene.offer(bolt)
    answer = stage.client.submit(stage.page, {"approve-may_use": [str(foreign)]}, to="/approve")
    assert answer.status_code == 422
    assert stage.scene.row(stage.jane).state == State.PENDING


def test_n14_names_of_partners_are_never_markup(stage: Stage):
    """What a partner says is text, on every page."""
    evil = "<b>Eve</b>{{7*7}}"
    eve = stage.scene.guest(stage.acme, "eve", name=evil)
    stage.approve(eve, stage.acme.sponsor)
    row = stage.scene.sponsorship(eve)
    for path in (
        "/sponsor/guests",
        "/sponsor/past",
        f"/sponsor/guests/{eve}",
        f"{DECISIONS}/{row.id}",
    ):
        text = stage.client.get(path).text
        assert "&lt;b&gt;Eve" in text
        assert "<b>Eve" not in text
        assert "{{7*7}}" in text
