"""What happens at the portal while a browser is on its way to the provider and back."""

from threading import Thread
from typing import Any

import pytest
from sqlalchemy import select, text

from portal.commands import idp
from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.transaction import ANONYMOUS, Tx, transaction
from portal.pages import not_allowed, sign_in
from portal.pages.admin import identity_providers
from portal.sign_in import changes, journey
from portal.sign_in.models import Session, SignInAttempt
from portal.trust.changes import attest_strength, disable, enable, set_policy
from portal.trust.models import IdentityProvider, Organisation
from portal.trust.queries import connection_for, organisation_by_slug
from tests.commands.conftest import Shell
from tests.flows.story import Story, refused
from tests.hostile.provider import HostileProvider
from tests.infra.ports import wait_until
from tests.pages.sessions import as_staff
from tests.racing import beside, somebody_waits

STEPS = "/admin/organisations/acme/providers/id"


def waiting(app) -> bool:
    """Say whether somebody waits for a lock in this test's database."""
    with app.app_context():
        return somebody_waits()


def turn_off(app) -> None:
    """Disable Acme's provider as an admin does."""
    with app.app_context():
        row = connection_for(db.session(), "acme", "id")
        with transaction(actor=ANONYMOUS, now=clock.policy_now()) as tx:
            disable(tx, row.id)
            changes.end_sessions_of_provider(tx, row.id, clock.protocol_now())
        db.session.remove()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("known", [True, False])
def test_a_provider_is_disabled_while_somebody_comes_in_through_it(story, monkeypatch, *, known):
    """Both are carried out, one after the other: no deadlock, and the session is over at once."""
    client, start_session, faults = story.browser(), changes.start_session, []
    if known:
        story.arrive(story.browser())
        back = story.depart(client)
    else:
        assert story.knock(client).location == "/arrival"

    def off() -> None:
        try:
            turn_off(story.app)
        except Exception as fault:  # noqa: BLE001 - the test says so, not the thread
            faults.append(fault)

    admin = Thread(target=off)

    def late(*arguments: Any, **more: Any):
        if not admin.ident:
            admin.start()
            wait_until(lambda: waiting(story.app), "the admin waits")
        return start_session(*arguments, **more)

    monkeypatch.setattr(changes, "start_session", late)
    answer = client.get(back) if known else client.submit("/arrival", {"terms": "y"})
    admin.join(20)
    assert faults == []
    assert answer.location == "/me"
    with story.app.app_context():
        assert None not in db.session.scalars(select(Session.revoked_at)).all()
    assert client.get("/me").status_code == 303


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("by", ["page", "command"])
def test_who_saw_it_enabled_a_moment_ago_does_not_stay(story, monkeypatch, by):
    """Their session began after the others were ended, and before the door was seen to be shut."""
    client, admin, late = story.browser(), story.browser(), []
    story.arrive(story.browser())
    as_staff(story.app, admin, story.admin_id)

    def end(*arguments: Any) -> int:
        ended = changes.end_sessions_of_provider(*arguments)
        if not late:
            beside = Thread(target=lambda: late.append(story.knock(client).location))
            beside.start()
            beside.join(20)
        return ended

    monkeypatch.setattr(identity_providers, "end_sessions_of_provider", end)
    monkeypatch.setattr(idp, "end_sessions_of_provider", end)
    if by == "page":
        page = "/admin/organisations/acme/providers/id"
        assert admin.submit(page, to="/disable").status_code == 303
    else:
        with story.app.app_context():
            assert Shell().json("idp", "disable", "acme", "id")["sessions_ended"] == 2
    assert late == ["/me"]
    with story.app.app_context():
        of_guests = select(Session.revoked_at).where(Session.guest_id.is_not(None))
        assert None not in db.session.scalars(of_guests).all()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_change_that_met_a_deadlock_is_carried_out_once_more(story, monkeypatch):
    """The database takes one of two back that wait for each other; nobody is asked to try again."""
    admin, disable_it, turns = story.browser(), identity_providers.changes.disable, []
    as_staff(story.app, admin, story.admin_id)
    provider, company = select(IdentityProvider).limit(1), select(Organisation).limit(1)

    def turn_round() -> None:
        with transaction(actor=ANONYMOUS, now=clock.policy_now()) as tx:
            tx.session.execute(company.with_for_update())
            tx.session.execute(provider.with_for_update())

    def late(tx: Tx, *arguments: Any):
        turns.append(tx.reference)
        if len(turns) == 1:
            # The other one is patient, so this one is taken back.
            tx.session.execute(text("set local deadlock_timeout = '50ms'"))
            tx.session.execute(provider.with_for_update())
            other.start()
            wait_until(lambda: waiting(story.app), "the other one waits")
            tx.session.execute(company.with_for_update())
        return disable_it(tx, *arguments)

    with story.app.app_context():
        other, faults = beside(turn_round)
    monkeypatch.setattr(identity_providers.changes, "disable", late)
    page = "/admin/organisations/acme/providers/id"
    assert admin.submit(page, to="/disable").status_code == 303
    other.join(20)
    assert faults == []
    assert len(turns) == 2
    assert [one.reference for one in story.events(event="identity_provider.disabled")] == turns[:1]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_another_client_id_ends_what_came_through_the_old_one(story):
    """By the command as by the page: it would live again once the provider is enabled."""
    known, away, arriving = (story.browser() for _ in range(3))
    story.arrive(known)
    back = story.depart(away)
    story.provider.person = {**story.provider.person, "sub": "new", "email": "new@acme.example"}
    assert story.knock(arriving).location == "/arrival"
    with story.app.app_context():
        Shell().json("idp", "set", "acme", "id", "--client-id", "another")
        assert None not in db.session.scalars(select(Session.revoked_at)).all()
        assert None not in db.session.scalars(select(SignInAttempt.used_at)).all()
        db.session.remove()
    assert away.get(back).status_code == 403
    assert arriving.get("/arrival").status_code == 410


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_o14_a_test_that_was_begun_at_another_issuer_is_over(story):
    """The code of the one it was begun at is not sent to the one that is configured by now."""
    admin, another = story.browser(), HostileProvider()
    as_staff(story.app, admin, story.admin_id)
    back = story.depart(admin, f"{STEPS}/try")
    try:
        with story.app.app_context():
            Shell().json("idp", "set", "acme", "id", "--issuer", another.issuer)
            db.session.remove()
        assert admin.get(back).location == STEPS
        assert another.requests["token"] == 0
    finally:
        another.close()
    assert "The test sign-in failed: the attempt has been used already" in admin.get(STEPS).text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("by", ["page", "command"])
def test_a_further_required_claim_ends_what_came_in_without_it(story, by):
    """Whoever might be refused from now on is out, wherever they stand; fewer claims end none."""
    known, away, arriving, admin = (story.browser() for _ in range(4))
    story.arrive(known)
    back = story.depart(away)
    story.provider.person = {**story.provider.person, "sub": "new", "email": "new@acme.example"}
    assert story.knock(arriving).location == "/arrival"
    as_staff(story.app, admin, story.admin_id)

    def require(*claims: str) -> None:
        if by == "page":
            edit = "/admin/organisations/acme/providers/id/edit"
            assert admin.submit(edit, {"require": "\n".join(claims)}).status_code == 303
            return
        with story.app.app_context():
            wanted = [word for claim in claims for word in ("--require", claim)]
            assert Shell().json("idp", "set", "acme", "id", *wanted)["state"] == "enabled"
            db.session.remove()

    require("hd=acme.example", "org=7")
    assert known.get("/me").status_code == 303
    assert away.get(back).status_code == 403
    assert arriving.get("/arrival").status_code == 410
    story.provider.person = {**story.provider.person, "hd": "acme.example", "org": "7"}
    assert story.arrive(arriving).location == "/me"
    require("hd=acme.example")
    assert arriving.get("/me").status_code == 200


def test_an_arrival_is_over_with_its_provider(story):
    """Whoever stands on the arrival page signs in anew, also when the provider is back by then."""
    client = story.browser()
    assert story.knock(client).location == "/arrival"
    turn_off(story.app)
    with story.app.app_context():
        row = connection_for(db.session(), "acme", "id")
        with transaction(actor=ANONYMOUS, now=clock.policy_now()) as tx:
            enable(tx, row.id)
        db.session.remove()
    assert client.get("/arrival").status_code == 410
    assert story.guest() is None
    assert story.arrive(client).location == "/me"


@pytest.mark.parametrize("way", ["out", "back"])
def test_f06_nobody_holds_a_connection_while_the_provider_is_asked(story, monkeypatch, way):
    """Not even a browser that is signed in already, whose session was read."""
    client = story.browser()
    story.arrive(client)
    held: list[int] = []
    name = "authorization_url" if way == "out" else "finish"
    ask = getattr(journey.oidc, name)

    def asked(*arguments: Any, **more: Any):
        held.append(db.engine.pool.checkedout())
        return ask(*arguments, **more)

    monkeypatch.setattr(journey.oidc, name, asked)
    assert story.knock(client).location == "/me"
    assert held == [0]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("path", ["/sign-in/acme", "/sign-in/acme/id"])
def test_l08_a_closed_door_that_is_knocked_at_all_day_fills_no_database(story, monkeypatch, path):
    """Everybody gets the page; the log keeps the first of a minute."""
    turn_off(story.app)
    monkeypatch.setattr(not_allowed, "_window", [0.0, 0])
    monkeypatch.setattr(not_allowed, "MOST_A_MINUTE", 3)
    client = story.browser()
    for _ in range(6):
        assert client.get(path).status_code == 403
    assert len(story.events(event="sign_in.refused")) == 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_l08_nor_do_sign_ins_that_were_begun_to_be_refused(story, monkeypatch):
    """Anybody can begin one and say that it was denied; how many were left out is told later."""
    begun = few_a_minute(monkeypatch)[not_allowed.BEGUN]
    client = story.browser()
    for _ in range(6):
        denied(story, client)
    assert len(story.events(event="sign_in.refused")) == 3
    assert story.events(event="refusals.left_out") == []
    begun[0] = 0.0
    denied(story, client)
    assert len(story.events(event="sign_in.refused")) == 4
    (told,) = story.events(event="refusals.left_out")
    assert told.data == {"count": 3}
    begun[1] = 1000.0
    for _ in range(5):  # what a provider did stands beside the flood of a stranger, not in it
        with story.provider.lying(signature="flipped"):
            assert story.knock(client).status_code == 502
    assert [one.reason for one in story.events(event="sign_in.refused")].count("oidc.sig") == 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_l05_l08_what_takes_no_sign_in_hides_none_that_was_begun(story, monkeypatch):
    """Invented states, made-up links and others' pages cost a request each, and nothing before."""
    few_a_minute(monkeypatch)
    client = story.browser()
    for _ in range(6):
        back = story.depart(client).partition("&code=")[0]
        assert client.get(f"{back}-invented&error=access_denied").status_code == 403
    denied(story, client)
    reasons = [one.reason for one in story.events(event="sign_in.refused")]
    assert sorted(reasons) == ["oidc.denied", *["oidc.state"] * 3]


def few_a_minute(monkeypatch) -> dict[str, list[float]]:
    """Let three refusals of each kind a minute be kept, and count them from now."""
    windows = {not_allowed.BEGUN: [0.0, 0]}
    monkeypatch.setattr(not_allowed, "_window", [0.0, 0])
    monkeypatch.setattr(not_allowed, "_windows", windows)
    monkeypatch.setattr(not_allowed, "MOST_A_MINUTE", 3)
    return windows


def denied(story, client) -> None:
    """Begin a sign-in, and say that the provider denied it."""
    back = story.depart(client).partition("&code=")[0]
    assert client.get(f"{back}&error=access_denied").status_code == 403


def demand(story: Story) -> None:
    """Ask for more strength, as an admin does."""
    with story.app.app_context():
        company = organisation_by_slug(db.session(), "acme").id
        with transaction(actor=ANONYMOUS, now=clock.policy_now()) as tx:
            set_policy(tx, company, {"accepted_acr": ["mfa"]})
            changes.end_weak_sessions(tx, company, clock.protocol_now(), locked=True)
        db.session.remove()


def test_who_was_on_the_way_through_it_is_asked_for_more(story, monkeypatch):
    """The conversation takes seconds, and the demand that it began under counts no longer."""
    honest, client = sign_in.come_back, story.browser()
    story.arrive(story.browser())
    back = story.depart(client)

    def slow(connection, kept):
        result = honest(connection, kept)
        demand(story)
        return result

    monkeypatch.setattr(sign_in, "come_back", slow)
    refused(story, client.get(back), "oidc.state")
    monkeypatch.setattr(sign_in, "come_back", honest)
    refused(story, story.knock(client), "oidc.assurance")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("known", [True, False])
def test_who_comes_in_while_more_is_demanded_is_waited_for(story, monkeypatch, *, known):
    """No deadlock: the admin's change is carried out at once, and ends what has just begun."""
    client, honest = story.browser(), sign_in.admission.knock
    if known:
        story.arrive(story.browser())
    back = story.depart(client)
    with story.app.app_context():
        admin, faults = beside(lambda: demand(story))

    def late(*arguments: Any):
        admin.start()
        wait_until(lambda: waiting(story.app), "the admin waits")
        return honest(*arguments)

    monkeypatch.setattr(sign_in.admission, "knock", late)
    answer = client.get(back)
    admin.join(20)
    assert faults == []
    assert answer.location == ("/me" if known else "/arrival")
    assert client.get("/me").status_code == 303


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("by", ["own", "defaults", "attested"])
def test_who_accepts_while_more_is_demanded_is_waited_for(story, monkeypatch, by):
    """By the organisation's policy, by everybody's, or by an admin's word that counts no more."""
    client, honest = story.browser(), changes.start_session
    with story.app.app_context():
        row = connection_for(db.session(), "acme", "id")
        if by == "attested":
            with transaction(actor=ANONYMOUS, now=clock.policy_now()) as tx:
                attest_strength(tx, row.id, attested=True)
            demand(story)

        def more() -> None:
            with transaction(actor=ANONYMOUS, now=clock.policy_now()) as tx:
                if by == "attested":
                    attest_strength(tx, row.id, attested=False)
                else:
                    set_policy(tx, None, {"accepted_acr": ["mfa"]})
                changes.end_weak_sessions(
                    tx, row.organisation_id if by == "attested" else None, clock.protocol_now()
                )

        admin, faults = beside(more if by != "own" else lambda: demand(story))
    assert story.knock(client).location == "/arrival"

    def late(*arguments: Any, **more: Any):
        admin.start()
        wait_until(lambda: waiting(story.app), "the admin waits")
        return honest(*arguments, **more)

    monkeypatch.setattr(changes, "start_session", late)
    assert client.submit("/arrival", {"terms": "y"}).location == "/me"
    admin.join(20)
    assert faults == []
    assert client.get("/me").status_code == 303
