"""The door's reasons in company: whichever stand against somebody, all are named and no other."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest

from portal.admission.rules import Decision, Outcome, Refusal, decide, has_required_claims
from portal.guests.rules import Reason, State
from tests.admission.test_rules import FACTS, IDENTITY, KNOWN, NOW, REMOVED, SUSPENDED, TICK


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong, and the reason that it gives."""

    reason: Refusal
    facts: Mapping[str, Any] = field(default_factory=dict)
    identity: Mapping[str, Any] = field(default_factory=dict)


ANYBODY = [
    Fault(Refusal.PARTNER_STATE, {"organisation_active": False}),
    Fault(Refusal.PARTNER_STATE, {"contract_running": False}),
    Fault(Refusal.IDP_DISABLED, {"provider_enabled": False}),
    Fault(Refusal.IDP_DISABLED, {"provider_of_organisation": False}),
    Fault(Refusal.REQUIRED_CLAIM, {"required_claims": {"hd": "other.example"}}),
    Fault(Refusal.HOST_DOMAIN, {"address_of_staff": True}),
    Fault(Refusal.HOST_DOMAIN, {"host_domains": frozenset({"acme.example"})}),
    Fault(Refusal.EMAIL_UNVERIFIED, {}, {"email_verified": False}),
    Fault(Refusal.ASSURANCE, {"accepted_acr": ("gold",)}),
    Fault(Refusal.ASSURANCE, {"accepted_amr": ("otp",)}),
]
NEW = [
    *ANYBODY,
    Fault(Refusal.PARTNER_STATE, {"eligible_sponsors": 0}),
    Fault(Refusal.DOMAIN, {"domains": frozenset({"other.example"})}),
    Fault(Refusal.EMAIL_CONFLICT, {"address_taken": True}),
    Fault(Refusal.CAP, {"places_taken": 100}),
    Fault(Refusal.LATER, {"arrived_last_hour": 20}),
]
AGAIN = [*NEW, Fault(Refusal.TOMBSTONE, {"known": replace(REMOVED, tombstone=True)})]
IN = [
    *ANYBODY,
    Fault(Refusal.SUSPENDED, {"known": SUSPENDED}),
    Fault(Refusal.INACTIVE, {"known": replace(SUSPENDED, reason=Reason.INACTIVE)}),
]
PEOPLE = [
    pytest.param(None, Outcome.ARRIVE, NEW, id="new"),
    pytest.param(REMOVED, Outcome.ARRIVE, AGAIN, id="comes again"),
    pytest.param(KNOWN, Outcome.SIGN_IN, IN, id="in"),
]


@pytest.mark.parametrize(("known", "outcome", "faults"), PEOPLE)
def test_whatever_is_wrong_together_is_named_together(known: Any, outcome: Outcome, faults: Any):
    """None of two or three faults hides another, and none brings one that is not there."""
    facts = replace(FACTS, known=known)
    assert decide(IDENTITY, facts, NOW) == Decision(outcome)
    for some in (one for count in (1, 2, 3) for one in combinations(faults, count)):
        wrong_facts = replace(facts, **{key: it for one in some for key, it in one.facts.items()})
        wrong = replace(IDENTITY, **{key: it for one in some for key, it in one.identity.items()})
        reasons = {one.reason for one in some if _stands(one, wrong_facts, wrong)}
        expected = tuple(reason for reason in ORDER if reason in reasons)
        assert decide(wrong, wrong_facts, NOW) == Decision(Outcome.REFUSE, expected)


def _stands(fault: Fault, facts: Any, identity: Any) -> bool:
    """Whether a fault is still there: two of one fact cannot both be."""
    return all(getattr(facts, key) == it for key, it in fault.facts.items()) and all(
        getattr(identity, key) == it for key, it in fault.identity.items()
    )


# People are told the first that they can do something about, so the order is told too.
ORDER = [
    Refusal.PARTNER_STATE,
    Refusal.IDP_DISABLED,
    Refusal.REQUIRED_CLAIM,
    Refusal.HOST_DOMAIN,
    Refusal.EMAIL_MALFORMED,
    Refusal.DOMAIN,
    Refusal.EMAIL_UNVERIFIED,
    Refusal.ASSURANCE,
    Refusal.SUSPENDED,
    Refusal.INACTIVE,
    Refusal.TOMBSTONE,
    Refusal.EMAIL_CONFLICT,
    Refusal.CAP,
    Refusal.LATER,
]


@pytest.mark.parametrize(
    ("places", "most", "comes_in"),
    [(0, 0, False), (0, 1, True), (1, 1, False), (2, 1, False), (99, 100, True)],
)
def test_the_last_place(places: int, most: int, *, comes_in: bool):
    """Places and new guests an hour are bounded alike: the last one is given, the next is not."""
    for facts, reason in (
        (replace(FACTS, places_taken=places, most_guests=most), Refusal.CAP),
        (replace(FACTS, arrived_last_hour=places, most_new_per_hour=most), Refusal.LATER),
    ):
        decision = decide(IDENTITY, facts, NOW)
        assert decision == (
            Decision(Outcome.ARRIVE) if comes_in else Decision(Outcome.REFUSE, (reason,))
        )


@pytest.mark.parametrize(("sponsors", "comes_in"), [(0, False), (1, True), (2, True)])
def test_one_sponsor_is_enough(sponsors: int, *, comes_in: bool):
    """And nobody comes in with none."""
    decision = decide(IDENTITY, replace(FACTS, eligible_sponsors=sponsors), NOW)
    assert (decision.outcome is Outcome.ARRIVE) is comes_in


@pytest.mark.parametrize("state", [State.ACTIVE, State.PENDING])
@pytest.mark.parametrize(
    ("aside_until", "grace", "borne"),
    [
        (None, True, True),
        (None, False, False),
        (NOW + TICK, False, True),
        (NOW, True, False),
        (NOW - timedelta(days=1), True, False),
    ],
)
def test_a03_a_foreign_address_is_borne_until_the_instant(
    state: State, aside_until: Any, *, grace: bool, borne: bool
):
    """The instant itself is too late, and what was granted once is not granted anew."""
    identity = replace(IDENTITY, email="jane@new.example", email_verified=False)
    known = replace(KNOWN, state=state)
    facts = replace(FACTS, known=known, aside_until=aside_until, address_grace=grace)
    refused = Decision(Outcome.REFUSE, (Refusal.DOMAIN, Refusal.EMAIL_UNVERIFIED))
    assert decide(identity, facts, NOW) == (Decision(Outcome.SIGN_IN) if borne else refused)
    trusted = replace(facts, addresses_trusted=True)
    assert decide(identity, trusted, NOW) == (Decision(Outcome.SIGN_IN) if borne else refused)


TENANT = "11111111-2222-3333-4444-55555555abcd"


@pytest.mark.parametrize(
    ("claims", "required", "expected"),
    [
        ({"tid": TENANT}, {"tid": TENANT}, True),
        ({"tid": TENANT.upper()}, {"tid": TENANT}, True),
        ({"tid": TENANT}, {"tid": TENANT.upper()}, True),
        ({"tid": TENANT[:-1]}, {"tid": TENANT}, False),
        ({"tid": [TENANT]}, {"tid": TENANT}, False),
        ({}, {"tid": TENANT}, False),
        ({}, {"tid": "None"}, False),
        ({}, {"tid": "xxxx"}, False),
        ({"hd": "ACME.example"}, {"hd": "acme.example"}, False),
        ({"hd": "acme.example"}, {"hd": "ACME.example"}, False),
        ({"hd": "acme.example", "tid": TENANT}, {"hd": "acme.example", "tid": "x"}, False),
        ({"hd": "x", "tid": TENANT}, {"hd": "acme.example", "tid": TENANT}, False),
    ],
)
def test_only_a_tenant_may_be_written_in_either_case(
    claims: dict[str, object], required: dict[str, str], *, expected: bool
):
    """RFC 9562, section 4; every other claim counts to the letter."""
    assert has_required_claims(replace(IDENTITY, claims=claims), required) is expected


def test_a_decision_has_no_reason_of_its_own():
    """Only a refusal has any."""
    assert Decision(Outcome.ARRIVE).reasons == ()
