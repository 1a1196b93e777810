"""What people decide, as the oracle sees it: each says what must come of it.

Outcomes are words: ``ok``, ``lost``, ``refused FIELD``, ``not yours``, or what the door says.
"""

from datetime import date, datetime

from tests.lives.door import Door
from tests.lives.oracle import (
    BY_ADMIN,
    Contract,
    Offer,
    Organisation,
    Person,
    Word,
    midnight_after,
)


class Oracle(Door):
    """Two partners, the employees they share, and the clock: what everybody decides."""

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
        contract = organisation.running(self.now)
        doubled = any(
            word.awaits or (word.sponsor == sponsor and word.contract is contract)
            for word in person.open
        )
        if person.hold or person.state not in ("active", "suspended") or doubled:
            return "refused guest"
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
