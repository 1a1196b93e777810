"""A sponsor leaves, or is named no longer: whom they vouched for goes on, or stays outside."""

from datetime import timedelta

import pytest

from portal.guests.rules import REMOVED_AFTER, Reason, State
from portal.lifecycle import changes
from portal.sponsorship.changes import people
from portal.sponsorship.changes.requesting import vouch
from portal.sponsorship.changes.telling import MOST_LISTED
from portal.sponsorship.rules import Standing
from portal.staff.changes import remove as let_go
from portal.trust import changes as trust
from portal.trust.queries import organisations_decided_by, sponsors
from portal.trust.rules import Refused
from tests import factories
from tests.replay import folded, kept
from tests.scene import Partner, Scene

DAY = timedelta(days=1)


@pytest.fixture
def scene(database) -> Scene:
    scene = Scene()
    scene.staff("root", role="admin")
    return scene


def leave(scene: Scene, staff_id) -> tuple[int, int]:
    """An employee leaves the host."""
    with scene.tx() as tx:
        let_go(tx, staff_id)
        return changes.hand_over_all(tx, staff_id)


class TestSponsorLeaves:
    def test_who_comes_back_decides_for_nobody_until_they_are_named(self, scene: Scene):
        """A role is no word of an admin for these organisations; the deputy's place is free."""
        with scene.tx() as tx:
            ada = factories.staff(tx, "ada@host.example", subject="a1")
        ben = scene.staff("ben")
        acme = scene.partner(sponsors=(ada,), deputy=ben)
        zeta = scene.partner("zeta", sponsors=(ada, ben))
        jane = scene.active(acme)
        with scene.tx() as tx:
            assert changes.let_go(tx, ada) == (1, 0)
        assert scene.sponsorship(jane).sponsor_id == ben
        with scene.tx() as tx:
            back = factories.staff(tx, "ada@host.example", subject="a1")
        assert back == ada
        for partner in (acme, zeta):
            assert [one.staff_id for one in sponsors(scene.session, partner.id)] == [ben]
        assert organisations_decided_by(scene.session, ada) == []
        gone = scene.events("sponsor.unnamed")
        assert {event.organisation_id for event in gone} == {acme.id, zeta.id}
        assert folded(scene.session) == kept(scene.session)

    def test_to_the_deputy(self, scene: Scene):
        """Requests and guests go to the deputy at once; nothing else changes."""
        ada, ben, dee = (scene.staff(name) for name in ("ada", "ben", "dee"))
        acme = scene.partner(sponsors=(ada, ben), lead=ada, deputy=dee)
        jane, john = scene.active(acme, "jane"), scene.guest(acme, "john")
        before = [scene.row(one) for one in (jane, john)]
        assert leave(scene, ada) == (2, 0)
        assert {scene.sponsorship(one).sponsor_id for one in (jane, john)} == {dee}
        assert [scene.row(one) for one in (jane, john)] == before
        told = [(mail.to, mail.payload["by"]) for mail in scene.mails("sponsor.handed_over")]
        assert told == [("dee@host.example", "")] * 2
        assert folded(scene.session) == kept(scene.session)

    def test_many_are_one_mail_to_each_heir(self, scene: Scene):
        """What waits and who is in, each with a page: the soonest first, however many there are."""
        ada, ben, dee = (scene.staff(name) for name in ("ada", "ben", "dee"))
        acme = scene.partner(sponsors=(ada, ben), lead=ada, deputy=dee, most_new_per_hour=100)
        zeta = scene.partner("zeta", sponsors=(ada, ben), lead=ada)
        for number in range(MOST_LISTED + 2):
            scene.active(acme, f"g{number}", days=60 - number)
        for number in range(2):
            scene.guest(acme, f"r{number}")
        scene.active(zeta, "lone")
        assert leave(scene, ada) == (MOST_LISTED + 5, 0)
        told = {
            kind: [(mail.to, mail.payload) for mail in scene.mails(f"sponsor.handed_over{kind}")]
            for kind in ("", "_guests", "_requests")
        }
        ((heir, alone),) = told[""]
        assert (heir, alone["organisation"]) == ("ben@host.example", "Zeta")
        ((heir, guests),) = told["_guests"]
        assert (heir, guests["count"]) == ("dee@host.example", MOST_LISTED + 2)
        assert len(guests["guests"]) == MOST_LISTED
        soonest = scene.find(acme, "g21")
        assert soonest is not None
        assert guests["guests"][0] == [soonest.name, "Acme"]
        assert guests["ends_at"] == soonest.expires_at.isoformat()
        ((heir, requests),) = told["_requests"]
        assert (heir, requests["count"]) == ("dee@host.example", 2)
        assert requests["ends_at"] == (scene.now + 14 * DAY).isoformat()

    @pytest.mark.parametrize("more", [True, False])
    def test_a_guest_of_two_words_is_one_guest(self, scene: Scene, *, more: bool):
        """Under a contract and the one that follows: the heir is told of a person, once."""
        ada, ben = scene.staff("ada"), scene.staff("ben")
        acme = scene.partner(sponsors=(ada, ben), lead=ada, last_day=scene.day(60))
        jane = scene.active(acme, "jane", days=30)
        scene.contract(acme, "C-2", last_day=scene.day(300))
        with scene.as_staff(ada) as tx:
            vouch(tx, jane, ada, scene.day(200), ())
        if more:
            scene.active(acme, "john", days=50)
        assert leave(scene, ada)[1] == 0
        told = [mail for mail in scene.mails() if mail.kind.startswith("sponsor.handed_over")]
        ((kind, said),) = [(mail.kind, mail.payload) for mail in told]
        if more:
            john = scene.find(acme, "john")
            assert john is not None
            assert (kind, said["count"]) == ("sponsor.handed_over_guests", 2)
            assert [name for name, _ in said["guests"]] == [john.name, scene.row(jane).name]
            assert said["ends_at"] == john.expires_at.isoformat()
        else:
            assert kind == "sponsor.handed_over"
            assert said["sponsorship_id"] == str(scene.sponsorship(jane).id)
            assert said["ends_at"] == scene.sponsorship(jane).expires_at.isoformat()
        assert folded(scene.session) == kept(scene.session)

    def test_two_who_leave_at_once_are_two_mails(self, scene: Scene):
        """In one transaction, at one instant: none of them is taken for the other."""
        ada, ben, dee = (scene.staff(name) for name in ("ada", "ben", "dee"))
        acme = scene.partner(sponsors=(ada, ben), lead=ada)
        for subject in ("jane", "john", "kim", "lee"):
            by = ada if subject.startswith("j") else ben
            scene.approve(scene.guest(acme, subject), by)
        with scene.tx() as tx:
            changes.name_sponsors(tx, acme.id, sponsors=[dee])
        told = [
            (mail.to, mail.payload["count"]) for mail in scene.mails() if "count" in mail.payload
        ]
        assert told == [("dee@host.example", 2)] * 2

    def test_to_the_one_with_the_fewest_requests(self, scene: Scene):
        """Requests that have lapsed count for nothing, swept or not."""
        ada, ben, eve = (scene.staff(name) for name in ("ada", "ben", "eve"))
        acme = scene.partner(sponsors=(ada, ben, eve), lead=ben)
        for number in range(2):
            scene.guest(acme, f"old{number}")  # asked of Ben, and lapsed
        scene.later(days=20)
        with scene.tx() as tx:
            named = (ada, ben, eve)
            trust.name_sponsors(tx, acme.id, sponsors=named, deputy=None, lead=eve)
        scene.guest(acme, "new")  # asked of Eve
        with scene.tx() as tx:
            trust.name_sponsors(tx, acme.id, sponsors=named, deputy=None, lead=ada)
        jane = scene.active(acme, "jane")
        assert leave(scene, ada) == (1, 0)
        assert scene.sponsorship(jane).sponsor_id == ben

    def test_nobody_is_left(self, scene: Scene):
        """Suspended until somebody vouches; who only waited is gone; both are told."""
        acme = scene.partner(last_day=scene.day(200))
        jane, john, kim = scene.active(acme, "jane"), scene.guest(acme, "john"), None
        kim = scene.active(acme, "kim")
        with scene.tx() as tx:
            people.suspend(tx, kim, "Lost laptop")
        assert leave(scene, acme.sponsor) == (0, 3)
        rows = {one: scene.row(one) for one in (jane, john, kim)}
        assert [(row.state, row.state_reason) for row in rows.values()] == [
            (State.SUSPENDED, Reason.SPONSOR_LEFT),
            (State.REMOVED, Reason.SPONSOR_LEFT),
            (State.SUSPENDED, Reason.SUSPENDED_BY_STAFF),
        ]
        assert not rows[john].tombstone
        assert rows[jane].removes_at == scene.now + 30 * DAY
        assert {scene.sponsorship(one).state for one in rows} == {Standing.ENDED}
        told = scene.mails("guest.suspended")[-1]
        assert told.to == "jane@acme.example"
        assert told.payload["removes_at"] == (scene.now + REMOVED_AFTER).isoformat()
        assert [mail.to for mail in scene.mails("guest.removed")] == ["john@acme.example"]
        assert scene.seats(acme) == (2, 0)
        ben = scene.staff("ben")
        with scene.tx() as tx:
            changes.name_sponsors(tx, acme.id, sponsors=[ben])
        with scene.as_staff(ben) as tx:
            vouch(tx, jane, ben, scene.day(30), ())
        assert scene.access(jane).allowed
        assert folded(scene.session) == kept(scene.session)

    def test_settled_first(self, scene: Scene):
        """Whose time had run out is not handed over."""
        ada, dee = scene.staff("ada"), scene.staff("dee")
        acme = scene.partner(sponsors=(ada,), deputy=dee)
        jane = scene.active(acme, days=5)
        scene.later(days=10)
        assert leave(scene, ada) == (0, 0)
        row = scene.sponsorship(jane)
        assert (row.sponsor_id, row.state_reason) == (ada, Reason.EXPIRED)

    def test_another_sponsor_still_vouches(self, scene: Scene):
        """Only the leaver's sponsorship ends; the guest's end is the other's."""
        ada, ben = scene.staff("ada"), scene.staff("ben")
        acme = scene.partner(sponsors=(ada, ben), lead=ada)
        jane = scene.active(acme, days=90)
        with scene.as_staff(ben) as tx:
            vouch(tx, jane, ben, scene.day(30), ())
        second = scene.sponsorship(jane)
        with scene.tx() as tx:
            let_go(tx, ben)
            let_go(tx, ada)
            assert changes.hand_over_all(tx, ada) == (0, 1)
        guest = scene.row(jane)
        assert (guest.state, guest.expires_at) == (State.ACTIVE, second.expires_at)
        assert folded(scene.session) == kept(scene.session)


class TestNameSponsors:
    def test_who_is_no_longer_named_hands_over(self, scene: Scene):
        """Only what belongs to that organisation, to somebody who is named now."""
        ada, ben = scene.staff("ada"), scene.staff("ben")
        acme = scene.partner(sponsors=(ada,))
        zeta = scene.partner("zeta", sponsors=(ada,))
        jane, john = scene.active(acme, "jane"), scene.active(zeta, "john")
        with scene.tx() as tx:
            changes.name_sponsors(tx, acme.id, sponsors=[ben])
        assert scene.sponsorship(jane).sponsor_id == ben
        assert scene.sponsorship(john).sponsor_id == ada
        assert scene.access(jane).allowed
        assert folded(scene.session) == kept(scene.session)

    def test_refused_as_a_whole(self, scene: Scene):
        acme: Partner = scene.partner()
        before = kept(scene.session)
        with pytest.raises(Refused), scene.tx() as tx:
            changes.name_sponsors(tx, acme.id, sponsors=[])
        assert kept(scene.session) == before
