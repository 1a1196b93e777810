"""Jane of Acme at the door, with nothing against her."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from portal.admission.identity import VerifiedIdentity
from portal.admission.rules import AdmissionFacts

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
