"""What pages say of what comes next, where somebody could take it for something else."""

import pytest
from flask import Flask

from portal.lifecycle.changes import change_contract
from tests.infra.client import PortalClient
from tests.pages.inside import Inside
from tests.pages.sessions import as_guest, as_staff
from tests.pages.stage import Stage, said, today_in

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def stage(app: Flask, client: PortalClient) -> Stage:
    """Jane waits for a decision."""
    scene = Inside(app)
    ben = scene.staff("Ben")
    acme = scene.partner("acme", deputy=ben, approval="first")
    wiki = scene.offer(acme, default=True)
    jane = scene.guest(acme)
    as_staff(app, client, acme.sponsor)
    return Stage(app, client, scene, acme, ben, wiki, jane)


def test_the_address_of_a_form_leads_to_its_page(stage: Stage):
    """Who reloads a refused form without a script asks for it; there is nothing else to see."""
    answer = stage.client.get(f"{stage.page}/reject")
    assert answer.status_code == 405
    assert f'href="{stage.page}">Open that page' in answer.text
    assert "Open that page" not in stage.client.get("/sign-out").text
    assert "Open that page" not in stage.client.delete(f"{stage.page}/reject").text


def test_a_day_beyond_a_contract_that_was_shortened_is_not_proposed(stage: Stage):
    """The button would be refused as it stands; nor is a review announced for after the end."""
    stage.approve(stage.jane, stage.acme.sponsor, days=200)
    end = stage.scene.day(30)
    contract = stage.acme.contract_id
    stage.scene.run(change_contract, contract, last_day=end, open_ended=False, by=stage.ben)
    page = f"/sponsor/guests/{stage.jane}"
    assert "asked again" not in said(stage.client, "/sponsor/guests")
    assert stage.client.submit(page, to="/last-day").status_code == 303


def test_a_contract_says_whom_it_cuts_short(stage: Stage):
    """Those whose sponsors approved more; whoever only waits for a decision, too."""
    stage.approve(stage.jane, stage.acme.sponsor, days=60)
    admin, page = stage.another(stage.scene.staff("petra", "admin")), "/admin/organisations/acme"
    contract = f"{page}/contracts/{stage.acme.contract_id}"
    admin.submit(contract, {"last_day": today_in(90), "open_ended": []})
    assert "is moved" in said(admin, page)
    admin.submit(contract, {"last_day": today_in(30), "open_ended": []})
    assert "is moved: 1 guest ends with it, sooner than a sponsor has approved" in said(admin, page)


def test_nothing_that_was_ticked_is_said(stage: Stage):
    """Who approves nobody anything should know at once, not from a guest who finds it empty."""
    form = {"approve-last_day": today_in(30), "approve-may_use": []}
    assert stage.client.submit(stage.page, form, to="/approve").status_code == 303
    assert "Nothing was ticked" in said(stage.client, "/sponsor")


def test_a_filter_of_no_day_says_so(stage: Stage):
    """An empty list would read as if nothing had happened."""
    admin = stage.another(stage.scene.staff("petra", "admin"))
    page = admin.get("/admin/audit?since=2026-03-02&until=2026-03-01").text
    assert "This is before the first day" in page
    same = admin.get("/admin/audit?since=2026-03-02&until=2026-03-02").text
    assert "This is before the first day" not in same


def test_what_lasts_beyond_an_approval_is_nobodys_word_yet(app: Flask, client: PortalClient):
    """Who is in at once reads when that ends, and no later day as if it were promised."""
    scene = Inside(app)
    acme = scene.partner("acme", approval="at-once", approval_days=14)
    jane = scene.guest(acme)
    as_guest(app, client, jane, acme.provider_id)
    text = said(client, "/me")
    # In the lead, and as the one thing that lies ahead.
    assert text.count("your access ends") == 2
    assert "your access ends, unless" in text
    assert "has approved it" in text
