"""What a sponsorship's dates mean: when it ends and why, what is due, how far a sponsor may go."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from portal.guests.rules import REMOVED_AFTER, Reason, State, keeps_its_hold
from portal.trust.rules import ContractFacts, EffectivePolicy, contract_end

REVIEW_ASKED_BEFORE = timedelta(days=14)
NOT_CHOSEN = "not_chosen"  # why a grant ended: its sponsor decided without it


class Standing(StrEnum):
    """A sponsorship's states."""

    REQUESTED = "requested"
    ACTIVE = "active"
    REJECTED = "rejected"
    ENDED = "ended"


class IllegalStep(Exception):
    """A sponsorship was asked to take a step that its state machine does not have."""


_LEGAL = {
    # Handed over, each stays what it is.
    Standing.REQUESTED: {
        Standing.REQUESTED,
        Standing.ACTIVE,
        Standing.REJECTED,
        Standing.ENDED,
    },
    # One given at once is active before anybody decided, so it can still be rejected.
    Standing.ACTIVE: {Standing.ACTIVE, Standing.REJECTED, Standing.ENDED},
    Standing.REJECTED: set[Standing](),
    Standing.ENDED: set[Standing](),
}


def require_step(current: Standing, wanted: Standing) -> None:
    """Refuse a step that the state machine does not have.

    Raises:
        IllegalStep: naming both states.
    """
    if wanted not in _LEGAL[current]:
        raise IllegalStep(f"a sponsorship that is {current} cannot become {wanted}")


@dataclass(frozen=True, slots=True)
class OpenSponsorship:
    """A requested or active sponsorship, with its contract's end joined."""

    id: UUID
    state: Standing
    expires_at: datetime
    lapses_at: datetime | None
    approve_by: datetime | None
    review_ends_at: datetime | None
    contract_begins_at: datetime
    contract_ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class GuestDates:
    """What of a guest the passing of time can change."""

    state: State
    reason: Reason
    since: datetime
    hold: bool
    tombstone: bool
    inactive_at: datetime | None
    removes_at: datetime | None


@dataclass(frozen=True, slots=True)
class SponsorshipEnds:
    """A step: a sponsorship ends."""

    sponsorship_id: UUID
    reason: Reason
    at: datetime


@dataclass(frozen=True, slots=True)
class GuestMoves:
    """A step: the guest is suspended or removed."""

    state: State
    reason: Reason
    at: datetime
    tombstone: bool


Step = SponsorshipEnds | GuestMoves


def end_of(sponsorship: OpenSponsorship) -> tuple[datetime, Reason]:
    """Return the first instant at which a sponsorship no longer carries access, and why.

    At the same instant the contract's end counts before the last day, the last day before the
    rest: what removes at once must not be hidden behind what merely suspends. Where nobody has
    vouched yet, its last day is the end of waiting and no end of anybody's word.
    """
    ends = [(sponsorship.expires_at, _why_over(sponsorship))]
    if sponsorship.contract_ends_at is not None:
        ends.insert(0, (sponsorship.contract_ends_at, Reason.CONTRACT_ENDED))
    if sponsorship.state == Standing.REQUESTED and sponsorship.lapses_at is not None:
        ends.append((sponsorship.lapses_at, Reason.LAPSED))
    if sponsorship.state == Standing.ACTIVE:
        if sponsorship.review_ends_at is not None:
            ends.append((sponsorship.review_ends_at, Reason.REVIEW_MISSED))
        if sponsorship.approve_by is not None:
            ends.append((sponsorship.approve_by, Reason.NOT_APPROVED))
    return min(ends, key=lambda end: end[0])


def _why_over(sponsorship: OpenSponsorship) -> Reason:
    if sponsorship.state == Standing.REQUESTED:
        return Reason.LAPSED
    return Reason.EXPIRED if sponsorship.approve_by is None else Reason.NOT_APPROVED


def word_ends(sponsorship: OpenSponsorship) -> datetime:
    """Return until when a sponsor's word and the contract reach, whatever a review may stop.

    Of access given at once: until when it waits for that word.
    """
    return end_of(replace(sponsorship, lapses_at=None, review_ends_at=None))[0]


def is_live(sponsorship: OpenSponsorship, now: datetime) -> bool:
    """Say whether a sponsorship carries access now."""
    return (
        sponsorship.state == Standing.ACTIVE
        and sponsorship.contract_begins_at <= now < end_of(sponsorship)[0]
    )


def due_steps(
    guest: GuestDates, sponsorships: Sequence[OpenSponsorship], now: datetime
) -> tuple[Step, ...]:
    """Return everything that time has done to a guest until *now*, in the order of its instants.

    Each step bears the instant at which it fell due, never the time of the sweep: so any
    schedule of sweeps ends in the same rows.
    """
    return course(guest, sponsorships, now)[0]


def outlook(
    guest: GuestDates, sponsorships: Sequence[OpenSponsorship], now: datetime
) -> GuestDates:
    """Return how a guest stands once everything due is settled, without settling it."""
    return course(guest, sponsorships, now)[1]


def still_open(
    guest: GuestDates, sponsorships: Sequence[OpenSponsorship], now: datetime
) -> tuple[OpenSponsorship, ...]:
    """Return the sponsorships that are still open once everything due is settled."""
    return course(guest, sponsorships, now)[2]


def course(
    guest: GuestDates, sponsorships: Sequence[OpenSponsorship], now: datetime
) -> tuple[tuple[Step, ...], GuestDates, tuple[OpenSponsorship, ...]]:
    """Return all three at once: what time has done, how the guest stands then, what is open."""
    steps: list[Step] = []
    standing = {sponsorship.id: sponsorship for sponsorship in sponsorships}
    while True:
        own = _own_end(guest)
        # Contract ends last within an instant: whoever else carried the guest ends first.
        ends = sorted(
            ((*end_of(one), one.id) for one in standing.values()),
            key=lambda end: (end[0], end[1] == Reason.CONTRACT_ENDED, end[2]),
        )
        if ends and ends[0][0] <= now and (own is None or ends[0][0] <= own[0]):
            at, reason, sponsorship_id = ends[0]
            del standing[sponsorship_id]
            steps.append(SponsorshipEnds(sponsorship_id, reason, at))
            moved = None if standing else _left_alone(guest, reason, at)
        elif own is not None and own[0] <= now:
            at, reason = own
            moved = _moved(guest, reason, at)
        else:
            return tuple(steps), guest, tuple(standing.values())
        if moved is not None:
            # Whoever is suspended by time or removed keeps no sponsorship: coming back is decided.
            steps.extend(
                SponsorshipEnds(sponsorship_id, moved.reason, at)
                for sponsorship_id in sorted(standing)
            )
            standing.clear()
            steps.append(moved)
            guest = after(guest, moved)


def _own_end(guest: GuestDates) -> tuple[datetime, Reason] | None:
    """Return what falls due on the guest itself: silence, or a suspension that lasted too long."""
    if guest.state == State.ACTIVE and guest.inactive_at is not None:
        return guest.inactive_at, Reason.INACTIVE
    if guest.state == State.SUSPENDED and guest.removes_at is not None:
        return guest.removes_at, Reason.SUSPENDED_TOO_LONG
    return None


def _left_alone(guest: GuestDates, reason: Reason, at: datetime) -> GuestMoves | None:
    """Return what becomes of a guest whose last open sponsorship has ended for *reason*."""
    if guest.state == State.SUSPENDED and reason != Reason.CONTRACT_ENDED:
        return None  # a human holds it; why time would not let it go shows when that is lifted
    if guest.state == State.REMOVED:
        return None
    return _moved(guest, reason, at)


def _moved(guest: GuestDates, reason: Reason, at: datetime) -> GuestMoves:
    gone = guest.state == State.PENDING or reason in (
        Reason.CONTRACT_ENDED,
        Reason.SUSPENDED_TOO_LONG,
    )
    return GuestMoves(
        State.REMOVED if gone else State.SUSPENDED, reason, at, tombstone=gone and guest.hold
    )


def after(guest: GuestDates, move: GuestMoves) -> GuestDates:
    """Return how the guest stands after a move, as ``guests.changes.move`` writes it."""
    held = keeps_its_hold(move.state, guest.reason, hold=guest.hold)
    return replace(
        guest,
        state=move.state,
        reason=guest.reason if held else move.reason,
        since=move.at,
        hold=False,
        tombstone=move.tombstone,
        inactive_at=None,
        removes_at=move.at + REMOVED_AFTER if move.state == State.SUSPENDED else None,
    )


def latest_expiry(
    expiries: Mapping[UUID, datetime], ends: Sequence[SponsorshipEnds]
) -> datetime | None:
    """Return a guest's end once *ends* are carried out: the latest of the open sponsorships'.

    When none is left it stays what it was before the last of them ended, whatever ended earlier
    in the same sweep or in one before.

    Args:
        expiries: ``expires_at`` of the sponsorships that were open, by id.
        ends: which of them end, and when.
    """
    ended = {one.sponsorship_id: one.at for one in ends}
    last = max(ended.values(), default=None)
    open_still = [at for key, at in expiries.items() if key not in ended]
    return max(
        open_still or [at for key, at in expiries.items() if ended[key] == last], default=None
    )


# -- how far a sponsor may go ---------------------------------------------------------------------


class Bound(StrEnum):
    """What limits the last day that a sponsor may choose."""

    CONTRACT = "contract"
    LONGEST = "longest"


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest last day a sponsor may choose (local, inclusive), and what limits it."""

    day: date
    bound: Bound
    time_zone: str


def latest_last_day(policy: EffectivePolicy, contract: ContractFacts, now: datetime) -> Latest:
    """Return the latest last day for an approval given now.

    Args:
        policy: in force for the organisation now.
        contract: under which the sponsorship stands.
        now: aware.
    """
    today = local_day(now, contract.time_zone)
    longest = today + timedelta(days=policy.longest_days)
    if contract.last_day is not None and contract.last_day <= longest:
        return Latest(contract.last_day, Bound.CONTRACT, contract.time_zone)
    return Latest(longest, Bound.LONGEST, contract.time_zone)


def local_day(now: datetime, time_zone: str) -> date:
    """Return the calendar day of an instant in a zone."""
    return now.astimezone(ZoneInfo(time_zone)).date()


def expiry_of(last_day: date, contract: ContractFacts) -> datetime:
    """Return the first instant after a last day, never past the contract's end (UTC)."""
    expires_at = contract_end(last_day, ZoneInfo(contract.time_zone))
    return min(expires_at, contract.ends_at) if contract.ends_at else expires_at


@dataclass(frozen=True, slots=True)
class Review:
    """When a sponsor is asked, must have answered, and access ends if not; all null: never."""

    ask_at: datetime | None
    due_at: datetime | None
    ends_at: datetime | None


def review_after(policy: EffectivePolicy, now: datetime, expires_at: datetime) -> Review:
    """Return the dates of the next review, if one falls before the sponsorship expires."""
    due = now + timedelta(days=policy.review_days)
    if due >= expires_at:
        return Review(None, None, None)
    return Review(max(now, due - REVIEW_ASKED_BEFORE), due, due + timedelta(days=policy.grace_days))


def review_when_moved(
    standing: Review, policy: EffectivePolicy, now: datetime, expires_at: datetime
) -> Review:
    """Return the review of a sponsorship whose end has moved.

    The one that stands stays as it is, asked or not, if it still falls before the end; else the
    next one counts from now: who prolongs a short stay into a long one is asked about that too.
    """
    if standing.due_at is not None and standing.due_at < expires_at:
        return standing
    return review_after(policy, now, expires_at)


def overtaken(seen: set[str], proposed: set[str], chosen: set[str]) -> bool:
    """Say whether an approval is not about what stands any more.

    Args:
        seen: the ids of the offers that were proposed when the form was shown.
        proposed: those that are now: who signs in again may be proposed something else.
        chosen: those that the sponsor gives.

    Returns:
        True where something is proposed that was not seen, or chosen that is gone. What nobody
        chose and is gone is no matter.
    """
    return bool(proposed - seen or (seen - proposed) & chosen)


# -- who is asked ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Candidate:
    """An eligible sponsor of an organisation, with how much waits for them."""

    staff_id: UUID
    role: str
    lead: bool
    open_requests: int
    email: str


C = TypeVar("C", bound=Candidate)


def anybody_else(candidates: Sequence[C], addresses: Collection[str | None]) -> tuple[C, ...]:
    """Leave out whoever is the guest in question: nobody is asked about themselves.

    Args:
        candidates: who may decide.
        addresses: the guest's, also one that is kept aside; canonical, as employees' are.
    """
    return tuple(one for one in candidates if one.email not in addresses)


def who_is_asked(candidates: Sequence[Candidate]) -> UUID | None:
    """Return the lead sponsor, else the sponsor with the fewest open requests, else the deputy.

    Ties go to the first of them in the order given.
    """
    best = min(
        candidates,
        key=lambda one: (one.role == "deputy", not one.lead, one.open_requests),
        default=None,
    )
    return best.staff_id if best else None
