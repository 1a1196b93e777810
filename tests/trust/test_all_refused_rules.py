"""Whoever gets several things wrong is told of all of them."""

from dataclasses import replace

import pytest

from portal.foundation.refused import Refusals, Refused
from portal.trust.rules import House, ProviderSettings, check_provider

SETTINGS = ProviderSettings(name="Acme", issuer="https://id.acme.example", client_id="portal")


def test_nothing_refused_is_nothing_said():
    """A step gives what it returns."""
    refusals = Refusals()
    assert refusals.of(lambda: 7) == 7
    refusals.end()


def test_every_field_that_is_wrong_is_named():
    """Once, in the order in which they were looked at; without an issuer the rest is looked at."""
    wrong = {"issuer": "acme", "client_id": "", "scopes": ("a b",), "subject_claim": "email"}
    with pytest.raises(Refused) as refused:
        check_provider(replace(SETTINGS, name="", claim_map={}, **wrong), House())
    named = [one.field for one in refused.value.each]
    assert named == ["issuer", "name", "client_id", "scopes", "claim_map", "subject_claim"]
    assert (refused.value.field, refused.value.message) == (
        refused.value.each[0].field,
        refused.value.each[0].message,
    )


@pytest.mark.parametrize("issuer", ["https://accounts.google.com", " https://gitlab.com "])
def test_claims_are_held_against_the_issuer_that_was_checked(issuer):
    """A shared one needs a claim that says whose person it is; so does one with blanks around."""
    with pytest.raises(Refused) as refused:
        check_provider(replace(SETTINGS, issuer=issuer), House())
    assert [one.field for one in refused.value.each] == ["required_claims"]
