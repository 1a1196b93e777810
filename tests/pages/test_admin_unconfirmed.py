"""Whose role nobody says any more: an admin looks and changes nothing, unless by break-glass."""

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from portal.audit.models import AuditEvent
from portal.foundation.db import db
from portal.sign_in.changes import NewSession
from portal.staff import changes as staff
from portal.staff.models import Staff
from portal.staff.queries import staff_by_email
from portal.staff.rules import RoleSource, StaffClaims
from tests import factories
from tests.infra.client import PortalClient
from tests.pages.sessions import sign_in
from tests.pages.stage import NEW, Stage, hidden

NOTE = "it was not said clearly which role you have here"


def _arrives(app: Flask, client: PortalClient, *, said: bool, break_glass: bool = False) -> None:
    """Let Ada come through the host's sign-in, which says her role or nothing of it."""
    roles = frozenset({"admins"}) if said else None
    claims = StaffClaims(
        issuer=factories.HOST_ISSUER,
        subject="ada",
        email="ada@host.example",
        name="Ada",
        roles=roles,
        directory_guest=False,
        strong=True,
    )
    source = RoleSource(by_claim=True, sponsor_value="sponsors", admin_value="admins")
    with app.app_context():
        with factories.writing() as tx:
            staff.arrive(tx, claims, source, at=tx.now)
        row = staff_by_email(db.session(), "ada@host.example")
        db.session.remove()
    assert row is not None
    assert (row.is_admin, row.roles_unknown) == (True, not said)
    sign_in(app, client, NewSession(staff_id=row.id, break_glass=break_glass))


@pytest.fixture
def ada(app: Flask, client: PortalClient) -> PortalClient:
    """An admin's browser."""
    with app.app_context():
        with factories.writing() as tx:
            factories.partner(tx, "acme")
            factories.admin(tx, subject="ada")
        db.session.remove()
    return client


def _counted(app: Flask) -> int:
    with app.app_context():
        number = db.session.scalar(
            select(func.count()).where(AuditEvent.event == "organisation.added")
        )
        db.session.remove()
    return number


def test_w13_a_role_that_nobody_confirms_changes_nothing(app: Flask, ada: PortalClient):
    """Every page is there and says so; a form is refused and written down; their word ends it."""
    _arrives(app, ada, said=True)
    assert NOTE not in ada.get("/admin").text
    _arrives(app, ada, said=False)
    for page in ("/admin", "/admin/organisations/acme", "/admin/audit"):
        answer = ada.get(page)
        assert (answer.status_code, NOTE in answer.text) == (200, True)
    refused = ada.submit("/admin/organisations/new", NEW)
    assert refused.status_code == 403
    assert "You cannot change this at the moment" in refused.text
    assert "Nothing was changed" in refused.text
    assert _counted(app) == 1
    tried = ada.get("/admin/organisations/acme/providers/id/try")
    assert (tried.status_code, "Nothing was changed" in tried.text) == (403, True)
    assert "access.refused" in ada.get("/admin/audit").text
    _arrives(app, ada, said=True)
    assert ada.submit("/admin/organisations/new", NEW).status_code == 303
    assert NOTE not in ada.get("/admin").text


def test_the_last_admin_is_not_locked_out(app: Flask, ada: PortalClient):
    """Whoever can make a link at the server's shell could do all of it there."""
    _arrives(app, ada, said=False, break_glass=True)
    assert NOTE not in ada.get("/admin").text
    assert ada.submit("/admin/organisations/new", NEW).status_code == 303
    assert _counted(app) == 2


def test_who_waits_can_still_sign_out(app: Flask, ada: PortalClient):
    """What is about their own sign-in is no admin's doing."""
    _arrives(app, ada, said=False)
    token = hidden(ada, "/admin", "csrf_token")
    assert ada.post("/sign-out", data={"csrf_token": token}).status_code == 303
    assert ada.get("/admin").status_code == 303


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_sponsor_whose_role_nobody_says_reads_why(stage: Stage):
    """Whom a mail led to a decision reads of no missing page; of others they learn nothing."""
    with stage.app.app_context():
        with factories.writing() as tx:
            staff_id = stage.acme.sponsor
            tx.session.execute(update(Staff).where(Staff.id == staff_id).values(roles_unknown=True))
        db.session.remove()
    for page in (stage.page, f"/sponsor/guests/{stage.jane}"):
        answer = stage.client.get(page)
        assert (answer.status_code, "You cannot decide at the moment" in answer.text) == (403, True)
        assert "Jane" not in answer.text
    inbox = stage.client.get("/sponsor").text
    assert "<h1>You cannot decide at the moment</h1>" in inbox
    assert "Nobody waits for you" not in inbox
    other = stage.scene.partner("globex", sponsors=[stage.ben])
    john = stage.scene.guest(other, "john")
    assert stage.client.get(f"/sponsor/guests/{john}").status_code == 404
