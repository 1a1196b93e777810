"""`portal lifecycle run`: the sweep by hand, counted or carried out."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from click.testing import CliRunner, Result

from portal.commands._shared import PortalGroup
from portal.commands.lifecycle import lifecycle
from portal.foundation import clock
from portal.foundation.current import house
from portal.guests.rules import State
from portal.lifecycle.queries import last_runs
from tests.scene import Scene

Run = Callable[..., Result]


@pytest.fixture
def run(database) -> Run:
    """Run a lifecycle command on this test's database."""
    cli = PortalGroup("portal", commands={"lifecycle": lifecycle})

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["lifecycle", "run", *arguments])

    return invoke


@pytest.fixture
def scene(database) -> Scene:
    return Scene(now=clock.policy_now())


def in_days(scene: Scene, days: int) -> str:
    return (scene.now + timedelta(days=days)).isoformat()


def test_nothing_due_says_so(run: Run, scene: Scene):
    scene.guest(scene.partner("acme"))
    result = run()
    assert (result.exit_code, result.stdout) == (0, "Nothing was due.\n")
    assert len(last_runs(scene.session, clock.policy_now())) == 1


def test_now_settles_what_is_due_then(run: Run, scene: Scene):
    """A request that nobody decides for fourteen days lapses."""
    guest_id = scene.guest(scene.partner("acme"))
    result = run("--now", in_days(scene, 15), "--json")
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert (said["settled"]["lapsed"], said["failed"], said["dry_run"]) == (1, [], False)
    assert scene.row(guest_id).state == State.REMOVED
    assert "lapsed" not in json.loads(run("--now", in_days(scene, 15), "--json").stdout)["settled"]


def test_dry_run_counts_and_changes_nothing(run: Run, scene: Scene):
    guest_id = scene.guest(scene.partner("acme"))
    before = scene.event_names()
    result = run("--now", in_days(scene, 15), "--dry-run", "--json")
    assert json.loads(result.stdout)["settled"]["lapsed"] == 1
    assert scene.row(guest_id).state == State.PENDING
    assert scene.event_names() == before
    assert last_runs(scene.session, clock.policy_now() + timedelta(days=99)) == []
    assert run("--dry-run").stdout == "Nothing is due.\n"


def test_production_moves_no_clock(database, run: Run, scene: Scene):
    """--now is refused in production, before anything changes; counting is not."""
    guest_id = scene.guest(scene.partner("acme"))
    house(database)["settings"] = house(database)["settings"].model_copy(
        update={"env": "production"}
    )
    result = run("--now", in_days(scene, 15))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "--dry-run" in result.stderr
    assert scene.row(guest_id).state == State.PENDING
    assert last_runs(scene.session, clock.policy_now() + timedelta(days=99)) == []
    assert run("--now", in_days(scene, 15), "--dry-run").exit_code == 0
    assert run().exit_code == 0


@pytest.mark.parametrize("instant", ["tomorrow", "2027-03-01", "2027-03-01T00:00:00"])
def test_an_instant_needs_its_zone(run: Run, instant: str):
    """Wrong use: exit code 2, one line that says how to write one."""
    result = run("--now", instant)
    assert result.exit_code == 2
    assert "2027-03-01T00:00:00Z" in result.stderr
    assert len(result.stderr.splitlines()) == 1
