"""`portal idp`: from the first configuration to the last session."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select

from portal.audit.models import AuditEvent
from portal.foundation import clock
from portal.foundation.crypto import decrypt
from portal.foundation.db import db
from portal.foundation.settings import Settings
from portal.guests.models import FederatedIdentity, Guest
from portal.trust.changes import name_sponsors, note_connection_test
from portal.trust.models import IdentityProvider
from portal.trust.queries import connection_for, organisation_by_slug
from tests import factories
from tests.commands.conftest import Shell
from tests.factories import writing
from tests.infra.processes import environment, plain_environment

# Commands translate; what they call is proved on both databases.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

ACME = ("--name", "Acme sign-in", "--issuer", "https://id.acme.example", "--client-id", "portal")
STDIN = ("--client-secret-stdin",)


@pytest.fixture(autouse=True)
def _acme(database: object) -> None:
    with writing(clock.policy_now()) as tx:
        factories.organisation(tx)


def add(shell: Shell, *more: str, slug: str = "id") -> Any:
    return shell.json("idp", "add-oidc", "acme", slug, *ACME, *STDIN, *more, stdin="s3cret\n")


def test_adding_says_what_to_give_to_the_partner(shell: Shell):
    """The redirect URI, the link and the state; never the secret."""
    made = add(shell)
    assert made["redirect_uri"] == "https://guests.host.example/sign-in/acme/id/callback"
    assert made["sign_in_url"] == "https://guests.host.example/sign-in/acme/id"
    assert made["state"] == "draft"
    assert made["scopes"] == ["openid", "email", "profile"]
    assert made["claims"]["department"] == "department"
    assert (made["subject_claim"], made["addresses"]) == ("sub", "verified")
    assert made["client_auth"] == "client_secret_basic"
    assert "s3cret" not in str(made)
    assert "client_secret" not in made
    stored = db.session.scalars(select(IdentityProvider.client_secret)).one()
    assert decrypt(stored) == "s3cret"
    assert shell.json("idp", "list") == shell.json("idp", "list", "acme") == [made]
    assert shell.json("org", "show", "acme")["identity_providers"] == [made]


@pytest.mark.parametrize(
    ("words", "redirected", "line"),
    [
        (
            ("idp", "add-oidc", "acme", "id", *ACME, *STDIN),
            "<&-",
            "The client secret could not be read: standard input is closed",
        ),
        (
            ("terms", "publish", "-"),
            "<&-",
            "The terms could not be read: standard input is closed",
        ),
        (
            ("idp", "add-oidc", "acme", "id", *ACME, "--client-secret-file", "/dev/zero"),
            "",
            (
                "The client secret could not be read from /dev/zero: it is longer than 1,000,000 "
                "characters"
            ),
        ),
        (("org", "list"), ">/dev/full", "[Errno 28] No space left on device"),
    ],
)
def test_w15_input_and_output_that_fail_are_one_line(
    settings: Settings, tmp_path: Path, words: tuple[str, ...], redirected: str, line: str
):
    """Closed, without end, or full: no trace, and no more memory than a text takes."""
    portal = Path(sys.executable).with_name("portal")
    done = subprocess.run(
        ["bash", "-c", f'ulimit -v 3000000; exec "$@" {redirected}', "-", portal, *words],
        env={**plain_environment(), **environment(settings)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (1, f"{line}\n")


def test_every_option_is_kept(shell: Shell, tmp_path: Path):
    """The secret from a file; a claim that fills no field is left out."""
    file = tmp_path / "secret"
    file.write_text("from a file\n", encoding="utf-8")
    said = shell(
        *("idp", "add-oidc", "acme", "id", *ACME, "--client-secret-file", str(file)),
        *("--client-auth", "client_secret_post", "--scope", "groups", "--scope", "email"),
        *("--claim", "email=mail", "--claim", "department=", "--subject-claim", "oid"),
        *("--require", "tid=t1", "--require", "org=a=b", "--addresses", "trusted"),
    )
    assert said.splitlines() == [
        "Give Acme this redirect URI: https://guests.host.example/sign-in/acme/id/callback",
        "Their people sign in at: https://guests.host.example/sign-in/acme/id",
        "Next: portal idp test acme id",
    ]
    (made,) = shell.json("idp", "list")
    assert made["client_auth"] == "client_secret_post"
    assert made["scopes"] == ["openid", "groups", "email"]
    assert made["claims"] == {
        "email": "mail",
        "name": "name",
        "given_name": "given_name",
        "family_name": "family_name",
    }
    assert (made["subject_claim"], made["addresses"]) == ("oid", "trusted")
    assert made["required_claims"] == {"tid": "t1", "org": "a=b"}
    row = connection_for(db.session, "acme", "id")
    assert row is not None
    assert row.client_secret == "from a file"
    assert shell("idp", "list").splitlines()[0].startswith("ORGANISATION  SLUG")


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (
            ["--issuer", "http://id.acme.example"],
            "--issuer: Enter an issuer that begins",
        ),
        (["--issuer", "https://10.0.0.1"], "--issuer: Enter a public host"),
        (["--issuer", "https://login.microsoftonline.com/common/v2.0"], "--issuer: This address"),
        (["--issuer", "https://accounts.google.com"], "--require: Anybody can have an account"),
        (["--subject-claim", "email"], "--subject-claim: email may be given to somebody else"),
        (["--subject-claim", "oid"], "--require: oid knows a person within one tenant"),
        (["--claim", "state=x"], "--claim: No claim can fill 'state'"),
        (["--claim", "email"], "--claim: Write NAME=VALUE: 'email' is not one"),
        (["--require", "hd"], "--require: Write NAME=VALUE"),
        (["--scope", "a b"], "--scope: Enter scopes without spaces"),
        (["--name", " "], "--name: Enter the name"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_added(shell: Shell, more: list[str], line: str):
    """At its option, and the secret in no message."""
    words = ["idp", "add-oidc", "acme", "id", *ACME, *STDIN, *more]
    said = shell.refused(*words, stdin="s3cret")
    assert said.startswith(line)
    assert "s3cret" not in said
    assert shell.json("idp", "list") == []


def test_a_taken_slug_is_named_before_its_issuer(shell: Shell):
    """A script that runs twice reads what it did."""
    words = ["idp", "add-oidc", "acme", "id", *ACME, *STDIN]
    shell(*words, stdin="s3cret")
    assert shell.refused(*words, stdin="s3cret").startswith("SLUG: This organisation has an")
    assert len(shell.json("idp", "list")) == 1


def test_the_secret_is_given_in_one_way(shell: Shell, tmp_path: Path):
    """Wrong use, each of them."""
    words = ["idp", "add-oidc", "acme", "id", *ACME]
    assert "--client-secret-file FILE or" in shell.refused(*words, code=2)
    file = tmp_path / "secret"
    file.write_bytes(b"\xff\xfe")
    both = shell.refused(*words, *STDIN, "--client-secret-file", str(file), code=2)
    assert "Give one of" in both
    said = shell.refused(*words, "--client-secret-file", str(tmp_path / "none"), code=2)
    assert "No such file" in said
    said = shell.refused(*words, "--client-secret-file", str(file))
    assert said.startswith("The client secret could not be read from")
    assert shell.refused(*words, *STDIN, stdin="\n").startswith("--client-secret-file: Enter the")


class TestSet:
    """What is not said stays as it is."""

    def test_options_change_what_they_name(self, shell: Shell):
        """--claim one field, --scope and --require all of them."""
        add(shell, "--require", "a=1", "--claim", "phone=tel")
        made = shell.json(
            *("idp", "set", "acme", "id", "--name", "New", "--claim", "department=dept"),
            *("--require", "b=2", "--scope", "profile", "--addresses", "trusted"),
        )
        assert (made["name"], made["addresses"]) == ("New", "trusted")
        assert made["claims"]["department"] == "dept"
        assert made["claims"]["phone"] == "tel"
        assert made["required_claims"] == {"b": "2"}
        assert made["scopes"] == ["openid", "profile"]
        made = shell.json("idp", "set", "acme", "id", "--require", "", "--claim", "phone=")
        assert made["required_claims"] == {}
        assert "phone" not in made["claims"]
        said = shell.refused("idp", "set", "acme", "id", code=2)
        assert said.startswith("Say what to change, such as --name NAME")
        assert shell("idp", "set", "acme", "id", "--name", "New") == (
            "Nothing is changed: that is how New stands already.\n"
        )
        assert shell.json("idp", "set", "acme", "id", "--name", "New") == made

    def test_a_new_secret_disables_nothing(self, shell: Shell):
        """And changes nothing else."""
        with writing() as tx:
            partner = factories.partner(tx, "beta")
        made = shell.json("idp", "set", "beta", "id", "--client-secret-stdin", stdin="new\n")
        assert made["state"] == "enabled"
        row = connection_for(db.session, "beta", "id")
        assert row is not None
        assert row.client_secret == "new"
        assert row.id == partner.provider_id

    def test_another_connection_must_be_tested_again(self, shell: Shell):
        """And says what comes next."""
        with writing() as tx:
            factories.partner(tx, "beta")
        said = shell("idp", "set", "beta", "id", "--client-id", "other")
        done = "id sign-in is changed; it is draft. Sessions that came through it have ended."
        assert said == f"{done} Next: portal idp test beta id\n"

    def test_known_people_make_it_a_planned_move(self, shell: Shell):
        """Strangers would walk past tombstones (architecture 2.6)."""
        with writing() as tx:
            partner = factories.partner(tx, "beta")
            guest = Guest(
                organisation_id=partner.id,
                state="removed",
                state_reason="removed",
                state_since=tx.now,
                expires_at=tx.now,
                arrived_at=tx.now,
                terms_version=1,
                session_epoch=1,
                created_at=tx.now,
                profile={},
            )
            tx.session.add(guest)
            tx.session.flush()
            tx.session.add(
                FederatedIdentity(
                    guest_id=guest.id,
                    organisation_id=partner.id,
                    issuer=partner.issuer,
                    subject=str(uuid4()),
                    identity_provider_id=partner.provider_id,
                )
            )
        said = shell.refused("idp", "set", "beta", "id", "--subject-claim", "pid")
        assert said.startswith("--subject-claim: The subject claim cannot change while 1 guest is")
        said = shell.refused("idp", "set", "beta", "id", "--issuer", "https://new.example")
        assert "planned move" in said

    def test_an_unknown_one(self, shell: Shell):
        """With where to look."""
        for command in ("set", "test", "enable", "disable"):
            said = shell.refused("idp", command, "acme", "nope")
            assert said.endswith("'nope': portal idp list acme shows which there are")
            assert "portal org list" in shell.refused("idp", command, "nope", "nope")
        assert "There are no identity providers yet" in shell("idp", "list")


class TestConnection:
    """Test, enable, disable."""

    def test_against_a_real_provider(self, shell: Shell, mock_provider: Callable[..., str]):
        """A test that passed allows enabling; disabling ends its sessions."""
        issuer = mock_provider()
        add(shell, "--issuer", issuer)
        said = shell.refused("idp", "enable", "acme", "id")
        assert said == "Test the connection first: enabling needs a test that passed"
        found = shell.json("idp", "test", "acme", "id")
        assert found["passed"] is True
        assert found["tested_at"] is not None
        assert found["findings"]["passed"] is True
        assert "This identity" not in shell("idp", "test", "acme", "id")
        enabled = shell.json("idp", "enable", "acme", "id")
        assert enabled["state"] == "enabled"
        assert "people sign in at https://guests" in shell("idp", "enable", "acme", "id")
        disabled = shell.json("idp", "disable", "acme", "id")
        assert (disabled["state"], disabled["sessions_ended"]) == ("disabled", 0)
        assert "0 sessions ended" in shell("idp", "disable", "acme", "id")

    def test_enabling_says_what_is_still_missing(self, shell: Shell):
        """With the command that mends it; where nothing is, nothing."""
        add(shell)
        row = connection_for(db.session(), "acme", "id")
        with writing(clock.policy_now()) as tx:
            values = {"issuer": row.issuer, "passed": True, "findings": None}
            note_connection_test(tx, row.id, **values)
        said = shell("idp", "enable", "acme", "id")
        assert said.count("Nobody new can come in yet: ") == 2
        assert "no contract runs now. See: portal contract list acme" in said
        assert "nobody can vouch. See: portal org set acme --sponsor EMAIL" in said
        enabled = shell.json("idp", "enable", "acme", "id")
        assert enabled["missing"] == ["contract", "sponsor"]
        with writing(clock.policy_now()) as tx:
            owner = organisation_by_slug(tx.session, "acme")
            factories.contract(tx, owner.id)
            name_sponsors(tx, owner.id, sponsors=[factories.staff(tx)])
        assert shell.json("idp", "enable", "acme", "id")["missing"] == []
        assert "Nobody" not in shell("idp", "enable", "acme", "id")

    def test_that_does_not_answer(self, shell: Shell):
        """One line says what is wrong; the finding is kept, and nothing is enabled."""
        add(shell, "--issuer", "http://127.0.0.1:9")
        result = shell.run("idp", "test", "acme", "id", "--json")
        assert result.exit_code == 1
        assert result.stderr.count("\n") == 1
        (row,) = shell.json("idp", "list")
        assert row["findings"]["passed"] is False
        assert row["tested_at"] is None
        assert row["state"] == "draft"
        names = db.session.scalars(select(AuditEvent.event)).all()
        assert "identity_provider.tested" in names
