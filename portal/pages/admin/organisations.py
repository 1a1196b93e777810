"""Organisations: whom we trust, with what, until when, who stands for them."""

from datetime import date, timedelta
from uuid import UUID

from flask import Blueprint, abort, current_app, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal.access.queries import GuestFilter, counts
from portal.audit.queries import sign_ins
from portal.foundation import clock
from portal.foundation.current import settings_of
from portal.foundation.db import db
from portal.foundation.refused import Refusals
from portal.foundation.transaction import Tx
from portal.lifecycle import changes as lifecycle
from portal.lifecycle.queries import guests_by_contract, guests_under_contract
from portal.pages.acting import UNCHANGED, need, try_act
from portal.pages.admin.forms import DetailsForm, EndForm, OrganisationForm, ReasonForm
from portal.pages.admin.named import sponsors_to_choose
from portal.pages.seen import require_seen, seen_of
from portal.sponsorship.queries import users_by_offer
from portal.trust import changes
from portal.trust.queries import (
    OrganisationRow,
    ProviderRow,
    contracts,
    domain_rows,
    house_of,
    lock_named,
    offers,
    organisation_by_id,
    organisation_by_slug,
    organisations,
    policy_for,
    policy_own,
    providers,
    running_contract,
    running_contracts,
    sponsors,
)
from portal.trust.rules import zones
from portal.web.display import naming, plural
from portal.web.guards import for_admin, me

bp = Blueprint("organisations", __name__, url_prefix="/admin/organisations")

LOOK_BACK = timedelta(weeks=4)


def wanted(slug: str) -> OrganisationRow:
    """Return the organisation of an address, or answer 404."""
    row = organisation_by_slug(db.session(), slug)
    if row is None:
        abort(404)
    return row


@bp.get("")
@for_admin
def listed() -> ResponseReturnValue:
    """List organisations with what runs for each."""
    now = clock.policy_now()
    session = db.session()
    running = running_contracts(session, now)
    theirs: dict[UUID, list[ProviderRow]] = {}
    for provider in providers(session):
        theirs.setdefault(provider.organisation_id, []).append(provider)
    rows = [(row, running.get(row.id), theirs.get(row.id, ())) for row in organisations(session)]
    return render_template("admin/organisations/list.html", rows=rows)


@bp.get("/new")
@for_admin
def new() -> ResponseReturnValue:
    """Show the form for a new organisation."""
    return _new(OrganisationForm())


def _new(form: OrganisationForm, status: int = 200) -> ResponseReturnValue:
    page = render_template(
        "admin/organisations/new.html",
        form=form,
        zones=zones(),
        sponsors=sponsors_to_choose(db.session()),
    )
    return page, status


@bp.post("/new")
@for_admin
def add() -> ResponseReturnValue:
    """Trust a new organisation: all of it in one transaction, or nothing."""
    form = OrganisationForm()
    if form.validate_on_submit() and try_act(
        form,
        lambda tx: _add(tx, form),
        naming("{} is connected. Add its identity provider", form.name.data),
    ):
        return redirect(url_for("organisations.one", slug=form.slug.data), 303)
    return _new(form, 422)


def _add(tx: Tx, form: OrganisationForm) -> None:
    refusals = Refusals()
    organisation_id = refusals.of(
        lambda: changes.add_organisation(
            tx, slug=form.slug.data, name=form.name.data, unlisted=form.unlisted.data
        )
    )
    named = refusals.of(
        lambda: changes.named_by_email(tx, form.sponsor.data, deputy=form.deputy.data)
    )
    if organisation_id is not None:
        refusals.of(
            lambda: changes.set_domains(
                tx,
                organisation_id,
                form.domain.data,
                vouched_by=me().name,
                house=house_of(settings_of(current_app)),
            )
        )
        refusals.of(
            lambda: changes.add_contract(
                tx,
                organisation_id,
                reference=form.reference.data,
                first_day=need(form.first_day.data),
                last_day=form.last_day.data,
                open_ended=form.open_ended.data,
                time_zone=form.time_zone.data,
            )
        )
        if named is not None:
            refusals.of(lambda: changes.name_sponsors(tx, organisation_id, **named))
        if form.approval.data == "at-once":
            changes.set_policy(tx, organisation_id, {"approval": "at-once"})
    refusals.end()


@bp.get("/<slug>")
@for_admin
def one(slug: str) -> ResponseReturnValue:
    """Show one organisation."""
    return _page(wanted(slug))


def _page(
    row: OrganisationRow,
    *,
    suspend: ReasonForm | None = None,
    end: EndForm | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    session = db.session()
    now = clock.policy_now()
    standing = contracts(session, row.id)
    offered = offers(session, row.id)
    running_on = [one.id for one in standing if one.ends_at is None or one.ends_at > now]
    page = render_template(
        "admin/organisations/one.html",
        organisation=row,
        domains=domain_rows(session, row.id),
        contracts=standing,
        touched=guests_by_contract(session, [one.id for one in standing]),
        leaving=guests_under_contract(session, *running_on) if running_on else None,
        running=running_contract(session, row.id, now),
        sponsors=sponsors(session, row.id),
        policy=policy_for(session, row.id),
        own=policy_own(session, row.id),
        providers=providers(session, row.id),
        offers=offered,
        users=users_by_offer(session, [one.id for one in offered]),
        counts=counts(session, GuestFilter(organisation_id=row.id)),
        weeks=sign_ins(session, row.id, now, LOOK_BACK),
        suspend_form=suspend or ReasonForm(),
        end_form=end or EndForm(),
        now=now,
    )
    return page, status


@bp.get("/<slug>/edit")
@for_admin
def edit(slug: str) -> ResponseReturnValue:
    """Show the form for name, domains and listing."""
    row = wanted(slug)
    held = tuple(domain.name for domain in domain_rows(db.session(), row.id))
    seen = _details(db.session(), row.id)
    form = DetailsForm(name=row.name, domain=held, unlisted=row.unlisted, seen=seen)
    return render_template("admin/organisations/edit.html", organisation=row, form=form)


@bp.post("/<slug>/edit")
@for_admin
def save(slug: str) -> ResponseReturnValue:
    """Change name, domains and listing."""
    row = wanted(slug)
    form = DetailsForm()

    def change(tx: Tx) -> tuple[int, int]:
        lock_named(tx, row.id)
        require_seen(form, _details(tx.session, row.id))
        # What touches guests comes first: they are locked before their organisation, everywhere.
        moved = lifecycle.set_domains(
            tx,
            row.id,
            form.domain.data,
            vouched_by=me().name,
            house=house_of(settings_of(current_app)),
        )
        changes.change_organisation(tx, row.id, name=form.name.data, unlisted=form.unlisted.data)
        return moved

    if form.validate_on_submit() and try_act(form, change, _changed, unchanged=UNCHANGED):
        return _back(row)
    page = render_template("admin/organisations/edit.html", organisation=row, form=form)
    return page, 422


def _details(session: Session, organisation_id: UUID) -> str:
    row = organisation_by_id(session, organisation_id)
    held = [domain.name for domain in domain_rows(session, organisation_id)]
    return seen_of(row and (row.name, row.unlisted), held)


def _changed(moved: tuple[int, int]) -> str:
    """Say what became of those whose sponsors have an address in the new domains."""
    if moved == (0, 0):
        return "The organisation is changed"
    return (
        "The organisation is changed. Sponsors with an address in its domains cannot decide for "
        f"it: {passed_on(moved)}"
    )


def passed_on(moved: tuple[int, int]) -> str:
    """Say what became of what somebody vouched for who may not any more."""
    handed_over, ended = moved
    return (
        f"{plural(handed_over, 'sponsorship')} handed over, {ended} ended for want of another "
        "sponsor"
    )


@bp.post("/<slug>/suspend")
@for_admin
def suspend(slug: str) -> ResponseReturnValue:
    """Shut an organisation's people out at once."""
    row = wanted(slug)
    form = ReasonForm()
    done = naming("{} is suspended. Nobody of it has access from now on", row.name)
    if form.validate_on_submit() and try_act(
        form, lambda tx: lifecycle.suspend_organisation(tx, row.id, form.reason.data), done
    ):
        return _back(row)
    return _page(row, suspend=form, status=422)


@bp.post("/<slug>/resume")
@for_admin
def resume(slug: str) -> ResponseReturnValue:
    """Let an organisation's people in again, as far as time has left them a sponsorship."""
    row = wanted(slug)
    form = ReasonForm()
    if try_act(
        form,
        lambda tx: lifecycle.resume_organisation(tx, row.id),
        naming("{} is active again. What ran out meanwhile stays out", row.name),
    ):
        return _back(row)
    return _page(row, suspend=form, status=422)


@bp.post("/<slug>/end")
@for_admin
def end(slug: str) -> ResponseReturnValue:
    """End every contract of an organisation, now or after a last day."""
    row = wanted(slug)
    form = EndForm()
    if form.validate_on_submit() and try_act(
        form,
        lambda tx: lifecycle.end_organisation(tx, row.id, form.last_day.data),
        lambda ended: _ended(row, ended, form.last_day.data),
    ):
        return _back(row)
    return _page(row, end=form, status=422)


def _ended(row: OrganisationRow, ended: tuple[int, int], last_day: date | None) -> str:
    now, later = ended
    if not now and not later:
        return naming("Nothing was changed: the contracts of {} end sooner", row.name)
    which = plural(now or later, "contract of {} ends", "contracts of {} end")
    after = f"after {last_day:%-d %B %Y}" if later else ""
    said = f"{which} now, {later} {after}" if now and later else f"{which} {after or 'now'}"
    return naming(said, row.name)


def _back(row: OrganisationRow) -> ResponseReturnValue:
    return redirect(url_for("organisations.one", slug=row.slug), 303)
