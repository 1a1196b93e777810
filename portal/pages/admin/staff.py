"""Employees who use the portal: sponsors and admins."""

from uuid import UUID

from flask import Blueprint, abort, current_app, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from portal.foundation import clock
from portal.foundation.current import settings_of
from portal.foundation.db import db
from portal.foundation.transaction import Tx
from portal.lifecycle.changes import let_go
from portal.pages.acting import try_act
from portal.pages.admin.forms import StaffForm
from portal.pages.admin.organisations import passed_on
from portal.sign_in.changes import end_sessions_of_staff
from portal.sponsorship.queries import open_by_sponsor
from portal.staff import changes
from portal.staff.queries import listed as all_staff
from portal.staff.queries import staff_by_id
from portal.staff.rules import role_words
from portal.web.display import naming
from portal.web.forms import PortalForm
from portal.web.guards import for_admin, me

bp = Blueprint("admin_staff", __name__, url_prefix="/admin/staff")


@bp.get("")
@for_admin
def listed() -> ResponseReturnValue:
    """List employees."""
    return _page(StaffForm())


def _page(form: StaffForm, status: int = 200) -> ResponseReturnValue:
    settings = settings_of(current_app)
    page = render_template(
        "admin/staff/list.html",
        staff=all_staff(db.session()),
        form=form,
        by_claim=settings.host_oidc_role_claim,
    )
    return page, status


@bp.post("")
@for_admin
def add() -> ResponseReturnValue:
    """Put an employee in, or give one a further role."""
    form = StaffForm()
    settings = settings_of(current_app)
    if form.validate_on_submit() and try_act(
        form,
        lambda tx: changes.add_staff(
            tx,
            email=form.email.data,
            name=form.name.data,
            role=form.role.data,
            host_issuer=settings.host_oidc_issuer,
            public_url=settings.public_url,
            at=clock.protocol_now(),
            subject=form.subject.data or None,
        ),
        _added,
    ):
        return redirect(url_for("admin_staff.listed"), 303)
    return _page(form, 422)


def _added(added: changes.Added) -> str:
    """Say who that is by now: who was here already keeps their name, whatever was typed."""
    row = staff_by_id(db.session(), added.staff_id)
    assert row is not None
    here = f"{{}} is {role_words(row.is_sponsor, row.is_admin)} here"
    return naming(f"{here}{_LINK_MAILED if added.link_mailed else ''}", row.name)


_LINK_MAILED = ". A link that binds them is mailed; if it gets lost, put them in once more"


@bp.get("/<uuid:staff_id>")
@for_admin
def one(staff_id: UUID) -> ResponseReturnValue:
    """Show one employee, and what letting them go would touch."""
    return _one(staff_id, PortalForm())


def _one(staff_id: UUID, form: PortalForm, status: int = 200) -> ResponseReturnValue:
    row = staff_by_id(db.session(), staff_id)
    if row is None:
        abort(404)
    page = render_template(
        "admin/staff/one.html",
        employee=row,
        oneself=staff_id == me().id,
        vouched=len({row.guest_id for row in open_by_sponsor(db.session(), staff_id)}),
        form=form,
    )
    return page, status


@bp.post("/<uuid:staff_id>/remove")
@for_admin
def remove(staff_id: UUID) -> ResponseReturnValue:
    """Let an employee go; whom they vouched for is handed over at once."""
    row = staff_by_id(db.session(), staff_id)
    if row is None:
        abort(404)
    form = PortalForm()

    def change(tx: Tx) -> tuple[int, int]:
        moved = let_go(tx, staff_id)
        end_sessions_of_staff(tx, [staff_id], clock.protocol_now())
        return moved

    if form.validate_on_submit() and try_act(form, change, lambda moved: _gone(row.name, moved)):
        return redirect(url_for("admin_staff.listed"), 303)
    return _one(staff_id, form, 422)


def _gone(name: str, moved: tuple[int, int]) -> str:
    """Say what became of those whom somebody vouched for who is let go."""
    left = "No guest depended on them" if moved == (0, 0) else passed_on(moved)
    return naming(f"{{}} is let go. {left}", name)
