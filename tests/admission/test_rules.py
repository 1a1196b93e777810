"""The door: every reason alone, all together, and who it does not concern."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal.admission.identity import VerifiedIdentity
from portal.admission.rules import (
    Decision,
    Outcome,
    Refusal,
    decide,
)
from portal.guests.rules import Reason, State
from portal.sponsorship.rules import GuestDates
from tests.admission.facts import FACTS, IDENTITY, NOW, TICK

param = pytest.param


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
