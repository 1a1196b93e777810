"""An organisation's domains grow over a sponsor's own address, on both databases."""

from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from portal.guests.rules import Reason, State
from portal.lifecycle import changes
from portal.sponsorship.changes import deciding
from portal.sponsorship.changes.bounds import NotYours, require_decider
from portal.sponsorship.rules import Standing
from portal.trust.queries import eligible_sponsors
from portal.trust.rules import Refused
from tests.factories import HOUSE
from tests.replay import folded, kept
from tests.scene import Partner, Scene

LABS = "labs.example"


@pytest.fixture
def ada(scene: Scene) -> UUID:
    """An employee whose mail is at a company that a partner has bought meanwhile."""
    return scene.staff("ada", email=f"ada@{LABS}")


def set_domains(scene: Scene, partner: Partner, *names: str) -> tuple[int, int]:
    with scene.tx() as tx:
        return changes.set_domains(tx, partner.id, names, vouched_by="Grace", house=HOUSE)


def test_what_they_vouched_for_goes_on(scene: Scene, ada: UUID):
    """To the deputy, as when they leave; there alone, and whoever is vouched for stays in."""
    ben, dee = scene.staff("ben"), scene.staff("dee")
    acme = scene.partner(sponsors=(ada, ben), lead=ada, deputy=dee)
    zeta = scene.partner("zeta", sponsors=(ada,))
    jane, john, zoe = scene.active(acme), scene.guest(acme, "john"), scene.active(zeta, "zoe")
    before = [scene.row(one) for one in (jane, john, zoe)]
    assert set_domains(scene, acme, "acme.example", LABS.upper()) == (2, 0)
    assert {scene.sponsorship(one).sponsor_id for one in (jane, john)} == {dee}
    assert scene.sponsorship(zoe).sponsor_id == ada
    assert [scene.row(one) for one in (jane, john, zoe)] == before
    assert scene.access(jane).allowed
    told = [(mail.to, mail.payload["by"]) for mail in scene.mails("sponsor.handed_over")]
    assert told == [("dee@host.example", "")] * 2
    with pytest.raises(NotYours), scene.as_staff(ada) as tx:
        deciding.keep(tx, scene.sponsorship(jane).id, ada)
    # Named still: they may decide again once the domain is gone, but nothing comes back by itself.
    assert set_domains(scene, acme, "acme.example") == (0, 0)
    assert ada in {one.staff_id for one in eligible_sponsors(scene.session, acme.id)}
    assert scene.sponsorship(jane).sponsor_id == dee
    assert folded(scene.session) == kept(scene.session)


def test_an_heir_with_such_an_address_is_none(scene: Scene, ada: UUID):
    """Two are shut out by one domain: neither takes over from the other."""
    eve, ben = scene.staff("eve", email=f"eve@{LABS}"), scene.staff("ben")
    acme = scene.partner(sponsors=(ada, ben), lead=ada, deputy=eve)
    jane, john = scene.active(acme), scene.active(acme, "john")
    with scene.as_staff(ada) as tx:
        deciding.hand_over(tx, scene.sponsorship(john).id, ada, eve)
    assert set_domains(scene, acme, "acme.example", LABS) == (2, 0)
    assert {scene.sponsorship(one).sponsor_id for one in (jane, john)} == {ben}
    assert folded(scene.session) == kept(scene.session)


def test_nobody_is_left(scene: Scene, ada: UUID):
    """Who is in is suspended, who waits is out; both are told, as when the last sponsor leaves."""
    acme = scene.partner(sponsors=(ada,))
    jane, john = scene.active(acme), scene.guest(acme, "john")
    assert set_domains(scene, acme, "acme.example", LABS) == (0, 2)
    rows = [scene.row(one) for one in (jane, john)]
    assert [(row.state, row.state_reason) for row in rows] == [
        (State.SUSPENDED, Reason.SPONSOR_LEFT),
        (State.REMOVED, Reason.SPONSOR_LEFT),
    ]
    assert {scene.sponsorship(one).state for one in (jane, john)} == {Standing.ENDED}
    assert [mail.to for mail in scene.mails("guest.suspended")] == ["jane@acme.example"]
    (removed,) = scene.mails("guest.removed")
    assert (removed.to, removed.payload["waited"]) == ("john@acme.example", True)
    assert not scene.access(jane).allowed
    assert folded(scene.session) == kept(scene.session)


def test_settled_first(scene: Scene, ada: UUID):
    """Whose time had run out is not handed over."""
    acme = scene.partner(sponsors=(ada,), deputy=scene.staff("dee"))
    jane = scene.active(acme, days=5)
    scene.later(days=10)
    assert set_domains(scene, acme, "acme.example", LABS) == (0, 0)
    row = scene.sponsorship(jane)
    assert (row.sponsor_id, row.state_reason) == (ada, Reason.EXPIRED)


@pytest.mark.parametrize("names", [(), (LABS, "no domain"), (LABS, "zeta.example")])
def test_refused_it_touches_nobody(scene: Scene, ada: UUID, names: tuple[str, ...]):
    """A domain that cannot be, one that another holds, or none at all: nothing is written."""
    acme = scene.partner(sponsors=(ada,), deputy=scene.staff("dee"))
    scene.partner("zeta", sponsors=(ada,))
    scene.active(acme)
    before = kept(scene.session)
    with pytest.raises(Refused) as refused:
        set_domains(scene, acme, *names)
    assert refused.value.field == "domain"
    assert kept(scene.session) == before


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_decision_under_way_is_awaited(scene: Scene, ada: UUID, database: Flask):
    """Whoever may still decide does so first: what it gives them is handed over then."""
    acme = scene.partner(sponsors=(ada,), deputy=scene.staff("dee"))

    def meanwhile() -> None:
        with Scene().tx() as tx:
            tx.session.execute(text("SET LOCAL lock_timeout = '100ms'"))
            changes.set_domains(tx, acme.id, [LABS], vouched_by="Grace", house=HOUSE)

    with scene.as_staff(ada) as tx:
        require_decider(tx, acme.id, ada)
        with database.app_context(), pytest.raises(OperationalError, match="lock timeout"):
            meanwhile()
    meanwhile()
    assert eligible_sponsors(scene.session, acme.id)[0].staff_id == acme.deputy
