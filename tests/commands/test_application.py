"""`portal app`, `portal entitlement`, `portal terms`."""

from pathlib import Path

import pytest

from portal.foundation.db import db
from portal.trust.queries import current_terms
from tests import factories
from tests.commands.conftest import Shell
from tests.factories import writing

# Commands translate; what they call is proved on both databases.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def _acme(database: object) -> None:
    with writing() as tx:
        factories.partner(tx)


def add_wiki(shell: Shell) -> None:
    shell("app", "add", "wiki", "--name", "Wiki", "--url", "https://wiki.host.example/")
    shell("entitlement", "add", "wiki", "read", "--name", "Read")


def test_applications_and_entitlements_are_listed(shell: Shell):
    """And each step says what comes next."""
    assert shell("app", "list").startswith("There are no applications yet")
    assert shell("entitlement", "list").startswith("There are no entitlements yet")
    made = shell.json("app", "add", "wiki", "--name", "Wiki", "--url", "https://wiki.host.example/")
    assert set(made) == {"id", "slug", "name", "url"}
    made = shell.json("entitlement", "add", "wiki", "read", "--name", "Read")
    assert (made["application"], made["slug"]) == ("wiki", "read")
    (row,) = shell.json("app", "list")
    assert (row["slug"], row["entitlements"]) == ("wiki", ["read"])
    changed = shell.json("app", "set", "wiki", "--url", "https://wiki2.host.example/")
    assert (changed["name"], changed["url"]) == ("Wiki", "https://wiki2.host.example/")
    assert shell("app", "set", "wiki", "--name", "The wiki") == "The wiki is changed.\n"
    same = "Nothing is changed: that is how The wiki stands already.\n"
    assert shell("app", "set", "wiki", "--name", "The wiki") == same
    shell("app", "set", "wiki", "--name", "Wiki")
    assert "Say what to change" in shell.refused("app", "set", "wiki", code=2)
    assert "no application 'nope'" in shell.refused("app", "set", "nope", "--name", "N")
    (row,) = shell.json("entitlement", "list")
    assert (row["entitlement"], row["name"]) == ("wiki/read", "Wiki: Read")
    assert shell("entitlement", "list").splitlines()[1].startswith("wiki/read")
    said = shell("app", "add", "chat", "--name", "Chat", "--url", "https://chat.host.example/")
    assert said == "Added. Next: portal entitlement add chat ENTITLEMENT --name NAME\n"
    said = shell("entitlement", "add", "chat", "join", "--name", "Join")
    assert said == "Added. Next: portal entitlement offer ORGANISATION chat/join\n"


@pytest.mark.parametrize(
    ("more", "default", "when", "said"),
    [
        ([], False, None, "Wiki: Read is proposed where a sponsor chooses.\n"),
        (["--default"], True, None, "Wiki: Read is proposed for everybody.\n"),
        (
            ["--when", "department=Finance"],
            False,
            "department=Finance",
            "Wiki: Read is proposed when department=Finance.\n",
        ),
    ],
)
def test_an_offer_stands_until_it_is_withdrawn(
    shell: Shell, more: list[str], when: str | None, said: str, *, default: bool
):
    """Then it can be made again."""
    add_wiki(shell)
    assert shell("entitlement", "list", "acme").startswith("Nothing is offered to acme yet")
    assert shell("entitlement", "offer", "acme", "wiki/read", *more) == said
    (row,) = shell.json("entitlement", "list", "acme")
    assert (row["entitlement"], row["default"], row["when"]) == ("wiki/read", default, when)
    (row,) = shell.json("org", "show", "acme")["offers"]
    assert (row["default"], row["when"]) == (default, when)
    line = shell.refused("entitlement", "offer", "acme", "wiki/read")
    assert line.startswith("APP/SLUG: Wiki: Read is offered to this organisation already")
    assert shell("entitlement", "withdraw", "acme", "wiki/read") == "Withdrawn; 0 grants ended.\n"
    assert "is not offered to acme" in shell.refused("entitlement", "withdraw", "acme", "wiki/read")
    made = shell.json("entitlement", "offer", "acme", "wiki/read", *more)
    assert (made["default"], made["when"]) == (default, when)
    assert shell.json("entitlement", "withdraw", "acme", "wiki/read")["grants_ended"] == 0


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["app", "add", "W", "--name", "W", "--url", "https://w.example"], "SLUG: Use 1 to 63"),
        (["app", "add", "wiki", "--name", "W", "--url", "https://w.example"], "SLUG: There is an"),
        (["app", "add", "w", "--name", "W", "--url", "w"], "--url: Enter the address"),
        (["entitlement", "add", "nope", "x", "--name", "X"], "There is no application 'nope'"),
        (["entitlement", "add", "wiki", "read", "--name", "X"], "SLUG: Wiki has an entitlement"),
        (["entitlement", "offer", "acme", "wiki"], "Write the entitlement as APP/SLUG"),
        (["entitlement", "offer", "acme", "wiki/nope"], "There is no entitlement 'wiki/nope'"),
        (["entitlement", "offer", "nope", "wiki/read"], "There is no organisation 'nope'"),
        (["entitlement", "offer", "acme", "wiki/read", "--when", "x"], "--when: Write NAME=VALUE"),
        (
            ["entitlement", "offer", "acme", "wiki/read", "--when", "x="],
            "--when: Enter a value too",
        ),
        (
            ["entitlement", "offer", "acme", "wiki/read", "--when", "x=y", "--default"],
            "--when: Choose one",
        ),
    ],
)
def test_bad_input(shell: Shell, words: list[str], line: str):
    """At its option or argument."""
    add_wiki(shell)
    assert shell.refused(*words).startswith(line)


class TestTerms:
    """Published from a file, shown as they count."""

    def test_publish_and_show(self, shell: Shell, tmp_path: Path):
        """A version each; from a file or standard input."""
        assert shell("terms", "show").startswith("Version 1\n\nTerms of use for guests")
        file = tmp_path / "terms.txt"
        file.write_text("Be kind.\r\n\r\nAlways & überall.\n", encoding="utf-8")
        assert shell.json("terms", "publish", str(file)) == {"version": 2}
        made = shell.json("terms", "show")
        assert (made["version"], made["body"]) == (2, "Be kind.\n\nAlways & überall.")
        assert made["published_by"].startswith("shell:")
        said = shell("terms", "publish", "-", stdin="Be very kind.")
        assert said.startswith("Version 3 is published.")
        assert current_terms(db.session).body == "Be very kind."

    def test_what_cannot_be_published(self, shell: Shell, tmp_path: Path):
        """Nothing, the same again, no text, no file."""
        file = tmp_path / "terms.txt"
        file.write_text("\n", encoding="utf-8")
        assert shell.refused("terms", "publish", str(file)).startswith("FILE: Enter the terms")
        shell("terms", "publish", "-", stdin="Be kind.")
        said = shell.refused("terms", "publish", "-", stdin="Be kind.\n")
        assert said == "FILE: This is the text of version 2, which counts already"
        file.write_bytes(b"\xff\xfe\x00")
        said = shell.refused("terms", "publish", str(file))
        assert said.startswith("The terms could not be read from")
        assert "No such file" in shell.refused("terms", "publish", str(tmp_path / "x"), code=2)
