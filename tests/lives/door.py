"""Who comes to the door, as the oracle sees it: the clock, who is asked, and what is shown."""

from collections.abc import Sequence
from datetime import datetime

from tests.lives.oracle import (
    FORTNIGHT,
    Organisation,
    Person,
    Word,
)

FOREIGN = "elsewhere.example"


class Door:
    """Two partners, the employees they share, and the clock."""

    def __init__(
        self, now: datetime, organisations: dict[str, Organisation], staff: Sequence[str]
    ) -> None:
        self.now = now
        self.organisations = organisations
        self.staff = set(staff)
        self._numbers = 0

    # -- time -------------------------------------------------------------------------------------

    def pass_time(self, now: datetime) -> None:
        self.now = now
        for organisation in self.organisations.values():
            for person in organisation.people.values():
                person.pass_time(now)

    def instants(self) -> list[datetime]:
        """The instants ahead at which something falls due."""
        dates = [
            date
            for organisation in self.organisations.values()
            for person in organisation.people.values()
            for date in (
                person.silent_at,
                person.gone_at,
                person.aside_until,
                *(word.end()[0] for word in person.open),
                *(word.review.ask for word in person.open),
            )
        ]
        return sorted({date for date in dates if date is not None and date > self.now})

    # -- who may ----------------------------------------------------------------------------------

    def able(self, organisation: Organisation) -> list[str]:
        """Who may decide: the sponsors by name, the deputy last; the lead first of all."""
        named = sorted(organisation.sponsors, key=lambda one: (one != organisation.lead, one))
        if organisation.deputy:
            named.append(organisation.deputy)
        return [one for one in named if one in self.staff]

    def asked(self, organisation: Organisation, without: str | None = None) -> str | None:
        """The lead, else the sponsor for whom the fewest wait, else the deputy."""
        able = [one for one in self.able(organisation) if one != without]
        return min(
            able,
            key=lambda one: (
                one == organisation.deputy,
                one != organisation.lead,
                self._waiting_for(one),
            ),
            default=None,
        )

    def _waiting_for(self, sponsor: str) -> int:
        return sum(
            word.awaits and word.sponsor == sponsor
            for organisation in self.organisations.values()
            for person in organisation.people.values()
            for word in person.words
        )

    # -- the door ---------------------------------------------------------------------------------

    def sign_in(self, slug: str, subject: str, email: str, claims: frozenset[str]) -> str:
        organisation = self.organisations[slug]
        person = organisation.people.get(subject)
        arriving = person is None or person.state == "removed"
        foreign = email.endswith(FOREIGN)
        against = {
            "adm.partner_state": organisation.suspended
            or organisation.running(self.now) is None
            or (arriving and not self.able(organisation)),
            "adm.domain": foreign and (arriving or not self._borne(organisation, person)),
            "adm.suspended": person is not None
            and person.state == "suspended"
            and person.reason != "inactive",
            "adm.inactive": person is not None
            and person.state == "suspended"
            and person.reason == "inactive",
            "adm.tombstone": person is not None and person.tombstone,
            "adm.email_conflict": arriving and self._address_taken(email, person),
            "adm.cap": arriving and organisation.full,
        }
        if reasons := [reason for reason, holds in against.items() if holds]:
            return f"turned away {' '.join(sorted(reasons))}"
        if arriving:
            person = self._arrive(organisation, subject, person, email, claims)
        assert person is not None
        self._refresh(organisation, person, email)
        if not arriving and person.state in ("pending", "active"):
            self._follow(organisation, person, claims)
        return "signed in"

    def _borne(self, organisation: Organisation, person: Person | None) -> bool:
        assert person is not None
        if person.aside_until is not None:
            return self.now < person.aside_until
        return bool(organisation.policy["address_days"])

    def _address_taken(self, email: str, person: Person | None) -> bool:
        return any(
            other is not person and other.email == email and other.holds_address
            for organisation in self.organisations.values()
            for other in organisation.people.values()
        )

    def _arrive(
        self,
        organisation: Organisation,
        subject: str,
        known: Person | None,
        email: str,
        claims: frozenset[str],
    ) -> Person:
        at_once = organisation.policy["approval"] == "at-once" and known is None
        person = known or organisation.people.setdefault(subject, Person(email))
        if at_once:
            person.become("active", "at_once", self.now)
            person.silent_at = self.now + organisation.days("inactivity_days")
        else:
            person.become("pending", "awaiting_decision", self.now)
        sponsor = self.asked(organisation)
        assert sponsor is not None
        proposed = {
            name: ("active" if at_once else "proposed", not offer.default)
            for name, offer in organisation.standing().items()
            if offer.default or offer.claim in claims
        }
        self._ask(organisation, person, sponsor, at_once=at_once).grants.update(proposed)
        return person

    def _ask(
        self, organisation: Organisation, person: Person, sponsor: str, *, at_once: bool = False
    ) -> Word:
        contract = organisation.running(self.now)
        assert contract is not None
        last_day = organisation.latest_day(contract, self.now)
        word = Word(
            sponsor=sponsor,
            contract=contract,
            state="active" if at_once else "requested",
            reason="at_once" if at_once else "awaiting_decision",
            since=self.now,
            last_day=last_day,
            expires=organisation.expiry(contract, last_day),
            number=self._number(),
            lapses=None if at_once else self.now + FORTNIGHT,
            approve_by=self.now + organisation.days("approval_days") if at_once else None,
        )
        person.words.append(word)
        person.expires = word.expires
        return word

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    def _refresh(self, organisation: Organisation, person: Person, email: str) -> None:
        if person.state == "active":
            person.silent_at = self.now + organisation.days("inactivity_days")
        if not email.endswith(FOREIGN):
            person.email, person.aside, person.aside_until = email, None, None
        elif person.aside != email:
            until = person.aside_until or self.now + organisation.days("address_days")
            person.aside, person.aside_until = email, until

    def _follow(self, organisation: Organisation, person: Person, claims: frozenset[str]) -> None:
        said = {name for name, offer in organisation.standing().items() if offer.claim in claims}
        for word in person.open:
            for name, (_, by_claim) in list(word.grants.items()):
                if by_claim and name not in said:
                    del word.grants[name]
            if word is person.open[0]:
                for name in said - word.grants.keys() - word.declined:
                    word.grants[name] = ("proposed", True)
