"""Contracts: which one runs, and all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, FromClause, Uuid, bindparam, or_, select
from sqlalchemy.orm import Session

from portal.foundation.db import table_of
from portal.trust.models import Contract, Organisation
from portal.trust.rules import ContractFacts


@dataclass(frozen=True, slots=True)
class ContractRow:
    """A contract with its local days and their instants."""

    id: UUID
    organisation_id: UUID
    reference: str
    first_day: date
    last_day: date | None
    open_ended: bool
    time_zone: str
    begins_at: datetime
    ends_at: datetime | None
    settled_at: datetime | None

    @property
    def facts(self) -> ContractFacts:
        """What the decisions need of it."""
        return ContractFacts(
            self.id, self.reference, self.begins_at, self.ends_at, self.last_day, self.time_zone
        )


def contracts(session: Session, organisation_id: UUID) -> list[ContractRow]:
    """Return the contracts of an organisation, earliest beginning first."""
    rows = session.scalars(
        select(Contract)
        .where(Contract.organisation_id == organisation_id)
        .order_by(Contract.begins_at, Contract.reference)
    )
    return [_contract_row(row) for row in rows]


def contracts_ending(session: Session, after: datetime, until: datetime) -> list[ContractRow]:
    """Return the contracts of all organisations that end in a time, soonest first."""
    rows = session.scalars(
        select(Contract)
        .where(Contract.ends_at > after, Contract.ends_at <= until)
        .order_by(Contract.ends_at, Contract.id)
    )
    return [_contract_row(row) for row in rows]


def contract_by_id(session: Session, contract_id: UUID) -> ContractRow | None:
    """Return the contract of this id."""
    row = session.get(Contract, contract_id)
    return None if row is None else _contract_row(row)


def contract_facts(session: Session, contract_id: UUID) -> ContractFacts:
    """Return what the decisions need of a contract that exists."""
    return _contract_row(session.get_one(Contract, contract_id)).facts


def contract_by_reference(
    session: Session, organisation_id: UUID, reference: str
) -> ContractRow | None:
    """Return an organisation's contract of this reference."""
    row = session.scalars(
        select(Contract).where(
            Contract.organisation_id == organisation_id, Contract.reference == reference
        )
    ).one_or_none()
    return None if row is None else _contract_row(row)


def running_contract(
    session: Session, organisation_id: UUID, now: datetime
) -> ContractFacts | None:
    """Return the contract that runs now; of several the one that ends last, open-ended last."""
    row = session.execute(_RUNNING, {"organisation": organisation_id, "now": now}).one_or_none()
    return None if row is None else ContractFacts(*row)


def running_contracts(session: Session, now: datetime) -> dict[UUID, ContractFacts]:
    """Return what ``running_contract`` does, by organisation; where none runs, nothing."""
    rows = session.execute(_ALL_RUNNING, {"now": now})
    return {key: contract for key, *row in rows if (contract := contract_of(row))}


# -- as a part of a larger read -------------------------------------------------------------------

_CONTRACT = table_of(Contract)
_OTHER = _CONTRACT.alias("other_contract")
CONTRACT_COLUMNS: tuple[ColumnElement[Any], ...] = tuple(
    _CONTRACT.c[name] for name in ContractFacts.__dataclass_fields__
)


def _is_running(organisation_id: ColumnElement[UUID]) -> ColumnElement[bool]:
    now: BindParameter[datetime] = bindparam("now", type_=_CONTRACT.c.begins_at.type)
    running = (
        select(_OTHER.c.id)
        .where(
            _OTHER.c.organisation_id == organisation_id,
            _OTHER.c.begins_at <= now,
            or_(_OTHER.c.ends_at.is_(None), _OTHER.c.ends_at > now),
        )
        .order_by(_OTHER.c.ends_at.is_(None).desc(), _OTHER.c.ends_at.desc(), _OTHER.c.reference)
        .limit(1)
    )
    return _CONTRACT.c.id == running.scalar_subquery()


_RUNNING = select(*CONTRACT_COLUMNS).where(_is_running(bindparam("organisation", type_=Uuid())))


def with_running_contract(tables: FromClause, organisation_id: ColumnElement[UUID]) -> FromClause:
    """Join what ``CONTRACT_COLUMNS`` are read from: what runs at the parameter *now*."""
    return tables.outerjoin(_CONTRACT, _is_running(organisation_id))


def contract_of(values: Sequence[Any]) -> ContractFacts | None:
    """Return the contract of a row's ``CONTRACT_COLUMNS``, if one runs."""
    return None if values[0] is None else ContractFacts(*values)


_ORGANISATION = table_of(Organisation)
_ALL_RUNNING = select(_ORGANISATION.c.id, *CONTRACT_COLUMNS).select_from(
    with_running_contract(_ORGANISATION, _ORGANISATION.c.id)
)


def _contract_row(row: Contract) -> ContractRow:
    return ContractRow(**{name: getattr(row, name) for name in ContractRow.__dataclass_fields__})
