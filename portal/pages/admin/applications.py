"""Applications, and what can be entitled to in them."""

from uuid import UUID

from flask import Blueprint, abort, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from portal.applications import changes
from portal.applications.queries import (
    ApplicationRow,
    EntitlementRow,
    application_by_slug,
    applications,
    entitlements,
)
from portal.foundation.db import db
from portal.foundation.transaction import Tx
from portal.pages.acting import UNCHANGED, try_act
from portal.pages.admin.forms import ApplicationEditForm, ApplicationForm, EntitlementForm
from portal.pages.seen import require_seen, seen_of
from portal.web.display import naming
from portal.web.guards import for_admin

bp = Blueprint("applications", __name__, url_prefix="/admin/applications")


@bp.get("")
@for_admin
def listed() -> ResponseReturnValue:
    """List applications."""
    return _page(ApplicationForm())


def _page(form: ApplicationForm, status: int = 200) -> ResponseReturnValue:
    session = db.session()
    held: dict[UUID, list[EntitlementRow]] = {}
    for one in entitlements(session):
        held.setdefault(one.application_id, []).append(one)
    rows = [(row, held.get(row.id, [])) for row in applications(session)]
    return render_template("admin/applications/list.html", rows=rows, form=form), status


@bp.post("")
@for_admin
def add() -> ResponseReturnValue:
    """Add an application."""
    form = ApplicationForm()
    if form.validate_on_submit() and try_act(
        form,
        lambda tx: changes.add_application(
            tx, slug=form.slug.data, name=form.name.data, url=form.url.data
        ),
        naming("{} is added. Say what can be used in it", form.name.data),
    ):
        return redirect(url_for("applications.one", slug=form.slug.data), 303)
    return _page(form, 422)


def _wanted(slug: str) -> ApplicationRow:
    row = application_by_slug(db.session(), slug)
    if row is None:
        abort(404)
    return row


@bp.get("/<slug>")
@for_admin
def one(slug: str) -> ResponseReturnValue:
    """Show one application with its entitlements."""
    return _one(_wanted(slug), EntitlementForm())


def _one(row: ApplicationRow, form: EntitlementForm, status: int = 200) -> ResponseReturnValue:
    page = render_template(
        "admin/applications/one.html",
        application=row,
        entitlements=entitlements(db.session(), row.id),
        form=form,
    )
    return page, status


@bp.get("/<slug>/edit")
@for_admin
def edit(slug: str) -> ResponseReturnValue:
    """Show what it is called and where its link leads, ready to be changed."""
    row = _wanted(slug)
    return _edit(row, ApplicationEditForm(name=row.name, url=row.url, seen=_seen(row)))


def _edit(row: ApplicationRow, form: ApplicationEditForm, status: int = 200) -> ResponseReturnValue:
    return render_template("admin/applications/edit.html", application=row, form=form), status


def _seen(row: ApplicationRow) -> str:
    return seen_of(row.name, row.url)


@bp.post("/<slug>/edit")
@for_admin
def save(slug: str) -> ResponseReturnValue:
    """Change it; every guest's link leads to the new address at once."""
    row, form = _wanted(slug), ApplicationEditForm()

    def change(tx: Tx) -> None:
        require_seen(form, _seen(changes.lock_application(tx, row.id)))
        changes.change_application(tx, row.id, name=form.name.data, url=form.url.data)

    if form.validate_on_submit() and try_act(
        form, change, "The application is changed", unchanged=UNCHANGED
    ):
        return redirect(url_for("applications.one", slug=row.slug), 303)
    return _edit(row, form, 422)


@bp.post("/<slug>")
@for_admin
def add_entitlement(slug: str) -> ResponseReturnValue:
    """Add something that can be used in an application."""
    row = _wanted(slug)
    form = EntitlementForm()
    if form.validate_on_submit() and try_act(
        form,
        lambda tx: changes.add_entitlement(tx, row.id, slug=form.slug.data, name=form.name.data),
        naming("{} is added. Offer it to an organisation next", form.name.data),
    ):
        return redirect(url_for("applications.one", slug=row.slug), 303)
    return _one(row, form, 422)
