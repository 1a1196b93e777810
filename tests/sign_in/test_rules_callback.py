"""What the browser brings back: each fault by itself, at its bound, in its words."""

from typing import Any

import pytest

from portal.sign_in.rules import (
    Answer,
    Failure,
    SignInReason,
    check_answer,
    provider_error,
    read_answer,
    token_error,
)
from portal.sign_in.rules.callback import MOST_CHARACTERS

R = SignInReason
ISSUER = "https://id.acme.example"
GOOD = {"state": ["s"], "code": ["c"]}


@pytest.mark.parametrize("name", ["state", "code", "iss", "error", "error_description"])
@pytest.mark.parametrize("values", [["x", "x"], ["x", "y", "z"]])
def test_a_parameter_comes_once(name: str, values: list[str]):
    """Each that counts, also where another is good."""
    failure = read_answer(GOOD | {name: values})
    assert failure == Failure(R.STATE, f"the answer has {name} twice")


@pytest.mark.parametrize("name", ["state", "code", "iss", "error"])
@pytest.mark.parametrize("value", ["x\0", "x" * (MOST_CHARACTERS + 1)])
def test_a_parameter_is_plain_text(name: str, value: str):
    """Each that is read, also where another is good."""
    failure = read_answer(GOOD | {name: [value]})
    assert failure == Failure(R.STATE, f"the answer has a {name} that is not plain text")


@pytest.mark.parametrize("words", ["AADSTS65004: No.\r\nTrace ID: 1", "x" * 9000, ""])
def test_a_description_is_read_by_nobody(words: str):
    """Entra's have line breaks: whoever was denied there was told to begin in one browser."""
    args = {"state": ["s"], "error": ["access_denied"], "error_description": [words]}
    assert read_answer(args) == Answer("s", None, None, "access_denied")


@pytest.mark.parametrize("name", ["state", "code", "iss", "error"])
def test_the_longest_parameter(name: str):
    """Entra's codes have about 2,000 characters; four times that is enough for anybody."""
    assert MOST_CHARACTERS == 8192
    assert isinstance(read_answer(GOOD | {name: ["x" * MOST_CHARACTERS]}), Answer)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({"code": ["c"]}, "the answer has no state"),
        ({"state": [""], "code": ["c"]}, "the answer has no state"),
        ({"state": [], "code": ["c"]}, "the answer has no state"),
        ({"state": ["s"]}, "the answer has neither a code nor an error"),
        ({"state": ["s"], "code": [""]}, "the answer has neither a code nor an error"),
        ({"state": ["s"], "error": [""]}, "the answer has neither a code nor an error"),
        ({"state": ["s"], "code": ["c"]}, Answer("s", "c", None, None)),
        ({"state": ["s"], "code": ["c"], "error": [""]}, Answer("s", "c", None, "")),
        ({"state": ["s"], "code": ["c"], "iss": ["i"]}, Answer("s", "c", "i", None)),
        ({"state": ["s"], "error": ["e"]}, Answer("s", None, None, "e")),
        ({"state": ["s"], "error": ["e"], "iss": ["i"]}, Answer("s", None, "i", "e")),
    ],
)
def test_what_an_answer_must_have(args: Any, expected: Answer | str):
    """A state, and a code or an error; an error goes before a code."""
    wanted = Failure(R.STATE, expected) if isinstance(expected, str) else expected
    assert read_answer(args) == wanted


def test_an_answer_does_not_show_what_opens_doors():
    """State and code stay out of logs that print it."""
    shown = repr(Answer("the-state", "the-code", "i", "e"))
    assert shown == "Answer(issuer='i', error='e')"


ANOTHER = Failure(R.MIX_UP, "the answer says that another issuer gave it")
NONE_CAME = Failure(R.MIX_UP, "the provider promises iss in its answers: none came")
NO = Failure(R.DENIED, "the provider answered access_denied")


@pytest.mark.parametrize(
    ("issuer", "error", "promised", "expected"),
    [
        (None, None, False, None),
        (ISSUER, None, False, None),
        (ISSUER, None, True, None),
        (None, None, True, NONE_CAME),
        (None, "access_denied", True, NONE_CAME),
        (f"{ISSUER}/", None, False, ANOTHER),
        (f"{ISSUER}/", None, True, ANOTHER),
        ("", None, False, ANOTHER),
        (f"{ISSUER}/", "access_denied", False, ANOTHER),
        (ISSUER, "access_denied", True, NO),
        (None, "access_denied", False, NO),
    ],
)
def test_an_answer_is_of_its_provider(
    issuer: str | None, error: str | None, expected: Failure | None, *, promised: bool
):
    """RFC 9207, 2.4: to the letter, and for errors too."""
    answer = Answer("s", None if error else "c", issuer, error)
    assert check_answer(answer, issuer=ISSUER, iss_promised=promised) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("access_denied", (R.DENIED, "access_denied")),
        ("consent_required", (R.DENIED, "consent_required")),
        ("unmet_authentication_requirements", (R.ASSURANCE, "unmet_authentication_requirements")),
        ("server_error", (R.PROVIDER_ERROR, "server_error")),
        ("temporarily_unavailable", (R.PROVIDER_ERROR, "temporarily_unavailable")),
        ("login_required", (R.PROVIDER_ERROR, "login_required")),
        ("a" * 64, (R.PROVIDER_ERROR, "a" * 64)),
        ("z_a", (R.PROVIDER_ERROR, "z_a")),
        ("a" * 65, (R.PROVIDER_ERROR, "an error code that is none")),
        ("", (R.PROVIDER_ERROR, "an error code that is none")),
        ("ACCESS_DENIED", (R.PROVIDER_ERROR, "an error code that is none")),
        ("access_denied\n", (R.PROVIDER_ERROR, "an error code that is none")),
    ],
)
def test_an_error_of_the_provider(error: str, expected: tuple[SignInReason, str]):
    """Said no, too weak, or in trouble; what is no code is not repeated."""
    reason, shown = expected
    assert provider_error(error) == Failure(reason, f"the provider answered {shown}")


NO_CODE = Failure(
    R.TOKEN_ENDPOINT, "the token endpoint answered an error code that is none"
)  # fmt: skip
SPENT = Failure(R.STATE, "the provider says that the code is used or expired")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("invalid_grant", SPENT),
        ("server_error", Failure(R.PROVIDER_ERROR, "the provider answered server_error")),
        (
            "temporarily_unavailable",
            Failure(R.PROVIDER_ERROR, "the provider answered temporarily_unavailable"),
        ),
        (
            "invalid_client",
            Failure(R.TOKEN_ENDPOINT, "the token endpoint answered invalid_client"),
        ),
        *(
            (wrong, NO_CODE)
            for wrong in ("", "a" * 65, "<b>", None, 7, ["invalid_grant"], True)
        ),
    ],
)  # fmt: skip
def test_an_error_of_the_token_endpoint(error: object, expected: Failure):
    """A used code is the person's to repeat; the rest is the admin's to mend."""
    assert token_error(error) == expected
