"""What each refusal says, to the letter, at which field: an admin acts on these words."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

import pytest

from portal.foundation.refused import Refused
from portal.foundation.text import check_name
from portal.trust.rules import (
    House,
    ProviderSettings,
    check_claim_map,
    check_claim_name,
    check_claims,
    check_client,
    check_company,
    check_days,
    check_domain,
    check_issuer,
    check_move,
    check_pairs,
    check_policy,
    check_scopes,
    check_secret,
    check_slug,
    check_subject_kept,
    check_terms,
    check_zone,
)
from portal.trust.rules.policy import check_strengths

TENANT = "11111111-2222-3333-4444-55555555abcd"
ENTRA = f"https://login.microsoftonline.com/{TENANT}/v2.0"
ACME = "https://id.acme.example"
DAY = date(2026, 6, 1)
ZHE = "\u0416"  # no zone is spelled alike
SETTINGS = ProviderSettings(name="Acme", issuer=ACME, client_id="portal")
issuer = partial(check_issuer, house=House())


def move(people: int = 2, **changes: Any) -> Callable[[], None]:
    return partial(
        check_move,
        SETTINGS,
        replace(SETTINGS, **changes),
        subject_types=("pairwise",),
        people=people,
    )


REFUSALS: list[tuple[Callable[[], object], str, str]] = [
    (
        partial(check_slug, "A"),
        "slug",
        (
            "Use 1 to 63 lower-case letters, digits and hyphens, like acme; begin with a letter or"
            " digit"
        ),
    ),
    (
        partial(check_slug, "new"),
        "slug",
        "new is an address of a page here: choose another short name",
    ),
    (partial(check_name, "first_name", ""), "first_name", "Enter the first name"),
    (partial(check_name, "name", "x" * 201), "name", "Use 200 characters or fewer"),
    (partial(check_name, "name", "x" * 11, 10), "name", "Use 10 characters or fewer"),
    (
        partial(check_domain, f" {'a' * 90} ", ()),
        "domain",
        f"Enter a domain name, like example.com; {'a' * 80!r} is not one",
    ),
    (
        partial(check_domain, "host.example", {"host.example"}),
        "domain",
        "host.example is the host's own domain: a partner cannot hold it",
    ),
    (
        partial(check_domain, "co.uk", ()),
        "domain",
        "Anybody can register under co.uk: enter the whole domain",
    ),
    (
        partial(check_pairs, "f", [f" {'a' * 90} "]),
        "f",
        f"Write NAME=VALUE: {'a' * 80!r} is not one",
    ),
    (partial(check_pairs, "f", [" = b "]), "f", "Write NAME=VALUE: '= b' is not one"),
    (
        partial(check_pairs, "f", [f"{'a' * 90}=b", f"{'a' * 90}=c"]),
        "f",
        f"{'a' * 80} is given twice with different values",
    ),
    (partial(check_terms, ""), "body", "Enter the terms of use: the text is empty"),
    (partial(check_terms, "x" * 100_001), "body", "Use 100000 characters or fewer"),
    (
        partial(check_zone, "Europe/Berln"),
        "time_zone",
        "There is no time zone 'Europe/Berln'. Did you mean Europe/Berlin?",
    ),
    (
        partial(check_zone, ZHE * 65),
        "time_zone",
        f"There is no time zone {ZHE * 64!r}. Enter an IANA name such as Europe/Berlin.",
    ),
    (
        partial(check_days, date(1989, 12, 31), None, open_ended=True),
        "first_day",
        "Enter a year from 1990 to 2999",
    ),
    (
        partial(check_days, DAY, date(3000, 1, 1), open_ended=False),
        "last_day",
        "Enter a year from 1990 to 2999",
    ),
    (
        partial(check_days, DAY, DAY, open_ended=True),
        "last_day",
        "Leave out the last day, or do not say open-ended",
    ),
    (
        partial(check_days, DAY, None, open_ended=False),
        "last_day",
        "Enter the last day, or say that the contract is open-ended",
    ),
    (
        partial(check_days, DAY, date(2026, 5, 31), open_ended=False),
        "last_day",
        "The contract would end before it starts: choose 1 June 2026 or later",
    ),
    (partial(check_policy, {"x": 1}, own=True), "x", "There is no policy field x"),
    (
        partial(check_policy, {"most_guests": None}, own=False),
        "most_guests",
        "Enter a value: the portal-wide defaults must be complete",
    ),
    (
        partial(check_policy, {"approval": "later"}, own=True),
        "approval",
        "Choose first or at-once",
    ),
    (
        partial(check_policy, {"approval_days": 0}, own=True),
        "approval_days",
        "Enter a number from 1 to 90",
    ),
    (
        partial(check_strengths, "accepted_acr", [str(one) for one in range(21)]),
        "accepted_acr",
        "Enter 20 values at most",
    ),
    (
        partial(check_strengths, "accepted_amr", [f"a {'b' * 90}"]),
        "accepted_amr",
        f"Enter values without spaces: {'a ' + 'b' * 62!r} is not one",
    ),
    (partial(issuer, ""), "issuer", "Enter an address, like https://id.acme.example"),
    (partial(issuer, "https://"), "issuer", "Enter an address, like https://id.acme.example"),
    (partial(issuer, "https://[x"), "issuer", "Enter an address, like https://id.acme.example"),
    (
        partial(issuer, "http://id.acme.example"),
        "issuer",
        "Enter an issuer that begins with https://",
    ),
    (
        partial(issuer, "https://a@id.acme.example"),
        "issuer",
        "Enter the issuer without a user name or password",
    ),
    (partial(issuer, f"{ACME}?x"), "issuer", "Enter the issuer without ? or #"),
    (partial(issuer, f"{ACME}#x"), "issuer", "Enter the issuer without ? or #"),
    (
        partial(issuer, f"{ACME}/.well-known/openid-configuration"),
        "issuer",
        "Enter the issuer alone, without /.well-known/openid-configuration",
    ),
    (
        partial(issuer, "https://10.0.0.1"),
        "issuer",
        "Enter a public host: this address is on a private network",
    ),
    (
        partial(issuer, "https://idp"),
        "issuer",
        "Enter a public host name, like https://id.acme.example",
    ),
    (
        partial(issuer, "https://login.microsoftonline.com/common/v2.0"),
        "issuer",
        (
            "This address serves every tenant: enter the issuer of the organisation's own tenant,"
            " with its tenant id, like https://login.microsoftonline.com/TENANT-ID/v2.0"
        ),
    ),
    (
        partial(
            issuer, "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"
        ),
        "issuer",
        "This is the issuer of personal accounts: anybody can have one",
    ),
    (
        partial(check_claims, "https://accounts.google.com", "sub", {}),
        "required_claims",
        (
            "Anybody can have an account at accounts.google.com: require hd=VALUE, or everybody"
            " could come in"
        ),
    ),
    (
        partial(check_claims, "https://gitlab.com", "sub", {}),
        "required_claims",
        (
            "Anybody can have an account at gitlab.com: require CLAIM=VALUE, or everybody could"
            " come in"
        ),
    ),
    (
        partial(check_claims, ACME, "email", {}),
        "subject_claim",
        "email may be given to somebody else one day: use sub, or oid with tid",
    ),
    (
        partial(check_claims, ACME, "sub", {f"c{one}": "x" for one in range(21)}),
        "required_claims",
        "Require 20 claims at most",
    ),
    (
        partial(check_claims, ACME, "oid", {}),
        "required_claims",
        "oid knows a person within one tenant: require tid=TENANT-ID too",
    ),
    (
        partial(check_claims, ENTRA, "sub", {"tid": "x"}),
        "required_claims",
        f"The issuer is of another tenant: require tid={TENANT}",
    ),
    (
        partial(check_claims, ACME, "sub", {" a ": ""}),
        "required_claims",
        "Enter a value for the claim a",
    ),
    (
        partial(check_claims, ACME, "sub", {"a b": "x"}),
        "required_claims",
        "Enter the name of a claim, without spaces, like department",
    ),
    (
        partial(check_company, {}, [{}]),
        "required_claims",
        (
            "Another identity provider uses this issuer: require a claim on both, with different"
            " values, like tid=TENANT-ID, so that nobody fits both"
        ),
    ),
    (
        partial(check_claim_name, "when", "a b"),
        "when",
        "Enter the name of a claim, without spaces, like department",
    ),
    (
        partial(check_claim_map, {"x" * 70: "a"}),
        "claim_map",
        (
            f"No claim can fill {'x' * 64!r}: choose one of email, name, given_name, family_name,"
            " department, phone"
        ),
    ),
    (
        partial(check_claim_map, {"email": "a b"}),
        "claim_map",
        "Enter the name of a claim, without spaces, like department",
    ),
    (
        partial(check_claim_map, {}),
        "claim_map",
        "Enter the claim that holds the e-mail address",
    ),
    (
        partial(check_scopes, [f"s{one}" for one in range(20)]),
        "scopes",
        "Ask for 20 scopes at most",
    ),
    (
        partial(check_scopes, [f"a {'b' * 90}"]),
        "scopes",
        f"Enter scopes without spaces: {'a ' + 'b' * 62!r} is not one",
    ),
    (
        partial(check_client, "", "client_secret_basic", "verified"),
        "client_id",
        "Enter the client id that the provider gave to the portal",
    ),
    (
        partial(check_client, "portal", "none", "verified"),
        "client_auth",
        "Choose client_secret_basic or client_secret_post",
    ),
    (
        partial(check_client, "portal", "client_secret_basic", "all"),
        "addresses",
        "Choose verified or trusted",
    ),
    (
        partial(check_secret, ""),
        "client_secret",
        "Enter the client secret: one line of printable characters",
    ),
    (
        move(issuer="https://new.example"),
        "issuer",
        (
            "The issuer cannot change while 2 guests are known by it. That is a planned move: add a"
            " second identity provider beside this one"
        ),
    ),
    (
        move(people=1, subject_claim="pid"),
        "subject_claim",
        (
            "The subject claim cannot change while 1 guest is known by it: that is a planned move"
            " and no edit"
        ),
    ),
    (
        move(client_id="new"),
        "client_id",
        (
            "This provider names people anew for each client id, so it cannot change while 2 guests"
            " are known by it: that is a planned move and no edit"
        ),
    ),
    (
        partial(check_subject_kept, "sub", ["pid"]),
        "subject_claim",
        (
            "Another identity provider of this organisation knows people of this issuer by pid: use"
            " pid here too, so that nobody becomes a stranger"
        ),
    ),
]


@pytest.mark.parametrize(("ask", "field", "message"), REFUSALS, ids=range(len(REFUSALS)))
def test_a_refusal_says_what_to_do(ask: Callable[[], object], field: str, message: str):
    """Word for word."""
    with pytest.raises(Refused) as refused:
        ask()
    assert (refused.value.field, refused.value.message) == (field, message)
