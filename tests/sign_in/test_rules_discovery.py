"""A discovery document: each address and each list alone, each bound at its edge."""

from typing import Any

import pytest

from portal.sign_in.rules import (
    Failure,
    Metadata,
    SignInReason,
    check_hosts,
    discovery_address,
    read_metadata,
)
from portal.sign_in.rules.discovery import MOST_ADDRESS_CHARACTERS, MOST_VALUES, USED

R = SignInReason
ISSUER = "https://id.acme.example"
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
}
ADDRESSES = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint")
LISTS = {
    "response_types_supported": "response_types",
    "grant_types_supported": "grant_types",
    "id_token_signing_alg_values_supported": "algorithms",
    "token_endpoint_auth_methods_supported": "client_auths",
    "code_challenge_methods_supported": "challenge_methods",
    "scopes_supported": "scopes",
    "acr_values_supported": "acr_values",
    "subject_types_supported": "subject_types",
}
FLAGS = {
    "authorization_response_iss_parameter_supported": "iss_promised",
    "claims_parameter_supported": "claims_parameter",
}


def read(*, development: bool = False, **changes: Any) -> Metadata | Failure:
    return read_metadata(DOCUMENT | changes, ISSUER, development=development)


@pytest.mark.parametrize("name", LISTS)
def test_words_that_cannot_be_read_are_left_out(name: str):
    """They reach a terminal and the database: no escape sequence, no half character, no NUL."""
    found = read(**{name: ["\x1b[2J", "plain", "half \ud800", "\0", "two\nlines", 5]})
    assert isinstance(found, Metadata)
    assert getattr(found, LISTS[name]) == ("plain",)


def test_the_least_that_a_document_says():
    """Everything else is *not said*, which is not the same as *none*."""
    assert read() == Metadata(
        issuer=ISSUER,
        authorization_endpoint=f"{ISSUER}/authorize",
        token_endpoint=f"{ISSUER}/token",
        jwks_uri=f"{ISSUER}/keys",
        userinfo_endpoint=None,
        iss_promised=False,
        claims_parameter=False,
        response_types=None,
        grant_types=None,
        algorithms=None,
        client_auths=None,
        challenge_methods=None,
        scopes=None,
        acr_values=None,
        subject_types=None,
    )


@pytest.mark.parametrize(("name", "field"), LISTS.items())
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (["a", "b"], ("a", "b")),
        ([], ()),
        (["a", 7, None, "b"], ("a", "b")),
        ("a", None),
        (None, None),
        ({"a": 1}, None),
        ([str(one) for one in range(MOST_VALUES)], tuple(map(str, range(MOST_VALUES)))),
        ([str(one) for one in range(MOST_VALUES + 1)], tuple(map(str, range(MOST_VALUES)))),
    ],
)
def test_a_list(name: str, field: str, value: object, expected: tuple[str, ...] | None):
    """Texts, five hundred of them at most."""
    metadata = read(**{name: value})
    assert getattr(metadata, field) == expected


@pytest.mark.parametrize(("name", "field"), FLAGS.items())
@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, True), (False, False), ("true", False), (1, False), (None, False)],
)
def test_a_promise(name: str, field: str, value: object, *, expected: bool):
    """Only JSON's true is one."""
    assert getattr(read(**{name: value}), field) is expected


def test_how_much_is_read():
    """The numbers that the tables stand on."""
    assert (MOST_VALUES, MOST_ADDRESS_CHARACTERS) == (500, 2048)


def test_what_is_kept_is_what_is_read():
    """A member that is kept and never read is ballast; one that is read and not kept is lost."""
    assert set(USED) == {"issuer", *ADDRESSES, *LISTS, *FLAGS}
    assert len(USED) == len(set(USED))


NO_OBJECT = "the discovery document is not a JSON object"
NO_ISSUER = "the discovery document names no issuer"
OTHER = "the discovery document names another issuer: "


@pytest.mark.parametrize(
    ("document", "detail"),
    [
        ([], NO_OBJECT),
        (None, NO_OBJECT),
        ("{}", NO_OBJECT),
        ({}, NO_ISSUER),
        (DOCUMENT | {"issuer": None}, NO_ISSUER),
        (DOCUMENT | {"issuer": f"{ISSUER}/"}, f"{OTHER}{ISSUER}/"),
        (DOCUMENT | {"issuer": ["x"]}, f"{OTHER}something that is not text"),
        (DOCUMENT | {"issuer": "a\nb\u202ec"}, f"{OTHER}a?b?c"),
        (DOCUMENT | {"issuer": "x" * 201}, f"{OTHER}{'x' * 200}"),
        (DOCUMENT | {"issuer": ""}, OTHER),
    ],
)
def test_a_document_names_its_issuer_to_the_letter(document: object, detail: str):
    """Discovery 4.3; what it names is shown, and can do no harm there."""
    failure = read_metadata(document, ISSUER, development=False)
    assert failure == Failure(R.METADATA, detail)


BAD = [
    7,
    "",
    "id.acme.example/x",
    "ftp://id.acme.example/x",
    "http://id.acme.example/x",
    "https:///x",
    "https://user@id.acme.example/x",
    "https://:pw@id.acme.example/x",
    "https://user:pw@id.acme.example/x",
    "https://id.acme.example:x/",
    "https://id.acme.example:99999/",
    "https://[::1",
    "https://id.acme.example/#",
    "https://id.acme.example/#x",
    "https://id.acme.example/a b",
    "https://id.acme.example/\x7f",
    "https://evil.example\\.id.acme.example/",
    "https://id.acme.example\\x",
    "https://\u00edd.acme.example/",
    "https://id.acme.example/".ljust(MOST_ADDRESS_CHARACTERS + 1, "x"),
]
GOOD = [
    "https://id.acme.example/x",
    "https://other.example:8443/x?y=z",
    "HTTPS://id.acme.example",
    "https://id.acme.example/".ljust(MOST_ADDRESS_CHARACTERS, "x"),
]


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize("address", BAD)
def test_an_address_that_is_not_used(name: str, address: object):
    """Whichever of the four it is; in development too."""
    failure = Failure(R.METADATA, f"the discovery document has no usable {name} (https)")
    assert read(**{name: address}) == failure
    assert read(**{name: address}, development=True) == failure


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize("address", GOOD)
def test_an_address_that_is_used(name: str, address: str):
    """To the letter."""
    assert getattr(read(**{name: address}), name) == address


@pytest.mark.parametrize("name", ADDRESSES[:3])
def test_an_address_that_must_be_there(name: str):
    """Only UserInfo may be missing."""
    failure = Failure(R.METADATA, f"the discovery document has no usable {name} (https)")
    assert read(**{name: None}) == failure


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:5000/x", "http://localhost/x", "http://acme.LOCALHOST/x"]
)
def test_loopback_is_for_development(address: str):
    """Never in production."""
    assert getattr(read(token_endpoint=address, development=True), "token_endpoint", "") == address
    assert isinstance(read(token_endpoint=address), Failure)


@pytest.mark.parametrize("scheme", ["ftp", "ws", "file", ""])
def test_only_http_may_go_without_encryption(scheme: str):
    """And that on loopback alone, in development."""
    assert isinstance(read(token_endpoint=f"{scheme}://127.0.0.1/x", development=True), Failure)


def test_https_on_loopback_is_an_address():
    """Whether it may be fetched is the egress client's to say."""
    assert isinstance(read(token_endpoint="https://127.0.0.1/x"), Metadata)


@pytest.mark.parametrize(
    ("issuer", "address"),
    [
        (ISSUER, f"{ISSUER}/.well-known/openid-configuration"),
        (f"{ISSUER}/", f"{ISSUER}/.well-known/openid-configuration"),
        (f"{ISSUER}/a/", f"{ISSUER}/a/.well-known/openid-configuration"),
        (f"{ISSUER}//", f"{ISSUER}//.well-known/openid-configuration"),
    ],
)
def test_where_the_document_is(issuer: str, address: str):
    """Discovery 4.1: one slash goes."""
    assert discovery_address(issuer) == address


def test_hosts_are_those_of_every_address():
    """Sorted, once each, with their port, in lower case."""
    metadata = read(
        authorization_endpoint="https://D.example/x",
        token_endpoint="https://c.example:8443/x",
        jwks_uri="https://b.example/x",
        userinfo_endpoint="https://A.example/x",
    )
    assert isinstance(metadata, Metadata)
    assert metadata.hosts == ("a.example", "b.example", "c.example:8443", "d.example")
    plain = read()
    assert isinstance(plain, Metadata)
    assert plain.hosts == ("id.acme.example",)


MOVED = Failure(
    R.NET_ORIGIN,
    "the provider's addresses moved to id.acme.example: if that is right, test it again",
)


@pytest.mark.parametrize(
    ("pinned", "expected"),
    [
        ((), None),
        (("id.acme.example",), None),
        (("id.acme.example", "more.example"), None),
        (("other.example",), MOVED),
        (("acme.example",), MOVED),
    ],
)
def test_f05_addresses_stay_on_the_hosts_that_were_tested(
    pinned: tuple[str, ...], expected: Failure | None
):
    """Fewer hosts are no move; none pinned, none compared."""
    metadata = read()
    assert isinstance(metadata, Metadata)
    assert check_hosts(metadata, pinned) == expected


def test_f05_every_host_is_named_to_which_an_address_moved():
    """So that somebody can say whether that is right, before they test it again."""
    metadata = read(token_endpoint="https://a.evil.example/t", jwks_uri="https://B.evil.example/k")
    assert isinstance(metadata, Metadata)
    failure = check_hosts(metadata, ("id.acme.example",))
    assert failure is not None
    assert "moved to a.evil.example, b.evil.example: " in failure.detail
