"""The parts of the decision at the door, each a table."""

from dataclasses import replace

import pytest

from portal.admission.rules import (
    Outcome,
    Refusal,
    address_good_enough,
    domain_in,
    foreign_address_borne,
    has_required_claims,
)
from tests.admission.facts import FACTS, IDENTITY, NOW, TICK

param = pytest.param


@pytest.mark.parametrize(
    ("claims", "required", "expected"),
    [
        ({}, {}, True),
        ({"hd": "acme.example"}, {"hd": "acme.example"}, True),
        ({"hd": "acme.example.evil"}, {"hd": "acme.example"}, False),
        ({}, {"hd": "acme.example"}, False),
        ({"hd": ["acme.example"]}, {"hd": "acme.example"}, False),
        ({"employee": True}, {"employee": "true"}, True),
        ({"employee": "true"}, {"employee": "true"}, True),
        ({"employee": False}, {"employee": "true"}, False),
        ({"employee": 1}, {"employee": "true"}, False),
        ({"company": 7}, {"company": "7"}, True),
        ({"company": 77}, {"company": "7"}, False),
        ({"company": 7.0}, {"company": "7.0"}, False),
        ({"company": None}, {"company": "None"}, False),
        ({"hd": "acme.example"}, {"hd": "acme.example", "tid": "7"}, False),
        ({"hd": "acme.example", "tid": "7"}, {"hd": "acme.example", "tid": "7"}, True),
    ],
)
def test_has_required_claims(claims, required, expected):
    """Each is there with exactly its value, as an admin can write it: ``true`` and ``7`` too."""
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
