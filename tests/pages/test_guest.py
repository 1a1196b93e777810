"""What a guest sees: where they stand in every state, their data, new terms; and nothing else."""

import re
from dataclasses import dataclass
from uuid import UUID

import pytest
from flask import Flask

from portal.access.queries import guest_view
from portal.foundation import clock
from portal.lifecycle.changes import let_go, suspend_organisation, withdraw_offer
from portal.pages.ahead import What, ahead
from portal.sponsorship.changes import deciding, people
from portal.sponsorship.changes.requesting import vouch
from portal.trust import changes as trust
from portal.web.display import last_day
from tests.infra.client import PortalClient
from tests.pages.inside import Inside
from tests.pages.sessions import as_guest
from tests.scene import Partner, Scene


@dataclass
class Stage:
    """Jane of Acme, signed in; her sponsor has not decided yet."""

    app: Flask
    client: PortalClient
    scene: Inside
    acme: Partner
    wiki: UUID
    jane: UUID

    @property
    def me(self) -> str:
        answer = self.client.get("/me")
        assert answer.status_code == 200
        return answer.text

    def approve(self, days: int = 90) -> None:
        row = self.scene.sponsorship(self.jane)
        until = self.scene.day(days)  # in the contract's zone: there it may be tomorrow already
        sponsor = self.acme.sponsor
        self.scene.run(deciding.approve, row.id, sponsor, until, [self.wiki], by=sponsor)


@pytest.fixture
def stage(app: Flask, client: PortalClient) -> Stage:
    scene = Inside(app)
    acme = scene.partner("acme", inactivity_days=200)
    wiki = scene.offer(acme, default=True)
    jane = scene.guest(acme)
    as_guest(app, client, jane, acme.provider_id)
    return Stage(app, client, scene, acme, wiki, jane)


def test_of_two_who_vouch_it_names_the_one_of_that_day(stage: Stage):
    """A review may end the longer word sooner; it is the longer one that the day is of."""
    stage.approve(days=60)
    stage.scene.policy(stage.acme, inactivity_days=200, review_days=30, grace_days=5)
    ben, day = stage.scene.staff("ben"), stage.scene.day(150)
    stage.scene.run(trust.name_sponsors, stage.acme.id, sponsors=[stage.acme.sponsor, ben], by=ben)
    stage.scene.run(vouch, stage.jane, ben, day, [], by=ben)
    text = " ".join(re.sub("<[^>]*>", "", stage.me).split())
    assert f"You have access until {last_day(day, 'Europe/Berlin')}" in text
    assert "ben at " in text.partition("You have access until")[2].partition(" vouches")[0]


def test_waiting_says_who_was_asked_and_what_follows(stage: Stage):
    text = stage.me
    assert "You are waiting for a decision" in text
    assert "the request lapses" in text
    assert "app-1" not in text.lower()


def test_active_says_until_when_and_who_vouches(stage: Stage):
    """The last day in the contract's zone, the sponsor by name, applications as links."""
    stage.approve()
    text = stage.me
    row = stage.scene.sponsorship(stage.jane)
    until = last_day(row.last_day, "Europe/Berlin")
    assert f'You have access until <span class="date">{until}</span>' in text  # in one piece
    assert "vouches for you" in text
    assert 'href="https://app-1.host.example/"' in text
    assert "whether you still need access" in text


def test_an_offer_withdrawn_is_no_link_any_more(stage: Stage):
    stage.approve()
    with stage.app.app_context(), Scene(now=stage.scene.now).tx() as tx:
        withdraw_offer(tx, stage.wiki)
    assert "app-1.host.example" not in stage.me


def test_in_at_once_says_that_it_ends_without_approval(stage: Stage, app: Flask):
    bolt = stage.scene.partner("bolt", approval="at-once")
    eve = stage.scene.guest(bolt, "eve", name="Eve")
    client = app.test_client()
    assert isinstance(client, PortalClient)
    as_guest(app, client, eve, bolt.provider_id)
    text = client.get("/me").text
    assert "You have restricted access while a decision is made" in text
    assert "If nobody approves by" in text


def test_suspended_sees_this_page_only(stage: Stage):
    """Since when, kindly why, whom to ask; every other page leads here."""
    stage.approve()
    stage.scene.run(people.suspend, stage.jane, "a secret reason", by=stage.acme.sponsor)
    text = stage.me
    assert "Your access is suspended" in text
    assert "somebody here suspended it" in text
    assert "a secret reason" not in text
    assert "app-1.host.example" not in text
    answer = stage.client.get("/me/data")
    assert (answer.status_code, answer.location) == (303, "/me")


def test_whoever_is_held_reads_what_must_not_be_left_undone(stage: Stage):
    """What nobody does by the day is said: lift the suspension."""
    stage.approve()
    stage.scene.run(people.suspend, stage.jane, "Lost badge", by=stage.acme.sponsor)
    assert "If nobody lifts it by" in stage.me


def test_time_suspends_with_or_without_a_sweep(stage: Stage, policy_clock):
    """The page says what the clock says."""
    stage.approve(days=5)
    stage.scene.at(policy_clock.forward(days=7))
    for swept in (False, True):
        if swept:
            stage.scene.sweep()
        text = stage.me
        assert "Your access is suspended" in text
        assert "the last day for which somebody here vouched for you has passed" in text
        assert "vouch for you again" in text


def test_a_suspended_organisation_is_nothing_about_them(stage: Stage):
    stage.approve()
    assert "What happens next" in stage.me
    stage.scene.run(suspend_organisation, stage.acme.id, "audit", by=stage.acme.sponsor)
    assert "What happens next" not in stage.me  # their access does not end: it is closed
    text = stage.me
    assert "Access for people of <bdi>Acme</bdi> is closed at the moment" in text
    assert "audit" not in text


@pytest.mark.parametrize("waits", [True, False], ids=["suspended", "held"])
def test_i11_nobody_is_sent_to_a_sponsor_who_has_left(stage: Stage, *, waits: bool):
    """Whoever is suspended because nobody is left asks whom they work with."""
    stage.approve()
    if not waits:
        stage.scene.run(people.suspend, stage.jane, "an audit", by=stage.acme.sponsor)
        assert "Ask <bdi>sam-acme</bdi>" in stage.me
    stage.scene.run(let_go, stage.acme.sponsor, by=stage.acme.sponsor)
    text = stage.me
    assert "Your access is suspended" in text
    assert "sam-acme" not in text
    assert "Ask your contact at" in text


def test_removed_is_out_within_one_request(stage: Stage):
    stage.approve()
    assert stage.client.get("/me").status_code == 200
    stage.scene.run(people.remove, stage.jane, "gone", by=stage.acme.sponsor)
    answer = stage.client.get("/me")
    assert answer.status_code == 303
    assert answer.location.startswith("/sign-in")


def test_my_data_says_where_each_item_came_from(stage: Stage):
    stage.approve()
    text = stage.client.get("/me/data").text
    for item in ("Jane Roe", "jane@acme.example", "the sign-in of <bdi>Acme</bdi>", "Version 1"):
        assert item in text
    # Every sponsor for their company may look, and what employees noted is not on this page.
    assert "Nobody but you, the sponsors for <bdi>Acme</bdi> and" in text
    assert "but for what employees noted on their decisions" in text


def test_new_terms_come_before_everything_else(stage: Stage):
    """A session that can only show the terms until they are accepted."""
    stage.approve()
    _publish(stage, "Be kind.")
    for path in ("/me", "/me/data"):
        answer = stage.client.get(path)
        assert (answer.status_code, answer.location) == (303, "/me/terms")
    answer = stage.client.get("/me/terms")
    assert answer.status_code == 200
    assert "Be kind." in answer.text
    refused = stage.client.submit("/me/terms", to="/me/terms")
    assert refused.status_code == 422
    assert "Accept the terms of use to go on" in refused.text
    answer = stage.client.submit("/me/terms", {"accept": "y"}, to="/me/terms")
    assert (answer.status_code, answer.location) == (303, "/me")
    assert "You have access until" in stage.me
    assert stage.scene.events("terms.accepted")[-1].actor == f"guest:{stage.jane}"


def test_a_yes_to_terms_that_changed_meanwhile_is_no_yes(stage: Stage):
    """The version that was read is the one that is accepted."""
    _publish(stage, "Second version.")
    page = stage.client.get("/me/terms").text
    token = page.partition('name="csrf_token"')[2].partition('value="')[2].partition('"')[0]
    _publish(stage, "Third version.")
    form = {"accept": "y", "version": "2", "csrf_token": token}
    answer = stage.client.post("/me/terms", data=form)
    assert answer.status_code == 409
    assert "Third version." in answer.text
    assert stage.scene.row(stage.jane).terms_version == 1
    answer = stage.client.post("/me/terms", data={**form, "version": "3"})
    assert answer.status_code == 303


def test_w06_guest_pages_change_nothing_by_looking(stage: Stage):
    before = stage.scene.event_names()
    for path in ("/me", "/me/data", "/me/terms"):
        assert stage.client.get(path).status_code == 200
    assert stage.client.post("/me/terms", data={"accept": "y", "version": "1"}).status_code == 400
    assert [name for name in stage.scene.event_names() if name != "access.refused"] == before


def test_w13_a_guest_sees_their_own_record_and_nothing_else(stage: Stage):
    """Sponsor and admin addresses are refused, and another guest's name is on no page."""
    bob = stage.scene.guest(stage.acme, "bob", name="Bob Other")
    for path in ("/sponsor", f"/sponsor/guests/{bob}", "/admin", f"/admin/guests/{bob}"):
        answer = stage.client.get(path)
        assert answer.status_code == 403
        assert "Bob" not in answer.text
    assert {event.reason for event in stage.scene.events("access.refused")} == {"authz"}
    for path in ("/me", "/me/data"):
        assert "Bob Other" not in stage.client.get(path).text


def test_what_lies_ahead_comes_in_the_order_of_its_dates(stage: Stage):
    """Review, grace, silence and the end; what would come after the end is left out."""
    stage.approve(days=120)
    with stage.app.app_context():
        view = guest_view(Scene().session, stage.jane, clock.policy_now())
    assert view is not None
    dates = ahead(view, clock.policy_now())
    assert [one.what for one in dates] == [What.REVIEW, What.REVIEW_ENDS, What.ENDS]
    assert [one.last for one in dates] == [False, False, True]
    assert dates == sorted(dates, key=lambda one: one.at)


@pytest.mark.parametrize("approval", ["first", "at-once"])
def test_what_waits_ends_with_the_contract_if_that_is_sooner(
    stage: Stage, app: Flask, approval: str
):
    """The pages and the mail name the day on which it is over, and none after it."""
    bolt = stage.scene.partner("bolt", approval=approval, last_day=stage.scene.day(3))
    eve = stage.scene.guest(bolt, "eve", name="Eve")
    client = app.test_client()
    assert isinstance(client, PortalClient)
    as_guest(app, client, eve, bolt.provider_id)
    row = stage.scene.sponsorship(eve)
    over, late = row.expires_at, row.approve_by or row.lapses_at
    assert over < late
    for path in ("/me", "/me/data"):
        text = client.get(path).text
        assert f"{late:%Y-%m-%dT%H:%M:%SZ}" not in text
        assert f"{over:%Y-%m-%dT%H:%M:%SZ}" in text
    if approval == "first":
        text = client.get("/me").text
        assert "the request ends with the contract of <bdi>Bolt</bdi>" in text
        assert "can ask again" not in text
    (mail,) = [
        one for one in stage.scene.mails("sponsor.request") if one.payload["guest_name"] == "Eve"
    ]
    told = mail.payload["approve_by" if approval == "at-once" else "lapses_at"]
    assert told == over.isoformat()


def _publish(stage: Stage, body: str) -> None:
    with stage.app.app_context(), Scene(now=stage.scene.now).tx() as tx:
        trust.publish_terms(tx, body, published_by="Ada")


@pytest.mark.parametrize("swept", [False, True])
def test_w04_a_removed_guest_is_nobody(stage: Stage, policy_clock, swept: bool):
    """Whom time has removed is out with the clock, before and after a sweep."""
    stage.scene.at(policy_clock.forward(days=15))
    if swept:
        stage.scene.sweep()
    assert stage.client.get("/me").location.startswith("/sign-in")
    assert stage.client.get("/me/data").location.startswith("/sign-in")
