"""The story in a real browser over https, as all three people, with providers that others wrote.

Acme's people sign in at Canaille with a password; employees at oidc-provider-mock.
"""

import re
import secrets

import pytest
from playwright.sync_api import Page, expect

from demo.canaille import CanailleUser, start_canaille
from demo.providers import MockUser, start_provider
from demo.waiting import free_port
from portal.app import create_app
from portal.foundation import clock
from portal.foundation.db import db
from portal.staff import changes as staff_changes
from portal.trust import changes as trust
from tests import factories
from tests.infra.web import served

ACME = "127.0.0.3"  # cookies ignore ports: each service has a host of its own
HOST = "127.0.0.2"
PORTAL = "127.0.0.1"
CLIENT = ("guest-portal", "a-secret-for-one-client")
ANNA = CanailleUser("anna", "correct horse battery", "anna@acme.example", "Anna", "Weber")
TEST = CanailleUser("test", "correct horse staple", "test@acme.example", "Test", "Account")
SAM = MockUser(
    "sam-1", "Sam", {"email": "sam@host.example", "email_verified": True, "name": "Sam Sponsor"}
)


@pytest.fixture
def world(tmp_path, make_settings, authority):
    """The portal over https, Acme's Canaille, the host's provider."""
    host_secret = secrets.token_urlsafe(16)
    host_port, acme_port = free_port(HOST), free_port(ACME)

    def make(url):
        settings = make_settings(
            public_url=url,
            host_oidc_issuer=f"http://{HOST}:{host_port}",
            host_oidc_client_id="portal",
            host_oidc_client_secret=host_secret,
        )
        return create_app(settings)

    with served(make, host=PORTAL, authority=authority) as (app, url):
        callback = f"{url}/sign-in/acme/main/callback"
        canaille = start_canaille(
            tmp_path / "acme", acme_port, [ANNA, TEST], *CLIENT, [callback], host=ACME, name="Acme"
        )
        host = start_provider(
            host_port,
            [SAM],
            "portal",
            host_secret,
            [f"{url}/staff/sign-in/callback"],
            host=HOST,
            name="Host",
        )
        with canaille, host:
            yield app, url, canaille.issuer, host.issuer


def seed(app, host_issuer):
    """Put in an admin, a sponsor bound by subject, and Acme without an identity provider."""
    with app.app_context():
        with factories.writing(clock.policy_now()) as tx:
            admin_id = factories.admin(tx)
            link = staff_changes.make_sign_in_link(tx, admin_id, at=clock.protocol_now())
            sponsor = staff_changes.add_staff(
                tx,
                email="sam@host.example",
                name="Sam Sponsor",
                role="sponsor",
                host_issuer=host_issuer,
                public_url="",
                at=clock.protocol_now(),
                subject=SAM.subject,
            )
            acme = factories.organisation(tx, "acme")
            factories.contract(tx, acme)
            trust.name_sponsors(tx, acme, sponsors=[sponsor.staff_id])
            factories.offer(tx, acme, default=True)
        db.session.remove()
    return link


def log_in(page: Page, user: CanailleUser) -> None:
    """Type login and password into Canaille's own pages."""
    page.fill("input[name=login]", user.username)
    page.keyboard.press("Enter")
    page.fill("input[name=password]", user.password)
    page.keyboard.press("Enter")


def administer(page: Page, url: str, link: str, issuer: str) -> None:
    """An admin signs in by a break-glass link, adds Acme's provider, tests and enables it."""
    page.goto(link)
    page.get_by_role("button", name="Sign in now").click()
    expect(page).to_have_url(f"{url}/admin")
    page.goto(f"{url}/admin/organisations/acme/providers/new")
    page.get_by_label("Issuer").fill(issuer)
    page.get_by_label("Client id").fill(CLIENT[0])
    page.get_by_label("Client secret").fill(CLIENT[1])
    page.get_by_label(re.compile("Also without")).check()
    page.get_by_role("button", name="Add the identity provider").click()
    expect(page.get_by_text(f"{url}/sign-in/acme/main/callback")).to_be_visible()
    page.get_by_role("button", name="Test connection").click()
    expect(page.get_by_text("passed", exact=True)).to_be_visible()
    page.get_by_role("link", name="Test sign-in").click()
    log_in(page, TEST)
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "This person would arrive as a new guest"
    )
    expect(page.get_by_text("once it is enabled: that is step 5")).to_be_visible()
    expect(page.get_by_text("test@acme.example").first).to_be_visible()
    page.get_by_role("link", name="Back to the steps").click()
    expect(page.get_by_text("passed", exact=True)).to_have_count(2)
    page.get_by_role("button", name="Enable").click()
    expect(page.get_by_role("button", name="Disable")).to_be_visible()


def arrive(page: Page, url: str) -> None:
    """A person of Acme comes by e-mail address and becomes a guest who waits."""
    page.goto(f"{url}/sign-in")
    page.get_by_label("Work e-mail address").fill(ANNA.email)
    page.get_by_role("button", name="Continue").click()
    log_in(page, ANNA)
    expect(page).to_have_url(f"{url}/arrival")
    expect(page.get_by_text(ANNA.email)).to_be_visible()
    page.get_by_label(re.compile("Why do you need access")).fill("Forecasts with planning")
    page.get_by_label(re.compile("I accept the terms of use")).check()
    page.get_by_role("button", name="Accept and ask for access").click()
    expect(page).to_have_url(f"{url}/me")
    expect(page.get_by_text("Sam Sponsor").first).to_be_visible()


def decide(page: Page, url: str) -> None:
    """The sponsor follows the mail's link, signs in on the way, and approves."""
    page.goto(f"{url}/sponsor/decisions")
    page.get_by_role("button", name="Sam").first.click()
    expect(page).to_have_url(f"{url}/sponsor/decisions")
    page.get_by_role("link", name="Anna Weber").first.click()
    expect(page.get_by_text("Forecasts with planning")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Approve until")).click()
    expect(page.get_by_role("status")).to_be_visible()


@pytest.mark.browser
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_story(world, new_context):
    """An admin trusts, a person arrives, a sponsor decides, the guest works and signs out."""
    app, url, acme_issuer, host_issuer = world
    link = seed(app, host_issuer)
    administer(new_context().new_page(), url, link.url(url), acme_issuer)
    guest = new_context().new_page()
    arrive(guest, url)
    decide(new_context().new_page(), url)
    guest.goto(f"{url}/me")
    expect(guest.get_by_role("heading", level=1)).to_contain_text("You have access until")
    expect(guest.get_by_role("link", name=re.compile("Wiki"))).to_be_visible()
    cookies = {one["name"]: one for one in guest.context.cookies()}
    assert cookies["__Host-portal-session"]["httpOnly"]
    assert cookies["__Host-portal-session"]["secure"]
    guest.get_by_role("button", name="Sign out").click()
    expect(guest).to_have_url(f"{url}/signed-out")
    guest.goto(f"{url}/me")
    expect(guest).to_have_url(re.compile(f"{url}/sign-in"))
