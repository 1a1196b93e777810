"""Slugs, names and addresses of applications, each bound at its very edge."""

from collections.abc import Callable

import pytest

from portal.applications.rules import MOST_URL, check_slug, check_url
from portal.foundation.refused import Refused

ADDRESS = "Enter the address of the application, like https://wiki.example.com/"
NO_USER = "Enter the address without a user name or password"
SLUG = "Use 1 to 63 lower-case letters, digits and hyphens; begin with no hyphen"


def refusal(check: Callable[[str], str], text: str) -> tuple[str, str]:
    """The field that a refusal names, and its words."""
    with pytest.raises(Refused) as refused:
        check(text)
    return refused.value.field, refused.value.message


@pytest.mark.parametrize(
    "url",
    [
        "https://wiki.host.example",
        "https://wiki.host.example:8443/a?b=c#d",
        "https://wiki.host.example:1/",
        "http://wiki.internal/",
        " https://wiki.host.example/ ",
        "https://wiki.host.example/a@b",
        "https://wiki.host.example/X",
        "https://wiki.host.example/" + "a" * (MOST_URL - 26),
    ],
)
def test_an_address(url: str):
    """Also one on the host's own network: people's browsers go there, not the portal."""
    assert check_url(url) == url.strip()


def test_the_longest_address():
    """As long as the column."""
    assert MOST_URL == 2048


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", ADDRESS),
        ("wiki", ADDRESS),
        ("https://", ADDRESS),
        ("https:///path", ADDRESS),
        ("javascript:alert(1)", ADDRESS),
        ("data:text/html,x", ADDRESS),
        ("ftp://wiki.host.example/", ADDRESS),
        ("//wiki.host.example", ADDRESS),
        ("https://wiki.host.example:0/", ADDRESS),
        ("https://wiki.host.example:x/", ADDRESS),
        ("https://[::1", ADDRESS),
        ("https://wik\u00ed.host.example/", ADDRESS),
        ("https://wiki.host.example/\x7f", ADDRESS),
        *((f"https://wiki.host.example/{one}x", ADDRESS) for one in ' \\"<>^`{|}'),
        ("https://wiki.host.example/" + "a" * (MOST_URL - 25), ADDRESS),
        ("https://user@wiki.host.example/", NO_USER),
        ("https://user:pw@wiki.host.example/", NO_USER),
    ],
)
def test_no_address(url: str, words: str):
    """Nothing that a link must not lead to."""
    assert refusal(check_url, url) == ("url", words)


@pytest.mark.parametrize(
    "slug", ["", "-a", "A", "aA", "a b", "a" * 64, "a/b", "a\n", "\u0663", "a_b"]
)
def test_no_slug(slug: str):
    """It is written as APP/SLUG."""
    if slug.strip() == "a":
        assert check_slug(slug) == "a"  # what stands around it goes
        return
    assert refusal(check_slug, slug) == ("slug", SLUG)


@pytest.mark.parametrize("slug", [" a ", "0", "9-z", "a-", "a" * 63])
def test_a_slug(slug: str):
    """The shortest and the longest."""
    assert check_slug(slug) == slug.strip()
