"""A sponsor keeps, ends, vouches and chooses of their own accord."""

from datetime import timedelta

import pytest

from portal.guests.rules import Reason, State
from portal.sponsorship.changes import deciding, people
from portal.sponsorship.changes.deciding import Lost
from portal.sponsorship.changes.requesting import vouch
from portal.sponsorship.rules import Standing
from portal.trust.rules import Refused
from tests.replay import folded, kept
from tests.scene import Partner, Scene
from tests.sponsorship.granted import grant_states

DAY = timedelta(days=1)


class TestKeep:
    def test_in_time(self, scene: Scene, acme: Partner):
        """The next review counts from the answer, by the policy of today; the answerer vouches."""
        scene.policy(acme, inactivity_days=900)
        jane = scene.active(acme, days=300)
        scene.policy(acme, review_days=30, grace_days=5)
        scene.later(days=100)  # in grace
        key = scene.sponsorship(jane).id
        with scene.as_staff(acme.deputy) as tx:
            assert deciding.keep(tx, key, acme.deputy) is None
        row = scene.sponsorship(jane)
        assert row.sponsor_id == acme.deputy
        assert row.review_due_at == scene.now + 30 * DAY
        assert row.review_ask_at == scene.now + 16 * DAY
        assert row.review_ends_at == scene.now + 35 * DAY
        assert scene.event_names(jane)[-1] == "sponsorship.reviewed"
        assert folded(scene.session) == kept(scene.session)

    def test_after_the_grace_is_too_late(self, scene: Scene, acme: Partner):
        scene.policy(acme, inactivity_days=900)
        jane = scene.active(acme, days=300)
        scene.later(days=104, seconds=1)
        with scene.as_staff(acme.sponsor) as tx:
            lost = deciding.keep(tx, scene.sponsorship(jane).id, acme.sponsor)
        assert isinstance(lost, Lost)
        assert scene.row(jane).state_reason == Reason.REVIEW_MISSED
        # Who came across it has not done it; only the attempt is theirs.
        told = {one.event: one.actor for one in scene.events(guest_id=jane)[-3:]}
        assert told == {
            "sponsorship.ended": "system:time",
            "guest.suspended": "system:time",
            "sponsorship.decision_lost": f"staff:{acme.sponsor}",
        }
        (mail,) = scene.mails("guest.suspended")
        assert {mail.reference} == {one.reference for one in scene.events(guest_id=jane)[-3:]}


class TestEnd:
    def test_the_only_one(self, scene: Scene, acme: Partner):
        """Out at once behind a tombstone, told once."""
        wiki = scene.offer(acme)
        jane = scene.guest(acme)
        scene.approve(jane, acme.sponsor, offers=[wiki])
        scene.later(hours=1)
        with scene.as_staff(acme.deputy) as tx:
            key = scene.sponsorship(jane).id
            assert deciding.end(tx, key, acme.deputy, "Project over") is None
        row, guest = scene.sponsorship(jane), scene.row(jane)
        assert (row.state, row.state_reason) == (Standing.ENDED, Reason.ENDED_BY_SPONSOR)
        assert (row.state_since, row.decision_note) == (scene.now, "Project over")
        assert (guest.state, guest.tombstone) == (State.REMOVED, True)
        assert guest.session_epoch == 2
        assert guest.expires_at == row.expires_at
        assert scene.seats(acme) == (0, 0)
        (grant,) = scene.grants(jane)
        assert (grant.state, grant.state_reason) == ("ended", "ended_by_sponsor")
        assert grant.ended_at == scene.now
        assert len(scene.mails("guest.removed")) == 1
        assert folded(scene.session) == kept(scene.session)

    def test_one_of_two(self, scene: Scene, acme: Partner):
        """The other one carries the guest, until their day."""
        jane = scene.active(acme, days=90)
        ben = acme.sponsors[1]
        first = scene.sponsorship(jane)
        scene.later(hours=1)
        with scene.as_staff(ben) as tx:
            vouch(tx, jane, ben, scene.day(20), ())
        second = scene.sponsorship(jane)
        assert scene.row(jane).expires_at == first.expires_at
        with scene.as_staff(acme.sponsor) as tx:
            assert deciding.end(tx, first.id, acme.sponsor, "No longer mine") is None
        guest = scene.row(jane)
        assert guest.state == State.ACTIVE
        assert guest.expires_at == second.expires_at
        assert scene.mails("guest.removed") == []
        assert folded(scene.session) == kept(scene.session)


class TestVouch:
    def test_for_whom_time_suspended(self, scene: Scene, acme: Partner):
        """A new sponsorship; no old grant comes back."""
        wiki, files = scene.offer(acme), scene.offer(acme)
        jane = scene.guest(acme)
        scene.approve(jane, acme.sponsor, days=10, offers=[wiki])
        scene.later(days=20)
        scene.sweep()
        assert scene.row(jane).state == State.SUSPENDED
        with scene.as_staff(acme.deputy) as tx:
            vouch(tx, jane, acme.deputy, scene.day(30), [files])
        guest, row = scene.row(jane), scene.sponsorship(jane)
        assert (guest.state, guest.removes_at) == (State.ACTIVE, None)
        assert guest.expires_at == row.expires_at
        assert row.sponsor_id == row.decided_by == acme.deputy
        assert row.requested_at == row.decided_at == scene.now
        assert grant_states(scene, jane) == {
            wiki: ("ended", "expired"),
            files: ("active", "approved"),
        }
        assert scene.access(jane).allowed
        assert scene.seats(acme) == (1, 0)
        assert len(scene.mails("guest.approved")) == 2
        assert folded(scene.session) == kept(scene.session)

    @pytest.mark.parametrize("who", ["pending", "held", "same sponsor", "removed", "awaiting"])
    def test_not_for_everybody(self, scene: Scene, who: str):
        """Whoever waits is decided on, whoever is held is resumed first."""
        ada, ben = scene.staff("ada"), scene.staff("ben")
        approval = "at-once" if who == "awaiting" else "first"
        acme = scene.partner(sponsors=(ada, ben), lead=ada, approval=approval)
        jane = scene.guest(acme)
        if who not in ("pending", "awaiting"):
            scene.approve(jane, ada)
        with scene.tx() as tx:
            if who == "held":
                people.suspend(tx, jane, "Lost laptop")
            if who == "removed":
                people.remove(tx, jane, "Left")
        staff = ada if who == "same sponsor" else ben
        before = kept(scene.session)
        with pytest.raises(Refused) as refused, scene.as_staff(staff) as tx:
            vouch(tx, jane, staff, scene.day(30), ())
        assert refused.value.field == "guest"
        assert kept(scene.session) == before

    @pytest.mark.parametrize("swept", [True, False])
    def test_under_the_contract_that_follows(self, scene: Scene, *, swept: bool):
        """A contract is replaced: whoever vouches goes on under the new one, before the old ends.

        Else everybody would be removed with it, however soon it was known.
        """
        acme = scene.partner(last_day=scene.day(30), inactivity_days=400)
        jane, john = scene.active(acme, "jane", days=30), scene.active(acme, "john", days=30)
        sam = acme.sponsor
        with pytest.raises(Refused, match="to extend already"), scene.as_staff(sam) as tx:
            vouch(tx, jane, sam, scene.day(30), ())
        second = scene.contract(acme, "C-2", last_day=scene.day(300))
        with scene.as_staff(sam) as tx:
            vouch(tx, jane, sam, scene.day(200), ())
        with pytest.raises(Refused, match="to extend already"), scene.as_staff(sam) as tx:
            vouch(tx, jane, sam, scene.day(210), ())
        assert scene.sponsorship(jane).contract_id == second
        scene.later(days=40)
        if swept:
            scene.sweep()
        assert scene.access(jane).allowed
        assert scene.access(jane).until == scene.sponsorship(jane).review_ends_at
        assert not scene.access(john).allowed
        scene.sweep()
        assert (scene.row(jane).state, scene.row(john).state) == (State.ACTIVE, State.REMOVED)
        assert [one.state for one in scene.sponsorships(jane)] == [Standing.ACTIVE, Standing.ENDED]
        assert folded(scene.session) == kept(scene.session)

    def test_not_without_a_contract(self, scene: Scene):
        acme = scene.partner(last_day=scene.day(30), inactivity_days=5)
        jane = scene.active(acme, days=20)
        scene.later(days=31)
        with pytest.raises(Refused) as refused, scene.as_staff(acme.sponsor) as tx:
            vouch(tx, jane, acme.sponsor, scene.day(30), ())
        assert refused.value.field == "last_day"


class TestChoose:
    def test_take_up_and_turn_down(self, scene: Scene, acme: Partner):
        """What a claim newly proposes is given or turned down; a no is not asked again."""
        finance = scene.offer(acme, when=("department", "Finance"))
        wiki = scene.offer(acme, when=("department", "IT"))
        jane = scene.active(acme)
        both = scene.identity(acme, claims={"department": ["Finance", "IT"]})
        scene.sign_in(acme, both)
        assert grant_states(scene, jane) == {
            finance: ("proposed", "by_claim"),
            wiki: ("proposed", "by_claim"),
        }
        assert not scene.mails("guest.approved")[1:]
        (mail,) = scene.mails("sponsor.proposal")
        assert mail.to == "ada@host.example"
        with scene.as_staff(acme.sponsor) as tx:
            key = scene.sponsorship(jane).id
            assert deciding.choose(tx, key, acme.sponsor, [finance]) is None
        scene.later(days=1)
        scene.sign_in(acme, both)
        assert grant_states(scene, jane) == {
            finance: ("active", "approved"),
            wiki: ("ended", "not_chosen"),
        }
        assert len(scene.mails("sponsor.proposal")) == 1
        scene.sign_in(acme, scene.identity(acme, claims={}))
        assert grant_states(scene, jane)[finance] == ("ended", "claim_gone")
        scene.sign_in(acme, both)
        states = [(grant.offer_id, grant.state) for grant in scene.grants(jane)]
        assert sorted(state for offer, state in states if offer == finance) == ["ended", "proposed"]
        assert folded(scene.session) == kept(scene.session)

    def test_not_while_a_decision_waits(self, scene: Scene, acme: Partner):
        jane = scene.guest(acme)
        with scene.as_staff(acme.sponsor) as tx:
            key = scene.sponsorship(jane).id
            assert isinstance(deciding.choose(tx, key, acme.sponsor, ()), Lost)
