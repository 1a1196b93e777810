"""The door: every reason alone, all together, and who it does not concern."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from portal.admission.identity import VerifiedIdentity
from portal.admission.rules import (
    AdmissionFacts,
    Decision,
    Outcome,
    Refusal,
    address_good_enough,
    decide,
    domain_in,
    foreign_address_borne,
    has_required_claims,
    strong_enough,
)
from portal.guests.rules import Reason, State
from portal.sponsorship.rules import GuestDates

param = pytest.param

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)
ACME = UUID(int=1)

IDENTITY = VerifiedIdentity(
    organisation_id=ACME,
    identity_provider_id=UUID(int=2),
    issuer="https://id.acme.example",
    subject="jane",
    email="jane@acme.example",
    email_raw="jane@acme.example",
    email_verified=True,
    name="Jane Roe",
    profile={},
    claims={"sub": "jane", "hd": "acme.example"},
    acr=None,
    amr=(),
    authenticated_at=None,
    sid=None,
)
FACTS = AdmissionFacts(
    organisation_active=True,
    contract_running=True,
    provider_enabled=True,
    provider_of_organisation=True,
    required_claims={},
    domains=frozenset({"acme.example", "acme.test"}),
    host_domains=frozenset({"host.example"}),
    addresses_trusted=False,
    accepted_acr=(),
    accepted_amr=(),
    places_taken=99,
    most_guests=100,
    arrived_last_hour=19,
    most_new_per_hour=20,
    eligible_sponsors=1,
    address_taken=False,
    address_of_staff=False,
    known=None,
    aside_until=None,
    address_grace=True,
)
KNOWN = GuestDates(
    state=State.ACTIVE,
    reason=Reason.APPROVED,
    since=NOW,
    hold=False,
    tombstone=False,
    inactive_at=NOW + timedelta(days=60),
    removes_at=None,
)
PENDING = replace(KNOWN, state=State.PENDING, reason=Reason.AWAITING_DECISION)
SUSPENDED = replace(KNOWN, state=State.SUSPENDED, reason=Reason.EXPIRED)
TIRED = replace(SUSPENDED, reason=Reason.INACTIVE)
HELD = replace(SUSPENDED, reason=Reason.SUSPENDED_BY_STAFF, hold=True)
REMOVED = replace(KNOWN, state=State.REMOVED, reason=Reason.CONTRACT_ENDED)
BURIED = replace(REMOVED, reason=Reason.REMOVED_BY_STAFF, tombstone=True)

ARRIVE, SIGN_IN = Decision(Outcome.ARRIVE), Decision(Outcome.SIGN_IN)


def refused(*reasons: Refusal) -> Decision:
    return Decision(Outcome.REFUSE, reasons)


def at(email: str, **changes) -> VerifiedIdentity:
    return replace(IDENTITY, email=email, email_raw=email, **changes)


RETURNING = replace(FACTS, known=KNOWN)
FULL = {"places_taken": 100, "arrived_last_hour": 20}


@pytest.mark.parametrize(
    ("identity", "facts", "expected"),
    [
        param(IDENTITY, FACTS, ARRIVE, id="welcome"),
        param(IDENTITY, RETURNING, SIGN_IN, id="welcome back"),
        param(IDENTITY, replace(FACTS, known=PENDING), SIGN_IN, id="sees where they stand"),
        param(IDENTITY, replace(FACTS, known=REMOVED), ARRIVE, id="removed by time comes again"),
        param(
            IDENTITY,
            replace(FACTS, organisation_active=False),
            refused(Refusal.PARTNER_STATE),
            id="organisation suspended",
        ),
        param(
            IDENTITY,
            replace(FACTS, contract_running=False),
            refused(Refusal.PARTNER_STATE),
            id="no contract",
        ),
        param(
            IDENTITY,
            replace(FACTS, eligible_sponsors=0),
            refused(Refusal.PARTNER_STATE),
            id="nobody to vouch",
        ),
        param(
            IDENTITY,
            replace(RETURNING, contract_running=False),
            refused(Refusal.PARTNER_STATE),
            id="no contract for those who are in either",
        ),
        param(
            IDENTITY,
            replace(RETURNING, eligible_sponsors=0),
            SIGN_IN,
            id="who is in needs no new sponsor",
        ),
        param(
            IDENTITY,
            replace(FACTS, provider_enabled=False),
            refused(Refusal.IDP_DISABLED),
            id="provider disabled",
        ),
        param(
            IDENTITY,
            replace(FACTS, provider_of_organisation=False),
            refused(Refusal.IDP_DISABLED),
            id="another organisation's provider",
        ),
        param(
            IDENTITY,
            replace(FACTS, required_claims={"hd": "other.example"}),
            refused(Refusal.REQUIRED_CLAIM),
            id="required claim",
        ),
        param(
            at("jane@host.example"),
            FACTS,
            refused(Refusal.HOST_DOMAIN, Refusal.DOMAIN),
            id="the host's own domain",
        ),
        param(
            IDENTITY,
            replace(FACTS, host_domains=frozenset({"acme.example"})),
            refused(Refusal.HOST_DOMAIN),
            id="a domain of both",
        ),
        param(
            IDENTITY,
            replace(FACTS, address_of_staff=True),
            refused(Refusal.HOST_DOMAIN),
            id="an employee's address",
        ),
        param(
            replace(IDENTITY, email=None, email_raw="a@acme.example,b@evil.example"),
            FACTS,
            refused(Refusal.EMAIL_MALFORMED, Refusal.EMAIL_UNVERIFIED),
            id="two addresses in one",
        ),
        param(
            replace(IDENTITY, email=None, email_raw=None),
            FACTS,
            refused(Refusal.EMAIL_UNVERIFIED),
            id="no address",
        ),
        param(
            replace(IDENTITY, email=None, email_raw=""),
            FACTS,
            refused(Refusal.EMAIL_UNVERIFIED),
            id="an empty address",
        ),
        param(
            replace(IDENTITY, email=None, email_raw=None),
            RETURNING,
            refused(Refusal.EMAIL_UNVERIFIED),
            id="no address any more",
        ),
        param(
            replace(IDENTITY, email_verified=False),
            FACTS,
            refused(Refusal.EMAIL_UNVERIFIED),
            id="not verified",
        ),
        param(
            replace(IDENTITY, email_verified=False),
            replace(FACTS, addresses_trusted=True),
            ARRIVE,
            id="trusted within the domains",
        ),
        param(
            replace(IDENTITY, email_verified=False),
            RETURNING,
            refused(Refusal.EMAIL_UNVERIFIED),
            id="no longer verified",
        ),
        param(at("jane@other.example"), FACTS, refused(Refusal.DOMAIN), id="foreign domain"),
        param(
            at("jane@other.example", email_verified=False),
            replace(FACTS, addresses_trusted=True),
            refused(Refusal.DOMAIN, Refusal.EMAIL_UNVERIFIED),
            id="trusted only within the domains",
        ),
        param(at("jane@other.example"), RETURNING, SIGN_IN, id="a new domain is borne"),
        param(
            at("jane@other.example", email_verified=False),
            replace(RETURNING, addresses_trusted=True),
            SIGN_IN,
            id="a new domain is borne where nothing is ever verified",
        ),
        param(
            at("jane@other.example"),
            replace(RETURNING, address_grace=False),
            refused(Refusal.DOMAIN),
            id="a new domain is not borne",
        ),
        param(
            at("jane@other.example"),
            replace(RETURNING, aside_until=NOW + TICK),
            SIGN_IN,
            id="a new domain, last moment",
        ),
        param(
            at("jane@other.example"),
            replace(RETURNING, aside_until=NOW),
            refused(Refusal.DOMAIN),
            id="a new domain for too long",
        ),
        param(
            at("jane@other.example", email_verified=False),
            replace(RETURNING, aside_until=NOW),
            refused(Refusal.DOMAIN, Refusal.EMAIL_UNVERIFIED),
            id="a new domain for too long, and unverified",
        ),
        param(
            at("jane@other.example"),
            replace(FACTS, known=REMOVED),
            refused(Refusal.DOMAIN),
            id="who comes again is new: no grace",
        ),
        param(
            IDENTITY,
            replace(FACTS, accepted_acr=("gold",)),
            refused(Refusal.ASSURANCE),
            id="too weak",
        ),
        param(
            IDENTITY,
            replace(FACTS, accepted_amr=("otp",)),
            refused(Refusal.ASSURANCE),
            id="no second factor",
        ),
        param(
            replace(IDENTITY, acr="gold"),
            replace(RETURNING, accepted_acr=("gold",), accepted_amr=("otp",)),
            SIGN_IN,
            id="strong enough by class",
        ),
        param(
            IDENTITY,
            replace(FACTS, known=SUSPENDED),
            refused(Refusal.SUSPENDED),
            id="suspended by time",
        ),
        param(IDENTITY, replace(FACTS, known=HELD), refused(Refusal.SUSPENDED), id="held"),
        param(IDENTITY, replace(FACTS, known=TIRED), refused(Refusal.INACTIVE), id="silent"),
        param(
            IDENTITY,
            replace(FACTS, known=replace(REMOVED, reason=Reason.INACTIVE)),
            ARRIVE,
            id="silence matters only while suspended",
        ),
        param(IDENTITY, replace(FACTS, known=BURIED), refused(Refusal.TOMBSTONE), id="tombstone"),
        param(
            IDENTITY,
            replace(FACTS, address_taken=True),
            refused(Refusal.EMAIL_CONFLICT),
            id="somebody else's address",
        ),
        param(
            IDENTITY,
            replace(RETURNING, address_taken=True),
            SIGN_IN,
            id="who is known keeps their record",
        ),
        param(
            IDENTITY,
            replace(FACTS, known=REMOVED, address_taken=True),
            refused(Refusal.EMAIL_CONFLICT),
            id="who comes again finds the address taken",
        ),
        param(IDENTITY, replace(FACTS, places_taken=100), refused(Refusal.CAP), id="no place left"),
        param(
            IDENTITY,
            replace(FACTS, places_taken=101, most_guests=50),
            refused(Refusal.CAP),
            id="fewer places than guests",
        ),
        param(IDENTITY, replace(FACTS, arrived_last_hour=20), refused(Refusal.LATER), id="later"),
        param(IDENTITY, replace(RETURNING, **FULL), SIGN_IN, id="caps do not touch who is in"),
        param(
            IDENTITY,
            replace(FACTS, known=REMOVED, **FULL),
            refused(Refusal.CAP, Refusal.LATER),
            id="who comes again counts as new",
        ),
        param(
            at("jane@host.example", email_verified=False),
            replace(
                FACTS,
                organisation_active=False,
                contract_running=False,
                provider_enabled=False,
                provider_of_organisation=False,
                required_claims={"hd": "other.example"},
                accepted_acr=("gold",),
                eligible_sponsors=0,
                address_taken=True,
                known=BURIED,
                **FULL,
            ),
            refused(
                Refusal.PARTNER_STATE,
                Refusal.IDP_DISABLED,
                Refusal.REQUIRED_CLAIM,
                Refusal.HOST_DOMAIN,
                Refusal.DOMAIN,
                Refusal.EMAIL_UNVERIFIED,
                Refusal.ASSURANCE,
                Refusal.TOMBSTONE,
                Refusal.EMAIL_CONFLICT,
                Refusal.CAP,
                Refusal.LATER,
            ),
            id="everything at once",
        ),
    ],
)
def test_decide(identity, facts, expected):
    """An identity comes in only if every rule holds; every broken one is named."""
    assert decide(identity, facts, NOW) == expected


@pytest.mark.parametrize(
    ("claims", "required", "expected"),
    [
        ({}, {}, True),
        ({"hd": "acme.example"}, {"hd": "acme.example"}, True),
        ({"hd": "acme.example.evil"}, {"hd": "acme.example"}, False),
        ({}, {"hd": "acme.example"}, False),
        ({"hd": ["acme.example"]}, {"hd": "acme.example"}, False),
        ({"hd": "acme.example"}, {"hd": "acme.example", "tid": "7"}, False),
        ({"hd": "acme.example", "tid": "7"}, {"hd": "acme.example", "tid": "7"}, True),
    ],
)
def test_has_required_claims(claims, required, expected):
    """Each is there with exactly its value."""
    assert has_required_claims(replace(IDENTITY, claims=claims), required) is expected


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        ("a@acme.example", True),
        ("a@acme.test", True),
        ("a@acme.example.evil.org", False),
        ("a@evilacme.example", False),
        ("a@sub.acme.example", False),
        ("a@acme.co", False),
        ("acme.example@evil.org", False),
        ("a@b@acme.example", True),
        ("acme.example", True),  # never an address: `canonical_email` has refused it long before
        ("", False),
        (None, False),
    ],
)
def test_a10_domain_in(email, expected):
    """Domains are compared exactly: no sub-domain, no suffix, no local part."""
    assert domain_in(email, FACTS.domains) is expected


@pytest.mark.parametrize(
    ("email", "verified", "trusted", "expected"),
    [
        ("jane@acme.example", True, False, True),
        ("jane@acme.example", False, False, False),
        ("jane@acme.example", False, True, True),
        ("jane@other.example", False, True, False),
        ("jane@other.example", True, True, True),
        (None, True, True, False),
    ],
)
def test_address_good_enough(email, verified, trusted, expected):
    """Verified, or trusted within the domains; no address is never good enough."""
    identity = replace(IDENTITY, email=email, email_verified=verified)
    assert address_good_enough(identity, replace(FACTS, addresses_trusted=trusted)) is expected


@pytest.mark.parametrize(
    ("aside_until", "grace", "expected"),
    [
        (None, True, True),
        (None, False, False),
        (NOW + TICK, False, True),
        (NOW, True, False),
        (NOW - TICK, True, False),
    ],
)
def test_foreign_address_borne(aside_until, grace, expected):
    """Once seen it has its date; before, the policy says whether it is borne at all."""
    facts = replace(FACTS, aside_until=aside_until, address_grace=grace)
    assert foreign_address_borne(facts, NOW) is expected


@pytest.mark.parametrize(
    ("acr", "amr", "accepted_acr", "accepted_amr", "expected"),
    [
        param(None, (), (), (), True, id="no demand"),
        param("gold", (), ("gold", "silver"), (), True, id="class"),
        param("bronze", (), ("gold", "silver"), (), False, id="another class"),
        param(None, (), ("gold",), (), False, id="no class"),
        param(None, ("pwd", "otp"), (), ("otp",), True, id="method"),
        param(None, ("pwd",), (), ("otp",), False, id="another method"),
        param(None, ("otp",), ("gold",), ("otp",), True, id="either: method"),
        param("gold", ("pwd",), ("gold",), ("otp",), True, id="either: class"),
        param("otp", ("gold",), ("gold",), ("otp",), False, id="not across"),
    ],
)
def test_strong_enough(acr, amr, accepted_acr, accepted_amr, expected):
    """Any accepted class or any accepted method."""
    identity = replace(IDENTITY, acr=acr, amr=amr)
    assert strong_enough(identity, accepted_acr, accepted_amr) is expected


def test_refusals_have_these_codes():
    """Audit events, the cases and scripts read them."""
    assert [*Refusal] == [
        "adm.partner_state",
        "adm.idp_disabled",
        "adm.required_claim",
        "adm.domain",
        "adm.host_domain",
        "adm.email_unverified",
        "input.email",
        "oidc.assurance",
        "adm.cap",
        "adm.later",
        "adm.suspended",
        "adm.inactive",
        "adm.tombstone",
        "adm.email_conflict",
    ]
    assert [*Outcome] == ["refuse", "arrive", "sign_in"]
