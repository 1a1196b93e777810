"""The page of one guest: what is known, what lies ahead, and every form that fits."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

from flask import current_app, render_template
from flask.typing import ResponseReturnValue

from portal.access.queries import GuestView, SponsorshipView
from portal.audit.queries import Filter, search
from portal.foundation import clock
from portal.foundation.current import settings_of
from portal.foundation.db import db
from portal.guests.rules import Reason, State
from portal.pages.ahead import What, ahead
from portal.pages.seen import portrait
from portal.pages.sponsor.forms import (
    ChooseForm,
    ExtendForm,
    HandOverForm,
    KeepForm,
    LastDayForm,
    MayUseForm,
    ReasonForm,
    VouchForm,
)
from portal.pages.sponsor.rights import seen_of
from portal.sponsorship.queries import GrantRow
from portal.sponsorship.rules import Standing, latest_last_day
from portal.staff.queries import StaffRow, staff_by_id
from portal.trust.queries import (
    EligibleSponsor,
    OrganisationRow,
    contract_facts,
    eligible_sponsors,
    offers,
    policy_for,
    running_contract,
)
from portal.trust.rules import ContractFacts
from portal.web.display import sentence_list
from portal.web.forms import PortalForm
from portal.web.guards import me


def given(*, sent: bool, **defaults: object) -> dict[str, Any]:
    """Return what a form is made of: what was sent, or else only what it proposes."""
    return {} if sent else {"formdata": None, **defaults}


def is_in(guest: GuestView) -> bool:
    """Say whether somebody may vouch on: the guest is in, or held by a human."""
    standing = guest.decision.standing
    return standing.state == State.ACTIVE or (standing.state == State.SUSPENDED and standing.hold)


def holder(guest: GuestView) -> StaffRow | None:
    """Return the employee who holds a guest: the latest to have said so."""
    standing = guest.decision.standing
    if not standing.hold and standing.reason != Reason.SUSPENDED_BY_ADMIN:
        return None
    for event in search(db.session(), Filter(guest_id=guest.id, event="guest.suspended"), limit=1):
        kind, _, key = event.actor.partition(":")
        if kind == "staff":
            return staff_by_id(db.session(), UUID(key))
    return None


def is_me(employee: StaffRow | None) -> bool:
    """Say whether an employee is the reader."""
    return employee is not None and employee.id == me().id


def grants_of(guest: GuestView, sponsorship: SponsorshipView) -> list[GrantRow]:
    """Return what is proposed or given under one sponsorship."""
    return [
        grant
        for grant in guest.grants
        if grant.sponsorship_id == sponsorship.id and grant.offer_withdrawn_at is None
    ]


def others(
    guest: GuestView, sponsorship: SponsorshipView, organisation: OrganisationRow
) -> list[EligibleSponsor]:
    """Return who else may decide than who is asked now, and than the guest."""
    found = eligible_sponsors(db.session(), organisation.id)
    themselves = (guest.email, guest.email_aside)
    return [
        one
        for one in found
        if one.staff_id != sponsorship.sponsor_id and one.email not in themselves
    ]


def bound(
    form: LastDayForm, contract: ContractFacts, organisation: OrganisationRow, now: datetime
) -> None:
    """Tell a form how far its day may go, and propose the furthest where none nearer is given.

    Since somebody approved a day the contract may have been ended before it.
    """
    policy = policy_for(db.session(), organisation.id)
    latest = latest_last_day(policy, contract, now)
    form.bound(latest, policy, organisation.name)
    if form.last_day.raw_data is None:
        form.last_day.data = min(form.last_day.data or latest.day, latest.day)


def offered(form: MayUseForm, organisation: OrganisationRow, grants: list[GrantRow]) -> None:
    """Tell a form what may be chosen."""
    form.offer(offers(db.session(), organisation.id), grants)


def review_asked(sponsorship: SponsorshipView, now: datetime) -> bool:
    """Say whether a sponsor is asked whether they still vouch."""
    asked_at = sponsorship.review_ask_at
    return (
        sponsorship.state == Standing.ACTIVE
        and not sponsorship.awaits_decision
        and sponsorship.review_due_at is not None
        and (asked_at is None or asked_at <= now)
    )


class Desk:
    """One guest before a sponsor, with the forms about the sponsorship at hand."""

    def __init__(
        self,
        guest: GuestView,
        organisation: OrganisationRow,
        sponsorship: SponsorshipView | None = None,
        *,
        sent: str = "",
    ) -> None:
        """Lay everything out.

        Args:
            guest: of an organisation that the sponsor decides for.
            organisation: the guest's.
            sponsorship: the one at hand; the one to manage is looked for where none is given.
            sent: name of the form that came with this request.
        """
        self.now = clock.policy_now()
        self.guest, self.organisation = guest, organisation
        self.sponsorship = sponsorship or self._at_hand()
        self.suspend = ReasonForm(prefix="suspend-", **given(sent=sent == "suspend"))
        self._sent = sent
        self.plain = PortalForm(formdata=None)
        if self.sponsorship is not None:
            self._manage(self.sponsorship, sent)

    def _at_hand(self) -> SponsorshipView | None:
        """Return what there is to manage: one's own sponsorship, else the longest."""
        if not is_in(self.guest):
            return None
        active = [
            one
            for one in self.guest.sponsorships
            if one.state == Standing.ACTIVE and not one.awaits_decision and one.end[0] > self.now
        ]
        active.sort(key=lambda one: (one.sponsor_id != me().id, -one.end[0].timestamp()))
        return next(iter(active), None)

    def _manage(self, one: SponsorshipView, sent: str) -> None:
        session = db.session()
        grants = grants_of(self.guest, one)
        seen = seen_of(session, one.id)
        self.keep = KeepForm(prefix="keep-", **given(sent=sent == "keep", seen=seen))
        self.end = ReasonForm(prefix="end-", **given(sent=sent == "end"))
        self.hand_over = HandOverForm(prefix="hand-", **given(sent=sent == "hand_over", seen=seen))
        self.hand_over.offer(others(self.guest, one, self.organisation))
        self.extend = ExtendForm(
            prefix="extend-", **given(sent=sent == "extend", seen=seen, last_day=one.last_day)
        )
        bound(self.extend, contract_facts(session, one.contract_id), self.organisation, self.now)
        ticked = [grant.offer_id for grant in grants if grant.state == "active"]
        self.choose = ChooseForm(
            prefix="choose-", **given(sent=sent == "choose", seen=seen, may_use=ticked)
        )
        offered(self.choose, self.organisation, grants)

    @property
    def runs(self) -> bool:
        """Say whether the sponsorship at hand is to be managed still: it has not ended."""
        one = self.sponsorship
        standing = one is not None and one.state == Standing.ACTIVE and one.live(self.now)
        return standing and is_in(self.guest)

    @cached_property
    def contract(self) -> ContractFacts | None:
        """The contract under which somebody would vouch anew."""
        return running_contract(db.session(), self.organisation.id, self.now)

    @cached_property
    def vouch(self) -> VouchForm:
        """The form to vouch anew, with its bounds: most pages do without."""
        # Whoever goes on proposes what they gave; what a claim chose follows the claim by itself.
        ticked = [
            grant.offer_id
            for one in self._own
            for grant in grants_of(self.guest, one)
            if grant.state == "active" and not grant.by_claim
        ]
        form = VouchForm(
            prefix="vouch-",
            **given(sent=self._sent == "vouch", seen=portrait(self.guest), may_use=ticked),
        )
        if self.contract is not None:
            bound(form, self.contract, self.organisation, self.now)
        offered(form, self.organisation, [])
        return form

    @property
    def may_vouch(self) -> bool:
        """Say whether vouching anew makes sense: suspended by time, or in on others' word.

        Or on one's own under a contract that another one follows.
        """
        standing = self.guest.decision.standing
        if standing.hold or standing.state not in (State.ACTIVE, State.SUSPENDED):
            return False
        if standing.state == State.SUSPENDED:
            return True
        if any(one.awaits_decision for one in self._open):
            return False
        own = {one.contract_id for one in self._own}
        return not own or (self.contract is not None and self.contract.id not in own)

    @property
    def goes_on(self) -> bool:
        """Say whether vouching anew is to go on under another contract than that of one's word."""
        return bool(self._own)

    @property
    def _open(self) -> list[SponsorshipView]:
        return [
            one for one in self.guest.sponsorships if one.open is not None and one.end[0] > self.now
        ]

    @property
    def _own(self) -> list[SponsorshipView]:
        return [one for one in self._open if one.sponsor_id == me().id]

    def page(self, status: int = 200, *, overtaken: bool = False) -> ResponseReturnValue:
        """Show it."""
        one = self.sponsorship if is_in(self.guest) else None
        held_by = holder(self.guest)
        page = render_template(
            "sponsor/guest.html",
            desk=self,
            guest=self.guest,
            organisation=self.organisation,
            one=one,
            mine=one is not None and one.sponsor_id == me().id,
            asked=one is not None and review_asked(one, self.now),
            proposed=[grant for grant in self._grants(one) if grant.state == "proposed"],
            waiting=self._waiting(),
            ahead=ahead(self.guest, self.now),
            news=news(self.guest, one.decided_at) if one and one.decided_at else [],
            overtaken=overtaken,
            held_by_me=is_me(held_by),
            holder=held_by,
            host=settings_of(current_app).host_name,
            now=self.now,
            What=What,
        )
        return page, status

    def _grants(self, one: SponsorshipView | None) -> list[GrantRow]:
        return grants_of(self.guest, one) if one else []

    def _waiting(self) -> SponsorshipView | None:
        """Return the sponsorship that still waits for a decision, if one does."""
        if self.guest.decision.standing.state == State.REMOVED:
            return None
        return next(
            (
                one
                for one in self.guest.sponsorships
                if one.awaits_decision and one.end[0] > self.now
            ),
            None,
        )


@dataclass(frozen=True, slots=True)
class News:
    """Something about a guest that their company says differently now.

    Attributes:
        what: it is, such as "the name"; empty where the value says that itself.
        value: what it is now, in their words; None where it is not told, or not stated any more.
        gone: it is not stated any more.
    """

    at: datetime
    what: str
    value: str | None
    gone: bool = False


_FIELDS = {"email": "the address", "name": "the name", "profile": ""}
_GONE = "anything else about them"
_DETAILS = {
    "given_name": "given name",
    "family_name": "family name",
    "department": "department",
    "phone": "telephone",
}


def _said(value: Any) -> str | None:
    """Return what a company says now, in words; None where it says nothing more."""
    if isinstance(value, dict):
        known = [f"{_DETAILS[key]} {one}" for key, one in value.items() if key in _DETAILS and one]
        return sentence_list(known) or None
    return str(value) if isinstance(value, str) else None


def news(guest: GuestView, since: datetime) -> list[News]:
    """Return what changed about a guest since a decision, oldest first."""
    # The decision's own instant is left out: what came with it was seen.
    wanted = Filter(guest_id=guest.id, since=since + timedelta(microseconds=1))
    found = []
    for event in search(db.session(), wanted, limit=200):
        said = event.personal.get(f"guest:{guest.id}", {})
        if event.event == "guest.refreshed":
            now = {_FIELDS[name]: _said(value) for name, value in said.items() if name in _FIELDS}
            found += [
                News(event.at, what if one else what or _GONE, one, gone=one is None)
                for what, one in now.items()
            ]
        elif event.event == "address.kept_aside":
            found.append(News(event.at, "an address outside the known domains", None))
    return sorted(found, key=lambda one: one.at)
