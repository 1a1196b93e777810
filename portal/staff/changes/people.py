"""Employees: put in beforehand, arriving at the host's sign-in, removed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, select

from portal.audit.changes import record
from portal.audit.rules import Event
from portal.delivery.changes import Message, put
from portal.foundation.refused import Refused
from portal.foundation.rows import Sets, add_unique, edit, key
from portal.foundation.text import BadText, canonical_email, check_name
from portal.foundation.transaction import Tx
from portal.staff.changes.links import has_new_link, mail_bind_link, withdraw_links
from portal.staff.models import Staff, StaffLink
from portal.staff.queries import admins
from portal.staff.rules import (
    ROLES,
    KnownStaff,
    Outcome,
    RoleSource,
    StaffClaims,
    StaffDecision,
    StaffFacts,
    decide_staff,
    link_fault,
    role_words,
)

_PERSONAL = frozenset({"email", "name", "subject"})
_MOST_NAME = 200
_MOST_SUBJECT = 255  # OIDC Core 1.0, section 2: sub


@dataclass(frozen=True, slots=True)
class Added:
    """What adding an employee did."""

    staff_id: UUID
    link_mailed: bool


def _locked(tx: Tx, which: ColumnElement[bool]) -> Staff | None:
    return tx.session.scalars(
        select(Staff)
        .where(which)
        # An arrival that asks them holds its organisation's row, which handing over waits for.
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()


def _event(name: str, staff_id: UUID, sets: Sets, data: Mapping[str, Any] | None = None) -> Event:
    """Return an event whose personal columns stand apart."""
    row_key = key(Staff, staff_id)
    columns = sets.get(row_key, {})
    # That there is nothing (any more) tells of nobody.
    personal = {
        one: value for one, value in columns.items() if one in _PERSONAL and value is not None
    }
    plain = {one: value for one, value in columns.items() if one not in personal}
    return Event(
        name,
        sets={row_key: plain} if plain else {},
        personal={row_key: personal} if personal else {},
        person_id=staff_id,
        data=data or {},
    )


def _new_row(tx: Tx, **values: object) -> tuple[UUID, Sets]:
    whole = {
        "state": "active",
        "is_sponsor": False,
        "is_admin": False,
        "roles_unknown": False,
        "roles_from_claim": False,
        "issuer": None,
        "subject": None,
        "created_at": tx.now,
        "last_sign_in_at": None,
        **values,
    }
    taken = Refused("email", "Somebody with this address or subject was added meanwhile: try again")
    return add_unique(tx, Staff, whole, taken)


def add_staff(
    tx: Tx,
    *,
    email: str,
    name: str,
    role: str,
    host_issuer: str,
    public_url: str,
    at: datetime,
    subject: str | None = None,
) -> Added:
    """Put an employee in beforehand, or give one who is here a further role.

    Without a subject, and where the host has a provider, a single-use link is mailed that binds
    them at their first sign-in: another one to whoever is put in again and was not bound yet.

    Args:
        tx: the open transaction.
        email: where mails go; it never binds.
        name: as colleagues and guests read it.
        role: ``sponsor`` or ``admin``.
        host_issuer: of the host's own provider, empty when there is none.
        public_url: the link begins with it.
        at: the protocol clock's time; links go by it.
        subject: who they are at the host's provider, if known.

    Raises:
        Refused: an input cannot be, or they are this here already.
    """
    address = _address(email)
    name = check_name("name", name, _MOST_NAME)
    if role not in ROLES:
        raise Refused("role", f"Choose {' or '.join(ROLES)}")
    binding = _binding(subject, host_issuer)
    row = _locked(tx, and_(Staff.email == address, Staff.state == "active"))
    if row is None and binding:
        row = _by_subject(tx, binding["issuer"], binding["subject"])
        if row is not None and row.state == "active":
            raise Refused("subject", f"This subject is {row.email} already")
    if row is None:
        roles = {f"is_{role}": True}
        staff_id, sets = _new_row(tx, email=address, name=name, **roles, **binding)
        record(tx, [_event("staff.added", staff_id, sets)])
    else:
        staff_id = row.id
        unbound = not binding and bool(host_issuer) and row.subject is None
        anew = unbound and not has_new_link(tx, row.id, at=at)
        _widen(tx, row, address, name, role, binding, anew=anew)
    mailed = not binding and bool(host_issuer) and _unbound(tx, staff_id)
    if mailed:
        mail_bind_link(tx, staff_id, public_url=public_url, at=at)
    return Added(staff_id, link_mailed=mailed)


def _unbound(tx: Tx, staff_id: UUID) -> bool:
    return tx.session.get_one(Staff, staff_id).subject is None


def _binding(subject: str | None, host_issuer: str) -> dict[str, str]:
    if subject is None:
        return {}
    subject = subject.strip()
    if not host_issuer:
        raise Refused("subject", "Set PORTAL_HOST_OIDC_ISSUER first: a subject belongs to it")
    if not subject or len(subject) > _MOST_SUBJECT or not subject.isprintable():
        raise Refused("subject", f"Enter 1 to {_MOST_SUBJECT} printable characters")
    return {"issuer": host_issuer, "subject": subject}


def _widen(
    tx: Tx,
    row: Staff,
    address: str,
    name: str,
    role: str,
    binding: Mapping[str, str],
    *,
    anew: bool,
) -> None:
    """Give an employee who is here, or was, a role or their subject, or (*anew*) just a link."""
    back = row.state != "active"
    values: dict[str, object] = {f"is_{role}": True}
    if back:
        values |= {"state": "active", "email": address, "name": name}
    if binding:
        if row.subject is not None and (row.issuer, row.subject) != tuple(binding.values()):
            raise Refused("subject", f"{row.email} is bound to another subject already")
        values |= binding
    was_bound = row.subject is not None
    if not back and binding and not was_bound:
        other = _by_subject(tx, binding["issuer"], binding["subject"])
        if other is not None:
            _take_subject(tx, other)
    sets = edit(tx, row, values)
    if not sets and anew:
        return
    if not sets:
        has = role_words(row.is_sponsor, row.is_admin)
        raise Refused("email", f"{row.email} is {has} here already")
    if binding and not was_bound:
        withdraw_links(tx, row.id, "bind", at=tx.now)
    record(tx, [_event("staff.added" if back else "staff.changed", row.id, sets)])


def _take_subject(tx: Tx, other: Staff) -> None:
    """Take the subject from whoever left and was put in anew, to be given to the new row."""
    if other.state == "active":
        raise Refused("subject", f"This subject is {other.email} already")
    gone = edit(tx, other, {"issuer": None, "subject": None})
    record(tx, [_event("staff.changed", other.id, gone)])


def _by_subject(tx: Tx, issuer: str, subject: str) -> Staff | None:
    return _locked(tx, and_(Staff.issuer == issuer, Staff.subject == subject))


def _address(email: str) -> str:
    try:
        return canonical_email(email)
    except BadText as bad:
        raise Refused("email", f"{bad.message}; {email.strip()[:80]!r} is not one") from None


def remove(tx: Tx, staff_id: UUID) -> None:
    """Let an employee go; what that does to sessions and guests stands in ``lifecycle``.

    Raises:
        Refused: they have left already, or are the last admin, or the last whose role is sure.
    """
    heads = dict(
        tx.session.execute(
            select(Staff.id, Staff.roles_unknown)
            .where(Staff.state == "active", Staff.is_admin.is_(True))
            .order_by(Staff.id)
            .with_for_update(key_share=True)
        ).all()
    )
    row = _locked(tx, Staff.id == staff_id)
    if row is None or row.state != "active":
        raise Refused("email", "This employee has left already")
    unknown = heads.pop(staff_id, None)
    # One whose role nobody says any more looks, and changes nothing.
    if unknown is not None and (not heads or (not unknown and all(heads.values()))):
        which = " whose role is confirmed" if heads else ""
        todo = "make somebody else an admin first"
        raise Refused("email", f"{row.email} is the last admin{which}: {todo}")
    sets = edit(
        tx,
        row,
        {"state": "left", "is_sponsor": False, "is_admin": False, "roles_unknown": False},
    )
    for purpose in ("bind", "sign_in"):
        withdraw_links(tx, staff_id, purpose, at=tx.now)
    record(tx, [_event("staff.removed", staff_id, sets)])


def arrive(
    tx: Tx,
    claims: StaffClaims,
    source: RoleSource,
    *,
    at: datetime,
    strength: str = "",
    link_id: UUID | None = None,
) -> StaffDecision:
    """Decide over an employee who comes back from the host's provider, and do it.

    A refusal changes nothing, but for roles that the claim took away. The caller audits refusals
    (``sign_in.refused``) in this same transaction.

    Args:
        tx: the open transaction.
        claims: what the host's provider asserts.
        source: where roles come from.
        at: the protocol clock's time; links go by it.
        strength: how they were authenticated, for the audit.
        link_id: of the bind link that was opened before.

    Returns:
        The decision, its ``staff_id`` filled where somebody comes in.

    Raises:
        Refused: the same person was put in at this moment: once more.
    """
    known = _by_subject(tx, claims.issuer, claims.subject)
    link = None if link_id is None else _locked_link(tx, link_id)
    invited = None if link is None else _locked(tx, Staff.id == link.staff_id)
    own = known or invited
    held = claims.email is not None and _held_by_other(tx, claims.email, own)
    facts = StaffFacts(
        known=_known(known) if known else None,
        invited=_known(invited) if invited else None,
        link_spent=link is not None and link_fault(link.used_at, link.expires_at, at) is not None,
        address_held=held,
    )
    decision = decide_staff(claims, facts, source)
    if decision.outcome is Outcome.CREATED:
        return _create(tx, claims, decision, strength)
    if decision.staff_id is not None and own is not None:
        was = own.email
        _apply(tx, own, claims, decision, by_claim=source.by_claim, keep_address=held)
        if decision.outcome is not Outcome.REFUSED:
            if decision.bind:
                withdraw_links(tx, own.id, "bind", at=at)
            _signed_in(tx, own, strength)
        return replace(decision, address_moved=own.email != was)
    return decision


def _locked_link(tx: Tx, link_id: UUID) -> StaffLink | None:
    return tx.session.scalars(
        select(StaffLink)
        .where(StaffLink.id == link_id, StaffLink.purpose == "bind")
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()


def _held_by_other(tx: Tx, email: str, own: Staff | None) -> bool:
    holder = tx.session.scalar(
        select(Staff.id).where(Staff.email == email, Staff.state == "active")
    )
    return holder is not None and (own is None or holder != own.id)


def _known(row: Staff) -> KnownStaff:
    return KnownStaff(
        row.id, row.state == "active", row.is_sponsor, row.is_admin, row.roles_unknown
    )


def _create(tx: Tx, claims: StaffClaims, decision: StaffDecision, strength: str) -> StaffDecision:
    name = claims.name or claims.email or ""
    staff_id, sets = _new_row(
        tx,
        email=claims.email,
        name=name[:_MOST_NAME],
        is_sponsor=decision.is_sponsor,
        is_admin=decision.is_admin,
        roles_from_claim=True,
        issuer=claims.issuer,
        subject=claims.subject,
    )
    record(tx, [_event("staff.added", staff_id, sets)])
    _signed_in(tx, tx.session.get_one(Staff, staff_id), strength)
    return StaffDecision(
        decision.outcome,
        staff_id=staff_id,
        is_sponsor=decision.is_sponsor,
        is_admin=decision.is_admin,
    )


def _apply(
    tx: Tx,
    row: Staff,
    claims: StaffClaims,
    decision: StaffDecision,
    *,
    by_claim: bool,
    keep_address: bool,
) -> None:
    """Write what the decision and the host's claims say of an employee."""
    values: dict[str, object] = {
        "is_sponsor": decision.is_sponsor,
        "is_admin": decision.is_admin,
        "roles_unknown": decision.roles_unknown,
        "roles_from_claim": by_claim and (row.roles_from_claim or claims.roles is not None),
    }
    if decision.outcome is not Outcome.REFUSED:
        if claims.name:
            values["name"] = claims.name
        if claims.email and not keep_address:
            values["email"] = claims.email
    if decision.bind:
        values |= {"issuer": claims.issuer, "subject": claims.subject}
    sets = edit(tx, row, values)
    if not sets:
        return
    name = "staff.bound" if decision.bind else "staff.changed"
    record(tx, [_event("staff.role_unknown" if decision.newly_unknown else name, row.id, sets)])
    if decision.newly_unknown:
        _tell_admins(tx, row)


def _tell_admins(tx: Tx, row: Staff) -> None:
    put(
        tx,
        [
            Message(
                "admin.role_unknown",
                admin.email,
                f"admin.role_unknown:{row.id}:{tx.reference}:{admin.id}",
                {"name": row.name, "email": row.email},
            )
            for admin in admins(tx.session)
        ],
    )


def _signed_in(tx: Tx, row: Staff, strength: str) -> None:
    sets = edit(tx, row, {"last_sign_in_at": tx.now})
    record(
        tx,
        [_event("staff.signed_in", row.id, sets, {"staff": row.id, "strength": strength})],
    )
