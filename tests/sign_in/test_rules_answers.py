"""What a provider's answer and its token are read as, before anything is believed."""

from typing import Any

import pytest

from portal.sign_in.rules import (
    ALGORITHMS,
    Answer,
    Failure,
    Side,
    SignInReason,
    provider_error,
    read_answer,
    side_of,
    split,
    token_error,
)
from tests.hostile.keys import b64

R = SignInReason


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ({"state": ["s"], "code": ["c"]}, Answer("s", "c", None, None)),
        ({"state": ["s"], "code": ["c"], "iss": [""]}, Answer("s", "c", "", None)),
        (
            {"state": ["s"], "code": ["c"], "other": ["x", "y"]},
            Answer("s", "c", None, None),
        ),
        ({"state": ["s"], "error": ["e"], "code": ["c"]}, Answer("s", None, None, "e")),
        ({"state": [""], "code": ["c"]}, R.STATE),
        ({"code": ["c"]}, R.STATE),
        ({"state": ["s"]}, R.STATE),
        ({"state": ["s", "s"], "code": ["c"]}, R.STATE),
        ({"state": ["s"], "code": ["c", "c"]}, R.STATE),
        ({"state": ["s\0"], "code": ["c"]}, R.STATE),
        ({"state": ["s"], "code": ["c" * 9000]}, R.STATE),
        ({"state": ["\ud800"], "code": ["c"]}, R.STATE),
        ({}, R.STATE),
    ],
)
def test_read_answer(args: Any, expected: Answer | SignInReason) -> None:
    """Only what came once, and is plain text, is read."""
    answer = read_answer(args)
    assert (answer.reason if isinstance(answer, Failure) else answer) == expected


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("a.b.c", R.SIGNATURE),
        ("....", R.SIGNATURE),
        ("ä.b.c", R.SIGNATURE),
        (b64(b"[" * 20_000) + ".e30.x", R.SIGNATURE),
        (b64(b'{"alg":"RS256"}') + ".e30", R.SIGNATURE),
        (b64(b'{"alg":"RS256"}') + ".W10.x", R.SIGNATURE),
        (b64(b'{"alg":"RS256"}') + ".e30.x.y.z", R.SIGNATURE),
        (b64(b'{"alg":"RSA-OAEP","enc":"A128GCM"}') + ".a.b.c.d", R.ALGORITHM),
        (b64(b'{"alg":"RS256","kid":7}') + ".e30.x", R.SIGNATURE),
        (b64(b'{"alg":["RS256"]}') + ".e30.x", R.ALGORITHM),
        (b64(b"{}") + ".e30.x", R.ALGORITHM),
        ("x" * 70_000, R.NET_LIMIT),
    ],
)
def test_split(token: str, reason: SignInReason) -> None:
    """What is no signed JWT ends before any key is looked for."""
    failure = split(token)
    assert isinstance(failure, Failure)
    assert failure.reason is reason


def test_algorithms_are_asymmetric() -> None:
    """No algorithm whose key anybody but the provider could have."""
    assert not any(name.startswith("HS") or name.lower() == "none" for name in ALGORITHMS)


def test_every_reason_has_a_side() -> None:
    """Network trouble is the partner's, but where we do not go is the admin's."""
    assert {side_of(reason) for reason in SignInReason} == set(Side)
    assert side_of(R.NET_LIMIT) is Side.PARTNER
    assert side_of(R.NET_BLOCKED) is Side.ADMIN
    assert side_of(R.STATE) is Side.PERSON


@pytest.mark.parametrize(
    "error",
    ["<script>alert(1)</script>", "{{7*7}}", "javascript:x", "a" * 65, "a b", "A", "\u202e"],
)
def test_n14_an_error_is_a_code_or_is_not_repeated(error: str) -> None:
    """What a provider calls an error stands in the log only if it looks like a code."""
    for failure in (provider_error(error), token_error(error)):
        assert error not in failure.detail
    assert "temporarily_unavailable" in provider_error("temporarily_unavailable").detail
