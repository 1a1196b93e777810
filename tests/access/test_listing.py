"""Lists of guests and of what waits for a sponsor, on both databases."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import event

from portal.access import queries
from portal.access.queries import GuestFilter, Kind
from portal.foundation.db import db, uuid7
from portal.guests.rules import Reason, State
from portal.lifecycle.changes import change_contract, withdraw_offer
from portal.sponsorship.changes import deciding, people
from portal.staff.queries import staff_by_id
from portal.trust.queries import eligible_sponsors, organisations, organisations_decided_by
from tests.scene import Partner, Scene

pytestmark = pytest.mark.usefixtures("database")


@contextmanager
def counted() -> Iterator[list[str]]:
    """Collect the statements sent to the database."""
    statements: list[str] = []

    def note(_connection, _cursor, statement, *_rest):
        statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def approve(scene: Scene, guest_id: UUID, staff_id: UUID, *, days: int = 90, offers=()) -> None:
    row = scene.sponsorship(guest_id)
    last_day = (scene.now + timedelta(days=days)).date()
    with scene.as_staff(staff_id) as tx:
        assert deciding.approve(tx, row.id, staff_id, last_day, offers) is None


def in_turn(scene: Scene, partner: Partner, *subjects: str) -> list[UUID]:
    return [scene.guest(partner, one, name=one.title()) for one in subjects]


def test_a_guest_reads_as_the_issue_says():
    """One dictionary says who they are, who vouches, and what they may use until when."""
    scene = Scene()
    acme = scene.partner("acme")
    wiki, other = scene.offer(acme, default=True), scene.offer(acme)
    guest = scene.guest(acme)
    approve(scene, guest, acme.sponsor, offers=[wiki, other])
    with scene.tx() as tx:
        withdraw_offer(tx, other)

    view = queries.guest_view(scene.session, guest, scene.now)

    sponsor = staff_by_id(scene.session, acme.sponsor)
    assert view is not None
    assert sponsor is not None
    said = view.as_dict()
    assert said["organisation"] == "acme"
    assert said["organisation_name"] == "Acme"
    assert said["identity_provider"] == "id"
    assert (said["issuer"], said["subject"]) == (acme.issuer, "jane")
    assert (said["email"], said["name"]) == ("jane@acme.example", "Jane Roe")
    assert (said["state"], said["state_reason"]) == (State.ACTIVE, Reason.APPROVED)
    assert said["sponsor"] == sponsor.email
    assert (said["access"], said["access_reasons"]) == (True, [])
    assert said["until"] == min(said["expires_at"], said["inactive_at"])
    assert said["entitlements"] == ["app-1/read"]
    (sponsorship,) = said["sponsorships"]
    assert sponsorship["contract"] == "C-1"
    assert sponsorship["decided_by"] == sponsor.email
    assert sponsorship["sponsor_name"] == sponsor.name
    assert said["review_due_at"] == sponsorship["review_due_at"]


def test_a_list_costs_the_same_whatever_its_length():
    """Two guests or six: the same statements."""
    scene = Scene()
    acme = scene.partner("acme", most_new_per_hour=100)
    scene.offer(acme, default=True)
    in_turn(scene, acme, "ann", "bob")
    with counted() as few:
        assert len(queries.guests(scene.session, GuestFilter(), scene.now).guests) == 2
    for guest in in_turn(scene, acme, "cleo", "dan", "eve", "fay"):
        approve(scene, guest, acme.sponsor)
    with counted() as many:
        assert len(queries.guests(scene.session, GuestFilter(), scene.now).guests) == 6
    assert len(many) == len(few)
    assert len([one for one in many if one.startswith("SELECT")]) == 4


def test_pages_follow_on_without_gap_or_repetition():
    """Keyset paging: newest first, each guest once, and the last page says that it is the last."""
    scene = Scene()
    acme = scene.partner("acme", most_new_per_hour=100)
    expected = in_turn(scene, acme, "ann", "bob", "cleo", "dan", "eve")[::-1]
    seen, before = [], None
    while True:
        page = queries.guests(scene.session, GuestFilter(), scene.now, before=before, limit=2)
        seen += [guest.id for guest in page.guests]
        before = page.before
        if before is None:
            break
    assert expected == seen


def test_filters_narrow_and_counts_cover_every_state():
    """By organisation, by state, by how an address or a name begins; a sign is only a sign."""
    scene = Scene()
    acme, bolt = scene.partner("acme", most_new_per_hour=100), scene.partner("bolt")
    ann, bob = in_turn(scene, acme, "ann", "bob")
    eve = scene.guest(bolt, "eve", name="Eve Anderson")
    approve(scene, ann, acme.sponsor)

    def found(**wanted) -> set[UUID]:
        page = queries.guests(scene.session, GuestFilter(**wanted), scene.now)
        return {guest.id for guest in page.guests}

    assert found(organisation_id=acme.id) == {ann, bob}
    assert found(state=State.ACTIVE) == {ann}
    assert found(text="AN") == {ann, eve}
    assert found(text="eve@") == {eve}
    assert found(text="nderson") == set()
    assert found(text="%") == set()
    counts = queries.counts(scene.session, GuestFilter(organisation_id=acme.id))
    assert counts == {
        State.PENDING: 1,
        State.ACTIVE: 1,
        State.SUSPENDED: 0,
        State.REMOVED: 0,
    }


NAMES = {
    "ann": "Ana María de García López",
    "ozl": "Özlem ÇELİK",
    "sean": "O'Brien  Sean",
    "none": None,
    "odd": "50% _Odd_ Name",
}
SEARCHES = [
    ("ana", {"ann"}),
    ("ANA MARÍA", {"ann"}),
    ("maría", {"ann"}),
    ("MARÍA DE", {"ann"}),
    ("garcía lópez", {"ann"}),
    ("GarcÍa", {"ann"}),
    ("özlem", {"ozl"}),
    ("ÖZLEM", {"ozl"}),
    ("çel", {"ozl"}),
    ("o'b", {"sean"}),
    ("sean", {"sean"}),
    ("NONE@acme", {"none"}),
    ("50%", {"odd"}),
    ("_odd_", {"odd"}),
    ("%", set()),
    ("rcía", set()),
    ("acme.example", set()),
    (" ", {"ann", "ozl", "sean", "none", "odd"}),
]


def test_a_search_finds_each_word_of_a_name_in_any_case():
    """By its beginning, with accents, with the words after it; a sign is only a sign."""
    scene = Scene()
    acme = scene.partner("acme", most_new_per_hour=100)
    ids = {scene.guest(acme, key, name=name): key for key, name in NAMES.items()}
    for text, expected in SEARCHES:
        page = queries.guests(scene.session, GuestFilter(text=text), scene.now)
        assert {ids[one.id] for one in page.guests} == expected, text


def test_what_a_sponsor_decides_for_is_what_the_changes_let_them():
    """The list of organisations agrees with `eligible_sponsors`, whoever is asked about."""
    scene = Scene()
    ada, ben = scene.staff("Ada"), scene.staff("Ben", email="ben@acme.example")
    cy = scene.staff("Cy")
    scene.partner("acme", sponsors=[ada], deputy=cy)
    scene.partner("bolt", sponsors=[ada])
    with scene.tx() as tx:
        # Ben has an address in Acme's domains: named or not, he may not decide for it.
        everybody = {ada, ben, cy}
        for staff_id in everybody:
            decided = {one.id for one in organisations_decided_by(tx.session, staff_id)}
            eligible = {
                one.id
                for one in organisations(tx.session)
                if staff_id in {who.staff_id for who in eligible_sponsors(tx.session, one.id)}
            }
            assert decided == eligible
        assert not organisations_decided_by(tx.session, ben)
        assert not organisations_decided_by(tx.session, uuid7())


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

    items = queries.inbox(scene.session, ada, scene.now)

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
    assert items == queries.inbox(scene.session, ben, scene.now)
    (at_once,) = queries.inbox(scene.session, bolt.sponsor, scene.now)
    assert (at_once.kind, at_once.then) == (Kind.AT_ONCE, Reason.NOT_APPROVED)
    assert at_once.sponsorship.guest_id == other
    assert queries.inbox_count(scene.session, ada, scene.now) == 2

    approve(scene, first, ben, offers=[wiki])
    assert [one.guest_name for one in queries.inbox(scene.session, ada, scene.now)] == ["Bob"]


def test_inbox_leaves_out_what_time_decided():
    """A request that has lapsed is nobody's question, sweep or no sweep."""
    scene = Scene()
    acme = scene.partner("acme")
    scene.guest(acme)
    assert len(queries.inbox(scene.session, acme.sponsor, scene.now)) == 1
    scene.later(days=14)
    assert queries.inbox(scene.session, acme.sponsor, scene.now) == []
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
    (asked,) = queries.inbox(scene.session, acme.sponsor, scene.now)
    assert asked.kind == Kind.REVIEW
    scene.now = gone_at
    assert queries.inbox(scene.session, acme.sponsor, scene.now) == []
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
    assert queries.inbox(scene.session, ada, scene.now) == []
    scene.later(days=1)
    for swept in (False, True):
        if swept:
            scene.sweep()
        (item,) = queries.inbox(scene.session, ada, scene.now)
        assert (item.kind, item.then) == (Kind.REVIEW, Reason.REVIEW_MISSED)
    assert queries.inbox(scene.session, ben, scene.now) == []
    scene.later(days=14)
    assert len(queries.inbox(scene.session, ben, scene.now)) == 1


def test_my_guests_end_soonest_first_and_keep_whom_time_suspended():
    """In on my word, by what ends first; then whom time suspended and I could vouch for again."""
    scene = Scene()
    acme = scene.partner("acme", most_new_per_hour=100, inactivity_days=300, review_days=200)
    long, short, gone, held = in_turn(scene, acme, "long", "short", "gone", "held")
    approve(scene, long, acme.sponsor, days=100)
    approve(scene, short, acme.sponsor, days=50)
    approve(scene, gone, acme.sponsor, days=10)
    approve(scene, held, acme.sponsor, days=70)
    with scene.tx() as tx:
        people.suspend(tx, held, "badge found in a taxi")
    scene.later(days=12)
    scene.sweep()

    mine = queries.sponsor_guests(scene.session, acme.sponsor, scene.now)

    assert [one.guest.id for one in mine] == [short, held, long, gone]
    assert mine[-1].sponsorship.state_reason == Reason.EXPIRED
    stranger = scene.staff("Stranger")
    assert queries.sponsor_guests(scene.session, stranger, scene.now) == []


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


def test_past_decisions_are_mine_latest_first():
    """What I approved and rejected, by page; the deputy's are the deputy's."""
    scene = Scene()
    ben = scene.staff("Ben")
    acme = scene.partner("acme", deputy=ben, most_new_per_hour=100)
    ann, bob, cleo = in_turn(scene, acme, "ann", "bob", "cleo")
    approve(scene, ann, acme.sponsor)
    scene.later(hours=1)
    with scene.as_staff(acme.sponsor) as tx:
        deciding.reject(tx, scene.sponsorship(bob).id, acme.sponsor, "unknown here")
    approve(scene, cleo, ben)

    decisions = queries.past_decisions(scene.session, acme.sponsor)

    assert [one.guest_name for one in decisions] == ["Bob", "Ann"]
    assert decisions[0].sponsorship.decision_note == "unknown here"
    last = decisions[0].sponsorship
    assert last.decided_at is not None
    older = queries.past_decisions(
        scene.session, acme.sponsor, before=(last.decided_at, last.id), limit=1
    )
    assert [one.guest_name for one in older] == ["Ann"]


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

    (waiting,) = queries.proposals_waiting(scene.session, acme.sponsor, scene.now)

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
        listed = queries.proposals_waiting(scene.session, acme.sponsor, now)
        assert len(listed) == waits
        asked = {one.sponsorship.id for one in queries.inbox(scene.session, acme.sponsor, now)}
        told = asked | {one.sponsorship.id for one in listed}
        assert queries.inbox_count(scene.session, acme.sponsor, now) == len(told)
