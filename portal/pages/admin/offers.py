"""What is offered to an organisation's people, and withdrawn."""

from uuid import UUID

from flask import Blueprint, flash
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined] # not in the stubs

from portal.applications.queries import entitlements
from portal.foundation.db import db
from portal.foundation.refused import Refused
from portal.foundation.transaction import Tx
from portal.lifecycle import changes as lifecycle
from portal.pages.acting import act, try_act
from portal.pages.admin.forms import OfferForm
from portal.pages.admin.organisations import wanted
from portal.pages.admin.terms_of_trust import back, form_page
from portal.trust import changes
from portal.trust.queries import offers
from portal.web.display import naming, plural
from portal.web.guards import for_admin

bp = Blueprint("offers", __name__, url_prefix="/admin/organisations/<slug>/offers")


def _offer_form() -> OfferForm:
    form = OfferForm()
    form.entitlement.choices = [SelectChoice("", "Choose what is offered")] + [
        SelectChoice(str(one.id), f"{one.application_name}: {one.name}")
        for one in entitlements(db.session())
    ]
    return form


@bp.get("/new")
@for_admin
def new_offer(slug: str) -> ResponseReturnValue:
    """Show the form for an offer."""
    row = wanted(slug)
    return form_page(
        row, _offer_form(), naming("Offer something to people of {}", row.name), "Offer it"
    )


@bp.post("/new")
@for_admin
def make_offer(slug: str) -> ResponseReturnValue:
    """Offer an entitlement: on asking, to everybody, or by a claim's value."""
    row = wanted(slug)
    form = _offer_form()
    if form.validate_on_submit() and try_act(
        form, lambda tx: _offer(tx, row.id, form), lambda _: _offered(form, row.name)
    ):
        return back(row)
    return form_page(
        row, form, naming("Offer something to people of {}", row.name), "Offer it", 422
    )


def _offered(form: OfferForm, company: str) -> Markup:
    """Say what is offered, and to whom."""
    chosen = next(one for one in form.entitlement.choices if one.value == form.entitlement.data)
    return naming("{} is offered to people of {}", chosen.label, company)


def _offer(tx: Tx, organisation_id: UUID, form: OfferForm) -> None:
    when = None
    if form.how.data == "when":
        claim, equals, value = (form.when.data or "").partition("=")
        if not equals or not claim or not value:
            raise Refused("when", "Enter a claim and its value, like department=Finance")
        when = (claim, value)
    elif form.when.data:  # whoever typed it meant it, and it would not count
        raise Refused(
            "when", "Choose that it is proposed when a claim has a value, or leave this empty"
        )
    changes.offer(
        tx,
        organisation_id,
        UUID(form.entitlement.data),
        default=form.how.data == "default",
        when=when,
    )


@bp.post("/<uuid:offer_id>/withdraw")
@for_admin
def withdraw(slug: str, offer_id: UUID) -> ResponseReturnValue:
    """Withdraw an offer; what was given by it ends now."""
    row = wanted(slug)
    gone = "This offer does not stand any more, so nothing was done"
    standing = {one.id: one for one in offers(db.session(), row.id)}
    if offer_id not in standing:
        flash(gone, "bad")
        return back(row)
    try:
        ended = act(lambda tx: lifecycle.withdraw_offer(tx, offer_id))
    except Refused:  # a colleague was quicker
        flash(gone, "bad")
    else:
        one = standing[offer_id]
        said = f"{{}} is withdrawn, and {plural(ended, 'grant')} ended with it"
        flash(naming(said, f"{one.application_name}: {one.entitlement_name}"))
    return back(row)
