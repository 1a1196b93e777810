"""Parts of larger reads: what is open of a guest, and who decides with how much waiting."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    FromClause,
    ScalarSelect,
    Select,
    and_,
    bindparam,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
)
from sqlalchemy.orm import Session

from portal.foundation.db import table_of
from portal.guests.models import Guest
from portal.sponsorship.models import Sponsorship
from portal.sponsorship.rules import Candidate, OpenSponsorship, Standing
from portal.trust.models import Contract
from portal.trust.queries.sponsors import IN_ORDER, MAY_DECIDE, NAMED, STAFF, WITH_STAFF

OPEN = (Standing.REQUESTED, Standing.ACTIVE)
# As words of the statement: it need not be written anew for each list of parameters, and the
# database sees how rare the one is and how common the other, whatever plan it keeps.
_OPEN: tuple[ColumnElement[str], ...] = tuple(literal_column(f"'{one}'") for one in OPEN)
_REQUESTED, _ACTIVE = _OPEN

_SPONSORSHIP, _CONTRACT, _GUEST = table_of(Sponsorship), table_of(Contract), table_of(Guest)
_ITS_CONTRACT = _CONTRACT.alias("sponsorship_contract")
_OF_OPEN = ("id", "state", "expires_at", "lapses_at", "approve_by", "review_ends_at")
OPEN_COLUMNS: tuple[ColumnElement[Any], ...] = (
    *(_SPONSORSHIP.c[name] for name in _OF_OPEN),
    _ITS_CONTRACT.c.begins_at,
    _ITS_CONTRACT.c.ends_at,
)


def with_open(tables: FromClause, guest_id: ColumnElement[UUID]) -> FromClause:
    """Join what ``OPEN_COLUMNS`` are read from: a row for each open sponsorship, at least one."""
    of_guest = and_(_SPONSORSHIP.c.guest_id == guest_id, _SPONSORSHIP.c.state.in_(_OPEN))
    return tables.outerjoin(_SPONSORSHIP, of_guest).outerjoin(
        _ITS_CONTRACT, _ITS_CONTRACT.c.id == _SPONSORSHIP.c.contract_id
    )


def open_in(values: Sequence[Any]) -> OpenSponsorship | None:
    """Return the open sponsorship of a row's ``OPEN_COLUMNS``, if there is one."""
    key, state, *dates = values
    return None if key is None else OpenSponsorship(key, Standing(state), *dates)


def waiting_for(staff_id: ColumnElement[UUID]) -> ScalarSelect[int]:
    """Return how many decisions an employee owes at the parameter *now*, as a sub-select.

    What time has decided already, swept or not, awaits nobody.
    """
    asked, contract, guest = (
        table.alias(f"waiting_{table.name}") for table in (_SPONSORSHIP, _CONTRACT, _GUEST)
    )
    now: BindParameter[datetime] = bindparam("now", type_=_GUEST.c.created_at.type)
    return (
        select(func.count())
        .select_from(
            asked.join(contract, contract.c.id == asked.c.contract_id).join(
                guest, guest.c.id == asked.c.guest_id
            )
        )
        .where(
            asked.c.sponsor_id == staff_id,
            _awaiting(asked),
            not_(_is_due(asked, contract, guest, now)),
        )
        .scalar_subquery()
    )


def is_due(
    now: datetime, sponsorship: FromClause = _SPONSORSHIP, contract: FromClause = _CONTRACT
) -> ColumnElement[bool]:
    """Return the SQL condition that an open sponsorship, or its guest, has something due."""
    return _is_due(sponsorship, contract, _GUEST, now)


def _is_due(
    sponsorship: Any, contract: Any, guest: Any, now: datetime | BindParameter[datetime]
) -> ColumnElement[bool]:
    dates = (
        sponsorship.c.expires_at,
        sponsorship.c.lapses_at,
        sponsorship.c.approve_by,
        sponsorship.c.review_ends_at,
        contract.c.ends_at,
        guest.c.inactive_at,
        guest.c.removes_at,
    )
    return or_(*(func.coalesce(date <= now, false()) for date in dates))


def _awaiting(sponsorship: Any) -> ColumnElement[bool]:
    return or_(
        sponsorship.c.state == _REQUESTED,
        and_(sponsorship.c.state == _ACTIVE, sponsorship.c.approve_by.is_not(None)),
    )


def awaiting() -> ColumnElement[bool]:
    """Return the SQL condition of a sponsorship that awaits a decision."""
    return _awaiting(_SPONSORSHIP)


@dataclass(frozen=True, slots=True)
class Decider(Candidate):
    """An employee who may decide for an organisation now, as a message addresses them."""

    name: str


def deciders_for(organisation_id: ColumnElement[UUID]) -> Select[*tuple[Any, ...]]:
    """Return the sub-select of who may decide, in the order of ``trust.queries.sponsors``."""
    return (
        select(
            STAFF.c.id,
            NAMED.c.role,
            NAMED.c.lead,
            waiting_for(STAFF.c.id).label("waiting"),
            STAFF.c.email,
            STAFF.c.name,
        )
        .select_from(WITH_STAFF)
        .where(NAMED.c.organisation_id == organisation_id, MAY_DECIDE)
        .order_by(*IN_ORDER)
    )


def deciders_of(rows: Sequence[Sequence[Any]]) -> tuple[Decider, ...]:
    """Return whom ``deciders_for`` brought through ``packed_rows``."""
    return tuple(Decider(*row) for row in rows)


_DECIDERS = deciders_for(bindparam("organisation", type_=NAMED.c.organisation_id.type))


def deciders(session: Session, organisation_id: UUID, now: datetime) -> tuple[Decider, ...]:
    """Return who may decide for an organisation, with how much waits for each of them."""
    rows = session.execute(_DECIDERS, {"organisation": organisation_id, "now": now})
    return tuple(Decider(*row) for row in rows)
