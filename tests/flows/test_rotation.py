"""The secret key is changed while people work, and the old one is then good for nothing."""

import secrets

import pytest

from portal.app import create_app
from portal.audit.queries import Filter, search
from portal.delivery.changes import Message, claim, opened, put
from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.transaction import Actor, transaction
from tests.commands.conftest import Shell
from tests.flows.story import Story

LINK = "https://guests.host.example/staff/link/Zm9v"


@pytest.fixture
def grown(make_settings, settings):
    """Makes the same portal under other keys: the same database, other processes."""
    made = []

    def grow(*keys):
        app = create_app(make_settings(secret_keys=keys or settings.secret_keys))
        app.testing = True
        made.append(app)
        return app

    yield grow
    for app in made:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def same_browser(story: Story, app, client):
    """Return the browser of *client*, as it meets another process of the portal."""
    app.test_client_class = story.app.test_client_class
    other = Story(app, story.provider, story.sponsor_id, story.admin_id).browser()
    other._cookies.update(client._cookies)
    return other


def rotated(app, *, code=0):
    """Run the command in a portal; return its answer."""
    with app.app_context():
        result = Shell().run("secrets", "rotate", "--json")
        db.session.remove()
    assert result.exit_code == code, result.stderr
    return result


def test_a_key_is_changed_while_people_work(story: Story, settings, grown):
    """Old, new and old, new alone: people stay signed in, and the stored secret works."""
    (old,), new = settings.secret_keys, secrets.token_urlsafe(32)
    ada = story.browser()
    assert story.arrive(ada).location == "/me"
    with story.app.app_context():
        with transaction(actor=Actor.system("test"), now=clock.policy_now()) as tx:
            url = {"name": "Bo", "url": LINK, "expires_at": clock.policy_now()}
            put(tx, [Message("staff.bind_link", "bo@host.example", "bind:1", url)])
        db.session.remove()

    too_early = grown(new)
    with too_early.app_context():
        told = Shell().run("secrets", "rotate")
        db.session.remove()
    assert told.exit_code == 1
    assert "No key opens the client secret of acme id." in told.stderr
    assert "No key opens the link in the unsent mail to bo@host.example." in told.stderr
    assert "PORTAL_SECRET_KEYS" in told.stderr.splitlines()[-1]

    both = grown(new, old)
    assert same_browser(story, both, ada).get("/me").status_code == 200
    first, second = rotated(both).stdout, rotated(both).stdout
    assert '"encrypted_again": 2, "under_first_key": 0, "unreadable": []' in first
    assert '"encrypted_again": 0, "under_first_key": 2' in second
    changed = story.events(event="identity_provider.changed")
    assert [one.reason for one in changed] == ["identity_provider.secret_encrypted_again"]
    assert [one.data for one in story.events(event="mail.encrypted_again")] == [
        {"kind": "staff.bind_link"}
    ]

    alone = grown(new)
    there = same_browser(story, alone, ada)
    assert there.get("/me").status_code == 200
    assert there.submit("/me", to="/sign-out").status_code == 303
    assert (
        Story(alone, story.provider, story.sponsor_id, story.admin_id)
        .knock(same_browser(story, alone, story.browser()))
        .location
        == "/me"
    )
    with alone.app_context():
        with transaction(actor=Actor.system("test"), now=clock.policy_now()) as tx:
            mails = [one for one in claim(tx, 50) if one.kind == "staff.bind_link"]
            assert [opened(one)["url"] for one in mails] == [LINK]
        db.session.remove()


def test_what_no_key_opens_holds_nothing_else_up(story: Story, settings, grown):
    """It is named, the exit code says so, and all the others are done."""
    new, lost = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    with grown(lost).app_context():
        with transaction(actor=Actor.system("test"), now=clock.policy_now()) as tx:
            url = {"name": "Bo", "url": LINK, "expires_at": clock.policy_now()}
            put(tx, [Message("staff.bind_link", "bo@host.example", "bind:1", url)])
        db.session.remove()
    result = rotated(grown(new, *settings.secret_keys), code=1)
    assert '"encrypted_again": 1' in result.stdout
    assert '"unreadable": ["link in the unsent mail to bo@host.example"]' in result.stdout
    assert '"drop_old_keys_after": null' in result.stdout


def test_a_secret_and_its_event_are_one_transaction(story: Story, settings, grown, monkeypatch):
    """If the audit event cannot be written the secret stays under the old key."""
    both = grown(secrets.token_urlsafe(32), *settings.secret_keys)

    def fail(*_):
        raise RuntimeError("no log")

    monkeypatch.setattr("portal.trust.changes.providers.record", fail)
    with both.app_context():
        with pytest.raises(RuntimeError, match="no log"):
            Shell().run("secrets", "rotate")
        db.session.remove()
    monkeypatch.undo()
    assert '"encrypted_again": 1' in rotated(both).stdout
    with both.app_context():
        assert len(search(db.session(), Filter(event="identity_provider.changed"))) == 1
        db.session.remove()
