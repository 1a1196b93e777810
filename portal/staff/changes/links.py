"""Single-use links: to bind an employee to their sign-in, and break-glass."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update

from portal.audit.changes import record
from portal.audit.rules import Event
from portal.delivery.changes import Message, put, withdraw_unsent
from portal.foundation.crypto import hash_token, random_token
from portal.foundation.refused import Refused
from portal.foundation.rows import add, edit
from portal.foundation.transaction import Tx
from portal.staff.models import Staff, StaffLink
from portal.staff.queries import admins
from portal.staff.rules import (
    BIND_LINK_LIFE,
    LINK_PATH,
    MOMENT,
    SIGN_IN_LINK_LIFE,
    link_fault,
)


@dataclass(frozen=True, slots=True)
class Link:
    """A single-use link; only its hash is stored."""

    id: UUID
    token: str
    expires_at: datetime

    def url(self, public_url: str) -> str:
        """Return its address, from the configured public URL."""
        return public_url.rstrip("/") + LINK_PATH.format(token=self.token)


def make_link(tx: Tx, staff_id: UUID, purpose: str, *, at: datetime, life: timedelta) -> Link:
    """Make a single-use link; earlier ones for the same purpose no longer open.

    Args:
        tx: the open transaction.
        staff_id: whose it is.
        purpose: ``bind`` or ``sign_in``.
        at: the protocol clock's time; links go by it.
        life: how long it opens.
    """
    withdraw_links(tx, staff_id, purpose, at=at)
    token, expires_at = random_token(), at + life
    link_id, _ = add(
        tx,
        StaffLink,
        {
            "staff_id": staff_id,
            "purpose": purpose,
            "token_hash": hash_token(token),
            "expires_at": expires_at,
            "used_at": None,
        },
    )
    record(tx, [Event("staff.link_made", data={"staff": staff_id, "purpose": purpose})])
    return Link(link_id, token, expires_at)


def withdraw_links(tx: Tx, staff_id: UUID, purpose: str, *, at: datetime) -> None:
    """Make open links of an employee unusable; one that still waits to be mailed is not sent."""
    gone = tx.session.scalars(
        update(StaffLink)
        .where(
            StaffLink.staff_id == staff_id,
            StaffLink.purpose == purpose,
            StaffLink.used_at.is_(None),
        )
        .values(used_at=at)
        .returning(StaffLink.id)
    ).all()
    if gone and purpose == "bind":
        withdraw_unsent(tx, [_key_of_mail(link_id) for link_id in gone], "staff.link_withdrawn")


def _key_of_mail(link_id: UUID) -> str:
    return f"staff.bind_link:{link_id}"


def has_new_link(tx: Tx, staff_id: UUID, *, at: datetime) -> bool:
    """Say whether a link that binds was made a moment ago: a doubled click makes no second."""
    expires_at = tx.session.scalar(
        select(StaffLink.expires_at).where(
            StaffLink.staff_id == staff_id,
            StaffLink.purpose == "bind",
            StaffLink.used_at.is_(None),
        )
    )
    return expires_at is not None and at < expires_at - BIND_LINK_LIFE + MOMENT


def mail_bind_link(tx: Tx, staff_id: UUID, *, public_url: str, at: datetime) -> Link:
    """Mail an employee the link that binds them to their sign-in at the host."""
    row = tx.session.get_one(Staff, staff_id)
    link = make_link(tx, staff_id, "bind", at=at, life=BIND_LINK_LIFE)
    payload = {"name": row.name, "url": link.url(public_url), "expires_at": link.expires_at}
    put(tx, [Message("staff.bind_link", row.email, _key_of_mail(link.id), payload)])
    return link


def make_sign_in_link(tx: Tx, staff_id: UUID, *, at: datetime) -> Link:
    """Make a break-glass link, and tell every admin.

    Raises:
        Refused: the employee has left, or may do nothing here.
    """
    row = tx.session.get_one(Staff, staff_id)
    if row.state != "active" or not (row.is_sponsor or row.is_admin):
        raise Refused("email", f"{row.email} has no role here: portal staff add {row.email}")
    link = make_link(tx, staff_id, "sign_in", at=at, life=SIGN_IN_LINK_LIFE)
    put(
        tx,
        [
            Message(
                "admin.break_glass",
                admin.email,
                f"admin.break_glass:{link.id}:{admin.id}",
                {"name": row.name, "email": row.email, "at": at},
            )
            for admin in admins(tx.session)
        ],
    )
    return link


def use_link(tx: Tx, token: str, purpose: str, *, at: datetime) -> UUID:
    """Use a link up; a break-glass one signs its employee in.

    Args:
        tx: the open transaction.
        token: as it stood in the address.
        purpose: ``bind`` or ``sign_in``.
        at: the protocol clock's time.

    Returns:
        The employee whose link it is.

    Raises:
        Refused: no such link, used, expired, or its holder has left.
    """
    found = tx.session.execute(
        select(StaffLink, Staff)
        .join(Staff, Staff.id == StaffLink.staff_id)
        .where(StaffLink.token_hash == hash_token(token), StaffLink.purpose == purpose)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise Refused(
            "link", "This link is not known here. Ask whoever gave it to you for a new one."
        )
    link, row = found
    if fault := link_fault(link.used_at, link.expires_at, at):
        raise Refused("link", fault)
    if row.state != "active":
        raise Refused("link", "This link belongs to somebody who has left.")
    edit(tx, link, {"used_at": at})
    if purpose == "sign_in":
        sets = edit(tx, row, {"last_sign_in_at": tx.now})
        data = {"staff": row.id, "strength": "break-glass"}
        record(tx, [Event("staff.signed_in", sets=sets, data=data)])
    staff_id: UUID = row.id
    return staff_id
