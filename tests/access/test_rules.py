"""Access: every reason alone and all together, at the very instant, with its end."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.access.rules import (
    AccessFacts,
    Against,
    access,
)
from portal.guests.rules import REMOVED_AFTER, Reason, State
from portal.sponsorship.rules import (
    GuestDates,
    OpenSponsorship,
    SponsorshipEnds,
    Standing,
    due_steps,
    outlook,
    still_open,
)
from tests.strategies import days, guests_with_sponsorships

param = pytest.param

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)

SPONSORSHIP = OpenSponsorship(
    id=UUID(int=1),
    state=Standing.ACTIVE,
    expires_at=NOW + 30 * DAY,
    lapses_at=None,
    approve_by=None,
    review_ends_at=None,
    contract_begins_at=NOW - DAY,
    contract_ends_at=NOW + 100 * DAY,
)
SECOND = replace(SPONSORSHIP, id=UUID(int=2), expires_at=NOW + 50 * DAY)
GUEST = GuestDates(
    state=State.ACTIVE,
    reason=Reason.APPROVED,
    since=NOW - DAY,
    hold=False,
    tombstone=False,
    inactive_at=NOW + 60 * DAY,
    removes_at=None,
)
SUSPENDED = replace(
    GUEST,
    state=State.SUSPENDED,
    reason=Reason.EXPIRED,
    inactive_at=None,
    removes_at=NOW + REMOVED_AFTER,
)
OPEN = AccessFacts(
    guest=GUEST,
    sponsorships=(SPONSORSHIP,),
    organisation_active=True,
    identity_provider_enabled=True,
    terms_accepted=2,
    terms_current=2,
    aside_until=None,
)


def with_sponsorship(**changes) -> AccessFacts:
    return replace(OPEN, sponsorships=(replace(SPONSORSHIP, **changes),))


def with_guest(**changes) -> AccessFacts:
    return replace(OPEN, guest=replace(GUEST, **changes))


OUT = (Against.SUSPENDED, Against.NO_SPONSORSHIP)
SILENT = (*OUT, Against.INACTIVE)
GONE = (Against.REMOVED, Against.NO_SPONSORSHIP)
WAITS = (Against.PENDING, Against.NO_SPONSORSHIP)
PENDING = replace(GUEST, state=State.PENDING, inactive_at=None)
REQUEST = replace(SPONSORSHIP, state=Standing.REQUESTED, lapses_at=NOW + DAY)


@pytest.mark.parametrize(
    ("facts", "now", "reasons"),
    [
        param(OPEN, NOW, (), id="in"),
        param(replace(OPEN, guest=SUSPENDED, sponsorships=()), NOW, OUT, id="suspended"),
        param(
            replace(OPEN, guest=replace(SUSPENDED, hold=True)),
            NOW,
            (Against.SUSPENDED,),
            id="held: somebody still vouches",
        ),
        param(
            replace(OPEN, guest=replace(SUSPENDED, reason=Reason.INACTIVE), sponsorships=()),
            NOW,
            SILENT,
            id="suspended for silence",
        ),
        param(
            replace(OPEN, guest=replace(SUSPENDED, reason=Reason.INACTIVE), sponsorships=()),
            NOW + REMOVED_AFTER,
            GONE,
            id="silent for so long that it is removed",
        ),
        param(with_guest(state=State.REMOVED), NOW, (Against.REMOVED,), id="removed"),
        param(replace(OPEN, guest=PENDING, sponsorships=(REQUEST,)), NOW, WAITS, id="pending"),
        param(
            replace(OPEN, guest=PENDING, sponsorships=(REQUEST,)),
            NOW + DAY,
            GONE,
            id="pending until it lapses",
        ),
        param(replace(OPEN, sponsorships=()), NOW, (Against.NO_SPONSORSHIP,), id="nobody vouches"),
        param(OPEN, NOW + 30 * DAY - TICK, (), id="last moment of the last day"),
        param(OPEN, NOW + 30 * DAY, OUT, id="last day over, not swept"),
        param(with_sponsorship(contract_ends_at=NOW + DAY), NOW + DAY, GONE, id="contract over"),
        param(
            with_sponsorship(contract_ends_at=NOW + DAY),
            NOW + DAY - TICK,
            (),
            id="last moment of the contract",
        ),
        param(
            with_sponsorship(contract_begins_at=NOW + TICK),
            NOW,
            (Against.NO_SPONSORSHIP,),
            id="the contract has not begun",
        ),
        param(with_sponsorship(contract_begins_at=NOW), NOW, (), id="the contract begins"),
        param(with_sponsorship(review_ends_at=NOW), NOW, OUT, id="review missed"),
        param(with_sponsorship(review_ends_at=NOW + TICK), NOW, (), id="last moment of grace"),
        param(with_sponsorship(approve_by=NOW), NOW, OUT, id="at once, not approved"),
        param(with_sponsorship(approve_by=NOW + TICK), NOW, (), id="at once, last moment"),
        param(with_guest(inactive_at=NOW), NOW, SILENT, id="silent"),
        param(with_guest(inactive_at=NOW + TICK), NOW, (), id="not yet silent"),
        param(with_guest(inactive_at=None), NOW, (), id="no date of silence"),
        param(
            replace(OPEN, organisation_active=False),
            NOW,
            (Against.ORGANISATION_SUSPENDED,),
            id="organisation suspended",
        ),
        param(
            replace(OPEN, identity_provider_enabled=False),
            NOW,
            (Against.IDENTITY_PROVIDER_DISABLED,),
            id="provider disabled",
        ),
        param(replace(OPEN, terms_accepted=1), NOW, (Against.TERMS,), id="new terms"),
        param(replace(OPEN, terms_accepted=3), NOW, (), id="terms newer than the facts"),
        param(replace(OPEN, aside_until=NOW), NOW, (Against.ADDRESS,), id="foreign address"),
        param(replace(OPEN, aside_until=NOW + TICK), NOW, (), id="foreign address still borne"),
        param(
            replace(OPEN, sponsorships=(SPONSORSHIP, SECOND)),
            NOW + 30 * DAY,
            (),
            id="another one carries on",
        ),
        param(
            AccessFacts(
                guest=replace(GUEST, inactive_at=NOW),
                sponsorships=(SPONSORSHIP,),
                organisation_active=False,
                identity_provider_enabled=False,
                terms_accepted=1,
                terms_current=2,
                aside_until=NOW,
            ),
            NOW,
            (
                *SILENT,
                Against.ORGANISATION_SUSPENDED,
                Against.IDENTITY_PROVIDER_DISABLED,
                Against.TERMS,
                Against.ADDRESS,
            ),
            id="everything at once",
        ),
    ],
)
def test_access(facts, now, reasons):
    """Access needs every rule; every broken one is named, and there is an end only with access."""
    decision = access(facts, now)
    assert decision.reasons == reasons
    assert decision.allowed is (reasons == ())
    assert (decision.until is None) is (reasons != ())
    assert decision.standing == outlook(facts.guest, facts.sponsorships, now)


@pytest.mark.parametrize(
    ("facts", "until"),
    [
        param(OPEN, NOW + 30 * DAY, id="last day"),
        param(
            replace(OPEN, sponsorships=(SECOND, SPONSORSHIP)), NOW + 50 * DAY, id="the last of two"
        ),
        param(with_guest(inactive_at=NOW + 5 * DAY), NOW + 5 * DAY, id="silence"),
        param(replace(OPEN, aside_until=NOW + 3 * DAY), NOW + 3 * DAY, id="foreign address"),
        param(with_sponsorship(contract_ends_at=NOW + 2 * DAY), NOW + 2 * DAY, id="contract"),
        param(with_sponsorship(review_ends_at=NOW + DAY), NOW + DAY, id="review"),
        param(
            replace(with_guest(inactive_at=None), aside_until=None), NOW + 30 * DAY, id="no others"
        ),
    ],
)
def test_until(facts, until):
    """Access lasts until the first instant without it, if nobody does anything."""
    assert access(facts, NOW).until == until
    assert access(facts, until - TICK).allowed
    assert not access(facts, until).allowed


@given(guests_with_sponsorships(), days, days)
def test_a_sweep_changes_neither_access_nor_its_reasons(case, swept_at, now):
    """What rows say before a sweep and what they say after it is the same decision."""
    guest, sponsorships = case
    facts = replace(OPEN, guest=guest, sponsorships=sponsorships)
    at = min(swept_at, now)
    swept = replace(
        facts,
        guest=outlook(guest, sponsorships, at),
        sponsorships=still_open(guest, sponsorships, at),
    )
    assert access(swept, now) == access(facts, now)


@given(guests_with_sponsorships(), days, st.integers(0, 40))
def test_access_lasts_until_it_says(case, now, later):
    """Nobody who has access loses it before *until*, nobody keeps it from then on."""
    guest, sponsorships = case
    facts = replace(OPEN, guest=guest, sponsorships=sponsorships)
    decision = access(facts, now)
    if decision.until is not None:
        at = now + later * DAY
        assert access(facts, at).allowed is (at < decision.until)


@given(guests_with_sponsorships(), days)
def test_no_step_is_due_without_being_seen(case, now):
    """Whoever has access has a sponsorship that is not ended by anything due."""
    guest, sponsorships = case
    facts = replace(OPEN, guest=guest, sponsorships=sponsorships)
    if access(facts, now).allowed:
        steps = due_steps(guest, sponsorships, now)
        ended = {one.sponsorship_id for one in steps if isinstance(one, SponsorshipEnds)}
        assert {one.id for one in sponsorships} - ended


def test_reasons_are_read_by_scripts_by_these_words():
    """``access_reasons`` is a stable interface."""
    assert [*Against] == [
        "pending",
        "suspended",
        "removed",
        "no_sponsorship",
        "inactive",
        "organisation_suspended",
        "identity_provider_disabled",
        "terms",
        "address",
    ]
