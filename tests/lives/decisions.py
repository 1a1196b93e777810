"""What people decide, as the oracle sees it: each says what must come of it.

Outcomes are words: ``ok``, ``lost``, ``refused FIELD``, ``not yours``, or what the door says.
"""

from collections.abc import Sequence
from datetime import date, datetime

from tests.lives.oracle import (
    BY_ADMIN,
    FORTNIGHT,
    Contract,
    Offer,
    Organisation,
    Person,
    Word,
    midnight_after,
)

FOREIGN = "elsewhere.example"


class Oracle:
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

    # -- sponsors ---------------------------------------------------------------------------------

    def approve(
        self, slug: str, word: Word, person: Person, sponsor: str, day: date, offers: set[str]
    ) -> str:
        organisation = self.organisations[slug]
        if sponsor not in self.able(organisation):
            return "not yours"
        if not word.awaits:
            return "lost"
        if not organisation.day_fits(word.contract, day, self.now):
            return "refused last_day"
        word.state, word.reason, word.since = "active", "approved", self.now
        word.sponsor = word.decided_by = sponsor
        word.last_day, word.expires = day, organisation.expiry(word.contract, day)
        word.lapses = word.approve_by = None
        word.review = organisation.next_review(self.now, word.expires)
        self._choose(organisation, word, offers)
        self._bring_in(organisation, person)
        return "ok"

    def _choose(self, organisation: Organisation, word: Word, offers: set[str]) -> None:
        for name in organisation.standing():
            if name in offers:
                word.grants[name] = ("active", word.grants.get(name, ("", False))[1])
            elif name in word.grants:
                del word.grants[name]
                word.declined.add(name)

    def _bring_in(self, organisation: Organisation, person: Person) -> None:
        person.reckon()
        if person.hold:
            return
        if person.state == "active":
            person.reason = "approved"
        else:
            person.become("active", "approved", self.now)
        person.silent_at = self.now + organisation.days("inactivity_days")

    def reject(self, slug: str, word: Word, person: Person, sponsor: str) -> str:
        if sponsor not in self.able(self.organisations[slug]):
            return "not yours"
        if not word.awaits:
            return "lost"
        word.decided_by = sponsor
        person.finish([word], "rejected", self.now, "rejected")
        self._out_if_alone(person, "rejected")
        return "ok"

    def _out_if_alone(self, person: Person, reason: str) -> None:
        if not person.open:
            person.become("removed", reason, self.now)
            person.tombstone = True

    def end(self, slug: str, word: Word, person: Person, sponsor: str) -> str:
        if sponsor not in self.able(self.organisations[slug]):
            return "not yours"
        if not word.runs:
            return "lost"
        person.finish([word], "ended_by_sponsor", self.now)
        self._out_if_alone(person, "ended_by_sponsor")
        return "ok"

    def hand_over(self, slug: str, word: Word, sponsor: str, to: str) -> str:
        able = self.able(self.organisations[slug])
        if sponsor not in able:
            return "not yours"
        if not word.open:
            return "lost"
        if to not in able:
            return "refused to"
        word.sponsor = to
        return "ok"

    def extend(self, slug: str, word: Word, person: Person, sponsor: str, day: date) -> str:
        organisation = self.organisations[slug]
        if sponsor not in self.able(organisation):
            return "not yours"
        if not word.runs:
            return "lost"
        if not organisation.day_fits(word.contract, day, self.now):
            return "refused last_day"
        word.last_day, word.expires = day, organisation.expiry(word.contract, day)
        if word.review.due is None or word.review.due >= word.expires:
            word.review = organisation.next_review(self.now, word.expires)
        person.reckon()
        return "ok"

    def keep(self, slug: str, word: Word, sponsor: str) -> str:
        organisation = self.organisations[slug]
        if sponsor not in self.able(organisation):
            return "not yours"
        if not word.runs:
            return "lost"
        word.sponsor = sponsor
        word.review = organisation.next_review(self.now, word.expires)
        return "ok"

    def choose(self, slug: str, word: Word, sponsor: str, offers: set[str]) -> str:
        organisation = self.organisations[slug]
        if sponsor not in self.able(organisation):
            return "not yours"
        if not word.runs:
            return "lost"
        self._choose(organisation, word, offers)
        return "ok"

    def vouch(self, slug: str, person: Person, sponsor: str, day: date, offers: set[str]) -> str:
        organisation = self.organisations[slug]
        if sponsor not in self.able(organisation):
            return "not yours"
        doubled = any(word.awaits or word.sponsor == sponsor for word in person.open)
        if person.hold or person.state not in ("active", "suspended") or doubled:
            return "refused guest"
        contract = organisation.running(self.now)
        if contract is None or not organisation.day_fits(contract, day, self.now):
            return "refused last_day"
        word = Word(
            sponsor=sponsor,
            contract=contract,
            state="active",
            reason="approved",
            since=self.now,
            last_day=day,
            expires=organisation.expiry(contract, day),
            number=self._number(),
            decided_by=sponsor,
        )
        word.review = organisation.next_review(self.now, word.expires)
        person.words.append(word)
        self._choose(organisation, word, offers)
        self._bring_in(organisation, person)
        return "ok"

    # -- people -----------------------------------------------------------------------------------

    def suspend(self, person: Person, *, by_admin: bool) -> str:
        held = person.hold and (person.reason == BY_ADMIN or not by_admin)
        if person.state not in ("active", "suspended") or held:
            return "refused guest"
        since, gone_at = person.since, person.gone_at
        suspended = person.state == "suspended"
        person.become("suspended", BY_ADMIN if by_admin else "suspended_by_staff", self.now)
        person.hold = True
        if suspended:
            person.since, person.gone_at = since, gone_at
        return "ok"

    def resume(self, slug: str, person: Person, *, by_admin: bool) -> str:
        if person.barred and by_admin:
            person.barred, person.reason = False, "removed_by_staff"
            return "removed"
        if not person.hold or (person.reason == BY_ADMIN and not by_admin):
            return "refused guest"
        gone_at = person.gone_at
        if person.open:
            person.become("active", "resumed", self.now)
            person.silent_at = self.now + self.organisations[slug].days("inactivity_days")
            return "active"
        last = max(
            (word for word in person.words if word.state == "ended"),
            key=lambda word: (word.since, word.number),
        )
        person.become("suspended", last.reason, last.since)
        person.gone_at = gone_at
        return "suspended"

    def remove(self, person: Person) -> str:
        if person.tombstone:
            return "refused guest"
        person.finish(person.open, "removed_by_staff", self.now)
        if person.state != "removed":
            person.become("removed", "removed_by_staff", self.now)
        person.tombstone = True
        return "ok"

    def let_back(self, slug: str, person: Person, sponsor: str) -> str:
        organisation = self.organisations[slug]
        if sponsor not in self.able(organisation):
            return "not yours"
        open_to_it = person.tombstone and not person.barred
        if not open_to_it or organisation.running(self.now) is None or organisation.full:
            return "refused guest"
        person.become("pending", "let_back", self.now)
        self._ask(organisation, person, sponsor)
        return "ok"

    # -- trust ------------------------------------------------------------------------------------

    def add_contract(
        self, slug: str, reference: str, first_day: date, last_day: date | None
    ) -> None:
        ends = midnight_after(last_day) if last_day else None
        self.organisations[slug].contracts.append(Contract(reference, first_day, last_day, ends))

    def move_contract(self, contract: Contract, last_day: date | None) -> str:
        if last_day is not None and last_day < contract.first_day:
            return "refused last_day"
        ended = contract.ends is not None and contract.ends <= self.now
        if ended and last_day == contract.last_day:
            return "ok"  # said again: it stays ended, be it in the course of that day
        ends = midnight_after(last_day) if last_day else None
        # What still runs ends now at the earliest; what has ended may be corrected.
        contract.ends = ends if ends is None or ended else max(ends, self.now)
        contract.last_day = last_day
        self.pass_time(self.now)
        return "ok"

    def end_organisation(self, slug: str, today: date) -> None:
        for contract in self.organisations[slug].contracts:
            if contract.ends is None or contract.ends > self.now:
                contract.last_day = max(today, contract.first_day)
                contract.ends = self.now
        self.pass_time(self.now)

    def offer(self, slug: str, name: str, *, default: bool, claim: str | None) -> None:
        self.organisations[slug].offers[name] = Offer(default, claim)

    def withdraw(self, slug: str, name: str) -> None:
        self.organisations[slug].offers[name].withdrawn = True
        for person in self.organisations[slug].people.values():
            for word in person.words:
                word.grants.pop(name, None)

    def leave(self, name: str) -> str:
        if name not in self.staff:
            return "refused email"
        self.staff.remove(name)
        heirs = {slug: self._heir(one, name) for slug, one in self.organisations.items()}
        for slug, organisation in self.organisations.items():
            self._pass_or_end(organisation, name, heirs[slug])
        return "ok"

    def name_sponsors(self, slug: str, sponsors: list[str], deputy: str | None) -> None:
        organisation = self.organisations[slug]
        before = {*organisation.sponsors, organisation.deputy}
        organisation.sponsors, organisation.deputy, organisation.lead = sponsors, deputy, None
        for name in sorted(one for one in before - {*sponsors, deputy} if one):
            self._pass_or_end(organisation, name, self._heir(organisation, name))

    def _heir(self, organisation: Organisation, leaving: str) -> str | None:
        """The deputy, else who would be asked."""
        able = [one for one in self.able(organisation) if one != leaving]
        if organisation.deputy in able:
            return organisation.deputy
        return self.asked(organisation, leaving)

    def _pass_or_end(self, organisation: Organisation, name: str, heir: str | None) -> None:
        for person in organisation.people.values():
            own = [word for word in person.open if word.sponsor == name]
            if heir is not None:
                for word in own:
                    word.sponsor = heir
            elif own:
                person.finish(own, "sponsor_left", self.now)
                if not person.open and person.state != "suspended":
                    state = "suspended" if person.state == "active" else "removed"
                    person.become(state, "sponsor_left", self.now)

    # -- access -----------------------------------------------------------------------------------

    def until(self, slug: str, person: Person) -> datetime | None:
        """How long somebody has access; none: they have none."""
        ends = [word.end()[0] for word in person.open if word.state == "active"]
        if person.state != "active" or self.organisations[slug].suspended or not ends:
            return None
        dates = [max(ends), person.silent_at, person.aside_until]
        until = min(one for one in dates if one is not None)
        return until if self.now < until else None
