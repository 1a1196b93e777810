"""Lists of guests and of what waits for a sponsor, on both databases."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest
from sqlalchemy import event

from portal.access import queries
from portal.access.queries import GuestFilter
from portal.foundation.db import db, uuid7
from portal.guests.rules import Reason, State
from portal.lifecycle.changes import withdraw_offer
from portal.sponsorship.changes import deciding
from portal.staff.queries import staff_by_id
from portal.trust.queries import eligible_sponsors, organisations, organisations_decided_by
from tests.access.sponsored import approve, in_turn
from tests.scene import Scene

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


def test_a_list_may_be_of_any_number_of_people(monkeypatch: pytest.MonkeyPatch):
    """PostgreSQL takes 65,535 parameters in a statement, SQLite half of that: it reads in parts."""
    scene = Scene()
    acme = scene.partner("acme")
    people = [scene.guest(acme, f"p{number}") for number in range(5)]
    whole = queries.views(scene.session, people, scene.now)
    monkeypatch.setattr("portal.foundation.db.MOST_AT_ONCE", 2)
    session = scene.session
    with counted() as sent:
        assert queries.views(session, people, scene.now) == whole
    # The facts, the sponsorships, the grants: two people, two, and one.
    assert len([one for one in sent if one.startswith("SELECT")]) == 9
    page = queries.inbox(session, acme.sponsor, scene.now)
    assert len({item.sponsorship.id for item in page.items}) == 5
