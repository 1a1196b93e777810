"""One machine of decisions over two databases, held against the oracle after every step."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.lives.decisions import Oracle
from tests.lives.door import FOREIGN
from tests.lives.drawn import (
    ADDRESSES,
    CLAIMS,
    DAYS,
    NUMBERS,
    OFFERS,
    PARTNERS,
    POLICIES,
    SUBJECTS,
)
from tests.lives.expected import expected_rows, only
from tests.lives.oracle import ZONE, Contract, Organisation, Person, Word, midnight_after
from tests.lives.world import LAST_DAY, POLICY, STAFF, Names, World
from tests.scene import BEGIN

TICK = timedelta(microseconds=1)


class Lives(RuleBasedStateMachine):
    """The same decisions in two databases."""

    def __init__(self, swept: World, neglected: World, template: Path, names: Names) -> None:
        super().__init__()
        self.swept, self.neglected = swept, neglected
        for world in (swept, neglected):
            world.begin(template, names)
        self.forgotten = False
        self.counter = 0
        first_day = BEGIN.date() - timedelta(days=365)
        self.oracle = Oracle(
            BEGIN,
            {
                slug: Organisation(
                    policy=dict(POLICY),
                    contracts=[Contract("C-1", first_day, LAST_DAY, midnight_after(LAST_DAY))],
                    sponsors=list(sponsors),
                    deputy="dee",
                )
                for slug, sponsors in {"acme": ("ada", "ben"), "zeta": ("ben", "cem")}.items()
            },
            STAFF,
        )
        for slug in self.oracle.organisations:
            self.oracle.offer(slug, "wiki", default=True, claim=None)
            self.oracle.offer(slug, "books", default=False, claim="Finance")
            self.oracle.offer(slug, "files", default=False, claim=None)

    @initialize(forgotten=st.booleans())
    def one_is_swept_sometimes_or_never(self, forgotten: bool) -> None:
        self.forgotten = forgotten

    # -- helpers ----------------------------------------------------------------------------------

    def both(self, expected: str | None, decision: Callable[[World], str | None]) -> None:
        """Decide in both databases; what comes of it is what the oracle says."""
        assert [decision(self.swept), decision(self.neglected)] == [expected, expected]

    def pick(self, number: int) -> tuple[str, str, Person]:
        """One of the people there are."""
        people = [
            (slug, subject, person)
            for slug, organisation in self.oracle.organisations.items()
            for subject, person in organisation.people.items()
        ]
        return people[number % len(people)]

    def pick_word(
        self, number: int, *, waiting: bool = False
    ) -> tuple[str, str, Person, int, Word]:
        """One of the sponsorships there are: most often one that is open, or waits."""
        words = [
            (word.awaits if waiting else word.open, slug, subject, person, age, word)
            for slug, organisation in self.oracle.organisations.items()
            for subject, person in organisation.people.items()
            for age, word in enumerate(reversed(person.words))
        ]
        open_ones = [one for one in words if one[0]]
        chosen = open_ones if open_ones and number % 7 else words
        return chosen[number % len(chosen)][1:]

    def decider(self, slug: str, number: int) -> str:
        """Somebody who decides: most often somebody who may."""
        able = self.oracle.able(self.oracle.organisations[slug])
        everybody = sorted(self.swept.names.staff)
        chosen = able if able and number % 5 else everybody
        return chosen[number % len(chosen)]

    def day(self, days: int) -> Any:
        return self.oracle.now.astimezone(ZONE).date() + timedelta(days=days)

    def there(self, slug: str, offers: set[str]) -> set[str]:
        return offers & self.oracle.organisations[slug].offers.keys()

    def go_to(self, now: datetime) -> None:
        self.oracle.pass_time(now)
        self.swept.scene.now = self.neglected.scene.now = now

    def anybody(self) -> bool:
        return any(one.people for one in self.oracle.organisations.values())

    # -- time -------------------------------------------------------------------------------------

    @rule(days=st.integers(0, 45), hours=st.integers(0, 23))
    def time_passes(self, days: int, hours: int) -> None:
        self.go_to(self.oracle.now + timedelta(days=days, hours=hours))

    @precondition(lambda self: self.oracle.instants())
    @rule(number=NUMBERS, just_before=st.booleans())
    def time_passes_to_the_very_instant(self, number: int, just_before: bool) -> None:
        instants = self.oracle.instants()[:4]
        at = instants[number % len(instants)]
        self.go_to(max(self.oracle.now, at - TICK if just_before else at))

    @precondition(lambda self: not self.forgotten)
    @rule(batch=st.sampled_from([1, 2, 500]), cut_after=st.none() | st.integers(0, 4))
    def somebody_sweeps(self, batch: int, cut_after: int | None) -> None:
        self.neglected.sweep(batch=batch, cut_after=cut_after)

    # -- people and sponsors ----------------------------------------------------------------------

    @rule(slug=PARTNERS, subject=SUBJECTS, address=ADDRESSES, claims=CLAIMS)
    def sign_in(self, slug: str, subject: str, address: str, claims: frozenset[str]) -> None:
        email = {
            "own": f"{subject}@{slug}.example",
            "desk": f"desk@{slug}.example",
            "foreign": f"{subject}@{FOREIGN}",
        }[address]
        expected = self.oracle.sign_in(slug, subject, email, claims)
        self.both(expected, lambda world: world.sign_in(slug, subject, email, claims))

    @precondition(anybody)
    @rule(number=NUMBERS, sponsor=NUMBERS, days=DAYS, offers=OFFERS)
    def approve(self, number: int, sponsor: int, days: int, offers: set[str]) -> None:
        slug, subject, person, age, word = self.pick_word(number, waiting=True)
        by, day, chosen = self.decider(slug, sponsor), self.day(days), self.there(slug, offers)
        self.both(
            self.oracle.approve(slug, word, person, by, day, chosen),
            lambda world: world.decide(
                "approve", slug, subject, age, by, day, world.offers(slug, chosen)
            ),
        )

    @rule(slug=PARTNERS, subject=SUBJECTS, sponsor=NUMBERS, days=DAYS, offers=OFFERS)
    def somebody_comes_and_is_approved(
        self, slug: str, subject: str, sponsor: int, days: int, offers: set[str]
    ) -> None:
        self.sign_in(slug, subject, "own", frozenset({"Finance"}))
        if subject in self.oracle.organisations[slug].people:
            person = self.oracle.organisations[slug].people[subject]
            by, day = self.decider(slug, sponsor), self.day(days)
            chosen = self.there(slug, offers)
            self.both(
                self.oracle.approve(slug, person.words[-1], person, by, day, chosen),
                lambda world: world.decide(
                    "approve", slug, subject, 0, by, day, world.offers(slug, chosen)
                ),
            )

    @precondition(anybody)
    @rule(
        verb=st.sampled_from(["reject", "hand_over", "extend", "keep", "choose", "end"]),
        number=NUMBERS,
        sponsor=NUMBERS,
        to=NUMBERS,
        days=DAYS,
        offers=OFFERS,
    )
    def a_sponsor_decides(
        self, verb: str, number: int, sponsor: int, to: int, days: int, offers: set[str]
    ) -> None:
        slug, subject, person, age, word = self.pick_word(number)
        by, heir, day = self.decider(slug, sponsor), self.decider(slug, to), self.day(days)
        chosen = self.there(slug, offers)
        oracle = self.oracle
        expected = {
            "reject": lambda: oracle.reject(slug, word, person, by),
            "hand_over": lambda: oracle.hand_over(slug, word, by, heir),
            "extend": lambda: oracle.extend(slug, word, person, by, day),
            "keep": lambda: oracle.keep(slug, word, by),
            "choose": lambda: oracle.choose(slug, word, by, chosen),
            "end": lambda: oracle.end(slug, word, person, by),
        }[verb]()

        def decide(world: World) -> str:
            name, *rest = {
                "reject": ("reject", "Unknown to us"),
                "hand_over": ("hand_over", world.names.staff[heir]),
                "extend": ("change_last_day", day),
                "keep": ("keep",),
                "choose": ("choose", world.offers(slug, chosen)),
                "end": ("end", "Over"),
            }[verb]
            return world.decide(str(name), slug, subject, age, by, *rest)

        self.both(expected, decide)

    @precondition(anybody)
    @rule(number=NUMBERS, sponsor=NUMBERS, days=DAYS, offers=OFFERS)
    def vouch(self, number: int, sponsor: int, days: int, offers: set[str]) -> None:
        slug, subject, person = self.pick(number)
        by, day, chosen = self.decider(slug, sponsor), self.day(days), self.there(slug, offers)
        self.both(
            self.oracle.vouch(slug, person, by, day, chosen),
            lambda world: world.vouch(slug, subject, by, day, world.offers(slug, chosen)),
        )

    @precondition(anybody)
    @rule(
        verb=st.sampled_from(["suspend", "resume", "remove", "let_back"]),
        number=NUMBERS,
        sponsor=NUMBERS,
        by_admin=st.booleans(),
    )
    def somebody_is_held_or_let_go(
        self, verb: str, number: int, sponsor: int, by_admin: bool
    ) -> None:
        slug, subject, person = self.pick(number)
        by = self.decider(slug, sponsor)
        oracle = self.oracle
        expected = {
            "suspend": lambda: oracle.suspend(person, by_admin=by_admin),
            "resume": lambda: oracle.resume(slug, person, by_admin=by_admin),
            "remove": lambda: oracle.remove(person),
            "let_back": lambda: oracle.let_back(slug, person, by),
        }[verb]()

        def decide(world: World) -> str:
            if verb == "let_back":
                return world.let_back(slug, subject, by)
            reason = () if verb == "resume" else ("A reason",)
            as_admin = {} if verb == "remove" else {"by_admin": by_admin}
            return world.about(verb, slug, subject, *reason, **as_admin)

        self.both(expected, decide)

    @precondition(anybody)
    @rule(number=NUMBERS, sponsor=NUMBERS, days=st.none() | st.integers(29, 31))
    def somebody_goes_whom_an_admin_holds(
        self, number: int, sponsor: int, days: int | None
    ) -> None:
        """Removed by somebody or by time, and then a sponsor wants them back."""
        self.somebody_is_held_or_let_go("suspend", number, sponsor, by_admin=True)
        if days is None:
            self.somebody_is_held_or_let_go("remove", number, sponsor, by_admin=False)
        else:
            self.time_passes(days, 0)
        self.somebody_is_held_or_let_go("let_back", number, sponsor, by_admin=False)

    # -- trust ------------------------------------------------------------------------------------

    @rule(slug=PARTNERS, first=st.integers(-20, 20), length=st.none() | st.integers(0, 200))
    def a_contract_is_added(self, slug: str, first: int, length: int | None) -> None:
        self.counter += 1
        reference, first_day = f"D-{self.counter:02}", self.day(first)
        last_day = None if length is None else first_day + timedelta(days=length)
        self.oracle.add_contract(slug, reference, first_day, last_day)
        self.both(None, lambda world: world.add_contract(slug, reference, first_day, last_day))

    @rule(
        slug=PARTNERS,
        number=NUMBERS,
        days=st.none() | st.integers(-40, 150),
        all_of_them=st.integers(0, 9).map(lambda drawn: drawn == 0),
    )
    def a_contract_moves(self, slug: str, number: int, days: int | None, all_of_them: bool) -> None:
        if all_of_them:
            self.oracle.end_organisation(slug, self.day(0))
            self.both(None, lambda world: world.trust("end_organisation", slug, None))
            return
        contracts = self.oracle.organisations[slug].contracts
        contract = contracts[number % len(contracts)]
        last_day = None if days is None else self.day(days)
        self.both(
            self.oracle.move_contract(contract, last_day),
            lambda world: world.move_contract(slug, contract.reference, last_day),
        )

    @rule(slug=PARTNERS, values=POLICIES, suspended=st.integers(0, 3).map(lambda n: n == 0))
    def terms_of_trust_change(self, slug: str, values: dict[str, Any], suspended: bool) -> None:
        """Another policy; now and then the organisation is suspended or resumed instead."""
        organisation = self.oracle.organisations[slug]
        if not suspended:
            organisation.policy.update(values)
            self.both(None, lambda world: world.policy(slug, values))
            return
        organisation.suspended = not organisation.suspended
        if organisation.suspended:
            self.both(None, lambda world: world.trust("suspend_organisation", slug, "Unpaid"))
        else:
            self.both(None, lambda world: world.trust("resume_organisation", slug))

    @rule(slug=PARTNERS, number=NUMBERS, default=st.booleans(), withdrawn=st.booleans())
    def offers_change(self, slug: str, number: int, default: bool, withdrawn: bool) -> None:
        organisation = self.oracle.organisations[slug]
        fresh = [name for name in ("o1", "o2") if name not in organisation.offers]
        standing = sorted(organisation.standing())
        if withdrawn and standing:
            name = standing[number % len(standing)]
            self.oracle.withdraw(slug, name)
            self.both(None, lambda world: world.withdraw(slug, name))
        elif fresh:
            claim = None if default else "IT"
            self.oracle.offer(slug, fresh[0], default=default, claim=claim)
            self.both(None, lambda world: world.offer(slug, fresh[0], default=default, claim=claim))

    @rule(slug=PARTNERS, number=NUMBERS, deputised=st.booleans(), leaves=st.booleans())
    def sponsors_change(self, slug: str, number: int, deputised: bool, leaves: bool) -> None:
        """Somebody leaves the host; or two who are here are named, one of them new if need be."""
        if leaves:
            everybody = sorted(self.swept.names.staff)
            name = everybody[number % len(everybody)]
            expected = self.oracle.leave(name)
            self.both(expected, lambda world: world.leave(name))
            return
        here = sorted(self.oracle.staff)
        if len(here) < 3:
            self.counter += 1
            fresh = f"h{self.counter:02}"
            self.both(None, lambda world: world.hire(fresh))
            self.oracle.staff.add(fresh)
            here.append(fresh)
        start = number % len(here)
        turned = here[start:] + here[:start]
        deputy = turned[2] if deputised and len(turned) > 2 else None
        sponsors = sorted(turned[:2])
        self.oracle.name_sponsors(slug, sponsors, deputy)
        self.both(None, lambda world: world.name_sponsors(slug, sponsors, deputy))

    # -- what must hold ---------------------------------------------------------------------------

    @invariant()
    def everything_holds(self) -> None:
        self.swept.sweep()
        self.everybody_has_what_they_should()
        swept, neglected = self.swept.rows(), self.neglected.rows()
        self.the_swept_rows_are_the_oracles(swept)
        for world, rows in ((self.swept, swept), (self.neglected, neglected)):
            self.counters_count_and_sponsors_are_here(world, rows)

    def everybody_has_what_they_should(self) -> None:
        """Access, its reasons and its end: by the oracle's dates, swept or not."""
        access = self.swept.access()
        assert access == self.neglected.access()
        until = {
            (slug, subject): self.oracle.until(slug, person)
            for slug, organisation in self.oracle.organisations.items()
            for subject, person in organisation.people.items()
        }
        assert until == {who: decision.until for who, decision in access.items()}

    def the_swept_rows_are_the_oracles(self, rows: dict[str, Any]) -> None:
        people, words, grants = expected_rows(self.oracle)
        assert people == only(rows["guest"], people)
        assert words == only(rows["sponsorship"], words)
        standing = [row for row in rows["grant"] if row["state"] != "ended"]
        assert grants == sorted(
            (row["sponsorship_id"], row["offer_id"], row["state"], row["by_claim"])
            for row in standing
        )

    def counters_count_and_sponsors_are_here(self, world: World, rows: dict[str, Any]) -> None:
        """Seats are counts; whoever is in has an active sponsorship by an active employee."""
        guests = rows["guest"]
        for slug, seats in world.seats().items():
            states = [row["state"] for row in guests.values() if row["organisation_id"] == slug]
            seated = sum(state in ("active", "suspended") for state in states)
            assert seats == (seated, states.count("pending"))
        vouched = {
            row["guest_id"]
            for row in rows["sponsorship"].values()
            if row["state"] == "active" and row["sponsor_id"] in self.oracle.staff
        }
        assert {name for name, row in guests.items() if row["state"] == "active"} <= vouched

    def teardown(self) -> None:
        """Any schedule of sweeps ends in the same rows, and the log tells of all of them."""
        self.neglected.sweep(batch=2)
        self.swept.sweep()
        assert self.swept.rows() == self.neglected.rows()
        for world in (self.swept, self.neglected):
            told, there = world.log()
            assert told == there
