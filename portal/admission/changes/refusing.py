"""Turn somebody away: one audit event, and whoever must know is told, once."""

import hashlib
from collections.abc import Mapping

from sqlalchemy import or_, update

from portal.admission.changes.results import LostRace
from portal.admission.identity import VerifiedIdentity
from portal.admission.queries import Door
from portal.admission.rules import Decision, Refusal
from portal.audit.changes import record
from portal.audit.rules import Event
from portal.delivery.changes import Message, put
from portal.foundation.transaction import Tx
from portal.guests import changes as guest_changes
from portal.guests.queries import HOUR, GuestRow
from portal.guests.rules import Reason
from portal.sponsorship.changes.telling import display_name
from portal.sponsorship.queries import Decider, deciders
from portal.sponsorship.rules import anybody_else, who_is_asked
from portal.staff.queries import admins
from portal.trust.models import Organisation
from portal.trust.queries import ProviderRow


def refuse(
    tx: Tx,
    identity: VerifiedIdentity,
    provider: ProviderRow,
    door: Door,
    decision: Decision,
) -> None:
    """Record a refusal with every reason; what was claimed stands in the side table.

    Raises:
        LostRace: a tombstone was lifted meanwhile: decide once more.
    """
    guest = door.guest
    record(
        tx,
        [
            Event(
                "sign_in.refused",
                organisation_id=provider.organisation_id,
                guest_id=guest.id if guest else None,
                reason=decision.reasons[0],
                data={
                    "reasons": list(decision.reasons),
                    "identity_provider": provider.slug,
                },
                personal={
                    "seen": {
                        "email": identity.email or identity.email_raw,
                        "name": identity.name,
                        "issuer": identity.issuer,
                        "subject": identity.subject,
                        "address": tx.actor.address,
                    }
                },
            )
        ],
    )
    if Refusal.TOMBSTONE in decision.reasons and guest is not None:
        _knocked(tx, provider, guest)
    if Refusal.EMAIL_CONFLICT in decision.reasons:
        _conflict(tx, identity, provider)
    if Refusal.LATER in decision.reasons:
        _later(tx, provider, door)
    if Refusal.HOST_DOMAIN in decision.reasons:
        _impersonation(tx, identity, provider)


def asked_sponsor(tx: Tx, provider: ProviderRow, *addresses: str | None) -> Decider | None:
    """Return the sponsor whom news of somebody with these addresses goes to."""
    may = anybody_else(deciders(tx.session, provider.organisation_id, tx.now), addresses)
    able = {one.staff_id: one for one in may}
    staff_id = who_is_asked(list(able.values()))
    return able[staff_id] if staff_id else None


def _knocked(tx: Tx, provider: ProviderRow, guest: GuestRow) -> None:
    if not guest_changes.write_unmoved(tx, "guest.knocked", guest, {"knocked_at": tx.now}):
        raise LostRace
    sponsor = asked_sponsor(tx, provider, guest.email, guest.email_aside)
    if sponsor is None:
        return
    held = guest.state_reason == Reason.SUSPENDED_BY_ADMIN
    payload = {
        "guest_name": display_name(guest),
        "guest_email": guest.email or "",
        "organisation": provider.organisation_name,
        "held": held,
        "guest_id": str(guest.id),
    }
    # Once that is lifted it is another question, and asked anew.
    key = f"sponsor.knocked:{guest.id}:{guest.state_since.isoformat()}{':held' if held else ''}"
    put(tx, [Message("sponsor.knocked", sponsor.email, key, payload)])


def _conflict(tx: Tx, identity: VerifiedIdentity, provider: ProviderRow) -> None:
    sponsor = asked_sponsor(tx, provider)
    if sponsor is None or identity.email is None:
        return
    payload = {"organisation": provider.organisation_name, "email": identity.email}
    about = f"{provider.organisation_id}:{short(identity.email)}:{tx.now.date()}"
    once = f"sponsor.email_conflict:{about}"
    put(tx, [Message("sponsor.email_conflict", sponsor.email, once, payload)])


def short(text: str) -> str:
    """Return a stand-in of fixed length for what a partner said, for keys that have a limit."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _later(tx: Tx, provider: ProviderRow, door: Door) -> None:
    """Tell admins of the hourly cap, once in an hour however many stand at the door."""
    told = tx.session.execute(
        update(Organisation)
        .where(
            Organisation.id == provider.organisation_id,
            or_(
                Organisation.later_told_at.is_(None),
                Organisation.later_told_at <= tx.now - HOUR,
                Organisation.later_told_at >= tx.now + HOUR,  # the clock was ahead then
            ),
        )
        .values(later_told_at=tx.now)
        .returning(Organisation.id)
        .execution_options(synchronize_session=False)
    ).all()
    if not told:
        return
    payload = {
        "organisation": provider.organisation_name,
        "most_new_per_hour": door.policy.most_new_per_hour,
    }
    once = f"admin.later:{provider.organisation_id}:{tx.now.isoformat()}"
    tell_admins(tx, "admin.later", once, payload)


def _impersonation(tx: Tx, identity: VerifiedIdentity, provider: ProviderRow) -> None:
    payload = {"organisation": provider.organisation_name, "email": identity.email or ""}
    once = f"admin.host_domain:{provider.organisation_id}:{tx.now.date()}"
    tell_admins(tx, "admin.host_domain", once, payload)


def tell_admins(tx: Tx, kind: str, once: str, payload: Mapping[str, object]) -> None:
    """Put one message to every admin, once for the key *once*."""
    put(
        tx,
        [Message(kind, admin.email, f"{once}:{admin.id}", payload) for admin in admins(tx.session)],
    )
