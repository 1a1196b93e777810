"""What the database finds for a sponsor is what the rules say, by pages, swept or not."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import func, select

from portal.access import queries
from portal.access.queries import GuestView, SponsorshipView, views
from portal.guests.models import Guest
from portal.guests.rules import Reason, State
from portal.lifecycle.changes import change_contract, let_go, name_sponsors
from portal.sponsorship.changes import deciding, people
from portal.sponsorship.changes.requesting import vouch
from portal.sponsorship.models import Grant
from portal.sponsorship.rules import Standing
from portal.trust.queries import organisations_decided_by
from tests.access.sponsored import approve, in_turn
from tests.crowd import crowd
from tests.scene import Partner, Scene, statements

pytestmark = pytest.mark.usefixtures("database")


def own_pages(scene: Scene, staff_id: UUID, **more) -> tuple[list[UUID], list[UUID], int]:
    """Follow the pages of two lines; return who is in, who is out, and the count of the first."""
    first = queries.sponsor_guests(scene.session, staff_id, scene.now, limit=2, **more)
    lists: list[list[UUID]] = []
    for name in ("inside", "over"):
        page, found = first, []
        while True:
            found += [one.guest.id for one in getattr(page, name)]
            last = getattr(page, f"{name}_last")
            if last is None:
                break
            page = queries.sponsor_guests(
                scene.session, staff_id, scene.now, after=last, limit=2, **more
            )
            assert page.count == first.count, "on each page"
        lists.append(found)
    return lists[0], lists[1], first.count


def inbox_pages(scene: Scene, staff_id: UUID) -> list[UUID]:
    """Follow the pages of two lines of an inbox."""
    found, last = [], None
    while True:
        page = queries.inbox(scene.session, staff_id, scene.now, after=last, limit=2)
        found += [one.sponsorship.id for one in page.items]
        last = page.last
        if last is None:
            return found


def by_the_rules(scene: Scene, staff_id: UUID) -> Iterator[tuple[GuestView, SponsorshipView]]:
    """Every sponsorship of every guest that an employee may decide about."""
    places = {one.id for one in organisations_decided_by(scene.session, staff_id)}
    ids = list(scene.session.scalars(select(Guest.id)))
    for guest in views(scene.session, ids, scene.now):
        if guest.organisation_id in places:
            for one in guest.sponsorships:
                yield guest, one


def expected_own(scene: Scene, staff_id: UUID) -> tuple[list[UUID], list[UUID]]:
    inside: dict[UUID, list] = {}
    over: dict[UUID, list] = {}
    for guest, one in by_the_rules(scene, staff_id):
        given = one.state == Standing.ACTIVE and not one.awaits_decision
        standing = guest.decision.standing
        left = standing.state == State.SUSPENDED and standing.reason == Reason.SPONSOR_LEFT
        if left and not standing.hold:
            over.setdefault(guest.id, []).append(standing.since)
        if one.sponsor_id != staff_id or one.state not in (Standing.ACTIVE, Standing.ENDED):
            continue
        held = standing.state == State.SUSPENDED and standing.hold
        if standing.state == State.SUSPENDED and not held:
            over.setdefault(guest.id, []).append(one.end[0])
        elif given and one.end[0] > scene.now and (held or standing.state == State.ACTIVE):
            inside.setdefault(guest.id, []).append(one.end[0])
    first, second = (
        sorted(part, key=lambda key, part=part: (max(part[key]), key)) for part in (inside, over)
    )
    return first, second


def expected_inbox(scene: Scene, staff_id: UUID) -> list[UUID]:
    found = []
    for guest, one in by_the_rules(scene, staff_id):
        standing = guest.decision.standing
        alive = standing.state in (State.PENDING, State.ACTIVE) or standing.hold
        if one.open is None or one.end[0] <= scene.now or not alive:
            continue
        due, ask = one.review_due_at, one.review_ask_at
        reviewed = due is not None and (ask is None or ask <= scene.now)
        mine = one.sponsor_id == staff_id or (due is not None and due <= scene.now)
        proposed = [
            grant for grant in guest.grants
            if grant.sponsorship_id == one.id and grant.state == "proposed"
        ]  # fmt: skip
        if one.awaits_decision or (reviewed and mine):
            found.append((0, one.end[0], one.review_due_at or one.requested_at, one.id))
        elif proposed and one.sponsor_id == staff_id:
            query = select(func.min(Grant.proposed_at)).where(
                Grant.sponsorship_id == one.id, Grant.state == "proposed"
            )
            since = scene.session.scalar(query)
            found.append((1, since, since, one.id))
    return [one[-1] for one in sorted(found)]


def lives(scene: Scene, acme: Partner, bolt: Partner, ben: UUID) -> None:
    """People who end in every way, some on two words."""
    ada = acme.sponsor
    scene.offer(acme, when=("department", "Finance"))
    names = ("short", "long", "silent", "held", "handed", "two", "ended", "asked", "more", "gone")
    short, long, silent, held, handed, two, ended, _asked, more, gone = in_turn(scene, acme, *names)
    for guest, days in (
        (short, 10), (long, 95), (silent, 80), (held, 70), (handed, 60), (two, 20),
        (ended, 50), (more, 90), (gone, 15),
    ):  # fmt: skip
        approve(scene, guest, ada, days=days)
    with scene.tx() as tx:
        people.suspend(tx, held, "badge found in a taxi")
    with scene.as_staff(ben) as tx:
        vouch(tx, two, ben, scene.day(75), [])
    with scene.as_staff(ada) as tx:
        deciding.hand_over(tx, scene.sponsorship(handed).id, ada, ben)
    with scene.as_staff(ada) as tx:
        deciding.end(tx, scene.sponsorship(ended).id, ada, "left")
    scene.later(hours=1)
    for subject in ("more", "long", "two"):
        claims = {"sub": subject, "department": "Finance"}
        scene.sign_in(acme, scene.identity(acme, subject, name=subject.title(), claims=claims))
    for subject in ("eve", "fay", "gus"):
        scene.guest(bolt, subject, name=subject.title())
    approve(scene, scene.find(bolt, "eve").id, ada, days=30)  # type: ignore[union-attr]


@pytest.mark.parametrize("swept", [False, True])
def test_the_lists_are_what_the_rules_say(*, swept: bool):
    """Through half a year, whatever ends meanwhile: each person once, in order, and counted."""
    scene = Scene()
    ada, ben = scene.staff("Ada"), scene.staff("Ben")
    acme = scene.partner(
        "acme", sponsors=[ada, ben], most_new_per_hour=100, last_day=scene.day(95),
        inactivity_days=50, review_days=40, grace_days=15,
    )  # fmt: skip
    bolt = scene.partner("bolt", sponsors=[ada], approval="at-once", most_new_per_hour=100)
    lives(scene, acme, bolt, ben)
    most, kinds = [0, 0], set()
    for step in range(20):
        for staff_id in (ada, ben):
            inside, over, count = own_pages(scene, staff_id)
            assert (inside, over) == expected_own(scene, staff_id), (step, staff_id)
            assert count == len(inside)
            waiting = inbox_pages(scene, staff_id)
            assert waiting == expected_inbox(scene, staff_id), (step, staff_id)
            assert queries.inbox_count(scene.session, staff_id, scene.now) == len(waiting)
            most = [max(most[0], len(inside)), max(most[1], len(over))]
            items = queries.inbox(scene.session, staff_id, scene.now).items
            kinds |= {one.kind for one in items}
        scene.later(days=7.3)
        if step == 4:
            for subject in ("long", "two", "more", "held"):
                claims = {"sub": subject, "department": "Finance"}
                scene.knock(acme, scene.identity(acme, subject, claims=claims))
            with scene.as_staff(ada) as tx:
                deciding.keep(tx, scene.sponsorship(scene.find(acme, "long").id).id, ada)
        if step == 6:
            with scene.tx() as tx:
                change_contract(tx, bolt.contract_id, last_day=scene.day(9), open_ended=False)
        if swept:
            scene.sweep()
    assert kinds == set(queries.Kind)
    assert most == [8, 5]


def test_an_instant_that_many_share_is_cut_anywhere():
    """A hundred last days of one day: the page ends in their midst, and goes on there."""
    scene = Scene()
    acme = scene.partner("acme", most_new_per_hour=100)
    expected = set(crowd(scene, acme, 7, days=30))
    inside, over, count = own_pages(scene, acme.sponsor)
    assert (set(inside), len(inside), over, count) == (expected, 7, [], 7)


def test_my_guests_end_soonest_first_and_keep_whom_time_suspended():
    """In on my word, by what ends first; beside them whom time suspended: I may vouch again."""
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

    assert [one.guest.id for one in mine.inside] == [short, held, long]
    assert [one.guest.id for one in mine.over] == [gone]
    assert mine.over[0].sponsorship.state_reason == Reason.EXPIRED
    stranger = scene.staff("Stranger")
    nobody = queries.sponsor_guests(scene.session, stranger, scene.now)
    assert (nobody.inside, nobody.over, nobody.count) == ((), (), 0)


@pytest.mark.parametrize("swept", [True, False])
def test_whom_no_sweep_has_removed_yet_hides_nobody(*, swept: bool):
    """More than a page of them stand at the front: the page goes on to whom time suspended."""
    scene = Scene()
    acme = scene.partner("acme", most_new_per_hour=100, inactivity_days=300, review_days=200)
    *gone, first, second = in_turn(scene, acme, "a", "b", "c", "d", "e", "f", "g")
    for guest in gone:
        approve(scene, guest, acme.sponsor, days=5)
    for guest in (first, second):
        approve(scene, guest, acme.sponsor, days=30)
    scene.later(days=45)
    if swept:
        scene.sweep()
    mine = queries.sponsor_guests(scene.session, acme.sponsor, scene.now, limit=2)
    assert first in {one.guest.id for one in mine.over}
    assert own_pages(scene, acme.sponsor) == ([], [first, second], 0)


def test_i11_whom_a_leaver_left_to_nobody_is_found_by_whoever_decides_next():
    """Nobody else was there: who is named then finds them, and nobody of another organisation."""
    scene = Scene()
    ada, ben = scene.staff("Ada"), scene.staff("Ben")
    acme = scene.partner("acme", sponsors=[ada], most_new_per_hour=100)
    jane, held, gone = in_turn(scene, acme, "jane", "held", "gone")
    for guest in (jane, held, gone):
        approve(scene, guest, ada, days=40)
    with scene.tx() as tx:
        people.suspend(tx, held, "badge found in a taxi")
        people.remove(tx, gone, "left")
    with scene.tx() as tx:
        assert let_go(tx, ada) == (0, 2)
    scene.partner("bolt", sponsors=[scene.staff("Stranger")])
    with scene.tx() as tx:
        name_sponsors(tx, acme.id, sponsors=[ben])
    assert own_pages(scene, ben) == ([], [jane], 0) == (*expected_own(scene, ben), 0)
    assert own_pages(scene, ben, text="jane") == ([], [jane], 0)
    assert own_pages(scene, ben, text="held") == ([], [], 0)
    (one,) = queries.sponsor_guests(scene.session, ben, scene.now).over
    assert one.sponsorship.state_reason == Reason.SPONSOR_LEFT
    assert own_pages(scene, scene.staff("Stranger")) == ([], [], 0)
    with scene.as_staff(ben) as tx:
        vouch(tx, jane, ben, scene.day(30), [])
    assert own_pages(scene, ben) == ([jane], [], 1)
    scene.later(days=31)
    assert own_pages(scene, ben) == ([], [jane], 0)


def test_a_search_among_my_guests_finds_nobody_elses():
    """By how the address or the name begins; the count is of those who are found."""
    scene = Scene()
    ada, ben = scene.staff("Ada"), scene.staff("Ben")
    acme = scene.partner("acme", sponsors=[ada, ben], most_new_per_hour=100)
    anna, bob, annika, ann = in_turn(scene, acme, "anna", "bob", "annika", "ann")
    for guest, staff_id, days in (
        (anna, ada, 40),
        (bob, ada, 50),
        (annika, ada, 30),
        (ann, ben, 9),
    ):
        approve(scene, guest, staff_id, days=days)
    assert own_pages(scene, ada, text=" ANN") == ([annika, anna], [], 2)
    assert own_pages(scene, ada, text="bob@") == ([bob], [], 1)
    assert own_pages(scene, ada, text="%") == ([], [], 0)
    scene.later(days=10)
    assert own_pages(scene, ben, text="ann") == ([], [ann], 0)
    assert own_pages(scene, ben, text="bob") == ([], [], 0)


def test_a_list_reads_a_page_however_long_it_is():
    """Ten guests or two hundred: the same statements, and no more rows of people."""
    scene = Scene()
    acme = scene.partner("acme", most_new_per_hour=1000, review_days=40, inactivity_days=100)
    crowd(scene, acme, 60, days=80)
    scene.later(days=30)

    def cost() -> list[tuple[str, int]]:
        with statements() as sent:
            page = queries.sponsor_guests(scene.session, acme.sponsor, scene.now, limit=5)
            waiting = queries.inbox(scene.session, acme.sponsor, scene.now, limit=5)
        assert (len(page.inside), len(waiting.items)) == (5, 5)
        return [(one.partition(" FROM ")[0], one.count("?") + one.count("%(")) for one in sent]

    few = cost()
    assert len(few) == 10
    crowd(scene, scene.partner("bolt", sponsors=acme.sponsors), 200, days=80)
    assert cost() == few
