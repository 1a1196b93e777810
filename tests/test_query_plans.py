"""No read of the door, of a request or of a sweep looks through a whole table, on both databases.

Several thousand people lie there, with statistics; each statement that is sent is explained
with its own parameters.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, insert, text
from sqlalchemy.orm import Session

from portal.access import queries as access
from portal.admission.queries import gather
from portal.audit.queries import Filter, search, sign_ins
from portal.delivery import queries as mails
from portal.delivery.changes import delete_sent
from portal.delivery.models import Outbox
from portal.delivery.rules import KEPT_SENT
from portal.foundation.db import db, table_of, uuid7
from portal.guests import queries as guests
from portal.guests.models import FederatedIdentity, Guest
from portal.guests.rules import Reason, State
from portal.lifecycle import queries as lifecycle
from portal.sign_in.queries import live_session
from portal.sponsorship import queries as sponsorships
from portal.sponsorship.models import Grant, Sponsorship
from portal.sponsorship.rules import Standing
from tests.scene import Partner, Scene

PEOPLE = 4000
# What grows with the people; partners, contracts, employees and offers are few.
LARGE = "guest|federated_identity|sponsorship|grant_|audit_event|audit_personal|arrival|outbox"
SCANS = re.compile(
    rf"Seq Scan on ({LARGE})\b"  # PostgreSQL
    rf"|SCAN ({LARGE})\b"  # SQLite; with an index that is all of the index
)
WALKS = re.compile(rf"Index (Only )?Scan (Backward )?using \w+ on ({LARGE})\b")

Ids = tuple[Partner, list[UUID], list[UUID]]


@pytest.fixture
def scene(database) -> Scene:
    return Scene()


@pytest.fixture
def crowd(scene: Scene) -> Ids:
    """A partner with thousands of people in every state, a few of them due."""
    acme = scene.partner(most_guests=10_000, most_new_per_hour=10_000)
    other = scene.partner("zeta")
    contracts = {
        one.id: [scene.contract(one, f"D-{n}", open_ended=True) for n in range(20)]
        for one in (acme, other)
    }
    offer = scene.offer(acme)
    entitlement = scene.session.scalar(text("SELECT id FROM entitlement"))
    keys = [uuid7() for _ in range(PEOPLE)]
    words = [uuid7() for _ in range(PEOPLE)]
    rows: dict[Any, list[dict[str, Any]]] = {
        Guest: [], FederatedIdentity: [], Sponsorship: [], Grant: []
    }  # fmt: skip
    for number, (key, word) in enumerate(zip(keys, words, strict=True)):
        partner = acme if number % 2 else other
        state = (State.ACTIVE, State.ACTIVE, State.PENDING, State.SUSPENDED, State.REMOVED)[
            number % 5
        ]
        standing = {
            State.ACTIVE: Standing.ACTIVE,
            State.PENDING: Standing.REQUESTED,
        }.get(state, Standing.ENDED)
        ahead = scene.now + timedelta(days=number % 360 - 1, seconds=number)
        past = scene.now - timedelta(days=number % 500 + 1)
        active, waits = state == State.ACTIVE, state == State.PENDING
        rows[Guest].append(
            {
                "id": key, "organisation_id": partner.id, "state": state,
                "state_reason": Reason.APPROVED, "state_since": past, "expires_at": ahead,
                "inactive_at": ahead if active else None, "lapses_at": ahead if waits else None,
                "removes_at": ahead if state == State.SUSPENDED else None, "terms_version": 1,
                "created_at": past, "arrived_at": past, "session_epoch": 1,
                "email": f"p{number}@{partner.domain}", "name": f"P{number}", "profile": {},
            }
        )  # fmt: skip
        rows[FederatedIdentity].append(
            {
                "id": uuid7(), "guest_id": key, "organisation_id": partner.id,
                "issuer": partner.issuer, "subject": f"p{number}",
                "identity_provider_id": partner.provider_id,
            }
        )  # fmt: skip
        rows[Sponsorship].append(
            {
                "id": word, "guest_id": key, "organisation_id": partner.id,
                "contract_id": contracts[partner.id][number % 20], "sponsor_id": partner.sponsor,
                "state": standing, "state_reason": Reason.APPROVED, "state_since": past,
                "last_day": ahead.date(), "expires_at": ahead, "requested_at": past,
                "lapses_at": ahead if waits else None, "at_once": active,
                "approve_by": ahead if active and number % 7 == 0 else None,
                "review_ask_at": ahead if active else None,
                "review_due_at": ahead if active else None,
                "review_ends_at": ahead if active else None,
            }
        )  # fmt: skip
        rows[Grant].append(
            {
                "id": uuid7(), "guest_id": key, "sponsorship_id": word, "offer_id": offer,
                "entitlement_id": UUID(str(entitlement)), "state": "active" if active else "ended",
                "state_reason": "approved", "by_claim": False,
                "ended_at": None if active else past,
            }
        )  # fmt: skip
    with scene.tx() as tx:
        for model, values in rows.items():
            columns = set(values[0])
            assert all(set(one) == columns for one in values)
            tx.session.execute(insert(table_of(model)), values)
    with db.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()
    return acme, keys, words


@contextmanager
def plans() -> Iterator[list[str]]:
    """Explain every statement that is sent."""
    found: list[str] = []
    sqlite = db.engine.dialect.name == "sqlite"
    words = "EXPLAIN QUERY PLAN " if sqlite else "EXPLAIN "

    def explain(_connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith(("SELECT", "DELETE", "UPDATE")):
            own = cursor.connection.cursor()
            if not sqlite:
                # Where half of a table is wanted, reading all of it is right: what is asked here
                # is whether there is another way.
                own.execute("SET enable_seqscan = off")
            own.execute(words + statement, parameters)
            found.append(f"{statement}\n" + "\n".join(str(row[-1]) for row in own.fetchall()))
            own.close()

    event.listen(db.engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(db.engine, "before_cursor_execute", explain)


Read = Callable[[Session, Ids, Scene], object]
READS: dict[str, Read] = {
    "access": lambda s, ids, _: access.of(s, ids[1][0]),
    "the session of a request": lambda s, _ids, scene: live_session(
        s, token="x" * 43, at=scene.now, idle=timedelta(hours=1)
    ),
    "access of some people": lambda s, ids, _: access.gather(s, ids[1][:5]),
    "identity": lambda s, ids, _: guests.by_identity(s, ids[0].id, ids[0].issuer, "p77"),
    "address": lambda s, ids, _: guests.address_taken(s, "p77@acme.example", ids[1][0]),
    "guest": lambda s, ids, _: guests.get(s, ids[1][5]),
    "sponsorships of a guest": lambda s, ids, _: sponsorships.of_guest(s, ids[1][5]),
    "open of some guests": lambda s, ids, _: sponsorships.open_of(s, ids[1][:50]),
    "open rows of some guests": lambda s, ids, _: sponsorships.open_rows(s, ids[1][:50]),
    "grants of a guest": lambda s, ids, _: sponsorships.grants_of(s, ids[1][:1]),
    "grants under sponsorships": lambda s, ids, _: sponsorships.grants_under(s, ids[2][:50]),
    "what was turned down": lambda s, ids, _: sponsorships.turned_down(s, ids[1][5], ids[2][5]),
    "audit by reference": lambda s, _ids, _: search(s, Filter(reference="7K3F-9QXM-2D")),
    "audit of a guest": lambda s, ids, _: search(s, Filter(guest_id=ids[1][5])),
    "sign-ins by weeks": lambda s, ids, scene: sign_ins(
        s, ids[0].id, scene.now, timedelta(weeks=4)
    ),
    "contracts that have ended": lambda s, _ids, scene: lifecycle.ended_contracts(s, scene.now),
    "guests by name or address": lambda s, ids, scene: access.guests(
        s, access.GuestFilter(ids[0].id, text="p77"), scene.now
    ),
    "how many of them": lambda s, _ids, _: access.counts(s, access.GuestFilter(text="p77")),
    "past decisions": lambda s, ids, _: access.past_decisions(s, ids[0].sponsor),
    "open under a contract": lambda s, ids, _: sponsorships.open_under_contract(
        s, ids[0].contract_id, None, 100
    ),
} | {
    f"due: {kind}{after and ', after a cursor'}": (
        lambda s, ids, scene, fetch=fetch, after=after: fetch(
            s, scene.now, (scene.now - timedelta(hours=5), ids[2][0]) if after else None, 100
        )
    )
    for kind, fetch in {**lifecycle.KINDS, "review asked": lifecycle.review_asks}.items()
    for after in ("", "after")
}


def test_what_was_sent_long_ago_is_found_by_its_index(scene: Scene):
    """Among thousands of mails, those past their month."""
    fill_outbox(scene)
    long_after = scene.now + KEPT_SENT
    with plans() as found:
        assert mails.count_past_keeping(scene.session, long_after) == PEOPLE / 2
        scene.session.rollback()
        with scene.tx() as tx:
            assert delete_sent(tx, long_after, 100) == 100
    assert len(found) == 3
    assert [plan for plan in found if scanned(plan)] == []
    assert all("ix_outbox_state_created_at" in plan for plan in found[:2])


def fill_outbox(scene: Scene) -> None:
    """Put thousands of mails: half of them were sent at once, half a week later."""
    sent = {"kind": "test", "to": "a@host.example", "payload": {}, "reference": "r", "tries": 1}
    rows = [
        sent
        | {
            "id": uuid7(),
            "dedupe_key": str(number),
            "state": "sent",
            "not_before": scene.now,
            "created_at": scene.now + timedelta(days=number % 2 * 7),
            "settled_at": scene.now + timedelta(days=number % 2 * 7),
        }
        for number in range(PEOPLE)
    ]
    with scene.tx() as tx:
        tx.session.execute(insert(table_of(Outbox)), rows)
    with db.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()


def test_every_look_up_has_its_index(scene: Scene, crowd: Ids):
    """The door, the access check, and each query of a sweep."""
    session = scene.session
    complaints = []
    at_the_door = {
        f"the door: {subject}": (
            lambda s, ids, scene, subject=subject: at_door(s, ids, scene, subject)
        )
        for subject in ("p77", "somebody-new")
    }
    for name, read in (READS | at_the_door).items():
        with plans() as found:
            read(session, crowd, scene)
        assert found, name
        complaints += [f"{name}: {plan}" for plan in found if scanned(plan)]
    assert complaints == []


def at_door(session: Session, ids: Ids, scene: Scene, subject: str) -> object:
    """Read everything about somebody who signs in, known or new."""
    partner = ids[0]
    identity = scene.identity(partner, subject)
    provider = scene.provider_row(partner, identity)
    return gather(session, identity, provider, frozenset(), scene.now)


def scanned(plan: str) -> list[str]:
    """The lines of a plan that look through a whole table, or through a whole index of it."""
    lines = [*plan.splitlines(), ""]
    return [
        line
        for line, then in pairwise(lines)
        if SCANS.search(line) or (WALKS.search(line) and "Index Cond" not in then)
    ]


def test_a_scan_would_be_seen(scene: Scene, crowd: Ids):
    """The test goes red on a look-up without an index."""
    with plans() as found:
        scene.session.execute(text("SELECT count(*) FROM guest WHERE state_note = 'x'"))
    assert [bool(scanned(plan)) for plan in found] == [True]


def test_a_sweep_of_a_few_among_many(scene: Scene, crowd: Ids):
    """Settling a batch reads and writes by index too."""
    with plans() as found:
        scene.sweep(batch=5)
    complaints = [plan for plan in found if scanned(plan)]
    assert complaints == []
