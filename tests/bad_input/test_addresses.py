"""Whatever stands in an address shows a page or an error, and writes nothing."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from flask import Request
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.routing import Rule

from portal.web.forms import PortalForm
from tests.bad_input.nasty import LONG, PARAMETERS, PARTS, STRANGER
from tests.bad_input.routes import QUERIES
from tests.bad_input.test_routes import UNESCAPED
from tests.bad_input.world import House

# Names that a query may have and no view asks for; url_for and templates know them.
NEVER_ASKED: Final = ("endpoint", "kind", "_external", "_scheme", "_anchor", "_method", "slug", "x")


class Watched(ImmutableMultiDict[str, str]):
    """Query parameters that note which of them a view has asked for."""

    asked: set[str] = set()  # noqa: RUF012 - one for all, emptied before each request

    def getlist(self, key: Any, *more: Any, **named: Any) -> list[Any]:
        self.asked.add(key)
        return super().getlist(key, *more, **named)

    def __contains__(self, key: Any) -> bool:
        self.asked.add(key)
        return super().__contains__(key)

    def __getitem__(self, key: Any) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)


@pytest.fixture
def watched(house: House) -> Iterator[House]:
    """The portal, noting the query parameters that views ask for."""
    usual = house.app.request_class
    house.app.request_class = type("Noting", (Request,), {"parameter_storage_class": Watched})
    yield house
    house.app.request_class = usual


def _looks(house: House) -> list[Rule]:
    """Return every rule that can be looked at."""
    return [rule for rule in house.app.url_map.iter_rules() if "GET" in (rule.methods or ())]


def _who(rule: Rule) -> str:
    for prefix, who in (("/admin", "petra"), ("/sponsor", "jonas"), ("/me", "anna")):
        if rule.rule.startswith(prefix):
            return who
    return "nobody"


GOOD: Final = {
    "slug": "acme",
    "idp": "id",
    "organisation": "acme",
    "provider": "id",
    "guest_id": "{anna}",
    "staff_id": "{jonas}",
    "sponsorship_id": "{theo_asks}",
    "contract_id": "{acme_contract}",
    "kind": "csv",
    "name": "portal.css",
    "token": "{sign_in}",
}


def _path(house: House, rule: Rule, **values: str) -> str:
    """Return an address of a rule, with good values where no other is given."""
    address = rule.rule
    for name in rule.arguments:
        written = values.get(name) or quote(house.path(GOOD[name]))
        address = re.sub(rf"<([^<>]*:)?{name}>", lambda _: written, address)  # noqa: B023
    return address


def test_every_address_shows_with_good_values(watched: House):
    """And asks for no parameter that is not in the list: a new one fails here."""
    unknown = {}
    for rule in _looks(watched):
        Watched.asked.clear()
        slug = {"slug": "orders"} if rule.endpoint.startswith("applications.") else {}
        answer = watched.send(_who(rule), "GET", _path(watched, rule, **slug))
        assert answer.status_code < 500 or "staff" in rule.rule, rule.endpoint
        assert answer.status_code != 404 or rule.endpoint == "assets.logo", rule.endpoint
        if more := Watched.asked - set(QUERIES.get(rule.endpoint, ())):
            unknown[rule.endpoint] = more
    assert unknown == {}
    assert set(QUERIES) <= {rule.endpoint for rule in _looks(watched)}


def test_every_filter_is_in_the_list(house: House):
    """A form that is sent by GET stands in an address as well."""
    with house.app.test_request_context():
        found = {
            name
            for form in _forms(PortalForm)
            if getattr(form.Meta, "csrf", True) is False
            for name in form()._fields
        }
    assert found
    assert found <= {name for names in QUERIES.values() for name in names}


def _forms(form: type[PortalForm]) -> Iterator[type[PortalForm]]:
    for one in form.__subclasses__():
        yield one
        yield from _forms(one)


def test_a_bad_part_of_an_address_is_not_found(house: House):
    """Too long, hidden, no text, somebody else's, of another type: 404, or 400."""
    before, wrong = house.rows(), []
    for rule in _looks(house):
        for name in sorted(rule.arguments):
            for value in (*PARTS, "%00"):
                path = _path(house, rule, **{name: quote(value, safe="%")})
                answer = house.send(_who(rule), "GET", path)
                told = answer.status_code in {400, 404, 410, 308}
                if not told:
                    wrong.append((rule.endpoint, name, value[:40], answer.status_code))
                wrong += [(path[:80], mark) for mark in UNESCAPED if mark in answer.text]
    assert wrong == []
    assert house.rows() == before


def test_a_bad_query_shows_a_page(house: House):
    """The parameters that are read, each doubled and bent, and some that nobody reads."""
    before, wrong = house.rows(), []
    for rule in _looks(house):
        names = QUERIES.get(rule.endpoint, ())
        slug = {"slug": "orders"} if rule.endpoint.startswith("applications.") else {}
        path = _path(house, rule, **slug)
        usual = house.send(_who(rule), "GET", path).status_code
        many = "&".join(f"q{i}=x" for i in range(501))
        twice = "&".join(f"{name}=javascript&{name}=%ff%fe" for name in (*names, *NEVER_ASKED))
        for query in (f"{twice}&{'n' * 9000}=1&=&&{many}", *_bent(names)):
            answer = house.send(_who(rule), "GET", f"{path}?{query}")
            if answer.status_code not in {usual, 303, 400, 404}:
                wrong.append((rule.endpoint, query[:60], answer.status_code))
            wrong += [
                (rule.endpoint, query[:60], mark)
                for mark in (*UNESCAPED, 'href="javascript')
                if mark in answer.text
            ]
            wrong += [(rule.endpoint, "leads away")] if _leads_away(answer, house) else []
    assert wrong == []
    assert house.rows() == before


def _bent(names: Sequence[str]) -> Iterator[str]:
    """Yield queries in which every parameter that is read is bent, alike or each for itself."""
    for value in PARAMETERS if names else ():
        written = quote(value, safe="%")
        yield "&".join(f"{name}={written}" for name in names)
        if "at" in names:
            yield f"at={written}&before={STRANGER}"
            yield f"at=2026-11-24T00:00:00%2B00:00&before={written}"


def _leads_away(answer: Any, house: House) -> bool:
    to = answer.headers.get("Location", "/")
    return not to.startswith(("/", house.world.provider.issuer, house.own.issuer))


def test_a_bent_answer_of_a_provider_lets_nobody_in(house: House):
    """With the state of a sign-in that is open, so that all of the rest is looked at."""
    before, wrong = house.rows(), []
    bent = [
        *(f"{name}={quote(value, safe='%')}" for name in ("code", "error") for value in PARAMETERS),
        *(f"code=x&iss={quote(value, safe='%')}" for value in PARAMETERS),
        "code=x&code=y",
        "code=x&error=access_denied&error=x",
        "error=access_denied&error_description=%3Cscript%3Ealert(1)%3C/script%3E",
        "code=x&state=another",
        "id_token=x&access_token=y",
        "",
    ]
    for query in bent:
        begun = house.send("nobody", "GET", "/sign-in/acme/id")
        state = parse_qs(urlsplit(begun.location).query)["state"][0]
        cookies = "; ".join(one.partition(";")[0] for one in begun.headers.getlist("Set-Cookie"))
        path = f"/sign-in/acme/id/callback?state={state}&{query}"
        answer = house.send("nobody", "GET", path, cookies)
        if answer.status_code not in {403, 502} or "__Host-portal-session" in str(answer.headers):
            wrong.append((query[:60], answer.status_code))
        wrong += [(query[:60], mark) for mark in UNESCAPED if mark in answer.text]
    assert wrong == []
    assert house.rows() == before


def test_nul_in_a_query_is_refused(house: House):
    """Everywhere, before any view sees it."""
    for rule in _looks(house):
        path = _path(house, rule)
        assert house.send(_who(rule), "GET", f"{path}?x=%00").status_code == 400, rule.endpoint


def test_bent_cookies_and_headers_are_nobodys(house: House):
    """Whatever a browser claims to hold: it is shown the door, and nothing breaks."""
    names = ("portal-session", "portal-arrival", "portal-form", "portal-attempts")
    for value in (LONG[:4000], "\xff\xfe", "%00", "a.b.c", '"', "", "é" * 50):
        cookie = "; ".join(f"__Host-{name}={value}" for name in names)
        for path in ("/me", "/arrival", "/sign-in", "/sign-in/acme/id/callback?state=x&code=y"):
            headers = {"Cookie": cookie.encode("latin-1", "replace").decode("latin-1")}
            headers |= {"User-Agent": LONG, "Accept-Language": "\xff", "Referer": "\xff://"}
            answer = house.send("nobody", "GET", path, headers=headers)
            assert answer.status_code in {200, 303, 400, 403, 410}, (path, value[:20])
