"""Rows as the portal makes them: plain functions over the rooms' own changes.

Each takes an open transaction; `writing` opens one on the test's database. What a test does not say
is sensible: a contract that began a year ago and ends in two, a sponsor, a domain of the slug.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from portal.applications import changes as application_changes
from portal.applications.queries import application_by_slug
from portal.foundation.transaction import Actor, Tx, transaction
from portal.staff import changes as staff_changes
from portal.staff.queries import staff_by_email
from portal.trust import changes as trust_changes
from portal.trust.rules import House, ProviderSettings

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOST_ISSUER = "https://id.host.example"
PUBLIC_URL = "https://guests.host.example"
HOUSE = House(host_domains=frozenset({"host.example"}), development=True)
SECRET = "a-client-secret"


@dataclass(frozen=True, slots=True)
class Partner:
    """A connected organisation with what it needs to let people in."""

    id: UUID
    slug: str
    domain: str
    contract_id: UUID
    sponsor_id: UUID
    deputy_id: UUID | None
    provider_id: UUID
    issuer: str


def writing(now: datetime = NOW, actor: Actor | None = None) -> AbstractContextManager[Tx]:
    """Open a writing transaction on the test's database."""
    return transaction(actor=actor or Actor.shell("tests"), now=now)


def staff(
    tx: Tx,
    email: str = "sam@host.example",
    *,
    name: str | None = None,
    role: str = "sponsor",
    subject: str | None = None,
) -> UUID:
    """Return an employee; the one of this address if there is one."""
    known = staff_by_email(tx.session, email)
    if known is not None and role in known.roles:
        return known.id
    return staff_changes.add_staff(
        tx,
        email=email,
        name=name or email.partition("@")[0].title(),
        role=role,
        host_issuer=HOST_ISSUER if subject else "",
        public_url=PUBLIC_URL,
        at=tx.now,
        subject=subject,
    ).staff_id


def admin(tx: Tx, email: str = "ada@host.example", **values: Any) -> UUID:
    """Return an admin."""
    return staff(tx, email, role="admin", **values)


def contract(
    tx: Tx,
    organisation_id: UUID,
    *,
    reference: str = "C-1",
    first_day: date | None = None,
    last_day: date | None = None,
    open_ended: bool = False,
    time_zone: str = "Europe/Berlin",
) -> UUID:
    """Add a contract; it began a year ago and ends in two, where nothing else is said."""
    today = tx.now.date()
    if last_day is None and not open_ended:
        last_day = today + timedelta(days=730)
    return trust_changes.add_contract(
        tx,
        organisation_id,
        reference=reference,
        first_day=first_day or today - timedelta(days=365),
        last_day=last_day,
        open_ended=open_ended,
        time_zone=time_zone,
    )


def provider(
    tx: Tx,
    organisation_id: UUID,
    *,
    slug: str = "id",
    issuer: str = "https://id.acme.example",
    state: str = "enabled",
    client_secret: str = SECRET,
    house: House = HOUSE,
    **settings: Any,
) -> UUID:
    """Add an identity provider; enabled after a connection test that passed."""
    values = {"name": f"{slug} sign-in", "client_id": "portal", "addresses": "trusted"}
    provider_id = trust_changes.add_identity_provider(
        tx,
        organisation_id,
        slug=slug,
        settings=ProviderSettings(issuer=issuer, **(values | settings)),
        client_secret=client_secret,
        house=house,
    )
    if state != "draft":
        trust_changes.note_connection_test(
            tx, provider_id, issuer=issuer, passed=True, findings=None
        )
        trust_changes.enable(tx, provider_id)
    if state == "disabled":
        trust_changes.disable(tx, provider_id)
    return provider_id


def organisation(
    tx: Tx,
    slug: str = "acme",
    *,
    name: str | None = None,
    domains: Sequence[str] | None = None,
    unlisted: bool = False,
    policy: Mapping[str, Any] | None = None,
) -> UUID:
    """Add an organisation with its domains and, where given, a policy of its own."""
    trust_changes.ensure_defaults(tx)
    organisation_id = trust_changes.add_organisation(
        tx, slug=slug, name=name or slug.title(), unlisted=unlisted
    )
    for domain in domains if domains is not None else (f"{slug}.example",):
        trust_changes.add_domain(tx, organisation_id, domain, vouched_by="Ada", house=HOUSE)
    if policy:
        trust_changes.set_policy(tx, organisation_id, policy)
    return organisation_id


def partner(
    tx: Tx,
    slug: str = "acme",
    *,
    sponsor: str = "sam@host.example",
    deputy: str | None = None,
    issuer: str | None = None,
    policy: Mapping[str, Any] | None = None,
    unlisted: bool = False,
    contract_values: Mapping[str, Any] | None = None,
    **provider_values: Any,
) -> Partner:
    """Add an organisation with a running contract, a sponsor and an enabled identity provider."""
    organisation_id = organisation(tx, slug, policy=policy, unlisted=unlisted)
    sponsor_id = staff(tx, sponsor)
    deputy_id = staff(tx, deputy) if deputy else None
    trust_changes.name_sponsors(tx, organisation_id, sponsors=[sponsor_id], deputy=deputy_id)
    issuer = issuer or f"https://id.{slug}.example"
    return Partner(
        id=organisation_id,
        slug=slug,
        domain=f"{slug}.example",
        contract_id=contract(tx, organisation_id, **(contract_values or {})),
        sponsor_id=sponsor_id,
        deputy_id=deputy_id,
        provider_id=provider(tx, organisation_id, issuer=issuer, **provider_values),
        issuer=issuer,
    )


def entitlement(tx: Tx, application: str = "wiki", slug: str = "read") -> UUID:
    """Add an entitlement, and its application if there is none of this slug."""
    known = application_by_slug(tx.session, application)
    application_id = (
        known.id
        if known
        else application_changes.add_application(
            tx,
            slug=application,
            name=application.title(),
            url=f"https://{application}.host.example/",
        )
    )
    return application_changes.add_entitlement(tx, application_id, slug=slug, name=slug.title())


def offer(
    tx: Tx,
    organisation_id: UUID,
    entitlement_id: UUID | None = None,
    *,
    default: bool = False,
    when: tuple[str, str] | None = None,
) -> UUID:
    """Offer an entitlement, the wiki's *read* where none is given, to an organisation."""
    return trust_changes.offer(
        tx, organisation_id, entitlement_id or entitlement(tx), default=default, when=when
    )
