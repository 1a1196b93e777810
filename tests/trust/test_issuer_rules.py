"""Which issuers may be trusted, and whose people they serve."""

import pytest

from portal.foundation.refused import Refused
from portal.trust.rules import (
    House,
    check_claims,
    check_issuer,
    entra_tenant,
    is_loopback,
    is_pairwise,
)
from portal.trust.rules.issuer import ENTRA_HOSTS, MOST_ISSUER, SHARED_ISSUERS, require_owner

TENANT = "11111111-2222-3333-4444-55555555abcd"
ENTRA = f"https://login.microsoftonline.com/{TENANT}/v2.0"
PRODUCTION = House()
DEVELOPMENT = House(development=True)
PRIVATE = House(private_hosts=frozenset({"id.internal", "10.0.0.5:8443", "idp"}))


@pytest.mark.parametrize(
    ("issuer", "house"),
    [
        ("https://id.acme.example", PRODUCTION),
        ("https://id.acme.example/", PRODUCTION),
        ("https://id.acme.example:8443/realms/Acme", PRODUCTION),
        ("https://ID.acme.example", PRODUCTION),
        ("  https://id.acme.example ", PRODUCTION),
        ("https://8.8.8.8", PRODUCTION),
        ("https://[2606:4700::1111]", PRODUCTION),
        ("https://idp/realm", PRIVATE),
        ("https://id.internal", PRIVATE),
        ("https://10.0.0.5:8443/x", PRIVATE),
        ("https://IDP:8443/x", House(private_hosts=frozenset({"idp:8443"}))),
        ("https://id.acme.example:9443", PRODUCTION),
        ("https://id.acme.example/X", PRODUCTION),
        ("https://id.acme.example/.well-known/openid-configurationX", PRODUCTION),
        ("http://127.0.0.1:5000", DEVELOPMENT),
        ("http://localhost:5000", DEVELOPMENT),
        ("http://acme.localhost", DEVELOPMENT),
        ("http://[::1]:5000", DEVELOPMENT),
        ("https://127.0.0.2:5000", DEVELOPMENT),
        (ENTRA, PRODUCTION),
        (f"https://sts.windows.net/{TENANT}/", PRODUCTION),
        ("https://id.acme.example/common", PRODUCTION),
        ("https://id.acme.example/" + "a" * (MOST_ISSUER - 24), PRODUCTION),
    ],
)  # fmt: skip
def test_an_issuer_is_kept_to_the_letter(issuer: str, house: House):
    """Case and slashes are the provider's; only white space around it goes."""
    assert check_issuer(issuer, house) == issuer.strip()


@pytest.mark.parametrize(
    ("issuer", "house", "words"),
    [
        ("", PRODUCTION, "Enter an address"),
        ("id.acme.example", PRODUCTION, "Enter an address"),
        ("https://", PRODUCTION, "Enter an address"),
        ("https://id.acme.example:0", PRODUCTION, "Enter an address"),
        ("https://id.acme.example:99999", PRODUCTION, "Enter an address"),
        ("https://id.acme.example:x", PRODUCTION, "Enter an address"),
        ("https://[::1", PRODUCTION, "Enter an address"),
        ("https://id acme.example", PRODUCTION, "Enter an address"),
        ("https://id.acme.example\\@evil.example", PRODUCTION, "Enter an address"),
        ("https://íd.acme.example", PRODUCTION, "Enter an address"),
        ("https://id.acme.example/\x01", PRODUCTION, "Enter an address"),
        ('https://id.acme.example/"<', PRODUCTION, "Enter an address"),
        ("ftp://id.acme.example", PRODUCTION, "Enter an address"),
        ("javascript:alert(1)", PRODUCTION, "Enter an address"),
        ("https://id.acme.example/" + "a" * (MOST_ISSUER - 23), PRODUCTION, "Enter an address"),
        ("http://id.acme.example", PRODUCTION, "begins with https://"),
        ("http://id.acme.example", DEVELOPMENT, "begins with https://"),
        ("http://127.0.0.1:5000", PRODUCTION, "begins with https://"),
        ("http://127.evil.example", DEVELOPMENT, "begins with https://"),
        ("http://localhost.evil.example", DEVELOPMENT, "begins with https://"),
        ("http://idp/realm", PRIVATE, "begins with https://"),
        ("https://user@id.acme.example", PRODUCTION, "without a user name"),
        ("https://user:pw@id.acme.example", PRODUCTION, "without a user name"),
        ("https://@id.acme.example", PRODUCTION, "without a user name"),
        ("https://id.acme.example?x=1", PRODUCTION, "without ? or #"),
        ("https://id.acme.example?", PRODUCTION, "without ? or #"),
        ("https://id.acme.example#", PRODUCTION, "without ? or #"),
        ("https://id.acme.example/.well-known/openid-configuration", PRODUCTION, "alone"),
        ("https://id.acme.example/.well-known/openid-configuration/", PRODUCTION, "alone"),
        ("https://127.0.0.1", PRODUCTION, "private network"),
        ("https://10.0.0.5", PRODUCTION, "private network"),
        ("https://10.0.0.5:8444", PRIVATE, "private network"),
        ("https://192.168.1.1", PRODUCTION, "private network"),
        ("https://192.168.1.1", DEVELOPMENT, "private network"),
        ("https://169.254.169.254", PRODUCTION, "private network"),
        ("https://100.64.0.1", PRODUCTION, "private network"),
        ("https://0.0.0.0", PRODUCTION, "private network"),
        ("https://224.0.0.1", PRODUCTION, "private network"),
        ("https://[::1]", PRODUCTION, "private network"),
        ("https://[fd00::1]", PRODUCTION, "private network"),
        ("https://[fe80::1]", PRODUCTION, "private network"),
        ("https://[::ffff:10.0.0.1]", PRODUCTION, "private network"),
        ("https://[fec0::1]", PRODUCTION, "not public"),
        ("https://[::7f00:1]", PRODUCTION, "not public"),
        ("https://[64:ff9b::a9fe:a9fe]", PRODUCTION, "not public"),
        ("https://[64:ff9b:1::1]", PRODUCTION, "not public"),
        ("https://[2002:7f00:1::]", PRODUCTION, "not public"),
        ("https://192.0.0.192", PRODUCTION, "not public"),
        ("https://a..example", PRODUCTION, "no name of a host"),
        ("https://id.acme.example:1", PRODUCTION, "port 1 is not one"),
        ("https://id.acme.example:22", DEVELOPMENT, "port 22 is not one"),
        ("https://idp:8444", PRIVATE, "port 8444 is not one"),
        ("https://localhost", PRODUCTION, "public host name"),
        ("https://a.localhost", PRODUCTION, "public host name"),
        ("https://printer.local", PRODUCTION, "public host name"),
        ("https://id.internal", PRODUCTION, "public host name"),
        ("https://idp", PRODUCTION, "public host name"),
        ("https://2130706433", PRODUCTION, "public host name"),
        ("https://0x7f.1", PRODUCTION, "public host name"),
        ("https://127.1", PRODUCTION, "public host name"),
        ("https://id.example.0x7f", PRODUCTION, "public host name"),
        ("https://-id.example", PRODUCTION, "public host name"),
        ("https://id.example.", PRODUCTION, "public host name"),
        ("https://id_x.example", PRODUCTION, "public host name"),
        ("https://login.microsoftonline.com/common/v2.0", PRODUCTION, "every tenant"),
        ("https://login.microsoftonline.com/organizations/v2.0", PRODUCTION, "every tenant"),
        ("https://login.microsoftonline.com/consumers/v2.0", PRODUCTION, "every tenant"),
        ("https://LOGIN.microsoftonline.com/common", PRODUCTION, "every tenant"),
        ("https://login.microsoftonline.com/acme.example/v2.0", PRODUCTION, "every tenant"),
        ("https://login.microsoftonline.com", PRODUCTION, "every tenant"),
        ("https://sts.windows.net/common/", PRODUCTION, "every tenant"),
        (
            "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
            PRODUCTION,
            "personal accounts",
        ),
    ],
)  # fmt: skip
def test_f01_o24_what_no_issuer_can_be_is_refused(issuer: str, house: House, words: str):
    """Case O24 among them: Entra's addresses for every tenant."""
    with pytest.raises(Refused) as refused:
        check_issuer(issuer, house)
    assert refused.value.field == "issuer"
    assert words in refused.value.message


def test_why_nothing_would_be_fetched_is_said():
    """In the words of the client that would be asked."""
    with pytest.raises(Refused) as refused:
        check_issuer("https://id.acme.example:1", PRODUCTION)
    assert refused.value.message == (
        "Nothing is fetched from this address: port 1 is not one on which identity providers stand"
    )


def test_a_house_allows_nothing_by_default():
    """Neither loopback nor a private host, and no domain is its own."""
    assert House() == House(frozenset(), development=False, private_hosts=frozenset())
    assert House().development is False
    assert MOST_ISSUER == 2048


def test_who_has_no_host_owns_nobody():
    """What is no address is refused elsewhere."""
    require_owner("", {})
    require_owner("https://id.acme.example", {})


def test_issuers_that_serve_everybody():
    """With the claim that says whose person it is; one that is left out lets everybody in."""
    assert dict(SHARED_ISSUERS) == {
        "accounts.google.com": "hd",
        "appleid.apple.com": None,
        "gitlab.com": None,
        "login.salesforce.com": "organization_id",
        "slack.com": "https://slack.com/team_id",
        "www.facebook.com": None,
        "www.linkedin.com": None,
        "api.login.yahoo.com": None,
    }
    assert {
        "login.microsoftonline.com",
        "login.microsoftonline.us",
        "login.partner.microsoftonline.cn",
        "login.microsoft.com",
        "login.windows.net",
        "sts.windows.net",
    } == ENTRA_HOSTS


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("a.localhost", True),
        ("128.0.0.1", False),
        ("::2", False),
        ("127.evil.example", False),
        ("notlocalhost", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_loopback(host: str, *, expected: bool):
    """By address or by name, and not by looking like it."""
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("issuer", "tenant"),
    [
        (ENTRA, TENANT),
        (ENTRA.upper().replace("HTTPS", "https"), TENANT),
        ("https://login.microsoftonline.com/common/v2.0", None),
        (f"https://login.microsoftonline.com/{TENANT}x/v2.0", None),
        (f"https://id.acme.example/{TENANT}/v2.0", None),
        ("https://login.microsoftonline.com", None),
        (f"https://login.microsoftonline.com/X{TENANT}", None),
        (f"https://LOGIN.microsoftonline.com/{TENANT}", TENANT),
        ("", None),
        *((f"https://{host}/{TENANT}", TENANT) for host in sorted(ENTRA_HOSTS)),
    ],
)
def test_the_tenant_in_an_issuer(issuer: str, tenant: str | None):
    """Entra's alone have one."""
    assert entra_tenant(issuer) == tenant


def test_every_shared_issuer_demands_a_claim():
    """None of them can be configured for everybody."""
    for host, claim in SHARED_ISSUERS.items():
        with pytest.raises(Refused, match="Anybody can have an account"):
            check_claims(f"https://{host}", "sub", {})
        check_claims(f"https://{host}", "sub", {claim or "org": "acme"})


@pytest.mark.parametrize(
    ("issuer", "subject", "types", "expected"),
    [
        ("https://id.acme.example", "sub", (), False),
        ("https://id.acme.example", "sub", ("public",), False),
        ("https://id.acme.example", "sub", ("public", "pairwise"), True),
        ("https://id.acme.example", "pid", ("pairwise",), False),
        (ENTRA, "sub", (), True),
        (ENTRA, "oid", ("pairwise",), False),
    ],
)
def test_pairwise(issuer: str, subject: str, types: tuple[str, ...], *, expected: bool):
    """Only sub can be; Entra's always is."""
    assert is_pairwise(issuer, subject, types) is expected
