"""Each kind of mail to the letter: what it carries, and the page that it leads to."""

from datetime import timedelta

import pytest

from portal.delivery.rules import (
    FIRST_PAUSE,
    KEPT_SENT,
    KINDS,
    LEASE,
    LONGEST_PAUSE,
    MOST_TRIES,
    MOST_TRIES_REFUSED,
    PATHS,
    SECRET_FIELDS,
    SINCE_ADDED,
    STANDSTILL,
    Shape,
    State,
    for_employee,
)

# Each kind: what its payload must carry, and what it may besides a reference.
DECLARED = {
    "sponsor.request": (
        "guest_name guest_email organisation asked_at at_once sponsorship_id",
        "lapses_at approve_by why works_with",
    ),
    "sponsor.review": ("guest_name organisation due_at ends_at sponsorship_id", ""),
    "sponsor.guest_suspended": (
        "guest_name guest_email organisation reason since removed_at removes_at lifted guest_id",
        "",
    ),
    "sponsor.guest_stopped": (
        (
            "guest_name guest_email organisation by reason since out_since waited stays removes_at"
            " guest_id"
        ),
        "",
    ),
    "sponsor.decided": (
        (
            "guest_name guest_email organisation by sponsor taken since stays guest_id last_day"
            " time_zone"
        ),
        "",
    ),
    "sponsor.request_lapsed": ("guest_name organisation", ""),
    "sponsor.handed_over": (
        "guest_name organisation by ends_at lapses_at sponsorship_id",
        "",
    ),
    "sponsor.handed_over_guests": ("guests count ends_at", ""),
    "sponsor.handed_over_requests": ("guests count ends_at", ""),
    "sponsor.knocked": ("guest_name guest_email organisation held guest_id", ""),
    "sponsor.email_conflict": ("organisation email", ""),
    "sponsor.address_changed": ("guest_name organisation old new until", ""),
    "sponsor.proposal": ("guest_name organisation entitlement sponsorship_id", ""),
    "sponsor.contract_ended": ("organisation contract count out runs", ""),
    "sponsor.contract_shortened": ("organisation contract count last_day time_zone by", ""),
    "guest.approved": ("organisation last_day time_zone expires_at sponsor closed moved", ""),
    "guest.rejected": ("organisation", ""),
    "guest.suspended": ("organisation reason since removes_at lifted", ""),
    "guest.resumed": ("organisation expires_at closed", ""),
    "guest.removed": ("organisation reason since out_since waited", ""),
    "guest.lapsed": ("organisation", ""),
    "guest.let_back": ("organisation lapses_at", ""),
    "admin.contract_ended": ("organisation contract count out runs", ""),
    "admin.later": ("organisation most_new_per_hour", ""),
    "admin.role_unknown": ("name email", ""),
    "admin.break_glass": ("name email at", ""),
    "admin.host_domain": ("organisation email", ""),
    "staff.bind_link": ("name url expires_at", ""),
    "test": ("", ""),
}
DECISION, GUEST = "/sponsor/decisions/{sponsorship_id}", "/sponsor/guests/{guest_id}"
REFUSED = "/admin/audit?reference={reference}"
LEADS_TO = {
    "sponsor.request": DECISION,
    "sponsor.review": DECISION,
    "sponsor.guest_suspended": GUEST,
    "sponsor.guest_stopped": GUEST,
    "sponsor.decided": GUEST,
    "sponsor.request_lapsed": "/sponsor",
    "sponsor.handed_over": DECISION,
    "sponsor.handed_over_guests": "/sponsor/guests",
    "sponsor.handed_over_requests": "/sponsor",
    "sponsor.knocked": "/sponsor/removed",
    "sponsor.email_conflict": "/sponsor/guests",
    "sponsor.address_changed": "/sponsor/guests",
    "sponsor.proposal": DECISION,
    "sponsor.contract_ended": "/sponsor/guests",
    "sponsor.contract_shortened": "/sponsor/guests",
    "guest.approved": "/me",
    "guest.rejected": "",
    "guest.suspended": "/me",
    "guest.resumed": "/me",
    "guest.removed": "",
    "guest.lapsed": "/me",
    "guest.let_back": "/me",
    "admin.contract_ended": "/admin/organisations",
    "admin.later": "/admin/organisations",
    "admin.role_unknown": "/admin/staff",
    "admin.break_glass": REFUSED,
    "admin.host_domain": REFUSED,
    "staff.bind_link": None,
    "test": "/admin/health",
}


def test_there_are_exactly_these_kinds():
    """A kind that comes or goes is decided here too; rows in the outbox hold its name."""
    assert set(KINDS) == set(DECLARED)


@pytest.mark.parametrize(("kind", "declared"), DECLARED.items(), ids=DECLARED)
def test_a_kind_carries_exactly_this(kind: str, declared: tuple[str, str]):
    """Every kind may bring a reference."""
    required, optional = (frozenset(words.split()) for words in declared)
    assert KINDS[kind] == Shape(required, optional | {"reference"})


def test_a_mail_leads_to_one_page():
    """A link to a staff member's own key comes with its payload; who is turned away gets none."""
    assert dict(PATHS) == LEADS_TO


def test_whom_a_mail_is_for():
    """A guest stays who they are; an employee may have left before it goes out."""
    for_others = {kind for kind in KINDS if not for_employee(kind)}
    assert for_others == {kind for kind in KINDS if kind.startswith("guest.")} | {"test"}


def test_what_opens_a_door_is_encrypted():
    """The link that binds a staff member is the one secret that is ever mailed."""
    assert dict(SECRET_FIELDS) == {"staff.bind_link": frozenset({"url"})}


def test_what_mails_of_an_earlier_version_lack():
    """Twelve kinds say more by now; anything else that is lacking is a mistake."""
    assert dict(SINCE_ADDED) == {
        "admin.contract_ended": ("out", "runs"),
        "guest.approved": ("closed", "moved"),
        "guest.let_back": ("lapses_at",),
        "guest.removed": ("since", "out_since", "waited"),
        "guest.resumed": ("expires_at", "closed"),
        "guest.suspended": ("removes_at", "lifted"),
        "sponsor.contract_ended": ("out", "runs"),
        "sponsor.decided": ("last_day", "time_zone"),
        "sponsor.guest_suspended": ("removed_at", "removes_at", "lifted"),
        "sponsor.guest_stopped": ("out_since",),
        "sponsor.handed_over": ("ends_at", "lapses_at"),
        "sponsor.knocked": ("held",),
    }
    assert all(KINDS[kind].required.issuperset(added) for kind, added in SINCE_ADDED.items())


def test_states_are_stored_by_these_words():
    """Rows hold them: a word that changes is a migration."""
    assert [*State] == ["waiting", "sent", "dead"]


def test_how_long_a_message_is_tried():
    """Soon at first, for four days in all; a "no" for half an hour. What is sent stays a month."""
    assert timedelta(days=30) == KEPT_SENT
    assert (
        timedelta(minutes=10),
        timedelta(minutes=1),
        timedelta(hours=1),
        timedelta(hours=1),
    ) == (LEASE, FIRST_PAUSE, LONGEST_PAUSE, STANDSTILL)
    assert (MOST_TRIES, MOST_TRIES_REFUSED) == (100, 5)
