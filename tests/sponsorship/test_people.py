"""Hold, resume, remove, let back: what people decide about a person, on both databases."""

from datetime import timedelta

import pytest

from portal.foundation.db import uuid7
from portal.guests.rules import LAPSES_AFTER, Reason, State
from portal.sponsorship.changes.bounds import NotYours
from portal.sponsorship.rules import Standing
from portal.trust.rules import Refused
from tests.replay import folded, kept
from tests.scene import Partner, Scene
from tests.sponsorship.decisions import end, let_back, note_of, remove, resume, suspend


@pytest.fixture
def acme(scene: Scene) -> Partner:
    return scene.partner()


class TestRemove:
    @pytest.mark.parametrize("state", ["pending", "active", "held", "expired"])
    def test_anybody_who_is_not_gone(self, scene: Scene, acme: Partner, state: str):
        """Everything open ends, sessions are dead, a tombstone stays."""
        wiki = scene.offer(acme, default=True)
        jane = scene.guest(acme)
        if state != "pending":
            scene.approve(jane, acme.sponsor, days=10, offers=[wiki])
        if state == "held":
            suspend(scene, jane)
        scene.later(days=20 if state == "expired" else 1)
        remove(scene, jane)
        guest, row = scene.row(jane), scene.sponsorship(jane)
        assert (guest.state, guest.state_reason) == (State.REMOVED, Reason.REMOVED_BY_STAFF)
        assert (guest.tombstone, guest.hold) == (True, False)
        assert (guest.state_since, guest.session_epoch) == (scene.now, 2)
        assert (guest.inactive_at, guest.lapses_at, guest.removes_at) == (None, None, None)
        reason = Reason.EXPIRED if state == "expired" else Reason.REMOVED_BY_STAFF
        assert (row.state, row.state_reason) == (Standing.ENDED, reason)
        assert [grant.state for grant in scene.grants(jane)] == ["ended"]
        assert scene.seats(acme) == (0, 0)
        assert len(scene.mails("guest.removed")) == 1
        with pytest.raises(Refused):
            remove(scene, jane)
        assert folded(scene.session) == kept(scene.session)

    def test_who_is_gone_by_time_gets_a_tombstone(self, scene: Scene, acme: Partner):
        """So that somebody whom a sponsor does not want back cannot simply come back."""
        jane = scene.guest(acme)
        scene.later(days=15)
        scene.sweep()
        before = scene.row(jane)
        assert not before.tombstone
        remove(scene, jane)
        guest = scene.row(jane)
        assert guest.tombstone
        assert note_of(scene, jane) == "Left the company"
        assert (guest.state_reason, guest.state_since) == (Reason.LAPSED, before.state_since)
        assert scene.events("guest.removed")[-1].reason == "human.removed_by_staff"
        assert folded(scene.session) == kept(scene.session)


class TestLetBack:
    def test_waits_with_nothing(self, scene: Scene, acme: Partner):
        """Pending on the same record, asked of the one who let them back, no old grants."""
        wiki = scene.offer(acme, default=True)
        jane = scene.guest(acme)
        scene.approve(jane, acme.sponsor, offers=[wiki])
        scene.later(days=1)
        end(scene, jane, acme.sponsor)
        scene.later(days=1)
        key = let_back(scene, jane, acme.sponsor)
        guest, row = scene.row(jane), scene.sponsorship(jane)
        assert (guest.state, guest.state_reason) == (State.PENDING, Reason.LET_BACK)
        assert (guest.tombstone, guest.lapses_at) == (False, scene.now + LAPSES_AFTER)
        assert (row.id, row.state, row.sponsor_id) == (key, Standing.REQUESTED, acme.sponsor)
        assert guest.expires_at == row.expires_at
        assert [(grant.offer_id, grant.state) for grant in scene.grants(jane)] == [(wiki, "ended")]
        assert scene.seats(acme) == (0, 1)
        assert not scene.access(jane).allowed
        assert scene.mail_kinds()[-2:] == ["guest.removed", "guest.let_back"]
        (mail,) = scene.mails("guest.let_back")
        assert mail.payload["lapses_at"] == guest.lapses_at.isoformat()
        names = scene.event_names(jane)[-2:]
        assert names == ["guest.tombstone_lifted", "sponsorship.requested"]
        assert scene.approve(jane, acme.sponsor) is None
        assert scene.access(jane).allowed
        assert folded(scene.session) == kept(scene.session)

    def test_under_a_contract_that_ends_first(self, scene: Scene):
        """They are told the day that counts: a request does not outlive its contract."""
        acme = scene.partner(last_day=(scene.now + timedelta(days=3)).date())
        jane = scene.active(acme)
        remove(scene, jane)
        let_back(scene, jane, acme.sponsor)
        (mail,) = scene.mails("guest.let_back")
        assert mail.payload["lapses_at"] == scene.ends_at(acme.contract_id).isoformat()

    def test_only_behind_a_tombstone(self, scene: Scene, acme: Partner):
        jane = scene.active(acme)
        with pytest.raises(Refused):
            let_back(scene, jane, acme.sponsor)

    def test_only_by_who_may(self, scene: Scene, acme: Partner):
        jane = scene.active(acme)
        remove(scene, jane)
        eve = scene.staff("eve")
        with pytest.raises(NotYours):
            let_back(scene, jane, eve)
        with pytest.raises(NotYours):
            let_back(scene, uuid7(), acme.sponsor)

    def test_only_with_a_contract_and_a_place(self, scene: Scene):
        acme = scene.partner(last_day=scene.day(60), most_guests=1)
        jane = scene.active(acme, days=50)
        remove(scene, jane)
        john = scene.guest(acme, "john")
        with pytest.raises(Refused, match="All 1 places are taken"):
            let_back(scene, jane, acme.sponsor)
        scene.later(days=14)  # nobody decided on John: his place is free, swept or not
        let_back(scene, jane, acme.sponsor)
        assert scene.row(john).state == State.REMOVED
        remove(scene, jane)
        scene.later(days=60)
        with pytest.raises(Refused, match="No contract is running"):
            let_back(scene, jane, acme.sponsor)
        assert folded(scene.session) == kept(scene.session)


def test_nobody_is_decided_on_who_is_not_there(scene: Scene):
    nobody = uuid7()
    for decide in (suspend, remove, resume):
        with pytest.raises(NotYours):
            decide(scene, nobody)
