"""Ask sponsors whether they still vouch, each of them once for each review."""

from collections.abc import Iterable
from uuid import UUID

from portal.delivery.changes import Message, put
from portal.foundation.transaction import Tx
from portal.guests.queries import GuestRow
from portal.sponsorship.changes import writing
from portal.sponsorship.changes.settling import NO_REVIEW, settle
from portal.sponsorship.changes.telling import display_name
from portal.sponsorship.changes.writing import Change
from portal.sponsorship.queries import (
    SponsorshipRow,
    open_of,
    open_rows,
    organisation_names,
    staff_people,
)
from portal.sponsorship.rules import Standing, end_of


def ask(tx: Tx, guest_ids: Iterable[UUID]) -> int:
    """Ask about every review of these guests that is due to be asked; return how many."""
    guests = settle(tx, guest_ids)
    rows = [
        row
        for row in open_rows(tx.session, guests)
        if row.state == Standing.ACTIVE
        and row.review_ask_at is not None
        and row.review_ask_at <= tx.now
    ]
    writing.change(
        tx, "sponsorship.review_asked", [Change(row, row.state, NO_REVIEW) for row in rows]
    )
    _tell(tx, rows, guests)
    return len(rows)


def _tell(tx: Tx, rows: list[SponsorshipRow], guests: dict[UUID, GuestRow]) -> None:
    people = staff_people(tx.session, {row.sponsor_id for row in rows})
    names = organisation_names(tx.session, {row.organisation_id for row in rows})
    standing = open_of(tx.session, {row.guest_id for row in rows})
    ends = {one.id: end_of(one)[0] for own in standing.values() for one in own}
    messages = []
    for row in rows:
        assert row.review_due_at is not None
        once = f"sponsor.review:{row.id}:{row.review_due_at.isoformat()}:{row.sponsor_id}"
        # Whoever is asked late, or took it over, has until the end itself.
        due_at = row.review_due_at if row.review_due_at > tx.now else ends[row.id]
        payload = {
            "guest_name": display_name(guests[row.guest_id]),
            "organisation": names[row.organisation_id],
            "due_at": due_at.isoformat(),
            "ends_at": ends[row.id].isoformat(),
            "sponsorship_id": str(row.id),
        }
        messages.append(Message("sponsor.review", people[row.sponsor_id].email, once, payload))
    put(tx, messages)
