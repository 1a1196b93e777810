"""Forms of the sponsor pages: each says what to do, and keeps what was typed."""

from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from markupsafe import Markup
from wtforms import ValidationError

from portal.sponsorship.queries import GrantRow
from portal.sponsorship.rules import Bound, Latest
from portal.trust.queries import EligibleSponsor, OfferRow
from portal.trust.rules import EffectivePolicy
from portal.web.display import apart, city, long_date, naming
from portal.web.forms import (
    ChecksField,
    DateField,
    FilterForm,
    NoteField,
    PortalForm,
    Seen,
    SelectOneField,
    TextField,
)

REASON_LIMIT = 500


class LastDayForm(PortalForm):
    """Until when. The bounds are shown, and held by the change itself."""

    last_day = DateField("Last day of access", "the last day of access")

    def bound(self, latest: Latest, policy: EffectivePolicy, organisation: str) -> None:
        """Say how far the day may go, and why."""
        where = city(latest.time_zone)
        because = (
            "the contract with {} ends then"
            if latest.bound == Bound.CONTRACT
            else f"at most {policy.longest_days} days at a time"
        )
        asked = f"You are asked every {policy.review_days} days whether you still vouch."
        self.last_day.description = naming(
            f"{where} time. {long_date(latest.day)} or earlier: {because}. {asked}",
            organisation,
        )
        self.last_day.render_kw = {"max": latest.day.isoformat(), "data-day-of": self.button_id}

    @property
    def day(self) -> date:
        """The day, of a form that was found whole."""
        day = self.last_day.data
        assert day is not None
        return day

    @property
    def button_id(self) -> str:
        """The id of the button that names this day."""
        return f"{self._prefix}until"


class OffersField(ChecksField):
    """Any of what is offered; what was withdrawn meanwhile is said in words."""

    offered: frozenset[UUID] = frozenset()

    def pre_validate(self, _form: Any) -> None:
        """Refuse what is no longer offered."""
        if set(self.data or ()) - self.offered:
            raise ValidationError("Choose again: something you chose is no longer offered")


class MayUseForm(PortalForm):
    """What somebody may use: any of what is offered to their organisation."""

    may_use = OffersField("May use", coerce=lambda value: UUID(str(value)))

    def offer(self, offers: Iterable[OfferRow], grants: Iterable[GrantRow]) -> None:
        """List what is offered, least first: what is given or proposed, then the rest."""
        standing = {grant.offer_id: grant for grant in grants}
        rows = sorted(offers, key=lambda one: one.id not in standing)
        self.may_use.offered = frozenset(one.id for one in rows)
        self.may_use.choices = [(one.id, _label(one, standing.get(one.id))) for one in rows]

    @property
    def chosen(self) -> set[UUID]:
        """The offers that were ticked."""
        return set(self.may_use.data or ())


def _label(offer: OfferRow, grant: GrantRow | None) -> Markup:
    name = apart(f"{offer.application_name}: {offer.entitlement_name}")
    if grant is None:
        return name
    if grant.state == "active":
        note = "given already"
    elif offer.when_claim and grant.by_claim:
        note = naming("proposed: {} is {}", offer.when_claim, offer.when_value or "")
    else:
        note = "proposed for everybody"
    return Markup('{} <span class="note">{}</span>').format(name, note)


class ApproveForm(LastDayForm, MayUseForm, Seen):
    """Vouch for somebody until a day, for some of what is offered; holds who is proposed what."""


class VouchForm(LastDayForm, MayUseForm, Seen):
    """Vouch for somebody of one's own accord; holds who was shown."""


class ExtendForm(LastDayForm, Seen):
    """Move the last day."""


class ChooseForm(MayUseForm, Seen):
    """Choose anew what somebody may use."""


class KeepForm(Seen):
    """Go on vouching."""


class ReasonForm(PortalForm):
    """Why; colleagues read it, the guest does not."""

    reason = NoteField(
        "Reason",
        "the reason",
        limit=REASON_LIMIT,
        description="Your colleagues read it. The guest does not",
        render_kw={"rows": "2"},
    )


class HandOverForm(Seen):
    """To whom."""

    to = SelectOneField("To", coerce=str, required="Choose who is asked instead")

    def offer(self, others: Iterable[EligibleSponsor]) -> None:
        """List who else may decide."""
        self.to.choices = [("", "Choose somebody")] + [
            (str(one.staff_id), f"{one.name}{' (deputy)' if one.role == 'deputy' else ''}")
            for one in others
        ]

    @property
    def heir(self) -> UUID:
        """Who was chosen."""
        return UUID(self.to.data)


def fingerprint(version: int, grants: Iterable[GrantRow] = ()) -> str:
    """Return what a sponsorship looked like: its version, and what stands under it."""
    standing = sorted(f"{grant.id}.{grant.state}" for grant in grants)
    return "|".join([str(version), *standing])


class FindForm(FilterForm):
    """Whom a sponsor looks for among their guests."""

    text = TextField("Name or address begins with", limit=254)
