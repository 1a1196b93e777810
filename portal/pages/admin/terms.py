"""The terms of use: what counts, and the next version."""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from portal.foundation.db import db
from portal.foundation.transaction import Tx
from portal.pages.acting import try_act
from portal.pages.admin.forms import TermsForm
from portal.pages.seen import require_seen, seen_of
from portal.trust import changes
from portal.trust.queries import current_terms, terms_history
from portal.web.guards import for_admin, me

bp = Blueprint("admin_terms", __name__, url_prefix="/admin/terms")


@bp.get("")
@for_admin
def show() -> ResponseReturnValue:
    """Show the terms that count, ready to be changed."""
    standing = current_terms(db.session())
    return _page(TermsForm(body=standing.body, seen=seen_of(standing.version)))


def _page(form: TermsForm, status: int = 200) -> ResponseReturnValue:
    history = terms_history(db.session())
    return render_template("admin/terms.html", form=form, history=history), status


@bp.post("")
@for_admin
def publish() -> ResponseReturnValue:
    """Publish the next version; every guest is asked at their next request."""
    form = TermsForm()

    def change(tx: Tx) -> int:
        require_seen(form, seen_of(current_terms(tx.session).version))
        return changes.publish_terms(tx, form.body.data, published_by=me().name)

    if form.validate_on_submit() and try_act(
        form,
        change,
        "The new terms are published. Every guest is asked for them before anything else",
    ):
        return redirect(url_for("admin_terms.show"), 303)
    return _page(form, 422)
