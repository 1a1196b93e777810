"""What the portal knows of an identity that stands at the door.

One statement says who it is and whether the door is open; for whoever is not known or was removed
also what a new person needs: a place, an address of their own, somebody to ask.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    String,
    and_,
    bindparam,
    case,
    exists,
    func,
    lambda_stmt,
    or_,
    select,
)

from portal.admission.identity import VerifiedIdentity
from portal.admission.rules import AdmissionFacts
from portal.foundation.db import Reader, table_of
from portal.foundation.packed import packed, packed_rows
from portal.guests.models import FederatedIdentity, Guest
from portal.guests.queries import FIELDS, HOUR, GuestRow, row_of
from portal.guests.rules import State
from portal.sponsorship.changes.settling import dates_of
from portal.sponsorship.models import Grant
from portal.sponsorship.queries import (
    OPEN_COLUMNS,
    Decider,
    deciders_for,
    deciders_of,
    open_in,
    with_open,
)
from portal.sponsorship.rules import OpenSponsorship, due_steps, outlook
from portal.staff.models import Staff
from portal.trust.models import Domain, IdentityProvider, Organisation, Terms
from portal.trust.queries import ProviderRow
from portal.trust.queries.contracts import CONTRACT_COLUMNS, contract_of, with_running_contract
from portal.trust.queries.policies import POLICY_COLUMN, policy_of, with_policy
from portal.trust.rules import ContractFacts, EffectivePolicy


@dataclass(frozen=True, slots=True)
class CameThrough:
    """Through which connection a known identity came last; it is no part of the identity."""

    identity_id: UUID
    identity_provider_id: UUID


@dataclass(frozen=True, slots=True)
class Door:
    """Everything known at the door: the facts of the decision, and what carrying it out needs.

    Attributes:
        facts: what `decide` asks for; a known guest as it stands once everything due is settled.
        guest: whom this identity signs in as, as the row is: not locked.
        due: whether time has done something to the guest that waits to be carried out.
        standing: the guest's open sponsorships.
        claims_chose: whether any grant of the guest was chosen by a claim.
        terms_current: newest version of the terms of use.
        policy: the one that counted for the organisation when this request began; for whoever is
            new, the one that counts now.
        deciders: who may decide for the organisation; read for whoever arrives.
    """

    facts: AdmissionFacts
    policy: EffectivePolicy
    contract: ContractFacts | None
    guest: GuestRow | None
    came_through: CameThrough | None
    due: bool
    standing: tuple[OpenSponsorship, ...]
    claims_chose: bool
    terms_current: int
    deciders: tuple[Decider, ...]


_ORGANISATION, _PROVIDER = table_of(Organisation), table_of(IdentityProvider)
_GUEST, _IDENTITY, _GRANT = table_of(Guest), table_of(FederatedIdentity), table_of(Grant)
_DOMAIN, _STAFF, _TERMS = table_of(Domain), table_of(Staff), table_of(Terms)
_OTHER = _GUEST.alias("other_guest")
_EMAIL: ColumnElement[str | None] = bindparam("email", type_=String)

_CLAIMS_CHOSE = exists().where(
    _GRANT.c.guest_id == _GUEST.c.id, _GRANT.c.by_claim, _GRANT.c.state != "ended"
)
_ADDRESS_OF_STAFF = exists().where(_STAFF.c.email == _EMAIL, _STAFF.c.state == "active")
_DOMAINS = select(_DOMAIN.c.name).where(_DOMAIN.c.organisation_id == _ORGANISATION.c.id)
_WHO: tuple[ColumnElement[Any], ...] = (
    packed(
        _ORGANISATION.c.state,
        _PROVIDER.c.state,
        _ADDRESS_OF_STAFF,
        select(func.max(_TERMS.c.version)).scalar_subquery(),
        _CLAIMS_CHOSE,
        _IDENTITY.c.id,
        _IDENTITY.c.identity_provider_id,
    ),
    packed_rows(_DOMAINS.correlate(_ORGANISATION)),
    packed(*CONTRACT_COLUMNS),
    packed(*(_GUEST.c[name] for name in FIELDS)),
    packed(*OPEN_COLUMNS),
)
_FROM = (
    _ORGANISATION.join(_PROVIDER, _PROVIDER.c.organisation_id == _ORGANISATION.c.id)
    .outerjoin(
        _IDENTITY,
        and_(
            _IDENTITY.c.organisation_id == bindparam("of_identity", type_=_IDENTITY.c.id.type),
            _IDENTITY.c.issuer == bindparam("issuer", type_=String),
            _IDENTITY.c.subject == bindparam("subject", type_=String),
        ),
    )
    .outerjoin(_GUEST, _GUEST.c.id == _IDENTITY.c.guest_id)
)
_TABLES = with_open(with_running_contract(_FROM, _ORGANISATION.c.id), _GUEST.c.id)
_AT = (_ORGANISATION.c.id == bindparam("organisation"), _PROVIDER.c.id == bindparam("provider"))

# Counted no further than it matters: else a plan that is kept reckons with a share of all guests.
_ARRIVED = (
    select(_OTHER.c.id)
    .where(
        _OTHER.c.organisation_id == _ORGANISATION.c.id,
        _OTHER.c.arrived_at > bindparam("hour_ago", type_=_GUEST.c.arrived_at.type),
        # Whoever arrived while a clock was ahead does not shut the door until it gets there.
        _OTHER.c.arrived_at < bindparam("hour_ahead", type_=_GUEST.c.arrived_at.type),
    )
    .limit(bindparam("count_to", type_=Integer))
    .correlate(_ORGANISATION)
    .subquery()
)


def _place(own_guest: ColumnElement[UUID | None]) -> packed:
    """Return what whoever is new or was removed needs: a place, their address, whom to ask."""
    address_taken = exists().where(
        _OTHER.c.email == _EMAIL,
        or_(_OTHER.c.state != State.REMOVED, _OTHER.c.tombstone),
        or_(own_guest.is_(None), _OTHER.c.id != own_guest),
    )
    return packed(
        packed(
            _ORGANISATION.c.seats + _ORGANISATION.c.waiting,
            address_taken,
            select(func.count()).select_from(_ARRIVED).scalar_subquery(),
        ),
        packed_rows(deciders_for(_ORGANISATION.c.id).correlate(_ORGANISATION)),
    )


# Nothing of it is looked up for a guest who is one.
_PLACE_IF_WANTED: ColumnElement[Any] = case(
    (or_(_GUEST.c.id.is_(None), _GUEST.c.state == State.REMOVED), _place(_GUEST.c.id))
)
# Each of these is one statement for ever: found by its own name, and not by its thousand parts.
_DOOR = lambda_stmt(
    lambda: select(packed(*_WHO, _PLACE_IF_WANTED)).select_from(_TABLES).where(*_AT),
    enable_tracking=False,
)
_NEW = lambda_stmt(
    lambda: (
        select(packed(*_WHO, _PLACE_IF_WANTED, POLICY_COLUMN))
        .select_from(with_policy(_TABLES, _ORGANISATION.c.id))
        .where(*_AT)
    ),
    enable_tracking=False,
)
_PLACE = lambda_stmt(
    lambda: select(_place(bindparam("own_guest", type_=_GUEST.c.id.type))).where(
        _ORGANISATION.c.id == bindparam("organisation")
    ),
    enable_tracking=False,
)
_NO_PLACE_WANTED = (0, False, 0), ()


def gather(
    reader: Reader,
    identity: VerifiedIdentity,
    provider: ProviderRow,
    host_domains: frozenset[str],
    now: datetime,
    *,
    new: bool = False,
) -> Door:
    """Read what the decision depends on.

    Args:
        reader: the transaction that will carry the decision out.
        identity: who stands at the door.
        provider: through which they came, read by this request; whatever shuts the door is read
            again here, since the conversation with it may have taken seconds.
        host_domains: the host's own domains, canonical.
        now: the policy clock.
        new: a guest is about to be made: read the policy again, which may have changed while its
            place was waited for.
    """
    values = {
        "organisation": provider.organisation_id,
        "provider": provider.id,
        "of_identity": identity.organisation_id,
        "issuer": identity.issuer,
        "subject": identity.subject,
        "email": identity.email,
        "now": now,
        "hour_ago": now - HOUR,
        "hour_ahead": now + HOUR,
        "count_to": provider.policy.most_new_per_hour + 1,
    }
    rows = reader.scalars(_NEW if new else _DOOR, values).all()
    who, domains, contract_values, guest_values, _, place, *policy = rows[0]
    if policy:
        provider = replace(provider, policy=policy_of(*policy))
    state, provider_state, address_of_staff, terms_current, claims_chose, *came = who
    guest = None if guest_values[0] is None else row_of(guest_values)
    standing = tuple(one for row in rows if (one := open_in(row[len(_WHO) - 1])) is not None)
    known = None if guest is None else outlook(dates_of(guest), standing, now)
    if known is not None and known.state != State.REMOVED:
        place = _NO_PLACE_WANTED
    elif guest is not None and place is None:  # gone by the dates, which nobody carried out yet
        place = reader.scalars(_PLACE, values | {"own_guest": guest.id}).one()
    (places, address_taken, arrived), deciders = place
    if arrived == values["count_to"]:  # and more, perhaps: than a limit that was raised just now
        arrived = max(arrived, provider.policy.most_new_per_hour)
    contract = contract_of(contract_values)
    facts = AdmissionFacts(
        organisation_active=state == "active",
        contract_running=contract is not None,
        provider_enabled=provider_state == "enabled",
        provider_of_organisation=identity.organisation_id == provider.organisation_id,
        required_claims=provider.required_claims,
        domains=frozenset(name for (name,) in domains),
        host_domains=host_domains,
        addresses_trusted=provider.addresses == "trusted",
        accepted_acr=provider.accepted_acr,
        accepted_amr=provider.accepted_amr,
        places_taken=places,
        most_guests=provider.policy.most_guests,
        arrived_last_hour=arrived,
        most_new_per_hour=provider.policy.most_new_per_hour,
        eligible_sponsors=len(deciders),
        address_taken=address_taken,
        address_of_staff=address_of_staff,
        known=known,
        aside_until=guest.aside_until if guest else None,
        address_grace=provider.policy.address_days > 0,
    )
    return Door(
        facts=facts,
        policy=provider.policy,
        contract=contract,
        guest=guest,
        came_through=CameThrough(*came) if guest else None,
        due=guest is not None and bool(due_steps(dates_of(guest), standing, now)),
        standing=standing,
        claims_chose=claims_chose,
        terms_current=terms_current or 0,
        deciders=deciders_of(deciders),
    )
