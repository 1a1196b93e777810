"""Reason codes to the letter, whose side each is on, what a failure carries."""

from uuid import UUID

import pytest

from portal.admission.rules import Refusal
from portal.sign_in.rules import (
    Failure,
    Side,
    SignInFailure,
    SignInReason,
    anybody_can_cause,
    side_of,
    wants_mending,
)

R = SignInReason
PERSON = {R.STATE, R.DENIED, R.ASSURANCE, R.TENANT, R.OVERTAKEN}
ADMIN = {R.METADATA, R.TOKEN_ENDPOINT, R.NET_BLOCKED, R.NET_ORIGIN}


def test_reasons_are_stored_by_these_words():
    """The audit keeps them: a word that changes makes two of one reason."""
    assert [*R] == [
        "oidc.iss",
        "oidc.metadata",
        "oidc.aud",
        "oidc.alg",
        "oidc.sig",
        "oidc.nonce",
        "oidc.state",
        "oidc.mixup",
        "oidc.time",
        "oidc.sub",
        "oidc.userinfo",
        "oidc.no_id_token",
        "oidc.typ",
        "oidc.tenant",
        "oidc.assurance",
        "oidc.denied",
        "oidc.error",
        "oidc.token_endpoint",
        "input.char",
        "input.length",
        "net.blocked",
        "net.redirect",
        "net.origin",
        "net.limit",
        "net.tls",
        "net.unreachable",
        "adm.overtaken",
    ]
    assert [*Side] == ["person", "partner", "admin"]


@pytest.mark.parametrize("reason", SignInReason)
def test_whose_side_a_reason_is_on(reason: SignInReason):
    """Not the person's nor ours: the partner's."""
    side = Side.PERSON if reason in PERSON else Side.ADMIN if reason in ADMIN else Side.PARTNER
    assert side_of(reason) is side
    assert SignInFailure(Failure(reason, "x")).side is side


BY_ANYBODY = {
    R.STATE,
    R.MIX_UP,
    R.DENIED,
    R.PROVIDER_ERROR,
    R.ASSURANCE,
    R.TOKEN_ENDPOINT,
}


@pytest.mark.parametrize("reason", SignInReason)
def test_what_anybody_can_cause(reason: SignInReason):
    """By an answer that a browser makes up, a made-up code among it; else a provider spoke."""
    assert anybody_can_cause(reason) is (reason in BY_ANYBODY)


# Of each code that a refusal has: does something at the federation or the policy want mending?
MENDING = {
    Refusal.REQUIRED_CLAIM: True,
    Refusal.DOMAIN: True,
    Refusal.HOST_DOMAIN: True,
    Refusal.EMAIL_UNVERIFIED: True,
    Refusal.EMAIL_MALFORMED: True,
    Refusal.ASSURANCE: True,  # the portal asked for it: the provider does not give or say it
    Refusal.CAP: True,
    Refusal.LATER: True,
    Refusal.EMAIL_CONFLICT: True,
    Refusal.IDP_DISABLED: False,
    Refusal.SUSPENDED: False,
    Refusal.INACTIVE: False,
    Refusal.TOMBSTONE: False,
    R.STATE: False,
    R.DENIED: False,
    R.TENANT: False,
    R.OVERTAKEN: False,
}


@pytest.mark.parametrize("suspended", [False, True])
@pytest.mark.parametrize("code", dict.fromkeys(map(str, (*Refusal, *R))))
def test_which_refusals_want_mending(code: str, suspended: bool):
    """Those that are meant do not; what a provider or its settings cause does."""
    meant = not suspended if code == Refusal.PARTNER_STATE else MENDING.get(code, True)
    assert wants_mending(code, suspended=suspended) is meant


def test_a_code_that_nobody_knows_any_more_wants_a_look():
    """An older version wrote it."""
    assert wants_mending("adm.of_old", suspended=True)


@pytest.mark.parametrize("reason", SignInReason)
def test_which_failures_may_be_tried_again(reason: SignInReason):
    """A doubled callback, and trouble on the way."""
    failure = SignInFailure(Failure(reason, "x"))
    again = reason in {R.STATE, R.TOKEN_ENDPOINT} or reason.value.startswith("net.")
    assert failure.may_be_retried is again


def test_what_a_failure_carries():
    """Its reason and detail, and nothing of an attempt until one is known."""
    failure = SignInFailure(Failure(R.NONCE, "the nonce is of another sign-in"))
    assert str(failure) == "oidc.nonce: the nonce is of another sign-in"
    assert failure.failure == Failure(R.NONCE, "the nonce is of another sign-in")
    assert (failure.reason, failure.detail) == (R.NONCE, "the nonce is of another sign-in")
    assert (failure.attempt_id, failure.purpose) == (None, None)
    assert SignInFailure(Failure(R.STATE, "used"), "trial").purpose == "trial"
    failure.attempt_id = UUID(int=1)
    assert failure.attempt_id == UUID(int=1)
