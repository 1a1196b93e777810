"""The audit log as admins see it and take it away."""

import csv
import io
import json
import re
from datetime import timedelta
from html import unescape

import pytest
from flask import Flask

from portal.audit.changes import record
from portal.audit.rules import VOCABULARY, Event
from portal.foundation.db import db
from portal.staff.queries import listed
from portal.trust.changes import name_sponsors
from portal.trust.queries import organisation_by_slug
from tests import factories
from tests.pages.stage import NEW


def _events(app: Flask, number: int) -> None:
    """Write down so many dead letters, as if of a job that a partner could name."""
    with app.app_context():
        for _ in range(number):
            with factories.writing() as tx:
                record(tx, [Event("mail.dead", reason='=HYPERLINK("x")', data={"kind": "@x"})])
        db.session.remove()


def test_the_export_is_what_the_filters_show(app, admin):
    """Every page of it, in the same order, no other event; and no cell is a formula (N11)."""
    _events(app, 60)
    shown, page = [], "/admin/audit?event=mail.dead&organisation="
    while page:
        text = admin.get(page).text
        shown += re.findall(r"reference=[^\"]+\"><code>([^<]+)</code>", text)
        assert "/admin/audit/export.csv?event=mail.dead" in text
        older = re.search(r'<a href="([^"]+)" rel="next">Older', text)
        page = unescape(older[1]) if older else ""
    assert len(shown) == 60
    rows = list(
        csv.DictReader(io.StringIO(admin.get("/admin/audit/export.csv?event=mail.dead").text))
    )
    lines = admin.get("/admin/audit/export.jsonl?event=mail.dead").text.splitlines()
    assert [row["reference"] for row in rows] == shown
    assert [json.loads(line)["reference"] for line in lines] == shown
    assert {row["reason"] for row in rows} == {'\'=HYPERLINK("x")'}
    assert {json.loads(line)["reason"] for line in lines} == {'=HYPERLINK("x")'}
    assert not any(cell.startswith(tuple("=+-@\t\r")) for row in rows for cell in row.values())
    nothing = admin.get("/admin/audit/export.jsonl?event=mail.dead&until=2000-01-01")
    assert nothing.text == ""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_last_day_of_a_filter_is_shown_too(app, admin):
    """As every last day here; whoever exports until today misses nothing of today."""
    _events(app, 1)
    today = factories.NOW.date()
    for until, shown in ((today, 1), (today - timedelta(days=1), 0), ("9999-12-31", 1)):
        asked = f"?event=mail.dead&until={until}"
        text = admin.get(f"/admin/audit{asked}").text
        assert text.count('<span class="note">mail.dead') == shown, until
        if until != "9999-12-31":
            assert admin.get(f"/admin/audit/export.jsonl{asked}").text.count("\n") == shown


def test_the_log_names_people(app, admin):
    """Who did it is called by name; the portal and the shell by what they are."""
    admin.submit("/admin/organisations/new", NEW)
    _events(app, 1)
    text = admin.get("/admin/audit").text
    with app.app_context():
        who = next(one.name for one in listed(db.session()) if one.is_admin)
        db.session.remove()
    assert f"><bdi>{who}</bdi></td>" in text
    assert "<td><details>" in text  # about nobody: as a list, no "About:" with nothing behind it
    assert 'data-label="About">globex' in text
    assert "staff:" not in re.sub(r"<pre.*?</pre>", "", text, flags=re.DOTALL)


def test_the_log_says_which_employee(app, admin):
    """Who signed in is nobody yet when they do; whom an event is about stands beside it."""
    with app.app_context():
        ids = {}
        with factories.writing() as tx:
            staff = ids["Sam"] = factories.staff(tx)
            ids["Lee Link"] = factories.staff(tx, "lee@host.example", name="Lee Link")
            record(tx, [Event("session.ended", data={"why": "staff.link", "staff": staff})])
            sets = {f"staff:{staff}": {"last_sign_in_at": tx.now}}
            data = {"staff": staff, "strength": ""}
            record(tx, [Event("staff.signed_in", sets=sets, data=data)])
            acme = organisation_by_slug(tx.session, "acme").id
            name_sponsors(tx, acme, sponsors=[ids["Lee Link"]])
        db.session.remove()
    for event, name in (
        ("session.ended", "Sam"),
        ("staff.signed_in", "Sam"),
        ("staff.added", "Lee Link"),
        ("sponsor.named", "Lee Link"),
    ):
        text = admin.get(f"/admin/audit?event={event}").text
        assert f'<a href="/admin/staff/{ids[name]}"><bdi>{name}</bdi></a><details>' in text, event


def test_every_event_is_called_something(app: Flask):
    """An admin reads words, with the code that the filter knows beside them."""
    words = app.jinja_env.get_template("admin/_words.html").make_module({}).EVENTS
    assert set(words) == set(VOCABULARY)
    assert len(set(words.values())) == len(words)
