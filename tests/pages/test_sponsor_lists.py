"""A sponsor's lists by pages: what waits, whom they vouch for, who knocks."""

import re
from html import unescape

import pytest

from portal.lifecycle.changes import name_sponsors
from portal.sponsorship.changes import deciding
from tests.infra.client import PortalClient
from tests.pages.stage import Stage, said
from tests.scene import statements

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
NAMES = ("Ann", "Bob", "Cleo", "Dan", "Eve")


@pytest.fixture(autouse=True)
def two_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("decisions", "guests"):
        monkeypatch.setattr(f"portal.pages.sponsor.{place}.PAGE", 2)


def walked(client: PortalClient, page: str) -> list[list[str]]:
    """Follow the pages on; return the people of each."""
    found = []
    while page:
        text = client.get(page).text
        found.append(re.findall(r"<li>\s*<span><a [^>]*><bdi>([^<]+)</bdi></a>", text))
        page = linked(text, "next")
    return found


def linked(text: str, rel: str) -> str:
    found = re.search(rf'href="([^"]+)" rel="{rel}"', text)
    return unescape(found[1]) if found else ""


def come(stage: Stage, *names: str) -> None:
    for name in names:
        stage.scene.later(seconds=1)
        stage.scene.guest(stage.acme, name.lower(), name=name)


def vouched(stage: Stage) -> None:
    """Five on the sponsor's word beside Jane, who ends last."""
    come(stage, *NAMES)
    for days, name in enumerate(NAMES, start=10):
        guest = stage.scene.find(stage.acme, name.lower())
        assert guest is not None
        stage.approve(guest.id, stage.acme.sponsor, days=days)
    stage.approve(stage.jane, stage.acme.sponsor)


def test_the_inbox_comes_by_pages(stage: Stage):
    """The most urgent first, each once; the number above and beside it is of all pages."""
    come(stage, *NAMES)
    pages = walked(stage.client, "/sponsor")
    assert pages == [["Jane Roe", "Ann"], ["Bob", "Cleo"], ["Dan", "Eve"]]
    first = stage.client.get("/sponsor").text
    on = linked(first, "next")
    for page in ("/sponsor", on):
        assert "6 decisions wait for you" in said(stage.client, page)
    assert (linked(first, "prev"), linked(stage.client.get(on).text, "prev")) == ("", "/sponsor")


@SQLITE
def test_a_page_that_was_decided_empty_says_so(stage: Stage):
    """Somebody decides about the last two while they are looked for; more waits in front."""
    come(stage, "Ann", "Bob")
    on = linked(stage.client.get("/sponsor").text, "next")
    for name in ("ann", "bob"):
        guest = stage.scene.find(stage.acme, name)
        assert guest is not None
        stage.approve(guest.id, stage.ben)
    assert "1 decision waits for you" in said(stage.client, on)
    assert "Nothing is left on this page." in said(stage.client, on)
    assert linked(stage.client.get(on).text, "prev") == "/sponsor"


def test_my_guests_come_by_pages(stage: Stage, policy_clock):
    """In on my word by what ends first, and by themselves whom time suspended."""
    vouched(stage)
    pages = walked(stage.client, "/sponsor/guests")
    assert pages == [["Ann", "Bob"], ["Cleo", "Dan"], ["Eve", "Jane Roe"]]
    second = linked(stage.client.get("/sponsor/guests").text, "next")
    for page in ("/sponsor/guests", second):
        assert "You vouch for 6 people" in said(stage.client, page)
    stage.scene.at(policy_clock.forward(days=14))
    assert "You vouch for 2 people" in said(stage.client, "/sponsor/guests")
    pages = walked(stage.client, "/sponsor/guests")
    assert pages == [["Eve", "Jane Roe", "Ann", "Bob"], ["Cleo", "Dan"]]
    over = said(stage.client, linked(stage.client.get("/sponsor/guests").text, "next"))
    assert "You vouch for 2 people" in over
    assert "Suspended by time" in over


def test_a_sponsor_looks_for_one_of_many(stage: Stage):
    """By name or address; further pages are of the search too."""
    vouched(stage)
    assert "Name or address begins with" in said(stage.client, "/sponsor/guests")
    found = "/sponsor/guests?text=jane"
    assert walked(stage.client, found) == [["Jane Roe"]]
    assert "You vouch for 1 person whose name or address begins with jane" in said(
        stage.client, found
    )
    for name in ("Annika", "Anna"):
        come(stage, name)
        guest = stage.scene.find(stage.acme, name.lower())
        assert guest is not None
        stage.approve(guest.id, stage.acme.sponsor, days=50)
    assert walked(stage.client, "/sponsor/guests?text=An") == [["Ann", "Annika"], ["Anna"]]
    nobody = said(stage.client, "/sponsor/guests?text=%3Cb%3E")
    assert "You vouch for nobody whose name or address begins with <b>" in nobody
    assert "See all your guests" in nobody
    long = stage.client.get(f"/sponsor/guests?text={'x' * 300}")
    assert "Name or address begins with" in long.text
    assert "error" in long.text


def test_a_short_list_has_nothing_to_look_in(stage: Stage):
    """One guest, one page: no field, no links."""
    stage.approve(stage.jane, stage.acme.sponsor)
    page = stage.client.get("/sponsor/guests").text
    assert "begins with" not in page
    assert 'class="pager"' not in page


def test_who_knocks_comes_by_pages(stage: Stage):
    """Who came last first, and counted on each page."""
    come(stage, "Ann", "Bob")
    for subject in ("jane", "ann", "bob"):
        guest = stage.scene.find(stage.acme, subject)
        assert guest is not None
        key = stage.scene.sponsorship(guest.id).id
        stage.scene.run(deciding.reject, key, stage.ben, "not known", by=stage.ben)
        stage.scene.later(minutes=1)
        stage.scene.knock(stage.acme, stage.scene.identity(stage.acme, subject, name=guest.name))
    assert walked(stage.client, "/sponsor/removed") == [["Bob", "Ann"], ["Jane Roe"]]
    second = linked(stage.client.get("/sponsor/removed").text, "next")
    for page in ("/sponsor/removed", second):
        assert "3 removed people came back to the door" in said(stage.client, page)


@SQLITE
@pytest.mark.parametrize(
    "bent",
    [
        "part=0&at=x&since=y&after=z",
        "part=7&at=2026-01-01T00:00:00Z&since=2026-01-01T00:00:00Z&after=" + "0" * 32,
        "part=0&at=2026-01-01T00:00:00&since=2026-01-01T00:00:00Z&after=" + "0" * 32,
        "part=0&at=0001-01-01T00:00:00%2B14:00&since=2026-01-01T00:00:00Z&after=" + "0" * 32,
    ],
)
def test_an_address_that_somebody_bent_begins_anew(stage: Stage, bent: str):
    come(stage, "Ann", "Bob")
    assert walked(stage.client, f"/sponsor?{bent}")[0] == ["Jane Roe", "Ann"]
    assert stage.client.get(f"/sponsor/guests?{bent}").status_code == 200


@SQLITE
@pytest.mark.parametrize(
    ("page", "number"), [("/sponsor", 8), ("/sponsor/guests", 10), ("/sponsor/removed", 5)]
)
def test_a_page_sends_as_many_statements_whatever_waits(stage: Stage, page: str, number: int):
    """The session and the employee, the two numbers of the menu, and the page itself."""
    vouched(stage)
    come(stage, "Fay", "Gus", "Hal")
    with stage.app.app_context(), statements() as sent:
        stage.client.get(page)
    assert len(sent) == number, sent


def test_a_past_decision_leads_only_where_one_may_decide_still(stage: Stage):
    """The portal's own link is no page that is not there, and no refusal in the log."""
    stage.approve(stage.jane, stage.acme.sponsor)
    link = f'href="/sponsor/guests/{stage.jane}"'
    assert link in stage.client.get("/sponsor/past").text
    named = {"sponsors": [stage.ben], "by": stage.scene.staff("petra", "admin")}
    stage.scene.run(name_sponsors, stage.acme.id, **named)
    text = stage.client.get("/sponsor/past").text
    assert "Jane Roe" in text
    assert link not in text
