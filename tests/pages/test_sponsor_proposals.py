"""An approval is about what was proposed when the sponsor saw it, and about nothing else."""

from dataclasses import replace

import pytest
from flask import Flask

from portal.guests.rules import State
from portal.sponsorship.changes import deciding
from tests.infra.client import PortalClient
from tests.pages.inside import Inside
from tests.pages.sessions import as_staff
from tests.pages.stage import Stage, hidden, today_in, token_of


@pytest.fixture(params=["first", "at-once"])
def stage(app: Flask, client: PortalClient, request: pytest.FixtureRequest) -> Stage:
    """Jane of Finance waits for a decision, or is in until there is one."""
    scene = Inside(app)
    ben = scene.staff("Ben")
    acme = scene.partner("acme", deputy=ben, approval=request.param)
    wiki = scene.offer(acme, when=("department", "Finance"))
    scene.offer(acme, when=("department", "IT"))
    jane = scene.guest(acme, claims={"sub": "jane", "department": "Finance"})
    as_staff(app, client, acme.sponsor)
    return Stage(app, client, scene, acme, ben, wiki, jane)


def say(stage: Stage, *departments: str) -> None:
    """Jane signs in again, and her company says this of her."""
    claims = {"sub": "jane", "department": list(departments)}
    stage.scene.sign_in(stage.acme, stage.scene.identity(stage.acme, claims=claims))


def seen(stage: Stage, *ticked) -> dict[str, object]:
    """The form as it stands now, with these offers ticked."""
    return {
        "approve-last_day": today_in(30),
        "approve-seen": hidden(stage.client, stage.page, "approve-seen"),
        "approve-may_use": [str(one) for one in ticked],
        "csrf_token": token_of(stage.client, stage.page),
    }


@pytest.mark.parametrize(
    ("departments", "status"),
    [
        pytest.param(["Finance"], 303, id="the same"),
        pytest.param(["Finance", "IT"], 409, id="something new"),
        pytest.param(["IT"], 409, id="something else"),
        pytest.param([], 409, id="no more of it"),
    ],
)
def test_i08_an_approval_of_what_was_not_seen_is_stale(stage: Stage, departments, status: int):
    """Nothing is given that the company says no more, nothing turned down that nobody saw."""
    form = seen(stage, stage.wiki)
    say(stage, *departments)
    before = stage.scene.event_names(stage.jane)
    answer = stage.client.post(f"{stage.page}/approve", data=form)
    assert answer.status_code == status
    if status == 409:
        assert "This is not what you have seen" in answer.text
        assert stage.scene.event_names(stage.jane) == before
        assert stage.scene.sponsorship(stage.jane).awaits_decision
        assert "not_chosen" not in {one.state_reason for one in stage.scene.grants(stage.jane)}
        fresh = stage.client.submit(stage.page, {"approve-last_day": today_in(30)}, to="/approve")
        assert fresh.status_code == 303
    assert stage.scene.row(stage.jane).state == State.ACTIVE


def test_what_nobody_chose_and_is_gone_is_no_matter(stage: Stage):
    form = seen(stage)
    say(stage)
    assert stage.client.post(f"{stage.page}/approve", data=form).status_code == 303
    assert stage.scene.row(stage.jane).state == State.ACTIVE


def test_who_is_asked_is_no_matter(stage: Stage):
    """Handed over meanwhile: the first decision counts, whoever takes it."""
    form = seen(stage, stage.wiki)
    asked, sponsor = stage.request, stage.acme.sponsor
    stage.scene.run(deciding.hand_over, asked, sponsor, stage.ben, by=sponsor)
    assert stage.client.post(f"{stage.page}/approve", data=form).status_code == 303


OTHERS = [
    pytest.param({"name": "Eve Other"}, id="the name"),
    pytest.param({"email": "eve@acme.example"}, id="the address"),
    pytest.param({"email": "jane@elsewhere.example"}, id="an address kept aside"),
    pytest.param({"profile": {"department": "Board"}}, id="the profile"),
]


def say_of_jane(stage: Stage, **other: object) -> None:
    """Jane signs in again, and her company says that she is this one."""
    identity = stage.scene.identity(stage.acme, **other)
    stage.scene.sign_in(stage.acme, replace(identity, claims=CLAIMS))


CLAIMS = {"sub": "jane", "department": "Finance"}


@pytest.mark.parametrize("other", OTHERS)
def test_i08_somebody_else_than_was_seen_to_approve(stage: Stage, other: dict[str, object]):
    """A sponsor's word is for the person whom the page showed, not for whoever comes as them."""
    form = seen(stage, stage.wiki)
    say_of_jane(stage, **other)
    answer = stage.client.post(f"{stage.page}/approve", data=form)
    assert answer.status_code == 409
    assert "This is not what you have seen" in answer.text
    assert stage.scene.sponsorship(stage.jane).awaits_decision
    fresh = stage.client.submit(stage.page, {"approve-last_day": today_in(30)}, to="/approve")
    assert fresh.status_code == 303


def test_i08_somebody_else_than_was_seen_to_keep(stage: Stage):
    """Nor does one who vouches go on vouching for another one."""
    stage.approve(stage.jane, stage.acme.sponsor)
    page = f"/sponsor/guests/{stage.jane}"
    form = {
        "extend-last_day": today_in(30),
        "extend-seen": hidden(stage.client, page, "extend-seen"),
        "csrf_token": token_of(stage.client, page),
    }
    say_of_jane(stage, name="Eve Other")
    answer = stage.client.post(f"{stage.page}/last-day", data=form)
    assert answer.status_code == 409
    assert "Something has changed meanwhile" in answer.text
    assert "Eve Other" in answer.text
    assert "sponsorship.extended" not in stage.scene.event_names(stage.jane)


def test_i08_somebody_else_than_was_seen_to_vouch_for(stage: Stage):
    """Nor of one's own accord, beside a colleague."""
    stage.approve(stage.jane, stage.acme.sponsor)
    ben, page = stage.another(stage.ben), f"/sponsor/guests/{stage.jane}"
    form = {
        "vouch-last_day": today_in(30),
        "vouch-seen": hidden(ben, page, "vouch-seen"),
        "csrf_token": token_of(ben, page),
    }
    say_of_jane(stage, name="Eve Other")
    answer = ben.post(f"{page}/vouch", data=form)
    assert answer.status_code == 409
    assert "Something has changed meanwhile" in answer.text
    assert len(stage.scene.sponsorships(stage.jane)) == 1
    fresh = ben.submit(page, {"vouch-last_day": today_in(30)}, to="/vouch")
    assert fresh.status_code == 303
