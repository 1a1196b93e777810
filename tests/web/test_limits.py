"""Rate limits hold with Redis and without it."""

import socket
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from threading import Thread
from uuid import uuid4

import pytest
from limits.storage import RedisStorage
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from portal.foundation import clock
from portal.foundation.current import house
from portal.web import limits
from portal.web.limits import Counters, allowed, client_network, halved
from tests.web.conftest import PUBLIC, viewer


def statuses(client, path: str, times: int, **more) -> list[int]:
    return [client.get(path, base_url=PUBLIC, **more).status_code for _ in range(times)]


def test_a_client_address_has_a_limit(make_kit, redis_url):
    """All its pages together; another address has its own."""
    kit = make_kit(redis_url=redis_url, limit_per_address="3 per minute", env="development")
    client = kit.client()
    assert statuses(client, "/form", 2) + statuses(client, "/link", 2) == [200, 200, 200, 429]
    assert kit.refusals[-1].code == "rate"
    assert statuses(client, "/form", 1, environ_overrides={"REMOTE_ADDR": "192.0.2.8"}) == [200]
    answer = client.get("/form", base_url=PUBLIC)
    assert "Too many tries" in answer.text


def test_whoever_was_too_fast_is_told_when_to_come_back(make_kit, redis_url):
    """In seconds, within the window of the limit; nobody else is told anything."""
    kit = make_kit(redis_url=redis_url, limit_per_address="1 per minute", env="development")
    client = kit.client()
    first, second = (client.get("/form", base_url=PUBLIC) for _ in range(2))
    assert (first.status_code, "Retry-After" in first.headers) == (200, False)
    assert second.status_code == 429
    assert 1 <= int(second.headers["Retry-After"]) <= 61


def test_signing_in_has_a_tighter_one(make_kit, redis_url):
    """Whatever the page."""
    kit = make_kit(redis_url=redis_url, limit_sign_in_per_address="2 per minute", env="development")
    assert statuses(kit.client(), "/door", 3) == [200, 200, 429]
    assert statuses(kit.client(), "/form", 3) == [200, 200, 200]


def test_a_person_has_one_too(make_kit, redis_url):
    """From however many addresses."""
    kit = make_kit(redis_url=redis_url, limit_per_account="2 per minute", env="development")
    kit.viewer = viewer("staff", "admin")
    found = [
        kit.get("/admin", environ_overrides={"REMOTE_ADDR": f"192.0.2.{n}"}).status_code
        for n in range(3)
    ]
    assert found == [200, 200, 429]
    kit.viewer = None
    assert statuses(kit.client(), "/form", 5) == [200] * 5


def test_colleagues_behind_one_address_take_nothing_from_each_other(make_kit, redis_url):
    """Nor from whoever is not signed in there; all of these together have the address's."""
    kit = make_kit(
        redis_url=redis_url,
        limit_per_address="1 per minute",
        limit_per_account="2 per minute",
        env="development",
    )
    for one in (viewer("staff", "admin"), replace(viewer("staff", "admin"), id=uuid4())):
        kit.viewer = one
        assert statuses(kit.client(), "/admin", 3) == [200, 200, 429]
    kit.viewer = None
    assert statuses(kit.client(), "/form", 2) == [200, 429]


def test_an_address_that_leads_nowhere_counts_and_looks_nobody_up(make_kit, redis_url, monkeypatch):
    """A scanner has the same limit as anybody, and costs no read."""
    kit = make_kit(redis_url=redis_url, limit_per_address="2 per minute", env="development")
    monkeypatch.setattr(limits, "current_viewer", lambda: pytest.fail("somebody was looked up"))
    assert statuses(kit.client(), "/wp-admin", 3) == [404, 404, 429]


def test_j09_an_emptied_redis_counts_anew(make_kit, redis_url):
    """Nothing breaks."""
    kit = make_kit(redis_url=redis_url, limit_per_address="2 per minute", env="development")
    assert statuses(kit.client(), "/form", 3) == [200, 200, 429]
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
    assert statuses(kit.client(), "/form", 3) == [200, 200, 429]


def test_j09_without_redis_the_limits_are_stricter_and_never_off(make_kit, tmp_path):
    """Half of everything, counted in memory, and health can say so."""
    nowhere = f"unix://:x@{tmp_path}/nowhere.sock"
    kit = make_kit(redis_url=nowhere, limit_per_address="6 per minute")
    assert statuses(kit.client(), "/form", 5) == [200, 200, 200, 429, 429]
    with kit.app.test_request_context("/"):
        assert limits.degraded()


def test_j09_where_there_is_no_redis_at_all_it_is_the_same(make_kit):
    """A web server by itself, without a queue in its settings or its folder."""
    kit = make_kit(limit_per_address="6 per minute")
    assert statuses(kit.client(), "/form", 5) == [200, 200, 200, 429, 429]
    with kit.app.test_request_context("/"):
        assert limits.degraded()


def test_j09_redis_is_asked_again_after_a_while(make_kit, redis_url, monkeypatch):
    """Not at every request, since each may wait for it; what it counted before still counts."""
    kit = make_kit(redis_url=redis_url, limit_per_address="4 per minute", env="development")
    counters, client = house(kit.app)["limits"], kit.client()
    assert statuses(client, "/form", 3) == [200] * 3
    asked, there = [], RedisStorage.incr

    def gone(self, *args, **more):
        asked.append(args)
        raise RedisConnectionError("gone")

    monkeypatch.setattr(RedisStorage, "incr", gone)
    assert statuses(client, "/form", 3) == [200, 200, 429]
    assert (len(asked), counters.degraded) == (1, True)
    monkeypatch.setattr(RedisStorage, "incr", there)
    assert statuses(client, "/form", 1) == [429]
    later = time.monotonic() + 11
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert statuses(client, "/form", 2) == [200, 429]
    assert not counters.degraded


def test_j09_one_looks_whether_redis_is_back_and_nobody_waits_with_it(
    make_kit, redis_url, monkeypatch
):
    """It may take a second to find out: what comes in meanwhile is counted in memory."""
    kit = make_kit(redis_url=redis_url, env="development")
    counters, asked = house(kit.app)["limits"], []

    def gone(self, *args, **more):
        asked.append(args)
        if len(asked) == 2:
            assert counters.wait("2 per minute", "meanwhile") is None
        raise RedisConnectionError("gone")

    monkeypatch.setattr(RedisStorage, "incr", gone)
    assert counters.wait("2 per minute", "before") is None
    later = time.monotonic() + 11
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert counters.wait("2 per minute", "later") is None
    assert len(asked) == 2


class Cleared(Counters):
    """Another thread finds Redis back between two looks at it."""

    away = None

    @property
    def _away_until(self):
        away, self.away = self.away, None
        return away

    @_away_until.setter
    def _away_until(self, until):
        self.away = until


def test_j09_who_finds_redis_back_stops_no_other_thread(redis_url):
    """Each goes by what it read."""
    counters = Cleared(redis_url)
    counters.away = time.monotonic() + 5
    assert counters.wait("2 per minute", "somebody") is None


def test_j15_redis_is_asked_again_though_the_clock_was_put_back(make_kit, redis_url, monkeypatch):
    """The pause is counted by a clock that never goes back: nobody is held shorter for an hour."""
    kit = make_kit(redis_url=redis_url, limit_per_address="4 per minute", env="development")
    counters, client = house(kit.app)["limits"], kit.client()
    with monkeypatch.context() as patch:
        patch.setattr(RedisStorage, "incr", _gone)
        assert statuses(client, "/form", 1) == [200]
    assert counters.degraded
    back, later = clock.protocol_now() - timedelta(hours=1), time.monotonic() + 11
    monkeypatch.setattr(clock, "protocol_now", lambda: back)
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert statuses(client, "/form", 1) == [200]
    assert not counters.degraded


def _gone(*_arguments, **_more):
    raise RedisConnectionError("gone")


def test_j09_who_hangs_up_is_asked_twice_and_no_more(make_kit):
    """The page does not wait for a Redis that is going down."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        calls = []

        def hang_up():
            with suppress(OSError):
                while True:
                    door.accept()[0].close()
                    calls.append(1)

        Thread(target=hang_up, daemon=True).start()
        url = f"redis://:x@127.0.0.1:{door.getsockname()[1]}/0"
        kit = make_kit(redis_url=url, limit_per_address="6 per minute", env="development")
        assert statuses(kit.client(), "/form", 4) == [200, 200, 200, 429]
        assert 1 <= len(calls) <= 2


def test_with_redis_nothing_is_degraded(make_kit, redis_url):
    """Health says so."""
    kit = make_kit(redis_url=redis_url, env="development")
    assert kit.get("/form").status_code == 200
    with kit.app.test_request_context("/"):
        assert not limits.degraded()


def test_static_files_and_probes_are_not_counted(make_kit, redis_url):
    """A page has five of them."""
    kit = make_kit(redis_url=redis_url, limit_per_address="1 per minute", env="development")
    assert statuses(kit.client(), "/static/portal.css", 3) == [200] * 3
    assert statuses(kit.client(), "/brand.css", 3) == [200] * 3


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("192.0.2.7:50123", "192.0.2.7"),
        ("[2001:db8:1:2::7]:50123", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::7]", "2001:db8:1:2::/64"),
        ("", "unknown"),
        ("unix:", "unknown"),
        ("[", "unknown"),
    ],
)
def test_a_client_is_its_network(kit, address, network):
    """Who has a /64 does not have 2^64 limits."""
    with kit.app.test_request_context("/", environ_base={"REMOTE_ADDR": address}):
        assert client_network() == network


def test_halving():
    """One at least."""
    assert halved("60 per minute; 1 per 2 hour") == allowed("30 per minute; 1 per 2 hour")
