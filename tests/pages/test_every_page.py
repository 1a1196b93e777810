"""Every page of every role in a real browser: readable, reachable, in both lights and narrow."""

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import BrowserContext, Page

from portal.foundation import files
from portal.trust.changes import change_organisation, set_domains
from tests.factories import HOUSE
from tests.gallery.looks import WIDE, faults
from tests.gallery.tour import Tour, touring
from tests.gallery.visits import EMPTY, EVERY_VISIT, SEEDED

NewContext = Callable[..., BrowserContext]

# GET addresses that render no page of their own.
NO_PAGE = {
    "assets.brand_css",
    "assets.logo",
    "assets.static",
    "audit.export",  # a file
    "home.home",  # sends everybody on
    "probes.alive",
    "probes.ready",
    "providers.try_out",  # leaves for the provider; its page is the callback's
}
# Buttons without a field: they are carried out, or meet what a colleague did (errors/409, 404).
NO_ANSWER = {
    "admin_guests.resume",
    "admin_staff.remove",
    "health.send_again",
    "health.test_mail",
    "health.withdraw",
    "organisations.resume",
    "providers.attest",
    "providers.disable",
    "providers.test",
    "running.choose",
    "running.keep",
    "sign_in.sign_out",
    "signed_in.end_elsewhere",
    "sponsor_guests.let_back",
    "sponsor_guests.resume",
    "offers.withdraw",
}
# Seen where their feature is tested: they need the host's own provider.
ELSEWHERE = {"sign_in/staff_refused.html"}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_no_page_is_left_out(app: Flask):
    """A new page, or a new form, needs its visit."""
    visited = {visit.endpoint for visit in EVERY_VISIT}
    for method, exceptions in (("GET", NO_PAGE), ("POST", NO_ANSWER)):
        there = {rule.endpoint for rule in app.url_map.iter_rules() if method in rule.methods}
        assert there - visited == exceptions & there
        assert exceptions <= there


def test_no_template_is_left_out():
    """Each is what somebody sees in some visit."""
    root = files.folder("templates")
    pages = {
        path.as_posix()
        for path in (one.relative_to(root) for one in root.rglob("*.html"))
        if not path.name.startswith("_") and not {"mail", "_macros"} & set(path.parts)
    }
    assert pages - {visit.template for visit in EVERY_VISIT} == {"base.html"} | ELSEWHERE


def _faults(tour: Tour, visits: tuple) -> dict[str, object]:
    found = {}
    for visit in visits:
        if wrong := faults(tour.visit(visit)):
            found[visit.name] = wrong
    return found


@pytest.mark.browser
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("part", SEEDED)
def test_every_page(make_settings, new_context: NewContext, part: str):
    """No accessibility rule is broken, nothing scrolls sideways, the skip link comes first."""
    with touring(make_settings, new_context) as tour:
        assert _faults(tour, SEEDED[part]) == {}


@pytest.mark.browser
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_page_of_an_empty_portal(make_settings, new_context: NewContext):
    """Where nothing is, the page says so, and the same rules hold."""
    with touring(make_settings, new_context, empty=True) as tour:
        assert _faults(tour, EMPTY) == {}


def wider(page: Page) -> list[str]:
    """Return how much wider a page is than a wide screen, or nothing."""
    needs = page.evaluate("document.documentElement.scrollWidth")
    return [f"needs {needs}"] if needs > WIDE else []


@pytest.mark.browser
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_names_as_long_as_they_may_be(make_settings, new_context: NewContext):
    """No word, button or message pushes a page wider than the screen."""
    longest = "W" * 200
    with touring(make_settings, new_context) as tour:
        world = tour.world
        acme, scene = world.partners["acme"], world.scene
        with world.app.app_context():
            for who in ("wide", "waits"):
                world.ids[who] = scene.guest(
                    acme, who, name=longest, email=f"{who}.{'x' * 58}@acme.example"
                )
            scene.approve(world.ids["wide"], acme.sponsor, days=30)
            world.ids["waits_asks"] = scene.sponsorship(world.ids["waits"]).id
        world.run(lambda tx: change_organisation(tx, acme.id, name=longest, unlisted=False))
        names = ["acme.example", f"{'x' * 58}.example"]
        world.run(lambda tx: set_domains(tx, acme.id, names, vouched_by="Petra", house=HOUSE))
        found = {}
        for who, path in (
            ("jonas", "/sponsor"),
            ("jonas", "/sponsor/guests"),
            ("jonas", "/sponsor/guests/{wide}"),
            ("jonas", "/sponsor/decisions/{waits_asks}"),
            ("wide", "/me"),
            ("wide", "/me/data"),
            ("waits", "/me"),
            ("petra", "/admin"),
            ("petra", "/admin/guests"),
            ("petra", "/admin/guests/{wide}"),
            ("petra", "/admin/organisations"),
            ("petra", "/admin/organisations/acme"),
            ("petra", "/admin/organisations/acme/providers/id"),
        ):
            page = tour.page(who)
            page.goto(tour.url + path.format(**world.ids))
            if wrong := faults(page) + wider(page):
                found[path] = wrong
        page = tour.page("jonas")
        page.goto(f"{tour.url}/sponsor/guests/{world.ids['wide']}")
        page.fill("#suspend-reason", longest)
        page.click(f"text=Suspend {longest}")
        page.get_by_role("status").wait_for()
        if wrong := faults(page) + wider(page):
            found["suspended"] = wrong
        assert found == {}
