"""An admin's form that was filled in before a colleague's change undoes nothing."""

from typing import Any

import pytest
from flask import Flask

from portal.applications import changes as applications
from portal.applications.queries import application_by_slug
from portal.foundation.db import db
from portal.lifecycle import changes as lifecycle
from portal.trust import changes as trust
from portal.trust.queries import contracts, organisation_by_slug, sponsors
from tests import factories
from tests.infra.client import PortalClient
from tests.infra.ports import wait_until
from tests.pages.sessions import as_staff
from tests.pages.stage import hidden
from tests.racing import beside, somebody_waits

ACME = "/admin/organisations/acme"
# What a colleague sends, and what was filled in before.
REPLACED = {
    f"{ACME}/edit": ({"domain": "acme.example\nlabs.example"}, {"domain": "acme.example"}),
    f"{ACME}/sponsors": ({"deputy": "eve@host.example"}, {"deputy": ""}),
    f"{ACME}/policy": ({"most_guests": "7"}, {"most_guests": "8"}),
    f"{ACME}/providers/id/edit": ({"require": "hd=acme.example"}, {"require": ""}),
    f"{ACME}/contracts/C": ({"last_day": "2040-01-01"}, {"last_day": "2041-01-01"}),
    "/admin/applications/wiki/edit": ({"name": "The wiki"}, {"name": "Our wiki"}),
    "/admin/policy": ({"most_guests": "7"}, {"most_guests": "8"}),
    "/admin/terms": ({"body": "Be careful."}, {"body": "Be quick."}),
}


# What writes it, as the pages call it.
WRITES: dict[str, tuple[Any, str]] = {
    f"{ACME}/edit": (lifecycle, "set_domains"),
    f"{ACME}/sponsors": (lifecycle, "name_sponsors"),
    f"{ACME}/policy": (trust, "set_policy"),
    f"{ACME}/providers/id/edit": (trust, "change_identity_provider"),
    f"{ACME}/contracts/C": (lifecycle, "change_contract"),
    "/admin/applications/wiki/edit": (applications, "change_application"),
    "/admin/policy": (trust, "set_policy"),
    "/admin/terms": (trust, "publish_terms"),
}


@pytest.fixture
def page(app: Flask, admin: PortalClient, where: str) -> str:
    """Return the address of a form; Eve is there to be named."""
    with app.app_context():
        with factories.writing() as tx:
            factories.staff(tx, "eve@host.example")
            if not application_by_slug(tx.session, "wiki"):
                url = "https://wiki.host.example/"
                applications.add_application(tx, slug="wiki", name="Wiki", url=url)
            acme = organisation_by_slug(tx.session, "acme")
            address = where.replace("/C", f"/{contracts(tx.session, acme.id)[0].id}")
        db.session.remove()
    return address


@pytest.mark.parametrize("where", REPLACED)
def test_a_stale_form_does_not_undo_what_a_colleague_did(admin, page: str, where: str):
    """Whoever sends what they opened before is told so; opened anew, it is carried out."""
    theirs, mine = REPLACED[where]
    before = hidden(admin, page, "seen")
    assert admin.submit(page, theirs).status_code == 303
    after, done = hidden(admin, page, "seen"), admin.get("/admin/audit/export.jsonl").text
    answer = admin.submit(page, {**mine, "seen": before})
    assert answer.status_code == 422
    assert "This was changed since you opened it" in answer.text
    assert admin.get("/admin/audit/export.jsonl").text == done
    assert before != after == hidden(admin, page, "seen")
    assert admin.submit(page, mine).status_code == 303


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("where", [one for one in REPLACED if one != "/admin/terms"])
def test_a_form_sent_as_it_came_says_that_nothing_was_changed(admin, page: str):
    """And nothing is in the log: nobody looks for what became of it."""
    before = admin.get("/admin/audit/export.jsonl").text
    answer = admin.submit(page)
    assert answer.status_code == 303
    assert "Nothing was changed" in admin.get(answer.location).text
    assert admin.get("/admin/audit/export.jsonl").text == before


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("where", REPLACED)
def test_of_two_forms_at_the_same_moment_one_is_stale(
    app: Flask, admin: PortalClient, page: str, where: str, monkeypatch
):
    """The second waits for the first, and only then is held against what stands."""
    assert _at_once(app, admin, page, WRITES[where], REPLACED[where], monkeypatch) == (303, 422)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("where", [f"{ACME}/edit", f"{ACME}/sponsors"])
def test_one_of_two_forms_is_stale_where_nobody_is_named(
    app: Flask, admin: PortalClient, page: str, where: str, monkeypatch
):
    """The last sponsor has left: no row of theirs is there to meet on."""
    with app.app_context():
        with factories.writing() as tx:
            acme = organisation_by_slug(tx.session, "acme")
            for one in sponsors(tx.session, acme.id):
                lifecycle.let_go(tx, one.staff_id)
            factories.staff(tx, "joe@host.example")
        db.session.remove()
    forms = {
        f"{ACME}/edit": REPLACED[where],
        f"{ACME}/sponsors": ({"sponsor": "eve@host.example"}, {"sponsor": "joe@host.example"}),
    }
    assert _at_once(app, admin, page, WRITES[where], forms[where], monkeypatch) == (303, 422)


def _at_once(
    app: Flask,
    admin: PortalClient,
    page: str,
    writes: tuple[Any, str],
    forms: tuple[dict[str, str], dict[str, str]],
    monkeypatch,
) -> tuple[int, int]:
    """Send a form, and a colleague's while the first is written; return the answers."""
    (room, name), (theirs, mine) = writes, forms
    write, colleague, answers = getattr(room, name), app.test_client(), []
    with app.app_context():
        with factories.writing() as tx:
            grace = factories.admin(tx, "grace@host.example")
        db.session.remove()
        as_staff(app, colleague, grace)
        other, faults = beside(lambda: answers.append(colleague.submit(page, mine).status_code))

    def written(*arguments: Any, **more: Any) -> object:
        done = write(*arguments, **more)
        if not other.ident:
            other.start()
            wait_until(somebody_waits, "the colleague waits")
        return done

    monkeypatch.setattr(room, name, written)
    first = admin.submit(page, theirs).status_code
    other.join(20)
    assert faults == []
    return first, *answers
