"""Trust changes: what that does to people, settled first, on both databases."""

from datetime import timedelta
from uuid import uuid4

import pytest

from portal.guests.rules import Reason, State
from portal.lifecycle import changes
from portal.sponsorship.changes.requesting import vouch
from portal.sponsorship.changes.settling import settle
from portal.sponsorship.queries import grants_under, open_of, open_rows
from portal.staff.changes import remove as let_go
from portal.trust.queries import contract_facts
from portal.trust.rules import Refused
from tests.factories import HOUSE
from tests.replay import folded, kept
from tests.scene import Scene

DAY = timedelta(days=1)


@pytest.fixture
def scene(database) -> Scene:
    scene = Scene()
    scene.staff("root", role="admin")
    return scene


def move_contract(scene: Scene, contract_id, last_day) -> None:
    with scene.tx() as tx:
        changes.change_contract(tx, contract_id, last_day=last_day, open_ended=last_day is None)


class TestContract:
    def test_ended_by_time(self, scene: Scene):
        """Whoever it alone carried is out at its first instant; sponsors and admins told once."""
        dee = scene.staff("dee")
        acme = scene.partner(last_day=scene.day(10), deputy=dee)
        jane, john = scene.active(acme, "jane"), scene.guest(acme, "john")
        scene.now = scene.ends_at(acme.contract_id) - timedelta(microseconds=1)
        assert scene.access(jane).allowed
        scene.later(microseconds=1)
        assert not scene.access(jane).allowed
        for _ in range(2):
            scene.sweep()
        for guest_id in (jane, john):
            guest = scene.row(guest_id)
            assert (guest.state, guest.state_reason) == (State.REMOVED, Reason.CONTRACT_ENDED)
            assert (guest.state_since, guest.tombstone) == (scene.now, False)
        told = {mail.to: mail for mail in scene.mails() if mail.kind.endswith("contract_ended")}
        assert {to: mail.kind for to, mail in told.items()} == {
            "sam-acme@host.example": "sponsor.contract_ended",
            "dee@host.example": "sponsor.contract_ended",
            "root@host.example": "admin.contract_ended",
        }
        said = {"organisation": "Acme", "contract": "C-1", "count": 2, "out": 2, "runs": False}
        assert [mail.payload for mail in told.values()] == [said] * 3
        (event,) = scene.events("contract.ended")
        assert event.data["guests"] == 2
        assert scene.seats(acme) == (0, 0)
        assert folded(scene.session) == kept(scene.session)

    def test_its_end_is_told_to_nobody_who_has_left(self, scene: Scene):
        """A sponsor who left the host is named still, and hears no more of it."""
        ada, ben = scene.staff("ada"), scene.staff("ben")
        acme = scene.partner(last_day=scene.day(10), sponsors=(ada, ben))
        with scene.tx() as tx:
            let_go(tx, ada)
            changes.hand_over_all(tx, ada)
        scene.now = scene.ends_at(acme.contract_id)
        scene.sweep()
        assert [mail.to for mail in scene.mails("sponsor.contract_ended")] == ["ben@host.example"]

    def test_an_admin_who_may_decide_there_no_longer_is_told_as_one(self, scene: Scene):
        """Named still, with an address in a domain of theirs: what an admin hears, they hear."""
        ada = scene.staff("ada", email="ada@both.example")
        assert scene.staff("ada", email="ada@both.example", role="admin") == ada
        acme = scene.partner(last_day=scene.day(10), sponsors=(ada,))
        with scene.tx() as tx:
            names = ["acme.example", "both.example"]
            changes.set_domains(tx, acme.id, names, vouched_by="Ada", house=HOUSE)
        scene.now = scene.ends_at(acme.contract_id)
        scene.sweep()
        assert scene.mails("sponsor.contract_ended") == []
        told = {mail.to for mail in scene.mails("admin.contract_ended")}
        assert told == {"ada@both.example", "root@host.example"}

    def test_another_contract_carries_on(self, scene: Scene):
        """Who is vouched for under another contract too stays in until that ends."""
        ada, ben = scene.staff("ada"), scene.staff("ben")
        acme = scene.partner(last_day=scene.day(10), sponsors=(ada, ben), lead=ada)
        jane, john = scene.active(acme, "jane"), scene.active(acme, "john")
        scene.contract(acme, "C-2", last_day=scene.day(40))
        with scene.as_staff(ben) as tx:
            vouch(tx, jane, ben, scene.day(30), ())
        scene.now = scene.ends_at(acme.contract_id) + DAY
        assert scene.access(jane).allowed
        assert not scene.access(john).allowed
        scene.sweep()
        assert [scene.row(one).state for one in (jane, john)] == [State.ACTIVE, State.REMOVED]
        assert scene.events("contract.ended")[0].data["guests"] == 2
        for kind in ("sponsor.contract_ended", "admin.contract_ended"):
            payload = scene.mails(kind)[0].payload
            assert (payload["count"], payload["out"], payload["runs"]) == (2, 1, True)
        states = {row.sponsor_id: row.state_reason for row in scene.sponsorships(jane)}
        assert states == {ada: Reason.CONTRACT_ENDED, ben: Reason.APPROVED}
        assert folded(scene.session) == kept(scene.session)

    def test_of_two_that_end_together_neither_carries_on(self, scene: Scene):
        """The mail about the first does not say that the second runs, or carries anybody."""
        ada, ben = scene.staff("ada"), scene.staff("ben")
        acme = scene.partner(sponsors=(ada, ben), lead=ada)
        jane = scene.active(acme)
        scene.contract(acme, "C-2", last_day=scene.day(40))
        with scene.tx() as tx:  # now the second is the one that ends last
            changes.change_contract(tx, acme.contract_id, last_day=scene.day(20), open_ended=False)
        with scene.as_staff(ben) as tx:
            vouch(tx, jane, ben, scene.day(30), ())
        with scene.tx() as tx:
            assert changes.end_organisation(tx, acme.id, None) == (2, 0)
        told = [mail.payload for mail in scene.mails("admin.contract_ended")]
        assert [(one["count"], one["out"], one["runs"]) for one in told] == [(1, 1, False)] * 2
        assert folded(scene.session) == kept(scene.session)

    @pytest.mark.parametrize("swept", [True, False])
    def test_prolonged_too_late(self, scene: Scene, swept: bool):
        """What its old end did stays done, swept or not; its next end is told anew."""
        acme = scene.partner(last_day=scene.day(10))
        jane = scene.active(acme, "jane")
        old_end = scene.ends_at(acme.contract_id)
        scene.now = old_end + 3 * DAY
        if swept:
            scene.sweep()
        move_contract(scene, acme.contract_id, scene.day(20))
        guest = scene.row(jane)
        assert (guest.state, guest.state_since) == (State.REMOVED, old_end)
        assert len(scene.events("contract.ended")) == 1
        again = scene.guest(acme, "jane")
        assert again == jane
        assert scene.approve(jane, acme.sponsor, days=15) is None
        scene.active(acme, "john", days=15)
        scene.now = scene.ends_at(acme.contract_id)
        scene.policy(acme, inactivity_days=900)
        scene.sweep()
        ended = [event.data["guests"] for event in scene.events("contract.ended")]
        assert ended == [1, 0]  # their last days came before the contract's
        assert len(scene.mails("admin.contract_ended")) == 2
        assert folded(scene.session) == kept(scene.session)

    def test_prolonged_in_time(self, scene: Scene):
        """Access goes on to the sponsorship's own last day."""
        acme = scene.partner(last_day=scene.day(10))
        jane = scene.active(acme, days=10)
        move_contract(scene, acme.contract_id, None)
        assert scene.ends_at(acme.contract_id) is None
        end = scene.row(jane).expires_at
        scene.now = end
        scene.sweep()
        assert scene.row(jane).state_reason == Reason.EXPIRED
        assert scene.events("contract.ended") == []

    @pytest.mark.parametrize("swept", [True, False])
    def test_moved_into_the_past(self, scene: Scene, swept: bool):
        """What time did before the change stays done: it was not the contract's end that did it."""
        acme = scene.partner(inactivity_days=40)
        jane, john = scene.active(acme, "jane", days=10), scene.active(acme, "john", days=300)
        scene.later(days=20)
        if swept:
            scene.sweep()
        move_contract(scene, acme.contract_id, scene.day(-15))
        end = scene.ends_at(acme.contract_id)
        assert end == scene.now  # no decision of the last fortnight is undone in hindsight
        assert (scene.row(jane).state, scene.row(jane).state_reason) == (
            State.SUSPENDED,
            Reason.EXPIRED,
        )
        assert (scene.row(john).state, scene.row(john).state_since) == (State.REMOVED, end)
        assert scene.events("contract.ended")[0].data["guests"] == 1
        scene.later(days=1)
        move_contract(scene, acme.contract_id, scene.day(-20))  # corrected: nothing happens
        assert len(scene.events("contract.ended")) == 1
        assert scene.ends_at(acme.contract_id) < end
        assert folded(scene.session) == kept(scene.session)

    def test_who_came_in_while_it_ended(self, scene: Scene):
        """A sponsorship under a contract whose end is told already is swept all the same."""
        acme = scene.partner(last_day=scene.day(10))
        end = scene.ends_at(acme.contract_id)
        scene.now = end
        scene.sweep()
        scene.now = end - timedelta(seconds=1)  # another server's transaction, a moment behind
        jane = scene.guest(acme)
        scene.now = end + timedelta(seconds=1)
        scene.sweep()
        assert scene.row(jane).state_reason == Reason.CONTRACT_ENDED
        assert len(scene.events("contract.ended")) == 1

    def test_out_of_order(self, scene: Scene):
        acme = scene.partner(last_day=scene.day(10))
        with pytest.raises(Refused):
            move_contract(scene, acme.contract_id, scene.day(-4000))


class TestOrganisation:
    def test_ended_now(self, scene: Scene):
        """Every contract ends at once; whoever is in is out; swept people stay what they were."""
        acme = scene.partner(last_day=scene.day(300))
        scene.contract(acme, "C-2", open_ended=True)
        future = scene.contract(acme, "C-3", first_day=scene.day(30), last_day=scene.day(60))
        jane, john = scene.active(acme, "jane"), scene.active(acme, "john", days=5)
        scene.later(days=10)
        with scene.as_staff(acme.sponsor) as tx:
            assert changes.end_organisation(tx, acme.id, None) == (3, 0)
        # What is decided is whoever's decides; what time had done by then is nobody's.
        whose = {one: scene.events(guest_id=one)[-1].actor for one in (jane, john)}
        assert whose == {jane: f"staff:{acme.sponsor}", john: "system:time"}
        assert scene.events("contract.ended")[0].actor == whose[jane]
        assert scene.ends_at(future) == scene.now
        assert (scene.row(jane).state, scene.row(jane).state_since) == (State.REMOVED, scene.now)
        assert scene.row(john).state_reason == Reason.EXPIRED
        assert not scene.access(jane).allowed
        assert len(scene.events("contract.ended")) == 3
        with scene.tx() as tx:
            assert changes.end_organisation(tx, acme.id, None) == (0, 0)
        assert folded(scene.session) == kept(scene.session)

    @pytest.mark.parametrize("begun", [True, False], ids=["running", "begins later"])
    def test_ended_in_the_course_of_a_day_that_is_said_again(self, scene: Scene, *, begun: bool):
        """The form about the contract, sent as it came, lets nobody in until midnight."""
        acme = scene.partner(last_day=scene.day(300))
        later = scene.contract(acme, "C-2", first_day=scene.day(1), last_day=scene.day(9))
        contract_id = acme.contract_id if begun else later
        scene.active(acme)
        with scene.tx() as tx:
            changes.end_organisation(tx, acme.id, None)
            standing = contract_facts(tx.session, contract_id)
        assert (standing.ends_at, standing.last_day) == (scene.now, scene.day(0 if begun else 1))
        scene.later(hours=1)
        before, told = kept(scene.session), scene.mail_kinds()
        move_contract(scene, contract_id, standing.last_day)
        assert (kept(scene.session), scene.mail_kinds()) == (before, told)
        move_contract(scene, contract_id, scene.day(20))  # another day is another decision
        with scene.tx() as tx:
            assert contract_facts(tx.session, contract_id).ends_at != standing.ends_at
        with pytest.raises(Refused), scene.tx() as tx:
            changes.change_contract(tx, contract_id, last_day=scene.day(20), open_ended=True)
        assert folded(scene.session) == kept(scene.session)

    def test_ended_again_on_the_same_day(self, scene: Scene):
        """The first end was a mistake and was taken back: the second one is told as well."""
        acme = scene.partner(last_day=scene.day(300))
        for subject, told in (("jane", 1), ("john", 2)):
            scene.active(acme, subject)
            scene.later(hours=1)
            with scene.tx() as tx:
                changes.end_organisation(tx, acme.id, None)
            for kind in ("sponsor.contract_ended", "admin.contract_ended"):
                mails = scene.mails(kind)
                assert [mail.payload["count"] for mail in mails] == [1] * told
            move_contract(scene, acme.contract_id, scene.day(300))

    def test_ended_after_a_day(self, scene: Scene):
        """Only what would run longer is cut; access goes on until then."""
        acme = scene.partner(last_day=scene.day(20))
        scene.contract(acme, "C-2", open_ended=True)
        jane = scene.active(acme)
        with scene.tx() as tx:
            assert changes.end_organisation(tx, acme.id, scene.day(40)) == (0, 1)
        assert scene.access(jane).until is not None
        with scene.tx() as tx:
            assert changes.end_organisation(tx, acme.id, scene.day(15)) == (0, 2)
        end = scene.ends_at(acme.contract_id)
        assert scene.access(jane).until == end
        scene.now = end
        assert not scene.access(jane).allowed
        scene.sweep()
        assert scene.row(jane).state == State.REMOVED

    def test_ended_after_a_day_that_has_passed(self, scene: Scene):
        """Now, not in hindsight; what begins after the day never runs."""
        acme = scene.partner(last_day=scene.day(300))
        future = scene.contract(acme, "C-2", first_day=scene.day(30), last_day=scene.day(60))
        jane = scene.active(acme)
        scene.later(days=10)
        with scene.tx() as tx:
            assert changes.end_organisation(tx, acme.id, scene.day(20)) == (0, 2)
            assert changes.end_organisation(tx, acme.id, scene.day(20)) == (0, 0)
        assert not contract_facts(scene.session, future).runs(scene.now + 21 * DAY)
        with scene.tx() as tx:
            assert changes.end_organisation(tx, acme.id, scene.day(-5)) == (2, 0)
        assert scene.ends_at(acme.contract_id) == scene.ends_at(future) == scene.now
        assert (scene.row(jane).state, scene.row(jane).state_since) == (State.REMOVED, scene.now)
        assert folded(scene.session) == kept(scene.session)

    def test_suspended_and_resumed(self, scene: Scene):
        """One event each, no guest rewritten; access stops and comes back at once."""
        acme = scene.partner()
        guests = [scene.active(acme, f"p{number}") for number in range(3)]
        before = kept(scene.session)["guest"]
        count = len(scene.events())
        with scene.tx() as tx:
            changes.suspend_organisation(tx, acme.id, "Unpaid")
        assert not any(scene.access(one).allowed for one in guests)
        with scene.tx() as tx:
            changes.resume_organisation(tx, acme.id)
        assert all(scene.access(one).allowed for one in guests)
        assert kept(scene.session)["guest"] == before
        assert [event.event for event in scene.events()[count:]] == [
            "organisation.suspended",
            "organisation.resumed",
        ]
        assert folded(scene.session) == kept(scene.session)

    def test_time_goes_on_while_it_is_suspended(self, scene: Scene):
        """Resuming brings nobody back whose time ran out meanwhile."""
        acme = scene.partner()
        jane = scene.active(acme, days=10)
        with scene.tx() as tx:
            changes.suspend_organisation(tx, acme.id, "Unpaid")
        scene.later(days=15)
        with scene.tx() as tx:
            changes.resume_organisation(tx, acme.id)
        assert scene.row(jane).state_reason == Reason.EXPIRED
        assert not scene.access(jane).allowed


class TestOffer:
    @pytest.mark.parametrize("swept", [True, False])
    def test_withdrawn(self, scene: Scene, swept: bool):
        """What was given by it ends, proposals too; what time had ended keeps its own reason."""
        acme = scene.partner()
        wiki, files = scene.offer(acme, default=True), scene.offer(acme)
        jane, john, kim = (scene.guest(acme, one) for one in ("jane", "john", "kim"))
        scene.approve(jane, acme.sponsor, offers=[wiki, files])
        scene.approve(john, acme.sponsor, days=5, offers=[wiki])
        expired = scene.row(john).expires_at
        scene.later(days=10)
        if swept:
            scene.sweep()
        with scene.tx() as tx:
            assert changes.withdraw_offer(tx, wiki) == 2
        ends = {
            one: [(g.offer_id, g.state_reason, g.ended_at) for g in scene.grants(one) if g.ended_at]
            for one in (jane, john, kim)
        }
        assert ends == {
            jane: [(wiki, "offer_withdrawn", scene.now)],
            john: [(wiki, "expired", expired)],
            kim: [(wiki, "offer_withdrawn", scene.now)],
        }
        with pytest.raises(Refused), scene.tx() as tx:
            changes.withdraw_offer(tx, wiki)
        assert folded(scene.session) == kept(scene.session)


class TestVeryManyPeople:
    @pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
    def test_more_than_a_statement_has_parameters_for(self, scene: Scene):
        """What an admin decides about an organisation's people does not fail on their number."""
        ids = [uuid4() for _ in range(66_000)]
        with scene.tx() as tx:
            assert settle(tx, ids) == {}
            assert open_of(tx.session, ids) == {}
            assert open_rows(tx.session, ids) == []
            assert grants_under(tx.session, ids) == []

    @pytest.mark.parametrize("most", [1, 2, 5, 9])
    def test_in_parts_everybody_is_reached(
        self, scene: Scene, most: int, monkeypatch: pytest.MonkeyPatch
    ):
        """An offer is withdrawn from all, and all are suspended when their only sponsor leaves."""
        monkeypatch.setattr("portal.foundation.db.MOST_AT_ONCE", most)
        acme = scene.partner()
        wiki, files = scene.offer(acme), scene.offer(acme)
        guests = [scene.guest(acme, f"p{number}") for number in range(5)]
        for guest_id in guests:
            scene.approve(guest_id, acme.sponsor, offers=[wiki, files])
        with scene.tx() as tx:
            assert changes.withdraw_offer(tx, wiki) == 5
        with scene.tx() as tx:
            let_go(tx, acme.sponsor)
            assert changes.hand_over_all(tx, acme.sponsor) == (0, 5)
        assert {scene.row(guest_id).state_reason for guest_id in guests} == {Reason.SPONSOR_LEFT}
        assert {one.state for guest_id in guests for one in scene.grants(guest_id)} == {"ended"}
        assert folded(scene.session) == kept(scene.session)
