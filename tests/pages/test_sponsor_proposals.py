"""An approval is about what was proposed when the sponsor saw it, and about nothing else."""

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
        assert "Something else is proposed by now" in answer.text
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
