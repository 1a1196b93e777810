"""``portal session end``: signed out at once, and nothing else is changed."""

from uuid import uuid4

import pytest

from tests.commands.conftest import Shell
from tests.flows.story import Story
from tests.pages.sessions import as_staff


@pytest.fixture
def browsers(story: Story):
    """Ada's, and an admin's."""
    ada, admin = story.browser(), story.browser()
    assert story.arrive(ada).location == "/me"
    as_staff(story.app, admin, story.admin_id)
    return ada, admin


def inside(story: Story, run):
    """Run in a context of its own: Flask shares ``g`` with requests otherwise."""
    with story.app.app_context():
        return run()


def signed_in(browsers):
    """Say of each browser whether its session is alive."""
    ada, admin = browsers
    return ada.get("/me").status_code == 200, admin.get("/admin").status_code == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("whose", "left"),
    [("guest", (False, True)), ("staff", (True, False)), ("all", (False, False))],
)
def test_sessions_end_within_one_request(story, browsers, whose, left):
    """Of a guest, of an employee, of everybody; and the log says whose."""
    assert signed_in(browsers) == (True, True)
    words = {
        "guest": ["--guest", str(story.guest().id)],
        "staff": ["--staff", "ada@host.example"],
        "all": ["--all"],
    }[whose]
    done = inside(story, lambda: Shell().json("session", "end", *words))
    assert done["sessions_ended"] == left.count(False)
    assert signed_in(browsers) == left
    (event,) = story.events(event="session.ended")
    of_guest = story.guest().id if whose == "guest" else None
    of_staff = str(story.admin_id) if whose == "staff" else None
    assert (event.guest_id, event.data) == (of_guest, {"why": "shell", "staff": of_staff})
    assert (event.organisation_id is not None) == (whose == "guest")
    again = story.browser()
    assert story.knock(again).location == "/me", "nobody is shut out"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_bad_input(database):
    """One of three, of somebody who is here."""
    shell = Shell()
    assert "Give one of" in shell.refused("session", "end", code=2)
    assert "Give one of" in shell.refused("session", "end", "--all", "--staff", "x@y.z", code=2)
    assert "no guest" in shell.refused("session", "end", "--guest", str(uuid4()))
    assert "--guest" in shell.refused("session", "end", "--guest", "x", code=2)
    assert "no employee" in shell.refused("session", "end", "--staff", "nobody@host.example")
