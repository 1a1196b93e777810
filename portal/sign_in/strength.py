"""A stricter demand for strength ends the sessions that it would not have let begin."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from portal.foundation.db import parts, table_of
from portal.foundation.transaction import Tx
from portal.sign_in.models import Session
from portal.sign_in.rules import strong_enough
from portal.trust.queries import providers

_SESSION = table_of(Session)


def end_weak_sessions(tx: Tx, organisation_id: UUID | None, at: datetime) -> int:
    """End guests' sessions that are weaker than what counts now; return how many.

    Args:
        tx: in which the demand was changed.
        organisation_id: whose guests; none: everybody's.
        at: the protocol clock's time.
    """
    weak: list[UUID] = []
    for provider in providers(tx.session, organisation_id):
        if not provider.accepted_acr and not provider.accepted_amr:
            continue
        live = select(_SESSION.c.id, _SESSION.c.acr, _SESSION.c.amr).where(
            _SESSION.c.identity_provider_id == provider.id,
            _SESSION.c.revoked_at.is_(None),
            _SESSION.c.ends_at > at,
        )
        weak += [
            row.id
            for row in tx.execute(live).all()
            if not strong_enough(
                row.acr, row.amr or (), provider.accepted_acr, provider.accepted_amr
            )
        ]
    for ids in parts(weak):
        tx.execute(update(_SESSION).where(_SESSION.c.id.in_(ids)).values(revoked_at=at))
    return len(weak)
