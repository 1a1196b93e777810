"""What guests are told of decisions about them, and sponsors of what others decide."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from portal.delivery.changes import Message, put
from portal.foundation.transaction import Tx
from portal.guests.queries import GuestRow
from portal.guests.rules import Reason, State
from portal.sponsorship.queries import (
    SponsorshipRow,
    is_closed,
    of_guest,
    open_of,
    organisation_names,
    staff_people,
)
from portal.sponsorship.rules import OpenSponsorship, Standing, end_of, word_ends
from portal.trust.queries import eligible_sponsors
from portal.trust.rules import ContractFacts

_STOPPED = "sponsor.guest_stopped"


def display_name(guest: GuestRow) -> str:
    """Return how people call a guest: by name, else by address."""
    return guest.name or guest.email or "somebody"


def tell_guest(tx: Tx, guest: GuestRow, kind: str, payload: Mapping[str, object]) -> None:
    """Put a message to a guest, once for this moment; whoever has no address gets none."""
    if guest.email:
        key = f"{kind}:{guest.id}:{tx.now.isoformat()}"
        put(tx, [Message(kind, guest.email, key, payload)])


def out_since(guest: GuestRow) -> str | None:
    """Return since when a guest, as before, was suspended: what ends now was closed by then."""
    return guest.state_since.isoformat() if guest.state == State.SUSPENDED else None


def tell_removed(tx: Tx, guest: GuestRow, reason: Reason) -> None:
    """Tell a guest, as before, that access has ended; whoever only waited for it, the request."""
    names = organisation_names(tx.session, [guest.organisation_id])
    payload = {
        "organisation": names[guest.organisation_id],
        "reason": str(reason),
        "since": tx.now.isoformat(),
        "waited": guest.state == State.PENDING,
        "out_since": out_since(guest),
    }
    tell_guest(tx, guest, "guest.removed", payload)


def tell_suspended(
    tx: Tx, guest: GuestRow, reason: Reason, since: datetime, removes_at: datetime
) -> None:
    """Tell a guest since when access has stopped, and when that becomes a removal."""
    about = _suspension(tx, guest, reason, since, removes_at)
    tell_guest(tx, guest, "guest.suspended", {**about, "lifted": False})


def _suspension(
    tx: Tx, guest: GuestRow, reason: Reason, since: datetime, removes_at: datetime
) -> dict[str, object]:
    """Return what guest and sponsor read alike of access that is closed."""
    names = organisation_names(tx.session, [guest.organisation_id])
    return {
        "organisation": names[guest.organisation_id],
        "reason": str(reason),
        "since": since.isoformat(),
        "removes_at": removes_at.isoformat(),
    }


def tell_lifted(
    tx: Tx, guest: GuestRow, reason: Reason, since: datetime, *, by: UUID | None
) -> None:
    """Tell a guest whose hold is lifted that access stays closed, and whose word that took.

    Args:
        tx: the open transaction.
        guest: as before: held.
        reason: why the last word for them ended.
        since: when; a sponsor who lost it before the hold began knows.
        by: who lifts the hold, and reads it on the page; none: somebody at the server.
    """
    assert guest.removes_at is not None
    about = {**_suspension(tx, guest, reason, since, guest.removes_at), "lifted": True}
    tell_guest(tx, guest, "guest.suspended", about)
    if since <= guest.state_since:
        return
    able = {one.staff_id: one.email for one in eligible_sponsors(tx.session, guest.organisation_id)}
    lost = {
        row.sponsor_id
        for row in of_guest(tx.session, guest.id)
        if row.state == Standing.ENDED and row.state_since == since
    }
    payload = {
        **about,
        "guest_name": guest.name or guest.email or "",
        "guest_email": guest.email or "",
        "removed_at": None,
        "guest_id": str(guest.id),
    }
    kind = "sponsor.guest_suspended"
    once = f"{kind}:{guest.id}:{tx.now.isoformat()}"
    whom = sorted(lost & set(able) - {by}, key=str)
    put(tx, [Message(kind, able[one], f"{once}:{one}", payload) for one in whom])


def tell_sponsors(
    tx: Tx,
    guest: GuestRow,
    rows: Iterable[SponsorshipRow],
    reason: Reason,
    *,
    by: UUID | None,
    stays: bool = False,
    removes_at: datetime | None = None,
) -> None:
    """Tell whoever vouches for a guest, or was asked to, what somebody else decided; once each.

    Args:
        tx: the open transaction.
        guest: as before.
        rows: the sponsorships that it touches.
        reason: what was decided.
        by: who did; none: somebody at the server.
        stays: somebody else vouches for the guest, who stays one.
        removes_at: when a suspended guest is removed, if nobody lifts that.
    """
    sponsors = {row.sponsor_id for row in rows} - {by}
    if not sponsors:
        return
    names = organisation_names(tx.session, [guest.organisation_id])
    people = staff_people(tx.session, sponsors if by is None else {*sponsors, by})
    payload = {
        "guest_name": guest.name or guest.email or "",
        "guest_email": guest.email or "",
        "organisation": names[guest.organisation_id],
        "by": "" if by is None else people[by].name,
        "reason": str(reason),
        "since": tx.now.isoformat(),
        "out_since": out_since(guest),
        "waited": guest.state == State.PENDING,
        "stays": stays,
        "removes_at": None if removes_at is None else removes_at.isoformat(),
        "guest_id": str(guest.id),
    }
    once = f"{_STOPPED}:{guest.id}:{tx.now.isoformat()}"
    put(tx, [Message(_STOPPED, people[one].email, f"{once}:{one}", payload) for one in sponsors])


MOST_LISTED = 20  # names in a mail; the page has them all


def tell_handed_over(
    tx: Tx,
    rows: Sequence[tuple[SponsorshipRow, UUID]],
    guests: Mapping[UUID, GuestRow],
    by: UUID | None,
) -> None:
    """Tell sponsors what was handed over to them: one mail for one guest, or for all at once.

    Requests and guests are told apart, since they stand on two pages.

    Args:
        tx: the open transaction.
        rows: the sponsorships, as before, and whose each is now; who took one over knows.
        guests: whose they are, by id.
        by: who handed over; none: whoever had them may decide no longer.
    """
    people = staff_people(tx.session, {to for _, to in rows} | ({by} if by else set()))
    names = organisation_names(tx.session, {row.organisation_id for row, _ in rows})
    # A contract may have been shortened since the days were chosen.
    standing = {one.id: one for own in open_of(tx.session, guests).values() for one in own}
    bundles: dict[tuple[UUID, bool], dict[UUID, Handed]] = {}
    for row, to in rows:
        if to != by:
            name, organisation = display_name(guests[row.guest_id]), names[row.organisation_id]
            handed = Handed(row, standing[row.id], name, organisation)
            own = bundles.setdefault((to, row.awaits_decision), {})
            # Of two words for one guest, under two contracts, the one that lasts longer counts.
            own[row.guest_id] = max(own.get(row.guest_id, handed), handed, key=lambda one: one.ends)
    author = people[by].name if by else ""
    put(
        tx,
        [
            _handed_over(people[to].email, sorted(own.values(), key=lambda one: one.ends), author)
            for (to, _), own in bundles.items()
        ],
    )


@dataclass(frozen=True, slots=True)
class Handed:
    """A sponsorship that was handed over: as it was and as it stands, and whose it is."""

    row: SponsorshipRow
    standing: OpenSponsorship
    name: str
    organisation: str

    @property
    def ends(self) -> tuple[datetime, UUID]:
        """When it ends if nobody decides; of a guest, however reviews may go."""
        waits = self.row.awaits_decision
        return end_of(self.standing)[0] if waits else word_ends(self.standing), self.row.id


def _handed_over(to: str, own: Sequence[Handed], by: str) -> Message:
    """Write to a sponsor about the requests, or the guests, that are theirs now, soonest first."""
    first = own[0]
    if len(own) == 1:
        kind = "sponsor.handed_over"
        payload: dict[str, object] = {
            "guest_name": first.name,
            "organisation": first.organisation,
            "by": by,
            "ends_at": word_ends(first.standing).isoformat(),
            "lapses_at": end_of(first.standing)[0].isoformat() if first.row.lapses_at else None,
            "sponsorship_id": str(first.row.id),
        }
    else:
        kind = f"sponsor.handed_over_{'requests' if first.row.awaits_decision else 'guests'}"
        payload = {
            "guests": [[one.name, one.organisation] for one in own[:MOST_LISTED]],
            "count": len(own),
            "ends_at": first.ends[0].isoformat(),
        }
    return Message(kind, to, f"{kind}:{first.row.id}:{first.row.version + 1}", payload)


class Taken(StrEnum):
    """What a colleague did with a request or a guest that was another sponsor's."""

    APPROVED = "approved"
    REJECTED = "rejected"
    KEPT = "kept"
    MOVED = "moved"  # its last day, to another
    HANDED_OVER = "handed_over"


@dataclass(frozen=True, slots=True)
class Word:
    """A sponsor's word for a guest, as it was just given, or as its last day was just moved.

    Attributes:
        moved: version of the sponsorship whose last day was moved; null: the word is new.
    """

    sponsorship_id: UUID
    sponsor_id: UUID
    contract: ContractFacts
    last_day: date
    expires_at: datetime
    moved: int | None = None


def tell_relieved(
    tx: Tx,
    guest: GuestRow,
    row: SponsorshipRow,
    taken: Taken,
    *,
    by: UUID,
    to: UUID | None = None,
    stays: bool = True,
    word: Word | None = None,
) -> None:
    """Tell the sponsor who vouched, or was asked, what a colleague has done with that.

    Args:
        tx: the open transaction.
        guest: as before.
        row: the sponsorship, as before.
        taken: what the colleague did.
        by: the colleague.
        to: whose it is now; none: nobody's, or the colleague's. Who gets it is told elsewhere.
        stays: whether the guest is one still.
        word: as it stands now, where it is the sponsor's still.
    """
    if row.sponsor_id in (by, to):
        return
    names = organisation_names(tx.session, [guest.organisation_id])
    people = staff_people(tx.session, {row.sponsor_id, by, to or by})
    payload = {
        "guest_name": guest.name or guest.email or "",
        "guest_email": guest.email or "",
        "organisation": names[guest.organisation_id],
        "by": people[by].name,
        "sponsor": people[to].name if to and to != by else "",
        "taken": str(taken),
        "since": tx.now.isoformat(),
        "stays": stays,
        "guest_id": str(guest.id),
        "last_day": word.last_day.isoformat() if word else None,
        "time_zone": word.contract.time_zone if word else "",
    }
    once = f"sponsor.decided:{row.id}:{row.version + 1}"
    put(tx, [Message("sponsor.decided", people[row.sponsor_id].email, once, payload)])


def tell_approved(tx: Tx, guest: GuestRow, word: Word) -> None:
    """Tell a guest who vouches for them, and until when; not whom a human holds: they are out."""
    if not guest.email or guest.hold:
        return
    sponsor = staff_people(tx.session, [word.sponsor_id])[word.sponsor_id]
    names = organisation_names(tx.session, [guest.organisation_id])
    payload = {
        "organisation": names[guest.organisation_id],
        "last_day": word.last_day.isoformat(),
        "time_zone": word.contract.time_zone,
        "expires_at": word.expires_at.isoformat(),
        "sponsor": sponsor.name,
        "closed": is_closed(tx.session, guest.id),
        "moved": word.moved is not None,
    }
    once = f"guest.approved:{word.sponsorship_id}{f':{word.moved}' if word.moved else ''}"
    put(tx, [Message("guest.approved", guest.email, once, payload)])
