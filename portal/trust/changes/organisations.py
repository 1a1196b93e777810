"""Organisations and their domains."""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from sqlalchemy import delete, select

from portal.audit.changes import record
from portal.audit.rules import Event
from portal.foundation.refused import Refusals, Refused
from portal.foundation.rows import Sets, add_unique, edit, key
from portal.foundation.text import check_name
from portal.foundation.transaction import Tx
from portal.trust.models import Domain, Organisation
from portal.trust.queries import holder_of
from portal.trust.rules import House, check_domain, check_slug


def locked_organisation(tx: Tx, organisation_id: UUID, *, key_share: bool = False) -> Organisation:
    """Return an organisation's row, read again under lock; with *key_share* without its key."""
    return tx.session.execute(
        select(Organisation)
        .where(Organisation.id == organisation_id)
        .with_for_update(key_share=key_share)
        .execution_options(populate_existing=True)
    ).scalar_one()


def add_organisation(tx: Tx, *, slug: str, name: str, unlisted: bool = False) -> UUID:
    """Add a connected organisation; contract, domains and sponsors are added to it.

    Raises:
        Refused: the slug or the name cannot be, or the slug is taken.
    """
    slug = check_slug(slug)
    values = {
        "slug": slug,
        "name": check_name("name", name),
        "state": "active",
        "state_reason": None,
        "unlisted": unlisted,
        "seats": 0,
        "waiting": 0,
        "later_told_at": None,
        "created_at": tx.now,
    }
    taken = Refused("slug", f"There is an organisation {slug} already: choose another short name")
    organisation_id, sets = add_unique(tx, Organisation, values, taken)
    record(tx, [Event("organisation.added", organisation_id=organisation_id, sets=sets)])
    return organisation_id


def change_organisation(
    tx: Tx, organisation_id: UUID, *, name: str | None = None, unlisted: bool | None = None
) -> None:
    """Change the name, or whether the door finds it by domain; ``None`` leaves it as it is.

    Raises:
        Refused: the name cannot be.
    """
    row = locked_organisation(tx, organisation_id)
    values: dict[str, object] = {}
    if name is not None:
        values["name"] = check_name("name", name)
    if unlisted is not None:
        values["unlisted"] = unlisted
    _record_edit(tx, "organisation.changed", organisation_id, edit(tx, row, values))


def suspend(tx: Tx, organisation_id: UUID, reason: str) -> None:
    """Suspend an organisation; its guests lose access through the access function.

    Raises:
        Refused: it is suspended already, or no reason is given.
    """
    reason = check_name("reason", reason, 500)
    row = locked_organisation(tx, organisation_id)
    if row.state == "suspended":
        raise Refused("organisation", f"{row.name} is suspended already")
    sets = edit(tx, row, {"state": "suspended", "state_reason": reason})
    _record_edit(tx, "organisation.suspended", organisation_id, sets)


def resume(tx: Tx, organisation_id: UUID) -> None:
    """Lift the suspension of an organisation.

    Raises:
        Refused: it is not suspended.
    """
    row = locked_organisation(tx, organisation_id)
    if row.state != "suspended":
        raise Refused("organisation", f"{row.name} is not suspended")
    sets = edit(tx, row, {"state": "active", "state_reason": None})
    _record_edit(tx, "organisation.resumed", organisation_id, sets)


def _record_edit(tx: Tx, event: str, organisation_id: UUID, sets: Sets) -> None:
    if sets:
        record(tx, [Event(event, organisation_id=organisation_id, sets=sets)])


def add_domain(tx: Tx, organisation_id: UUID, name: str, *, vouched_by: str, house: House) -> UUID:
    """Add a domain that an admin vouches for.

    Args:
        tx: the open transaction.
        organisation_id: who holds it from now on.
        name: as typed; kept in its one form.
        vouched_by: name of the admin, as pages show it.
        house: the host's own domains cannot be a partner's.

    Raises:
        Refused: no domain, the host's own, or held already (cases A06).
    """
    domain = check_domain(name, house.host_domains)
    values = {"organisation_id": organisation_id, "name": domain, "created_at": tx.now}
    personal = {"vouched_by": check_name("vouched_by", vouched_by)}
    taken = Refused("domain", f"{domain} is already held")
    try:
        domain_id, sets = add_unique(tx, Domain, {**values, **personal}, taken)
    except Refused:
        holder = holder_of(tx.session, domain)
        whose = holder.name if holder else "another organisation"
        raise Refused("domain", f"{domain} is already held by {whose}") from None
    row_key = key(Domain, domain_id)
    record(
        tx,
        [
            Event(
                "domain.added",
                organisation_id=organisation_id,
                sets={row_key: _without(sets[row_key], personal)},
                personal={row_key: personal},
            )
        ],
    )
    return domain_id


def _without(columns: dict[str, object], personal: dict[str, str]) -> dict[str, object]:
    return {name: value for name, value in columns.items() if name not in personal}


def remove_domain(tx: Tx, domain_id: UUID) -> None:
    """Take a domain away; from their next sign-in on an address in it is a foreign one (A03)."""
    row = tx.session.execute(
        select(Domain)
        .where(Domain.id == domain_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one()
    # The row is gone: nobody holds the domain any more.
    gone: Sets = {key(Domain, row.id): {"name": row.name, "organisation_id": None}}
    event = Event("domain.removed", organisation_id=row.organisation_id, sets=gone)
    tx.session.execute(delete(Domain).where(Domain.id == domain_id))
    record(tx, [event])


def set_domains(
    tx: Tx, organisation_id: UUID, names: Sequence[str], *, vouched_by: str, house: House
) -> None:
    """Make these the domains of an organisation: new ones are vouched for, others taken away.

    Raises:
        Refused: none is given; or with all of them that cannot be added.
    """
    locked_organisation(tx, organisation_id)
    wanted = {check_domain(name, house.host_domains) for name in names}
    if not wanted:
        raise Refused("domain", "Enter at least one domain of the organisation")
    held = {
        row.name: row.id
        for row in tx.session.scalars(
            select(Domain).where(Domain.organisation_id == organisation_id)
        )
    }
    for name in sorted(held.keys() - wanted):
        remove_domain(tx, held[name])
    refusals = Refusals()
    for name in sorted(wanted - held.keys()):
        add = partial(add_domain, tx, organisation_id, name, vouched_by=vouched_by, house=house)
        refusals.of(add)
    refusals.end()
