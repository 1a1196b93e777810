"""What an admin sets of an organisation: help with what is hard, and what is still missing."""

import re
from datetime import timedelta

import pytest
from flask import Flask

from portal.applications import changes as applications
from portal.foundation.db import db
from portal.lifecycle import changes as lifecycle
from portal.staff import changes as staff_changes
from portal.trust import changes as trust
from portal.trust.queries import connection_for, contracts, organisation_by_slug
from portal.web.display import long_date
from tests import factories
from tests.infra.client import PortalClient
from tests.pages.stage import Stage, said

ACME = "/admin/organisations/acme"
ZONE = re.compile(r'<input[^>]* id="time_zone"[^>]*>')


def test_a_time_zone_is_chosen_from_a_list(admin: PortalClient):
    """Where a contract is entered, and nowhere else: it is the heaviest part of that page."""
    for page in ("/admin/organisations/new", f"{ACME}/contracts/new"):
        text = admin.get(page).text
        assert 'list="time_zone-among"' in ZONE.search(text)[0]
        options = text.partition('<datalist id="time_zone-among">')[2].partition("</datalist>")[0]
        offered = options.split("<option>")
        assert len(offered) > 400
        assert {"Europe/Berlin", "America/New_York"} < set(offered)
    assert "<datalist" not in admin.get(ACME).text
    given = {"reference": "C-9", "first_day": "2026-01-01", "last_day": "2027-01-01"}
    again = admin.submit(f"{ACME}/contracts/new", given | {"time_zone": "berlin"})
    assert again.status_code == 422
    assert "Did you mean Europe/Berlin?" in again.text
    assert '<datalist id="time_zone-among">' in again.text


def test_who_may_vouch_is_offered(app: Flask, admin: PortalClient):
    """By address and name, where one of them is named: no admin, and nobody who has left."""
    with app.app_context():
        with factories.writing() as tx:
            gone = factories.staff(tx, "gone@host.example")
            staff_changes.remove(tx, gone)
        db.session.remove()
    for page, field in (
        ("/admin/organisations/new", "deputy"),
        (f"{ACME}/sponsors", "deputy"),
        (f"{ACME}/sponsors", "lead"),
    ):
        offered = admin.get(page).text.partition(f'<datalist id="{field}-among">')[2]
        assert offered.partition("</datalist>")[0] == '<option value="sam@host.example">Sam', page


def test_a_contract_that_begins_after_the_last_one_says_whom_it_comes_too_late_for(
    app: Flask, admin: PortalClient
):
    """Sponsors vouch on under it only while both run; then nothing is to be said."""
    with app.app_context():
        acme = organisation_by_slug(db.session(), "acme")
        (running,) = contracts(db.session(), acme.id)
        db.session.remove()
    day = running.last_day
    form = {"time_zone": running.time_zone, "open_ended": "y", "last_day": ""}
    for reference, first_day, late in (("C-8", day + timedelta(days=1), True), ("C-9", day, False)):
        given = form | {"reference": reference, "first_day": f"{first_day}"}
        assert admin.submit(f"{ACME}/contracts/new", given).status_code == 303
        told = said(admin, ACME)
        assert f"Contract {reference} is added" in told
        until = f"until {long_date(day)}, 24:00 Berlin goes out then"
        assert (f"{until}: nobody can vouch under {reference} before it begins" in told) is late


def test_a_further_contract_goes_on_in_the_zone_of_the_latest(app: Flask, admin: PortalClient):
    """By when they begin; the first of an organisation has none to follow."""
    page = f"{ACME}/contracts/new"
    assert 'value="Europe/Berlin"' in ZONE.search(admin.get(page).text)[0]
    with app.app_context():
        with factories.writing() as tx:
            acme = organisation_by_slug(tx.session, "acme")
            late, early = factories.NOW.date(), factories.NOW.date().replace(year=2001)
            zone = "Asia/Tokyo"
            factories.contract(tx, acme.id, reference="C-2", first_day=late, time_zone=zone)
            zone = "America/Lima"
            factories.contract(tx, acme.id, reference="C-0", first_day=early, time_zone=zone)
            factories.organisation(tx, "umbra")
        db.session.remove()
    assert 'value="Asia/Tokyo"' in ZONE.search(admin.get(page).text)[0]
    for empty in ("/admin/organisations/umbra/contracts/new", "/admin/organisations/new"):
        assert 'value=""' in ZONE.search(admin.get(empty).text)[0]


def test_a_providers_form_sent_as_it_came_changes_nothing(app: Flask, admin: PortalClient):
    """Whatever the shell takes: a value with commas is one value, and spaces are its own."""
    required = {
        "entitlement": "cn=portal,ou=acme,dc=example",
        "org": "Acme  Ltd",
        "x" * 100: "y" * 255,
    }
    mapped = {"email": "mail,work", "name": "displayName"}
    with app.app_context(), factories.writing() as tx:
        acme = organisation_by_slug(tx.session, "acme")
        more = {"required_claims": required, "claim_map": mapped, "scopes": ("openid", "a,b")}
        factories.provider(tx, acme.id, slug="dn", issuer="https://id.dn.example", **more)
    page = f"{ACME}/providers/dn/edit"
    assert admin.submit(page, {"name": "Acme login"}).status_code == 303
    with app.app_context():
        row = connection_for(db.session(), "acme", "dn")
        db.session.remove()
    assert (row.name, row.state) == ("Acme login", "enabled")
    assert (row.required_claims, row.claim_map) == (required, mapped)


def test_enabling_says_what_is_still_missing(stage: Stage):
    """At its step with the way to mend it, and once enabled; where nothing is, nothing."""
    petra = stage.scene.staff("petra", "admin")
    admin, page = stage.another(petra), f"{ACME}/providers/id"
    assert "Still missing" not in admin.get(page).text
    assert admin.submit(page, to=f"{page}/disable").status_code == 303
    assert admin.submit(page, to=f"{page}/enable").status_code == 303
    assert "is enabled: people of Acme can sign in through it" in said(admin, page)
    stage.scene.run(trust.set_policy, stage.acme.id, {"most_guests": 1}, by=petra)
    assert _ways(admin, page) == ["/policy"]  # Jane has the only place
    assert admin.submit(page, to=f"{page}/disable").status_code == 303
    stage.scene.run(lifecycle.suspend_organisation, stage.acme.id, "Under review", by=petra)
    for one in (stage.acme.sponsor, stage.ben):
        stage.scene.run(lifecycle.let_go, one, by=petra)
    stage.scene.run(lifecycle.end_organisation, stage.acme.id, None, by=petra)
    assert admin.submit(page, to=f"{page}/enable").status_code == 303
    assert "is enabled. But nobody new can come in yet" in said(admin, page)
    assert _ways(admin, page) == ["", "/contracts/new", "/sponsors"]
    first_day = (stage.scene.now + timedelta(days=20)).date()
    with stage.app.app_context():
        with factories.writing(stage.scene.now) as tx:
            factories.contract(tx, stage.acme.id, reference="C-2", first_day=first_day)
        db.session.remove()
    begins = f"No contract runs yet: C-2 begins on {long_date(first_day)}, Berlin"
    assert begins in said(admin, page)


def _ways(admin: PortalClient, page: str) -> list[str]:
    """Return where the ways lead that mend what is missing, below the organisation."""
    step = admin.get(page).text.partition("Still missing")[2].partition("</ul>")[0]
    return re.findall(rf'<a href="{ACME}([^"]*)">', step)


def test_nothing_is_offered_that_nobody_chose(stage: Stage):
    """The list begins with no answer; what was offered is said by name, and to whom."""
    run, petra = stage.scene.run, stage.scene.staff("petra", "admin")
    url = "https://files.example/"
    files = run(applications.add_application, slug="files", name="Files", url=url, by=petra)
    read = run(applications.add_entitlement, files, slug="read", name="Read", by=petra)
    admin, page = stage.another(petra), "/admin/organisations/acme"
    answer = admin.submit(f"{page}/offers/new")
    assert answer.status_code == 422
    assert "Choose what is offered</a>" in answer.text
    assert admin.submit(f"{page}/offers/new", {"entitlement": str(read)}).status_code == 303
    assert "Files: Read is offered to people of Acme" in said(admin, page)


def test_who_is_put_in_once_more_is_named_as_they_are(stage: Stage):
    """Whoever gets a further role keeps their name; what they are now is said."""
    admin = stage.another(stage.scene.staff("petra", "admin"))
    given = {"email": "ben@host.example", "name": "Eve", "role": "admin"}
    assert admin.submit("/admin/staff", given).status_code == 303
    text = said(admin, "/admin/staff")
    assert "Ben is a sponsor and an admin here" in text
    assert "Eve" not in text


def test_an_admin_who_lets_themselves_go_is_warned(stage: Stage):
    """They would be out with the click, and only another admin lets them in."""
    petra, warned = stage.scene.staff("petra", "admin"), "This is you: you are signed out at once"
    stage.scene.staff("ada", "admin")
    admin = stage.another(petra)
    assert warned in said(admin, f"/admin/staff/{petra}")
    assert warned not in said(admin, f"/admin/staff/{stage.ben}")


@pytest.mark.parametrize("how", ["always", "default"])
def test_a_condition_that_would_not_count_is_refused(stage: Stage, how: str):
    """Whoever typed it meant it: the page offered to everybody what was for a department."""
    run, petra = stage.scene.run, stage.scene.staff("petra", "admin")
    url = "https://files.example/"
    files = run(applications.add_application, slug="files", name="Files", url=url, by=petra)
    read = run(applications.add_entitlement, files, slug="read", name="Read", by=petra)
    admin, page = stage.another(petra), f"{ACME}/offers/new"
    given = {"entitlement": str(read), "how": how, "when": "department=Finance"}
    answer = admin.submit(page, given)
    assert answer.status_code == 422
    assert "Choose that it is proposed when a claim has a value" in answer.text
    assert 'value="department=Finance"' in answer.text
    assert admin.submit(page, given | {"how": "when"}).status_code == 303
    assert "proposed when department is Finance" in said(admin, ACME)


def test_a_contract_that_is_over_when_it_is_added_says_so(admin: PortalClient):
    """Last year's day is easily typed, and nobody would get in."""
    given = {"reference": "C-7", "first_day": "2025-01-01", "time_zone": "Europe/Berlin"}
    days = {"last_day": "2025-12-31"}
    assert admin.submit(f"{ACME}/contracts/new", given | days).status_code == 303
    assert "Contract C-7 is added, and has ended already" in said(admin, ACME)
