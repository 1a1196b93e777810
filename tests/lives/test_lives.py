"""Lives of people at two partners, decided and swept at random, against an oracle of dates.

Two databases live side by side under the same decisions. One is swept after every step and must
say, row by row, what the oracle says. The other is swept never, sometimes, twice, or is cut off in
the middle; what people may do must be the same there, and in the end its rows are the same.

``PORTAL_LIVES=long`` lives longer.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    run_state_machine_as_test,
)

from portal.foundation.settings import Settings
from tests.infra.databases import Databases
from tests.lives.machine import Lives
from tests.lives.world import World


@pytest.fixture
def stage(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Lives]]:
    """Makes lives on two databases that are used again and again."""
    monkeypatch.setattr("portal.foundation.queues.wake", lambda name: True)
    url = databases.fresh("sqlite")
    template = Path("/", url.partition(":///")[2])
    config = Settings.checked(
        None,
        env="development",
        public_url="https://guests.host.example",
        secret_keys=(secrets.token_urlsafe(32),),
        data_dir=tmp_path,
        database_url=url,
        smtp_url="smtp://127.0.0.1:25",
        host_name="Host Ltd",
        host_domains=("host.example",),
        support_contact="help@host.example",
    )
    builder = World(config, template)
    names = builder.build()
    builder.close()
    worlds = [World(config, template.with_name(f"{template.stem}-{n}.sqlite3")) for n in "ab"]
    yield lambda: Lives(worlds[0], worlds[1], template, names)
    for world in worlds:
        world.close()
    databases.drop(url)
    for world in worlds:
        databases.drop(f"sqlite:///{world.file}")


LONG = os.environ.get("PORTAL_LIVES") == "long"


def test_lives(stage: Callable[[], Lives]):
    """A dozen lives of thirty steps; a thousand of sixty when asked."""
    run_state_machine_as_test(
        stage,
        settings=settings(
            max_examples=1000 if LONG else 12,
            derandomize=not LONG,  # the same lives in every quick run; the long one explores
            stateful_step_count=60 if LONG else 30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
            report_multiple_bugs=False,
        ),
    )
