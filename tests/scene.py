"""A portal without its pages: people of partners, sponsors and a clock, all through ``changes``.

For tests of decisions and their effects. The clock stands still until the test moves it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from portal.access import queries as access_queries
from portal.access.rules import AccessDecision, access
from portal.admission import changes as admission
from portal.admission.changes import Arrived, LostRace, Result, SignedIn
from portal.admission.changes.arriving import Acceptance
from portal.admission.identity import VerifiedIdentity
from portal.applications.models import Application
from portal.audit import queries as audit_queries
from portal.audit.queries import Entry, Filter
from portal.delivery.models import Outbox
from portal.foundation.db import db
from portal.foundation.transaction import ANONYMOUS, Actor, Tx, transaction
from portal.guests.queries import GuestRow, by_identity
from portal.guests.queries import get as get_guest
from portal.lifecycle import jobs
from portal.sponsorship.changes import deciding
from portal.sponsorship.queries import GrantRow, SponsorshipRow, grants_of, of_guest
from portal.sponsorship.rules import local_day
from portal.trust import changes as trust
from portal.trust.models import Contract, Organisation
from portal.trust.queries import ProviderRow, current_terms, provider_by_id
from tests import factories
from tests.factories import HOUSE

BEGIN = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday; summer time begins on the 29th
HOST_DOMAINS = HOUSE.host_domains


@dataclass(frozen=True, slots=True)
class Partner:
    """A connected organisation with its first contract, its people's way in, and its sponsors."""

    id: UUID
    slug: str
    domain: str
    contract_id: UUID
    provider_id: UUID
    issuer: str
    sponsors: tuple[UUID, ...]
    deputy: UUID | None

    @property
    def sponsor(self) -> UUID:
        """The first of its sponsors."""
        return self.sponsors[0]


@dataclass
class Scene:
    """One database, seen and changed at an instant that the test chooses."""

    now: datetime = BEGIN
    reference: str | None = None
    _tx: Tx | None = field(default=None, repr=False)

    # -- the stage --------------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """A session that has read nothing yet; within a transaction, that transaction's."""
        if self._tx is not None:
            return self._tx.session
        db.session.rollback()
        db.session.expire_all()
        return db.session()

    @contextmanager
    def tx(self, actor: Actor = ANONYMOUS) -> Iterator[Tx]:
        """A transaction at this scene's instant."""
        with transaction(actor=actor, now=self.now, reference=self.reference) as tx:
            self._tx = tx
            try:
                yield tx
            finally:
                self._tx = None

    def as_staff(self, staff_id: UUID) -> Any:
        """A transaction of an employee."""
        return self.tx(Actor.staff(staff_id))

    def later(self, **past: float) -> datetime:
        """Let time pass; nothing runs meanwhile."""
        self.now += timedelta(**past)
        return self.now

    def staff(self, name: str, role: str = "sponsor", email: str | None = None) -> UUID:
        """Add an employee of the host."""
        with self.tx() as tx:
            return factories.staff(
                tx, email or f"{name.lower()}@host.example", name=name, role=role
            )

    def partner(
        self,
        slug: str = "acme",
        *,
        last_day: date | None = None,
        sponsors: Sequence[UUID] = (),
        deputy: UUID | None = None,
        lead: UUID | None = None,
        provider: Mapping[str, Any] | None = None,
        **policy: Any,
    ) -> Partner:
        """Trust an organisation: contract, domain, sponsors, policy, an enabled provider.

        Args:
            slug: its name, its domain and its issuer follow from it.
            last_day: of its contract; none: open-ended.
            sponsors: who vouches; none: one new employee.
            deputy: who stands in.
            lead: who is always asked.
            provider: settings other than usual.
            policy: the organisation's own values.
        """
        named = tuple(sponsors) or (self.staff(f"sam-{slug}"),)
        issuer = f"https://id.{slug}.example"
        with self.tx() as tx:
            organisation_id = factories.organisation(tx, slug, policy=policy)
            contract_id = factories.contract(
                tx, organisation_id, last_day=last_day, open_ended=last_day is None
            )
            trust.name_sponsors(tx, organisation_id, sponsors=named, deputy=deputy, lead=lead)
            values: dict[str, Any] = {"issuer": issuer, "addresses": "verified"}
            provider_id = factories.provider(tx, organisation_id, **(values | dict(provider or {})))
        return Partner(
            id=organisation_id,
            slug=slug,
            domain=f"{slug}.example",
            contract_id=contract_id,
            provider_id=provider_id,
            issuer=issuer,
            sponsors=named,
            deputy=deputy,
        )

    def contract(self, partner: Partner, reference: str, **values: Any) -> UUID:
        """Add a further contract."""
        with self.tx() as tx:
            return factories.contract(tx, partner.id, reference=reference, **values)

    def provider(self, partner: Partner, slug: str, **settings: Any) -> UUID:
        """Add a further identity provider, enabled."""
        with self.tx() as tx:
            return factories.provider(
                tx, partner.id, slug=slug, **({"addresses": "verified"} | settings)
            )

    def offer(
        self, partner: Partner, *, default: bool = False, when: tuple[str, str] | None = None
    ) -> UUID:
        """Offer a new entitlement of a new application."""
        with self.tx() as tx:
            number = tx.session.scalar(select(func.count()).select_from(Application)) or 0
            entitlement_id = factories.entitlement(tx, f"app-{number + 1}")
            return factories.offer(tx, partner.id, entitlement_id, default=default, when=when)

    def policy(self, partner: Partner | None, **values: Any) -> None:
        """Change a policy from now on."""
        with self.tx() as tx:
            trust.set_policy(tx, partner.id if partner else None, values)

    # -- people -----------------------------------------------------------------------------------

    def identity(
        self,
        partner: Partner,
        subject: str = "jane",
        *,
        email: str | None = "",
        verified: bool = True,
        name: str | None = "Jane Roe",
        **changes: Any,
    ) -> VerifiedIdentity:
        """Who stands at the door, as every protocol delivers them."""
        address = f"{subject}@{partner.domain}" if email == "" else email
        values: dict[str, Any] = {
            "organisation_id": partner.id,
            "identity_provider_id": partner.provider_id,
            "issuer": partner.issuer,
            "subject": subject,
            "email": address,
            "email_raw": address,
            "email_verified": verified,
            "name": name,
            "profile": {},
            "claims": {"sub": subject},
            "acr": None,
            "amr": (),
            "authenticated_at": None,
            "sid": None,
        }
        return VerifiedIdentity(**(values | changes))

    def provider_row(self, partner: Partner, identity: VerifiedIdentity) -> ProviderRow:
        """The connection that an identity came through."""
        row = provider_by_id(self.session, identity.identity_provider_id or partner.provider_id)
        assert row is not None
        return row

    def knock(self, partner: Partner, identity: VerifiedIdentity) -> Result:
        """Stand at the door."""
        provider = self.provider_row(partner, identity)
        with self.tx() as tx:
            return admission.knock(tx, identity, provider, HOST_DOMAINS)

    def accept(
        self,
        partner: Partner,
        arrived: Arrived,
        *,
        why: str | None = None,
        works_with: str | None = None,
    ) -> Result:
        """Say yes to the terms on the arrival page."""
        said = Acceptance(current_terms(self.session), why, works_with)

        def accept(*, settling: bool) -> Result:
            with self.tx() as tx:
                arrival = admission.take_up(tx, arrived.token)
                assert arrival is not None
                return admission.accept(tx, arrival, HOST_DOMAINS, said, settling=settling)

        try:
            return accept(settling=False)
        except LostRace:
            return accept(settling=True)

    def sign_in(self, partner: Partner, identity: VerifiedIdentity) -> Result:
        """Stand at the door, and accept the terms where they are asked for."""
        result = self.knock(partner, identity)
        return self.accept(partner, result) if isinstance(result, Arrived) else result

    def guest(self, partner: Partner, subject: str = "jane", **identity: Any) -> UUID:
        """Bring a new person in, as far as the policy lets them; return the guest's id."""
        result = self.sign_in(partner, self.identity(partner, subject, **identity))
        assert isinstance(result, SignedIn), result
        return result.guest_id

    # -- decisions --------------------------------------------------------------------------------

    def day(self, days: int) -> date:
        """The local day in some days from today."""
        return local_day(self.now, "Europe/Berlin") + timedelta(days=days)

    def approve(
        self,
        guest_id: UUID,
        staff_id: UUID,
        *,
        days: int | None = None,
        offers: Sequence[UUID] = (),
    ) -> deciding.Lost | None:
        """Approve a guest's newest sponsorship, for ninety days where the contract allows."""
        row = self.sponsorship(guest_id)
        last_day = min(self.day(90), row.last_day) if days is None else self.day(days)
        with self.as_staff(staff_id) as tx:
            return deciding.approve(tx, row.id, staff_id, last_day, offers)

    def active(self, partner: Partner, subject: str = "jane", *, days: int | None = None) -> UUID:
        """Bring a new person in, approved by the organisation's first sponsor."""
        guest_id = self.guest(partner, subject)
        assert self.approve(guest_id, partner.sponsor, days=days) is None
        return guest_id

    # -- time -------------------------------------------------------------------------------------

    def sweep(self, batch: int = jobs.BATCH) -> dict[str, int]:
        """Run the sweep; a row that it cannot settle fails the test."""
        report = jobs.run(self.now, batch)
        assert report.failed == []
        return {kind: count for kind, count in report.settled.items() if count}

    # -- what there is ----------------------------------------------------------------------------

    def row(self, guest_id: UUID) -> GuestRow:
        """A guest as it stands in the database."""
        row = get_guest(self.session, guest_id)
        assert row is not None
        return row

    def find(self, partner: Partner, subject: str = "jane") -> GuestRow | None:
        """The guest of a subject."""
        return by_identity(self.session, partner.id, partner.issuer, subject)

    def sponsorships(self, guest_id: UUID) -> list[SponsorshipRow]:
        """A guest's sponsorships, newest first."""
        return of_guest(self.session, guest_id)

    def sponsorship(self, guest_id: UUID) -> SponsorshipRow:
        """A guest's newest sponsorship."""
        return self.sponsorships(guest_id)[0]

    def grants(self, guest_id: UUID) -> list[GrantRow]:
        """Every grant a guest ever had."""
        return grants_of(self.session, [guest_id], ended=True)

    def access(self, guest_id: UUID) -> AccessDecision:
        """What the guest may do now."""
        known = access_queries.of(self.session, guest_id)
        assert known is not None
        return access(known.facts, self.now)

    def seats(self, partner: Partner) -> tuple[int, int]:
        """How many seats are taken, and how many people wait."""
        query = select(Organisation.seats, Organisation.waiting)
        row = self.session.execute(query.where(Organisation.id == partner.id)).one()
        return row.seats, row.waiting

    def ends_at(self, contract_id: UUID) -> datetime | None:
        """The first instant after a contract."""
        return self.session.scalar(select(Contract.ends_at).where(Contract.id == contract_id))

    def events(self, name: str | None = None, guest_id: UUID | None = None) -> list[Entry]:
        """Audit events, oldest first."""
        wanted = Filter(event=name, guest_id=guest_id)
        return audit_queries.search(self.session, wanted, limit=None, oldest_first=True)

    def event_names(self, guest_id: UUID | None = None) -> list[str]:
        """Names of audit events, oldest first."""
        return [event.event for event in self.events(guest_id=guest_id)]

    def mails(self, kind: str | None = None) -> list[Outbox]:
        """Outbox rows, oldest first."""
        query = select(Outbox).order_by(Outbox.created_at, Outbox.id)
        if kind is not None:
            query = query.where(Outbox.kind == kind)
        return list(self.session.scalars(query))

    def mail_kinds(self) -> list[str]:
        """What was put into the outbox, oldest first."""
        return [mail.kind for mail in self.mails()]


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect the statements that are sent to the database; an executemany is one."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith("BEGIN"):
            sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
