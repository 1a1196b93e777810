"""The portal as the data set is made on it: one database, a clock that is moved, its own changes.

Nothing here writes a table. People come through the door's decision, sponsors decide through
``sponsorship.changes``, sweeps and mails run as the worker runs them: the history is one that the
portal itself has written, only sooner than it says.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta
from uuid import UUID

from demo.canaille import subject_of
from demo.people import Employee, Person
from portal import cli
from portal.admission import changes as admission
from portal.admission.changes import Arrived, SignedIn, TurnedAway
from portal.admission.changes.arriving import Acceptance
from portal.admission.identity import VerifiedIdentity
from portal.admission.queries import open_arrival
from portal.applications.queries import entitlements
from portal.audit.changes import record
from portal.audit.rules import Event
from portal.delivery.jobs import drain
from portal.foundation import clock
from portal.foundation.current import current_settings
from portal.foundation.db import db
from portal.foundation.transaction import ANONYMOUS, Actor, Tx, transaction
from portal.guests.queries import by_identity
from portal.lifecycle import jobs
from portal.sign_in.connection import partner_connection
from portal.sign_in.rules.person import identity_of
from portal.sponsorship.changes import deciding, people
from portal.sponsorship.queries import SponsorshipRow, grants_under, of_guest
from portal.staff import changes as staff_changes
from portal.staff.queries import staff_by_email
from portal.staff.rules import RoleSource, StaffClaims
from portal.trust import changes as trust_changes
from portal.trust.queries import ProviderRow, connection_for, current_terms, offers


class Stage:
    """What can happen, at the moment that `at` has chosen."""

    def __init__(self) -> None:
        self.began = clock.protocol_now()
        self.now = self.began
        self._providers: dict[str, ProviderRow] = {}

    # -- time ---------------------------------------------------------------------------------

    def at(self, when: datetime) -> None:
        """Move the policy clock; it never goes back."""
        self.now = max(when, self.now if self.now != self.began else when)
        clock.set_offset((self.now - clock.protocol_now()).total_seconds())

    def today(self) -> None:
        """Give the policy clock back to the present."""
        self.now = self.began
        clock.set_offset(0)

    def sweep(self) -> None:
        """Do what is due, and send what waits, as the workers would have."""
        report = jobs.run(clock.policy_now())
        if report.failed:
            raise RuntimeError(f"guests could not be settled: {report.failed}")
        self.send()

    def send(self) -> None:
        """Send the mails that wait."""
        counts = drain()
        if counts["later"] or counts["dead"]:
            raise RuntimeError(f"mails could not be sent: {counts}")

    def opens(self) -> None:
        """Put in the portal-wide defaults and the first terms, as the first start does."""
        with self._tx(Actor.system("start")) as tx:
            trust_changes.ensure_defaults(tx)

    # -- the shell ----------------------------------------------------------------------------

    def portal(self, *arguments: object) -> None:
        """Run a command of the ``portal`` command line.

        Raises:
            RuntimeError: it was refused.
        """
        words = [str(argument) for argument in arguments]
        try:
            cli.main.main(words)
        except SystemExit as ended:
            if ended.code:
                raise RuntimeError(f"portal {' '.join(words)} was refused") from ended

    # -- people -------------------------------------------------------------------------------

    def _tx(self, actor: Actor = ANONYMOUS) -> AbstractContextManager[Tx]:
        return transaction(actor=actor, now=clock.policy_now())

    def staff_signs_in(self, employee: Employee) -> None:
        """Let an employee in as Northwind's provider asserts them."""
        settings = current_settings()
        claims = StaffClaims(
            issuer=settings.host_oidc_issuer,
            subject=employee.subject,
            email=employee.email,
            name=employee.name,
            roles=frozenset({f"portal-{employee.role}"}),
            directory_guest=False,
            strong=True,
        )
        source = RoleSource(
            by_claim=True,
            sponsor_value=settings.host_oidc_sponsor_value,
            admin_value=settings.host_oidc_admin_value,
        )
        with self._tx() as tx:
            staff_changes.arrive(tx, claims, source, at=clock.protocol_now())

    def signs_in(
        self,
        person: Person,
        *,
        why: str | None = None,
        works_with: str | None = None,
        email: str | None = None,
    ) -> bool:
        """Stand at the door, and accept the terms where they are asked for.

        Args:
            person: who.
            why: what they say on the arrival page.
            works_with: the same.
            email: what their company says instead of the usual address.

        Returns:
            Whether they are in, if only to see where they stand.
        """
        row = self._provider(person)
        identity = self._identity(person, row, email)
        hosts = frozenset(current_settings().host_domains)
        with self._tx() as tx:
            result = admission.knock(tx, identity, row, hosts)
            if isinstance(result, SignedIn):
                _note_sign_in(tx, result, row)
        if isinstance(result, Arrived):
            arrival = open_arrival(db.session(), result.token, clock.policy_now())
            assert arrival is not None
            said = Acceptance(current_terms(db.session()), why, works_with)
            with self._tx() as tx:
                result = admission.accept(tx, arrival, hosts, said, settling=True)
                if isinstance(result, SignedIn):
                    _note_sign_in(tx, result, row)
        return not isinstance(result, TurnedAway)

    def _provider(self, person: Person) -> ProviderRow:
        """Return the way in, read once: no provider changes after the beginning."""
        if person.organisation not in self._providers:
            row = connection_for(db.session(), person.organisation, "main")
            assert row is not None
            self._providers[person.organisation] = row
        return self._providers[person.organisation]

    def _identity(self, person: Person, row: ProviderRow, email: str | None) -> VerifiedIdentity:
        """Return the person as their provider's claims are read."""
        if person.organisation == "acme":
            user = person.as_canaille()
            claims: dict[str, object] = {
                "name": person.name,
                "given_name": user.given_name,
                "family_name": user.family_name,
                "email": user.email,
                "groups": list(user.groups),
            }
        else:
            claims = dict(person.as_mock().claims)
        if email is not None:
            claims["email"] = email
        claims["sub"] = _subject(person, row)
        found = identity_of(partner_connection(row, wanted_claims=row.wanted_claims), claims, {})
        assert isinstance(found, VerifiedIdentity)
        return found

    # -- decisions ----------------------------------------------------------------------------

    def staff(self, employee: Employee) -> UUID:
        """Return the id of an employee."""
        row = staff_by_email(db.session(), employee.email)
        assert row is not None
        return row.id

    def guest(self, person: Person) -> UUID:
        """Return the id of a guest."""
        row = self._provider(person)
        guest = by_identity(db.session(), row.organisation_id, row.issuer, _subject(person, row))
        assert guest is not None
        return guest.id

    def newest(self, person: Person) -> SponsorshipRow:
        """Return a guest's newest sponsorship."""
        return of_guest(db.session(), self.guest(person))[0]

    def approves(self, person: Person, days: int, *more: str, by: Employee | None = None) -> None:
        """Approve what is proposed, and further entitlements, for some days.

        Args:
            person: who is vouched for.
            days: from today to the last day.
            more: entitlements, ``application/entitlement``, beyond what is proposed.
            by: who decides; nobody said: whoever was asked.
        """
        row = self.newest(person)
        chosen = {grant.offer_id for grant in grants_under(db.session(), [row.id])}
        chosen |= {
            offer.id
            for offer in offers(db.session(), row.organisation_id)
            if offer.entitlement_id in self._entitlements(more)
        }
        staff_id = self.staff(by) if by else row.sponsor_id
        with self._tx(Actor.staff(staff_id)) as tx:
            _done(deciding.approve(tx, row.id, staff_id, self._day(days), chosen))

    def _entitlements(self, names: Sequence[str]) -> set[UUID]:
        return {
            one.id
            for one in entitlements(db.session())
            if f"{one.application_slug}/{one.slug}" in names
        }

    def rejects(self, person: Person, reason: str) -> None:
        """Turn the request down."""
        row = self.newest(person)
        with self._tx(Actor.staff(row.sponsor_id)) as tx:
            _done(deciding.reject(tx, row.id, row.sponsor_id, reason))

    def keeps(self, person: Person) -> None:
        """Answer the review."""
        row = self.newest(person)
        with self._tx(Actor.staff(row.sponsor_id)) as tx:
            _done(deciding.keep(tx, row.id, row.sponsor_id))

    def extends(self, person: Person, days: int) -> None:
        """Move the last day to so many days from today."""
        row = self.newest(person)
        with self._tx(Actor.staff(row.sponsor_id)) as tx:
            _done(deciding.change_last_day(tx, row.id, row.sponsor_id, self._day(days)))

    def hands_over(self, person: Person, to: Employee) -> None:
        """Give the guest another sponsor."""
        row = self.newest(person)
        with self._tx(Actor.staff(row.sponsor_id)) as tx:
            _done(deciding.hand_over(tx, row.id, row.sponsor_id, self.staff(to)))

    def ends(self, person: Person, reason: str) -> None:
        """Stop vouching."""
        row = self.newest(person)
        with self._tx(Actor.staff(row.sponsor_id)) as tx:
            _done(deciding.end(tx, row.id, row.sponsor_id, reason))

    def holds(self, person: Person, reason: str, by: Employee) -> None:
        """Suspend a guest by hand, as an admin: then no sponsor lifts it."""
        with self._tx(Actor.staff(self.staff(by))) as tx:
            people.suspend(tx, self.guest(person), reason, by_admin=True)

    def _day(self, days: int) -> date:
        return (self.now + timedelta(days=days)).date()


def _subject(person: Person, row: ProviderRow) -> str:
    if person.organisation == "acme":
        return subject_of(row.issuer, person.username)
    return person.subject()


def _note_sign_in(tx: Tx, result: SignedIn, row: ProviderRow) -> None:
    """Write down what starting a session would; no session of the past is started."""
    record(
        tx,
        [
            Event(
                "sign_in.succeeded",
                organisation_id=row.organisation_id,
                guest_id=result.guest_id,
                data={"identity_provider": row.slug, "strength": ""},
            )
        ],
    )


def _done(lost: deciding.Lost | None) -> None:
    if lost is not None:
        raise RuntimeError(f"too late: the sponsorship is {lost.sponsorship.state}")
