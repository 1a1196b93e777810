"""Very many people at once: one guest comes in by the door, the others are copies of its rows."""

from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update

from portal.foundation.db import table_of, uuid7
from portal.guests.models import FederatedIdentity, Guest
from portal.sponsorship.models import Sponsorship
from portal.trust.models import Organisation
from tests.scene import Partner, Scene


def crowd(scene: Scene, partner: Partner, number: int, *, days: int) -> list[UUID]:
    """Let so many people of a partner be in, each on a sponsorship of so many days."""
    first = scene.active(partner, "p0", days=days)
    guest, word, identity = (
        dict(scene.session.execute(select(table_of(model)).where(column == first)).mappings().one())
        for model, column in (
            (Guest, Guest.id),
            (Sponsorship, Sponsorship.guest_id),
            (FederatedIdentity, FederatedIdentity.guest_id),
        )
    )
    guests: list[dict[str, Any]] = []
    words: list[dict[str, Any]] = []
    identities: list[dict[str, Any]] = []
    for at in range(1, number):
        key = uuid7()
        guests.append({**guest, "id": key, "email": f"p{at}@{partner.domain}"})
        words.append({**word, "id": uuid7(), "guest_id": key})
        identities.append({**identity, "id": uuid7(), "guest_id": key, "subject": f"p{at}"})
    with scene.tx() as tx:
        for model, rows in (
            (Guest, guests),
            (Sponsorship, words),
            (FederatedIdentity, identities),
        ):
            tx.session.execute(insert(table_of(model)), rows)
        more = Organisation.seats + number - 1
        tx.session.execute(
            update(Organisation).where(Organisation.id == partner.id).values(seats=more)
        )
    return [first, *(row["id"] for row in guests)]
