"""The vocabulary: exactly these events, exactly these keys; canonical, digested, replayable."""

import time
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType
from uuid import UUID

import pytest

from portal.audit.rules import (
    RULES_VERSION,
    VOCABULARY,
    Event,
    Shape,
    WrongEvent,
    check,
    digest,
    fold,
    plain,
)

param = pytest.param
ONE = UUID(int=1)


@pytest.mark.parametrize(
    "event",
    [
        param(Event("guest.created", sets={f"guest:{ONE}": {"state": "pending"}}), id="sets"),
        param(Event("terms.accepted", personal={f"guest:{ONE}": {"name": "J"}}), id="personal"),
        param(Event("sign_in.refused", data={"reasons": [], "identity_provider": "x"}), id="keys"),
        param(Event("guest.refreshed"), id="nothing"),
        param(Event("guest.refreshed", personal={"seen": {"email": "a@b.c"}}), id="what was seen"),
    ],
)
def test_an_event_of_the_vocabulary_passes(event):
    """It sets what it may and carries what it must."""
    check(event)


@pytest.mark.parametrize(
    ("event", "complaint"),
    [
        param(Event("guest.vanished"), "guest.vanished is not in the vocabulary", id="unknown"),
        param(
            Event("guest.suspended", sets={f"sponsorship:{ONE}": {}}),
            "guest.suspended may not set ['sponsorship']",
            id="a table that is not its own",
        ),
        param(
            Event("guest.suspended", personal={f"staff:{ONE}": {}}),
            "guest.suspended may not set ['staff']",
            id="a personal column that is not its own",
        ),
        param(
            Event("sign_in.refused", data={"reasons": []}),
            "sign_in.refused carries ['reasons'], not ['identity_provider', 'reasons']",
            id="a key is missing",
        ),
        param(
            Event("guest.suspended", data={"why": "x"}),
            "guest.suspended carries ['why'], not []",
            id="a key too many",
        ),
    ],
)
def test_any_other_event_fails_the_change(event, complaint):
    """No event says less or more than it declares."""
    with pytest.raises(WrongEvent) as refused:
        check(event)
    assert str(refused.value) == complaint


def test_every_name_is_a_noun_and_a_verb():
    """So that a filter can ask for all that happened to guests."""
    assert all(len(name.split(".")) == 2 and name.islower() for name in VOCABULARY)


class Word(StrEnum):
    YES = "yes"


BERLIN = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2026, 3, 2, 9, tzinfo=UTC), "2026-03-02T09:00:00Z"),
        (datetime(2026, 3, 2, 10, 0, 0, 5, tzinfo=BERLIN), "2026-03-02T09:00:00.000005Z"),
        (date(2026, 3, 2), "2026-03-02"),
        (ONE, str(ONE)),
        (Word.YES, "yes"),
        (MappingProxyType({ONE: [date(2026, 3, 2)]}), {str(ONE): ["2026-03-02"]}),
        ((1, None, True), [1, None, True]),
        ({"b", "a"}, ["a", "b"]),
        (frozenset({2, 1}), [1, 2]),
        ({8, 1}, [1, 8]),  # as it lies in memory, 8 comes first
        (["b", "a"], ["b", "a"]),
        (1.5, 1.5),
        (None, None),
    ],
)
def test_plain(value, expected):
    """What JSON can hold, in one spelling."""
    assert plain(value) == expected


def test_an_instant_is_in_utc_wherever_the_machine_stands(monkeypatch):
    """Two machines write one log."""
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    try:
        assert plain(datetime(2026, 3, 2, 9, tzinfo=UTC)) == "2026-03-02T09:00:00Z"
        assert plain(datetime(2026, 3, 2, 10, tzinfo=BERLIN)) == "2026-03-02T09:00:00Z"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_shape_asks_for_nothing_by_default():
    """An event that sets and carries nothing."""
    assert (Shape().sets, Shape().keys) == (frozenset(), frozenset())


def test_digest():
    """Salted, over canonical JSON: the same whatever order the keys come in, and known."""
    text = '{"email":"j\u00e4ne@acme.example","name":"J"}'
    expected = sha256(f"salt:{text}".encode()).hexdigest()
    assert digest("salt", {"name": "J", "email": "j\u00e4ne@acme.example"}) == expected
    assert digest("other", {"name": "J", "email": "j\u00e4ne@acme.example"}) != expected


def test_fold():
    """Later events win column by column; personal columns join; what was seen makes no row."""
    events = [
        (
            {"sets": {"guest:1": {"state": "pending", "hold": False}}},
            {"guest:1": {"name": "Jane"}},
        ),
        ({"kind": "x"}, {}),
        ({"sets": {"guest:1": {"state": "active"}, "sponsorship:2": {"state": "active"}}}, {}),
        ({}, {"seen": {"email": "a@b.c"}}),
    ]
    assert fold(events) == {
        "guest": {"1": {"state": "active", "hold": False, "name": "Jane"}},
        "sponsorship": {"2": {"state": "active"}},
    }


def test_a_new_event_carries_nothing_by_default():
    """Events that set nothing share no state."""
    event = Event("guest.refreshed")
    assert (event.sets, event.data, event.personal) == ({}, {}, {})
    assert (event.organisation_id, event.guest_id, event.reason, event.person_id) == (None,) * 4
    with pytest.raises(TypeError):
        event.sets["x"] = {}
    assert RULES_VERSION == 1
