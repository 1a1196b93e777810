"""Who may vouch for an organisation's people."""

from collections.abc import Sequence
from functools import partial
from typing import TypedDict
from uuid import UUID

from sqlalchemy import delete, select

from portal.audit.changes import record
from portal.audit.rules import Event
from portal.foundation.refused import Refusals, Refused
from portal.foundation.rows import Sets, add, edit, key
from portal.foundation.text import BadText, canonical_email, domain_of
from portal.foundation.transaction import Tx
from portal.staff.models import Staff
from portal.staff.queries import staff_by_email
from portal.trust.changes.organisations import locked_organisation
from portal.trust.models import OrganisationSponsor
from portal.trust.queries import domains


def sponsor_by_email(tx: Tx, field: str, email: str) -> UUID:
    """Return the employee of this address.

    Raises:
        Refused: nobody here has it; the message says how to mend that.
    """
    try:
        address = canonical_email(email)
    except BadText as bad:
        raise Refused(field, f"{bad.message}; {email.strip()[:80]!r} is not one") from None
    row = staff_by_email(tx.session, address)
    if row is None:
        raise Refused(
            field,
            f"No employee with the address {address} is known here. Put them in under "
            f"Staff first, or let them sign in once. At the shell: portal staff add {address} "
            "--name NAME --role sponsor",
        )
    return row.id


class Named(TypedDict):
    """Whom ``name_sponsors`` is to name."""

    sponsors: Sequence[UUID]
    deputy: UUID | None
    lead: UUID | None


def named_by_email(
    tx: Tx, sponsors: Sequence[str], *, deputy: str | None, lead: str | None = None
) -> Named:
    """Return the employees of these addresses.

    Raises:
        Refused: with every address that nobody here has, as ``sponsor_by_email``.
    """
    refusals = Refusals()
    found = [refusals.of(partial(sponsor_by_email, tx, "sponsor", one)) for one in sponsors]
    first, stand_in = (
        refusals.of(partial(sponsor_by_email, tx, field, email)) if email else None
        for field, email in (("lead", lead), ("deputy", deputy))
    )
    refusals.end()
    known = [one for one in found if one is not None]
    return Named(sponsors=known, deputy=stand_in, lead=first)


def name_sponsors(
    tx: Tx,
    organisation_id: UUID,
    *,
    sponsors: Sequence[UUID],
    deputy: UUID | None = None,
    lead: UUID | None = None,
) -> None:
    """Make these the sponsors and the deputy of an organisation; others are no longer named.

    Args:
        tx: the open transaction.
        organisation_id: for whose people they vouch.
        sponsors: employees, at least one.
        deputy: stands in for all of them.
        lead: one of *sponsors*, who is always asked first; none: the one with fewest requests.

    Raises:
        Refused: nobody is named, somebody is named twice; or with everybody who may not decide.
    """
    organisation = locked_organisation(tx, organisation_id)
    wanted = {one: ("sponsor", one == lead) for one in sponsors}
    if not wanted:
        raise Refused("sponsor", "Name at least one sponsor: nobody could vouch without one")
    if lead is not None and lead not in wanted:
        raise Refused("lead", "Choose the one who is asked first among the sponsors")
    if deputy is not None:
        if deputy in wanted:
            raise Refused("deputy", "Choose a deputy who is not one of the sponsors")
        wanted[deputy] = ("deputy", False)
    held = domains(tx.session, organisation_id)
    _keep_employees(tx, organisation_id, set(wanted))
    refusals = Refusals()
    for staff_id, (role, _) in wanted.items():
        refusals.of(partial(_require_able, tx, staff_id, role, held, organisation.name))
    refusals.end()
    _apply(tx, organisation_id, wanted)


def _keep_employees(tx: Tx, organisation_id: UUID, wanted: set[UUID]) -> None:
    """Keep whoever is named anew an employee until the commit: who lets them go waits for it.

    Whoever is named already is kept by that row, which who lets them go locks.
    """
    named = select(OrganisationSponsor.staff_id).where(
        OrganisationSponsor.organisation_id == organisation_id
    )
    anew = wanted - set(tx.session.scalars(named))
    tx.session.execute(
        select(Staff.id).where(Staff.id.in_(anew)).order_by(Staff.id).with_for_update(read=True)
    )


def _require_able(
    tx: Tx, staff_id: UUID, field: str, held: frozenset[str], organisation: str
) -> None:
    row = tx.session.get_one(Staff, staff_id, populate_existing=True)
    if row.state != "active":
        raise Refused(field, f"{row.email} has left: choose somebody else")
    if not row.is_sponsor:
        raise Refused(
            field,
            f"{row.email} is no sponsor yet. Put them in under Staff as one first. At the shell: "
            f"portal staff add {row.email} --name NAME --role sponsor",
        )
    if domain_of(row.email) in held:
        raise Refused(
            field,
            f"{row.email} has an address of {organisation} and cannot decide for it: choose "
            "somebody else",
        )


def _apply(tx: Tx, organisation_id: UUID, wanted: dict[UUID, tuple[str, bool]]) -> None:
    named = {
        row.staff_id: row
        for row in tx.session.scalars(
            select(OrganisationSponsor)
            .where(OrganisationSponsor.organisation_id == organisation_id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    }
    events = _gone(tx, [row for staff_id, row in named.items() if staff_id not in wanted])
    kept = [(row, *wanted[staff_id]) for staff_id, row in named.items() if staff_id in wanted]
    edits: Sets = {}
    # At most one lead and one deputy at any moment: old ones step back before new ones step up.
    back = [
        (row, {"role": "sponsor", "lead": False})
        for row, role, lead in kept
        if (row.role, row.lead) != (role, lead)
    ]
    up = [(row, {"role": role, "lead": lead}) for row, role, lead in kept]
    for row, values in back + up:
        for one, columns in edit(tx, row, values).items():
            edits.setdefault(one, {}).update(columns)
    for staff_id, (role, lead) in wanted.items():
        if staff_id not in named:
            _, sets = add(
                tx,
                OrganisationSponsor,
                {
                    "organisation_id": organisation_id,
                    "staff_id": staff_id,
                    "role": role,
                    "lead": lead,
                    "created_at": tx.now,
                },
            )
            edits |= sets
    events.extend(
        Event("sponsor.named", organisation_id=organisation_id, sets={one: columns})
        for one, columns in edits.items()
    )
    record(tx, events)


def unname(tx: Tx, staff_id: UUID) -> None:
    """Name an employee for no organisation any more: they have left, and may come back one day."""
    rows = tx.session.scalars(
        select(OrganisationSponsor)
        .where(OrganisationSponsor.staff_id == staff_id)
        .order_by(OrganisationSponsor.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    record(tx, _gone(tx, rows))


def _gone(tx: Tx, rows: Sequence[OrganisationSponsor]) -> list[Event]:
    """Delete who is named no longer; return the events that say so."""
    events = []
    for row in rows:
        sets: Sets = {
            key(OrganisationSponsor, row.id): {"staff_id": row.staff_id, "organisation_id": None}
        }
        events.append(Event("sponsor.unnamed", organisation_id=row.organisation_id, sets=sets))
    tx.session.execute(
        delete(OrganisationSponsor).where(OrganisationSponsor.id.in_([row.id for row in rows]))
    )
    return events
