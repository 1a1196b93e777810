"""A sponsor is told what somebody else decides about their guest; whoever decided it is not."""

from datetime import timedelta
from uuid import UUID

import pytest

from portal.foundation.transaction import Actor
from portal.lifecycle.changes import end_organisation
from portal.sponsorship.changes import deciding, people
from portal.sponsorship.changes.requesting import vouch
from portal.trust.changes import name_sponsors
from tests.scene import Partner, Scene

ADA, BEN = "ada@host.example", "ben@host.example"


@pytest.fixture
def ada(scene: Scene) -> UUID:
    return scene.staff("ada")


@pytest.fixture
def ben(scene: Scene) -> UUID:
    return scene.staff("ben")


@pytest.fixture
def acme(scene: Scene, ada: UUID, ben: UUID) -> Partner:
    scene.staff("root", role="admin")
    return scene.partner(sponsors=(ada, ben), lead=ada)


def told(scene: Scene) -> list[tuple[str, str, str]]:
    """Who was told that somebody else did what."""
    mails = scene.mails("sponsor.guest_stopped")
    return [(one.to, one.payload["by"], one.payload["reason"]) for one in mails]


def test_a_colleague_holds_them(scene: Scene, acme: Partner, ada: UUID, ben: UUID):
    """Until when that may be lifted stands in the mail."""
    jane = scene.active(acme)
    with scene.as_staff(ben) as tx:
        people.suspend(tx, jane, "Lost laptop")
    assert told(scene) == [(ADA, "ben", "suspended_by_staff")]
    (mail,) = scene.mails("sponsor.guest_stopped")
    removes_at = scene.row(jane).removes_at
    assert removes_at is not None
    assert mail.payload["removes_at"] == removes_at.isoformat()
    assert "Lost laptop" not in str(mail.payload)  # colleagues read it on the page


def test_an_admin_holds_whom_a_colleague_holds(scene: Scene, acme: Partner, ada: UUID):
    """Their sponsor, who could have lifted it, no longer can; the guest sees no difference."""
    jane = scene.active(acme)
    with scene.as_staff(ada) as tx:
        people.suspend(tx, jane, "Lost laptop")
    assert told(scene) == []
    held = scene.row(jane).state_since
    scene.now += timedelta(days=1)
    with scene.tx(Actor.shell("root")) as tx:
        people.suspend(tx, jane, "Under investigation", by_admin=True)
    assert told(scene) == [(ADA, "", "suspended_by_admin")]
    (mail,) = scene.mails("sponsor.guest_stopped")
    assert (mail.payload["out_since"], mail.payload["since"]) == (
        held.isoformat(),
        scene.now.isoformat(),
    )


@pytest.mark.parametrize("how", ["removed", "ended"])
def test_whose_access_was_closed_already(
    scene: Scene, acme: Partner, ada: UUID, ben: UUID, how: str
):
    """Neither they nor their sponsor read that it was open until now."""
    jane = scene.active(acme)
    with scene.tx(Actor.shell("root")) as tx:
        people.suspend(tx, jane, "Under investigation", by_admin=True)
    held = scene.row(jane).state_since
    scene.now += timedelta(days=1)
    with scene.as_staff(ben) as tx:
        if how == "removed":
            people.remove(tx, jane, "Left the company")
        else:
            deciding.end(tx, scene.sponsorship(jane).id, ben, "Over")
    (gone,) = scene.mails("guest.removed")
    for mail in (gone, scene.mails("sponsor.guest_stopped")[-1]):
        assert (mail.payload["out_since"], mail.payload["since"]) == (
            held.isoformat(),
            scene.now.isoformat(),
        )


@pytest.mark.parametrize("swept", [True, False], ids=["swept between", "swept once"])
def test_time_closed_it_and_then_ended_it(scene: Scene, acme: Partner, *, swept: bool):
    """Whenever a sweep ran: when access was closed stands beside when it ended."""
    jane = scene.active(acme, days=10)
    closed = scene.sponsorship(jane).expires_at
    if swept:
        scene.later(days=12)
        scene.sweep()
    scene.later(days=60)
    scene.sweep()
    (gone,) = scene.mails("guest.removed")
    assert gone.payload["out_since"] == closed.isoformat()
    assert gone.payload["since"] == (closed + timedelta(days=30)).isoformat()


@pytest.mark.parametrize("waits", [True, False], ids=["waits", "is in"])
def test_somebody_removes_them(scene: Scene, acme: Partner, ben: UUID, *, waits: bool):
    """Also who only waited for this sponsor's decision."""
    jane = scene.guest(acme) if waits else scene.active(acme)
    with scene.as_staff(ben) as tx:
        people.remove(tx, jane, "Left the company")
    assert told(scene) == [(ADA, "ben", "removed_by_staff")]
    assert scene.mails("sponsor.guest_stopped")[0].payload["waited"] == waits


def test_each_sponsor_once_and_never_who_did_it(scene: Scene, acme: Partner, ada: UUID, ben: UUID):
    """Both vouch for them; one removes them."""
    jane = scene.active(acme)
    with scene.as_staff(ben) as tx:
        vouch(tx, jane, ben, scene.day(50), [])
    with scene.as_staff(ben) as tx:
        people.remove(tx, jane, "Left the company")
    assert told(scene) == [(ADA, "ben", "removed_by_staff")]


@pytest.mark.parametrize("stays", [True, False])
def test_a_colleague_ends_what_they_vouched_for(
    scene: Scene, acme: Partner, ada: UUID, ben: UUID, *, stays: bool
):
    """Whether the guest is out says the mail; a sponsor who ends their own word gets none."""
    jane = scene.active(acme)
    mine = scene.sponsorship(jane).id
    if stays:
        with scene.as_staff(ben) as tx:
            vouch(tx, jane, ben, scene.day(50), [])
    with scene.as_staff(ben) as tx:
        assert deciding.end(tx, mine, ben, "Over") is None
    assert told(scene) == [(ADA, "ben", "ended_by_sponsor")]
    assert scene.mails("sponsor.guest_stopped")[0].payload["stays"] == stays
    john = scene.active(acme, "john")
    with scene.as_staff(ada) as tx:
        deciding.end(tx, scene.sponsorship(john).id, ada, "Over")
    assert len(told(scene)) == 1


@pytest.mark.parametrize("days", [5, 200], ids=["sooner", "later"])
def test_a_colleague_moves_the_last_day_of_their_word(
    scene: Scene, acme: Partner, ada: UUID, ben: UUID, days: int
):
    """It stays their word, so they read of it; the guest, that the day they were told has moved."""
    jane = scene.active(acme, days=80)
    mine = scene.sponsorship(jane).id
    for last_day in (scene.day(days), scene.day(days), scene.day(days + 1)):
        with scene.as_staff(ben) as tx:
            assert deciding.change_last_day(tx, mine, ben, last_day) is None
    assert scene.sponsorship(jane).sponsor_id == ada
    moved = [scene.day(days).isoformat(), scene.day(days + 1).isoformat()]
    told = scene.mails("sponsor.decided")
    assert [(one.to, one.payload["by"], one.payload["taken"]) for one in told] == [
        (ADA, "ben", "moved")
    ] * 2
    assert [one.payload["last_day"] for one in told] == moved
    mails = scene.mails("guest.approved")[1:]
    assert [one.payload["last_day"] for one in mails] == moved
    assert all(one.payload["moved"] and one.payload["sponsor"] == "ada" for one in mails)


def test_whoever_moves_their_own_reads_nothing_and_who_is_held_neither(
    scene: Scene, acme: Partner, ada: UUID
):
    """The held are told until when once nobody holds them."""
    jane = scene.active(acme, days=80)
    with scene.as_staff(ada) as tx:
        people.suspend(tx, jane, "Lost laptop")
    before = scene.mail_kinds()
    with scene.as_staff(ada) as tx:
        deciding.change_last_day(tx, scene.sponsorship(jane).id, ada, scene.day(5))
    assert scene.mail_kinds() == before


def test_an_ended_organisation_is_told_once_and_not_once_a_guest(scene: Scene, acme: Partner):
    """The mail about the contract has the count."""
    for subject in ("jane", "john"):
        scene.active(acme, subject)
    with scene.tx() as tx:
        end_organisation(tx, acme.id, None)
    assert told(scene) == []
    assert {one.payload["count"] for one in scene.mails("sponsor.contract_ended")} == {2}


def relieved(scene: Scene) -> list[tuple[str, str, str]]:
    """Who was told that a colleague took something off them, and whose it is now."""
    mails = scene.mails("sponsor.decided")
    return [(one.to, one.payload["taken"], one.payload["sponsor"]) for one in mails]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_colleague_decides_what_they_were_asked(
    scene: Scene, ada: UUID, ben: UUID, *, at_once: bool
):
    """To either side; who decides what they were asked themselves is told nothing."""
    policy = {"approval": "at-once"} if at_once else {}
    acme = scene.partner(sponsors=(ada, ben), lead=ada, **policy)
    for subject, by in (("jane", ben), ("john", ada)):
        asked = scene.sponsorship(scene.guest(acme, subject)).id
        with scene.as_staff(by) as tx:
            assert deciding.approve(tx, asked, by, scene.day(20), []) is None
    for subject, by in (("kim", ben), ("lee", ada)):
        asked = scene.sponsorship(scene.guest(acme, subject)).id
        with scene.as_staff(by) as tx:
            assert deciding.reject(tx, asked, by, "Nobody knows them") is None
    assert relieved(scene) == [(ADA, "approved", ""), (ADA, "rejected", "")]
    assert [mail.payload["stays"] for mail in scene.mails("sponsor.decided")] == [True, False]
    assert "Nobody knows" not in str([mail.payload for mail in scene.mails("sponsor.decided")])
    assert told(scene) == []


def test_a_colleague_takes_a_guest_over(scene: Scene, acme: Partner, ada: UUID, ben: UUID):
    """By answering a review, by handing them to somebody, or to themselves."""
    eve = scene.staff("eve")
    with scene.tx() as tx:
        name_sponsors(tx, acme.id, sponsors=[ada, ben, eve], deputy=None, lead=ada)
    jane = scene.active(acme)
    key = scene.sponsorship(jane).id
    with scene.as_staff(ben) as tx:
        assert deciding.keep(tx, key, ben) is None
    assert relieved(scene) == [(ADA, "kept", "")]
    for by, to in ((ben, ada), (ben, eve), (ada, ada), (eve, ben), (ada, ben)):
        with scene.as_staff(by) as tx:
            assert deciding.hand_over(tx, key, by, to) is None
    assert relieved(scene)[1:] == [
        (ADA, "handed_over", "eve"),
        ("eve@host.example", "handed_over", ""),
        (ADA, "handed_over", "ben"),
    ]


def test_whose_word_a_colleague_confirms_anew_is_told_once(
    scene: Scene, acme: Partner, ada: UUID, ben: UUID
):
    """Whoever has it already takes it off nobody."""
    key = scene.sponsorship(scene.active(acme)).id
    for by in (ada, ben, ben):
        with scene.as_staff(by) as tx:
            assert deciding.keep(tx, key, by) is None
    assert relieved(scene) == [(ADA, "kept", "")]
