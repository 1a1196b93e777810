"""Keep what was fetched of a provider, and how often it was fetched lately."""

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from portal.foundation.crypto import hash_token
from portal.foundation.transaction import Tx
from portal.sign_in.models import ProviderDocument
from portal.sign_in.shelved import FETCHES, PER, Shelved


def note_fetch(tx: Tx, name: str, at: datetime) -> bool:
    """Note a fetch of a provider's keys, unless there were enough in the last minute."""
    key = hash_token(name)
    row = tx.session.execute(
        select(ProviderDocument.fetches)
        .where(ProviderDocument.issuer_hash == key)
        .with_for_update()
    ).one_or_none()
    # What is far ahead was noted by a clock that was wrong, and would count until that time comes.
    earliest, latest = (at - PER).timestamp(), (at + PER).timestamp()
    recent = [one for one in (row.fetches if row else ()) if earliest < one < latest]
    if len(recent) >= FETCHES:
        return False
    recent.append(at.timestamp())
    if row:
        tx.session.execute(
            update(ProviderDocument)
            .where(ProviderDocument.issuer_hash == key)
            .values(fetches=recent)
            .execution_options(synchronize_session=False)
        )
        return True
    # Two processes that meet a provider for the first time at once: one of them makes the row.
    made = tx.session.execute(
        _insert(tx)(ProviderDocument)
        .values(issuer_hash=key, fetches=recent)
        .on_conflict_do_nothing(index_elements=["issuer_hash"])
        .returning(ProviderDocument.issuer_hash)
    )
    return made.first() is not None


def shelve(tx: Tx, name: str, shelved: Shelved) -> None:
    """Keep what was fetched of a provider."""
    values = {
        "document": dict(shelved.document),
        "keys": dict(shelved.keys),
        "fetched_at": shelved.fetched_at,
    }
    tx.session.execute(
        _insert(tx)(ProviderDocument)
        .values(issuer_hash=hash_token(name), fetches=[], **values)
        .on_conflict_do_update(index_elements=["issuer_hash"], set_=values)
    )


def _insert(tx: Tx) -> Any:
    sqlite = tx.connection.dialect.name == "sqlite"
    return sqlite_insert if sqlite else postgresql_insert
