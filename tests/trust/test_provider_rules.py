"""What may be configured as a partner's identity provider."""

from dataclasses import replace
from typing import Any

import pytest

from portal.foundation.refused import Refused
from portal.trust.rules import (
    ADDRESSES,
    CLIENT_AUTHS,
    DEFAULT_CLAIMS,
    PROFILE_FIELDS,
    House,
    ProviderSettings,
    changed_state,
    check_claim_map,
    check_claim_name,
    check_claims,
    check_client,
    check_company,
    check_move,
    check_provider,
    check_scopes,
    check_secret,
    check_subject_kept,
    loses_test,
)
from portal.trust.rules.provider import MOST_VALUES, REUSED_CLAIMS

TENANT = "11111111-2222-3333-4444-55555555abcd"
ENTRA = f"https://login.microsoftonline.com/{TENANT}/v2.0"


@pytest.mark.parametrize(
    ("issuer", "subject", "required", "expected"),
    [
        ("https://id.acme.example", "sub", {}, ("sub", {})),
        ("https://id.acme.example", " pid ", {" org ": " acme "}, ("pid", {"org": "acme"})),
        ("https://accounts.google.com", "sub", {"hd": "acme.example"}, None),
        ("https://gitlab.com", "sub", {"groups_direct": "acme"}, None),
        (ENTRA, "oid", {"tid": TENANT}, None),
        (ENTRA, "oid", {"tid": TENANT.upper()}, None),
        (ENTRA, "sub", {}, None),
        ("https://id.acme.example", "sub", {f"c{n}": "x" for n in range(MOST_VALUES)}, None),
        ("https://id.acme.example", "sub", {"a": "x" * 255}, None),
    ],
)
def test_claims_that_may_be_configured(
    issuer: str, subject: str, required: dict[str, str], expected: tuple[str, Any] | None
):
    """White space around what was typed goes."""
    assert check_claims(issuer, subject, required) == (expected or (subject, required))


@pytest.mark.parametrize(
    ("issuer", "subject", "required", "field", "words"),
    [
        ("https://id.acme.example", "", {}, "subject_claim", "name of a claim"),
        ("https://id.acme.example", "a b", {}, "subject_claim", "name of a claim"),
        ("https://id.acme.example", "oid", {}, "required_claims", "tid=TENANT-ID"),
        (ENTRA, "oid", {}, "required_claims", "tid=TENANT-ID"),
        (ENTRA, "sub", {"tid": "other"}, "required_claims", f"tid={TENANT}"),
        ("https://accounts.google.com", "sub", {}, "required_claims", "hd=VALUE"),
        ("https://accounts.google.com", "sub", {"x": "y"}, "required_claims", "hd=VALUE"),
        ("https://ACCOUNTS.google.com/", "sub", {}, "required_claims", "hd=VALUE"),
        ("https://gitlab.com", "sub", {}, "required_claims", "CLAIM=VALUE"),
        ("https://id.acme.example", "sub", {"a": ""}, "required_claims", "value for the claim a"),
        ("https://id.acme.example", "sub", {"a": "x\ny"}, "required_claims", "value for"),
        ("https://id.acme.example", "sub", {"a": "x" * 256}, "required_claims", "value for"),
        ("https://id.acme.example", "sub", {"a b": "x"}, "required_claims", "name of a claim"),
        (
            "https://id.acme.example",
            "sub",
            {f"c{n}": "x" for n in range(MOST_VALUES + 1)},
            "required_claims",
            "at most",
        ),
        *(
            ("https://id.acme.example", one, {}, "subject_claim", "somebody else one day")
            for one in sorted(REUSED_CLAIMS)
        ),
    ],
)
def test_claims_that_may_not_be_configured(
    issuer: str, subject: str, required: dict[str, str], field: str, words: str
):
    """A subject that could be given to somebody else; a shared issuer without an owner."""
    with pytest.raises(Refused) as refused:
        check_claims(issuer, subject, required)
    assert refused.value.field == field
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("required", "others", "apart"),
    [
        ({}, [], True),
        ({}, [{}], False),
        ({"t": "1"}, [{}], False),
        ({}, [{"t": "1"}], False),
        ({"t": "1"}, [{"t": "1"}], False),
        ({"t": "1"}, [{"u": "2"}], False),
        ({"t": "1"}, [{"t": "2"}], True),
        ({"t": "1", "u": "1"}, [{"t": "1", "u": "2"}], True),
        ({"t": "1"}, [{"t": "2"}, {"t": "3"}], True),
        ({"t": "1"}, [{"t": "2"}, {"t": "1"}], False),
        # The door reads a tenant in either letter case, and everything else to the letter.
        ({"tid": "AB"}, [{"tid": "ab"}], False),
        ({"tid": "ab"}, [{"tid": "AB"}], False),
        ({"tid": "AB"}, [{"tid": "ac"}], True),
        ({"t": "AB"}, [{"t": "ab"}], True),
    ],
)
def test_two_on_one_issuer_are_disjoint(
    required: dict[str, str], others: list[dict[str, str]], *, apart: bool
):
    """A claim that both require, with different values (architecture 2.7)."""
    if apart:
        check_company(required, others)
        return
    with pytest.raises(Refused) as refused:
        check_company(required, others)
    assert refused.value.field == "required_claims"


@pytest.mark.parametrize("name", ["a", "x" * 100, "https://slack.com/team_id", " realm.roles "])
def test_a_claim_name(name: str):
    """Without the white space around it."""
    assert check_claim_name("when", name) == name.strip()


@pytest.mark.parametrize("name", ["", " ", "a b", "x" * 101, "é", "a\tb"])
def test_no_claim_name(name: str):
    """The field that it was typed into is named."""
    with pytest.raises(Refused) as refused:
        check_claim_name("when", name)
    assert refused.value.field == "when"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"email": "mail"}, {"email": "mail"}),
        ({"email": " mail ", "phone": ""}, {"email": "mail"}),
        (DEFAULT_CLAIMS, dict(DEFAULT_CLAIMS)),
    ],
)
def test_a_claim_map(given: dict[str, str], expected: dict[str, str]):
    """A field without a claim is left out."""
    assert check_claim_map(given) == expected


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "holds the e-mail address"),
        ({"email": " "}, "holds the e-mail address"),
        ({"email": "mail", "state": "state"}, "No claim can fill 'state'"),
        ({"email": "mail", "sponsor": "manager"}, "No claim can fill"),
        ({"email": "mail", "expires_at": ""}, "No claim can fill"),
        ({"email": "a b"}, "name of a claim"),
    ],
)
def test_no_claim_map(given: dict[str, str], words: str):
    """Host-owned fields are written by nothing that a provider sends (architecture 2.5)."""
    with pytest.raises(Refused) as refused:
        check_claim_map(given)
    assert refused.value.field == "claim_map"
    assert words in refused.value.message


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        ([], ["openid"]),
        (["email", "openid", "email", " ", "groups "], ["openid", "email", "groups"]),
        (["x" * 100], ["openid", "x" * 100]),
        (
            [f"s{n}" for n in range(MOST_VALUES - 1)],
            ["openid", *(f"s{n}" for n in range(MOST_VALUES - 1))],
        ),
    ],
)
def test_scopes(scopes: list[str], expected: list[str]):
    """Openid is always among them."""
    assert check_scopes(scopes) == expected


@pytest.mark.parametrize(
    "scopes",
    [["a b"], ['a"b'], ["a\\b"], ["é"], ["x" * 101], [f"s{n}" for n in range(MOST_VALUES)]],
)
def test_no_scopes(scopes: list[str]):
    """What RFC 6749, 3.3 does not allow, and too many."""
    with pytest.raises(Refused) as refused:
        check_scopes(scopes)
    assert refused.value.field == "scopes"


@pytest.mark.parametrize(
    ("client_id", "auth", "addresses", "field"),
    [
        (" portal ", "client_secret_basic", "verified", None),
        ("x" * 255, "client_secret_post", "trusted", None),
        ("", "client_secret_basic", "verified", "client_id"),
        ("x" * 256, "client_secret_basic", "verified", "client_id"),
        ("a\nb", "client_secret_basic", "verified", "client_id"),
        ("portal", "none", "verified", "client_auth"),
        ("portal", "private_key_jwt", "verified", "client_auth"),
        ("portal", "client_secret_basic", "all", "addresses"),
    ],
)
def test_the_client(client_id: str, auth: str, addresses: str, field: str | None):
    """How the portal proves itself, and what it believes."""
    if field is None:
        assert check_client(client_id, auth, addresses) == client_id.strip()
        return
    with pytest.raises(Refused) as refused:
        check_client(client_id, auth, addresses)
    assert refused.value.field == field


def test_a_secret_loses_the_line_break_of_its_file():
    """And nothing else."""
    assert check_secret("s3cr et\r\n") == "s3cr et"
    assert check_secret("x" * 4096) == "x" * 4096
    assert check_secret("Xs3cretX") == "Xs3cretX"
    for wrong in ("", "\n", "two\nlines", "x" * 4097, "a\tb", "s3cret\t", "\ts3cret"):
        with pytest.raises(Refused) as refused:
            check_secret(wrong)
        assert refused.value.field == "client_secret"


def test_what_counts_where_nothing_is_said():
    """The usual scopes and claims; an address counts when it is verified."""
    usual = ProviderSettings("Acme", "https://id.acme.example", "portal")
    assert usual == ProviderSettings(
        name="Acme",
        issuer="https://id.acme.example",
        client_id="portal",
        client_auth="client_secret_basic",
        scopes=("openid", "email", "profile"),
        claim_map={
            "email": "email",
            "name": "name",
            "given_name": "given_name",
            "family_name": "family_name",
            "department": "department",
        },
        subject_claim="sub",
        required_claims={},
        addresses="verified",
    )


def test_which_fields_a_claim_may_fill_and_which_claims_are_given_again():
    """A field more is a door; a claim that is missing makes one person of two."""
    assert PROFILE_FIELDS == ("email", "name", "given_name", "family_name", "department", "phone")
    assert CLIENT_AUTHS == ("client_secret_basic", "client_secret_post")
    assert ADDRESSES == ("verified", "trusted")
    assert {
        "email",
        "preferred_username",
        "upn",
        "unique_name",
        "name",
        "nickname",
        "given_name",
        "family_name",
        "phone_number",
    } == REUSED_CLAIMS


SETTINGS = ProviderSettings(name="Acme", issuer="https://id.acme.example", client_id="portal")


@pytest.mark.parametrize(
    ("change", "types", "people", "field"),
    [
        ({"issuer": "https://new.example"}, (), 0, None),
        ({"subject_claim": "pid"}, (), 0, None),
        ({"client_id": "new"}, ("pairwise",), 0, None),
        ({"name": "New"}, ("pairwise",), 1, None),
        ({"client_id": "new"}, ("public",), 1, None),
        ({"issuer": "https://new.example"}, (), 1, "issuer"),
        ({"subject_claim": "pid"}, (), 1, "subject_claim"),
        ({"client_id": "new"}, ("pairwise",), 1, "client_id"),
    ],
)
def test_a_move_is_no_edit(
    change: dict[str, Any], types: tuple[str, ...], people: int, field: str | None
):
    """Once people are known, nothing makes strangers of them (architecture 2.6)."""
    now = replace(SETTINGS, **change)
    if field is None:
        check_move(SETTINGS, now, subject_types=types, people=people)
        return
    with pytest.raises(Refused, match="planned move") as refused:
        check_move(SETTINGS, now, subject_types=types, people=people)
    assert refused.value.field == field


def test_a_move_says_how_many_people_it_is_about():
    """One guest, many guests."""
    now = replace(SETTINGS, subject_claim="pid")
    with pytest.raises(Refused, match="1 guest is known"):
        check_move(SETTINGS, now, subject_types=(), people=1)
    with pytest.raises(Refused, match="2 guests are known"):
        check_move(SETTINGS, now, subject_types=(), people=2)


def test_the_organisations_other_connection_keeps_the_subject():
    """A second connection to the same issuer makes no strangers and walks past no tombstone."""
    check_subject_kept("sub", [])
    check_subject_kept("sub", ["sub", "sub"])
    with pytest.raises(Refused, match="by pid") as refused:
        check_subject_kept("sub", ["sub", "pid"])
    assert refused.value.field == "subject_claim"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"issuer": "https://new.example"}, True),
        ({"client_id": "new"}, True),
        ({"subject_claim": "pid"}, True),
        ({"name": "New"}, False),
        ({"client_auth": "client_secret_post"}, False),
        ({"scopes": ("openid",)}, False),
        ({"claim_map": {"email": "mail"}}, False),
        ({"required_claims": {"a": "b"}}, False),
        ({"addresses": "trusted"}, False),
    ],
)
def test_another_connection_loses_its_test(change: dict[str, Any], *, expected: bool):
    """What discovery and keys say nothing about does not."""
    assert loses_test(SETTINGS, replace(SETTINGS, **change)) is expected


@pytest.mark.parametrize(
    ("state", "retest", "expected"),
    [
        ("enabled", True, "draft"),
        ("enabled", False, "enabled"),
        ("disabled", True, "disabled"),
        ("disabled", False, "disabled"),
        ("draft", True, "draft"),
        ("draft", False, "draft"),
    ],
)
def test_an_untested_one_is_never_enabled(state: str, retest: bool, expected: str):
    """What somebody disabled stays so."""
    assert changed_state(state, retest=retest) == expected


def test_settings_are_cleaned_as_a_whole():
    """Every field passes through its own check."""
    given = ProviderSettings(
        name=" Acme\n sign-in ",
        issuer=" https://id.acme.example ",
        client_id=" portal ",
        scopes=("email",),
        claim_map={"email": " mail ", "phone": ""},
        subject_claim=" pid ",
        required_claims={" org ": " acme "},
        addresses="trusted",
    )
    assert check_provider(given, House()) == ProviderSettings(
        name="Acme sign-in",
        issuer="https://id.acme.example",
        client_id="portal",
        client_auth="client_secret_basic",
        scopes=["openid", "email"],
        claim_map={"email": "mail"},
        subject_claim="pid",
        required_claims={"org": "acme"},
        addresses="trusted",
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"issuer": "http://x.example"}, "issuer"),
        ({"client_id": ""}, "client_id"),
        ({"client_auth": ""}, "client_auth"),
        ({"scopes": ("a b",)}, "scopes"),
        ({"claim_map": {}}, "claim_map"),
        ({"subject_claim": "email"}, "subject_claim"),
        ({"required_claims": {"": "x"}}, "required_claims"),
        ({"addresses": ""}, "addresses"),
    ],
)
def test_settings_are_refused_at_their_field(change: dict[str, Any], field: str):
    """None slips by."""
    with pytest.raises(Refused) as refused:
        check_provider(replace(SETTINGS, **change), House())
    assert refused.value.field == field
