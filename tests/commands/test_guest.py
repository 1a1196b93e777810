"""`portal guest`: what scripts read, and what people are told."""

import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from uuid import UUID

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal.commands._shared import PortalGroup
from portal.commands.guest import guest as guest_commands
from portal.foundation import clock
from portal.guests.changes import lock_places
from portal.guests.queries import lock
from portal.guests.rules import State
from portal.sponsorship.changes import deciding, people
from portal.sponsorship.queries import SponsorshipRow
from tests.infra.ports import wait_until
from tests.racing import beside, somebody_waits
from tests.scene import Partner, Scene

Run = Callable[..., Result]

KEYS = {
    "id", "organisation", "identity_provider", "issuer", "subject", "email", "name", "state",
    "state_reason", "sponsor", "sponsorships", "expires_at", "review_due_at", "last_sign_in_at",
    "access", "access_reasons", "until", "entitlements",
}  # fmt: skip


@pytest.fixture
def run(database) -> Run:
    """Run a guest command on this test's database."""
    cli = PortalGroup("portal", commands={"guest": guest_commands})

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["guest", *arguments])

    return invoke


@pytest.fixture
def scene(database) -> Scene:
    """The commands run by the real policy clock, so the scene stands there too."""
    return Scene(now=clock.policy_now())


def approved(scene: Scene, partner: Partner, subject: str = "jane") -> UUID:
    guest_id = scene.guest(partner, subject)
    row = scene.sponsorship(guest_id)
    last_day = (scene.now + timedelta(days=60)).date()
    with scene.as_staff(partner.sponsor) as tx:
        deciding.approve(tx, row.id, partner.sponsor, last_day, [])
    return guest_id


def test_list_has_the_stable_keys(run: Run, scene: Scene):
    """One JSON array; every key that scripts lean on; instants end in Z."""
    acme, bolt = scene.partner("acme"), scene.partner("bolt")
    in_id, asking = approved(scene, acme), scene.guest(bolt)
    result = run("list", "--json")
    assert result.exit_code == 0
    rows = json.loads(result.stdout)
    assert {row["id"] for row in rows} == {str(in_id), str(asking)}
    assert all(set(row) >= KEYS for row in rows)
    first = next(row for row in rows if row["id"] == str(in_id))
    assert first["access"] is True
    assert first["until"].endswith("Z")
    assert first["sponsorships"][0]["state"] == "active"


def test_list_by_organisation_and_state(run: Run, scene: Scene):
    acme, bolt = scene.partner("acme"), scene.partner("bolt")
    approved(scene, acme)
    asking = scene.guest(bolt)
    rows = json.loads(run("list", "--organisation", "bolt", "--json").stdout)
    assert [row["id"] for row in rows] == [str(asking)]
    rows = json.loads(run("list", "--state", "active", "--json").stdout)
    assert [row["organisation"] for row in rows] == ["acme"]
    assert json.loads(run("list", "--state", "removed", "--json").stdout) == []
    table = run("list")
    assert table.exit_code == 0
    assert "jane@acme.example" in table.stdout


def test_an_unknown_organisation_is_refused_with_what_to_do(run: Run):
    result = run("list", "--organisation", "nobody")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "portal org list" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_state_that_is_none_is_wrong_use(run: Run):
    assert run("list", "--state", "asleep").exit_code == 2


@pytest.mark.parametrize("command", ["show", "resume"])
@pytest.mark.parametrize("guest_id", ["jane", "", "0190f3c4-0000-7000-8000-000000000000"])
def test_an_unknown_guest_is_refused_with_what_to_do(run: Run, command: str, guest_id: str):
    result = run(command, guest_id)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "portal guest list" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_show_tells_who_vouches(run: Run, scene: Scene):
    guest_id = approved(scene, scene.partner("acme"))
    assert json.loads(run("show", str(guest_id), "--json").stdout)["id"] == str(guest_id)
    text = run("show", str(guest_id)).stdout
    assert "jane@acme.example" in text
    assert "under C-1" in text


def test_suspend_resume_remove(run: Run, scene: Scene):
    """Each takes effect at once, is in the audit log with who did it, and says so."""
    acme = scene.partner("acme")
    guest_id = approved(scene, acme)
    result = run("suspend", str(guest_id), "--reason", "lost badge", "--json")
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert (said["state"], said["hold"], said["access"]) == ("suspended", True, False)
    assert said["state_note"] == "lost badge"
    assert scene.events("guest.suspended")[-1].actor.startswith("shell:")

    result = run("resume", str(guest_id))
    assert (result.exit_code, scene.row(guest_id).state) == (0, State.ACTIVE)
    assert "active again" in result.stdout

    result = run("remove", str(guest_id), "--reason", "project over")
    assert result.exit_code == 0
    row = scene.row(guest_id)
    assert (row.state, row.tombstone) == (State.REMOVED, True)
    again = run("remove", str(guest_id), "--reason", "project over")
    assert (again.exit_code, again.stderr) == (1, "The guest is removed already\n")


def test_resume_of_somebody_removed_lifts_the_hold_alone(run: Run, scene: Scene):
    """The command says that it does not bring them back; again there is nothing to lift."""
    guest_id = approved(scene, scene.partner("acme"))
    run("suspend", str(guest_id), "--reason", "lost badge")
    run("remove", str(guest_id), "--reason", "project over")
    assert json.loads(run("show", str(guest_id), "--json").stdout)["state_reason"] == (
        "suspended_by_admin"
    )
    result = run("resume", str(guest_id))
    assert result.exit_code == 0
    assert "stays removed until a sponsor lets them back" in result.stdout
    assert scene.row(guest_id).state == State.REMOVED
    result = run("resume", str(guest_id))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "a sponsor has to let them back" in result.stderr


def test_resume_lifts_human_holds_only(run: Run, scene: Scene):
    """Whom nobody holds is refused, and stays as they are."""
    guest_id = scene.guest(scene.partner("acme"))
    result = run("resume", str(guest_id))
    assert result.exit_code == 1
    assert "sponsor must approve" in result.stderr
    assert scene.row(guest_id).state == State.PENDING


def test_a_reason_is_needed_and_cleaned(run: Run, scene: Scene):
    """No reason is wrong use; an empty or endless one is refused and changes nothing."""
    guest_id = approved(scene, scene.partner("acme"))
    assert run("suspend", str(guest_id)).exit_code == 2
    for reason in ("  ", "x" * 501):
        result = run("suspend", str(guest_id), "--reason", reason)
        assert result.exit_code == 1
        assert result.stderr.startswith("--reason: ")
    assert scene.row(guest_id).state == State.ACTIVE


def test_every_command_has_help():
    """Each says in a sentence what it does."""
    assert all(
        isinstance(one, click.Command) and one.help for one in guest_commands.commands.values()
    )


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_command_that_met_a_deadlock_is_carried_out_once_more(
    run: Run, scene: Scene, monkeypatch: pytest.MonkeyPatch
):
    """The database takes this one back of two that wait for each other; it is written down once."""
    acme = scene.partner("acme")
    jane = approved(scene, acme)
    read, turns = people.open_rows, []

    def turn_round() -> None:
        with Scene(now=scene.now).tx() as tx:
            tx.session.execute(text("set local deadlock_timeout = '20s'"))
            lock_places(tx, acme.id)
            lock(tx, [jane])

    other, faults = beside(turn_round)

    def late(session: Session, guest_ids: Iterable[UUID]) -> list[SponsorshipRow]:
        turns.append(1)
        if len(turns) == 1:
            # The other one is patient, so this one is taken back.
            session.execute(text("set local deadlock_timeout = '50ms'"))
            other.start()
            wait_until(somebody_waits, "the other one waits")
        return read(session, guest_ids)

    monkeypatch.setattr(people, "open_rows", late)
    result = run("remove", str(jane), "--reason", "Left")
    other.join(20)
    assert (result.exit_code, result.stderr, faults) == (0, "", [])
    assert len(turns) >= 2
    assert scene.row(jane).state == State.REMOVED
    assert scene.event_names(jane).count("guest.removed") == 1
