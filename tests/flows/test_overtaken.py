"""Whoever loses every race at the door is told to try again, under a number: that is no fault."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from portal.admission import changes as admission
from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.transaction import ANONYMOUS, transaction
from portal.guests import changes as guests
from portal.guests.queries import lock
from portal.sponsorship.changes import deciding
from portal.sponsorship.queries import of_guest
from portal.sponsorship.rules import local_day
from tests.flows.story import Story
from tests.racing import beside

POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def settled(story: Story) -> None:
    """Let Ada in for good."""
    story.arrive(story.browser())
    with story.app.app_context():
        guest = story.guest()
        (asked,) = of_guest(db.session(), guest.id)
        now = clock.policy_now()
        with transaction(actor=ANONYMOUS, now=now) as tx:
            deciding.approve(tx, asked.id, story.sponsor_id, _tomorrow(now), ())
        db.session.remove()


def _tomorrow(now: datetime) -> date:
    return local_day(now, "Europe/Berlin") + timedelta(days=1)


def overtake(story: Story, monkeypatch, times: int) -> list[int]:
    """Move the guest's end in front of each of the next sign-ins; return which ones those were."""
    write, turns = guests.write_unmoved, []

    def move_it() -> None:
        with transaction(actor=ANONYMOUS, now=clock.policy_now()) as tx:
            (row,) = lock(tx, [guest_id])
            guests.reckon(tx, [(row, row.expires_at + timedelta(seconds=1))])

    def late(*arguments: Any) -> bool:
        if len(turns) < times:
            turns.append(len(turns))
            other, faults = beside(move_it)
            other.start()
            other.join(20)
            assert faults == []
        return write(*arguments)

    guest_id = story.guest().id
    monkeypatch.setattr(guests, "write_unmoved", late)
    return turns


@POSTGRESQL
def test_who_loses_every_race_is_told_to_try_again(story: Story, monkeypatch):
    """The page says so at once, the log has it under the page's number, and then it goes on."""
    settled(story)
    client = story.browser()
    turns = overtake(story, monkeypatch, 3)
    answer = story.knock(client)
    assert turns == [0, 1, 2]
    assert answer.status_code == 503
    assert "Nothing was changed" in answer.text
    assert 'href="/sign-in/acme/id">Try again' in answer.text
    (event,) = story.events(event="sign_in.refused")
    assert (event.reason, event.data["reasons"]) == ("adm.overtaken", ["adm.overtaken"])
    assert f"Reference <code>{event.reference}</code>" in answer.text
    assert client.get("/me").status_code == 303
    assert story.knock(client).location == "/me"


@POSTGRESQL
def test_who_loses_two_races_is_in(story: Story, monkeypatch):
    """Nobody has to know."""
    settled(story)
    overtake(story, monkeypatch, 2)
    assert story.knock(story.browser()).location == "/me"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_arrival_that_loses_every_race_stays_open(story: Story, monkeypatch):
    """Whoever was not made a guest is not told that they may be one already."""

    def lose(*_arguments: Any, **_more: Any) -> None:
        raise admission.LostRace

    client = story.browser()
    story.knock(client)
    with monkeypatch.context() as patch:
        patch.setattr(admission, "accept", lose)
        answer = client.submit("/arrival", {"terms": "y"})
    assert answer.status_code == 503
    (event,) = story.events(event="sign_in.refused")
    assert event.reason == "adm.overtaken"
    assert client.submit("/arrival", {"terms": "y"}).location == "/me"
