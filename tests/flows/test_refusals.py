"""Every way of being refused, once, over HTTP: a page, a number, one event, and nothing else."""

import logging
import re
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select

from portal.admission.models import Arrival
from portal.admission.rules import Refusal
from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.transaction import ANONYMOUS, transaction
from portal.guests.models import Guest
from portal.sign_in.models import Session
from portal.sign_in.rules import SignInReason
from portal.staff.rules import Reason
from portal.trust.changes import disable
from portal.trust.queries import connection_for
from tests.flows import lies
from tests.flows.lies import ADDRESS, Lie, secrets_in
from tests.flows.staff_cases import CASES
from tests.flows.story import START, Story, trusting
from tests.flows.test_door import refused
from tests.hostile.provider import GONE, HostileProvider

ROOT = Path(__file__).resolve().parents[2]
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
EMAIL = "ada@acme.example"


TENANT = "11111111-2222-3333-4444-555555555555"
CYRILLIC = "\u0430cme.example"
LIES = {
    "O01": Lie("oidc.iss", {"claims": {"iss": "https://id.zeta.example"}}),
    "O03": Lie("oidc.aud", {"claims": {"aud": ["guest-portal", "other"], "azp": "guest-portal"}}),
    "O05": Lie("oidc.alg", {"signature": "none", "header": {"alg": "nOnE"}}),
    "O07": Lie("oidc.alg", {"signature": "hmac-pem"}),
    "O11": Lie("oidc.sig", {"signature": "flipped"}),
    "O12": Lie("oidc.nonce", {"claims": {"nonce": GONE}}),
    "O14": Lie("oidc.mixup", {"callback": {"iss": "https://id.zeta.example"}}),
    "O17": Lie("oidc.time", {"claims": {"exp": 1}}),
    "O19": Lie("oidc.sub", {"claims": {"sub": ["a8f5f167"]}}),
    "O21": Lie(
        "oidc.userinfo", {"only_userinfo": frozenset({"email"}), "userinfo": {"sub": "another"}}
    ),
    "O22": Lie("oidc.no_id_token", {"tokens": {"id_token": GONE}}),
    "O24": Lie(
        "oidc.tenant",
        {"claims": {"tid": TENANT.replace("1", "2")}},
        partner={"required_claims": {"tid": TENANT}},
    ),
    "F08": Lie("oidc.sig", {"signature": "jwk-in-header"}),
    "F06": Lie("net.limit", {"broken": {"token": "huge"}}),
    "F03": Lie("net.redirect", {"broken": {"token": "redirect http://169.254.169.254/"}}),
    "A05": Lie("adm.host_domain", person={"email": "boss@host.example"}),
    "A08": Lie("adm.email_unverified", person={"email_verified": "false"}),
    "A10": Lie("adm.domain", person={"email": "a@acme.example.evil.org"}),
    "N01 name": Lie("input.length", person={"name": "a" * 10_000}),
    "N01 address": Lie("input.length", person={"email": f"{'a' * 250}@acme.example"}),
    "N02 name": Lie("input.char", person={"name": "Ada\0"}),
    "N02 any claim": Lie("input.char", person={"department": "a\ud800"}),
    "N05 letters": Lie("adm.domain", person={"email": f"ada@{CYRILLIC}"}),
    "N05 xn--": Lie("adm.domain", person={"email": f"ada@{CYRILLIC.encode('idna').decode()}"}),
    "N08 two": Lie("input.email", person={"email": "ada@acme.example,b@evil.org"}),
    "N08 comment": Lie("input.email", person={"email": "a@evil.org(@acme.example)"}),
    "N08 quoted": Lie("input.email", person={"email": '"a@acme.example"@evil.org'}),
    "N13": Lie("input.char", person={"email": "ada@acme.example\r\nBcc: b@evil.org"}),
    "N14": Lie("oidc.denied", {"error": "access_denied"}),
    "N14 error": Lie("oidc.error", {"error": "<script>alert(1)</script>{{7*7}}"}),
    "oidc.metadata": Lie("oidc.metadata", {"document": {"jwks_uri": GONE}}, leaving=True),
    "oidc.state": Lie("oidc.state", {"callback": {"code": "made-up"}}),
    "oidc.assurance": Lie("oidc.assurance", partner={"policy": {"accepted_amr": ["mfa"]}}),
    "oidc.token_endpoint": Lie("oidc.token_endpoint", {"token_error": "invalid_client"}),
    "oidc.typ": Lie("oidc.typ", {"header": {"typ": "at+jwt"}}),
    "net.blocked": Lie("net.blocked", lies.jwks_at("https://10.0.0.1/"), leaving=True),
    "net.tls": Lie("net.tls", {"document": lies.jwks_by_tls}, leaving=True),
    "net.origin": Lie("net.origin", meanwhile=lies.pinned_elsewhere),
    "net.unreachable": Lie("net.unreachable", {"broken": {"token": "close"}}),
    "adm.cap": Lie("adm.cap", partner={"policy": {"most_guests": 1}}, meanwhile=lies.with_another),
    "adm.later": Lie(
        "adm.later",
        partner={"policy": {"most_new_per_hour": 1}},
        meanwhile=lies.with_another,
    ),
    "adm.email_conflict": Lie("adm.email_conflict", meanwhile=lies.another_arrives),
    "adm.idp_disabled": Lie("adm.idp_disabled", meanwhile=lies.disabled),
    "adm.partner_state": Lie("adm.partner_state", meanwhile=lies.partner_suspended),
    "adm.required_claim": Lie(
        "adm.required_claim", partner={"required_claims": {"department": "sales"}}
    ),
    "adm.suspended": Lie("adm.suspended", meanwhile=lies.suspended),
    "adm.inactive": Lie("adm.inactive", meanwhile=lies.silent),
    "adm.tombstone": Lie("adm.tombstone", meanwhile=lies.removed),
    "adm.overtaken": Lie("adm.overtaken", meanwhile=lies.overtaken),
}

# What no request can bring about over HTTP: why, and the test that shows it instead.
EXEMPT = {
    "staff.guest_account": (
        "the protocol refuses such an account before, as oidc.tenant; the decision is asked itself",
        "tests/staff/test_arriving.py::TestArriving::test_a_refusal_changes_nothing",
    ),
}


def test_l05_no_reason_is_forgotten():
    """A new reason fails here until a table has a row for it, or says why it has none."""
    shown = {lie.code for lie in LIES.values()} | {case.code for case in CASES.values()}
    assert shown | EXEMPT.keys() == {*SignInReason, *Refusal, *Reason}
    assert shown & EXEMPT.keys() == set()
    for _why, test in EXEMPT.values():
        file, *_classes, name = test.split("::")
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")


def rows(story: Story) -> list[int]:
    """How many guests, arrivals and sessions there are."""
    with story.app.app_context():
        found = [
            db.session.scalar(select(func.count()).select_from(one)) or 0
            for one in (Guest, Arrival, Session)
        ]
        db.session.remove()
    return found


def overheard(client, path: str, caplog: pytest.LogCaptureFixture, capfd):
    """Ask for a page from a known address; from here on what is written anywhere is overheard."""
    caplog.clear()
    caplog.set_level(logging.DEBUG, logger="portal")
    capfd.readouterr()
    return client.get(path, environ_overrides={"REMOTE_ADDR": ADDRESS})


@SQLITE
@pytest.mark.parametrize("case", LIES)
def test_l05_each_refusal_once(
    app,
    provider: HostileProvider,
    case: str,
    caplog: pytest.LogCaptureFixture,
    capfd,
    monkeypatch: pytest.MonkeyPatch,
):
    """Reason, partner, actor, real address, number; no guest, no session, no secret anywhere."""
    lie = LIES[case]
    story = trusting(app, provider, **lie.partner)
    provider.person = {**provider.person, **lie.person}
    client = story.browser()
    with provider.lying(**lie.told(provider)):
        to = START if lie.leaving else story.depart(client)
        lie.meanwhile(story, monkeypatch)
        before = rows(story)
        answer = overheard(client, to, caplog, capfd)
    event = refused(story, answer, lie.code)
    assert (event.actor, event.data["identity_provider"]) == ("anonymous", "id")
    assert event.organisation_id is not None
    assert event.reason == lie.code
    assert event.personal["seen"]["address"] == ADDRESS
    assert rows(story) == before
    assert client.get("/me").status_code == 303
    said = answer.text + str(event.data) + str(event.personal) + caplog.text
    assert secrets_in(said + "".join(capfd.readouterr()), provider) == []
    written_by_them = answer.text.partition("<main")[2].partition("</main>")[0]
    assert "Reference" in written_by_them
    for markup in ("<script", "{{7*7}}", "<b>no</b>"):
        assert markup not in written_by_them


@SQLITE
@pytest.mark.parametrize(
    ("house", "case"),
    [(case.house, name) for name, case in CASES.items()],
    ids=list(CASES),
    indirect=["house"],
)
def test_l05_each_refusal_of_an_employee_once(
    house, scene, own, case: str, caplog: pytest.LogCaptureFixture, capfd
):
    """The same at the employees' entrance: reason, actor, real address, number; no session."""
    one = CASES[case]
    own.person = {**own.person, "email": "ada@host.example", **one.person}
    story = Story(house, own, UUID(int=0), UUID(int=0))
    client = story.browser()
    one.before(scene, own, client)
    back = story.depart(client, "/staff/sign-in")
    before = rows(story)
    answer = overheard(client, back, caplog, capfd)
    event = refused(story, answer, one.code)
    assert (event.actor, event.data["identity_provider"]) == ("anonymous", "host")
    assert (event.reason, event.data["reasons"]) == (one.code, [one.code])
    assert event.personal["seen"]["address"] == ADDRESS
    assert rows(story) == before
    assert client.get("/sponsor").status_code == 303
    said = answer.text + str(event.data) + str(event.personal) + caplog.text
    assert secrets_in(said + "".join(capfd.readouterr()), own) == []


@SQLITE
@pytest.mark.parametrize("start", ["/sign-in/acme", START])
def test_l05_a_closed_door_says_who_came(story: Story, start: str):
    """The real address stands in the log, under the number that the page shows."""
    with story.app.app_context():
        row = connection_for(db.session(), "acme", "id")
        with transaction(actor=ANONYMOUS, now=clock.policy_now()) as tx:
            disable(tx, row.id)
        db.session.remove()
    answer = story.browser().get(start, environ_overrides={"REMOTE_ADDR": ADDRESS})
    event = refused(story, answer, "adm.idp_disabled")
    assert event.personal == {"seen": {"address": ADDRESS}}


@SQLITE
@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host"])
def test_w10_no_way_to_a_provider_from_a_foreign_host(story: Story, header: str):
    """400 and nobody is asked; from our own name the redirect URI is the configured one."""
    client = story.browser()
    answer = client.get(START, headers={header: "evil.example"})
    assert answer.status_code == 400
    assert story.provider.requests["authorize"] == 0
    client.get(client.get(START, headers={"X-Forwarded-Proto": "http"}).location)
    back = story.depart(client)
    asked = story.provider.received["authorize"]["redirect_uri"]
    assert asked == "https://guests.host.example/sign-in/acme/id/callback"
    assert client.get(back, headers={header: "evil.example"}).status_code == 400
    assert client.get(back).location == "/arrival"


def test_n10_an_address_with_a_plus_is_another_address_of_the_same_person(
    app, provider: HostileProvider
):
    """Who somebody is stands in issuer and subject: no tag passes a tombstone, cap or conflict."""
    from portal.sponsorship.changes import people
    from tests.flows.test_door import act

    story = trusting(app, provider, policy={"most_guests": 2})

    def person(subject: str, email: str) -> None:
        provider.person = {**provider.person, "sub": subject, "email": email}

    person("one", "a+1@acme.example")
    story.arrive(story.browser())
    person("two", "a+2@acme.example")
    story.arrive(story.browser())
    one, two = story.guest("one"), story.guest("two")
    assert (one.email, two.email) == ("a+1@acme.example", "a+2@acme.example")
    assert one.id != two.id
    person("three", "a+3@acme.example")
    refused(story, story.knock(story.browser()), "adm.cap")
    person("four", "A+1@ACME.example")
    refused(story, story.knock(story.browser()), "adm.email_conflict")
    act(story, lambda tx: people.remove(tx, one.id, "left"))
    person("one", "a+9@acme.example")
    refused(story, story.knock(story.browser()), "adm.tombstone")


@SQLITE
def test_n07_two_spellings_of_an_address_are_one(story: Story):
    """NFC or NFD, capitals or not: the second subject meets the first one's address."""
    person = dict(story.provider.person)
    story.provider.person = {**person, "email": "zo\u00eb@acme.example"}
    assert story.arrive(story.browser()).location == "/me"
    for spelling in ("zoe\u0308@acme.example", "ZOE\u0308@acme.example", "Zo\u00cb@ACME.example"):
        story.provider.person = {**person, "sub": "another", "email": spelling}
        refused(story, story.knock(story.browser()), "adm.email_conflict")
    story.provider.person = {**person, "email": "zoe\u0308@acme.example", "name": "Zoe\u0308"}
    assert story.knock(story.browser()).location == "/me"
    assert (story.guest().email, story.guest().name) == ("zo\u00eb@acme.example", "Zo\u00eb")


@SQLITE
def test_a01_only_what_is_mapped_is_kept(story: Story):
    """Of all claims those that an admin mapped fill the record; the others stay outside."""
    story.provider.person = {**story.provider.person, "shoe_size": "43", "birthdate": "1815-12-10"}
    story.arrive(story.browser())
    guest = story.guest()
    assert guest.profile == {"given_name": "Ada", "family_name": "Lovelace"}
    assert "1815" not in str(guest)


@SQLITE
def test_w04_every_node_knows_of_a_removal_at_once(story: Story, settings):
    """A cookie copied before the removal is nobody's, on a second node too."""
    from portal.app import create_app
    from portal.sponsorship.changes import people
    from tests.flows.test_door import act, approve

    client = story.browser()
    story.arrive(client)
    approve(story)
    node = create_app(settings)
    node.testing = True
    other = node.test_client()
    for cookie in client._cookies.values():
        other.set_cookie(cookie.key, cookie.value, domain=cookie.domain, secure=cookie.secure)
    at = {"base_url": settings.public_url}
    assert other.get("/me", **at).status_code == 200
    guest = story.guest()
    act(story, lambda tx: people.suspend(tx, guest.id, "lost badge"))
    assert other.get("/me/data", **at).status_code == 303
    act(story, lambda tx: people.remove(tx, guest.id, "left"))
    for browser, options in ((client, {}), (other, at)):
        assert browser.get("/me", **options).location.startswith("/sign-in")
    with node.app_context():
        db.session.remove()
        db.engine.dispose()


@SQLITE
@pytest.mark.parametrize(
    ("case", "said", "main"),
    [("O24", "Use your work account at Acme", True), ("N14", "did not cancel it", False)],
)
def test_a_refusal_at_the_provider_names_the_next_step(app, provider, case, said, main):
    """Another company's account: the other one is the main button; turned away: whom to ask."""
    lie = LIES[case]
    story = trusting(app, provider, **lie.partner)
    with provider.lying(**lie.told(provider)):
        answer = story.knock(story.browser())
    refused(story, answer, lie.code)
    assert said in re.sub("</?bdi>", "", answer.text)
    assert "ask your company's IT" in answer.text
    assert (re.search(r'btn-primary" href="[^"]+account=other"', answer.text) is not None) == main
