"""A human's hold: who sets it, who lifts it, and what it outlives."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal.admission.changes import TurnedAway
from portal.guests.rules import REMOVED_AFTER, Reason, State
from portal.sponsorship.changes import deciding, people
from portal.sponsorship.changes.requesting import vouch
from portal.sponsorship.rules import Standing
from portal.trust.rules import Refused
from tests.replay import folded, kept
from tests.scene import Partner, Scene
from tests.sponsorship.decisions import end, let_back, note_of, remove, resume, suspend

DAY = timedelta(days=1)


@pytest.fixture
def acme(scene: Scene) -> Partner:
    return scene.partner()


class TestHold:
    def test_and_resume(self, scene: Scene, acme: Partner):
        """Access stops at once and comes back as it was; silence counts from the resumption."""
        wiki = scene.offer(acme)
        jane = scene.guest(acme)
        scene.approve(jane, acme.sponsor, offers=[wiki])
        before = scene.sponsorship(jane)
        scene.later(days=5)
        suspend(scene, jane)
        guest = scene.row(jane)
        assert (guest.state, guest.state_reason) == (State.SUSPENDED, Reason.SUSPENDED_BY_STAFF)
        assert (guest.hold, guest.state_since) == (True, scene.now)
        assert guest.removes_at == scene.now + REMOVED_AFTER
        assert guest.inactive_at is None
        assert not scene.access(jane).allowed
        assert scene.seats(acme) == (1, 0)
        scene.later(days=5)
        assert resume(scene, jane) == State.ACTIVE
        guest = scene.row(jane)
        assert (guest.state_reason, guest.state_since) == (Reason.RESUMED, scene.now)
        assert (guest.hold, guest.removes_at) == (False, None)
        assert guest.inactive_at == scene.now + 60 * DAY
        assert scene.access(jane).allowed
        assert scene.sponsorship(jane) == before
        assert [grant.state for grant in scene.grants(jane)] == ["active"]
        told = [kind for kind in scene.mail_kinds() if kind.startswith("guest.")]
        assert told[-2:] == ["guest.suspended", "guest.resumed"]
        until = scene.sponsorship(jane).expires_at.isoformat()
        assert scene.mails("guest.resumed")[0].payload["expires_at"] == until
        (event,) = scene.events("guest.suspended")
        assert event.reason == "human.suspended_by_staff"
        assert event.personal[f"guest:{jane}"] == {"state_note": "Lost laptop"}
        assert folded(scene.session) == kept(scene.session)

    def test_resuming_is_no_vouching(self, scene: Scene, acme: Partner):
        """What ran out under the hold stays out, for its own reason and since its own instant."""
        jane = scene.active(acme, days=10)
        expires_at = scene.row(jane).expires_at
        scene.later(days=5)
        suspend(scene, jane)
        held_at = scene.now
        scene.later(days=20)
        assert resume(scene, jane) == State.SUSPENDED
        guest = scene.row(jane)
        assert (guest.state_reason, guest.state_since) == (Reason.EXPIRED, expires_at)
        assert not guest.hold
        assert note_of(scene, jane) is None
        assert guest.removes_at == held_at + REMOVED_AFTER
        assert scene.mails("guest.resumed") == []
        assert folded(scene.session) == kept(scene.session)

    def test_who_stays_out_when_it_is_lifted_is_told(self, scene: Scene, acme: Partner):
        """They read that a mail would come; now another is to be asked, before they are removed."""
        jane = scene.active(acme, days=10)
        scene.later(days=5)
        suspend(scene, jane, by_admin=True)
        scene.later(days=20)
        assert resume(scene, jane, by_admin=True) == State.SUSPENDED
        guest = scene.row(jane)
        assert guest.removes_at is not None
        told = scene.mails("guest.suspended")[-1]
        (lost,) = scene.mails("sponsor.guest_suspended")
        assert lost.to == "sam-acme@host.example"
        for mail in (told, lost):
            assert (mail.payload["reason"], mail.payload["lifted"]) == ("expired", True)
            assert mail.payload["since"] == guest.state_since.isoformat()
            assert mail.payload["removes_at"] == guest.removes_at.isoformat()

    def test_whoever_lifts_it_knows(self, scene: Scene, acme: Partner):
        """The page says it to the sponsor who does; of two holds the first closed access."""
        jane = scene.active(acme, days=10)
        suspend(scene, jane)
        scene.later(days=5)
        suspend(scene, jane, "Under investigation", by_admin=True)
        scene.later(days=10)
        with scene.as_staff(acme.sponsor) as tx:
            assert people.resume(tx, jane, by_admin=True) == State.SUSPENDED
        assert scene.mails("guest.suspended")[-1].payload["lifted"]
        assert scene.mails("sponsor.guest_suspended") == []

    def test_over_a_suspension_by_time(self, scene: Scene, acme: Partner):
        """It adds a human's word and lengthens nothing."""
        jane = scene.active(acme, days=10)
        scene.later(days=20)
        scene.sweep()
        before = scene.row(jane)
        suspend(scene, jane)
        guest = scene.row(jane)
        assert (guest.hold, guest.state_reason) == (True, Reason.SUSPENDED_BY_STAFF)
        assert (guest.state_since, guest.removes_at) == (before.state_since, before.removes_at)
        # The mail speaks of the days that count.
        for mail in scene.mails("guest.suspended"):
            assert mail.payload["since"] == before.state_since.isoformat()
            assert mail.payload["removes_at"] == before.removes_at.isoformat()
        assert resume(scene, jane) == State.SUSPENDED
        assert scene.row(jane) == before
        assert len(scene.mails("sponsor.guest_suspended")) == 1  # they know since time did it
        scene.later(days=40)
        scene.sweep()
        assert not scene.row(jane).tombstone

    def test_an_admins_is_lifted_by_an_admin(self, scene: Scene, acme: Partner):
        """A sponsor's word does not lift it; a sponsor's own hold anybody lifts who may decide."""
        jane = scene.active(acme)
        suspend(scene, jane, "Under investigation", by_admin=True)
        assert scene.row(jane).state_reason == Reason.SUSPENDED_BY_ADMIN
        assert scene.mails("guest.suspended")[0].payload["reason"] == "suspended_by_admin"
        before = scene.event_names()
        with pytest.raises(Refused, match="ask an admin to lift it"):
            resume(scene, jane)
        assert (scene.row(jane).hold, scene.event_names()) == (True, before)
        assert resume(scene, jane, by_admin=True) == State.ACTIVE
        suspend(scene, jane)
        assert resume(scene, jane) == State.ACTIVE
        assert folded(scene.session) == kept(scene.session)

    def test_an_admin_holds_whom_a_sponsor_holds(self, scene: Scene, acme: Partner):
        """Whoever was first, the admin's word is the one that stays; it lengthens nothing."""
        jane = scene.active(acme)
        suspend(scene, jane)
        scene.later(days=5)
        before, mails = scene.row(jane), scene.mails("guest.suspended")
        suspend(scene, jane, "Under investigation", by_admin=True)
        assert scene.row(jane) == replace(before, state_reason=Reason.SUSPENDED_BY_ADMIN)
        assert note_of(scene, jane) == "Under investigation"
        assert scene.mails("guest.suspended") == mails
        with pytest.raises(Refused, match="ask an admin to lift it"):
            resume(scene, jane)
        for by_admin in (False, True):
            with pytest.raises(Refused, match="Somebody here has suspended them already"):
                suspend(scene, jane, by_admin=by_admin)
        assert resume(scene, jane, by_admin=True) == State.ACTIVE
        assert folded(scene.session) == kept(scene.session)

    def test_for_too_long(self, scene: Scene, acme: Partner):
        """After thirty days removed behind a tombstone; the sponsorship ended with it."""
        jane = scene.active(acme)
        scene.later(days=1)
        suspend(scene, jane)
        due = scene.now + REMOVED_AFTER
        scene.now = due - timedelta(microseconds=1)
        scene.sweep()
        assert scene.row(jane).state == State.SUSPENDED
        scene.now = due
        scene.sweep()
        guest, row = scene.row(jane), scene.sponsorship(jane)
        assert (guest.state, guest.tombstone) == (State.REMOVED, True)
        assert (guest.state_reason, guest.state_since) == (Reason.SUSPENDED_TOO_LONG, due)
        assert (row.state, row.state_reason) == (Standing.ENDED, Reason.SUSPENDED_TOO_LONG)
        assert folded(scene.session) == kept(scene.session)

    def test_not_twice_not_early_not_late(self, scene: Scene, acme: Partner):
        """Whoever waits, is held or gone cannot be held; only the held can be resumed."""
        jane = scene.guest(acme)
        for state in ("pending", "held", "removed"):
            if state == "held":
                scene.approve(jane, acme.sponsor)
                with pytest.raises(Refused):
                    resume(scene, jane)
                suspend(scene, jane)
            if state == "removed":
                remove(scene, jane)
                with pytest.raises(Refused):
                    resume(scene, jane)
            with pytest.raises(Refused) as refused:
                suspend(scene, jane)
            assert refused.value.field == "guest"

    def test_a_reason_is_demanded(self, scene: Scene, acme: Partner):
        jane = scene.active(acme)
        for reason in ("", "x" * 501):
            for decide in (suspend, remove):
                with pytest.raises(Refused) as refused:
                    decide(scene, jane, reason)
                assert refused.value.field == "reason"
        assert scene.access(jane).allowed


# How somebody goes whom an admin holds, and what the log says did it.
GOING = {
    "a sponsor ends it": "human.ended_by_sponsor",
    "a sponsor removes them": "human.removed_by_staff",
    "the hold lasts too long": "lifecycle.suspended_too_long",
    "the contract ends": "lifecycle.contract_ended",
    "the contract ends, unswept": "lifecycle.contract_ended",
}


ASK = "An admin has suspended this person: ask an admin to lift it"


def go(scene: Scene, acme: Partner, guest_id, how: str) -> None:
    if how == "a sponsor ends it":
        end(scene, guest_id, acme.sponsor)
    elif how == "a sponsor removes them":
        remove(scene, guest_id)
    else:
        scene.later(days=31 if how == "the hold lasts too long" else 20)
    if "unswept" not in how:
        scene.sweep()


class TestAnAdminsHoldOutlivesARemoval:
    @pytest.mark.parametrize("how", GOING)
    def test_a17_no_sponsor_gets_around_an_admins_hold(self, scene: Scene, how: str):
        """However they went, they come back by an admin's word and then a sponsor's."""
        acme = scene.partner(last_day=scene.day(15) if "contract" in how else scene.day(300))
        jane = scene.active(acme)
        scene.later(days=1)
        suspend(scene, jane, "Under investigation", by_admin=True)
        scene.later(days=1)
        go(scene, acme, jane, how)
        scene.contract(acme, "C-2", open_ended=True)
        expected = scene.access(jane).standing
        for _ in range(2):
            with pytest.raises(Refused) as refused:
                let_back(scene, jane, acme.sponsor)
            assert (refused.value.field, refused.value.message) == ("guest", ASK)
        with pytest.raises(Refused, match=ASK):
            resume(scene, jane)
        for again in (remove, suspend):
            with pytest.raises(Refused, match="The guest is removed already"):
                again(scene, jane)
        scene.sweep()
        guest = scene.row(jane)
        assert (guest.state, guest.tombstone, guest.hold) == (State.REMOVED, True, False)
        assert guest.state_reason == Reason.SUSPENDED_BY_ADMIN
        assert (expected.state, expected.reason) == (guest.state, guest.state_reason)
        assert (expected.since, expected.tombstone) == (guest.state_since, True)
        assert scene.events("guest.removed")[-1].reason == GOING[how]
        (mail,) = scene.mails("guest.removed")
        assert mail.payload["reason"] == GOING[how].partition(".")[2]
        assert isinstance(scene.knock(acme, scene.identity(acme)), TurnedAway)
        assert folded(scene.session) == kept(scene.session)

    def test_a17_who_knocks_is_told_with_whom_to_ask(self, scene: Scene, acme: Partner):
        """Nobody is asked to do what is refused; once an admin has lifted it, a sponsor is."""
        jane = scene.active(acme)
        suspend(scene, jane, by_admin=True)
        end(scene, jane, acme.sponsor)
        for _ in range(2):
            scene.later(minutes=1)
            scene.knock(acme, scene.identity(acme))
        assert [mail.payload["held"] for mail in scene.mails("sponsor.knocked")] == [True]
        resume(scene, jane, by_admin=True)
        for _ in range(2):
            scene.later(minutes=1)
            scene.knock(acme, scene.identity(acme))
        assert [mail.payload["held"] for mail in scene.mails("sponsor.knocked")] == [True, False]

    def test_lifted_they_stay_removed(self, scene: Scene, acme: Partner):
        """Only the hold goes: access takes a sponsor who lets them back, and then approves."""
        jane = scene.active(acme)
        suspend(scene, jane, "Under investigation", by_admin=True)
        remove(scene, jane)
        before, mails = scene.row(jane), scene.mail_kinds()
        assert resume(scene, jane, by_admin=True) == State.REMOVED
        assert scene.row(jane) == replace(before, state_reason=Reason.REMOVED_BY_STAFF)
        assert note_of(scene, jane) == "Left the company"
        assert scene.mail_kinds() == mails
        (event,) = scene.events("guest.resumed")
        assert event.reason == "lifecycle.resumed"
        assert event.data["sets"] == {f"guest:{jane}": {"state_reason": "removed_by_staff"}}
        for by_admin in (False, True):
            with pytest.raises(Refused, match="a sponsor has to let them back"):
                resume(scene, jane, by_admin=by_admin)
        let_back(scene, jane, acme.sponsor)
        assert not scene.access(jane).allowed
        assert scene.approve(jane, acme.sponsor) is None
        assert scene.access(jane).allowed
        assert folded(scene.session) == kept(scene.session)

    def test_a_second_sponsor_changes_nothing(self, scene: Scene):
        """While somebody else vouches the guest stays held; no new word gets around it."""
        ada, ben = scene.staff("ada"), scene.staff("ben")
        acme = scene.partner(sponsors=[ada, ben])
        jane = scene.active(acme)
        with scene.as_staff(ben) as tx:
            vouch(tx, jane, ben, scene.day(40), [])
        suspend(scene, jane, "Under investigation", by_admin=True)
        with scene.as_staff(ada) as tx:
            first = next(row for row in scene.sponsorships(jane) if row.sponsor_id == ada)
            assert deciding.end(tx, first.id, ada, "Over") is None
        assert (scene.row(jane).state, scene.row(jane).hold) == (State.SUSPENDED, True)
        with pytest.raises(Refused, match="This guest is held"), scene.as_staff(ada) as tx:
            vouch(tx, jane, ada, scene.day(40), [])
        with pytest.raises(Refused, match=ASK):
            let_back(scene, jane, ada)
        with scene.as_staff(ben) as tx:
            second = next(row for row in scene.sponsorships(jane) if row.sponsor_id == ben)
            assert deciding.end(tx, second.id, ben, "Over") is None
        with pytest.raises(Refused, match=ASK):
            let_back(scene, jane, ada)
        assert folded(scene.session) == kept(scene.session)

    def test_turned_down_while_held(self, scene: Scene):
        """Access given at once, held by an admin, then rejected by a sponsor: held all the same."""
        acme = scene.partner(approval="at-once")
        jane = scene.guest(acme)
        suspend(scene, jane, "Under investigation", by_admin=True)
        with scene.as_staff(acme.sponsor) as tx:
            request = scene.sponsorship(jane).id
            assert deciding.reject(tx, request, acme.sponsor, "Not known") is None
        assert scene.events("guest.removed")[-1].reason == "human.rejected"
        with pytest.raises(Refused, match=ASK):
            let_back(scene, jane, acme.sponsor)
        assert folded(scene.session) == kept(scene.session)

    def test_a_colleagues_hold_does_not(self, scene: Scene, acme: Partner):
        """What a sponsor may lift, a sponsor may let back."""
        jane = scene.active(acme)
        suspend(scene, jane)
        end(scene, jane, acme.sponsor)
        assert scene.row(jane).state_reason == Reason.ENDED_BY_SPONSOR
        let_back(scene, jane, acme.sponsor)
        assert scene.row(jane).state == State.PENDING
