"""Offers of entitlements, the terms of use, and what a fresh portal begins with."""

from importlib.resources import files
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from portal.applications.models import Application, Entitlement
from portal.audit.changes import record
from portal.audit.rules import Event
from portal.foundation.refused import Refused
from portal.foundation.rows import add_unique, edit
from portal.foundation.text import check_name
from portal.foundation.transaction import Tx
from portal.trust.changes.policies import set_policy
from portal.trust.models import Offer, Terms
from portal.trust.queries import policy_row
from portal.trust.rules import FIRST_DEFAULTS, check_claim_name, check_terms


def offer(
    tx: Tx,
    organisation_id: UUID,
    entitlement_id: UUID,
    *,
    default: bool = False,
    when: tuple[str, str] | None = None,
) -> UUID:
    """Offer an entitlement to an organisation's people.

    Args:
        tx: the open transaction.
        organisation_id: to whose people.
        entitlement_id: what.
        default: proposed for everybody.
        when: (claim, value): proposed for those whose claim has this value.

    Raises:
        Refused: offered already, or both *default* and *when*.
    """
    if default and when:
        raise Refused("when", "Choose one: as default, or when a claim has a value")
    claim = value = None
    if when:
        claim = check_claim_name("when", when[0])
        if not when[1].strip():
            raise Refused("when", "Enter a value too, like department=Finance")
        value = check_name("when", when[1], 255)
    values: dict[str, Any] = {
        "organisation_id": organisation_id,
        "entitlement_id": entitlement_id,
        "is_default": default,
        "when_claim": claim,
        "when_value": value,
        "offered_at": tx.now,
        "withdrawn_at": None,
    }
    names = tx.session.execute(
        select(Application.name, Entitlement.name)
        .join(Entitlement, Entitlement.application_id == Application.id)
        .where(Entitlement.id == entitlement_id)
    ).one()
    taken = Refused(
        "entitlement",
        f"{names[0]}: {names[1]} is offered to this organisation already: withdraw it first",
    )
    offer_id, sets = add_unique(tx, Offer, values, taken)
    record(tx, [Event("offer.made", organisation_id=organisation_id, sets=sets)])
    return offer_id


def withdraw_offer(tx: Tx, offer_id: UUID) -> None:
    """Mark an offer as withdrawn; access to its entitlement ends with it.

    Raises:
        Refused: it is withdrawn already.
    """
    row = tx.session.execute(
        select(Offer)
        .where(Offer.id == offer_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one()
    if row.withdrawn_at is not None:
        raise Refused("entitlement", "This offer is withdrawn already")
    sets = edit(tx, row, {"withdrawn_at": tx.now})
    record(tx, [Event("offer.withdrawn", organisation_id=row.organisation_id, sets=sets)])


def publish_terms(tx: Tx, body: str, *, published_by: str) -> int:
    """Publish the next version of the terms; everybody is asked for it at their next request.

    Args:
        tx: the open transaction.
        body: plain text; an empty line ends a paragraph.
        published_by: name of the admin, as pages show it.

    Returns:
        The new version's number.

    Raises:
        Refused: empty, too long, or the same as what counts already.
    """
    body = check_terms(body)
    newest = tx.session.scalars(
        select(Terms).order_by(Terms.version.desc()).limit(1).with_for_update()
    ).one_or_none()
    if newest is not None and newest.body == body:
        raise Refused("body", f"This is the text of version {newest.version}, which counts already")
    version = newest.version + 1 if newest else 1
    values = {
        "version": version,
        "body": body,
        "published_at": tx.now,
    }
    by = {"published_by": check_name("published_by", published_by)}
    taken = Refused("body", "Somebody published another version meanwhile: look at it first")
    terms_id, sets = add_unique(tx, Terms, {**values, **by}, taken)
    row_key = next(iter(sets))
    record(
        tx,
        [
            Event(
                "terms.published",
                sets={row_key: {"id": terms_id, **values}},
                personal={row_key: by},
            )
        ],
    )
    return version


def first_terms() -> str:
    """Return the plain terms of use that ship with the portal."""
    return files("portal.trust").joinpath("first_terms.txt").read_text(encoding="utf-8")


def ensure_defaults(tx: Tx) -> None:
    """Insert the portal-wide defaults and the first terms if there are none; harmless to repeat."""
    if policy_row(tx.session, None) is None:
        set_policy(tx, None, FIRST_DEFAULTS)
    if not tx.session.scalar(select(func.count()).select_from(Terms)):
        publish_terms(tx, first_terms(), published_by="The portal")
