"""What sponsors decide, on both databases: rows, events, mails, and who is too late."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest

from portal.foundation.transaction import Actor
from portal.guests.changes import write
from portal.guests.queries import lock
from portal.guests.rules import Reason, State
from portal.sponsorship.changes import deciding, people
from portal.sponsorship.changes.bounds import NotYours, Oneself
from portal.sponsorship.changes.deciding import Lost
from portal.sponsorship.changes.requesting import vouch
from portal.sponsorship.rules import Standing, expiry_of
from portal.staff.changes import remove as let_go
from portal.trust import changes as trust
from portal.trust.queries import contract_facts
from portal.trust.rules import Refused
from tests.factories import HOUSE
from tests.replay import folded, kept
from tests.scene import Partner, Scene
from tests.sponsorship.granted import grant_states

DAY = timedelta(days=1)


class TestApprove:
    def test_a_request(self, scene: Scene, acme: Partner):
        """The guest is in until the last day chosen, with what was chosen and nothing else."""
        wiki, files, extra = (scene.offer(acme, default=True) for _ in range(3))
        jane = scene.guest(acme)
        assert scene.seats(acme) == (0, 1)
        asked = scene.sponsorship(jane)
        scene.later(days=1)
        assert scene.approve(jane, acme.sponsors[1], days=100, offers=[wiki, extra]) is None

        row, guest = scene.sponsorship(jane), scene.row(jane)
        contract = contract_facts(scene.session, acme.contract_id)
        assert (row.state, row.state_reason) == (Standing.ACTIVE, Reason.APPROVED)
        assert row.state_since == row.decided_at == scene.now
        assert row.sponsor_id == row.decided_by == acme.sponsors[1]
        assert row.last_day == scene.day(100)
        assert row.expires_at == expiry_of(row.last_day, contract)
        assert (row.lapses_at, row.approve_by) == (None, None)
        assert row.review_due_at == scene.now + 90 * DAY
        assert row.review_ask_at == scene.now + 76 * DAY
        assert row.review_ends_at == scene.now + 104 * DAY
        assert row.version == asked.version + 1
        assert (guest.state, guest.state_reason) == (State.ACTIVE, Reason.APPROVED)
        assert guest.state_since == scene.now
        assert guest.expires_at == row.expires_at
        assert guest.inactive_at == scene.now + 60 * DAY
        assert (guest.lapses_at, guest.removes_at) == (None, None)
        assert grant_states(scene, jane) == {
            wiki: ("active", "approved"),
            files: ("ended", "not_chosen"),
            extra: ("active", "approved"),
        }
        assert scene.access(jane).allowed
        assert scene.access(jane).until == guest.inactive_at
        assert scene.seats(acme) == (1, 0)

    def test_what_is_told_and_noted(self, scene: Scene, acme: Partner):
        """One mail to the guest; one event each, under one reference, with exactly what was set."""
        jane = scene.guest(acme)
        before = len(scene.events())
        scene.reference = "7K3F-9QXM-2D"
        scene.approve(jane, acme.sponsor, days=30)
        events = scene.events()[before:]
        assert [event.event for event in events] == ["sponsorship.approved", "guest.activated"]
        assert {event.actor for event in events} == {Actor.staff(acme.sponsor).text}
        assert {event.reference for event in events} == {"7K3F-9QXM-2D"}
        assert {event.reason for event in events} == {"lifecycle.approved"}
        assert {event.organisation_id for event in events} == {acme.id}
        assert {event.guest_id for event in events} == {jane}
        row = scene.sponsorship(jane)
        assert set(events[0].data["sets"][f"sponsorship:{row.id}"]) == {
            "state", "state_reason", "state_since", "sponsor_id", "last_day", "expires_at",
            "lapses_at", "approve_by", "decided_at", "decided_by", "review_ask_at",
            "review_due_at", "review_ends_at", "version",
        }  # fmt: skip
        assert set(events[1].data["sets"][f"guest:{jane}"]) == {
            "state", "state_reason", "state_since", "state_note", "hold", "tombstone",
            "removes_at", "lapses_at", "inactive_at", "expires_at",
        }  # fmt: skip
        (mail,) = scene.mails("guest.approved")
        assert mail.to == "jane@acme.example"
        assert mail.payload == {
            "organisation": "Acme",
            "last_day": row.last_day.isoformat(),
            "time_zone": "Europe/Berlin",
            "expires_at": row.expires_at.isoformat(),
            "sponsor": "ada",
            "closed": False,
            "moved": False,
        }
        assert folded(scene.session) == kept(scene.session)

    def test_at_once(self, scene: Scene):
        """Approved within the days: it goes on, no longer *at once*, with what was chosen."""
        acme = scene.partner(approval="at-once", approval_days=3)
        wiki, files = scene.offer(acme, default=True), scene.offer(acme)
        jane = scene.guest(acme)
        assert scene.access(jane).until == scene.now + 3 * DAY
        assert grant_states(scene, jane) == {wiki: ("active", "at_once")}
        scene.later(days=2)
        assert scene.approve(jane, acme.sponsor, offers=[wiki, files]) is None
        scene.later(days=10)
        scene.sweep()
        assert scene.access(jane).allowed
        assert scene.row(jane).state_reason == Reason.APPROVED
        assert grant_states(scene, jane) == {
            wiki: ("active", "at_once"),
            files: ("active", "approved"),
        }
        assert folded(scene.session) == kept(scene.session)

    def test_whoever_is_held_stays_held(self, scene: Scene):
        """An approval is no lifting of a colleague's hold."""
        acme = scene.partner(approval="at-once", approval_days=3)
        jane = scene.guest(acme)
        with scene.tx() as tx:
            people.suspend(tx, jane, "Lost laptop")
        assert scene.approve(jane, acme.sponsor, days=20) is None
        guest = scene.row(jane)
        assert (guest.state, guest.hold) == (State.SUSPENDED, True)
        assert guest.expires_at == scene.sponsorship(jane).expires_at
        assert not scene.access(jane).allowed
        # Nobody is told that they have access: that comes with the end of the hold.
        assert scene.mails("guest.approved") == []
        with scene.tx() as tx:
            assert people.resume(tx, jane) == State.ACTIVE
        assert scene.access(jane).allowed
        assert scene.mail_kinds()[-1] == "guest.resumed"

    @pytest.mark.parametrize(
        ("days", "message"),
        [
            (366, "Choose 2 March 2027 or earlier: the policy allows 365 days"),
            (-1, "Choose today or a later day"),
        ],
    )
    def test_a_day_out_of_bounds(self, scene: Scene, acme: Partner, days: int, message: str):
        """The bound is named, nothing changes."""
        jane = scene.guest(acme)
        before = kept(scene.session)
        with pytest.raises(Refused) as refused:
            scene.approve(jane, acme.sponsor, days=days)
        assert (refused.value.field, refused.value.message) == ("last_day", message)
        assert kept(scene.session) == before

    def test_beyond_the_contract(self, scene: Scene):
        """The contract's last day is the last that can be chosen, and the first named."""
        acme = scene.partner(last_day=scene.day(50))
        jane = scene.guest(acme)
        with pytest.raises(Refused, match="21 April 2026 or earlier: the contract ends then"):
            scene.approve(jane, acme.sponsor, days=51)
        assert scene.approve(jane, acme.sponsor, days=50) is None

    def test_today_is_long_enough(self, scene: Scene, acme: Partner):
        """A stay of the rest of the day."""
        jane = scene.guest(acme)
        assert scene.approve(jane, acme.sponsor, days=0) is None
        assert scene.access(jane).allowed


class TestReject:
    def test_a_request(self, scene: Scene, acme: Partner):
        """Gone behind a tombstone, the reason kept, the guest told."""
        wiki = scene.offer(acme, default=True)
        jane = scene.guest(acme)
        key = scene.sponsorship(jane).id
        with scene.as_staff(acme.deputy) as tx:
            assert deciding.reject(tx, key, acme.deputy, " We do not\nknow them ") is None
        row, guest = scene.sponsorship(jane), scene.row(jane)
        assert (row.state, row.state_reason) == (Standing.REJECTED, Reason.REJECTED)
        assert (row.decided_by, row.decided_at) == (acme.deputy, scene.now)
        assert row.decision_note == "We do not know them"
        assert row.lapses_at is None
        assert (guest.state, guest.state_reason) == (State.REMOVED, Reason.REJECTED)
        assert guest.tombstone
        assert guest.session_epoch == 2
        assert scene.seats(acme) == (0, 0)
        assert grant_states(scene, jane) == {wiki: ("ended", "rejected")}
        assert [mail.to for mail in scene.mails("guest.rejected")] == ["jane@acme.example"]
        names = scene.event_names(jane)[-3:]
        assert names == ["sponsorship.rejected", "grant.ended", "guest.removed"]
        assert folded(scene.session) == kept(scene.session)

    def test_at_once(self, scene: Scene):
        """Who was let in at once is out at once."""
        acme = scene.partner(approval="at-once")
        wiki = scene.offer(acme, default=True)
        jane = scene.guest(acme)
        assert scene.access(jane).allowed
        with scene.as_staff(acme.sponsor) as tx:
            deciding.reject(tx, scene.sponsorship(jane).id, acme.sponsor, "No")
        assert not scene.access(jane).allowed
        assert grant_states(scene, jane) == {wiki: ("ended", "rejected")}
        assert scene.seats(acme) == (0, 0)
        assert folded(scene.session) == kept(scene.session)

    @pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "a\0b"])
    def test_a_reason_is_demanded(self, scene: Scene, acme: Partner, reason: str):
        jane = scene.guest(acme)
        with pytest.raises(Refused) as refused, scene.as_staff(acme.sponsor) as tx:
            deciding.reject(tx, scene.sponsorship(jane).id, acme.sponsor, reason)
        assert refused.value.field == "reason"
        assert scene.row(jane).state == State.PENDING


class TestHandOver:
    def test_a_request(self, scene: Scene, acme: Partner):
        """Another sponsor is asked; it stays a request."""
        jane = scene.guest(acme)
        key = scene.sponsorship(jane).id
        with scene.as_staff(acme.sponsor) as tx:
            assert deciding.hand_over(tx, key, acme.sponsor, acme.sponsors[1]) is None
        row = scene.sponsorship(jane)
        assert (row.state, row.sponsor_id) == (Standing.REQUESTED, acme.sponsors[1])
        (mail,) = scene.mails("sponsor.handed_over")
        assert mail.to == "ben@host.example"
        assert mail.payload["by"] == "ada"
        assert row.lapses_at is not None
        assert mail.payload["lapses_at"] == row.lapses_at.isoformat()
        assert mail.payload["ends_at"] == row.expires_at.isoformat()
        assert scene.event_names(jane)[-1] == "sponsorship.handed_over"
        assert folded(scene.session) == kept(scene.session)

    def test_a_guest_there_and_back(self, scene: Scene, acme: Partner):
        """Each time is told, nothing else changes."""
        jane = scene.active(acme)
        before, ben = scene.row(jane), acme.sponsors[1]
        key = scene.sponsorship(jane).id
        for by, to in ((acme.sponsor, ben), (ben, acme.sponsor), (acme.deputy, ben)):
            with scene.as_staff(by) as tx:
                assert deciding.hand_over(tx, key, by, to) is None
        assert scene.sponsorship(jane).sponsor_id == ben
        assert scene.row(jane) == before
        assert len(scene.mails("sponsor.handed_over")) == 3

    def test_only_to_somebody_of_that_organisation(self, scene: Scene, acme: Partner):
        stranger = scene.staff("eve")
        jane = scene.guest(acme)
        with pytest.raises(Refused) as refused, scene.as_staff(acme.sponsor) as tx:
            deciding.hand_over(tx, scene.sponsorship(jane).id, acme.sponsor, stranger)
        assert refused.value.field == "to"


class TestChangeLastDay:
    @pytest.mark.parametrize("days", [10, 200])
    def test_within_the_bounds(self, scene: Scene, acme: Partner, days: int):
        """The end moves, for the sponsorship and for the guest."""
        jane = scene.active(acme, days=80)
        key = scene.sponsorship(jane).id
        with scene.as_staff(acme.sponsor) as tx:
            assert deciding.change_last_day(tx, key, acme.sponsor, scene.day(days)) is None
        row = scene.sponsorship(jane)
        assert row.last_day == scene.day(days)
        assert scene.row(jane).expires_at == row.expires_at
        assert scene.event_names(jane)[-2:] == ["sponsorship.extended", "guest.reckoned"]
        assert folded(scene.session) == kept(scene.session)

    def test_a_short_stay_made_long_is_reviewed(self, scene: Scene, acme: Partner):
        """Else nobody would ever be asked about it again."""
        jane = scene.active(acme, days=30)
        assert scene.sponsorship(jane).review_due_at is None
        scene.later(days=20)
        with scene.as_staff(acme.sponsor) as tx:
            key = scene.sponsorship(jane).id
            deciding.change_last_day(tx, key, acme.sponsor, scene.day(365))
        assert scene.sponsorship(jane).review_due_at == scene.now + 90 * DAY

    def test_too_late(self, scene: Scene, acme: Partner):
        """Time was quicker: an extension after the end needs somebody to vouch anew."""
        jane = scene.active(acme, days=10)
        end = scene.row(jane).expires_at
        scene.now = end
        with scene.as_staff(acme.sponsor) as tx:
            key = scene.sponsorship(jane).id
            lost = deciding.change_last_day(tx, key, acme.sponsor, scene.day(30))
        assert isinstance(lost, Lost)
        assert lost.sponsorship.state_reason == Reason.EXPIRED
        assert scene.row(jane).state == State.SUSPENDED
        (event,) = scene.events("sponsorship.decision_lost")
        assert event.data == {"tried": "extend", "decided": "ended.expired"}
        assert event.reason == "sponsor.stale"
        assert folded(scene.session) == kept(scene.session)

    def test_a_moment_before_the_end_is_in_time(self, scene: Scene, acme: Partner):
        jane = scene.active(acme, days=10)
        scene.now = scene.row(jane).expires_at - timedelta(microseconds=1)
        with scene.as_staff(acme.sponsor) as tx:
            key = scene.sponsorship(jane).id
            assert deciding.change_last_day(tx, key, acme.sponsor, scene.day(30)) is None
        assert scene.access(jane).allowed

    def test_not_before_it_is_approved(self, scene: Scene, acme: Partner):
        jane = scene.guest(acme)
        with scene.as_staff(acme.sponsor) as tx:
            key = scene.sponsorship(jane).id
            assert deciding.change_last_day(tx, key, acme.sponsor, scene.day(30)) is not None


DECISIONS: dict[str, Callable[..., Lost | None]] = {
    "approve": partial(deciding.approve, chosen=()),
    "reject": lambda tx, key, staff, _day: deciding.reject(tx, key, staff, "No"),
    "hand_over": lambda tx, key, staff, _day: deciding.hand_over(tx, key, staff, staff),
    "extend": deciding.change_last_day,
    "keep": lambda tx, key, staff, _day: deciding.keep(tx, key, staff),
    "choose": lambda tx, key, staff, _day: deciding.choose(tx, key, staff, ()),
    "end": lambda tx, key, staff, _day: deciding.end(tx, key, staff, "No"),
}


def test_i08_who_comes_second_sees_the_winner(scene: Scene, acme: Partner):
    """Nothing is overwritten; the loser learns who decided what and when; both are audited."""
    jane = scene.guest(acme)
    key = scene.sponsorship(jane).id
    with scene.as_staff(acme.sponsor) as tx:
        deciding.reject(tx, key, acme.sponsor, "We do not know them")
    decided_at, before = scene.now, kept(scene.session)
    scene.later(minutes=5)
    for tried, decide in DECISIONS.items():
        with scene.as_staff(acme.deputy) as tx:
            lost = decide(tx, key, acme.deputy, scene.day(30))
        assert isinstance(lost, Lost), tried
        assert (lost.decided_by, lost.decided_at) == (acme.sponsor, decided_at)
        assert lost.sponsorship.state == Standing.REJECTED
        event = scene.events("sponsorship.decision_lost")[-1]
        assert event.actor == Actor.staff(acme.deputy).text
        assert event.data == {"tried": tried, "decided": "rejected.rejected"}
        assert event.guest_id == jane
    assert kept(scene.session) == before
    assert len(scene.mails("guest.rejected")) == 1


@pytest.mark.parametrize("column", ["email", "email_aside"])
def test_i07_nobody_decides_about_themselves(scene: Scene, acme: Partner, column: str):
    """Whatever the decision, and handed over to them either: the guest is the sponsor."""
    jane = scene.guest(acme)
    key, ben = scene.sponsorship(jane).id, acme.sponsors[1]
    with scene.tx() as tx:
        write(tx, "guest.refreshed", lock(tx, [jane])[0], {column: "ben@host.example"})
    before = kept(scene.session)
    for decide in DECISIONS.values():
        with pytest.raises(Oneself), scene.as_staff(ben) as tx:
            decide(tx, key, ben, scene.day(30))
    with pytest.raises(Oneself), scene.as_staff(ben) as tx:
        vouch(tx, jane, ben, scene.day(30), ())
    with pytest.raises(Oneself), scene.as_staff(ben) as tx:
        people.let_back(tx, jane, ben)
    with pytest.raises(Refused, match="themselves"), scene.as_staff(acme.sponsor) as tx:
        deciding.hand_over(tx, key, acme.sponsor, ben)
    assert kept(scene.session) == before
    assert scene.approve(jane, acme.sponsor) is None


@pytest.mark.parametrize("who", ["stranger", "address of theirs", "left", "unknown request"])
def test_only_who_may_decides(scene: Scene, acme: Partner, who: str):
    """Another sponsor, one with an address of the partner, one who left: the same no."""
    jane = scene.guest(acme)
    key, staff = scene.sponsorship(jane).id, acme.sponsors[1]
    if who == "stranger":
        staff = scene.staff("eve")
    elif who == "unknown request":
        key = jane
    elif who == "left":
        with scene.tx() as tx:
            let_go(tx, staff)
    else:
        staff = scene.staff("kim", email="kim@acme-labs.example")
        with scene.tx() as tx:
            named = (*acme.sponsors, staff)
            trust.name_sponsors(tx, acme.id, sponsors=named, deputy=acme.deputy)
            trust.add_domain(tx, acme.id, "acme-labs.example", vouched_by="Grace", house=HOUSE)
    before = kept(scene.session)
    for decide in DECISIONS.values():
        with pytest.raises(NotYours), scene.as_staff(staff) as tx:
            decide(tx, key, staff, scene.day(30))
    assert kept(scene.session) == before
    with pytest.raises(NotYours), scene.as_staff(staff) as tx:
        deciding.hold(tx, key, staff)
