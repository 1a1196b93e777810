"""A known guest signs in: profile fields follow the provider, host-owned fields never do."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update

from portal.access.rules import AccessFacts, access
from portal.admission.changes.refusing import short
from portal.admission.changes.results import LostRace, SignedIn
from portal.admission.identity import Unknown, VerifiedIdentity, claim_values
from portal.admission.queries import Door
from portal.admission.rules import domain_in
from portal.audit.changes import record
from portal.audit.rules import Event
from portal.delivery.changes import Message, put
from portal.foundation.transaction import Tx
from portal.guests import changes as guest_changes
from portal.guests.models import FederatedIdentity
from portal.guests.queries import GuestRow, address_taken
from portal.guests.rules import State
from portal.sponsorship.changes import grants
from portal.sponsorship.changes.settling import dates_of
from portal.sponsorship.changes.telling import display_name
from portal.sponsorship.queries import grants_under, open_rows, staff_people
from portal.sponsorship.rules import GuestDates, OpenSponsorship
from portal.staff.queries import admins
from portal.trust.queries import ProviderRow, eligible_sponsors, kept_offers
from portal.trust.rules import Proposal, proposals


def refresh(tx: Tx, identity: VerifiedIdentity, provider: ProviderRow, door: Door) -> SignedIn:
    """Let a known guest in: profile, last sign-in, which claims choose which offers.

    The guest was not locked: one UPDATE says whether it still stands as it was read.

    Raises:
        LostRace: it does not; settle and decide once more.
    """
    guest = door.guest
    assert guest is not None
    values = brought(tx, identity, provider, door, guest)
    shared = bool(values.get("email")) and bool(
        address_taken(tx.session, values["email"], guest.id)
    )
    reason = "flag.address_shared" if shared else None
    if not guest_changes.write_unmoved(tx, "guest.refreshed", guest, values, reason):
        raise LostRace
    if values.get("email_aside"):
        _note_aside(tx, guest, values["aside_until"])
    _came_through(tx, provider, door, guest)
    if provider.wanted_claims or door.claims_chose:
        _follow_claims(tx, identity, provider, guest)
    dates = dates_of(guest)
    until = until_of(
        tx,
        replace(dates, inactive_at=values.get("inactive_at", dates.inactive_at)),
        door.standing,
        terms=(guest.terms_version, door.terms_current),
        aside_until=values.get("aside_until", guest.aside_until),
    )
    return SignedIn(guest.id, guest.session_epoch, until)


def take_over(
    tx: Tx, identity: VerifiedIdentity, provider: ProviderRow, door: Door, guest: GuestRow
) -> None:
    """Take over what the sign-in of somebody brings who has just come back, locked."""
    guest_changes.write(tx, "guest.refreshed", guest, brought(tx, identity, provider, door, guest))
    _came_through(tx, provider, door, guest)


def until_of(
    tx: Tx,
    guest: GuestDates,
    standing: tuple[OpenSponsorship, ...],
    *,
    terms: tuple[int, int],
    aside_until: datetime | None = None,
) -> datetime | None:
    """Return until when the access of this sign-in lasts, by the rule that every request asks.

    Args:
        tx: says when it is.
        guest: as the sign-in leaves it.
        standing: its open sponsorships.
        terms: the version accepted, and the one that counts.
        aside_until: until when its address from elsewhere is put up with.
    """
    accepted, current = terms
    facts = AccessFacts(
        guest=guest,
        sponsorships=standing,
        organisation_active=True,  # the door would not be open otherwise
        identity_provider_enabled=True,
        terms_accepted=accepted,
        terms_current=current,
        aside_until=aside_until,
    )
    return access(facts, tx.now).until


def brought(
    tx: Tx, identity: VerifiedIdentity, provider: ProviderRow, door: Door, guest: GuestRow
) -> dict[str, Any]:
    """Return what a sign-in sets of a known guest."""
    values: dict[str, Any] = {"last_sign_in_at": tx.now}
    if guest.state == State.ACTIVE:
        values["inactive_at"] = tx.now + timedelta(days=door.policy.inactivity_days)
    if identity.name and identity.name != guest.name:
        values["name"] = identity.name
    if dict(identity.profile) != guest.profile:
        values["profile"] = dict(identity.profile)
    return values | _address(tx, identity, provider, door, guest)


def _address(
    tx: Tx, identity: VerifiedIdentity, provider: ProviderRow, door: Door, guest: GuestRow
) -> dict[str, Any]:
    """Return what becomes of the address: taken over at home, kept aside elsewhere (A03)."""
    if domain_in(identity.email, door.facts.domains):
        values: dict[str, Any] = {}
        if identity.email != guest.email:
            values["email"] = identity.email
        if guest.aside_until is not None or guest.email_aside is not None:
            values |= {"email_aside": None, "aside_until": None}
        return values
    if guest.email_aside == identity.email:
        return {}
    until = guest.aside_until or tx.now + timedelta(days=door.policy.address_days)
    assert identity.email is not None
    _tell_address(tx, identity.email, provider, guest, until.isoformat())
    return {"email_aside": identity.email, "aside_until": until}


def _note_aside(tx: Tx, guest: GuestRow, until: datetime) -> None:
    """Note by its own name that a guest comes with an address from elsewhere, and until when."""
    event = Event(
        "address.kept_aside",
        organisation_id=guest.organisation_id,
        guest_id=guest.id,
        sets={f"guest:{guest.id}": {"aside_until": until}},
    )
    record(tx, [event])


def _tell_address(tx: Tx, email: str, provider: ProviderRow, guest: GuestRow, until: str) -> None:
    """Tell sponsors and admins of a new domain: once an organisation, or a rebrand floods them."""
    domain = short(email.rpartition("@")[2])
    once = f"sponsor.address_changed:{provider.organisation_id}:{domain}"
    payload = {
        "guest_name": display_name(guest),
        "organisation": provider.organisation_name,
        "old": guest.email or "",
        "new": email,
        "until": until,
    }
    sponsors = {row.sponsor_id for row in open_rows(tx.session, [guest.id])} or {
        one.staff_id for one in eligible_sponsors(tx.session, provider.organisation_id)
    }
    to = {*sorted(sponsors, key=str)[:1], *(admin.id for admin in admins(tx.session))}
    people = staff_people(tx.session, to)
    put(
        tx,
        [
            Message("sponsor.address_changed", person.email, f"{once}:{person.id}", payload)
            for person in people.values()
        ],
    )


def _came_through(tx: Tx, provider: ProviderRow, door: Door, guest: GuestRow) -> None:
    """Note through which connection the identity came last; it is no part of the identity."""
    row = door.came_through
    if row is None or row.identity_provider_id == provider.id:
        return
    values = {"identity_provider_id": provider.id}
    tx.session.execute(
        update(FederatedIdentity)
        .where(FederatedIdentity.id == row.identity_id)
        .values(values)
        .execution_options(synchronize_session=False)
    )
    record(
        tx,
        [
            Event(
                "guest.refreshed",
                organisation_id=guest.organisation_id,
                guest_id=guest.id,
                sets={f"federated_identity:{row.identity_id}": values},
            )
        ],
    )


def _follow_claims(
    tx: Tx, identity: VerifiedIdentity, provider: ProviderRow, guest: GuestRow
) -> None:
    """End what a claim chose and no longer says; propose what it says now."""
    offers = kept_offers(tx, guest.organisation_id)  # whoever withdraws one waits
    said = proposals(offers, identity.claims)
    rows = open_rows(tx.session, [guest.id])
    standing = grants_under(tx.session, [row.id for row in rows])
    # A claim that was cut short (Entra above 200 groups) says nothing: what it chose stays.
    said += tuple(
        Proposal(offer, by_claim=True)
        for offer in offers
        if offer.when_claim is not None
        and claim_values(identity.claims, offer.when_claim) is Unknown.CUT_SHORT
        and _held(offer.id, standing)
    )
    if not standing and not any(proposal.by_claim for proposal in said):
        return
    for row in rows:
        own = [grant for grant in standing if grant.sponsorship_id == row.id]
        # What is new is put before one sponsor, the first; what is gone is gone everywhere.
        wanted = said if row is rows[0] else [one for one in said if _held(one.offer.id, own)]
        new = grants.follow_claims(tx, row, wanted, own)
        if new and row.awaits_decision is False:
            sponsor = staff_people(tx.session, [row.sponsor_id])[row.sponsor_id]
            names = ", ".join(sorted(one.offer.entitlement_name for one in new))
            key = short(",".join(sorted(str(one.offer.id) for one in new)))
            payload = {
                "guest_name": display_name(guest),
                "organisation": provider.organisation_name,
                "entitlement": names,
                "sponsorship_id": str(row.id),
            }
            once = f"sponsor.proposal:{row.id}:{key}:{tx.now.date()}"
            put(tx, [Message("sponsor.proposal", sponsor.email, once, payload)])


def _held(offer_id: object, own: list[Any]) -> bool:
    return any(grant.offer_id == offer_id for grant in own)
