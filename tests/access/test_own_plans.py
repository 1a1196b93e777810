"""A sponsor among others reads what is theirs: no list of theirs looks through everybody."""

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from portal.access import queries
from portal.access.queries import Place
from portal.foundation.db import db
from portal.guests.models import Guest
from portal.sponsorship.models import Sponsorship
from tests.scene import Partner, Scene
from tests.test_query_plans import Ids, crowd, plans, scanned, scene

__all__ = ["crowd", "scene"]  # fixtures

FEW = 5
Read = Callable[[Session, UUID, Scene], object]


def behind(scene: Scene, part: int) -> Place:
    """Where a page ended."""
    return Place(part, scene.now, scene.now, UUID(int=1))


READS: dict[str, Read] = {
    "what waits": lambda s, who, scene: queries.inbox(s, who, scene.now, limit=FEW),
    "what waits further on": lambda s, who, scene: queries.inbox(
        s, who, scene.now, after=behind(scene, 0), limit=FEW
    ),
    "how much waits": lambda s, who, scene: queries.inbox_count(s, who, scene.now),
    "their guests": lambda s, who, scene: queries.sponsor_guests(s, who, scene.now, limit=FEW),
    "their guests further on": lambda s, who, scene: queries.sponsor_guests(
        s, who, scene.now, after=behind(scene, 0), limit=FEW
    ),
    "whom time suspended": lambda s, who, scene: queries.sponsor_guests(
        s, who, scene.now, after=behind(scene, 1), limit=FEW
    ),
    "their guests by name": lambda s, who, scene: queries.sponsor_guests(
        s, who, scene.now, text="p7", limit=FEW
    ),
    "who knocks": lambda s, who, scene: queries.knocking(
        s, who, scene.now, before=(scene.now, UUID(int=1)), limit=FEW
    ),
    "how many knock": lambda s, who, _: queries.knocking_count(s, who),
    "when they are asked next": lambda s, who, scene: queries.next_review(s, who, scene.now),
}


@pytest.fixture
def spread(scene: Scene, crowd: Ids) -> Partner:
    """The same people, of twenty partners with a sponsor each."""
    _, guests, words = crowd
    partners = [scene.partner(f"part-{n}") for n in range(20)]
    with scene.tx() as tx:
        for n, one in enumerate(partners):
            of = {"organisation_id": one.id}
            for model, keys, values in (
                (Guest, guests, of),
                (Sponsorship, words, {**of, "sponsor_id": one.sponsor}),
            ):
                tx.session.execute(
                    update(model).where(model.id.in_(keys[n::20])).values(**values),
                    execution_options={"synchronize_session": False},
                )
    with db.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()
    return partners[7]


def test_each_list_has_its_index(scene: Scene, spread: Partner):
    """Whatever the page, and however it is looked for."""
    complaints = []
    for name, read in READS.items():
        with plans() as found:
            read(scene.session, spread.sponsor, scene)
        assert found, name
        complaints += [f"{name}: {plan}" for plan in found if scanned(plan)]
    assert complaints == [], "\n\n".join(complaints)
