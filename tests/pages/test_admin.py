"""Every admin page shows; what an admin types is carried out or said at its field."""

import json
import re
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from flask import Flask, render_template

from portal.foundation import clock
from portal.foundation.db import db
from portal.guests.rules import Reason, State
from portal.lifecycle import changes as lifecycle
from portal.sponsorship.changes import people
from portal.staff.queries import listed
from portal.trust import changes as trust
from portal.trust.queries import organisation_by_slug, policy_for, sponsors
from tests import factories
from tests.infra.client import PortalClient
from tests.pages.sessions import as_staff
from tests.pages.stage import NEW, Stage, said, today_in, token_of

PAGES = [
    "/admin",
    "/admin/",
    "/admin/organisations",
    "/admin/organisations/new",
    "/admin/organisations/acme",
    "/admin/organisations/acme/edit",
    "/admin/organisations/acme/contracts/new",
    "/admin/organisations/acme/sponsors",
    "/admin/organisations/acme/policy",
    "/admin/organisations/acme/offers/new",
    "/admin/organisations/acme/providers/new",
    "/admin/organisations/acme/providers/id",
    "/admin/organisations/acme/providers/id/edit",
    "/admin/policy",
    "/admin/guests",
    "/admin/guests?state=active&text=x&organisation=nobody",
    "/admin/staff",
    "/admin/applications",
    "/admin/terms",
    "/admin/audit",
    "/admin/audit?event=organisation.added",
    "/admin/audit/export.csv",
    "/admin/audit/export.jsonl",
    "/admin/health",
]


def test_every_page_shows(admin):
    """A page answers with one heading and no trace of a fault."""
    for page in PAGES:
        answer = admin.get(page)
        assert (page, answer.status_code) == (page, 200)
        body = answer.text  # a stream must be read to its end
        assert "export" in page or body.count("<h1") == 1, page


def test_connects_an_organisation(app, admin):
    """All of it is there after one form: domains, contract, sponsors, policy."""
    answer = admin.submit("/admin/organisations/new", NEW)
    assert answer.status_code == 303
    assert answer.location == "/admin/organisations/globex"
    with app.app_context():
        row = organisation_by_slug(db.session(), "globex")
        assert [one.email for one in sponsors(db.session(), row.id)] == ["sam@host.example"]
        assert policy_for(db.session(), row.id).at_once
        db.session.remove()


BAD = [
    ("slug", "acme", "acme"),
    ("domain", "acme.example", "already held by"),
    ("last_day", "2025-12-31", "end before it starts"),
    ("last_day", "", "Enter the last day"),
    ("time_zone", "Europe/Atlantis", "There is no time zone"),
    ("sponsor", "nobody@host.example", "portal staff add"),
]


def test_bad_input_is_said_and_nothing_is_kept(app, admin):
    """A wrong field is named beside it, what was typed stays, the database is unchanged."""
    for field, value, says in BAD:
        answer = admin.submit("/admin/organisations/new", NEW | {field: value})
        assert (field, answer.status_code) == (field, 422)
        assert says in answer.text
        assert 'value="Globex"' in answer.text
        with app.app_context():
            assert organisation_by_slug(db.session(), "globex") is None
            db.session.remove()


def test_problems_stand_in_the_order_of_the_page(admin: PortalClient):
    """Whoever goes through the list goes down the form."""
    text = admin.submit("/admin/organisations/new", dict.fromkeys(NEW, "")).text
    listed = re.findall(r'<li><a href="#(\w+)"', text)
    assert len(listed) > 5
    assert listed == sorted(listed, key=lambda at: text.index(f' id="{at}"'))


def test_a_sponsor_is_no_admin(app, client, admin):
    """An admin's page is refused to a sponsor, and the refusal is in the audit log (W13)."""
    with app.app_context():
        with factories.writing() as tx:
            sponsor = factories.staff(tx, "sam@host.example")
        db.session.remove()
    as_staff(app, client, sponsor)
    assert client.get("/admin/organisations").status_code == 403


def test_a_hold_is_lifted_from_somebody_removed(stage: Stage):
    """The admin's page offers it, says that it brings nobody back, and then offers it no more."""
    petra = stage.scene.staff("petra", "admin")
    stage.approve(stage.jane, stage.acme.sponsor)
    stage.scene.run(people.suspend, stage.jane, "Under investigation", by=petra, by_admin=True)
    admin, page = stage.another(petra), f"/admin/guests/{stage.jane}"
    assert "has access again" in admin.get(page).text
    stage.scene.run(people.remove, stage.jane, "Left the company", by=stage.ben)
    assert "They stay removed until one does" in admin.get(page).text
    answer = admin.submit(page, to="/resume")
    assert answer.status_code == 303
    text = admin.get(page).text
    assert "They stay removed until a sponsor lets them back" in text
    assert "/resume" not in text
    row = stage.scene.row(stage.jane)
    assert (row.state, row.state_reason) == (State.REMOVED, Reason.REMOVED_BY_STAFF)
    token = token_of(admin, "/admin/staff")
    again = admin.post(f"{page}/resume", data={"csrf_token": token})
    assert again.status_code == 422
    assert "a sponsor has to let them back" in again.text


def test_why_a_guest_stands_so(stage: Stage):
    """In words and in the contract's zone: since when, why, until when, and what comes next."""
    petra = stage.scene.staff("petra", "admin")
    admin, page = stage.another(petra), f"/admin/guests/{stage.jane}"
    assert "a sponsor has yet to decide. No access." in said(admin, page)
    stage.approve(stage.jane, stage.acme.sponsor)
    assert re.search(
        r"a sponsor approved\. Has access until \d+ \w+ \d{4}, \d\d:\d\d Berlin; a sign-in moves",
        said(admin, page),
    )
    assert re.search(r"suspended, unless they have signed in by then", said(admin, page))
    assert re.search(r", \d\d:\d\d Berlin", said(admin, "/admin/guests?state=active"))
    stage.scene.run(people.suspend, stage.jane, "Lost badge", by=petra, by_admin=True)
    assert "an admin suspended it. Reason: Lost badge. No access." in said(admin, page)
    stage.scene.run(people.remove, stage.jane, "Left the company", by=stage.ben)
    still = "it ended under an admin's suspension, which still stands. Reason: Left the company."
    assert still in said(admin, page)
    assert still.partition(" Reason")[0] in said(stage.client, f"/sponsor/guests/{stage.jane}")
    with stage.app.app_context(), factories.writing() as tx:
        trust.publish_terms(tx, "Newer terms", published_by="Petra")
    assert "No access." in said(admin, page)  # out, whatever they have accepted


def test_each_danger_counts_whom_it_touches(stage: Stage):
    """People, not rows: whoever is held goes with the contracts too; nobody is not a number."""
    petra = stage.scene.staff("petra", "admin")
    admin, page = stage.another(petra), "/admin/organisations/acme"
    text = said(admin, page)
    assert "Nobody loses access, since nobody has it now" in text
    assert "1 guest is removed when they do, and told" in text  # who waits
    stage.approve(stage.jane, stage.acme.sponsor)
    assert "1 guest loses access at once" in said(admin, page)
    stage.scene.run(people.suspend, stage.jane, "Lost badge", by=stage.ben)
    assert "1 guest is removed when they do" in said(admin, page)
    contract = f"{page}/contracts/{stage.acme.contract_id}"
    assert "1 guest is vouched for or waiting under this contract" in said(admin, contract)


def test_whoever_is_shut_out_is_not_called_in(stage: Stage):
    """Of a suspended organisation nobody has access, and the page counts nobody as in."""
    petra = stage.scene.staff("petra", "admin")
    admin, page = stage.another(petra), "/admin/organisations/acme"
    stage.approve(stage.jane, stage.acme.sponsor)
    assert "1 guest in, 0 waiting" in said(admin, page)
    stage.scene.run(lifecycle.suspend_organisation, stage.acme.id, "Breach", by=petra)
    assert "Nobody of it has access. 1 guest shut out, 0 waiting" in said(admin, page)


def test_what_an_admin_did_is_said_with_whom_it_touched(stage: Stage):
    """A withdrawn offer, an employee who leaves, a contract moved to the past: with the numbers."""
    petra = stage.scene.staff("petra", "admin")
    admin, page = stage.another(petra), "/admin/organisations/acme"
    assert "proposed for everybody; nobody uses it" in said(admin, page)
    stage.approve(stage.jane, stage.acme.sponsor)
    assert "proposed for everybody; 1 guest uses it" in said(admin, page)
    offer = f"{page}/offers/{stage.wiki}/withdraw"
    assert admin.submit(page, to=offer).status_code == 303
    assert "is withdrawn, and 1 grant ended with it" in said(admin, page)
    stage.scene.staff("rosa")
    named = f"{page}/sponsors"
    assert admin.submit(named, {"sponsor": "rosa@host.example"}).status_code == 303
    assert "The sponsors are named: 1 sponsorship handed over, 0 ended" in said(admin, page)
    sponsor = f"/admin/staff/{stage.ben}"
    assert admin.submit(sponsor, to=f"{sponsor}/remove").status_code == 303
    text = said(admin, "/admin/staff")
    assert "is let go. 1 sponsorship handed over, 0 ended for want of another" in text
    contract = f"{page}/contracts/{stage.acme.contract_id}"
    assert admin.submit(contract, {"last_day": today_in(-2), "open_ended": []}).status_code == 303
    text = said(admin, page)
    assert "and it has ended: 1 guest was here under it. Who had no other is removed" in text


def test_a_contract_that_stays_where_it_is_is_not_called_moved(stage: Stage):
    """Whoever ended it by mistake would think that it runs again."""
    petra = stage.scene.staff("petra", "admin")
    admin, page = stage.another(petra), "/admin/organisations/acme"
    contract = f"{page}/contracts/{stage.acme.contract_id}"
    assert admin.submit(contract, {"last_day": today_in(9), "open_ended": []}).status_code == 303
    assert admin.submit(contract).status_code == 303
    assert "Nothing was changed: contract C-1 ends then already" in said(admin, page)
    stage.scene.run(lifecycle.end_organisation, stage.acme.id, None, by=petra)
    assert admin.submit(contract).status_code == 303
    assert "Nothing was changed: contract C-1 has ended. Choose a later day" in said(admin, page)


def test_who_leaves_nobody_behind(stage: Stage):
    """No guest depended on them: that is what the page says then."""
    admin = stage.another(stage.scene.staff("petra", "admin"))
    rosa = f"/admin/staff/{stage.scene.staff('rosa', 'sponsor')}"
    assert admin.submit(rosa, to=f"{rosa}/remove").status_code == 303
    assert "is let go. No guest depended on them" in said(admin, "/admin/staff")


def test_what_has_no_contract_yet(stage: Stage):
    """An organisation without contract, domain and guests: no hole in a sentence, no false end."""
    petra = stage.scene.staff("petra", "admin")
    stage.scene.run(trust.add_organisation, by=petra, slug="umbra", name="Umbra", unlisted=True)
    admin = stage.another(petra)
    page = admin.get("/admin/organisations/umbra").text
    assert "no contract" in page
    assert "It has no guests." in page
    assert "/admin/organisations/umbra/end" not in page
    new = {"name": "Umbra login", "slug": "main", "issuer": "https://login.umbra.example"}
    secret = {"client_id": "7f3a", "client_secret": "x"}
    answer = admin.submit(
        "/admin/organisations/umbra/providers/new",
        new | secret,
    )
    assert answer.status_code == 303
    steps = said(admin, "/admin/organisations/umbra/providers/main")
    assert "From then on people of Umbra can ask for access at" in steps
    # Redirect URI, test of the connection, test sign-in; a contract and somebody who vouches.
    assert steps.count("to do") == 5


def test_a_default_must_be_there(admin: PortalClient):
    """Of an organisation all may be empty, and one sentence says so; of the defaults little may."""
    defaults, own = said(admin, "/admin/policy"), said(admin, "/admin/organisations/acme/policy")
    assert re.findall(r"\((\w+)\) \(optional\)", defaults) == ["acr", "amr"]
    assert defaults.count("(optional)") == 2
    assert "Empty follows the portal-wide default" in own
    assert "One a line. Default: no demand" in own


def test_the_defaults_belong_to_the_organisations(admin: PortalClient):
    """They are reached from there; the way back leads there, too."""
    text = admin.get("/admin/policy").text
    assert '<a href="/admin/organisations" aria-current="page">' in text
    assert '<a href="/admin/organisations">Back to the organisations</a>' in text


def test_where_nothing_is_the_next_step_is(app: Flask, client: PortalClient):
    """An empty portal counts no zeros: it says what to do first."""
    with app.app_context():
        with factories.writing() as tx:
            staff_id = factories.admin(tx)
        db.session.remove()
    as_staff(app, client, staff_id)
    assert "No organisation is connected yet: connect the first one" in said(client, "/admin")
    one = said(client, f"/admin/staff/{staff_id}")
    assert "Vouches for, or is asked about, nobody now." in one
    assert "No guest depends on them." in one


@pytest.mark.parametrize("claim", [True, "true", "False"])
def test_a_trial_tells_a_yes_from_a_word(app: Flask, claim: object):
    """A claim that is text although it should be true or false is seen to be."""
    identity = SimpleNamespace(
        claims={"email_verified": claim},
        issuer="x",
        subject="x",
        email="",
        email_verified=False,
        name="",
        profile={},
        acr=None,
        amr=(),
    )
    provider = SimpleNamespace(name="x", subject_claim="sub", organisation_slug="acme", slug="id")
    with app.test_request_context(base_url="https://guests.host.example"):
        page = render_template(
            "admin/identity_providers/trial.html",
            decision=SimpleNamespace(outcome="arrive", reasons=()),
            warning="",
            identity=identity,
            provider=provider,
        )
    assert f"<code>{json.dumps(claim)}</code>" in page


def test_a_hold_over_a_sponsors_own(stage: Stage):
    """The page offers it while a sponsor could lift what holds, and no more once none can."""
    petra = stage.scene.staff("petra", "admin")
    stage.approve(stage.jane, stage.acme.sponsor)
    stage.scene.run(people.suspend, stage.jane, "Lost badge", by=stage.ben)
    admin, page = stage.another(petra), f"/admin/guests/{stage.jane}"
    text = admin.get(page).text
    assert "only an admin lifts" in text
    assert f"{page}/resume" in text
    empty = admin.submit(page, {"suspend-reason": ""}, to="/suspend")
    assert (empty.status_code, empty.text.count("Enter the reason")) == (422, 2)  # once above
    reason = {"suspend-reason": "Under investigation"}
    assert admin.submit(page, reason, to="/suspend").status_code == 303
    assert stage.scene.row(stage.jane).state_reason == Reason.SUSPENDED_BY_ADMIN
    text = admin.get(page).text
    assert f"{page}/suspend" not in text
    assert f"{page}/resume" in text


def test_a_domain_that_is_a_sponsors_own(stage: Stage):
    """The page says how many people went to somebody else, and says nothing where none did."""
    petra = stage.scene.staff("petra", "admin")
    eve = stage.scene.staff("eve", email="eve@labs.example")
    named = {"sponsors": [eve], "deputy": stage.ben}
    stage.scene.run(lifecycle.name_sponsors, stage.acme.id, by=petra, **named)
    jane, john = stage.jane, stage.scene.guest(stage.acme, "john")
    assert stage.scene.sponsorship(john).sponsor_id == eve
    admin, page = stage.another(petra), "/admin/organisations/acme"
    fields = {"name": "Acme Corp", "domain": "acme.example\nlabs.example"}
    assert admin.submit(f"{page}/edit", fields).status_code == 303
    text = admin.get(page).text
    assert "1 sponsorship handed over, 0 ended" in text
    assert {stage.scene.sponsorship(one).sponsor_id for one in (jane, john)} == {stage.ben}
    assert admin.submit(f"{page}/edit", fields).status_code == 303
    text = admin.get(page).text
    assert "Nothing was changed" in text
    assert "handed over" not in text


ACME = "/admin/organisations/acme"


@pytest.mark.parametrize(
    ("day", "said", "events"),
    [
        ("", "1 contract of <bdi>Acme</bdi> ends now", 2),
        ("2020-03-01", "1 contract of <bdi>Acme</bdi> ends now", 2),
        ("tomorrow", "1 contract of <bdi>Acme</bdi> ends after ", 1),
        ("2099-12-31", "Nothing was changed: the contracts of <bdi>Acme</bdi> end sooner", 0),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_page_says_which_contracts_end_and_when(admin, day: str, said: str, events: int):
    """A day that has passed is now; a day after the contract's own changes nothing."""
    if day == "tomorrow":
        day = today_in(1)
    assert admin.submit(ACME, {"last_day": day}, to="/end").status_code == 303
    assert said in admin.get(ACME).text
    log = admin.get("/admin/audit/export.jsonl").text
    assert sum(log.count(f'"{one}"') for one in ("contract.changed", "contract.ended")) == events


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_day_has_passed_where_it_has(app, admin):
    """In the far east it is tomorrow already: a contract there ends now, one in the west later."""
    assert admin.submit(ACME, {"last_day": ""}, to="/end").status_code == 303
    with app.app_context():
        with factories.writing() as tx:
            acme = organisation_by_slug(tx.session, "acme")
            for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
                factories.contract(tx, acme.id, reference=zone, open_ended=True, time_zone=zone)
        db.session.remove()
    day = clock.policy_now().astimezone(ZoneInfo("Pacific/Pago_Pago")).date()
    assert admin.submit(ACME, {"last_day": str(day)}, to="/end").status_code == 303
    assert (
        f"1 contract of <bdi>Acme</bdi> ends now, 1 after {day:%-d %B %Y}" in admin.get(ACME).text
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_is_let_go_is_named_no_longer(app, admin):
    """Their place is shown as free, and comes back with nobody's role."""
    with app.app_context():
        (sam,) = (one.id for one in listed(db.session()) if one.email == "sam@host.example")
        db.session.remove()
    assert "<dt>Sponsor</dt><dd><bdi>Sam" in admin.get(ACME).text
    assert admin.submit(f"/admin/staff/{sam}", to="/remove").status_code == 303
    assert "<dt>Nobody</dt><dd>New people are turned away" in admin.get(ACME).text
