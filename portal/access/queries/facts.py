"""The facts that access is decided on, in one indexed read for 10,000 guests."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, bindparam, func, select
from sqlalchemy.orm import Session

from portal.access.rules import AccessFacts
from portal.foundation.db import parts, table_of
from portal.foundation.packed import packed
from portal.guests.models import FederatedIdentity, Guest
from portal.guests.rules import Reason, State
from portal.sponsorship.queries import OPEN_COLUMNS, open_in, with_open
from portal.sponsorship.rules import GuestDates, OpenSponsorship
from portal.trust.models import IdentityProvider, Organisation, Terms


@dataclass(frozen=True, slots=True)
class Known:
    """A guest's facts, with what a page says of them.

    Attributes:
        columns: of the guest, its organisation and the identity it was given last, by the names
            of ``GuestView``.
    """

    guest_id: UUID
    session_epoch: int
    name: str | None
    email: str | None
    columns: Mapping[str, Any]
    facts: AccessFacts


_GUEST, _ORGANISATION = table_of(Guest), table_of(Organisation)
_IDENTITY, _PROVIDER, _TERMS = (
    table_of(FederatedIdentity),
    table_of(IdentityProvider),
    table_of(Terms),
)
_OF_GUEST = (
    "id", "organisation_id", "email", "name", "profile", "email_aside", "aside_until", "state",
    "state_reason", "state_since", "state_note", "hold", "tombstone", "expires_at", "inactive_at",
    "lapses_at", "removes_at", "last_sign_in_at", "knocked_at", "created_at", "arrived_at",
    "terms_version",
)  # fmt: skip
_NAMED: Mapping[str, ColumnElement[Any]] = {
    **{name: _GUEST.c[name] for name in _OF_GUEST},
    "organisation": _ORGANISATION.c.slug,
    "organisation_name": _ORGANISATION.c.name,
    "issuer": _IDENTITY.c.issuer,
    "subject": _IDENTITY.c.subject,
    "identity_provider": _PROVIDER.c.slug,
    "identity_provider_name": _PROVIDER.c.name,
}
_FURTHER: tuple[ColumnElement[Any], ...] = (
    _IDENTITY.c.id,
    _PROVIDER.c.state,
    _ORGANISATION.c.state,
    _GUEST.c.session_epoch,
    select(func.max(_TERMS.c.version)).scalar_subquery(),
)
FACTS_COLUMNS: tuple[ColumnElement[Any], ...] = (
    packed(*_NAMED.values()),
    packed(*_FURTHER),
    packed(*OPEN_COLUMNS),
)


def with_facts(tables: FromClause) -> FromClause:
    """Join what ``FACTS_COLUMNS`` are read from to tables with ``guest`` among them."""
    return with_open(
        tables.outerjoin(_ORGANISATION, _ORGANISATION.c.id == _GUEST.c.organisation_id)
        .outerjoin(_IDENTITY, _IDENTITY.c.guest_id == _GUEST.c.id)
        .outerjoin(_PROVIDER, _PROVIDER.c.id == _IDENTITY.c.identity_provider_id),
        _GUEST.c.id,
    )


_FACTS = (
    select(packed(*FACTS_COLUMNS))
    .select_from(with_facts(_GUEST))
    .where(_GUEST.c.id.in_(bindparam("guests", expanding=True)))
)


def gather(session: Session, guest_ids: Iterable[UUID]) -> dict[UUID, Known]:
    """Return what access depends on, for each guest: one read for as many as fit into one."""
    found: dict[UUID, list[Sequence[Any]]] = {}
    for ids in parts(guest_ids):
        for row in session.scalars(_FACTS, {"guests": ids}):
            found.setdefault(row[0][0], []).append(row)
    return {guest_id: known_of(rows) for guest_id, rows in found.items()}


def known_of(rows: Sequence[Sequence[Any]]) -> Known:
    """Return a guest of its rows of ``FACTS_COLUMNS``: one an identity and open sponsorship."""
    last = max(rows, key=lambda row: row[1][0])
    columns = dict(zip(_NAMED, last[0], strict=True))
    columns["state"] = State(columns["state"])
    columns["state_reason"] = Reason(columns["state_reason"])
    standing: dict[UUID, OpenSponsorship] = {}
    for row in rows:
        if (one := open_in(row[2])) is not None:
            standing[one.id] = one
    _, _, organisation_state, session_epoch, terms_current = last[1]
    facts = AccessFacts(
        guest=GuestDates(
            state=columns["state"],
            reason=columns["state_reason"],
            since=columns["state_since"],
            hold=columns["hold"],
            tombstone=columns["tombstone"],
            inactive_at=columns["inactive_at"],
            removes_at=columns["removes_at"],
        ),
        sponsorships=tuple(standing.values()),
        organisation_active=organisation_state == "active",
        identity_provider_enabled=any(row[1][1] == "enabled" for row in rows),
        terms_accepted=columns["terms_version"],
        terms_current=terms_current or 0,
        aside_until=columns["aside_until"],
    )
    return Known(
        guest_id=columns["id"],
        session_epoch=session_epoch,
        name=columns["name"],
        email=columns["email"],
        columns=columns,
        facts=facts,
    )


def of(session: Session, guest_id: UUID) -> Known | None:
    """Return what access depends on for one guest."""
    return gather(session, [guest_id]).get(guest_id)
