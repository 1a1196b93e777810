"""One identity provider: five steps that stay visible, each with its state and its one fix."""

from collections.abc import Callable
from typing import Any

from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from portal.foundation import clock
from portal.foundation.current import settings_of
from portal.foundation.db import db
from portal.foundation.refused import Refused
from portal.foundation.transaction import Tx
from portal.guests.queries import known_people
from portal.pages import refusals
from portal.pages.acting import UNCHANGED, act, try_act
from portal.pages.admin.forms import NewProviderForm, ProviderFields, ProviderForm, SecretForm
from portal.pages.admin.organisations import wanted
from portal.pages.seen import require_seen, seen_of
from portal.pages.sign_in import connect
from portal.sign_in.attempt import Errand, Purpose
from portal.sign_in.changes import end_sessions_of_provider, end_weak_sessions
from portal.sign_in.journey import depart
from portal.sign_in.metadata import findings_of
from portal.sign_in.rules import SignInFailure
from portal.trust import changes
from portal.trust.queries import (
    OrganisationRow,
    ProviderRow,
    connection_for,
    contracts,
    domains,
    house_of,
    policy_for,
    provider_by_id,
    what_is_missing,
)
from portal.trust.rules import ProviderSettings, check_pairs
from portal.web.display import naming, plural
from portal.web.forms import PortalForm
from portal.web.guards import for_admin, me, require_confirmed

bp = Blueprint("providers", __name__, url_prefix="/admin/organisations/<slug>/providers")


def _wanted(slug: str, idp: str) -> tuple[OrganisationRow, ProviderRow]:
    row = wanted(slug)
    provider = connection_for(db.session(), slug, idp)
    if provider is None:
        abort(404)
    return row, provider


def _said(form: ProviderFields) -> ProviderSettings:
    """Return what an admin typed.

    Raises:
        Refused: a pair without its equals sign.
    """
    given: dict[str, Any] = {}
    if form.claim.data:
        given["claim_map"] = check_pairs("claim", form.claim.data)
    return ProviderSettings(
        name=form.name.data,
        issuer=form.issuer.data,
        client_id=form.client_id.data,
        client_auth=form.client_auth.data,
        scopes=form.scopes.data or ("openid",),
        subject_claim=form.subject_claim.data,
        required_claims=check_pairs("require", form.require.data or ()),
        addresses=form.addresses.data,
        **given,
    )


@bp.get("/new")
@for_admin
def new(slug: str) -> ResponseReturnValue:
    """Show the form for an identity provider."""
    form = NewProviderForm(slug="main", name=f"{wanted(slug).name} login")
    return _form_page(wanted(slug), None, form)


def _form_page(
    row: OrganisationRow, provider: ProviderRow | None, form: PortalForm, status: int = 200
) -> ResponseReturnValue:
    page = render_template(
        "admin/identity_providers/form.html",
        organisation=row,
        provider=provider,
        form=form,
        public_url=settings_of(current_app).public_url,
    )
    return page, status


@bp.post("/new")
@for_admin
def add(slug: str) -> ResponseReturnValue:
    """Add an identity provider as a draft."""
    row = wanted(slug)
    form = NewProviderForm()

    def change(tx: Tx) -> None:
        changes.add_identity_provider(
            tx,
            row.id,
            slug=form.slug.data,
            settings=_said(form),
            client_secret=form.client_secret.data or "",
            house=house_of(settings_of(current_app)),
        )

    if form.validate_on_submit() and try_act(
        form, change, "The identity provider is added. Test the connection next"
    ):
        return redirect(url_for("providers.one", slug=row.slug, idp=form.slug.data), 303)
    return _form_page(row, None, form, 422)


@bp.get("/<idp>")
@for_admin
def one(slug: str, idp: str) -> ResponseReturnValue:
    """Show the steps."""
    return _page(*_wanted(slug, idp))


def _page(
    row: OrganisationRow,
    provider: ProviderRow,
    problem: str = "",
    status: int = 200,
    *,
    secret: SecretForm | None = None,
) -> ResponseReturnValue:
    session, now = db.session(), clock.policy_now()
    page = render_template(
        "admin/identity_providers/one.html",
        organisation=row,
        provider=provider,
        missing=what_is_missing(session, row, now),
        begins=next((one for one in contracts(session, row.id) if one.begins_at > now), None),
        people=known_people(session, row.id, provider.issuer),
        domains=sorted(domains(session, row.id)),
        policy=policy_for(session, row.id),
        redirect_uri=settings_of(current_app).public_url + provider.callback_path,
        sign_in_url=settings_of(current_app).public_url + provider.sign_in_path,
        secret_form=secret or SecretForm(),
        problem=problem,
    )
    return page, status


@bp.get("/<idp>/edit")
@for_admin
def edit(slug: str, idp: str) -> ResponseReturnValue:
    """Show the form with what is set."""
    row, provider = _wanted(slug, idp)
    form = ProviderForm(
        name=provider.name,
        issuer=provider.issuer,
        client_id=provider.client_id,
        client_auth=provider.client_auth,
        scopes=provider.scopes,
        claim=tuple(f"{field}={claim}" for field, claim in provider.claim_map.items()),
        subject_claim=provider.subject_claim,
        require=tuple(f"{claim}={value}" for claim, value in provider.required_claims.items()),
        addresses=provider.addresses,
        seen=_seen(provider),
    )
    return _form_page(row, provider, form)


def _seen(provider: ProviderRow | None) -> str:
    return seen_of([getattr(provider, name) for name in ProviderSettings.__dataclass_fields__])


@bp.post("/<idp>/edit")
@for_admin
def save(slug: str, idp: str) -> ResponseReturnValue:
    """Change it; nobody stays in who might not come in any more."""
    row, provider = _wanted(slug, idp)
    form, end = ProviderForm(), _end_sessions(provider)
    anew = False

    def change(tx: Tx) -> None:
        nonlocal anew
        changes.lock_siblings(tx, provider.id, form.issuer.data)
        require_seen(form, _seen(provider_by_id(tx.session, provider.id)))
        said = _said(form)
        values = {name: getattr(said, name) for name in said.__dataclass_fields__}
        anew = changes.change_identity_provider(
            tx,
            provider.id,
            values,
            house=house_of(settings_of(current_app)),
            people=known_people(tx.session, row.id, provider.issuer),
        )
        if anew:
            end(tx)

    if form.validate_on_submit() and try_act(
        form, change, lambda _: _CHANGED[anew], unchanged=UNCHANGED
    ):
        if anew:
            act(end)  # once more, as when it is disabled
        return _back(row, provider)
    return _form_page(row, provider, form, 422)


_CHANGED = {
    False: "The identity provider is changed",
    True: "The identity provider is changed. Sessions that came through it have ended",
}


@bp.post("/<idp>/secret")
@for_admin
def replace_secret(slug: str, idp: str) -> ResponseReturnValue:
    """Replace the client secret without disabling anything."""
    row, provider = _wanted(slug, idp)
    form = SecretForm()
    if form.validate_on_submit() and try_act(
        form,
        lambda tx: changes.replace_secret(tx, provider.id, form.client_secret.data or ""),
        "The secret is replaced. Sign-ins from now on use the new one",
    ):
        return _back(row, provider)
    return _page(row, provider, status=422, secret=form)


@bp.post("/<idp>/test")
@for_admin
def test(slug: str, idp: str) -> ResponseReturnValue:
    """Fetch discovery and keys, and keep what was found."""
    row, provider = _wanted(slug, idp)
    connection = connect(provider)
    db.session.rollback()
    findings = findings_of(connection)
    try:
        act(
            lambda tx: changes.note_connection_test(
                tx,
                provider.id,
                issuer=provider.issuer,
                passed=findings.passed,
                findings=findings.as_json(),
            )
        )
    except Refused as refused:
        return _page(row, provider, refused.message, 409)
    if findings.passed:
        flash("The connection test passed")
    else:
        flash("The connection test failed: what was found stands at its step", "bad")
    return _back(row, provider)


@bp.get("/<idp>/try")
@for_admin
def try_out(slug: str, idp: str) -> ResponseReturnValue:
    """Leave for a full round trip that creates nothing."""
    require_confirmed(me())  # what comes of it is kept at the provider
    _, provider = _wanted(slug, idp)
    errand = Errand(purpose=Purpose.TRIAL, staff_id=me().id, select_account=True)
    connection = connect(provider)
    try:
        return depart(connection, errand)
    except SignInFailure as failure:
        failure.purpose = Purpose.TRIAL
        return refusals.failed(failure, provider)


@bp.post("/<idp>/strength")
@for_admin
def attest(slug: str, idp: str) -> ResponseReturnValue:
    """Attest, or no longer, that the partner enforces the demanded strength."""
    row, provider = _wanted(slug, idp)
    # Said by the button, and not the opposite of what stands: a doubled click says it twice.
    attested = {"yes": True, "no": False}.get(request.form.get("attested", ""))
    if attested is None:
        return _page(row, provider, "Choose one of those offered", 422)

    def change(tx: Tx) -> int:
        changes.attest_strength(tx, provider.id, attested=attested)
        return 0 if attested else end_weak_sessions(tx, row.id, clock.protocol_now())

    ended = act(change)
    again = f"It is checked again, and {plural(ended, 'session')} ended"
    flash("Your word stands in for what it does not say" if attested else again)
    return _back(row, provider)


_NOT_YET = "But nobody new can come in yet: what is missing stands at its step"


@bp.post("/<idp>/enable")
@for_admin
def enable(slug: str, idp: str) -> ResponseReturnValue:
    """Let people in through it."""
    row, provider = _wanted(slug, idp)
    try:
        act(lambda tx: changes.enable(tx, provider.id))
    except Refused as refused:
        return _page(row, provider, refused.message, 422)
    if what_is_missing(db.session(), row, clock.policy_now()):
        flash(naming(f"{{}} is enabled. {_NOT_YET}", provider.name), "bad")
    else:
        flash(naming("{} is enabled: people of {} can sign in through it", provider.name, row.name))
    return _back(row, provider)


@bp.post("/<idp>/disable")
@for_admin
def disable(slug: str, idp: str) -> ResponseReturnValue:
    """Let nobody in through it, and end the sessions that came through it."""
    row, provider = _wanted(slug, idp)

    end = _end_sessions(provider)

    def change(tx: Tx) -> int:
        changes.disable(tx, provider.id)
        return end(tx)

    # Once more: whoever saw it enabled a moment ago has come in by now, and nobody does any more.
    ended = act(change) + act(end)
    flash(naming(f"{{}} is disabled, and {plural(ended, 'session')} ended", provider.name))
    return _back(row, provider)


def _end_sessions(provider: ProviderRow) -> Callable[[Tx], int]:
    return lambda tx: end_sessions_of_provider(tx, provider.id, clock.protocol_now())


def _back(row: OrganisationRow, provider: ProviderRow) -> ResponseReturnValue:
    return redirect(url_for("providers.one", slug=row.slug, idp=provider.slug), 303)
