"""What time does to people, carried out: rows, events, mails, seats, once, on both databases."""

from datetime import UTC, date, datetime, timedelta

import pytest

from portal.guests.changes import write
from portal.guests.queries import lock
from portal.guests.rules import LAPSES_AFTER, REMOVED_AFTER, Reason, State
from portal.lifecycle.changes import change_contract
from portal.sponsorship.changes import deciding, people, settling
from portal.sponsorship.changes.requesting import vouch
from portal.sponsorship.rules import Standing
from tests.replay import folded, kept
from tests.scene import Partner, Scene

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


def due(scene: Scene, what: str):
    """Bring a guest to where one thing falls due; return guest, partner and the instant."""
    policy = {
        "not_approved": {"approval": "at-once", "approval_days": 5},
        "review_missed": {"review_days": 20, "grace_days": 5},
        "inactive": {"inactivity_days": 12},
        "expired_request": {"longest_days": 3},
    }.get(what, {})
    last_day = scene.day(30) if what == "contract_ended" else None
    acme = scene.partner(last_day=last_day, **policy)
    scene.offer(acme, default=True)
    jane = scene.guest(acme)
    waiting = what in ("lapsed", "expired_request", "not_approved")
    if not waiting:
        offers = [grant.offer_id for grant in scene.grants(jane)]
        assert scene.approve(jane, acme.sponsor, days=30, offers=offers) is None
    row, guest = scene.sponsorship(jane), scene.row(jane)
    at = {
        "expired": row.expires_at,
        "expired_request": row.expires_at,
        "contract_ended": scene.ends_at(acme.contract_id),
        "not_approved": scene.now + 5 * DAY,
        "review_missed": row.review_ends_at,
        "inactive": guest.inactive_at,
        "lapsed": scene.now + LAPSES_AFTER,
    }[what]
    assert at is not None
    return jane, acme, at


ENDS = {
    # what falls due: (the guest becomes, its reason, mail to the guest, mail to the sponsor)
    "expired": (State.SUSPENDED, Reason.EXPIRED, "guest.suspended", "sponsor.guest_suspended"),
    "review_missed": (
        State.SUSPENDED,
        Reason.REVIEW_MISSED,
        "guest.suspended",
        "sponsor.guest_suspended",
    ),
    "inactive": (State.SUSPENDED, Reason.INACTIVE, "guest.suspended", "sponsor.guest_suspended"),
    "not_approved": (
        State.SUSPENDED,
        Reason.NOT_APPROVED,
        "guest.suspended",
        "sponsor.guest_suspended",
    ),
    "lapsed": (State.REMOVED, Reason.LAPSED, "guest.lapsed", "sponsor.request_lapsed"),
    "expired_request": (State.REMOVED, Reason.LAPSED, "guest.lapsed", "sponsor.request_lapsed"),
    "contract_ended": (State.REMOVED, Reason.CONTRACT_ENDED, "guest.removed", None),
}


@pytest.mark.parametrize("what", ENDS)
def test_what_falls_due(scene: Scene, what: str):
    """Nothing a moment before; then everything, at the instant it fell due, told once."""
    state, reason, to_guest, to_sponsor = ENDS[what]
    jane, acme, at = due(scene, what)
    scene.now = at - TICK
    before = kept(scene.session)
    mailed = len(scene.mails())
    with scene.tx() as tx:
        settling.settle(tx, [jane])
    assert kept(scene.session) == before
    waiting = what in ("lapsed", "expired_request")
    assert scene.access(jane).allowed is not waiting

    scene.now = at
    assert not scene.access(jane).allowed
    scene.later(days=2)  # nobody swept for a while
    scene.sweep()
    guest, row = scene.row(jane), scene.sponsorship(jane)
    assert (guest.state, guest.state_reason, guest.state_since) == (state, reason, at)
    assert (row.state, row.state_reason, row.state_since) == (Standing.ENDED, reason, at)
    assert (guest.hold, guest.tombstone, guest.inactive_at, guest.lapses_at) == (
        False,
        False,
        None,
        None,
    )
    suspended = state == State.SUSPENDED
    assert guest.removes_at == (at + REMOVED_AFTER if suspended else None)
    assert guest.session_epoch == (1 if suspended else 2)
    assert [(grant.state, grant.state_reason, grant.ended_at) for grant in scene.grants(jane)] == [
        ("ended", reason, at)
    ]
    assert scene.seats(acme) == (int(suspended), 0)
    kinds = [mail.kind for mail in scene.mails()[mailed:]]
    assert kinds.count(to_guest) == 1
    told = [mail.payload.get("waited") for mail in scene.mails("guest.removed")]
    assert told == ([what == "expired_request"] if to_guest == "guest.removed" else [])
    if to_sponsor is not None:
        assert kinds.count(to_sponsor) == 1
    names = [event.event for event in scene.events(guest_id=jane)][-3:]
    assert names == ["sponsorship.ended", "grant.ended", f"guest.{state}"]
    assert {event.actor for event in scene.events(guest_id=jane)[-3:]} == {"system:sweep"}
    assert folded(scene.session) == kept(scene.session)

    again, mailed = kept(scene.session), len(scene.mails())
    scene.sweep()
    assert kept(scene.session) == again
    assert len(scene.mails()) == mailed


@pytest.mark.parametrize("swept", [True, False])
def test_thirty_days_later(scene: Scene, swept: bool):
    """Suspended, then removed: in two sweeps or in one the rows are the same."""
    jane, acme, at = due(scene, "expired")
    if swept:
        scene.now = at + DAY
        scene.sweep()
        assert scene.row(jane).state == State.SUSPENDED
    scene.now = at + REMOVED_AFTER
    scene.sweep()
    guest, row = scene.row(jane), scene.sponsorship(jane)
    assert (guest.state, guest.state_reason) == (State.REMOVED, Reason.SUSPENDED_TOO_LONG)
    assert guest.state_since == at + REMOVED_AFTER
    assert (guest.tombstone, guest.removes_at, guest.session_epoch) == (False, None, 2)
    assert (row.state_reason, row.state_since) == (Reason.EXPIRED, at)
    assert scene.seats(acme) == (0, 0)
    assert len(scene.mails("guest.removed")) == 1
    assert len(scene.mails("guest.suspended")) == int(swept)
    (mail,) = scene.mails("sponsor.guest_suspended")
    assert (mail.payload["reason"], mail.payload["since"]) == ("expired", at.isoformat())
    removed_at = (at + REMOVED_AFTER).isoformat()
    assert mail.payload["removed_at"] == (None if swept else removed_at)
    assert mail.payload["removes_at"] == (removed_at if swept else None)
    for told in scene.mails("guest.suspended"):
        assert told.payload["removes_at"] == removed_at
    assert folded(scene.session) == kept(scene.session)


@pytest.mark.parametrize("swept", [True, False])
def test_j04_whose_word_was_over_before_is_not_told_of_a_suspension(scene: Scene, swept: bool):
    """However long no sweep ran: told is who vouched when access ended, and nobody else."""
    ada, ben = scene.staff("ada"), scene.staff("ben")
    acme = scene.partner(sponsors=(ada, ben), lead=ada, inactivity_days=900)
    jane = scene.active(acme, days=10)
    with scene.as_staff(ben) as tx:
        vouch(tx, jane, ben, scene.day(20), ())
    first, second = (one.expires_at for one in reversed(scene.sponsorships(jane)))
    for at in (first, second):
        scene.now = at
        if swept or at == second:
            scene.sweep()
    assert scene.row(jane).state == State.SUSPENDED
    assert [mail.to for mail in scene.mails("sponsor.guest_suspended")] == ["ben@host.example"]


@pytest.mark.parametrize("swept", [True, False])
def test_access_lapses_with_the_last(scene: Scene, swept: bool):
    """Two vouch; the longer one misses its review first. The end that stays is the other's."""
    ada, ben = scene.staff("ada"), scene.staff("ben")
    acme = scene.partner(
        sponsors=(ada, ben), lead=ada, review_days=20, grace_days=5, inactivity_days=900
    )
    jane = scene.active(acme, days=300)
    first = scene.sponsorship(jane)
    with scene.as_staff(ben) as tx:
        vouch(tx, jane, ben, scene.day(10), ())
    second = scene.sponsorship(jane)
    assert scene.row(jane).expires_at == first.expires_at
    scene.policy(acme, review_days=300)
    scene.later(days=5)
    with scene.as_staff(ben) as tx:
        assert deciding.change_last_day(tx, second.id, ben, scene.day(100)) is None
    second = scene.sponsorships(jane)[0]
    scene.now = first.review_ends_at + DAY
    if swept:
        scene.sweep()
        guest = scene.row(jane)
        assert (guest.state, guest.expires_at) == (State.ACTIVE, second.expires_at)
    assert scene.access(jane).allowed
    assert scene.access(jane).until == second.expires_at
    scene.now = second.expires_at
    scene.sweep()
    guest = scene.row(jane)
    assert (guest.state, guest.expires_at) == (State.SUSPENDED, second.expires_at)
    assert folded(scene.session) == kept(scene.session)


def test_the_review_is_asked_once(scene: Scene):
    """Fourteen days before it is due, of who vouches; not of whom is out by then."""
    acme = scene.partner(review_days=90, inactivity_days=900)
    jane = scene.active(acme, days=300)
    ask_at = scene.sponsorship(jane).review_ask_at
    assert ask_at is not None
    scene.now = ask_at - TICK
    scene.sweep()
    assert scene.mails("sponsor.review") == []
    scene.now = ask_at
    for _ in range(2):
        scene.sweep()
    row = scene.sponsorship(jane)
    assert row.review_ask_at is None
    (mail,) = scene.mails("sponsor.review")
    assert mail.to == "sam-acme@host.example"
    assert mail.payload["sponsorship_id"] == str(row.id)
    assert mail.payload["due_at"] == row.review_due_at.isoformat()
    assert [e.event for e in scene.events(guest_id=jane)].count("sponsorship.review_asked") == 1
    assert folded(scene.session) == kept(scene.session)


def test_nobody_is_asked_about_whoever_is_out(scene: Scene):
    acme = scene.partner(review_days=90, inactivity_days=30)
    jane = scene.active(acme, days=300)
    scene.later(days=80)
    scene.sweep()
    assert scene.row(jane).state == State.REMOVED
    assert scene.mails("sponsor.review") == []


def test_a_guest_without_an_address_is_told_nothing(scene: Scene):
    """No mail can go out; everything else happens."""
    acme = scene.partner(inactivity_days=10)
    jane = scene.active(acme)
    with scene.tx() as tx:
        write(tx, "guest.refreshed", lock(tx, [jane])[0], {"email": None})
    mailed = len(scene.mails())
    with scene.tx() as tx:
        people.suspend(tx, jane, "Lost laptop")
    with scene.tx() as tx:
        people.resume(tx, jane)
    scene.later(days=50)
    scene.sweep()
    assert [kind for kind in scene.mail_kinds()[mailed:] if kind.startswith("guest.")] == []
    assert scene.row(jane).state == State.REMOVED


def test_many_at_once(scene: Scene):
    """Guests of two organisations, due for different reasons, in one transaction."""
    acme: Partner = scene.partner(inactivity_days=20)
    zeta = scene.partner("zeta", last_day=scene.day(25))
    people_of = {
        partner: [scene.active(partner, f"p{n}", days=10 + 5 * n) for n in range(3)]
        for partner in (acme, zeta)
    }
    scene.later(days=26)
    with scene.tx() as tx:
        settled = settling.settle(tx, [one for own in people_of.values() for one in own])
    assert {guest.id: guest for guest in settled.values()} == settled
    reasons = [[settled[one].state_reason for one in own] for own in people_of.values()]
    assert reasons == [
        [Reason.EXPIRED, Reason.EXPIRED, Reason.INACTIVE],
        [Reason.EXPIRED, Reason.EXPIRED, Reason.EXPIRED],
    ]
    assert scene.seats(acme) == (3, 0)
    assert scene.seats(zeta) == (3, 0)
    assert folded(scene.session) == kept(scene.session)


@pytest.mark.parametrize(
    ("last_day", "end"),
    [
        (date(2027, 3, 28), datetime(2027, 3, 28, 22, tzinfo=UTC)),
        (date(2027, 3, 27), datetime(2027, 3, 27, 23, tzinfo=UTC)),
        (date(2027, 10, 31), datetime(2027, 10, 31, 23, tzinfo=UTC)),
        (date(2026, 10, 24), datetime(2026, 10, 24, 22, tzinfo=UTC)),
    ],
)
def test_j13_a_contract_ends_at_local_midnight(scene: Scene, last_day: date, end: datetime):
    """Access ends at 24:00 in Berlin, on the days that have 23 or 25 hours too."""
    scene.now = datetime(2026, 9, 1, 9, tzinfo=UTC)
    acme = scene.partner(last_day=last_day, longest_days=900, inactivity_days=900, review_days=900)
    jane = scene.guest(acme)
    scene.approve(jane, acme.sponsor, days=(last_day - scene.now.date()).days)
    assert scene.access(jane).until == end
    scene.now = end - TICK
    assert scene.access(jane).allowed
    scene.now = end
    assert not scene.access(jane).allowed
    scene.sweep()
    assert scene.row(jane).state_since == end


@pytest.mark.parametrize("sooner", ["the last day", "the contract"])
def test_a_review_is_asked_with_the_day_on_which_access_ends(scene: Scene, sooner: str):
    """Where the grace reaches past the last day or the contract, that is the end."""
    acme = scene.partner(review_days=30, grace_days=30, inactivity_days=900)
    jane = scene.active(acme, days=40 if sooner == "the last day" else 200)
    if sooner == "the contract":
        with scene.tx() as tx:
            change_contract(tx, acme.contract_id, last_day=scene.day(35), open_ended=False)
    scene.later(days=20)
    scene.sweep()
    (mail,) = scene.mails("sponsor.review")
    ends = {"the last day": scene.row(jane).expires_at}
    end = ends.get(sooner) or scene.ends_at(acme.contract_id)
    assert end < scene.sponsorship(jane).review_ends_at
    assert mail.payload["ends_at"] == end.isoformat()
