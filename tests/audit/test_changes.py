"""The log on both databases: append-only, whole or not at all, personal data apart, replayable."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, text
from sqlalchemy.exc import DatabaseError

from portal.audit.changes import record
from portal.audit.models import AuditEvent, AuditPersonal
from portal.audit.queries import Filter, search
from portal.audit.rules import Event, WrongEvent, digest
from portal.foundation.db import canonical_json, db
from portal.guests.rules import State
from portal.lifecycle import jobs
from portal.lifecycle.changes import end_organisation, hand_over_all, withdraw_offer
from portal.sponsorship.changes import deciding, people
from portal.sponsorship.changes.requesting import vouch
from portal.staff.changes import remove as let_go
from portal.trust import changes as trust
from tests.replay import folded, kept
from tests.scene import Scene


@pytest.fixture
def scene(database) -> Scene:
    return Scene()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET actor = 'nobody'",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event CASCADE",
    ],
)
def test_events_are_append_only(scene: Scene, statement: str):
    """The database refuses, whoever asks."""
    scene.partner()
    before = len(scene.events())
    db.session.rollback()  # TRUNCATE waits for whoever has read
    with pytest.raises(DatabaseError), db.engine.begin() as connection:
        connection.execute(text(statement))
    assert len(scene.events()) == before > 0


def test_l04_no_event_no_change(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    """If the log cannot be written, nothing happens and nobody is told."""
    acme = scene.partner()
    jane = scene.guest(acme)
    before, mailed = kept(scene.session), len(scene.mails())
    with monkeypatch.context() as patch:
        patch.setattr(
            "portal.audit.changes.table_of", lambda model: pytest.fail("disk full", pytrace=False)
        )
        with pytest.raises(pytest.fail.Exception):
            scene.approve(jane, acme.sponsor)
    assert kept(scene.session) == before
    assert len(scene.mails()) == mailed
    assert scene.row(jane).state == State.PENDING


FULL = {
    "sqlite": "CREATE TRIGGER no_room BEFORE INSERT ON audit_event "
    "BEGIN SELECT RAISE(ABORT, 'disk full'); END",
    "postgresql": "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'disk full'; END $$; "
    "CREATE TRIGGER no_room BEFORE INSERT ON audit_event EXECUTE FUNCTION no_room()",
}


@pytest.mark.parametrize("what", ["approve", "remove", "first sign-in", "refusal", "sweep"])
def test_l04_a_database_that_takes_no_event_takes_no_change(scene: Scene, what: str):
    """The disk is full for the log alone: no account, no approval, no mail, no removal."""
    acme = scene.partner()
    jane = scene.active(acme, days=5)
    eve = scene.guest(acme, "eve")
    arrived = scene.knock(acme, scene.identity(acme, "new"))
    before, mailed = kept(scene.session), len(scene.mails())
    db.session.rollback()
    kind = db.engine.dialect.name
    with db.engine.begin() as connection:
        connection.execute(text(FULL[kind]))

    def remove() -> None:
        with scene.tx() as tx:
            people.remove(tx, jane, "Left")

    changes = {
        "approve": lambda: scene.approve(eve, acme.sponsor),
        "remove": remove,
        "first sign-in": lambda: scene.accept(acme, arrived),
        "refusal": lambda: scene.knock(acme, scene.identity(acme, email="x@other.example")),
        "sweep": lambda: jobs.run(scene.now + timedelta(days=9)),
    }
    with pytest.raises(DatabaseError, match="disk full"):
        changes[what]()
    assert kept(scene.session) == before
    assert len(scene.mails()) == mailed
    assert scene.find(acme, "new") is None


def test_an_event_outside_the_vocabulary_undoes_the_change(scene: Scene):
    jane = scene.guest(scene.partner())
    before = kept(scene.session)

    def remove() -> None:
        with scene.tx() as tx:
            people.remove(tx, jane, "Left")
            record(tx, [Event("guest.vanished")])

    with pytest.raises(WrongEvent):
        remove()
    assert kept(scene.session) == before


def test_what_an_event_carries(scene: Scene):
    """Actor, organisation, guest, reference, version; canonical text; persons by a digest."""
    acme = scene.partner()
    scene.reference = "7K3F-9QXM-2D"
    jane = scene.guest(acme, name="J\u00e4ne")
    (event,) = scene.events("guest.created")
    assert (event.actor, event.at) == ("anonymous", scene.now)
    assert (event.organisation_id, event.guest_id) == (acme.id, jane)
    assert event.reference == "7K3F-9QXM-2D"
    raw = scene.session.execute(
        text("SELECT data, rules_version FROM audit_event WHERE event = 'guest.created'")
    ).one()
    assert raw.data == canonical_json(json.loads(raw.data))
    assert raw.rules_version == 1
    assert "J\u00e4ne" not in raw.data
    assert "jane@acme.example" not in raw.data
    (personal,) = scene.session.scalars(
        select(AuditPersonal).where(AuditPersonal.event_id == event.id)
    )
    assert personal.person == str(jane)
    assert personal.data[f"guest:{jane}"]["name"] == "J\u00e4ne"
    assert event.data["personal_digest"] == digest(personal.salt, personal.data)


def test_salts_are_not_shared(scene: Scene):
    """Two events that say the same of two people cannot be matched by their digests."""
    acme = scene.partner()
    for _ in range(2):
        scene.knock(acme, scene.identity(acme, email="x@other.example"))
    digests = {event.data["personal_digest"] for event in scene.events("sign_in.refused")}
    assert len(digests) == 2


def test_erasing_a_person_leaves_the_log(scene: Scene):
    """Their rows in the side table go; the events stay, and the log still reads."""
    acme = scene.partner()
    jane = scene.active(acme)
    count = len(scene.events())
    with scene.tx() as tx:
        tx.session.execute(delete(AuditPersonal).where(AuditPersonal.person == str(jane)))
    events = scene.events()
    assert len(events) == count
    assert all(not event.personal for event in scene.events(guest_id=jane))
    assert all("jane" not in str(event.data) for event in events)


def test_l07_what_colleagues_write_of_a_person_can_be_erased_too(scene: Scene):
    """Reasons are a human's words about somebody: they stand apart like the name they may hold."""
    acme = scene.partner()
    jane, john, kim = (scene.active(acme, one) for one in ("jane", "john", "kim"))
    eve = scene.guest(acme, "eve")
    with scene.as_staff(acme.sponsor) as tx:
        people.suspend(tx, jane, "Jane Roe lost a laptop")
        people.suspend(tx, kim, "Kim Roe is under suspicion", by_admin=True)
        deciding.end(tx, scene.sponsorship(john).id, acme.sponsor, "John Roe has left us")
        deciding.reject(tx, scene.sponsorship(eve).id, acme.sponsor, "Eve Roe is unknown here")
    with scene.as_staff(acme.sponsor) as tx:
        people.resume(tx, jane)
        people.remove(tx, jane, "Jane Roe sold the laptop")
        people.remove(tx, kim, "Kim Roe is guilty")
    assert all("Roe" not in str(event.data) for event in scene.events())
    assert sum("Roe" in str(event.personal) for event in scene.events(guest_id=jane)) > 3
    assert folded(scene.session) == kept(scene.session)
    about = scene.session.scalars(select(AuditPersonal.person)).all()
    assert {str(one) for one in (jane, john, kim, eve)} <= set(about)


def test_whose_personal_data_it_is(scene: Scene):
    """The person named, else the guest, else who acted, else nobody known."""
    acme = scene.partner()
    seen = {"seen": {"email": "a@b.example"}}
    with scene.tx() as tx:
        record(
            tx, [Event("guest.refreshed", personal=seen, person_id=acme.id, guest_id=acme.sponsor)]
        )
        record(tx, [Event("guest.refreshed", personal=seen, guest_id=acme.sponsor)])
        record(tx, [Event("guest.refreshed", personal=seen)])
        record(tx, [])
    with scene.as_staff(acme.sponsor) as tx:
        record(tx, [Event("guest.refreshed", personal=seen)])
    query = (
        select(AuditPersonal.person)
        .join(AuditEvent, AuditEvent.id == AuditPersonal.event_id)
        .where(AuditEvent.event == "guest.refreshed")
        .order_by(AuditEvent.seq)
    )
    people_of = [str(acme.id), str(acme.sponsor), "unknown", str(acme.sponsor)]
    assert list(scene.session.scalars(query)) == people_of


class TestSearch:
    def test_by_everything(self, scene: Scene):
        acme, zeta = scene.partner(), scene.partner("zeta")
        jane = scene.active(acme)
        begun = scene.later(days=1)
        scene.reference = "7K3F-9QXM-2D"
        with scene.as_staff(acme.sponsor) as tx:
            deciding.end(tx, scene.sponsorship(jane).id, acme.sponsor, "Over")
        for wanted in (
            Filter(reference="7K3F-9QXM-2D"),
            Filter(since=begun),
            Filter(guest_id=jane, since=begun),
            Filter(since=begun, until=begun + timedelta(seconds=1), organisation_id=acme.id),
        ):
            found = search(scene.session, wanted)
            assert [one.event for one in found] == ["guest.removed", "sponsorship.ended"], wanted
        assert search(scene.session, Filter(since=begun, until=begun)) == []
        assert search(scene.session, Filter(since=begun, organisation_id=zeta.id)) == []
        assert search(scene.session, Filter(event="guest.vanished")) == []

    def test_pages(self, scene: Scene):
        """Newest first, by keyset; all of them when asked."""
        scene.active(scene.partner())
        everything = scene.events()
        newest_first = everything[::-1]
        page = search(scene.session, Filter(), limit=4)
        assert page == newest_first[:4]
        then = search(scene.session, Filter(), beyond=page[-1].seq, limit=4)
        assert then == newest_first[4:8]
        assert search(scene.session, Filter(), limit=None) == newest_first


def test_folding_the_log_gives_the_rows(scene: Scene):
    """A long life of many: every row is in the log, to the last column."""
    ada, ben = scene.staff("ada"), scene.staff("ben")
    acme = scene.partner(sponsors=(ada, ben), lead=ada, most_new_per_hour=1000)
    zeta = scene.partner("zeta", approval="at-once", last_day=scene.day(200))
    wiki = scene.offer(acme, default=True)
    finance = scene.offer(acme, when=("department", "Finance"))
    scene.offer(zeta, default=True)
    jane, john = (scene.guest(acme, one, claims={"department": "Finance"}) for one in "ab")
    kim = scene.guest(zeta, "kim")
    scene.approve(jane, ada, offers=[wiki, finance])
    scene.later(days=3)
    scene.sign_in(acme, scene.identity(acme, "a", name="A. Other", email="a@elsewhere.example"))
    with scene.as_staff(ben) as tx:
        vouch(tx, jane, ben, scene.day(200), [wiki])
        deciding.reject(tx, scene.sponsorship(john).id, ben, "No")
    with scene.as_staff(ben) as tx:
        people.let_back(tx, john, ben)
        deciding.hand_over(tx, scene.sponsorship(john).id, ben, ada)
    with scene.as_staff(zeta.sponsor) as tx:
        people.suspend(tx, kim, "Lost laptop")
    scene.later(days=30)
    scene.sweep()
    with scene.tx() as tx:
        withdraw_offer(tx, wiki)
        let_go(tx, ada)
        hand_over_all(tx, ada)
        trust.suspend(tx, acme.id, "Unpaid")
        end_organisation(tx, zeta.id, scene.day(5))
    scene.later(days=40)
    scene.sweep()
    scene.sign_in(zeta, scene.identity(zeta, "kim"))
    assert folded(scene.session) == kept(scene.session)
