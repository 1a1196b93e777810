"""Which messages may be put, and what follows a failure."""

from dataclasses import replace
from datetime import timedelta

import pytest

from portal.delivery.rules import (
    FIRST_PAUSE,
    KINDS,
    LONGEST_PAUSE,
    MOST_TRIES,
    MOST_TRIES_REFUSED,
    PATHS,
    Failed,
    Message,
    Shape,
    WrongMessage,
    after_failure,
    check,
    pause_after,
)
from portal.delivery.words import SHOWN
from tests.delivery.samples import PAYLOADS, message


def test_every_kind_has_a_sample_a_link_and_words_for_its_fields():
    """A kind that is added is added everywhere."""
    assert set(PAYLOADS) == set(KINDS) == set(PATHS)
    fields = {field for shape in KINDS.values() for field in shape.required | shape.optional}
    assert fields <= set(SHOWN)


@pytest.mark.parametrize("kind", KINDS)
def test_the_samples_fit(kind):
    """What a kind declares is enough."""
    check(message(kind))
    check(message(kind, reference="7K3F-9QX-M2D"))


GOOD = message("guest.rejected")
NO_ONE = "guest.rejected needs one address to go to"
KEY = "guest.rejected needs a key of 200 characters at most"
LONGEST = f"{'a' * 241}@acme.example"  # 254 characters


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        pytest.param(
            replace(GOOD, kind="guest.cheered"), "guest.cheered is no kind of mail", id="unknown"
        ),
        pytest.param(
            replace(GOOD, payload={}), "guest.rejected lacks ['organisation']", id="key missing"
        ),
        pytest.param(
            replace(GOOD, payload={"organisation": "Acme", "token": "x", "a": "y"}),
            "guest.rejected does not carry ['a', 'token']",
            id="keys too many",
        ),
        pytest.param(replace(GOOD, dedupe_key=""), KEY, id="no key"),
        pytest.param(replace(GOOD, dedupe_key="k" * 201), KEY, id="key too long"),
        *(
            pytest.param(replace(GOOD, to=to), NO_ONE, id=f"to {to[:40]!r}")
            for to in (
                "",
                "ada",
                "a@acme.example,b@evil.example",
                "a@acme.example b@evil.example",
                "a@acme.example\r\nBcc: b@evil.example",
                "a@acme.example\nb",
                "<a@acme.example>",
                "Ada <a@acme.example>",
                "a@evil.example(@acme.example",
                '"a@acme.example"@evil.example',
                "a@acme.example\0",
                f"a{LONGEST}",
            )
        ),
    ],
)
def test_check_refuses(wrong: Message, says: str):
    """A message that could not be rendered, or has not exactly one recipient, fails the change."""
    with pytest.raises(WrongMessage) as refused:
        check(wrong)
    assert str(refused.value) == says


def test_the_longest_and_the_shortest_pass():
    """An address of 254 characters, a key of 1 and of 200."""
    assert len(LONGEST) == 254
    for good in (replace(GOOD, to=LONGEST), *(replace(GOOD, dedupe_key="k" * n) for n in (1, 200))):
        check(good)


def test_a_kind_may_carry_nothing_more_than_it_must():
    """By default."""
    assert Shape(frozenset({"a"})).optional == frozenset()


@pytest.mark.parametrize(
    ("tries", "minutes"),
    [(1, 1), (2, 2), (3, 4), (4, 8), (6, 32), (7, 60), (8, 60), (100, 60), (10_000, 60)],
)
def test_pauses_grow_to_an_hour(tries, minutes):
    """The first failures are soon forgotten, a long one does not hammer the server."""
    assert pause_after(tries) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("tries", "refused", "expected"),
    [
        pytest.param(1, False, Failed(FIRST_PAUSE), id="first failure"),
        pytest.param(1, True, Failed(FIRST_PAUSE), id="refused, but perhaps our setting was wrong"),
        pytest.param(
            MOST_TRIES_REFUSED - 1, True, Failed(timedelta(minutes=8)), id="refused again"
        ),
        pytest.param(MOST_TRIES_REFUSED, True, Failed(None), id="refused for good"),
        pytest.param(
            MOST_TRIES_REFUSED, False, Failed(timedelta(minutes=16)), id="server still down"
        ),
        pytest.param(MOST_TRIES - 1, False, Failed(LONGEST_PAUSE), id="last but one"),
        pytest.param(MOST_TRIES, False, Failed(None), id="given up"),
        pytest.param(MOST_TRIES + 1, False, Failed(None), id="past the end"),
    ],
)
def test_after_failure(tries, refused, expected):
    """A message is tried again, less and less often, and is dead in the end."""
    assert after_failure(tries, refused=refused) == expected
    assert expected.dead == (expected.pause is None)


def test_a_day_without_mail_server_kills_nothing():
    """J16, the arithmetic of it: the pauses of all tries last more than three days."""
    assert sum((pause_after(tries) for tries in range(1, MOST_TRIES)), timedelta()) > timedelta(3)
