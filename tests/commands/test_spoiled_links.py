"""A link that waits to be mailed and cannot be read: said, replaced, and out of the way."""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text

from portal import check
from portal.audit.queries import Filter, search
from portal.delivery.models import Outbox
from portal.foundation.current import house
from portal.foundation.db import db
from portal.staff.models import StaffLink
from tests.commands.conftest import MakeSettings, Shell

ADD = ("staff", "add", "sam@host.example", "--name", "Sam")
SPOILED = [
    pytest.param("{", id="no JSON"),
    pytest.param("[]", id="no object"),
    pytest.param("{}", id="no link"),
    pytest.param('{"url": 5}', id="a number"),
    pytest.param('{"url": "\\ud800"}', id="half a character"),
    pytest.param('{"url": "gAAAAA"}', id="another key's"),
]


@pytest.fixture
def two_links(database: Flask, make_settings: MakeSettings, shell: Shell) -> None:
    """Sam's and Dee's links wait to be mailed."""
    house(database)["settings"] = make_settings(
        host_oidc_issuer="https://id.host.example",
        host_oidc_client_id="portal",
        host_oidc_client_secret="secret",
    )
    shell(*ADD)
    shell("staff", "add", "dee@host.example", "--name", "Dee")


def spoil(payload: str) -> None:
    """Write over what Sam's mail would say."""
    spoiled = text("UPDATE outbox SET payload = :payload WHERE \"to\" = 'sam@host.example'")
    db.session.execute(spoiled, {"payload": payload})
    db.session.commit()


@pytest.mark.parametrize("payload", SPOILED)
def test_it_is_named_with_what_to_do(two_links: None, shell: Shell, payload: str):
    """Nothing else is stopped by it; the new link takes the place of the spoiled one."""
    spoil(payload)
    said = shell.run("secrets", "rotate")
    assert said.exit_code == 1
    assert "0 secrets are encrypted again; 1 were under the first key already." in said.stdout
    assert said.stderr.splitlines()[0] == (
        "No key opens the link in the unsent mail to sam@host.example. To replace it: "
        "portal staff add sam@host.example --name NAME --role ROLE (a new link is mailed)"
    )
    for link in db.session.scalars(select(StaffLink)):
        link.expires_at -= timedelta(hours=1)
    db.session.commit()
    shell(*ADD)
    assert "0 secrets are encrypted again; 2 were" in shell("secrets", "rotate")
    assert db.session.scalars(select(Outbox.to).order_by(Outbox.id)).all() == [
        "dee@host.example",
        "sam@host.example",
    ]
    (event,) = search(db.session(), Filter(event="mail.withdrawn"))
    assert (event.reason, event.data) == ("staff.link_withdrawn", {"kind": "staff.bind_link"})


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_check_says_so(database: Flask, two_links: None):
    """In one line, as of every other secret that no key opens."""
    spoil("{")
    (line,) = [
        one.line
        for one in check.check(house(database)["settings"])
        if one.line.startswith("secrets")
    ]
    assert line == (
        "secrets: no key opens the link in the unsent mail to sam@host.example; "
        "see PORTAL_SECRET_KEYS, or replace it as `portal secrets rotate` says"
    )
