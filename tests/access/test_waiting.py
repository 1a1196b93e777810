"""What waits for a sponsor: the inbox, who knocks, what is proposed."""

from datetime import timedelta
from uuid import UUID

import pytest

from portal.access import queries
from portal.access.queries import Kind, Waiting
from portal.guests.rules import Reason
from portal.lifecycle.changes import change_contract
from portal.sponsorship.changes import deciding, people
from portal.sponsorship.changes.requesting import vouch
from tests.access.sponsored import approve, in_turn
from tests.scene import Scene

pytestmark = pytest.mark.usefixtures("database")


def inbox(scene: Scene, staff_id: UUID) -> tuple[Waiting, ...]:
    """The first page of what waits."""
    return queries.inbox(scene.session, staff_id, scene.now).items


def test_inbox_shows_the_most_urgent_first_and_only_what_is_theirs():
    """Requests by the day they lapse; what another organisation asks is nobody else's."""
    scene = Scene()
    ada, ben = scene.staff("Ada"), scene.staff("Ben")
    acme = scene.partner("acme", sponsors=[ada], deputy=ben)
    wiki = scene.offer(acme, default=True)
    bolt = scene.partner("bolt", approval="at-once")
    first = scene.guest(acme, "ann", name="Ann")
    scene.later(days=2)
    scene.guest(acme, "bob", name="Bob")
    other = scene.guest(bolt, "eve", name="Eve")

    items = inbox(scene, ada)

    assert [(one.kind, one.guest_name) for one in items] == [
        (Kind.REQUEST, "Ann"),
        (Kind.REQUEST, "Bob"),
    ]
    assert items[0].organisation == "Acme"
    assert items[0].proposed == ("App-1: Read",)
    assert (items[0].then, items[0].then_at) == (
        Reason.LAPSED,
        scene.sponsorship(first).lapses_at,
    )
    assert items == inbox(scene, ben)
    (at_once,) = inbox(scene, bolt.sponsor)
    assert (at_once.kind, at_once.then) == (Kind.AT_ONCE, Reason.NOT_APPROVED)
    assert at_once.sponsorship.guest_id == other
    assert queries.inbox_count(scene.session, ada, scene.now) == 2

    approve(scene, first, ben, offers=[wiki])
    assert [one.guest_name for one in inbox(scene, ada)] == ["Bob"]


def test_inbox_leaves_out_what_time_decided():
    """A request that has lapsed is nobody's question, sweep or no sweep."""
    scene = Scene()
    acme = scene.partner("acme")
    scene.guest(acme)
    assert len(inbox(scene, acme.sponsor)) == 1
    scene.later(days=14)
    assert inbox(scene, acme.sponsor) == ()
    assert queries.inbox_count(scene.session, acme.sponsor, scene.now) == 0


def test_inbox_leaves_out_whom_a_hold_has_removed():
    """Held for too long a guest is gone; their review is asked of nobody, swept or not."""
    scene = Scene()
    acme = scene.partner("acme", review_days=50, grace_days=10)
    guest = scene.active(acme)
    scene.later(days=10)
    with scene.tx() as tx:
        people.suspend(tx, guest, "Lost laptop")
    gone_at = scene.row(guest).removes_at
    assert gone_at is not None
    scene.now = gone_at - timedelta(microseconds=1)
    (asked,) = inbox(scene, acme.sponsor)
    assert asked.kind == Kind.REVIEW
    scene.now = gone_at
    assert inbox(scene, acme.sponsor) == ()
    assert queries.inbox_count(scene.session, acme.sponsor, scene.now) == 0


def test_a_review_waits_for_who_vouches_and_overdue_for_the_others():
    """Asked fourteen days before; the deputy is asked too once the day has passed."""
    scene = Scene()
    ada, ben = scene.staff("Ada"), scene.staff("Ben")
    acme = scene.partner("acme", sponsors=[ada], deputy=ben, inactivity_days=400, longest_days=300)
    guest = scene.guest(acme)
    approve(scene, guest, ada, days=300)
    assert queries.next_review(scene.session, ada, scene.now) == (
        scene.now + timedelta(days=90),
        1,
    )
    scene.later(days=75)
    assert inbox(scene, ada) == ()
    scene.later(days=1)
    for swept in (False, True):
        if swept:
            scene.sweep()
        (item,) = inbox(scene, ada)
        assert (item.kind, item.then) == (Kind.REVIEW, Reason.REVIEW_MISSED)
    assert inbox(scene, ben) == ()
    scene.later(days=14)
    assert len(inbox(scene, ben)) == 1


def test_a_guest_of_two_words_is_counted_once_among_those_one_is_asked_about():
    """Under a contract and the one that follows: two questions, about one person."""
    scene = Scene()
    acme = scene.partner(
        "acme", inactivity_days=400, longest_days=300, review_days=30, last_day=scene.day(60)
    )
    jane = scene.guest(acme)
    approve(scene, jane, acme.sponsor, days=50)
    scene.contract(acme, "C-2", last_day=scene.day(300))
    with scene.as_staff(acme.sponsor) as tx:
        vouch(tx, jane, acme.sponsor, scene.day(200), ())
    found = queries.next_review(scene.session, acme.sponsor, scene.now)
    assert found == (scene.now + timedelta(days=30), 1)


@pytest.mark.parametrize("over", ["silent", "contract shortened"])
def test_nobody_is_said_to_be_asked_about_what_is_over_by_then(over: str):
    """Swept or not: somebody who is out, or will be with the contract."""
    scene = Scene()
    acme = scene.partner("acme", inactivity_days=40, longest_days=300)
    approve(scene, scene.guest(acme), acme.sponsor, days=300)
    assert queries.next_review(scene.session, acme.sponsor, scene.now) is not None
    if over == "silent":
        scene.later(days=41)
    else:
        with scene.tx() as tx:
            change_contract(tx, acme.contract_id, last_day=scene.day(80), open_ended=False)
    assert queries.next_review(scene.session, acme.sponsor, scene.now) is None
    scene.sweep()
    assert queries.next_review(scene.session, acme.sponsor, scene.now) is None


def test_who_knocks_is_shown_to_who_may_let_them_back():
    """A tombstone and a knock: both are needed."""
    scene = Scene()
    acme = scene.partner("acme", most_new_per_hour=100)
    quiet, loud = in_turn(scene, acme, "quiet", "loud")
    for guest in (quiet, loud):
        with scene.as_staff(acme.sponsor) as tx:
            deciding.reject(tx, scene.sponsorship(guest).id, acme.sponsor, "not one of ours")
    scene.later(hours=1)
    scene.knock(acme, scene.identity(acme, "loud"))

    (knocker,) = queries.knocking(scene.session, acme.sponsor, scene.now)

    assert knocker.id == loud
    assert knocker.knocked_at == scene.now
    assert queries.knocking(scene.session, scene.staff("Other"), scene.now) == []


def test_what_a_claim_proposes_later_waits_for_the_sponsor():
    """A new claim proposes; the guest goes on without it until the sponsor says so."""
    scene = Scene()
    acme = scene.partner("acme")
    scene.offer(acme, when=("department", "Finance"))
    guest = scene.guest(acme)
    approve(scene, guest, acme.sponsor)
    scene.later(days=1)
    claims = {"sub": "jane", "department": "Finance"}
    scene.sign_in(acme, scene.identity(acme, claims=claims))

    (waiting,) = inbox(scene, acme.sponsor)

    assert (waiting.kind, waiting.proposed) == (Kind.PROPOSAL, ("App-1: Read",))
    assert (waiting.since, waiting.then_at) == (scene.now, None)
    assert queries.inbox_count(scene.session, acme.sponsor, scene.now) == 1
    view = queries.guest_view(scene.session, guest, scene.now)
    assert view is not None
    assert view.entitlements == []


@pytest.mark.parametrize("gone", ["last day", "contract", "silence", "review"])
def test_a_proposal_for_somebody_whom_time_took_out_waits_for_nobody(gone: str):
    """Whether or not a sweep has said so: taken up, it would be refused."""
    scene = Scene()
    acme = scene.partner(
        "acme", last_day=scene.day(60), inactivity_days=40, review_days=20, grace_days=10
    )
    scene.offer(acme, when=("department", "Finance"))
    guest = scene.guest(acme)
    approve(scene, guest, acme.sponsor, days=10 if gone == "last day" else 50)
    claims = {"sub": "jane", "department": "Finance"}
    scene.sign_in(acme, scene.identity(acme, claims=claims))
    if gone == "contract":
        with scene.tx() as tx:
            change_contract(tx, acme.contract_id, last_day=scene.day(15), open_ended=False)
    if gone == "silence":
        scene.policy(acme, inactivity_days=12)
        scene.sign_in(acme, scene.identity(acme, claims=claims))
    row = scene.row(guest)
    at = {
        "last day": row.expires_at,
        "contract": scene.ends_at(acme.contract_id),
        "silence": row.inactive_at,
        "review": scene.sponsorship(guest).review_ends_at,
    }[gone]
    assert at is not None
    for now, waits in ((at - timedelta(microseconds=1), 1), (at, 0)):
        scene.now = now
        listed = inbox(scene, acme.sponsor)
        assert len(listed) == waits
        assert queries.inbox_count(scene.session, acme.sponsor, now) == waits
