"""Filters that stand in the address: a name that nobody has is said, and the others still count."""

from html import unescape
from urllib.parse import urlencode

import pytest

from portal.audit.rules import VOCABULARY
from portal.guests.rules import State
from portal.sponsorship.changes import people
from tests.infra.client import PortalClient
from tests.pages.stage import Stage, said

LOG, GUESTS = "/admin/audit", "/admin/guests"
ORGANISATION = "There is no organisation called"
WRONG = [
    (LOG, {"organisation": "acmee"}, f"{ORGANISATION} 'acmee'. Did you mean acme?"),
    (LOG, {"organisation": "ACME Corp"}, f"{ORGANISATION} 'ACME Corp'. Did you mean acme?"),
    (LOG, {"organisation": "qqq"}, f"{ORGANISATION} 'qqq'. Choose one of those offered"),
    (LOG, {"event": "guest.remove"}, "There is no event called 'guest.remove'. Did you mean guest"),
    (LOG, {"event": "qqq"}, "There is no event called 'qqq'. Choose one of those offered"),
    (LOG, {"guest": "Jane"}, "This is no guest's id: open a guest's page"),
    (GUESTS, {"organisation": "acmee"}, f"{ORGANISATION} 'acmee'. Did you mean acme?"),
    (GUESTS, {"state": "gone"}, "Choose one of those offered"),
]
RIGHT = [
    (LOG, {"organisation": "acme"}),
    (LOG, {"organisation": "Acme"}),
    (LOG, {"event": "guest.removed"}),
    (GUESTS, {"organisation": "acme"}),
    (GUESTS, {"state": "active"}),
]


def _at(page: str, asked: dict[str, str]) -> str:
    return f"{page}?{urlencode(asked)}"


@pytest.fixture
def petra(stage: Stage) -> PortalClient:
    """An admin, after Jane was removed and John has come."""
    stage.scene.run(people.remove, stage.jane, "Left the company", by=stage.ben)
    stage.scene.guest(stage.acme, "john")
    return stage.another(stage.scene.staff("petra", "admin"))


@pytest.mark.parametrize(("page", "asked", "says"), WRONG)
def test_a_name_that_nobody_has_is_said(petra: PortalClient, page: str, asked: dict, says: str):
    """At its field and above, with what to do; what was typed stays, and nothing is exported."""
    text = petra.get(_at(page, asked)).text
    (name, value), *_ = asked.items()
    assert unescape(text).count(says) == 2
    assert f'href="#{name}"' in text
    assert "fits these filters" not in text
    assert "Shown is what fits the other filters." in text
    if page == LOG:
        assert f'value="{value}"' in text
        assert "/export.csv" not in text
        answer = petra.get(_at(f"{LOG}/export.csv", asked))
        assert (answer.status_code, answer.location) == (303, _at(LOG, asked))


@pytest.mark.parametrize(("page", "asked"), RIGHT)
def test_a_name_that_somebody_has_is_not(petra: PortalClient, page: str, asked: dict):
    """Also as people spell it."""
    text = petra.get(_at(page, asked)).text
    assert "There is a problem" not in text
    assert "Shown is what fits the other filters." not in text


def test_the_other_filters_count_all_the_same(petra: PortalClient):
    """Of a filter with one wrong name the rest is kept."""
    log = petra.get(f"{LOG}?event=guest.removed&organisation=acmee").text
    assert log.count('<span class="note">guest.removed') == 1
    assert "guest.created<" not in log.partition("<table")[2]
    guests = said(petra, f"{GUESTS}?state={State.REMOVED}&organisation=acmee")
    assert "Jane" in guests
    assert "John" not in guests


def test_what_there_is_is_offered(petra: PortalClient):
    """Organisations by the name that people know; events by what they are called."""
    log, guests = petra.get(LOG).text, petra.get(GUESTS).text
    for text in (log, guests):
        assert '<option value="acme">Acme' in text
    for event in VOCABULARY:
        assert f'<option value="{event}">' in log


def test_a_reference_is_found_however_it_is_typed(petra: PortalClient):
    """As somebody reads it out of a mail, in small letters and with spaces around."""
    reference = petra.get(LOG).text.partition("?reference=")[2].partition('"')[0]
    text = petra.get(f"{LOG}?{urlencode({'reference': f' {reference.lower()} '})}").text
    assert f"<code>{reference}</code>" in text


def test_a_further_page_leads_back_and_says_no_untruth(petra: PortalClient, stage: Stage):
    """Whoever was decided about meanwhile is gone from it: others fit the filters all the same."""
    for page, bent in ((f"{GUESTS}?state=pending", stage.jane), (f"{LOG}?event=guest.removed", 1)):
        first = petra.get(page).text
        assert 'rel="prev"' not in first
        assert "is left on this page" not in first
        beyond = petra.get(f"{page}&before={bent}").text
        assert f'<a href="{page}" rel="prev">Newest</a>' in beyond
        assert "is left on this page" in beyond
        assert "fits these filters" not in beyond
