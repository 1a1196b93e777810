"""A new person: an arrival first, a guest once the terms are accepted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, delete, lambda_stmt, literal_column, select, update

from portal.admission.changes.known import clear_the_way
from portal.admission.changes.refreshing import refresh, take_over, until_of
from portal.admission.changes.refusing import refuse
from portal.admission.changes.results import Arrived, LostRace, Result, SignedIn, TurnedAway
from portal.admission.identity import SAY_LEFT_OUT, VerifiedIdentity
from portal.admission.models import Arrival
from portal.admission.queries import Door, OpenArrival, gather, sealed
from portal.admission.queries.arrivals import ARRIVAL_COLUMNS, arrival_of
from portal.admission.rules import Outcome, decide
from portal.audit.changes import record
from portal.audit.rules import Event
from portal.foundation.crypto import hash_token, random_token
from portal.foundation.db import table_of, uuid7
from portal.foundation.packed import packed, told
from portal.foundation.transaction import Tx
from portal.guests import changes as guest_changes
from portal.guests.changes import Move, NewGuest
from portal.guests.queries import GuestRow
from portal.guests.rules import LAPSES_AFTER, Reason, State
from portal.sponsorship.changes.requesting import Request, request
from portal.sponsorship.changes.settling import settle
from portal.sponsorship.rules import (
    GuestDates,
    OpenSponsorship,
    expiry_of,
    latest_last_day,
    who_is_asked,
)
from portal.trust.models import Terms
from portal.trust.queries import ProviderRow, TermsFacts, kept_offers, policy_for
from portal.trust.queries.offers import NEWEST_TERMS, TERMS_COLUMNS
from portal.trust.queries.providers import PROVIDER_COLUMN, PROVIDER_ID, PROVIDERS_FROM
from portal.trust.rules import EffectivePolicy, proposals

LIFE = timedelta(minutes=30)

# Claims that elsewhere mean power: named in the audit when sent, and read by nothing here.
PRIVILEGED = frozenset(
    {
        "role", "roles", "groups", "admin", "is_admin", "is_sponsor", "sponsor", "usertype",
        "permissions", "entitlements", "wids", "expiry", "expires_at", "status", "state",
    }
)  # fmt: skip


def arrive(
    tx: Tx,
    identity: VerifiedIdentity,
    provider: ProviderRow,
    next_url: str | None,
    *,
    returning: bool,
) -> Arrived:
    """Keep an arrival for thirty minutes; nobody is let in yet."""
    token = random_token()
    tx.insert(
        table_of(Arrival),
        {
            "id": uuid7(),
            "token_hash": hash_token(token),
            "organisation_id": provider.organisation_id,
            "identity_provider_id": provider.id,
            "identity": sealed(
                replace(identity, claims=_decided_by(identity.claims, provider)),
                returning=returning,
            ),
            "next_url": next_url,
            "created_at": tx.now,
            "expires_at": tx.now + LIFE,
            "used_at": None,
        },
    )
    return Arrived(token)


def _decided_by(claims: Mapping[str, object], provider: ProviderRow) -> dict[str, object]:
    """Return the claims that somebody decides by; of those that mean power elsewhere the names.

    Whatever else a provider says is nobody's business here, and may be a megabyte.
    """
    wanted = {*provider.required_claims, *provider.wanted_claims, *SAY_LEFT_OUT}
    wanted |= {name.partition(".")[0] for name in provider.wanted_claims}
    powers = {name: None for name in claims if name.lower() in PRIVILEGED}
    return {**powers, **{name: value for name, value in claims.items() if name in wanted}}


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What a person said on the arrival page."""

    terms: TermsFacts
    why: str | None
    works_with: str | None


def accept(
    tx: Tx,
    arrival: OpenArrival,
    host_domains: frozenset[str],
    said: Acceptance,
    *,
    settling: bool = False,
) -> Result:
    """Decide again and create the guest, its identity, its request, its grants and its messages.

    Args:
        tx: everything stands or falls with it.
        arrival: taken up in this transaction.
        host_domains: the host's own domains.
        said: on the arrival page.
        settling: the plain way was lost: lock and settle whoever is known or in the way first.

    Raises:
        LostRace: it is no plain arrival, or another request was faster: once more, *settling*.
    """
    identity, provider = arrival.identity, arrival.provider
    if settling:
        return _accept_settling(tx, identity, provider, host_domains, said)
    # The place is taken before anything is counted: who arrives at the same moment waits here.
    guest_changes.take_place(tx, provider.organisation_id, _first_state(provider.policy))
    door = gather(tx.connection, identity, provider, host_domains, tx.now, new=True)
    without_us = replace(door.facts, places_taken=door.facts.places_taken - 1)
    plain = decide(identity, without_us, tx.now).outcome == Outcome.ARRIVE and door.guest is None
    if not plain or door.policy.at_once != provider.policy.at_once:
        raise LostRace
    return _create(tx, identity, provider, door, said)


def _accept_settling(
    tx: Tx,
    identity: VerifiedIdentity,
    provider: ProviderRow,
    host_domains: frozenset[str],
    said: Acceptance,
) -> Result:
    # Guests are locked before their organisation, everywhere: no two requests wait crosswise.
    door = gather(tx.connection, identity, provider, host_domains, tx.now)
    if door.guest is not None:
        settle(tx, [door.guest.id])
        door = gather(tx.connection, identity, provider, host_domains, tx.now)
    was = door.guest
    if was is None or was.state == State.REMOVED:
        clear_the_way(tx, identity, provider, door)
    guest_changes.lock_places(tx, provider.organisation_id)
    # Whoever changes the policy locks the organisation too, and may have been waited for.
    provider = replace(provider, policy=policy_for(tx.session, provider.organisation_id))
    door = gather(tx.connection, identity, provider, host_domains, tx.now)
    if was is None and door.guest is not None:
        raise LostRace
    decision = decide(identity, door.facts, tx.now)
    if decision.outcome == Outcome.REFUSE:
        refuse(tx, identity, provider, door, decision)
        return TurnedAway(decision, door.guest)
    if decision.outcome == Outcome.SIGN_IN:
        return refresh(tx, identity, provider, door)
    if door.guest is None:
        guest_changes.take_place(tx, provider.organisation_id, _first_state(door.policy))
        return _create(tx, identity, provider, door, said)
    return _come_back(tx, identity, provider, door, door.guest, said)


def _first_state(policy: EffectivePolicy) -> State:
    return State.ACTIVE if policy.at_once else State.PENDING


def _create(
    tx: Tx, identity: VerifiedIdentity, provider: ProviderRow, door: Door, said: Acceptance
) -> SignedIn:
    """Make a guest of a new person, whose place is taken."""
    policy = door.policy
    at_once = policy.at_once
    inactive_at = tx.now + timedelta(days=policy.inactivity_days) if at_once else None
    state = _first_state(policy)
    reason = Reason.AT_ONCE if at_once else Reason.AWAITING_DECISION
    guest_id = guest_changes.create(
        tx,
        NewGuest(
            organisation_id=provider.organisation_id,
            identity_provider_id=provider.id,
            issuer=identity.issuer,
            subject=identity.subject,
            email=identity.email,
            name=identity.name,
            profile=identity.profile,
            terms_id=said.terms.id,
            terms_version=said.terms.version,
        ),
        state=state,
        reason=reason,
        expires_at=_expires_at(tx, door),
        lapses_at=None if at_once else tx.now + LAPSES_AFTER,
        inactive_at=inactive_at,
    )
    _note_ignored(tx, identity, provider, guest_id)
    asked = _request(tx, identity, provider, door, guest_id, said, at_once=at_once)
    dates = GuestDates(state, reason, tx.now, False, False, inactive_at, None)  # noqa: FBT003
    terms = (said.terms.version, door.terms_current)
    return SignedIn(guest_id, 1, until_of(tx, dates, (asked,), terms=terms))


def _come_back(
    tx: Tx,
    identity: VerifiedIdentity,
    provider: ProviderRow,
    door: Door,
    guest: GuestRow,
    said: Acceptance,
) -> SignedIn:
    """Let a removed guest ask again: no access returns without a decision (architecture 2.5)."""
    values = {
        "lapses_at": tx.now + LAPSES_AFTER,
        "expires_at": _expires_at(tx, door),
        "arrived_at": tx.now,
    }
    moved = Move(guest, State.PENDING, Reason.AWAITING_DECISION, tx.now, values)
    guest_changes.move(tx, "guest.returned", [moved])
    take_over(tx, identity, provider, door, guest)
    guest_changes.accept_terms(tx, guest, said.terms.id, said.terms.version)
    _note_ignored(tx, identity, provider, guest.id)
    _request(tx, identity, provider, door, guest.id, said, at_once=False)
    return SignedIn(guest.id, guest.session_epoch, None)


def _expires_at(tx: Tx, door: Door) -> datetime:
    assert door.contract is not None
    return expiry_of(latest_last_day(door.policy, door.contract, tx.now).day, door.contract)


def _request(
    tx: Tx,
    identity: VerifiedIdentity,
    provider: ProviderRow,
    door: Door,
    guest_id: UUID,
    said: Acceptance,
    *,
    at_once: bool,
) -> OpenSponsorship:
    able = {one.staff_id: one for one in door.deciders}
    sponsor_id = who_is_asked(door.deciders)
    assert sponsor_id is not None
    assert door.contract is not None
    asked = Request(
        guest_id=guest_id,
        guest_name=identity.name or identity.email or "",
        guest_email=identity.email or "",
        organisation_id=provider.organisation_id,
        organisation_name=provider.organisation_name,
        contract=door.contract,
        policy=door.policy,
        sponsor_id=sponsor_id,
        sponsor_email=able[sponsor_id].email,
        proposals=proposals(kept_offers(tx, provider.organisation_id), identity.claims),
        at_once=at_once,
        why=said.why,
        works_with=said.works_with,
    )
    return request(tx, asked)


def _note_ignored(
    tx: Tx, identity: VerifiedIdentity, provider: ProviderRow, guest_id: UUID
) -> None:
    mapped = set(provider.claim_map.values()) | set(provider.wanted_claims)
    ignored = sorted(
        claim for claim in identity.claims if claim.lower() in PRIVILEGED and claim not in mapped
    )
    if ignored:
        event = Event(
            "sign_in.attribute_ignored",
            organisation_id=provider.organisation_id,
            guest_id=guest_id,
            reason="attr.ignored",
            data={"claims": ignored},
        )
        record(tx, [event])


_ARRIVAL = table_of(Arrival)
# What is used up is told by the same statement, with its provider and the terms that count now.
_TAKE_UP = lambda_stmt(
    lambda: (
        update(_ARRIVAL)
        .where(
            _ARRIVAL.c.token_hash == bindparam("held"),
            _ARRIVAL.c.used_at.is_(None),
            _ARRIVAL.c.expires_at > bindparam("at"),
        )
        .values(used_at=bindparam("at"))
        .returning(
            told(
                select(packed(PROVIDER_COLUMN, packed(*TERMS_COLUMNS)))
                .select_from(PROVIDERS_FROM.join(table_of(Terms), NEWEST_TERMS))
                .where(literal_column("arrival.identity_provider_id") == PROVIDER_ID)
            ),
            packed(*ARRIVAL_COLUMNS),
        )
    ),
    enable_tracking=False,
)


def take_up(tx: Tx, token: str) -> OpenArrival | None:
    """Use up the arrival of this browser; nothing where it is used or over."""
    row = tx.execute(_TAKE_UP, {"held": hash_token(token), "at": tx.now}).one_or_none()
    if row is None:
        return None
    (came_through, terms), own = tuple(row)
    return arrival_of(came_through, terms, own)


_TURN_AROUND = (
    update(_ARRIVAL)
    .where(_ARRIVAL.c.token_hash == bindparam("held"), _ARRIVAL.c.used_at.is_(None))
    .values(used_at=bindparam("at"))
)


def turn_around(tx: Tx, token: str) -> None:
    """Use up what waits in a browser whose person signs out: somebody else may have it next."""
    tx.execute(_TURN_AROUND, {"held": hash_token(token), "at": tx.now})


_CLOSE = (
    update(_ARRIVAL)
    .where(_ARRIVAL.c.identity_provider_id == bindparam("provider"), _ARRIVAL.c.used_at.is_(None))
    .values(used_at=bindparam("at"))
)


def close_arrivals(tx: Tx, identity_provider_id: UUID) -> None:
    """Use up what an identity provider vouched for and nobody has accepted: they sign in anew."""
    tx.execute(_CLOSE, {"provider": identity_provider_id, "at": tx.now})


def delete_expired(tx: Tx, now: datetime, limit: int) -> int:
    """Delete arrivals past their life; the abandoned ones leave a count in the audit log.

    Of two sweeps at once each counts what it deletes itself.
    """
    rows = tx.session.execute(
        select(Arrival.id, Arrival.used_at)
        .where(Arrival.expires_at <= now)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    if not rows:
        return 0
    tx.session.execute(
        delete(Arrival)
        .where(Arrival.id.in_([row.id for row in rows]))
        .execution_options(synchronize_session=False)
    )
    abandoned = sum(row.used_at is None for row in rows)
    if abandoned:
        record(tx, [Event("arrival.abandoned", data={"count": abandoned})])
    return len(rows)
