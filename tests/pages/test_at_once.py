"""Whatever an admin got wrong in a form about trust is said at once, and not one by one."""

import re
from html import unescape

import pytest
from flask import Flask

from portal.foundation.db import db
from portal.trust.queries import organisation_by_slug
from tests.infra.client import PortalClient
from tests.pages.stage import NEW

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

NEW_PAGE = "/admin/organisations/new"
ACME = "/admin/organisations/acme"
UNKNOWN = "No employee with the address"


def problems(admin: PortalClient, page: str, given: dict[str, str]) -> list[tuple[str, str]]:
    """Send a form; return field and words of everything in its list of problems."""
    answer = admin.submit(page, given)
    assert answer.status_code == 422
    return [
        (at, unescape(words))
        for at, words in re.findall(r'<li><a href="#([\w-]+)">(.*?)</a>', answer.text)
    ]


def test_an_empty_organisation_lacks_its_end_in_the_first_list(admin: PortalClient):
    """A last day, or that there is none, is needed as the first day is."""
    found = problems(admin, NEW_PAGE, dict.fromkeys(NEW, ""))
    needed = [
        "name", "slug", "domain", "reference", "first_day", "last_day", "time_zone", "sponsor",
        "approval-0",
    ]  # fmt: skip
    assert [at for at, _ in found if at in needed] == [one for one in needed if one in dict(found)]
    assert "Enter the last day, or say that the contract is open-ended" in dict(found)["last_day"]


def test_all_that_the_rules_know_of_a_new_organisation_is_in_the_first_list(admin: PortalClient):
    """Beside what is missing, each at its field."""
    wrong = {
        "name": "",
        "slug": "Globex!",
        "domain": "globex.example\nco.uk",
        "last_day": "2025-12-31",
        "time_zone": "berlin",
    }
    found = dict(problems(admin, NEW_PAGE, NEW | wrong))
    assert list(found) == list(wrong)
    assert "lower-case letters" in found["slug"]
    assert "Anybody can register under co.uk" in found["domain"]
    assert "would end before it starts" in found["last_day"]
    assert "Did you mean Europe/Berlin?" in found["time_zone"]


def test_every_entry_of_a_list_that_is_wrong_is_named(admin: PortalClient):
    """Of very many the first, and how many more."""
    given = {"domain": "a..b\nglobex.example\nco.uk\nc..d", "sponsor": "\n".join("abcdefg")}
    found = dict(problems(admin, NEW_PAGE, NEW | given))
    assert all(one in found["domain"] for one in ("'a..b'", "co.uk", "'c..d'"))
    assert "globex" not in found["domain"]
    assert "(not e). And 2 more" in found["sponsor"]


def test_a_day_that_is_wrong_by_itself_is_not_said_twice(admin: PortalClient):
    """What cannot be read is no missing end, and a first day of the wrong century no later one."""
    for given, says in (
        ({"last_day": "soon"}, {"last_day": "Enter a date, like 2027-03-01"}),
        ({"first_day": "2500-01-01"}, {"first_day": "Enter a date of this century"}),
        ({"first_day": ""}, {"first_day": "Enter the first day of the contract"}),
    ):
        found = problems(admin, NEW_PAGE, NEW | given)
        assert [at for at, _ in found] == list(says), given
        assert all(says[at] in words for at, words in found)


def test_all_that_the_rows_know_is_in_one_list(app: Flask, admin: PortalClient):
    """A slug that is taken, and each employee whom nobody knows here; nothing is kept."""
    wrong = {"slug": "acme", "sponsor": "x@host.example\ny@host.example", "deputy": "z@x.example"}
    found = problems(admin, NEW_PAGE, NEW | wrong)
    assert [at for at, _ in found] == ["slug", "sponsor", "sponsor", "deputy"]
    assert [UNKNOWN in words for _, words in found] == [False, True, True, True]
    wrong = {"domain": "acme.example", "sponsor": "ada@host.example"}
    found = dict(problems(admin, NEW_PAGE, NEW | wrong))
    assert "is already held by Acme" in found["domain"]
    assert "is no sponsor yet" in found["sponsor"]
    with app.app_context():
        assert organisation_by_slug(db.session(), "globex") is None
        db.session.remove()


def test_who_vouches_is_refused_in_one_list(admin: PortalClient):
    """Sponsors, who is asked first, and the deputy."""
    given = {"sponsor": "x@host.example", "lead": "y@host.example", "deputy": "z@host.example"}
    found = problems(admin, f"{ACME}/sponsors", given)
    assert sorted(at for at, _ in found) == ["deputy", "lead", "sponsor"]


def test_a_contract_is_refused_in_one_list(admin: PortalClient):
    """What is missing beside what cannot be."""
    given = {"reference": "", "first_day": "2027-01-01", "time_zone": "Europe/Atlantis"}
    found = problems(admin, f"{ACME}/contracts/new", given)
    assert [at for at, _ in found] == ["reference", "last_day", "time_zone"]


def test_a_provider_is_refused_in_one_list(admin: PortalClient):
    """What is missing first, then everything that cannot be."""
    given = {"slug": "Two!", "require": "hd", "claim": "mail", "name": "", "issuer": ""}
    found = problems(admin, f"{ACME}/providers/new", given)
    assert {"name", "slug", "issuer", "client_id", "client_secret", "require", "claim"} == {
        at for at, _ in found
    }
    given = {
        "slug": "two",
        "name": "Two",
        "issuer": "https://accounts.google.com",
        "client_id": "portal",
        "client_secret": "s",
        "claim": "colour=red",
        "scopes": "openid a\\b",
    }
    found = problems(admin, f"{ACME}/providers/new", given)
    assert {at for at, _ in found} == {"scopes", "claim", "require"}


def test_the_defaults_are_refused_in_one_list(admin: PortalClient):
    """Each of them is needed: there is nothing that they could follow."""
    given = {"longest_days": "", "review_days": "", "most_guests": "x"}
    found = dict(problems(admin, "/admin/policy", given))
    assert list(found) == list(given)
    assert "must be complete" in found["review_days"]
    assert "does what the portal-wide default says" not in admin.get("/admin/policy").text
