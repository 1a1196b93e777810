"""Employees are let in by subject, by link or by the role claim; never by address."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from portal.staff.rules import (
    BIND_LINK_LIFE,
    LINK_PATH,
    MOMENT,
    ROLES,
    SIGN_IN_LINK_LIFE,
    KnownStaff,
    Outcome,
    Reason,
    RoleSource,
    StaffClaims,
    StaffDecision,
    StaffFacts,
    decide_staff,
    link_fault,
    role_words,
)
from tests.staff.staffing import BY_CLAIM, BY_HAND, CLAIMS

ONE, TWO = UUID(int=1), UUID(int=2)
SPONSOR = KnownStaff(ONE, active=True, is_sponsor=True, is_admin=False, roles_unknown=False)
NOBODY = StaffFacts()


def said(*values: str) -> StaffClaims:
    return replace(CLAIMS, roles=frozenset(values))


def known(row: KnownStaff = SPONSOR, **values: Any) -> StaffFacts:
    return StaffFacts(known=row, **values)


def refused(reason: Reason) -> StaffDecision:
    return StaffDecision(
        Outcome.REFUSED,
        reason,
        staff_id=None,
        bind=False,
        is_sponsor=False,
        is_admin=False,
        roles_unknown=False,
        newly_unknown=False,
        address_moved=False,
    )


def row(outcome: Outcome, *, sponsor: bool, admin: bool, **values: Any) -> StaffDecision:
    return StaffDecision(outcome, staff_id=ONE, is_sponsor=sponsor, is_admin=admin, **values)


@pytest.mark.parametrize(
    ("claims", "facts", "source", "expected"),
    [
        # A stranger.
        (CLAIMS, NOBODY, BY_HAND, refused(Reason.UNKNOWN)),
        (said("admins"), NOBODY, BY_HAND, refused(Reason.UNKNOWN)),
        (CLAIMS, NOBODY, BY_CLAIM, refused(Reason.ROLE_UNKNOWN)),
        (said(), NOBODY, BY_CLAIM, refused(Reason.NO_ROLE)),
        (said("other"), NOBODY, BY_CLAIM, refused(Reason.NO_ROLE)),
        (
            said("sponsors"),
            NOBODY,
            BY_CLAIM,
            StaffDecision(Outcome.CREATED, is_sponsor=True, is_admin=False),
        ),
        (
            said("admins", "x"),
            NOBODY,
            BY_CLAIM,
            StaffDecision(Outcome.CREATED, is_sponsor=False, is_admin=True),
        ),
        (
            said("admins", "sponsors"),
            NOBODY,
            BY_CLAIM,
            StaffDecision(Outcome.CREATED, is_sponsor=True, is_admin=True),
        ),
        # An address never binds.
        (said("admins"), StaffFacts(address_held=True), BY_CLAIM, refused(Reason.NOT_BOUND)),
        (CLAIMS, StaffFacts(address_held=True), BY_HAND, refused(Reason.NOT_BOUND)),
        (replace(said("admins"), email=None), NOBODY, BY_CLAIM, refused(Reason.NO_ADDRESS)),
        # A guest of the host's own directory, and a weak sign-in.
        (
            replace(said("admins"), directory_guest=True),
            known(),
            BY_CLAIM,
            refused(Reason.GUEST_ACCOUNT),
        ),
        (replace(said("admins"), strong=False), known(), BY_CLAIM, refused(Reason.ASSURANCE)),
        # Somebody who is known.
        (CLAIMS, known(), BY_HAND, row(Outcome.SIGNED_IN, sponsor=True, admin=False)),
        (said("admins"), known(), BY_HAND, row(Outcome.SIGNED_IN, sponsor=True, admin=False)),
        (said("sponsors"), known(), BY_CLAIM, row(Outcome.SIGNED_IN, sponsor=True, admin=False)),
        (said("admins"), known(), BY_CLAIM, row(Outcome.ROLES_CHANGED, sponsor=False, admin=True)),
        (
            said("sponsors", "admins"),
            known(),
            BY_CLAIM,
            row(Outcome.ROLES_CHANGED, sponsor=True, admin=True),
        ),
        (
            replace(CLAIMS, email=None, name=None),
            known(),
            BY_HAND,
            row(Outcome.SIGNED_IN, sponsor=True, admin=False),
        ),
        (
            CLAIMS,
            known(address_held=True),
            BY_HAND,
            row(Outcome.SIGNED_IN, sponsor=True, admin=False),
        ),
        # The claim says nothing: unknown, not lost (architecture 2.18).
        (
            CLAIMS,
            known(),
            BY_CLAIM,
            row(
                Outcome.SIGNED_IN,
                sponsor=True,
                admin=False,
                roles_unknown=True,
                newly_unknown=True,
            ),
        ),
        (
            CLAIMS,
            known(replace(SPONSOR, roles_unknown=True)),
            BY_CLAIM,
            row(Outcome.SIGNED_IN, sponsor=True, admin=False, roles_unknown=True),
        ),
        (
            said("sponsors"),
            known(replace(SPONSOR, roles_unknown=True)),
            BY_CLAIM,
            row(Outcome.SIGNED_IN, sponsor=True, admin=False),
        ),
        # The claim is there without the value: lost.
        (
            said("other"),
            known(),
            BY_CLAIM,
            row(Outcome.REFUSED, reason=Reason.NO_ROLE, sponsor=False, admin=False),
        ),
        (
            CLAIMS,
            known(replace(SPONSOR, is_sponsor=False)),
            BY_HAND,
            row(Outcome.REFUSED, reason=Reason.NO_ROLE, sponsor=False, admin=False),
        ),
        # Who left stays out, whatever the claim says.
        (said("admins"), known(replace(SPONSOR, active=False)), BY_CLAIM, refused(Reason.LEFT)),
        # The single-use link.
        (
            CLAIMS,
            StaffFacts(invited=SPONSOR, address_held=True),
            BY_HAND,
            row(Outcome.SIGNED_IN, sponsor=True, admin=False, bind=True),
        ),
        (
            said("admins"),
            StaffFacts(invited=SPONSOR),
            BY_CLAIM,
            row(Outcome.ROLES_CHANGED, sponsor=False, admin=True, bind=True),
        ),
        (
            # Whoever opened the link is not known to be the one it was mailed to.
            said("other"),
            StaffFacts(invited=SPONSOR),
            BY_CLAIM,
            refused(Reason.NO_ROLE),
        ),
        (CLAIMS, StaffFacts(invited=SPONSOR, link_spent=True), BY_HAND, refused(Reason.LINK)),
        (
            CLAIMS,
            StaffFacts(invited=replace(SPONSOR, active=False)),
            BY_HAND,
            refused(Reason.LEFT),
        ),
        (CLAIMS, known(invited=replace(SPONSOR, id=TWO)), BY_HAND, refused(Reason.LINK)),
        (
            # Who left is told so, and not that the link were at fault.
            CLAIMS,
            known(replace(SPONSOR, active=False), invited=replace(SPONSOR, id=TWO)),
            BY_HAND,
            refused(Reason.LEFT),
        ),
        (
            CLAIMS,
            known(invited=SPONSOR, link_spent=True),
            BY_HAND,
            row(Outcome.SIGNED_IN, sponsor=True, admin=False),
        ),
    ],
)
def test_decide_staff(
    claims: StaffClaims, facts: StaffFacts, source: RoleSource, expected: StaffDecision
):
    """Who comes in, as what, and why not."""
    assert decide_staff(claims, facts, source) == expected


@pytest.mark.parametrize(
    ("source", "values", "expected"),
    [
        (BY_CLAIM, {"sponsors"}, (True, False)),
        (BY_CLAIM, {"admins"}, (False, True)),
        (BY_CLAIM, {"Sponsors", "admin"}, (False, False)),
        (RoleSource(by_claim=True, sponsor_value="", admin_value="a"), {"", "a"}, (False, True)),
        (RoleSource(by_claim=True, sponsor_value="s", admin_value=""), {"", "s"}, (True, False)),
        (RoleSource(by_claim=True, sponsor_value="x", admin_value="x"), {"x"}, (True, True)),
    ],
)
def test_roles_are_values_to_the_letter(
    source: RoleSource, values: set[str], expected: tuple[bool, bool]
):
    """An empty setting makes nobody anything."""
    assert source.roles_of(frozenset(values)) == expected


def test_what_is_not_said_is_no():
    """A link is not spent, an address not held, a value of the claim makes nobody anything."""
    facts = StaffFacts()
    assert (facts.known, facts.invited) == (None, None)
    assert (facts.link_spent, facts.address_held) == (False, False)
    source = RoleSource(by_claim=True)
    assert (source.sponsor_value, source.admin_value) == ("", "")


def test_words_that_are_stored():
    """The audit keeps reasons, mails hold links that must open for as long as they say."""
    assert [*Outcome] == ["created", "signed_in", "roles_changed", "refused"]
    assert [*Reason] == [
        "staff.guest_account",
        "oidc.assurance",
        "staff.left",
        "staff.unknown",
        "staff.not_bound",
        "staff.link",
        "staff.no_role",
        "staff.role_unknown",
        "staff.no_address",
    ]
    assert (ROLES, LINK_PATH) == (("sponsor", "admin"), "/staff/link/{token}")


def test_how_long_links_and_emergencies_last():
    """A week to bind, a quarter of an hour to sign in without the provider."""
    assert timedelta(days=7) == BIND_LINK_LIFE
    assert timedelta(minutes=15) == SIGN_IN_LINK_LIFE
    assert timedelta(minutes=1) == MOMENT


NOW = datetime(2026, 6, 1, tzinfo=UTC)
TICK = timedelta(microseconds=1)
USED = "This link has been used already. Ask whoever gave it to you for a new one."
EXPIRED = "This link has expired. Ask whoever gave it to you for a new one."


@pytest.mark.parametrize(
    ("used_at", "expires_at", "words"),
    [
        (None, NOW + TICK, None),
        (None, NOW, EXPIRED),
        (None, NOW - TICK, EXPIRED),
        (NOW, NOW + TICK, USED),
        (NOW, NOW - TICK, USED),
    ],
)
def test_a_link_opens_once_and_not_for_long(
    used_at: datetime | None, expires_at: datetime, words: str | None
):
    """The instant of its end is too late."""
    assert link_fault(used_at, expires_at, NOW) == words


@pytest.mark.parametrize(
    ("sponsor", "admin", "words"),
    [
        (True, False, "a sponsor"),
        (False, True, "an admin"),
        (True, True, "a sponsor and an admin"),
        (False, False, "nothing any more"),
    ],
)
def test_roles_can_be_said_aloud(words: str, *, sponsor: bool, admin: bool):
    """For sentences."""
    assert role_words(sponsor, admin) == words
