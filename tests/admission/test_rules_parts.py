"""The parts of the decision at the door, each a table."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from portal.admission.identity import VerifiedIdentity
from portal.admission.rules import (
    AdmissionFacts,
    Outcome,
    Refusal,
    address_good_enough,
    domain_in,
    foreign_address_borne,
    has_required_claims,
    strong_enough,
)

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
