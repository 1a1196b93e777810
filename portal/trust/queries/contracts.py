"""Contracts: which one runs, and all of them."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.trust.models import Contract
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
    row = session.scalars(
        select(Contract)
        .where(
            Contract.organisation_id == organisation_id,
            Contract.begins_at <= now,
            (Contract.ends_at.is_(None)) | (Contract.ends_at > now),
        )
        .order_by(Contract.ends_at.is_(None).desc(), Contract.ends_at.desc(), Contract.reference)
        .limit(1)
    ).one_or_none()
    return None if row is None else _contract_row(row).facts


def _contract_row(row: Contract) -> ContractRow:
    return ContractRow(**{name: getattr(row, name) for name in ContractRow.__dataclass_fields__})
