"""One level of navigation, by role."""

import re

import pytest

from portal.web.navigation import home, set_navigation_counts
from tests.web.conftest import Kit, viewer


def shown(kit: Kit, path: str = "/form") -> list[str]:
    page = kit.get(path).text
    found = re.search(r'<nav aria-label="Main">(.*?)</nav>', page, re.DOTALL)
    if found is None:
        return []
    return [re.sub(r"\s+", " ", x).strip() for x in re.findall(r">\s*([A-Z][^<]*)", found[1])]


SPONSORS = ["Decisions", "My guests", "Past decisions", "Removed people who knock"]
ADMINS = [
    "Overview", "Organisations", "Guests", "Applications", "Staff", "Terms", "Audit log", "Health",
]  # fmt: skip


@pytest.mark.parametrize(
    ("who", "items"),
    [
        (None, []),
        (viewer("guest"), ["Where I stand", "My data"]),
        (viewer("staff", "sponsor"), SPONSORS),
        (viewer("staff", "admin"), ADMINS),
        (viewer("staff", "admin", "sponsor"), SPONSORS + ADMINS),
        (viewer("staff"), []),
        (viewer("guest", confined_to=("form",)), []),
    ],
)
def test_who_sees_what(kit: Kit, who, items):
    """Both roles, both groups; who may see one page only has none."""
    kit.viewer = who
    assert shown(kit) == items


def test_the_number_beside_decisions(kit: Kit):
    """Read out with its word, and left out when it is none."""
    kit.viewer = viewer("staff", "sponsor")
    set_navigation_counts(kit.app, lambda _: {"decisions": 3})
    page = kit.get("/form").text
    assert '<span class="count">3<span class="visually-hidden"> waiting</span></span>' in page
    assert page.count('class="count"') == 1


def test_the_current_page_is_marked(kit: Kit):
    """The longest address that it lies below."""
    kit.viewer = viewer("staff", "sponsor", "admin")
    page = kit.get("/sponsor").text
    assert re.findall(r'href="([^"]+)" aria-current="page"', page) == ["/sponsor"]
    assert "aria-current" not in kit.get("/form").text


def test_the_first_page_of_somebody():
    """Where signing in leads."""
    assert home(viewer("guest")) == "/me"
    assert home(viewer("staff", "sponsor", "admin")) == "/sponsor"
    assert home(viewer("staff")) == "/"


def test_signing_out_is_a_form(kit: Kit):
    """POST, with its token; and only for who is signed in."""
    assert "/sign-out" not in kit.get("/form").text
    kit.viewer = viewer("guest")
    page = kit.get("/form").text
    form = re.search(
        r'<form class="who" method="post" action="/sign-out">.*?</form>', page, re.DOTALL
    )
    assert form is not None
    assert "csrf_token" in form[0]
    assert '<a class="note" href="/signed-in"' in form[0]
    assert "Ann Example" in form[0]
    kit.viewer = viewer("guest", confined_to=("form",))
    assert "/signed-in" not in kit.get("/form").text, "nor where it would lead nowhere"


def test_the_frame_of_a_page(kit: Kit):
    """Skip link first, one main, the host's name, help at the end."""
    page = kit.get("/form").text
    assert page.index('class="skip"') < page.index("<header") < page.index("<main")
    assert page.count("<main") == 1
    assert "Host Ltd guest access" in page
    assert 'href="mailto:help@host.example"' in page
