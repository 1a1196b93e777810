"""Who is asked whether they still vouch: each sponsor once, and whoever gets it from another."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from portal.guests.rules import Reason, State
from portal.lifecycle.changes import let_go
from portal.sponsorship.changes import deciding
from tests.replay import folded, kept
from tests.scene import Partner, Scene

DAY = timedelta(days=1)
ADA, BEN, DEE = (f"{name}@host.example" for name in ("ada", "ben", "dee"))


def asked(scene: Scene) -> list[str]:
    """Who was asked, in this order."""
    scene.sweep()
    return [mail.to for mail in scene.mails("sponsor.review")]


def hand(scene: Scene, jane, by, to) -> None:
    with scene.as_staff(by) as tx:
        assert deciding.hand_over(tx, scene.sponsorship(jane).id, by, to) is None


def leave(scene: Scene, _jane, by, _to) -> None:
    with scene.tx() as tx:
        assert let_go(tx, by) == (1, 0)


@pytest.mark.parametrize("swept", [True, False], ids=["asked", "due to be asked"])
@pytest.mark.parametrize("pass_on", [hand, leave])
def test_i11_an_heir_is_asked_what_who_left_was_asked(
    scene: Scene, acme: Partner, pass_on: Callable[..., None], *, swept: bool
):
    """The reminder went to somebody who decides no more: the heir gets one of their own."""
    scene.policy(acme, inactivity_days=900, review_days=90, grace_days=14)
    jane = scene.active(acme, days=300)
    ada, dee = acme.sponsor, acme.deputy
    scene.later(days=80)
    assert asked(scene) == [ADA] if swept else True
    pass_on(scene, jane, ada, dee)
    assert asked(scene) == ([ADA, DEE] if swept else [DEE])
    assert asked(scene) == ([ADA, DEE] if swept else [DEE]), "once"
    row = scene.sponsorship(jane)
    assert row.sponsor_id == dee
    assert scene.mails("sponsor.review")[-1].payload["due_at"] == row.review_due_at.isoformat()
    scene.now = row.review_ends_at
    scene.sweep()
    assert (scene.row(jane).state, scene.row(jane).state_reason) == (
        State.SUSPENDED,
        Reason.REVIEW_MISSED,
    )
    assert folded(scene.session) == kept(scene.session)


def test_i13_who_takes_it_on_knows_and_nobody_is_asked_twice(scene: Scene, acme: Partner):
    """Ben takes it over from the page that asks; back and forth it is one mail each."""
    scene.policy(acme, inactivity_days=900, review_days=90)
    jane = scene.active(acme, days=300)
    ada, ben = acme.sponsors
    scene.later(days=80)
    assert asked(scene) == [ADA]
    hand(scene, jane, ben, ben)
    assert asked(scene) == [ADA]
    hand(scene, jane, ben, ada)
    assert asked(scene) == [ADA]
    hand(scene, jane, ada, ben)
    assert asked(scene) == [ADA, BEN]
    assert folded(scene.session) == kept(scene.session)


def test_before_it_is_asked_it_waits_for_its_day(scene: Scene, acme: Partner):
    scene.policy(acme, inactivity_days=900, review_days=90)
    jane = scene.active(acme, days=300)
    hand(scene, jane, acme.sponsor, acme.deputy)
    assert asked(scene) == []
    scene.later(days=77)
    assert asked(scene) == [DEE]


def test_who_gets_it_overdue_reads_no_day_that_has_passed(scene: Scene, acme: Partner):
    """They have until access ends."""
    scene.policy(acme, inactivity_days=900, review_days=90, grace_days=14)
    jane = scene.active(acme, days=300)
    scene.later(days=80)
    scene.sweep()
    scene.later(days=15)
    hand(scene, jane, acme.sponsor, acme.deputy)
    assert asked(scene) == [ADA, DEE]
    payload = scene.mails("sponsor.review")[-1].payload
    assert payload["due_at"] == payload["ends_at"] > scene.now.isoformat()
