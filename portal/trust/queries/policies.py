"""Policies: the newest version counts, of the organisation and of the defaults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, ScalarSelect, and_, bindparam, func, select
from sqlalchemy.orm import Session

from portal.foundation.db import table_of
from portal.foundation.packed import packed
from portal.trust.models import Organisation, Policy
from portal.trust.rules import (
    POLICY_FIELDS,
    EffectivePolicy,
    effective,
    own_fields,
)

_NO_DEFAULTS = "there are no portal-wide defaults yet: run `portal db upgrade`"


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A version of a policy: what it sets itself, from when on."""

    id: UUID
    organisation_id: UUID | None
    version: int
    since: datetime
    values: Mapping[str, Any]


def policy_row(session: Session, organisation_id: UUID | None) -> PolicyRow | None:
    """Return the newest version of an organisation's own policy, or of the defaults (``None``)."""
    row = session.scalars(select(Policy).where(Policy.id == _newest(organisation_id))).one_or_none()
    return None if row is None else _policy_row(row)


def policy_history(session: Session, organisation_id: UUID | None) -> list[PolicyRow]:
    """Return every version, newest first."""
    rows = session.scalars(
        select(Policy)
        .where(Policy.organisation_id == organisation_id)
        .order_by(Policy.version.desc())
    )
    return [_policy_row(row) for row in rows]


def default_policy(session: Session) -> EffectivePolicy:
    """Return the portal-wide defaults.

    Raises:
        LookupError: there are none yet.
    """
    row = policy_row(session, None)
    if row is None:
        raise LookupError(_NO_DEFAULTS)
    return effective(row.values, None)


def policy_for(session: Session, organisation_id: UUID) -> EffectivePolicy:
    """Return the policy that counts for an organisation now.

    Raises:
        LookupError: there are no portal-wide defaults yet.
    """
    return policy_of(session.execute(_IN_FORCE, {"organisation": organisation_id}).scalar_one())


def policy_own(session: Session, organisation_id: UUID) -> tuple[str, ...]:
    """Return which values of its policy are the organisation's own."""
    own = policy_row(session, organisation_id)
    return own_fields(own.values if own else None)


# -- as a part of a larger read -------------------------------------------------------------------

_POLICY = table_of(Policy)
_OWN, _DEFAULTS = _POLICY.alias("own_policy"), _POLICY.alias("default_policy")
_OLDER = _POLICY.alias("older_policy")
POLICY_COLUMN: ColumnElement[Any] = packed(
    *(table.c[name] for table in (_OWN, _DEFAULTS) for name in POLICY_FIELDS)
)


def with_policy(tables: FromClause, organisation_id: ColumnElement[UUID]) -> FromClause:
    """Join what ``POLICY_COLUMN`` is read from; one row stays one row."""
    own = select(func.max(_OLDER.c.version)).where(_OLDER.c.organisation_id == organisation_id)
    defaults = select(func.max(_OLDER.c.version)).where(_OLDER.c.organisation_id.is_(None))
    return tables.outerjoin(
        _OWN,
        and_(_OWN.c.organisation_id == organisation_id, _OWN.c.version == own.scalar_subquery()),
    ).outerjoin(
        _DEFAULTS,
        and_(
            _DEFAULTS.c.organisation_id.is_(None),
            _DEFAULTS.c.version == defaults.scalar_subquery(),
        ),
    )


def policy_of(values: Sequence[Any]) -> EffectivePolicy:
    """Return the policy of a row's ``POLICY_COLUMN``.

    Raises:
        LookupError: there are no portal-wide defaults yet.
    """
    count = len(POLICY_FIELDS)
    own, defaults = (
        dict(zip(POLICY_FIELDS, half, strict=True)) for half in (values[:count], values[count:])
    )
    if defaults["approval"] is None:
        raise LookupError(_NO_DEFAULTS)
    return effective(defaults, own)


def _newest(organisation_id: UUID | None) -> ScalarSelect[UUID]:
    return (
        select(Policy.id)
        .where(Policy.organisation_id == organisation_id)
        .order_by(Policy.version.desc())
        .limit(1)
        .scalar_subquery()
    )


_ORGANISATION = table_of(Organisation)
_IN_FORCE = (
    select(POLICY_COLUMN)
    .select_from(with_policy(_ORGANISATION, _ORGANISATION.c.id))
    .where(_ORGANISATION.c.id == bindparam("organisation"))
)


def _policy_row(row: Policy) -> PolicyRow:
    values = {name: getattr(row, name) for name in POLICY_FIELDS}
    return PolicyRow(row.id, row.organisation_id, row.version, row.since, values)
