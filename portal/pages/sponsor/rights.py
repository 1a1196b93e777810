"""Whose page it is, and carrying a decision out: what is not theirs is nowhere, and audited."""

from collections.abc import Callable, Collection
from typing import NoReturn, TypeVar
from uuid import UUID

from flask import abort
from sqlalchemy.orm import Session

from portal.access.queries import GuestView, SponsorshipView, guest_view
from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.transaction import Tx
from portal.guests import queries as guests
from portal.pages.acting import act
from portal.pages.seen import portrait
from portal.pages.sponsor.forms import fingerprint
from portal.pages.viewer import StaffViewer, current
from portal.sponsorship.changes import deciding
from portal.sponsorship.changes.bounds import BeyondLimit, NotYours, Oneself, require_decider
from portal.sponsorship.queries import get, grants_under
from portal.sponsorship.rules import overtaken
from portal.trust.queries import (
    OrganisationRow,
    organisations_decided_by,
    organisations_of_sponsor,
)
from portal.web.errors import DeciderUnconfirmed, report
from portal.web.guards import me

T = TypeVar("T")


class Stale(Exception):
    """What a form was filled in about has changed since."""


def theirs(guest_id: UUID) -> tuple[GuestView, OrganisationRow]:
    """Return a guest of an organisation that the sponsor decides for, else answer 404."""
    guest = guest_view(db.session(), guest_id, clock.policy_now())
    if guest is None:
        abort(404)
    if _is_me(guest):
        not_theirs(Oneself.code)
    places = {one.id: one for one in organisations_decided_by(db.session(), me().id)}
    if guest.organisation_id not in places:
        _require_confirmed(guest)
        not_theirs()
    return guest, places[guest.organisation_id]


def _require_confirmed(guest: GuestView) -> None:
    """Let who is named for a guest's organisation know why they cannot decide: a mail led here.

    Raises:
        DeciderUnconfirmed: nobody says their role now.
    """
    asking = current()
    if isinstance(asking, StaffViewer) and asking.staff.roles_unknown:
        named = {one.id for one in organisations_of_sponsor(db.session(), asking.staff.id)}
        if guest.organisation_id in named:
            raise DeciderUnconfirmed


def their_sponsorship(
    sponsorship_id: UUID,
) -> tuple[SponsorshipView, GuestView, OrganisationRow]:
    """Return a sponsorship that the sponsor may decide about, else answer 404."""
    known = get(db.session(), sponsorship_id)
    if known is None:
        abort(404)
    guest, organisation = theirs(known.guest_id)
    return find(guest, sponsorship_id), guest, organisation


def find(guest: GuestView, sponsorship_id: UUID) -> SponsorshipView:
    """Return one of a guest's sponsorships."""
    return next(one for one in guest.sponsorships if one.id == sponsorship_id)


def _is_me(guest: GuestView) -> bool:
    """Say whether a guest is the sponsor who asks: the change itself would refuse them too."""
    asking = current()
    mine = asking.staff.email if isinstance(asking, StaffViewer) else None
    return mine is not None and mine in {guest.email, guest.email_aside}


def not_theirs(code: str = NotYours.code) -> NoReturn:
    """Answer as if there were nothing, and write down who asked for it."""
    report(code)
    abort(404)


def decide(change: Callable[[Tx, UUID], T]) -> T:
    """Carry out a decision of the sponsor who is signed in.

    Raises:
        Refused: by the change; nothing is written.
        Stale: by the change; nothing is written.
    """
    try:
        return act(lambda tx: change(tx, me().id))
    except NotYours as no:
        not_theirs(no.code)
    except BeyondLimit:
        report("sponsor.limit")  # said at the field too; who keeps trying should be seen
        raise


def seen_of(session: Session, sponsorship_id: UUID) -> str:
    """Return what a form must have seen of a sponsorship to be about it still."""
    known = get(session, sponsorship_id)
    if known is None:
        return ""
    person = _portrait(session, known.guest_id)
    return f"{person}|{fingerprint(known.version, grants_under(session, [sponsorship_id]))}"


def _portrait(session: Session, guest_id: UUID) -> str:
    guest = guests.get(session, guest_id)
    return portrait(guest) if guest else ""


def require_seen(
    tx: Tx, sponsorship_id: UUID, seen: str | None, staff_id: UUID, *others: UUID
) -> None:
    """Refuse a form that somebody else's decision, or its own first copy, has overtaken.

    So has the company's word of who the guest is, if that has changed. Whoever decides at this
    moment is waited for, and only then it is held against what stands.

    Raises:
        NotYours: the employee may not decide for this organisation.
        Stale: so it is.
    """
    deciding.hold(tx, sponsorship_id, staff_id, *others)
    if seen_of(tx.session, sponsorship_id) != seen:
        raise Stale


def proposed_to(session: Session, guest: GuestView, sponsorship_id: UUID) -> str:
    """Return who is proposed what under a sponsorship, as its form carries it."""
    return f"{portrait(guest)}:{','.join(sorted(_proposed(session, sponsorship_id)))}"


def _proposed(session: Session, sponsorship_id: UUID) -> set[str]:
    return {str(grant.offer_id) for grant in grants_under(session, [sponsorship_id])}


def require_proposed(
    tx: Tx, sponsorship_id: UUID, seen: str | None, chosen: Collection[UUID], staff_id: UUID
) -> None:
    """Refuse an approval that is not about what stands any more.

    Raises:
        NotYours: the employee may not decide for this organisation.
        Stale: so it is.
    """
    deciding.hold(tx, sponsorship_id, staff_id)
    row = get(tx.session, sponsorship_id)
    if seen is None or row is None or not row.awaits_decision:
        return
    person, _, offers = seen.partition(":")
    was, given = set(offers.split(",")) - {""}, {str(one) for one in chosen}
    if person != _portrait(tx.session, row.guest_id):
        raise Stale
    if overtaken(was, _proposed(tx.session, sponsorship_id), given):
        raise Stale


def require_person(tx: Tx, guest: GuestView, seen: str | None, staff_id: UUID) -> None:
    """Refuse to vouch for a guest of whom the company says something else than the form showed.

    Raises:
        NotYours: the employee may not decide for this organisation.
        Stale: so it does.
    """
    require_decider(tx, guest.organisation_id, staff_id)
    (row,) = guests.lock(tx, [guest.id])
    if seen is not None and seen != portrait(row):
        raise Stale
