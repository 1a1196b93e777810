"""What lies ahead of a guest, in the order of its dates: for the guest and for who vouches."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from portal.access.queries import GuestView, SponsorshipView
from portal.guests.rules import State
from portal.sponsorship.rules import Standing


class What(StrEnum):
    """What happens; wording lives in templates."""

    LAPSES = "lapses"  # a request that nobody decides
    APPROVE_BY = "approve_by"  # access given at once ends without approval
    REVIEW = "review"  # the sponsor must have answered
    REVIEW_ENDS = "review_ends"  # access ends without an answer
    INACTIVE = "inactive"
    ADDRESS = "address"  # an address kept aside stops counting
    ENDS = "ends"  # the last day a sponsor gave is over
    CONTRACT = "contract"
    REMOVED = "removed"  # suspended for too long


@dataclass(frozen=True, slots=True)
class Ahead:
    """One date.

    Attributes:
        at: the instant.
        what: what happens then.
        zone: the contract's, where *at* is the end of a local day.
        sponsorship: which one it is about, if it is about one.
        last: access as a whole ends then.
        carried: it ends one word for the guest, and another goes on, be it of the same sponsor.
    """

    at: datetime
    what: What
    zone: str | None = None
    sponsorship: SponsorshipView | None = None
    last: bool = False
    carried: bool = False


_LAST = (What.ENDS, What.CONTRACT, What.LAPSES, What.APPROVE_BY)


def ahead(guest: GuestView, now: datetime) -> list[Ahead]:
    """Return what happens to a guest if everybody does as little as possible, soonest first.

    Dates behind the end of the last sponsorship are left out: nothing happens then any more.
    """
    standing = guest.decision.standing
    if standing.state == State.SUSPENDED and standing.removes_at is not None:
        return [Ahead(standing.removes_at, What.REMOVED, last=True)]
    open_ones = [one for one in guest.sponsorships if one.open and one.end[0] > now]
    found = [date for one in open_ones for date in _of(one)]
    if standing.state == State.ACTIVE:
        for at, what in ((guest.inactive_at, What.INACTIVE), (guest.aside_until, What.ADDRESS)):
            if at is not None:
                found.append(Ahead(at, what, last=True))
    ends = [one.at for one in found if one.what in _LAST]
    last = max(ends, default=now)
    return sorted(
        (
            Ahead(
                one.at,
                one.what,
                one.zone,
                one.sponsorship,
                last=one.last or one.at == last,
                carried=_carried(guest, one),
            )
            for one in found
            if now < one.at <= last
        ),
        key=lambda one: one.at,
    )


def final_end(dates: Sequence[Ahead]) -> Ahead | None:
    """Return the day on which access ends whatever anybody does; none where none is set."""
    ends = [one for one in dates if one.what in (What.ENDS, What.CONTRACT) and one.last]
    return ends[-1] if ends else None


def _carried(guest: GuestView, date: Ahead) -> bool:
    return date.sponsorship is not None and guest.carried_beside(date.sponsorship, date.at)


def _of(one: SponsorshipView) -> list[Ahead]:
    if one.state == Standing.REQUESTED:
        return [Ahead(one.end[0], What.LAPSES, sponsorship=one)]
    if one.awaits_decision:  # how long it goes on then is nobody's word yet
        what = What.CONTRACT if one.end[0] == one.contract_ends_at else What.APPROVE_BY
        return [Ahead(one.end[0], what, one.time_zone if what is What.CONTRACT else None, one)]
    end, contract_ends = one.expires_at, one.contract_ends_at
    by_contract = contract_ends is not None and contract_ends <= end
    at = contract_ends if contract_ends is not None and by_contract else end
    found = [Ahead(at, What.CONTRACT if by_contract else What.ENDS, one.time_zone, one)]
    for date, what in (
        (one.approve_by, What.APPROVE_BY),
        (one.review_due_at, What.REVIEW),
        (one.review_ends_at, What.REVIEW_ENDS),
    ):
        if date is not None and date < at:
            found.append(Ahead(date, what, sponsorship=one))
    return found
