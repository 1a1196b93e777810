"""A stricter demand for strength ends the sessions that it would not have let begin."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from portal.app import create_app
from portal.foundation import clock
from portal.foundation.crypto import random_token
from portal.foundation.db import db
from portal.sign_in.attempt import Errand, NewAttempt
from portal.sign_in.changes import NewSession, begin_attempt
from portal.sign_in.models import SignInAttempt
from portal.trust import changes as trust
from tests import factories
from tests.commands.conftest import Shell
from tests.infra.client import PortalClient
from tests.pages.inside import Inside
from tests.pages.sessions import as_staff, sign_in, start_session
from tests.scene import Partner

ACME = "/admin/organisations/acme"
HOST = "guests.host.example"
DEMAND = {"accepted_acr": "mfa"}


@pytest.fixture
def scene(app: Flask) -> Inside:
    return Inside(app)


@pytest.fixture
def acme(scene: Inside) -> Partner:
    return scene.partner("acme")


@pytest.fixture
def admin(app: Flask, client: PortalClient, scene: Inside) -> PortalClient:
    as_staff(app, client, scene.staff("root", role="admin"))
    return client


@pytest.fixture
def guest(app: Flask, scene: Inside) -> Callable[..., PortalClient]:
    """A guest's browser, signed in so strongly."""

    def make(partner: Partner, subject: str, acr: str | None, *amr: str) -> PortalClient:
        client = app.test_client()
        assert isinstance(client, PortalClient)
        guest_id = scene.active(partner, subject)
        new = NewSession(
            guest_id=guest_id,
            identity_provider_id=partner.provider_id,
            guest_epoch=1,
            acr=acr,
            amr=amr,
        )
        sign_in(app, client, new)
        assert client.get("/me").status_code == 200
        return client

    return make


def said(*clients: PortalClient) -> list[int]:
    """What each is answered at the guest's page."""
    return [client.get("/me").status_code for client in clients]


def test_an_organisation_demands_more(admin: PortalClient, acme: Partner, scene: Inside, guest):
    """Who had shown it stays; whoever had not signs in again, from the next request."""
    weak, strong, method = (
        guest(acme, "a", None),
        guest(acme, "b", "mfa"),
        guest(acme, "c", "x", "otp"),
    )
    elsewhere = guest(scene.partner("zeta"), "d", None)
    answer = admin.submit(f"{ACME}/policy", DEMAND | {"accepted_amr": "otp"})
    assert answer.status_code == 303
    assert said(weak, strong, method, elsewhere) == [303, 200, 200, 200]
    assert "The policy is changed, and 1 session ended" in admin.get(ACME).text
    admin.submit(f"{ACME}/policy", {"most_guests": "9"})
    assert said(strong, method, elsewhere) == [200, 200, 200]


def test_the_portal_demands_more(admin: PortalClient, acme: Partner, scene: Inside, guest):
    """Everywhere, but where an organisation has a demand of its own, or an admin's word stands."""
    zeta, words = scene.partner("zeta"), scene.partner("words")
    weak, own, attested = guest(acme, "a", "x"), guest(zeta, "b", "x"), guest(words, "c", None)
    scene.policy(zeta, accepted_acr=["x"])
    scene.run(trust.attest_strength, words.provider_id, attested=True, by=acme.sponsor)
    assert admin.submit("/admin/policy", DEMAND).status_code == 303
    assert said(weak, own, attested) == [303, 200, 200]
    page = "/admin/organisations/words/providers/id"
    assert "sessions that began with less end at once" in admin.get(page).text
    admin.submit(page, to="/strength", button="Check it again")
    assert said(attested) == [303]
    assert "It is checked again, and 1 session ended" in admin.get(page).text


def test_the_shell_demands_more(acme: Partner, app: Flask, guest):
    """The same command by command."""
    weak, strong = guest(acme, "a", None), guest(acme, "b", "mfa")
    with app.app_context():
        Shell()("org", "set", "acme", "--accepted-acr", "mfa")
    assert said(weak, strong) == [303, 200]


@pytest.mark.parametrize("page", [f"{ACME}/policy", "/admin/policy"])
def test_who_demands_more_is_told_before_that_it_ends_sessions(
    admin: PortalClient, acme: Partner, page: str
):
    """Everything else of a policy waits for the next period."""
    assert "counts at once: sessions that began with less end" in admin.get(page).text


def test_the_same_demand_again_sends_nobody_back(app: Flask, admin: PortalClient, acme: Partner):
    """A demand that stands already was known when they left."""
    admin.submit(f"{ACME}/policy", DEMAND)
    new = NewAttempt(Errand(), clock.protocol_now(), random_token())
    with app.app_context(), factories.writing() as tx:
        begin_attempt(tx, new, acme.provider_id)
    assert admin.submit(f"{ACME}/policy", DEMAND | {"most_guests": "9"}).status_code == 303
    with app.app_context(), factories.writing() as tx:
        factories.provider(tx, acme.id, slug="other", issuer="https://id.other.example")
    page = "/admin/organisations/acme/providers/other"
    answer = admin.submit(page, {"attested": "yes"}, to="/strength")
    assert answer.status_code == 303  # an admin's word that begins to count is no demand
    with app.app_context():
        assert db.session.scalars(select(SignInAttempt.used_at)).all() == [None]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_host_demands_more_of_its_own(make_settings, app: Flask, acme: Partner):
    """A setting, so from the next start on; a link from the server's shell opens in any case."""
    staff = {"staff_id": acme.sponsor}
    ways = (
        NewSession(**staff),
        NewSession(**staff, acr="x", amr=("pwd",)),
        NewSession(**staff, acr="mfa"),
        NewSession(**staff, amr=("pwd", "otp")),
        NewSession(**staff, break_glass=True),
    )
    tokens = [start_session(app, new) for new in ways]
    demand = {"host_oidc_accepted_acr": ("mfa",), "host_oidc_accepted_amr": ("otp",)}
    for settings, answers in (({}, [200] * 5), (demand, [303, 303, 200, 200, 200])):
        again = create_app(make_settings(**settings))
        again.test_client_class = app.test_client_class
        found = []
        for token in tokens:
            client = again.test_client()
            client.set_cookie("__Host-portal-session", token, domain=HOST, secure=True)
            found.append(client.get("/sponsor/guests").status_code)
        assert found == answers
        with again.app_context():
            db.engine.dispose()
