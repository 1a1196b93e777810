"""Case I07: no sponsor is asked about themselves, whoever chooses whom to ask."""

import pytest
from sqlalchemy import update

from portal.admission.changes import SignedIn, TurnedAway
from portal.admission.rules import Refusal
from portal.guests.changes import write
from portal.guests.queries import lock
from portal.guests.rules import Reason, State
from portal.lifecycle import changes
from portal.sponsorship.changes import deciding, people
from portal.sponsorship.changes.bounds import Oneself
from portal.sponsorship.changes.requesting import vouch
from portal.sponsorship.rules import Standing
from portal.staff.changes import remove as let_go
from portal.staff.models import Staff
from portal.trust import changes as trust
from tests.factories import HOUSE
from tests.infra.ports import wait_until
from tests.racing import beside, somebody_waits
from tests.replay import folded, kept
from tests.scene import Partner, Scene

COLUMNS = pytest.mark.parametrize("column", ["email", "email_aside"])


def become(scene: Scene, guest_id, name: str, column: str = "email") -> None:
    """Let a guest have an employee's address: one who was hired later, or a domain that went."""
    with scene.tx() as tx:
        write(tx, "guest.refreshed", lock(tx, [guest_id])[0], {column: f"{name}@host.example"})


def leave(scene: Scene, staff_id) -> tuple[int, int]:
    with scene.tx() as tx:
        let_go(tx, staff_id)
        return changes.hand_over_all(tx, staff_id)


@COLUMNS
def test_i07_a_leaver_hands_nobody_to_themselves(scene: Scene, acme: Partner, column: str):
    """The deputy takes over all but the guest who is the deputy: a sponsor does."""
    ada, ben = acme.sponsors
    jane, john = scene.active(acme, "jane"), scene.guest(acme, "john")
    become(scene, jane, "dee", column)
    assert leave(scene, ada) == (2, 0)
    assert scene.sponsorship(jane).sponsor_id == ben
    assert scene.sponsorship(john).sponsor_id == acme.deputy
    told = sorted(mail.to for mail in scene.mails("sponsor.handed_over"))
    assert told == ["ben@host.example", "dee@host.example"]
    assert folded(scene.session) == kept(scene.session)


@COLUMNS
def test_i07_with_nobody_else_left_it_is_as_with_nobody(scene: Scene, column: str):
    """Suspended and told, until somebody else vouches."""
    dee = scene.staff("dee")
    acme = scene.partner(deputy=dee)
    jane, john = scene.active(acme, "jane"), scene.active(acme, "john")
    become(scene, jane, "dee", column)
    assert leave(scene, acme.sponsor) == (1, 1)
    assert scene.sponsorship(john).sponsor_id == dee
    assert scene.sponsorship(jane).state == Standing.ENDED
    guest = scene.row(jane)
    assert (guest.state, guest.state_reason) == (State.SUSPENDED, Reason.SPONSOR_LEFT)
    assert scene.mails("guest.suspended")[-1].payload["reason"] == "sponsor_left"
    assert folded(scene.session) == kept(scene.session)


@COLUMNS
@pytest.mark.parametrize("moved", [True, False])
def test_i07_who_becomes_their_own_guest_hands_them_on(
    scene: Scene, acme: Partner, column: str, *, moved: bool
):
    """A sponsor's address is a guest's by now: that one goes to the deputy, the others stay."""
    ada, _ben = acme.sponsors
    jane, john = scene.active(acme, "jane"), scene.guest(acme, "john")
    with scene.tx() as tx:
        assert changes.hand_over_lost(tx, ada, moved=moved) == (0, 0)
    become(scene, jane, "ada", column)
    with scene.tx() as tx:
        assert changes.hand_over_lost(tx, ada, moved=moved) == (1, 0)
    asked = [scene.sponsorship(one).sponsor_id for one in (jane, john)]
    assert asked == [acme.deputy, ada]
    with scene.tx() as tx:
        assert changes.hand_over_lost(tx, ada, moved=moved) == (0, 0)
    assert folded(scene.session) == kept(scene.session)


def test_i07_lost_by_time_first(scene: Scene, acme: Partner):
    """Whose time had run out is not handed over."""
    jane = scene.active(acme, days=5)
    become(scene, jane, "ada")
    scene.later(days=10)
    with scene.tx() as tx:
        assert changes.hand_over_lost(tx, acme.sponsor, moved=False) == (0, 0)
    assert scene.sponsorship(jane).state_reason == Reason.EXPIRED


def test_i07_nobody_arrives_as_an_employee(scene: Scene, acme: Partner):
    """So the door has nobody to leave out: what a returning guest was called is taken over."""
    jane = scene.guest(acme)
    scene.later(days=20)  # the request has lapsed
    become(scene, jane, "ada")
    with scene.tx() as tx:
        trust.add_domain(tx, acme.id, "host-labs.example", vouched_by="Grace", house=HOUSE)
    ada_too = scene.identity(acme, email="ada@host-labs.example")
    eve = scene.staff("eve", email="ada@host-labs.example")
    result = scene.knock(acme, ada_too)
    assert isinstance(result, TurnedAway)
    assert Refusal.HOST_DOMAIN in result.decision.reasons
    with scene.tx() as tx:
        let_go(tx, eve)
    assert isinstance(scene.sign_in(acme, ada_too), SignedIn)
    assert scene.row(jane).email == "ada@host-labs.example"
    assert scene.sponsorship(jane).sponsor_id == acme.sponsor


@COLUMNS
def test_i07_news_of_a_knock_goes_to_somebody_else(scene: Scene, acme: Partner, column: str):
    """Whether to let them back is not theirs to decide either."""
    jane = scene.active(acme)
    with scene.tx() as tx:
        people.remove(tx, jane, "Left the project")
    become(scene, jane, "ada", column)
    assert isinstance(scene.knock(acme, scene.identity(acme)), TurnedAway)
    assert [mail.to for mail in scene.mails("sponsor.knocked")] == ["ben@host.example"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("whose", ["the sponsor's", "the guest's"])
@pytest.mark.parametrize("what", ["approve", "vouch", "let back"])
def test_i07_an_address_that_moves_at_this_moment(
    scene: Scene, acme: Partner, whose: str, what: str
):
    """Whoever decides waits for it, and is asked then whether it is about themselves."""
    _ada, ben = acme.sponsors
    jane = scene.active(acme) if what == "vouch" else scene.guest(acme)
    asked = scene.sponsorship(jane)
    if what == "let back":
        with scene.as_staff(ben) as tx:
            deciding.reject(tx, asked.id, ben, "We do not know them")

    with scene.tx() as tx:
        aside = {"email_aside": "jane@new.example"}
        write(tx, "guest.refreshed", lock(tx, [jane])[0], aside)

    def decide() -> None:
        other = Scene(now=scene.now)
        with other.as_staff(ben) as tx:
            if what == "approve":
                deciding.approve(tx, asked.id, ben, other.day(30), ())
            elif what == "vouch":
                vouch(tx, jane, ben, other.day(30), ())
            else:
                people.let_back(tx, jane, ben)

    beside_us, faults = beside(decide)
    with scene.tx() as tx:
        if whose == "the sponsor's":
            new = {"email": "jane@new.example"}
            tx.session.execute(update(Staff).where(Staff.id == ben).values(new))
        else:
            new = {"email": "ben@host.example"}
            write(tx, "guest.refreshed", lock(tx, [jane])[0], new)
        beside_us.start()
        wait_until(somebody_waits, "the sponsor waits")
    beside_us.join(20)
    assert [type(fault) for fault in faults] == [Oneself]
    assert [row.id for row in scene.sponsorships(jane)] == [asked.id]
