"""What stands under an organisation: contracts, sponsors, policy; and the defaults."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.transaction import Tx
from portal.lifecycle import changes as lifecycle
from portal.lifecycle.queries import guests_cut_short, guests_under_contract
from portal.pages.acting import UNCHANGED, need, try_act
from portal.pages.admin.forms import (
    ContractEndForm,
    ContractForm,
    DefaultsForm,
    PolicyForm,
    SponsorsForm,
)
from portal.pages.admin.named import sponsors_to_choose
from portal.pages.admin.organisations import passed_on, wanted
from portal.pages.seen import require_seen, seen_of
from portal.sign_in.changes import end_weak_sessions
from portal.trust import changes
from portal.trust.queries import (
    ContractRow,
    OrganisationRow,
    PolicyRow,
    SponsorRow,
    contract_by_id,
    contracts,
    default_policy,
    lock_named,
    policy_for,
    policy_history,
    policy_row,
    sponsors,
)
from portal.trust.rules import POLICY_FIELDS, STRENGTH_FIELDS, gap_before, zones
from portal.web.display import city, ends, naming, plural
from portal.web.forms import PortalForm
from portal.web.guards import for_admin

bp = Blueprint("trust", __name__, url_prefix="/admin")
PATH = "/organisations/<slug>"


def back(row: OrganisationRow) -> ResponseReturnValue:
    """Lead back to the organisation."""
    return redirect(url_for("organisations.one", slug=row.slug), 303)


def form_page(
    row: OrganisationRow | None, form: PortalForm, title: str, button: str, status: int = 200,
    **more: Any,
) -> ResponseReturnValue:  # fmt: skip
    """Return the page of one form, about an organisation or about all.

    Args:
        row: the organisation, to which the page leads back.
        form: whose fields stand in their order.
        title: of the page.
        button: its words.
        status: of the answer.
        more: for the template; ``note`` below the title, ``among`` what fields propose by name.
    """
    page = render_template(
        "admin/organisations/form.html",
        organisation=row,
        form=form,
        title=title,
        words=button,
        **more,
    )
    return page, status


@bp.get(f"{PATH}/contracts/new")
@for_admin
def new_contract(slug: str) -> ResponseReturnValue:
    """Show the form for a further contract."""
    row = wanted(slug)
    latest = contracts(db.session(), row.id)[-1:]  # most go on where the one before was meant
    return _new_contract(row, ContractForm(time_zone=latest[0].time_zone if latest else None))


def _new_contract(
    row: OrganisationRow, form: ContractForm, status: int = 200
) -> ResponseReturnValue:
    title, button = naming("New contract with {}", row.name), "Add the contract"
    return form_page(row, form, title, button, status, among={"time_zone": zones()})


@bp.post(f"{PATH}/contracts/new")
@for_admin
def add_contract(slug: str) -> ResponseReturnValue:
    """Add a contract beside the others."""
    row = wanted(slug)
    form = ContractForm()
    if form.validate_on_submit() and try_act(
        form,
        lambda tx: changes.add_contract(
            tx,
            row.id,
            reference=form.reference.data,
            first_day=need(form.first_day.data),
            last_day=form.last_day.data,
            open_ended=form.open_ended.data,
            time_zone=form.time_zone.data,
        ),
        lambda contract_id: _added(row, contract_id),
    ):
        return back(row)
    return _new_contract(row, form, 422)


def _added(row: OrganisationRow, contract_id: UUID) -> str:
    """Say that a contract is added; that it is over, or to whom it comes too late."""
    known = contracts(db.session(), row.id)
    new = next(one for one in known if one.id == contract_id)
    said = "Contract {} is added"
    if new.ends_at is not None and new.ends_at <= clock.policy_now():
        over = (
            f"{said}, and has ended already: nobody can come in under it. Was another year meant?"
        )
        return naming(f"{over} Then move its end", new.reference)
    end = gap_before(new.facts, [one.facts for one in known], clock.policy_now())
    if end is None:
        return naming(said, new.reference)
    late = (
        f"{said}. Whoever is here until {ends(end, new.time_zone)} goes out then: nobody can vouch "
        "under {} before it begins. Move the end of the contract before to a later day, so that "
        "both run for a while"
    )
    return naming(late, new.reference, new.reference)


def _contract(row: OrganisationRow, contract_id: UUID) -> ContractRow:
    contract = contract_by_id(db.session(), contract_id)
    if contract is None or contract.organisation_id != row.id:
        abort(404)
    return contract


@bp.get(f"{PATH}/contracts/<uuid:contract_id>")
@for_admin
def contract(slug: str, contract_id: UUID) -> ResponseReturnValue:
    """Show the form for a contract's end."""
    row = wanted(slug)
    standing = _contract(row, contract_id)
    form = ContractEndForm(
        last_day=standing.last_day, open_ended=standing.open_ended, seen=_end_of(standing)
    )
    return _contract_page(row, standing, form)


def _end_of(contract: ContractRow | None) -> str:
    return seen_of(contract and (contract.last_day, contract.ends_at))


def _contract_page(
    row: OrganisationRow, standing: ContractRow, form: ContractEndForm, status: int = 200
) -> ResponseReturnValue:
    touched = guests_under_contract(db.session(), standing.id)
    note = (
        f"{plural(touched, 'guest is', 'guests are')} vouched for or waiting under this contract. "
        "A last day in the past removes whoever has no other; a later one keeps what their "
        f"sponsors approved. Days end at 24:00 {city(standing.time_zone)}."
    )
    title = naming("Contract {} with {}", standing.reference, row.name)
    return form_page(row, form, title, "Move the end", status, note=note)


@bp.post(f"{PATH}/contracts/<uuid:contract_id>")
@for_admin
def move_contract(slug: str, contract_id: UUID) -> ResponseReturnValue:
    """Move a contract's end; what the old end did stays done."""
    row = wanted(slug)
    standing = _contract(row, contract_id)
    form = ContractEndForm()

    def change(tx: Tx) -> tuple[int, int] | None:
        lifecycle.hold_end(tx, contract_id)
        require_seen(form, _end_of(contract_by_id(tx.session, contract_id)))
        before = guests_under_contract(tx.session, contract_id)
        changed = lifecycle.change_contract(
            tx,
            contract_id,
            last_day=form.last_day.data,
            open_ended=form.open_ended.data,
        )
        out = before - guests_under_contract(tx.session, contract_id)
        return (out, guests_cut_short(tx.session, contract_id)) if changed else None

    if form.validate_on_submit() and try_act(form, change, lambda done: _moved(standing, done)):
        return back(row)
    return _contract_page(row, standing, form, 422)


def _moved(contract: ContractRow, touched: tuple[int, int] | None) -> str:
    """Say that a contract's end is moved, and for how many people that is the end; or that not."""
    if touched is None:
        over = contract.ends_at is not None and contract.ends_at <= clock.policy_now()
        stands = (
            "has ended. Choose a later day for it to run again" if over else "ends then already"
        )
        return naming(f"Nothing was changed: contract {{}} {stands}", contract.reference)
    moved, (out, sooner) = "The end of contract {} is moved", touched
    if sooner:
        end = plural(sooner, "guest ends", "guests end")
        moved += f": {end} with it, sooner than a sponsor has approved"
    if out:
        came = plural(out, "guest was", "guests were")
        moved += f", and it has ended: {came} here under it. Who had no other is removed, and told"
    return naming(moved, contract.reference)


@bp.get(f"{PATH}/sponsors")
@for_admin
def who_vouches(slug: str) -> ResponseReturnValue:
    """Show the form for sponsors and deputy."""
    row = wanted(slug)
    named = sponsors(db.session(), row.id)
    form = SponsorsForm(
        sponsor=tuple(one.email for one in named if one.role == "sponsor"),
        lead=next((one.email for one in named if one.lead), None),
        deputy=next((one.email for one in named if one.role == "deputy"), None),
        seen=_named(named),
    )
    return _sponsors_page(row, form)


def _sponsors_page(
    row: OrganisationRow, form: SponsorsForm, status: int = 200
) -> ResponseReturnValue:
    known = sponsors_to_choose(db.session())
    title, among = (
        naming("Who vouches for people of {}", row.name),
        {"deputy": known, "lead": known},
    )
    return form_page(row, form, title, "Save", status, note=SPONSORS_NOTE, among=among)


def _named(named: Iterable[SponsorRow]) -> str:
    return seen_of([(one.staff_id, one.role, one.lead) for one in named])


SPONSORS_NOTE = (
    "Whom a former sponsor vouched for goes to the deputy, else to the sponsor with the fewest "
    "open requests."
)


@bp.post(f"{PATH}/sponsors")
@for_admin
def name_sponsors(slug: str) -> ResponseReturnValue:
    """Name sponsors and deputy."""
    row = wanted(slug)
    form = SponsorsForm()

    def change(tx: Tx) -> tuple[int, int]:
        lock_named(tx, row.id)
        require_seen(form, _named(sponsors(tx.session, row.id)))
        named = changes.named_by_email(
            tx, form.sponsor.data, deputy=form.deputy.data, lead=form.lead.data
        )
        return lifecycle.name_sponsors(tx, row.id, **named)

    if form.validate_on_submit() and try_act(form, change, _newly_named, unchanged=UNCHANGED):
        return back(row)
    return _sponsors_page(row, form, 422)


def _newly_named(moved: tuple[int, int]) -> str:
    """Say that the sponsors are named, and what became of what others vouched for."""
    named = "The sponsors are named"
    return named if moved == (0, 0) else f"{named}: {passed_on(moved)}"


POLICY_NOTE = (
    "A change counts from now on: for new requests, and for those already in from their next "
    "period. Empty follows the portal-wide default."
)


def _values(form: PolicyForm) -> dict[str, Any]:
    values = {name: form[name].data for name in POLICY_FIELDS}
    values["approval"] = values["approval"] or None
    for name in STRENGTH_FIELDS:
        values[name] = list(values[name] or ()) or None
    return values


@bp.get(f"{PATH}/policy")
@for_admin
def policy(slug: str) -> ResponseReturnValue:
    """Show an organisation's own policy and its history."""
    row = wanted(slug)
    return _policy_page(row, _policy_form(row.id))


def _policy_form(organisation_id: UUID | None) -> PolicyForm:
    own = policy_row(db.session(), organisation_id)
    form = DefaultsForm if organisation_id is None else PolicyForm
    return form(**(dict(own.values) if own else {}), seen=_version(own))


def _version(own: PolicyRow | None) -> str:
    return seen_of(own and own.version)


def _policy_page(
    row: OrganisationRow | None, form: PolicyForm, status: int = 200
) -> ResponseReturnValue:
    session = db.session()
    page = render_template(
        "admin/policy.html",
        organisation=row,
        form=form,
        note=POLICY_NOTE if row else "",
        policy=policy_for(session, row.id) if row else default_policy(session),
        defaults=default_policy(session),
        history=policy_history(session, row.id if row else None),
        fields=POLICY_FIELDS,
    )
    return page, status


@bp.post(f"{PATH}/policy")
@for_admin
def set_policy(slug: str) -> ResponseReturnValue:
    """Write an organisation's next policy."""
    row = wanted(slug)
    form = PolicyForm()

    def change(tx: Tx) -> int:
        changes.lock_policy(tx, row.id)
        require_seen(form, _version(policy_row(tx.session, row.id)))
        return _with_strength(tx, row.id, changes.set_policy(tx, row.id, _values(form)))

    done = _with_ended("The policy is changed")
    if form.validate_on_submit() and try_act(form, change, done, unchanged=UNCHANGED):
        return back(row)
    return _policy_page(row, form, 422)


@bp.get("/policy")
@for_admin
def defaults() -> ResponseReturnValue:
    """Show the portal-wide defaults."""
    return _policy_page(None, _policy_form(None))


@bp.post("/policy")
@for_admin
def set_defaults() -> ResponseReturnValue:
    """Write the next portal-wide defaults."""
    form = DefaultsForm()

    def change(tx: Tx) -> int:
        changes.lock_policy(tx, None)
        require_seen(form, _version(policy_row(tx.session, None)))
        values = _values(form)
        for name in STRENGTH_FIELDS:
            values[name] = values[name] or []
        return _with_strength(tx, None, changes.set_policy(tx, None, values))

    done = _with_ended("The portal-wide defaults are changed")
    if form.validate_on_submit() and try_act(form, change, done, unchanged=UNCHANGED):
        return redirect(url_for("trust.defaults"), 303)
    return _policy_page(None, form, 422)


def _with_strength(tx: Tx, organisation_id: UUID | None, changed: frozenset[str]) -> int:
    """End what another demand for strength would not have let begin; return how many sessions."""
    if not changed & STRENGTH_FIELDS:
        return 0
    locked = organisation_id is not None
    return end_weak_sessions(tx, organisation_id, clock.protocol_now(), locked=locked)


def _with_ended(done: str) -> Callable[[int], str]:
    return lambda ended: f"{done}, and {plural(ended, 'session')} ended" if ended else done
