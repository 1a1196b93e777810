"""`portal staff`: employees, and break-glass."""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import select

from portal.delivery.models import Outbox
from portal.foundation import clock
from portal.foundation.current import house
from portal.foundation.db import db
from portal.staff.changes import use_link
from tests import factories
from tests.commands.conftest import MakeSettings, Shell
from tests.factories import writing

# Commands translate; what they call is proved on both databases.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

SAM = ("sam@host.example", "--name", "Sam")


@pytest.fixture
def with_provider(database: Flask, make_settings: MakeSettings) -> None:
    """The host has an identity provider."""
    house(database)["settings"] = make_settings(
        host_oidc_issuer="https://id.host.example",
        host_oidc_client_id="portal",
        host_oidc_client_secret="secret",
    )


def test_without_a_provider_the_only_way_in_is_a_link(shell: Shell):
    """And the command says so."""
    assert shell("staff", "list").startswith("Nobody is known here yet")
    assert shell("staff", "add", *SAM) == (
        "Sam is a sponsor here. They can sign in by: portal staff sign-in-link sam@host.example\n"
    )
    assert shell("staff", "list").splitlines() == [
        "EMAIL             NAME  ROLES    STATE   BOUND  LAST SIGN IN AT",
        "sam@host.example  Sam   sponsor  active  no     -",
    ]


def test_a_link_is_mailed_or_the_subject_is_given(shell: Shell, with_provider: None):
    """Two ways of binding."""
    said = shell("staff", "add", *SAM, "--role", "admin")
    assert said == (
        "Sam is an admin here. A link that opens once was mailed to sam@host.example: it binds "
        "them.\n"
    )
    made = shell.json("staff", "add", "dee@host.example", "--name", "Dee", "--subject", "d1")
    assert (made["subject"], made["issuer"]) == ("d1", "https://id.host.example")
    assert (made["bound"], made["link_mailed"], made["roles"]) == (True, False, ["sponsor"])
    assert shell("staff", "add", "dee@host.example", "--name", "Dee", "--role", "admin") == (
        "Dee is a sponsor and an admin here.\n"
    )
    kinds = db.session.scalars(select(Outbox.kind)).all()
    assert kinds == ["staff.bind_link"]


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (["add", "sam", "--name", "Sam"], 1, "EMAIL: Enter an e-mail address"),
        (["add", *SAM, "--subject", "s1"], 1, "--subject: Set PORTAL_HOST_OIDC_ISSUER first"),
        (["add", *SAM, "--role", "king"], 2, "Invalid value for '--role'"),
        (["add", "ada@host.example", "--name", "A", "--role", "admin"], 1, "EMAIL: ada@host.exam"),
        (["remove", "nobody@host.example"], 1, "There is no employee with the address 'nobody@"),
        (["remove", "not an address"], 1, "There is no employee with the address"),
        (["remove", "ADA@host.example"], 1, "EMAIL: ada@host.example is the last admin"),
        (["sign-in-link", "nobody@host.example"], 1, "There is no employee"),
    ],
)
def test_bad_input(shell: Shell, words: list[str], code: int, line: str):
    """One line that says what to do."""
    with writing() as tx:
        factories.admin(tx)
    assert shell.refused("staff", *words, code=code).startswith(line)


def test_who_is_removed_hands_over(shell: Shell):
    """Nothing to hand over here; what a removal does to guests is proved in lifecycle."""
    with writing() as tx:
        factories.admin(tx)
        factories.staff(tx)
    made = shell.json("staff", "remove", "sam@host.example")
    assert (made["handed_over"], made["ended"], made["sessions_ended"]) == (0, 0, 0)
    rows = {row["email"]: row["state"] for row in shell.json("staff", "list")}
    assert rows == {"ada@host.example": "active", "sam@host.example": "left"}
    with writing() as tx:
        factories.staff(tx)
    assert shell("staff", "remove", "sam@host.example").startswith("Sam is removed: 0 sponsor")


def test_break_glass_prints_a_link_that_opens_once(shell: Shell):
    """On standard output alone, so that it can be piped; all admins are told."""
    with writing() as tx:
        ada = factories.admin(tx)
    result = shell.run("staff", "sign-in-link", "ada@host.example")
    assert result.exit_code == 0
    url = urlsplit(result.stdout.strip())
    assert result.stdout.startswith("https://guests.host.example/staff/link/")
    assert "All admins are told" in result.stderr
    token = url.path.rpartition("/")[2]
    with writing() as tx:
        assert use_link(tx, token, "sign_in", at=clock.protocol_now()) == ada
    made = shell.json("staff", "sign-in-link", "ada@host.example")
    left = datetime.fromisoformat(made["expires_at"]) - clock.protocol_now()
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    mails = db.session.scalars(select(Outbox)).all()
    assert [(one.kind, one.to) for one in mails] == [("admin.break_glass", "ada@host.example")] * 2
