"""Delete what has served its time."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select

from portal.foundation.transaction import Tx
from portal.sign_in.changes.sessions import touched
from portal.sign_in.models import ProviderDocument, Session, SignInAttempt

BATCH = 1000


def delete_expired(tx: Tx, at: datetime, limit: int = BATCH) -> int:
    """Delete a batch of attempts and sessions past their life; return how many, 0 when done.

    An attempt is kept as long as its state could be tried again (replay memory), a session until
    its absolute end, also when it was ended earlier. Documents go when nobody came for a month.
    """
    deleted = touched(
        tx.session.execute(
            delete(ProviderDocument)
            .where(ProviderDocument.fetched_at <= at - timedelta(days=30))
            .execution_options(synchronize_session=False)
        )
    )
    for table, expired in (
        (SignInAttempt, SignInAttempt.expires_at <= at),
        (Session, Session.ends_at <= at),
    ):
        keys = select(table.id).where(expired).limit(limit)
        deleted += touched(
            tx.session.execute(
                delete(table).where(table.id.in_(keys)).execution_options(synchronize_session=False)
            )
        )
    return deleted
