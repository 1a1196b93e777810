"""Slugs, names, domains, pairs and terms as admins type them."""

import pytest

from portal.foundation.refused import Refused
from portal.foundation.text import check_name
from portal.trust.rules import check_domain, check_pairs, check_slug, check_terms
from portal.trust.rules.names import MAIL_FOR_ANYBODY, MOST_TERMS, PUBLIC_SUFFIXES


@pytest.mark.parametrize("slug", ["a", "9", "acme", "acme-corp-2", "a" * 63, " acme "])
def test_a_slug(slug: str):
    """It stands in addresses."""
    assert check_slug(slug) == slug.strip()


@pytest.mark.parametrize(
    "slug",
    ["", "-acme", "Acme", "a" * 64, "ac me", "acme/", "acmé", "a_b", "a.b", "a\nb", "\u0663"],
)
def test_no_slug(slug: str):
    """Anything else is refused at the field."""
    with pytest.raises(Refused, match="lower-case") as refused:
        check_slug(slug)
    assert refused.value.field == "slug"


@pytest.mark.parametrize("slug", ["new", "nowhere-to-go", " new "])
def test_a_slug_that_leads_elsewhere(slug: str):
    """A page of the portal stands at this address already, whatever is called so."""
    with pytest.raises(Refused, match=f"{slug.strip()} is an address of a page") as refused:
        check_slug(slug)
    assert refused.value.field == "slug"


def test_a_name_is_cleaned():
    """Line breaks and what cannot be seen are taken out."""
    assert check_name("name", "  Acme\n Corp\u202e ") == "Acme Corp"
    assert check_name("name", "x" * 200) == "x" * 200
    assert check_name("reference", "x" * 100, 100) == "x" * 100


@pytest.mark.parametrize(
    ("field", "text", "limit", "words"),
    [
        ("name", "", 200, "Enter the name"),
        ("first_name", " \u200b ", 200, "Enter the first name"),
        ("name", "x" * 201, 200, "200 characters or fewer"),
        ("name", "a\0", 200, "cannot be shown"),
    ],
)
def test_no_name(field: str, text: str, limit: int, words: str):
    """With the field that it was typed into."""
    with pytest.raises(Refused, match=words) as refused:
        check_name(field, text, limit)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("acme.example", "acme.example"),
        (" ACME.Example. ", "acme.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("acme.co.uk", "acme.co.uk"),
        ("partners.host.example", "partners.host.example"),
        ("uk.com", "uk.com"),
    ],
)
def test_a_domain_has_one_form(text: str, domain: str):
    """Lower case, xn-- where due; compared exactly ever after."""
    assert check_domain(text, {"host.example"}) == domain


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("acme", "like example.com; 'acme' is not one"),
        ("", "like example.com"),
        ("a b.example", "like example.com"),
        ("sam@acme.example", "like example.com"),
        ("192.0.2.1", "like example.com"),
        ("host.example", "host's own domain"),
        ("HOST.example.", "host's own domain"),
        ("co.uk", "Anybody can register under co.uk"),
        ("CO.UK", "Anybody can register under co.uk"),
        ("com.au", "Anybody can register"),
        ("T-Online.de", "Anybody can have an address at t-online.de"),
        ("163.com", "Anybody can have an address"),
    ],
)
def test_no_domain_of_a_partner(text: str, words: str):
    """Neither a typing error, nor the host's, nor everybody's (case A06)."""
    with pytest.raises(Refused) as refused:
        check_domain(text, {"host.example"})
    assert refused.value.field == "domain"
    assert words in refused.value.message


@pytest.mark.parametrize("domain", sorted(MAIL_FOR_ANYBODY))
def test_nobodys_domain_is_one_where_anybody_has_an_address(domain: str):
    """Each stands there in its one form, and is refused with a reason."""
    with pytest.raises(Refused) as refused:
        check_domain(domain.upper(), ())
    why = f"Anybody can have an address at {domain}: it is no company's own"
    assert refused.value.message == why


def test_the_suffixes_are_canonical_domains_of_two_labels():
    """So that a canonical domain can be looked up among them."""
    assert {len(one.split(".")) for one in PUBLIC_SUFFIXES} == {2}
    assert all(one == one.lower() for one in PUBLIC_SUFFIXES)
    assert {"co.uk", "com.br", "co.jp", "or.at"} <= PUBLIC_SUFFIXES


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], {}),
        (["a=b"], {"a": "b"}),
        ([" a = b ", "c=d=e"], {"a": "b", "c": "d=e"}),
        (["a=b", "a=b"], {"a": "b"}),
        (["a="], {"a": ""}),
    ],
)
def test_pairs(texts: list[str], expected: dict[str, str]):
    """A value may hold an equals sign, or be empty."""
    assert check_pairs("claim_map", texts) == expected


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["a"], "'a' is not one"),
        (["=b"], "'=b' is not one"),
        ([""], "NAME=VALUE"),
        (["a=b", "a=c"], "a is given twice"),
    ],
)
def test_no_pairs(texts: list[str], words: str):
    """The field that they were typed into is named."""
    with pytest.raises(Refused) as refused:
        check_pairs("claim_map", texts)
    assert refused.value.field == "claim_map"
    assert words in refused.value.message


def test_terms_keep_their_lines():
    """And lose what cannot be seen."""
    assert check_terms("One\r\n\r\nTwo \u202e\n") == "One\n\nTwo"
    assert len(check_terms("x" * MOST_TERMS)) == MOST_TERMS


@pytest.mark.parametrize("text", ["", " \n\n ", "x" * (MOST_TERMS + 1), "a\0b"])
def test_no_terms(text: str):
    """Nothing to agree to, or more than anybody reads."""
    with pytest.raises(Refused) as refused:
        check_terms(text)
    assert refused.value.field == "body"
