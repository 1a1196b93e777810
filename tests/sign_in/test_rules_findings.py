"""A connection test's outcome: each finding alone, with its level, its mender and its words."""

from dataclasses import replace
from typing import Any

import pytest

from portal.sign_in.connection import Connection
from portal.sign_in.rules import (
    ALGORITHMS,
    Failure,
    Finding,
    Findings,
    Level,
    Mender,
    Metadata,
    SignInReason,
    failed,
    found,
    read_metadata,
)
from tests.sign_in.test_rules_discovery import DOCUMENT, ISSUER

R = SignInReason
ACME = Connection(
    id=None,
    organisation_id=None,
    organisation_slug="acme",
    slug="main",
    name="Acme",
    issuer=ISSUER,
    client_id="portal",
    client_secret="hunter2",
)
BEST = {
    "userinfo_endpoint": f"{ISSUER}/userinfo",
    "authorization_response_iss_parameter_supported": True,
    "response_types_supported": ["code"],
    "grant_types_supported": ["authorization_code"],
    "id_token_signing_alg_values_supported": ["RS256", "HS256", "ES256"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    "code_challenge_methods_supported": ["plain", "S256"],
    "scopes_supported": ["openid", "email", "profile"],
    "acr_values_supported": ["gold"],
    "subject_types_supported": ["public"],
}


def metadata(**changes: Any) -> Metadata:
    read = read_metadata(DOCUMENT | BEST | changes, ISSUER, development=False)
    assert isinstance(read, Metadata)
    return read


def good(text: str) -> Finding:
    return Finding(Level.GOOD, text, Mender.NOBODY, None)


ALL_GOOD = (
    good("The discovery document names exactly this issuer."),
    good("It publishes 2 keys that can check its ID tokens."),
    good("It offers the authorization code flow."),
    good("It offers PKCE with S256."),
    good("It signs ID tokens with RS256, ES256."),
    good("It accepts client_secret_basic."),
    good("It names itself in every answer (RFC 9207); that is checked."),
    good("It offers UserInfo for what its ID token leaves out."),
)


def test_the_best_of_all_providers():
    """Nothing to mend."""
    outcome = found(ACME, metadata(), 2, [])
    assert outcome == Findings(ALL_GOOD, ("id.acme.example",), ("public",))
    assert outcome.passed is True
    assert outcome.fault is None


def others(connection: Connection = ACME, **changes: Any) -> list[Finding]:
    """What is found apart from what is good with the best of all."""
    outcome = found(connection, metadata(**changes), 2, [])
    return [one for one in outcome.findings if one not in ALL_GOOD]


NO_CODE_FLOW = Finding(
    Level.FAULT,
    "The provider does not offer the authorization code flow, the only one the portal uses."
    " Whoever runs it must allow response type code.",
    Mender.PARTNER,
)
NO_S256 = Finding(
    Level.FAULT,
    "It offers PKCE, but not with S256, and the portal uses nothing weaker. Whoever runs the"
    " provider must allow S256.",
    Mender.PARTNER,
)
SILENT_PKCE = Finding(
    Level.NOTE,
    "It does not say whether it checks PKCE. The portal sends it all the same; most providers that"
    " say nothing accept it.",
    Mender.PARTNER,
)
SILENT_ALGORITHMS = Finding(
    Level.NOTE, "It does not say how it signs ID tokens.", Mender.PARTNER
)  # fmt: skip
NO_ALGORITHM = Finding(
    Level.FAULT,
    "It signs ID tokens by none of the algorithms that the portal accepts"
    f" ({', '.join(ALGORITHMS)}). Whoever runs the provider must choose one, as RS256.",
    Mender.PARTNER,
)
NEITHER = Finding(
    Level.FAULT,
    "It accepts neither client_secret_basic nor client_secret_post, the two ways in which the"
    " portal can prove itself. Whoever runs the provider must allow one.",
    Mender.PARTNER,
)
NO_ISS = Finding(
    Level.NOTE,
    "It does not promise to name itself in its answers (RFC 9207). That is fine: its answers come"
    " to an address of their own.",
)
AUTH = "token_endpoint_auth_methods_supported"


def not_accepted(name: str, other: str) -> Finding:
    text = f"It does not accept {name}. Choose {other}."
    return Finding(Level.FAULT, text, Mender.ADMIN, "client_auth")


def no_scope(names: str) -> Finding:
    text = f"It does not list the scope {names}: what that brings may be missing."
    return Finding(Level.NOTE, text, Mender.ADMIN, "scopes")


def not_strong(listed: str) -> Finding:
    return Finding(
        Level.NOTE,
        "It lists none of the accepted sign-in strengths; people may be refused as not strongly"
        f" enough signed in. It lists: {listed}.",
        Mender.ADMIN,
        "accepted_acr",
    )


PINNED = replace(ACME, endpoint_hosts=("id.acme.example", "old.acme.example"))
ELSEWHERE = {"token_endpoint": "https://b.example/t", "userinfo_endpoint": "https://A.example/u"}
MOVED = Finding(
    Level.NOTE,
    "Its addresses moved to a.example, b.example; the last test that passed saw id.acme.example,"
    " old.acme.example. This test accepts them: if whoever runs the provider did not mean it,"
    " disable it.",
    Mender.ADMIN,
)
GOLD = replace(ACME, accepted_acr=("gold", "silver"))
POST = replace(ACME, client_auth="client_secret_post")
UPN = replace(ACME, claim_map={"email": "upn", "name": "cn", "phone": "cn"})


@pytest.mark.parametrize(
    ("connection", "changes", "expected"),
    [
        (PINNED, {}, []),
        (PINNED, ELSEWHERE, [MOVED]),
        (ACME, ELSEWHERE, []),
        (ACME, {"response_types_supported": ["id_token"]}, [NO_CODE_FLOW]),
        (ACME, {"grant_types_supported": ["implicit"]}, [NO_CODE_FLOW]),
        (ACME, {"response_types_supported": [], "grant_types_supported": []}, [NO_CODE_FLOW]),
        (ACME, {"response_types_supported": None}, []),
        (ACME, {"grant_types_supported": None}, []),
        (ACME, {"code_challenge_methods_supported": ["plain"]}, [NO_S256]),
        (ACME, {"code_challenge_methods_supported": []}, [NO_S256]),
        (ACME, {"code_challenge_methods_supported": None}, [SILENT_PKCE]),
        (ACME, {"id_token_signing_alg_values_supported": ["HS256", "none"]}, [NO_ALGORITHM]),
        (ACME, {"id_token_signing_alg_values_supported": []}, [NO_ALGORITHM]),
        (ACME, {"id_token_signing_alg_values_supported": None}, [SILENT_ALGORITHMS]),
        (ACME, {AUTH: None}, []),
        (ACME, {AUTH: ["client_secret_post"]},
         [not_accepted("client_secret_basic", "client_secret_post")]),
        (POST, {AUTH: ["client_secret_basic"]},
         [not_accepted("client_secret_post", "client_secret_basic")]),
        (POST, {AUTH: None}, [not_accepted("client_secret_post", "client_secret_basic")]),
        (POST, {}, [good("It accepts client_secret_post.")]),
        (ACME, {AUTH: ["private_key_jwt"]}, [NEITHER]),
        (ACME, {AUTH: []}, [NEITHER]),
        (ACME, {"scopes_supported": ["openid"]}, [no_scope("email, profile")]),
        (ACME, {"scopes_supported": ["openid", "email"]}, [no_scope("profile")]),
        (ACME, {"scopes_supported": None}, []),
        (ACME, {"scopes_supported": []}, []),
        (GOLD, {}, []),
        (GOLD, {"acr_values_supported": None}, []),
        (GOLD, {"acr_values_supported": ["bronze"]}, [not_strong("bronze")]),
        (GOLD, {"acr_values_supported": []}, [not_strong("none")]),
        (GOLD, {"acr_values_supported": [str(one) for one in range(11)]},
         [not_strong("0, 1, 2, 3, 4, 5, 6, 7, 8, 9")]),
        (ACME, {"acr_values_supported": ["bronze"]}, []),
        (ACME, {"authorization_response_iss_parameter_supported": False}, [NO_ISS]),
        (UPN, {"userinfo_endpoint": None},
         [Finding(Level.NOTE, "It has no UserInfo: its ID token itself must bring cn, upn.",
                  Mender.PARTNER)]),
    ],
)  # fmt: skip
def test_a_finding(connection: Connection, changes: dict[str, Any], expected: list[Finding]):
    """What is not as good as it could be, and who can mend it where."""
    assert others(connection, **changes) == expected


@pytest.mark.parametrize(
    ("usable", "words"), [(1, "1 key"), (2, "2 keys"), (0, "0 keys"), (11, "11 keys")]
)
def test_keys_are_counted(usable: int, words: str):
    """One key, two keys."""
    finding = good(f"It publishes {words} that can check its ID tokens.")
    assert finding in found(ACME, metadata(), usable, []).findings


def test_keys_left_out_are_named_once():
    """And who publishes them."""
    findings = found(ACME, metadata(), 2, ["a weak key", "an odd key", "a weak key"]).findings
    assert findings[:2] == tuple(
        Finding(Level.NOTE, f"Its key set also holds {one}; it is not used.", Mender.PARTNER, None)
        for one in ("a weak key", "an odd key")
    )
    assert len(findings) == len(ALL_GOOD) + 2


def test_faults_come_first():
    """Then what is worth a note, then what is good; the first fault is the one to mend now."""
    outcome = found(
        ACME,
        metadata(
            code_challenge_methods_supported=[],
            authorization_response_iss_parameter_supported=False,
            token_endpoint_auth_methods_supported=[],
            subject_types_supported=None,
        ),
        2,
        [],
    )
    levels = [one.level for one in outcome.findings]
    assert levels == [Level.FAULT] * 2 + [Level.NOTE] + [Level.GOOD] * 5
    assert outcome.passed is False
    assert outcome.fault == NO_S256
    assert outcome.subject_types == ()


def test_a_note_keeps_nobody_out():
    """Only a fault does."""
    assert Findings((Finding(Level.NOTE, "x"),)).passed is True
    assert Findings((Finding(Level.NOTE, "x"),)).fault is None
    assert Findings((Finding(Level.GOOD, "x"), Finding(Level.FAULT, "y"))).passed is False
    assert Findings(()).passed is True


def test_as_json():
    """Stable keys: the table and scripts hold them."""
    outcome = Findings((Finding(Level.FAULT, "x", Mender.ADMIN, "issuer"),), ("h",), ("public",))
    assert outcome.as_json() == {
        "passed": False,
        "hosts": ["h"],
        "subject_types": ["public"],
        "findings": [{"level": "fault", "text": "x", "mender": "admin", "field": "issuer"}],
    }
    assert Findings(()).as_json() == {
        "passed": True,
        "hosts": [],
        "subject_types": [],
        "findings": [],
    }


def test_words_that_are_stored():
    """The table of tests holds them."""
    assert [*Level] == ["good", "note", "fault"]
    assert [*Mender] == ["nobody", "admin", "partner", "operator"]


MUST = (Mender.PARTNER, None, "Whoever runs the provider must mend this.")
ADVICE = {
    R.NET_BLOCKED: (
        Mender.OPERATOR,
        "issuer",
        (
            "The issuer, or an address in its document, is not on the public internet, not https or"
            " on an unusual port. The portal fetches from public https addresses only; exceptions"
            " are PORTAL_EGRESS_PRIVATE_HOSTS."
        ),
    ),
    R.NET_REDIRECT: (
        Mender.PARTNER,
        "issuer",
        (
            "The provider redirects to another address; the portal does not follow. Enter the"
            " address that it redirects to, if that is the issuer."
        ),
    ),
    R.NET_LIMIT: (
        Mender.PARTNER,
        "issuer",
        (
            "There was no usable answer: the provider must answer within 5 seconds, with status"
            " 200, with JSON and with less than 1 MB. Is this the issuer's address and not that of"
            " a web page?"
        ),
    ),
    R.NET_TLS: (
        Mender.PARTNER,
        "issuer",
        (
            "The provider's certificate is not valid for its name, expired, or of an authority that"
            " the portal does not know (PORTAL_CA_FILE adds one)."
        ),
    ),
    R.NET_UNREACHABLE: (
        Mender.PARTNER,
        "issuer",
        (
            "Nothing answers at this address. Check the spelling; if it is right, the provider is"
            " down or the portal's network does not let it through."
        ),
    ),
    R.NET_ORIGIN: (
        Mender.ADMIN,
        None,
        (
            "The provider's addresses moved to another host since the last test. If that is right,"
            " this test accepts them."
        ),
    ),
    R.METADATA: (
        Mender.ADMIN,
        "issuer",
        (
            "Enter the issuer exactly as the provider's discovery document has it, with or without"
            " a slash at the end; if that is so already, whoever runs the provider must mend the"
            " document."
        ),
    ),
}


@pytest.mark.parametrize("reason", SignInReason)
def test_a_test_that_could_not_be_finished(reason: SignInReason):
    """What happened, as a sentence, and what to do about it, at which field."""
    mender, field, advice = ADVICE.get(reason, MUST)
    finding = Finding(Level.FAULT, f"The id token is Odd. {advice}", mender, field)
    assert failed(Failure(reason, "the id token is Odd")) == Findings((finding,))


def test_a_failure_without_words():
    """Nothing breaks."""
    assert failed(Failure(R.SIGNATURE, "")).findings[0].text == f". {MUST[2]}"
