"""How an organisation's sign-ins went, by weeks, on both databases."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from portal.audit.changes import record
from portal.audit.queries import SignIns, sign_ins
from portal.audit.rules import Event
from tests import factories
from tests.scene import Scene

MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def _came(organisation_id: UUID, at: datetime, *, refused: bool = False) -> None:
    event = (
        Event(
            "sign_in.refused",
            organisation_id=organisation_id,
            reason="adm.full",
            data={"reasons": ["adm.full"], "identity_provider": "id"},
        )
        if refused
        else Event(
            "sign_in.succeeded",
            organisation_id=organisation_id,
            data={"identity_provider": "id", "strength": ""},
        )
    )
    with factories.writing(now=at) as tx:
        record(tx, [event])


def test_sign_ins_by_weeks(database):
    """Each week since then is there, the first one whole; other organisations count elsewhere."""
    scene = Scene()
    acme, other = scene.partner(), scene.partner("zeta")
    now = MONDAY + timedelta(days=2, hours=9)
    for at in (MONDAY, MONDAY - TICK, MONDAY - timedelta(weeks=1), now):
        _came(acme.id, at)
    for at in (MONDAY - TICK, now + TICK, MONDAY - timedelta(weeks=1) - TICK):
        _came(acme.id, at, refused=True)
    _came(other.id, MONDAY)
    found = sign_ins(scene.session, acme.id, now, timedelta(weeks=1))
    assert found == [SignIns(date(2026, 11, 16), 2, 1), SignIns(date(2026, 11, 23), 2, 0)]
    assert sign_ins(scene.session, other.id, now, timedelta(0)) == [
        SignIns(date(2026, 11, 23), 1, 0)
    ]
