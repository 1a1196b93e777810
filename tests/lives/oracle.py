"""A second opinion that knows only dates and decisions; it imports nothing of the portal.

It has no sweep: before anything is decided, whatever has fallen due happens, one instant after the
other. What it says of a person is what the database must say once it is swept.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Berlin")
DAY = timedelta(days=1)
MONTH = 30 * DAY  # suspended for so long, then removed
BY_ADMIN = "suspended_by_admin"
FORTNIGHT = 14 * DAY  # a request waits for so long; a review is asked so long before


def midnight_after(day: date) -> datetime:
    """The first instant that is no longer this day."""
    return datetime.combine(day + DAY, time(), ZONE).astimezone(UTC)


@dataclass
class Contract:
    reference: str
    first_day: date
    last_day: date | None
    ends: datetime | None

    @property
    def begins(self) -> datetime:
        return datetime.combine(self.first_day, time(), ZONE).astimezone(UTC)


@dataclass
class Review:
    ask: datetime | None = None
    due: datetime | None = None
    ends: datetime | None = None


@dataclass
class Word:
    """A sponsor's word for a person: asked for, given, ended."""

    sponsor: str
    contract: Contract
    state: str
    reason: str
    since: datetime
    last_day: date
    expires: datetime
    number: int
    lapses: datetime | None = None
    approve_by: datetime | None = None
    decided_by: str | None = None
    review: Review = field(default_factory=Review)
    grants: dict[str, tuple[str, bool]] = field(default_factory=dict)  # offer: state, by claim
    declined: set[str] = field(default_factory=set)

    @property
    def open(self) -> bool:
        return self.state in ("requested", "active")

    @property
    def awaits(self) -> bool:
        return self.state == "requested" or (self.state == "active" and self.approve_by is not None)

    @property
    def runs(self) -> bool:
        return self.state == "active" and not self.awaits

    def end(self) -> tuple[datetime, str]:
        """When it ends by itself and why: the earliest; of the same instant the first of these."""
        undecided = "lapsed" if self.state == "requested" else "not_approved"
        dates = [
            (self.contract.ends, "contract_ended"),
            (self.expires, undecided if self.awaits else "expired"),
            (self.lapses, "lapsed"),
            (self.review.ends, "review_missed"),
            (self.approve_by, "not_approved"),
        ]
        return min(((at, why) for at, why in dates if at is not None), key=lambda one: one[0])


@dataclass
class Person:
    """One person's affiliation with one organisation."""

    email: str
    state: str = "new"
    reason: str = ""
    since: datetime | None = None
    hold: bool = False
    tombstone: bool = False
    barred: bool = False  # removed while an admin held them
    silent_at: datetime | None = None
    gone_at: datetime | None = None
    expires: datetime | None = None
    aside: str | None = None
    aside_until: datetime | None = None
    words: list[Word] = field(default_factory=list)  # in the order in which they were asked for

    @property
    def open(self) -> list[Word]:
        return [word for word in self.words if word.open]

    @property
    def holds_address(self) -> bool:
        return self.state in ("pending", "active", "suspended") or self.tombstone

    def become(self, state: str, reason: str, at: datetime) -> None:
        """Change state; what belongs to the old one goes."""
        self.tombstone = self.hold and state == "removed"
        self.barred = self.tombstone and self.reason == BY_ADMIN
        self.state, self.since = state, at
        self.reason = BY_ADMIN if self.barred else reason
        self.hold, self.silent_at = False, None
        self.gone_at = at + MONTH if state == "suspended" else None

    def finish(
        self, words: Iterable[Word], reason: str, at: datetime, state: str = "ended"
    ) -> None:
        """End words and what was given under them; the person's end is that of those left."""
        finished = list(words)
        for word in finished:
            word.state, word.reason, word.since = state, reason, at
            word.lapses = word.approve_by = word.review.ask = None
            word.grants.clear()
        self.reckon()

    def reckon(self) -> None:
        """The end is the latest of the open words'; with none it stays."""
        if self.open:
            self.expires = max(word.expires for word in self.open)

    def pass_time(self, now: datetime) -> None:
        """Let everything happen that falls due until *now*, in its order."""
        while True:
            # Within an instant: a word that ends, one whose contract ends, the person's own dates.
            coming = [
                (word.end()[0], 1 if word.end()[1] == "contract_ended" else 0, word.number)
                for word in self.open
            ]
            coming += [(at, 2, 0) for at in (self.silent_at, self.gone_at) if at is not None]
            if not coming or min(coming)[0] > now:
                return
            at, rank, number = min(coming)
            if rank == 2:
                self._own_date(at)
            else:
                self._word_ends(next(word for word in self.open if word.number == number))

    def _own_date(self, at: datetime) -> None:
        silent = at == self.silent_at
        reason = "inactive" if silent else "suspended_too_long"
        self.finish(self.open, reason, at)
        self.become("suspended" if silent else "removed", reason, at)

    def _word_ends(self, word: Word) -> None:
        at, reason = word.end()
        self.finish([word], reason, at)
        if self.open:
            return
        if self.state == "pending" or (
            reason == "contract_ended" and self.state in ("active", "suspended")
        ):
            self.become("removed", reason, at)
        elif self.state == "active":
            self.become("suspended", reason, at)


@dataclass
class Offer:
    default: bool
    claim: str | None
    withdrawn: bool = False


@dataclass
class Organisation:
    """A partner: contracts, policy, who vouches, what is offered, its people."""

    policy: dict[str, object]
    contracts: list[Contract]
    sponsors: list[str]
    deputy: str | None
    lead: str | None = None
    suspended: bool = False
    offers: dict[str, Offer] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)

    def days(self, name: str) -> timedelta:
        return int(str(self.policy[name])) * DAY

    def running(self, now: datetime) -> Contract | None:
        """The contract of those running that ends last."""
        running = [
            one for one in self.contracts if one.begins <= now and (not one.ends or now < one.ends)
        ]
        far = datetime.max.replace(tzinfo=UTC)
        return min(
            running, key=lambda one: (-(one.ends or far).timestamp(), one.reference), default=None
        )

    def latest_day(self, contract: Contract, now: datetime) -> date:
        longest = now.astimezone(ZONE).date() + self.days("longest_days")
        return min(contract.last_day or longest, longest)

    def expiry(self, contract: Contract, day: date) -> datetime:
        return min(midnight_after(day), contract.ends or midnight_after(day))

    def day_fits(self, contract: Contract, day: date, now: datetime) -> bool:
        return day <= self.latest_day(contract, now) and self.expiry(contract, day) > now

    def next_review(self, now: datetime, expires: datetime) -> Review:
        due = now + self.days("review_days")
        if due >= expires:
            return Review()
        return Review(max(now, due - FORTNIGHT), due, due + self.days("grace_days"))

    @property
    def full(self) -> bool:
        """Whether nobody else can come in."""
        taken = sum(one.state in ("pending", "active", "suspended") for one in self.people.values())
        return taken >= int(str(self.policy["most_guests"]))

    def standing(self) -> dict[str, Offer]:
        return {name: one for name, one in self.offers.items() if not one.withdrawn}
