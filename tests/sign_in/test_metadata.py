"""Discovery and keys: what is wrong with a provider is found, said, and does not spread."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Flask

from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.outbound_http import Egress
from portal.sign_in import oidc
from portal.sign_in.metadata import Providers
from portal.sign_in.rules import Findings, Level, Mender, SignInFailure, SignInReason
from portal.sign_in.shelf import DatabaseShelf
from tests.hostile.keys import b64, key, public
from tests.hostile.provider import CLIENT_SECRET, GONE, HostileProvider
from tests.sign_in.walk import Walk, browse, host, new_providers, partner

R = SignInReason


@pytest.mark.parametrize("endpoint", ["discovery", "jwks", "token", "userinfo"])
@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        ("html", R.NET_LIMIT),
        ("status 503", R.NET_LIMIT),
        ("status 404", R.NET_LIMIT),
        ("huge", R.NET_LIMIT),
        ("bomb", R.NET_LIMIT),
        ("list", R.NET_LIMIT),
        ("close", R.NET_UNREACHABLE),
        ("redirect http://169.254.169.254/", R.NET_REDIRECT),
    ],
)
def test_f06_a_provider_that_talks_rubbish(
    walk: Walk, hostile: HostileProvider, endpoint: str, lie: str, reason: SignInReason
) -> None:
    """At each endpoint it ends at once, under a reason of the network's family."""
    with hostile.lying(broken={endpoint: lie}, only_userinfo=frozenset({"email"})):
        assert walk.refused() is reason


@pytest.mark.parametrize("lie", ["slow 30", "drip"])
def test_f06_a_slow_provider_holds_nobody_else(
    hostile: HostileProvider, another: Callable[..., HostileProvider], lie: str
) -> None:
    """Five seconds for the one who waits, none for people of another partner; then few wait."""
    providers, good = new_providers(), another()
    slow, fine = Walk(providers, partner(hostile)), Walk(providers, partner(good))
    began, outcomes = time.monotonic(), []
    with hostile.lying(broken={"discovery": lie}):
        waiting = [
            threading.Thread(target=lambda: outcomes.append(slow.refused())) for _ in range(4)
        ]
        for thread in waiting:
            thread.start()
        time.sleep(1.2)
        before = time.monotonic()
        assert slow.refused() is R.NET_LIMIT  # told at once: others wait already
        assert fine.sign_in()
        assert time.monotonic() - before < 3
        for thread in waiting:
            thread.join()
    assert time.monotonic() - began < 12
    assert outcomes == [R.NET_LIMIT] * 4


def test_f06_ten_thousand_keys(walk: Walk, hostile: HostileProvider) -> None:
    """More keys than anybody has."""
    many = [{"kty": "RSA", "kid": str(number), "n": "A", "e": "AQAB"} for number in range(10_000)]
    with hostile.lying(keys={"keys": many}):
        assert walk.refused() is R.NET_LIMIT


def test_a_provider_that_is_down(walk: Walk, hostile: HostileProvider) -> None:
    """Nobody answers."""
    begun = walk.begin()
    args = browse(begun.url)
    hostile.close()
    with pytest.raises(SignInFailure) as refused:
        walk.finish(begun, args)
    assert refused.value.reason is R.NET_UNREACHABLE
    assert refused.value.side.value == "partner"
    assert refused.value.attempt_id is None  # the callback may be tried again


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"keys": {}},
        {"keys": []},
        {"keys": [7, "x", {}, {"kty": "oct", "k": "AAAA"}]},
        {"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]},
        {"keys": [{"kty": "RSA", "n": "A" * 5000, "e": "AQAB"}]},
        {"keys": [{"kty": "RSA", "n": "A" * 400, "e": "A" * 400}]},
        {"keys": [{"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}]},
        {"keys": [{"kty": "EC", "crv": "secp256k1", "x": "A" * 43, "y": "A" * 43}]},
        {"keys": [{"kty": "OKP", "crv": "X25519", "x": "A" * 43}]},
        {"keys": [{"kty": "RSA", "n": ["A"], "e": 3, "kid": 7}]},
    ],
)
def test_key_sets_without_a_usable_key(walk: Walk, hostile: HostileProvider, keys: Any) -> None:
    """A partner whose keys cannot check anything is unusable until that is mended."""
    with hostile.lying(keys=keys):
        assert walk.refused() is R.METADATA


@pytest.mark.parametrize(
    "document",
    [
        {"jwks_uri": GONE},
        {"token_endpoint": None},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://id.acme.example/authorize"},
        {"authorization_endpoint": "https://user:pw@id.acme.example/"},
        {"token_endpoint": "file:///etc/passwd"},
        {"token_endpoint": "https://id.acme.example/#x"},
        {"userinfo_endpoint": 7},
        {"jwks_uri": "https://id.acme.example:99999/"},
        {"authorization_endpoint": "https://id.acme.example/\r\nSet-Cookie: a=b"},
    ],
)
def test_unusable_addresses(walk: Walk, hostile: HostileProvider, document: Any) -> None:
    """Addresses are https, plain, and there."""
    with hostile.lying(document=document):
        assert walk.refused() is R.METADATA


def test_f01_addresses_inside(walk: Walk, hostile: HostileProvider) -> None:
    """An address of a private network is not connected to, whoever names it."""
    for inside in ("https://10.0.0.1/", "https://169.254.169.254/", "https://[fd00::1]/"):
        with hostile.lying(document={"jwks_uri": inside}):
            assert Walk(new_providers(), walk.connection).refused() is R.NET_BLOCKED
    production = new_providers(env="production")
    with pytest.raises(SignInFailure) as refused:
        Walk(production, partner(hostile)).begin()
    assert refused.value.reason is R.NET_BLOCKED


def test_f05_addresses_that_move(
    walk: Walk, hostile: HostileProvider, another: Callable[..., HostileProvider]
) -> None:
    """Hosts that were seen by the test are pinned where the connection says so."""
    found = walk.providers.test(walk.connection)
    pinned = replace(walk.connection, endpoint_hosts=found.hosts)
    assert Walk(new_providers(), pinned).sign_in()
    elsewhere = {"token_endpoint": f"{another().issuer}/token"}
    with hostile.lying(document=elsewhere):
        assert Walk(new_providers(), pinned).refused() is R.NET_ORIGIN


@pytest.mark.parametrize("hour_is_over", [False, True])
def test_f05_keys_that_move(
    walk: Walk, hostile: HostileProvider, another: Callable[..., HostileProvider], monkeypatch,
    *, hour_is_over: bool,
) -> None:  # fmt: skip
    """A newer document, because of a signature or of the time: its keys wait for the test too."""
    elsewhere, now, redeem = another(), [clock.protocol_now()], oidc._redeem
    elsewhere.key = key("thief")
    egress, shelf = walk.providers.egress, walk.providers._shelf
    walk.providers = Providers(egress, shelf, development=True, now=lambda: now[0])

    def late(*arguments):
        tokens = redeem(*arguments)
        now[0] += timedelta(hours=2) if hour_is_over else timedelta()
        return tokens

    monkeypatch.setattr(oidc, "_redeem", late)
    found = walk.providers.test(walk.connection)
    walk.connection = replace(walk.connection, endpoint_hosts=found.hosts)
    begun = walk.begin()
    with (
        hostile.lying(
            document={"jwks_uri": f"{elsewhere.issuer}/jwks"},
            signature="other-key",
            header={"kid": "thief"},
        ),
        pytest.raises(SignInFailure) as refused,
    ):
        walk.finish(begun, browse(begun.url))
    assert refused.value.reason is R.NET_ORIGIN


def test_fetched_once_for_many(walk: Walk, hostile: HostileProvider) -> None:
    """Fifty sign-ins at once make one fetch; a hundred in an hour too."""
    threads = [threading.Thread(target=walk.begin) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _ in range(20):
        walk.sign_in()
    assert (hostile.requests["discovery"], hostile.requests["jwks"]) == (1, 1)


def test_o11_all_processes_together(
    database: Flask, settings: Any, hostile: HostileProvider
) -> None:
    """The bound on fetches is one for all processes, and so is what was fetched."""
    processes = [
        Walk(Providers(Egress(settings), DatabaseShelf(), development=True), partner(hostile))
        for _ in range(4)
    ]
    for process in processes:
        assert process.sign_in()
    assert hostile.requests["jwks"] == 1
    hostile.roll("rolled-for-all")
    for process in processes:
        assert process.sign_in()
    assert hostile.requests["jwks"] == 2
    with hostile.lying(header={"kid": "random"}):
        for number in range(20):
            assert processes[number % 4].refused() is R.SIGNATURE
    assert hostile.requests["jwks"] <= 5
    assert all(process.sign_in() for process in processes)
    db.session.rollback()


def test_what_another_process_fetched_is_read_and_its_connection_given_back(
    database: Flask, settings: Any, hostile: HostileProvider
) -> None:
    """A provider that answers slowly would hold it otherwise."""
    for _ in range(2):
        providers = Providers(Egress(settings), DatabaseShelf(), development=True)
        with providers.conversation(partner(hostile)):
            assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    assert hostile.requests["discovery"] == 1


def test_a_private_half_is_not_kept(
    database: Flask, settings: Any, hostile: HostileProvider
) -> None:
    """A provider that publishes its private key is told so; we do not keep it."""
    from sqlalchemy import select

    from portal.sign_in.models import ProviderDocument

    leaked = {**key("leaked").as_dict(private=True), "use": "sig"}
    providers = Providers(Egress(settings), DatabaseShelf(), development=True)
    with hostile.lying(keys={"keys": [leaked, public(hostile.key)]}):
        findings = providers.test(partner(hostile))
    assert any("private half" in one.text for one in findings.findings)
    kept = db.session.scalar(select(ProviderDocument.keys))
    assert str(leaked["d"]) not in str(kept)
    assert str(leaked["p"]) not in str(kept)


def fault(findings: Findings) -> tuple[Mender, str | None]:
    assert not findings.passed
    assert findings.fault is not None
    assert findings.findings[0] is findings.fault
    return findings.fault.mender, findings.fault.field


@pytest.mark.parametrize(
    ("lies", "expected"),
    [
        ({"document": {"issuer": "https://id.acme.example"}}, (Mender.ADMIN, "issuer")),
        ({"broken": {"discovery": "html"}}, (Mender.PARTNER, "issuer")),
        ({"broken": {"discovery": "huge"}}, (Mender.PARTNER, "issuer")),
        ({"broken": {"jwks": "redirect /"}}, (Mender.PARTNER, "issuer")),
        ({"document": {"jwks_uri": "https://10.0.0.1/"}}, (Mender.OPERATOR, "issuer")),
        ({"document": {"response_types_supported": ["id_token"]}}, (Mender.PARTNER, None)),
        ({"document": {"grant_types_supported": ["implicit"]}}, (Mender.PARTNER, None)),
        ({"document": {"code_challenge_methods_supported": ["plain"]}}, (Mender.PARTNER, None)),
        (
            {"document": {"id_token_signing_alg_values_supported": ["HS256", "none"]}},
            (Mender.PARTNER, None),
        ),
        (
            {"document": {"token_endpoint_auth_methods_supported": ["client_secret_post"]}},
            (Mender.ADMIN, "client_auth"),
        ),
        (
            {"document": {"token_endpoint_auth_methods_supported": ["private_key_jwt"]}},
            (Mender.PARTNER, None),
        ),
    ],
)
def test_what_is_wrong_and_who_mends_it(
    walk: Walk, hostile: HostileProvider, lies: Any, expected: tuple[Mender, str | None]
) -> None:
    """One fault, its field, and whose it is; then nothing of it stays behind."""
    with hostile.lying(**lies):
        assert fault(walk.providers.test(walk.connection)) == expected
    assert walk.providers.test(walk.connection).passed


def test_what_is_right(walk: Walk, hostile: HostileProvider) -> None:
    """A good provider passes, in sentences, with what is only worth a note."""
    findings = walk.providers.test(walk.connection)
    assert findings.passed
    assert findings.hosts == (hostile.origin.removeprefix("http://"),)
    assert all(one.text.endswith(".") for one in findings.findings)
    silent = dict.fromkeys(
        ("code_challenge_methods_supported", "id_token_signing_alg_values_supported"), GONE
    )
    silent |= {"userinfo_endpoint": GONE, "acr_values_supported": ["1"], "scopes_supported": []}
    weak = replace(walk.connection, accepted_acr=("gold",))
    with hostile.lying(document=silent):
        findings = walk.providers.test(weak)
    assert findings.passed
    assert sum(1 for one in findings.findings if one.level is Level.NOTE) >= 5
    assert findings.as_json()["passed"] is True


def test_the_hosts_own_provider_may_be_private(hostile: HostileProvider) -> None:
    """What the operator configured may stand on a private network; a partner's may not."""
    private = replace(partner(hostile), issuer="https://10.255.255.1:9443")
    own = replace(host(hostile), issuer="https://10.255.255.1:9443")
    reasons = []
    for connection in (private, own):
        with pytest.raises(SignInFailure) as refused:
            new_providers()._current(connection)
        reasons.append(refused.value.reason)
    assert reasons[0] is R.NET_BLOCKED
    assert reasons[1] is not R.NET_BLOCKED


@pytest.mark.parametrize(
    "lies",
    [
        {},
        {"signature": "flipped"},
        {"claims": {"nonce": "wrong"}},
        {"broken": {"token": "html"}},
        {"tokens": {"error": "invalid_client", "error_description": "hunter2"}},
        {"only_userinfo": frozenset({"email"}), "broken": {"userinfo": "status 500"}},
    ],
)
def test_l05_no_secret_in_logs_or_exceptions(
    walk: Walk, hostile: HostileProvider, lies: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Codes, tokens, verifiers, nonces and the client secret stay where they are."""
    caplog.set_level(logging.DEBUG)
    begun = walk.begin()
    args = browse(begun.url)
    caplog.clear()  # the browser's own request is not the portal's log
    said = ""
    with hostile.lying(**lies):
        try:
            walk.finish(begun, args)
        except SignInFailure as failure:
            said = f"{failure!r} {failure} {failure.__cause__!r} {failure.detail}"
    said += caplog.text + repr(begun) + repr(walk.connection)
    form = hostile.received["token"]
    secrets = [form["code"], form["code_verifier"], begun.attempt.nonce, CLIENT_SECRET, "hunter2"]
    secrets += list(hostile._tokens)
    shown = said.replace(begun.url, "")
    assert [secret for secret in secrets if secret in shown] == []


@pytest.mark.parametrize("length", [128, 129, 256, 300])
def test_a_short_rsa_key_is_not_used(walk: Walk, hostile: HostileProvider, length: int) -> None:
    """1024 bits can be broken, whatever zeros stand before; the test of the connection says so."""
    numbers = rsa.generate_private_key(65537, 1024).public_key().public_numbers()
    short = {"kty": "RSA", "kid": "short", "e": "AQAB", "n": b64(numbers.n.to_bytes(length, "big"))}
    with hostile.lying(keys={"keys": [short]}):
        assert walk.refused() is R.METADATA
    with hostile.lying(keys={"keys": [short, public(hostile.key)]}):
        findings = walk.providers.test(walk.connection)
    assert findings.passed
    assert any("shorter than 2048" in one.text for one in findings.findings)


def test_zeros_before_a_modulus(walk: Walk, hostile: HostileProvider) -> None:
    """Java writes one: the key is as long as without it."""
    numbers = hostile.key.raw_value.public_key().public_numbers()  # type: ignore[union-attr]
    padded = {**public(hostile.key), "n": b64(numbers.n.to_bytes(257, "big"))}
    with hostile.lying(keys={"keys": [padded]}):
        assert walk.sign_in()
