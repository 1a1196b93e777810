"""Write applications and entitlements, with their events."""

from uuid import UUID

from sqlalchemy import select

from portal.applications.models import Application, Entitlement
from portal.applications.queries import ApplicationRow, application_row
from portal.applications.rules import check_slug, check_url
from portal.audit.changes import record
from portal.audit.rules import Event
from portal.foundation.refused import Refused
from portal.foundation.rows import add_unique, edit
from portal.foundation.text import check_name
from portal.foundation.transaction import Tx


def add_application(tx: Tx, *, slug: str, name: str, url: str) -> UUID:
    """Add an application that guests reach by a link.

    Raises:
        Refused: an input cannot be, or the slug is taken.
    """
    slug = check_slug(slug)
    values = {
        "slug": slug,
        "name": check_name("name", name),
        "url": check_url(url),
        "created_at": tx.now,
    }
    taken = Refused("slug", f"There is an application {slug} already: choose another short name")
    application_id, sets = add_unique(tx, Application, values, taken)
    record(tx, [Event("application.added", sets=sets)])
    return application_id


def lock_application(tx: Tx, application_id: UUID) -> ApplicationRow:
    """Return an application that nobody else changes until the end of the transaction."""
    return application_row(_locked(tx, application_id))


def change_application(
    tx: Tx, application_id: UUID, *, name: str | None = None, url: str | None = None
) -> None:
    """Change what an application is called or where its link leads; ``None`` leaves it.

    Who may use it is left alone, and so is its short name, by which scripts know it.

    Raises:
        Refused: an input cannot be.
    """
    values: dict[str, object] = {}
    if name is not None:
        values["name"] = check_name("name", name)
    if url is not None:
        values["url"] = check_url(url)
    if sets := edit(tx, _locked(tx, application_id), values):
        record(tx, [Event("application.changed", sets=sets)])


def _locked(tx: Tx, application_id: UUID) -> Application:
    return tx.session.execute(
        select(Application)
        .where(Application.id == application_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one()


def add_entitlement(tx: Tx, application_id: UUID, *, slug: str, name: str) -> UUID:
    """Add one thing that a guest may use in an application.

    Raises:
        Refused: an input cannot be, or the slug is taken in this application.
    """
    slug = check_slug(slug)
    values = {
        "application_id": application_id,
        "slug": slug,
        "name": check_name("name", name),
        "created_at": tx.now,
    }
    application = tx.session.get_one(Application, application_id)
    taken = Refused(
        "slug", f"{application.name} has an entitlement {slug} already: choose another short name"
    )
    entitlement_id, sets = add_unique(tx, Entitlement, values, taken)
    record(tx, [Event("entitlement.added", sets=sets)])
    return entitlement_id
