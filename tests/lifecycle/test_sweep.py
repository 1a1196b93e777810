"""The sweep on both databases: batches, doubled, cut off, poisoned; noted, and cheap."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import Result, event, update
from sqlalchemy.orm import ORMExecuteState

from portal.delivery.changes import claim, settle_sent
from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.queues import TimeUp
from portal.guests.rules import State
from portal.lifecycle import jobs
from portal.lifecycle.changes import change_contract, contracts, runs
from portal.lifecycle.queries import KINDS, Week, coming, count_due, ended_contracts, last_runs
from portal.sponsorship.changes import settling
from portal.sponsorship.changes.settling import settle
from portal.sponsorship.models import Sponsorship
from tests.replay import folded, kept
from tests.scene import Partner, Scene, statements

BATCH_COST = {"sqlite": 12, "postgresql": 11}  # mails and events are one statement there


@pytest.fixture
def acme(scene: Scene) -> Partner:
    """Seven people, whose time is up for different reasons."""
    acme = scene.partner(last_day=scene.day(50), inactivity_days=45)
    for number in range(3):
        scene.active(acme, f"p{number}", days=10)
    scene.guest(acme, "waiting")
    for days in (20, 40, 50):
        scene.active(acme, f"q{days}", days=days)
    return acme


@pytest.mark.parametrize("batch", [1, 2, 500])
def test_the_size_of_a_batch_changes_nothing(scene: Scene, acme: Partner, batch: int):
    """Everybody is settled once, in the order of the dates; a second sweep finds nothing."""
    scene.later(days=51)
    due = {kind: n for kind, n in count_due(scene.session, scene.now).items() if n}
    done = scene.sweep(batch)
    assert done.pop("arrivals_deleted") == 7
    assert due == done == {"expired": 6, "lapsed": 1, "contracts": 1}
    assert set(count_due(scene.session, scene.now).values()) == {0}
    mailed, events = len(scene.mails()), len(scene.events())
    assert scene.sweep(batch) == {}
    assert (len(scene.mails()), len(scene.events())) == (mailed, events)
    assert folded(scene.session) == kept(scene.session)


def test_what_was_mailed_long_ago_is_swept_away(scene: Scene, acme: Partner):
    """Each run counts what it deletes; the log still says what happened."""
    mailed, events = len(scene.mails()), len(scene.events())
    with scene.tx() as tx:
        for mail in claim(tx, mailed):
            settle_sent(tx, mail)
    scene.later(days=30, seconds=-1)
    assert "mails_deleted" not in scene.sweep(2)
    scene.later(seconds=1)
    assert scene.sweep(2)["mails_deleted"] == mailed
    assert {mail.state for mail in scene.mails()} == {"waiting"}
    assert len(scene.events()) >= events


@pytest.mark.parametrize("cut_after", range(4))
def test_cut_off_it_goes_on_where_it_stopped(
    scene: Scene, acme: Partner, cut_after: int, monkeypatch: pytest.MonkeyPatch
):
    """Killed within a batch, that batch is undone whole; the next sweep does the rest, once."""
    scene.later(days=51)
    calls = 0

    def dying(tx, guest_ids):
        nonlocal calls
        settled = settle(tx, guest_ids)
        if calls == cut_after:
            raise KeyboardInterrupt
        calls += 1
        return settled

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "settle", dying)
        with pytest.raises(KeyboardInterrupt):
            jobs.run(scene.now, batch=2)
    assert folded(scene.session) == kept(scene.session)
    scene.sweep()
    assert folded(scene.session) == kept(scene.session)
    names = scene.event_names()
    assert names.count("sponsorship.ended") == 7
    assert names.count("guest.suspended") == 6
    assert names.count("contract.ended") == 1
    assert len({mail.dedupe_key for mail in scene.mails()}) == len(scene.mails())
    told = Counter(mail.kind for mail in scene.mails() if mail.kind.startswith("guest."))
    # Each of the seven is told once how they stand now, and was told of the approval.
    assert told == {
        "guest.approved": 6,
        "guest.suspended": 2,
        "guest.removed": 4,
        "guest.lapsed": 1,
    }


def test_j18_a_poisonous_row_holds_up_nobody(
    scene: Scene, acme: Partner, monkeypatch: pytest.MonkeyPatch
):
    """It is tried alone, reported, audited; the others are settled; the job ends as failed."""
    poisoned = scene.find(acme, "p1")
    assert poisoned is not None
    scene.later(days=11)
    ended = settling.end_sponsorships

    def choking(tx, ends, note=None):
        if any(row.guest_id == poisoned.id for row, _, _ in ends):
            raise ZeroDivisionError
        ended(tx, ends, note)

    with monkeypatch.context() as patch:
        patch.setattr(settling, "end_sponsorships", choking)
        report = jobs.run(scene.now)
        assert report.failed == [poisoned.id]
        assert report.settled["expired"] == 2
        clock.set_offset((scene.now - clock.protocol_now()).total_seconds())
        with pytest.raises(jobs.SweepFailed, match="1 rows could not be settled"):
            jobs.sweep()
    states = {subject: scene.find(acme, subject) for subject in ("p0", "p1", "p2")}
    assert [row.state for row in states.values() if row] == [
        State.SUSPENDED,
        State.ACTIVE,
        State.SUSPENDED,
    ]
    assert not scene.access(poisoned.id).allowed
    failed = scene.events("lifecycle.settled_row_failed")
    assert failed[0].data == {"kind": "expired", "error": "ZeroDivisionError"}
    assert failed[0].guest_id == poisoned.id
    assert last_runs(scene.session, scene.now)[0].failed == 1
    assert jobs.sweep()["expired"] == 1
    assert scene.row(poisoned.id).state == State.SUSPENDED
    assert folded(scene.session) == kept(scene.session)


def test_j18_a_poisonous_contract_holds_up_nobody(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    """Its end cannot be carried out: it is reported, once a day; the others' are, and the rest."""
    bad = scene.partner("bad", last_day=scene.day(5))
    acme = scene.partner("acme", last_day=scene.day(6), review_days=15)
    further = scene.contract(acme, "C-2", first_day=scene.day(-9), open_ended=True)
    jane = scene.active(acme, days=90)
    assert scene.sponsorship(jane).contract_id == further
    scene.later(days=8)
    tell = contracts._tell

    def choking(tx, organisation_id, *rest):
        if organisation_id == bad.id:
            raise ZeroDivisionError
        tell(tx, organisation_id, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(contracts, "_tell", choking)
        for _ in range(3):
            report = jobs.run(scene.now)
            assert report.failed == [bad.contract_id]
        assert last_runs(scene.session, scene.now)[0].failed == 1
        settled = sum(
            (Counter(run.settled) for run in last_runs(scene.session, scene.now)), Counter()
        )
        assert settled == {"contracts": 1, "review_asked": 1, "arrivals_deleted": 1}
    (noted,) = scene.events("lifecycle.settled_row_failed")
    assert (noted.organisation_id, noted.guest_id) == (bad.id, None)
    assert noted.data == {
        "kind": "contracts",
        "error": "ZeroDivisionError",
        "sets": {f"contract:{bad.contract_id}": {}},
    }
    assert scene.sweep() == {"contracts": 1}
    assert folded(scene.session) == kept(scene.session)


def test_a_job_whose_time_is_up_blames_no_contract(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    """The job ends there; the next sweep carries the end out."""
    scene.partner("acme", last_day=scene.day(5))
    scene.later(days=8)

    def slow(*_: object) -> None:
        raise TimeUp

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "conclude_contract", slow)
        with pytest.raises(TimeUp):
            jobs.run(scene.now)
    assert scene.events("lifecycle.settled_row_failed") == []
    assert scene.sweep() == {"contracts": 1}


def test_a_guest_who_is_found_twice_fails_once(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    """Their last day and their silence are both over: that is one guest not settled, not two."""
    acme = scene.partner(inactivity_days=8)
    jane = scene.active(acme, days=5)
    scene.later(days=9)

    def choking(_tx, _ends, _note=None):
        raise ZeroDivisionError

    monkeypatch.setattr(settling, "end_sponsorships", choking)
    assert jobs.run(scene.now).failed == [jane]
    kinds = {event.data["kind"] for event in scene.events("lifecycle.settled_row_failed")}
    assert kinds == {"expired", "inactive"}
    assert last_runs(scene.session, scene.now)[0].failed == 1


def test_a_poisonous_row_does_not_fill_the_log(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    """It fails at every sweep until somebody mends it, and is noted once a day."""
    acme = scene.partner()
    jane = scene.active(acme, days=5)
    scene.later(days=6)
    error: type[Exception] = ZeroDivisionError

    def choking(_tx, _ends, _note=None):
        raise error

    monkeypatch.setattr(settling, "end_sponsorships", choking)
    for _ in range(5):
        assert jobs.run(scene.now).failed == [jane]
        scene.later(hours=5)
    assert len(scene.events("lifecycle.settled_row_failed")) == 1
    error = KeyError  # another fault is news
    jobs.run(scene.now)
    assert len(scene.events("lifecycle.settled_row_failed")) == 2
    scene.later(days=1, seconds=1)
    jobs.run(scene.now)
    assert len(scene.events("lifecycle.settled_row_failed")) == 3


def test_j15_a_clock_that_was_ahead_hides_no_fault(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    """Once it is right again, a sweep that stands still shows, and a poisonous row is noted."""
    acme = scene.partner()
    scene.active(acme, days=5)
    scene.later(days=6)

    def choking(_tx, _ends, _note=None):
        raise ZeroDivisionError

    monkeypatch.setattr(settling, "end_sponsorships", choking)
    right = scene.now
    scene.later(days=30)
    jobs.run(scene.now)
    scene.now = right
    assert last_runs(scene.session, scene.now) == []
    jobs.run(scene.now)
    assert [run.began_at for run in last_runs(scene.session, scene.now)] == [right]
    assert {event.at for event in scene.events("lifecycle.settled_row_failed")} >= {right}


def test_runs_are_noted_and_forgotten(scene: Scene, acme: Partner, monkeypatch: pytest.MonkeyPatch):
    """The health page sees the latest; the table does not grow for ever."""
    monkeypatch.setattr(runs, "KEPT_RUNS", 3)
    for _ in range(5):
        scene.later(days=4)
        scene.sweep()
    noted = last_runs(scene.session, scene.now)
    assert [run.began_at for run in noted] == [scene.now - timedelta(days=4 * n) for n in range(3)]
    assert [dict(run.settled) for run in noted] == [{}, {"lapsed": 1}, {"expired": 3}]


def test_a_batch_costs_the_same_whatever_its_size(scene: Scene):
    """Statements of a batch: one for each thing that happens, never one for each guest."""
    acme = scene.partner(inactivity_days=900, most_guests=1000, most_new_per_hour=1000)
    offer = scene.offer(acme, default=True)
    groups = [[scene.guest(acme, f"{size}-{number}") for number in range(size)] for size in (1, 12)]
    for group in groups:
        for guest_id in group:
            scene.approve(guest_id, acme.sponsor, days=10, offers=[offer])
    scene.later(days=11)
    counts = []
    for group in groups:
        db.session.rollback()
        with statements() as sent, scene.tx() as tx:
            settle(tx, group)
        counts.append(len(sent))
    # Lock, two reads of what is open; end it; its grants: read, end; the end, the state, the
    # seats; lock again; two reads of names; mails; events.
    assert counts == 2 * [BATCH_COST[db.engine.dialect.name]]


def test_finding_nothing_costs_one_read_a_kind(scene: Scene, acme: Partner):
    """The usual minute."""
    scene.sweep()
    with statements() as sent:
        scene.sweep()
    reads = [one for one in sent if one.startswith("SELECT")]
    assert len(reads) == len(KINDS) + 4  # contracts, reviews, arrivals, mails
    assert len([one for one in sent if "INSERT" in one]) == 1  # the run itself
    assert ended_contracts(scene.session, scene.now) == []


def test_what_is_coming_by_weeks(scene: Scene):
    """Reviews and ends within so many days; what is past or further away is left out."""
    acme = scene.partner(review_days=40, most_new_per_hour=1000)
    for number, days in enumerate((9, 10, 60, 60, 100)):
        scene.active(acme, f"p{number}", days=days)
    scene.guest(acme, "waiting")
    monday = scene.now.date()  # the first day

    def weeks(ahead: int) -> list[Week]:
        return coming(scene.session, scene.now, timedelta(days=ahead))

    def week(number: int, reviews: int, ends: int) -> Week:
        return Week(monday + timedelta(weeks=number), reviews, ends)

    # A last day ends with its midnight in Berlin, which is in the evening before by UTC.
    assert weeks(90) == [week(1, 0, 2), week(5, 3, 0), week(8, 0, 2)]
    assert weeks(39) == [week(1, 0, 2)]
    assert weeks(40) == [week(1, 0, 2), week(5, 3, 0)]
    scene.later(days=40)
    assert weeks(60) == [week(8, 0, 2)]


@pytest.mark.parametrize("people", [1, 6])
def test_what_is_coming_is_counted_where_it_stands(scene: Scene, people: int):
    """A week is a row, whoever many it is about: an admin looks at it all day."""
    acme = scene.partner(review_days=40, most_new_per_hour=1000)
    for number in range(people):
        scene.active(acme, f"p{number}", days=60)
    fetched: list[int] = []

    def count(execution: ORMExecuteState) -> Result:
        rows = execution.invoke_statement().freeze()
        fetched.append(len(rows.data))
        return rows()

    session = scene.session
    event.listen(session, "do_orm_execute", count)
    weeks = coming(session, scene.now, timedelta(days=90))
    event.remove(session, "do_orm_execute", count)
    assert [(week.reviews, week.ends) for week in weeks] == [(people, 0), (0, people)]
    assert fetched == [1, 1]


def test_a_contract_that_ends_sooner_comes_sooner(scene: Scene):
    """Its end is the end of all under it, and what would be reviewed at it or after it never is."""
    acme = scene.partner(review_days=40, inactivity_days=900)
    for number, days in enumerate((5, 50, 60)):
        scene.active(acme, f"p{number}", days=days)
    ahead = timedelta(days=90)
    with scene.tx() as tx:
        change_contract(tx, acme.contract_id, last_day=scene.day(20), open_ended=False)
    monday = scene.now.date()
    weeks = [Week(monday, 0, 1), Week(monday + timedelta(weeks=2), 0, 2)]
    assert coming(scene.session, scene.now, ahead) == weeks
    end = scene.ends_at(acme.contract_id)
    assert end is not None
    assert coming(scene.session, end, ahead) == []
    tick = timedelta(microseconds=1)
    with scene.tx() as tx:
        tx.session.execute(update(Sponsorship).values(review_due_at=end, review_ends_at=end))
    assert sum(week.reviews for week in coming(scene.session, end - tick, ahead)) == 0
    with scene.tx() as tx:
        tx.session.execute(update(Sponsorship).values(review_due_at=end - tick))
    assert sum(week.reviews for week in coming(scene.session, end - 2 * tick, ahead)) == 2
