"""A new person: an arrival first, a guest once the terms are accepted."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, insert, select, update

from portal.admission.changes.known import clear_the_way, known_guest
from portal.admission.changes.refreshing import refresh
from portal.admission.changes.refusing import refuse
from portal.admission.changes.results import Arrived, LostRace, Result, SignedIn, TurnedAway
from portal.admission.identity import VerifiedIdentity
from portal.admission.models import Arrival
from portal.admission.queries import Door, OpenArrival, candidates, gather, sealed
from portal.admission.rules import Outcome, decide
from portal.audit.changes import record
from portal.audit.rules import Event
from portal.foundation.crypto import hash_token, random_token
from portal.foundation.db import table_of, uuid7
from portal.foundation.transaction import Tx
from portal.guests import changes as guest_changes
from portal.guests.changes import Move, NewGuest
from portal.guests.queries import GuestRow, by_identity
from portal.guests.rules import LAPSES_AFTER, Reason, State
from portal.sponsorship.changes.requesting import Request, request
from portal.sponsorship.rules import expiry_of, latest_last_day, who_is_asked
from portal.trust.queries import ProviderRow, TermsFacts, standing_offers
from portal.trust.rules import Proposal, proposals

LIFE = timedelta(minutes=30)

# Claims that elsewhere mean power: named in the audit when sent, and read by nothing here.
PRIVILEGED = frozenset(
    {
        "role", "roles", "groups", "admin", "is_admin", "is_sponsor", "sponsor", "usertype",
        "permissions", "entitlements", "wids", "expiry", "expires_at", "status", "state",
    }
)  # fmt: skip


def arrive(
    tx: Tx, identity: VerifiedIdentity, provider: ProviderRow, next_url: str | None
) -> Arrived:
    """Keep an arrival for thirty minutes; nothing is a guest yet."""
    token = random_token()
    tx.session.execute(
        insert(table_of(Arrival)),
        {
            "id": uuid7(),
            "token_hash": hash_token(token),
            "organisation_id": provider.organisation_id,
            "identity_provider_id": provider.id,
            "identity": sealed(identity),
            "next_url": next_url,
            "created_at": tx.now,
            "expires_at": tx.now + LIFE,
            "used_at": None,
        },
    )
    record(tx, [Event("arrival.seen", organisation_id=provider.organisation_id)])
    return Arrived(token)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What a person said on the arrival page."""

    terms: TermsFacts
    why: str | None
    works_with: str | None


def accept(
    tx: Tx,
    arrival: OpenArrival,
    provider: ProviderRow,
    host_domains: frozenset[str],
    said: Acceptance,
) -> Result:
    """Decide again and create the guest, its identity, its request, its grants and its messages.

    Raises:
        LostRace: the same person is being created by another request: run once more.
    """
    identity = arrival.identity
    # Guests are locked before their organisation, everywhere: no two requests wait crosswise.
    guest = known_guest(tx, identity)
    if guest is None or guest.state == State.REMOVED:
        clear_the_way(tx, identity, provider, guest)
    guest_changes.lock_places(tx, provider.organisation_id)
    if guest is None and by_identity(
        tx.session, provider.organisation_id, identity.issuer, identity.subject
    ):
        raise LostRace
    _use_up(tx, arrival.id)
    door = gather(tx.session, identity, provider, guest, host_domains, tx.now)
    decision = decide(identity, door.facts, tx.now)
    if decision.outcome == Outcome.REFUSE:
        refuse(tx, identity, provider, door, decision, guest)
        return TurnedAway(decision, guest)
    if decision.outcome == Outcome.SIGN_IN:
        assert guest is not None
        refresh(tx, identity, provider, door, guest)
        return SignedIn(guest.id, guest.session_epoch)
    return _create(tx, identity, provider, door, guest, said)


def _create(
    tx: Tx,
    identity: VerifiedIdentity,
    provider: ProviderRow,
    door: Door,
    guest: GuestRow | None,
    said: Acceptance,
) -> SignedIn:
    assert door.contract is not None
    policy = door.policy
    # Whoever comes back waits for a decision: no access returns without one (architecture 2.5).
    at_once = policy.at_once and guest is None
    expires_at = expiry_of(latest_last_day(policy, door.contract, tx.now).day, door.contract)
    lapses_at = None if at_once else tx.now + LAPSES_AFTER
    inactive_at = tx.now + timedelta(days=policy.inactivity_days) if at_once else None
    chosen = proposals(standing_offers(tx.session, provider.organisation_id), identity.claims)
    if guest is None:
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
            state=State.ACTIVE if at_once else State.PENDING,
            reason=Reason.AT_ONCE if at_once else Reason.AWAITING_DECISION,
            expires_at=expires_at,
            lapses_at=lapses_at,
            inactive_at=inactive_at,
        )
        epoch = 1
    else:
        guest_id, epoch = guest.id, guest.session_epoch
        values = {"lapses_at": lapses_at, "expires_at": expires_at, "arrived_at": tx.now}
        moved = Move(guest, State.PENDING, Reason.AWAITING_DECISION, tx.now, values)
        guest_changes.move(tx, "guest.returned", [moved])
        refresh(tx, identity, provider, door, guest)
        guest_changes.accept_terms(tx, guest, said.terms.id, said.terms.version)
    _note_ignored(tx, identity, provider, guest_id)
    _request(tx, identity, provider, door, guest_id, chosen, said, at_once=at_once)
    return SignedIn(guest_id, epoch)


def _request(
    tx: Tx,
    identity: VerifiedIdentity,
    provider: ProviderRow,
    door: Door,
    guest_id: UUID,
    chosen: tuple[Proposal, ...],
    said: Acceptance,
    *,
    at_once: bool,
) -> None:
    sponsor_id = who_is_asked(candidates(tx.session, door.sponsors, tx.now))
    assert sponsor_id is not None
    assert door.contract is not None
    asked = Request(
        guest_id=guest_id,
        organisation_id=provider.organisation_id,
        contract=door.contract,
        policy=door.policy,
        sponsor_id=sponsor_id,
        proposals=chosen,
        at_once=at_once,
        why=said.why,
        works_with=said.works_with,
    )
    name = identity.name or identity.email or ""
    request(tx, asked, guest_name=name, guest_email=identity.email or "")


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


def _use_up(tx: Tx, arrival_id: UUID) -> None:
    used = tx.session.execute(
        update(Arrival)
        .where(Arrival.id == arrival_id, Arrival.used_at.is_(None))
        .values(used_at=tx.now)
        .execution_options(synchronize_session=False)
    )
    if used.rowcount != 1:  # type: ignore[attr-defined]
        raise LostRace


def delete_expired(tx: Tx, now: datetime, limit: int) -> int:
    """Delete arrivals past their life; the abandoned ones leave a count in the audit log."""
    rows = tx.session.execute(
        select(Arrival.id, Arrival.used_at).where(Arrival.expires_at <= now).limit(limit)
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
