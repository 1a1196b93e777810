"""A provider that requires more than before: who came in by less has shown too little."""

from dataclasses import replace

import pytest

from portal.trust.rules import ProviderSettings, asks_more

SETTINGS = ProviderSettings(name="Acme", issuer="https://id.acme.example", client_id="portal")


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [
        ({}, {}, False),
        ({}, {"hd": "acme.example"}, True),
        ({"hd": "acme.example"}, {"hd": "acme.example"}, False),
        ({"hd": "acme.example"}, {"hd": "acme.example", "org": "7"}, True),
        ({"hd": "acme.example", "org": "7"}, {"hd": "acme.example"}, False),
        ({"hd": "acme.example"}, {"hd": "other.example"}, True),
        ({"hd": "acme.example"}, {"org": "7"}, True),
        ({"hd": "acme.example"}, {}, False),
    ],
)
def test_a_claim_that_was_not_required_before_asks_more(
    was: dict[str, str], now: dict[str, str], *, expected: bool
):
    """Whoever came in so far has shown what was required, and nothing else."""
    before, after = (replace(SETTINGS, required_claims=claims) for claims in (was, now))
    assert asks_more(before, after) is expected


@pytest.mark.parametrize("was", ["trusted", "verified"])
@pytest.mark.parametrize("now", ["trusted", "verified"])
def test_an_address_that_only_counted_on_trust_has_to_be_verified(was: str, now: str):
    """Whoever typed one that is not theirs came in by it."""
    before, after = (replace(SETTINGS, addresses=one) for one in (was, now))
    assert asks_more(before, after) is ((was, now) == ("trusted", "verified"))


@pytest.mark.parametrize(
    ("now", "expected"),
    [({}, False), ({"name": "cn"}, False), ({"email": "upn"}, True), ({"email": "Email"}, True)],
)
def test_an_address_from_another_claim_has_to_be_shown(now: dict[str, str], *, expected: bool):
    """The one that let people in so far may have been theirs to choose; names open no door."""
    after = replace(SETTINGS, claim_map={**SETTINGS.claim_map, **now})
    assert asks_more(SETTINGS, after) is expected
    assert asks_more(after, SETTINGS) is expected
