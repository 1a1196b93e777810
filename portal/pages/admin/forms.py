"""Forms of the admin pages; whatever a change refuses is shown beside the field it names."""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

from flask import current_app
from wtforms import Field
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined] # not in the stubs

from portal.applications.rules import check_slug as check_short_name
from portal.applications.rules import check_url
from portal.foundation.current import settings_of
from portal.foundation.text import canonical_email
from portal.trust.rules import (
    RANGES,
    check_days,
    check_domain,
    check_pairs,
    check_slug,
    check_zone,
)
from portal.web.forms import (
    CheckField,
    ChoiceField,
    DateField,
    EmailField,
    FilterForm,
    LinesField,
    Needed,
    NoteField,
    NumberField,
    PortalForm,
    SecretField,
    Seen,
    SelectOneField,
    TextField,
)

TRUSTED = (
    "Also without, within this organisation's domains: most providers never say email_verified. "
    "Choose this when the company's IT alone gives out its addresses"
)
LAST_DAY_HINT = "The last day on which access is possible. Empty only where it is open-ended"
SLUG_HINT = "Small letters, digits and hyphens. It stands in addresses and never changes"


def pair(text: str) -> str:
    """Return ``NAME=VALUE`` as it was typed."""
    check_pairs("", [text])
    return text


def partner_domain(text: str) -> str:
    """Return an e-mail domain that a partner may hold, if nobody does."""
    return check_domain(text, settings_of(current_app).host_domains)


class ContractFields(PortalForm):
    """A contract's days and zone."""

    reference = TextField("Contract reference", "the reference of the contract", limit=100)
    first_day = DateField("First day", "the first day of the contract")
    last_day = DateField("Last day", description=LAST_DAY_HINT)
    open_ended = CheckField("Open-ended: this contract has no last day")
    time_zone = TextField(
        "Time zone",
        "the time zone of the contract",
        limit=64,
        check=lambda text: check_zone(text).key,
        description="Type a city, and choose, such as Europe/Berlin. Days begin and end there",
        render_kw={"autocomplete": "off", "spellcheck": "false"},
    )

    def check_together(self) -> None:
        """Hold the days against each other; a first day that is wrong by itself says so."""
        if not self.last_day.errors:
            first_day = None if self.first_day.errors else self.first_day.data
            check_days(first_day, self.last_day.data, open_ended=self.open_ended.data)


class ContractForm(ContractFields):
    """A new contract."""


class ContractEndForm(Seen):
    """Move a contract's end."""

    last_day = DateField("Last day", description=LAST_DAY_HINT)
    open_ended = CheckField("Open-ended: this contract has no last day")


class SponsorFields:
    """Who vouches for an organisation's people."""

    sponsor = LinesField(
        "Sponsors",
        "the e-mail address of at least one sponsor",
        each=canonical_email,
        description="E-mail addresses of employees, one a line",
    )
    deputy = EmailField("Deputy", description="Stands in for all of them")


class SponsorsForm(SponsorFields, Seen):
    """Who vouches from now on."""

    lead = EmailField(
        "Asked first", description="One of the sponsors. Empty: whoever has fewest open requests"
    )


class OrganisationForm(ContractFields, SponsorFields):
    """A new organisation: what we trust it with, until when, who stands for it."""

    _FIRST = frozenset({"name", "slug", "domain", "unlisted"})

    def __iter__(self) -> Iterator[Field]:
        """Yield the fields as the page has them, so that its problems stand in that order."""
        return iter(sorted(super().__iter__(), key=lambda field: field.name not in self._FIRST))

    name = TextField("Name", "the name of the organisation", limit=200)
    slug = TextField(
        "Short name", "a short name", limit=63, check=check_slug, description=SLUG_HINT
    )
    domain = LinesField(
        "E-mail domains",
        "at least one e-mail domain",
        each=partner_domain,
        description="One a line, such as acme.example. You vouch that they belong to it",
    )
    unlisted = CheckField("Unlisted: its sign-in opens by its own link only, not by e-mail domain")
    approval = ChoiceField(
        "What may a new person do before a sponsor decides?",
        choices=[
            SelectChoice("first", "Nothing: a sponsor approves first"),
            SelectChoice("at-once", "Work with restricted access at once, until a sponsor decides"),
        ],
        default="first",
    )


class DetailsForm(Seen):
    """What can change about an organisation itself."""

    name = TextField("Name", "the name of the organisation", limit=200)
    domain = LinesField("E-mail domains", "at least one e-mail domain", each=partner_domain)
    unlisted = CheckField("Unlisted: its sign-in opens by its own link only, not by e-mail domain")


def number(label: str, field: str, **kwargs: Any) -> NumberField:
    """Return a policy number with the bounds that the rules have."""
    least, most = RANGES[field]
    return NumberField(label, least, most, **kwargs)


class PolicyForm(Seen):
    """The terms for guests. Of an organisation, an empty answer follows the portal-wide default."""

    approval = ChoiceField(
        "Before a sponsor decides, a new person",
        choices=[
            SelectChoice("", "does what the portal-wide default says"),
            SelectChoice("first", "waits: a sponsor approves first"),
            SelectChoice("at-once", "has restricted access at once"),
        ],
        default="",
    )
    approval_days = number("Days for the sponsor to approve access given at once", "approval_days")
    longest_days = number("Longest stay that a sponsor may approve, in days", "longest_days")
    review_days = number("Days until the sponsor is asked again", "review_days")
    grace_days = number("Days that access goes on without an answer", "grace_days")
    inactivity_days = number(
        "Days without a sign-in after which a guest is suspended", "inactivity_days"
    )
    most_guests = number("Most guests", "most_guests")
    most_new_per_hour = number("Most new guests in an hour", "most_new_per_hour")
    address_days = number(
        "Days that a new address outside the domains is put up with", "address_days"
    )
    accepted_acr = LinesField(
        "Accepted sign-in classes (acr)", description="One a line. Empty: no demand"
    )
    accepted_amr = LinesField(
        "Accepted sign-in methods (amr)", description="One a line, such as mfa or hwk"
    )


class DefaultsForm(PolicyForm):
    """The portal-wide defaults: there is nothing that an empty answer could follow."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.approval.choices = [one for one in self.approval.choices if one.value]
        for name in ("approval", *RANGES):
            self[name].validators = [Needed("a value: the portal-wide defaults must be complete")]
            self[name].flags.required = True


class ProviderFields(PortalForm):
    """What the partner's identity provider needs from us, and gave us."""

    called = MappingProxyType({"claim_map": "claim", "required_claims": "require"})

    name = TextField("Name", "what people call it", limit=200, description="Such as Acme login")
    issuer = TextField(
        "Issuer",
        "the issuer",
        limit=2048,
        description="As the provider states it, to the letter: https://login.acme.example",
    )
    client_id = TextField("Client id", "the client id", limit=255)
    client_auth = ChoiceField(
        "How the portal proves itself",
        choices=[
            SelectChoice(
                "client_secret_basic", "In the header (client_secret_basic), the usual way"
            ),
            SelectChoice("client_secret_post", "In the form (client_secret_post)"),
        ],
        default="client_secret_basic",
    )
    scopes = LinesField("Scopes", description="One a line", default=("openid", "email", "profile"))
    # Held to the letter: a distinguished name has commas, and spaces are a value's own.
    claim = LinesField(
        "Claim mapping",
        description="FIELD=CLAIM, one a line, such as department=ou",
        each=pair,
        commas=False,
    )
    subject_claim = TextField(
        "Subject claim",
        "the claim that knows a person",
        limit=100,
        default="sub",
        description="sub; for Entra oid, with tid among the required claims",
    )
    require = LinesField(
        "Required claims",
        description="CLAIM=VALUE, one a line, such as hd=acme.example. Demanded of everybody",
        each=pair,
        commas=False,
    )
    addresses = ChoiceField(
        "When does an e-mail address count?",
        choices=[
            SelectChoice("verified", "Only when the provider says email_verified"),
            SelectChoice(
                "trusted",
                TRUSTED,
            ),
        ],
        default="verified",
    )


class ProviderForm(ProviderFields, Seen):
    """Change what is set."""


class NewProviderForm(ProviderFields):
    """What is said once: its short name, and the first secret."""

    slug = TextField(
        "Short name", "a short name", limit=63, check=check_slug, description=SLUG_HINT
    )
    client_secret = SecretField(
        "Client secret", "the client secret", description="Kept encrypted, and never shown again"
    )


class SecretForm(PortalForm):
    """Replace the client secret; nothing is disabled meanwhile."""

    client_secret = SecretField("New client secret", "the new client secret")


class ReasonForm(PortalForm):
    """Why something is done to somebody."""

    reason = TextField("Reason", "the reason", limit=500)


class EndForm(PortalForm):
    """End an organisation, now or on a day."""

    last_day = DateField(
        "Last day", description="Empty, or a day that has passed: now, within this minute"
    )


class OfferForm(PortalForm):
    """Offer an entitlement to an organisation's people."""

    entitlement = SelectOneField("Entitlement", required="Choose what is offered")
    how = ChoiceField(
        "When is it proposed?",
        choices=[
            SelectChoice("always", "Never by itself: a sponsor may choose it"),
            SelectChoice("default", "To everybody"),
            SelectChoice("when", "When a claim has a value"),
        ],
        default="always",
    )
    when = TextField(
        "Claim and value", limit=360, description="CLAIM=VALUE, such as department=Finance"
    )


class StaffForm(PortalForm):
    """Put an employee in beforehand."""

    email = EmailField("Work e-mail address", "the e-mail address")
    name = TextField("Name", "the name", limit=200)
    role = ChoiceField(
        "Role",
        choices=[
            SelectChoice("sponsor", "Sponsor: vouches for guests"),
            SelectChoice("admin", "Admin: sets up trust"),
        ],
        default="sponsor",
    )
    subject = TextField(
        "Subject at your identity provider",
        limit=255,
        description="Empty: a single-use link is mailed, which binds them at their first sign-in",
    )


class ApplicationForm(PortalForm):
    """An application that guests reach by a link."""

    name = TextField("Name", "the name of the application", limit=200)
    slug = TextField(
        "Short name", "a short name", limit=63, check=check_short_name, description=SLUG_HINT
    )
    url = TextField("Address", "the address of the application", limit=2048, check=check_url)


class ApplicationEditForm(Seen):
    """What people call it and where it stands; its short name stays."""

    name = TextField("Name", "the name of the application", limit=200)
    url = TextField("Address", "the address of the application", limit=2048, check=check_url)


class EntitlementForm(PortalForm):
    """One thing that can be used in an application."""

    name = TextField("Name", "the name of the entitlement", limit=200)
    slug = TextField(
        "Short name", "a short name", limit=63, check=check_short_name, description=SLUG_HINT
    )


class TermsForm(Seen):
    """The next version of the terms of use."""

    body = NoteField(
        "Terms of use",
        "the terms of use",
        limit=50_000,
        description="Plain text; an empty line ends a paragraph. Every guest is asked again",
        render_kw={"rows": "20"},
    )


class AuditForm(FilterForm):
    """Filters of the audit log."""

    reference = TextField("Reference", limit=32)
    event = TextField("Event", limit=64)
    organisation = TextField("Organisation", limit=200)
    guest = TextField("Guest's id", limit=36)
    since = DateField("From")
    until = DateField("Until")

    def check_together(self) -> None:
        """Say so where no day can be both."""
        if self.since.data and self.until.data and self.since.data > self.until.data:
            self.refuse(field="until", message="This is before the first day. Enter a later one")


class GuestFilterForm(FilterForm):
    """Filters of the guest list."""

    text = TextField("Name or address begins with", limit=254)
    organisation = TextField("Organisation", limit=200)
    state = SelectOneField(
        "State",
        invalid_choice_message="There is no such state. Choose one of those offered",
        choices=[
            SelectChoice("", "any"),
            SelectChoice("pending", "pending"),
            SelectChoice("active", "active"),
            SelectChoice("suspended", "suspended"),
            SelectChoice("removed", "removed"),
        ],
    )
