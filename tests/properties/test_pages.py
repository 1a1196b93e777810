"""What a browser and a proxy bring: fields of forms, places in lists, the client's address."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from hypothesis import assume, example, given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict
from wtforms import Form

from portal.access.queries import Place
from portal.foundation.clock import YEARS
from portal.foundation.text import canonical_domain, canonical_email
from portal.pages.sponsor import paging
from portal.web.forms import DateField, LinesField, NumberField
from portal.web.limits import client_network
from tests.properties.texts import domains, emails, texts

pytestmark = pytest.mark.properties

app = Flask("portal")
app.add_url_rule("/list", "list")
LEAST, MOST, MANY = 1, 365, 5


class Filled(Form):
    """A field of each kind that reads more than one line of text."""

    day = DateField("Day")
    number = NumberField("Days", LEAST, MOST)
    names = LinesField("Names", most=MANY)
    exact = LinesField("Exact", most=MANY, commas=False)
    addresses = LinesField("Addresses", each=canonical_email, most=MANY)
    places = LinesField("Domains", each=canonical_domain, most=MANY)


def fill(name: str, text: str) -> Any:
    """Return a field as it is when a text was sent; it has an error or is settled, never both."""
    form = Filled(MultiDict({name: text}))
    valid = form.validate()
    field = form[name]
    assert valid is not bool(field.errors)
    assert all(isinstance(one, str) and one for one in field.errors)
    assert field._value().replace("\0", "") == text.replace("\0", "")
    if not text.strip():
        assert valid
    return field


padded = st.sampled_from(["", " ", "\n", "\t ", "\u00a0"])


@given(padded, texts | st.dates().map(str) | st.dates().map("{:%Y%m%d}".format), padded)
@example("", "2027-02-29", "")
@example("", "\u0662\u0660\u0662\u0667-03-01", "")
@example("", "2027-03-01T00:00", "")
def test_a_date_is_of_our_time_or_refused(before: str, text: str, after: str):
    """What is kept is the day that was written, and its one form is read as the same."""
    field = fill("day", before + text + after)
    found = field.data
    if field.errors or not text.strip():
        assert not (found and found.year in YEARS)
        return
    assert type(found) is date
    assert found.year in YEARS
    assert re.fullmatch(r"[0-9W-]{7,10}", text.strip())
    assert found.isoformat() == text.strip() or found == date.fromisoformat(text.strip())
    assert fill("day", found.isoformat()).data == found


@given(st.dates(), padded)
def test_every_date_of_our_time_is_taken(one: date, space: str):
    """As a browser sends it."""
    field = fill("day", f"{space}{one}{space}")
    assert bool(field.errors) is (one.year not in YEARS)
    assert field.errors or field.data == one


@given(texts | st.integers().map(str) | st.integers(-5, 400).map("{:03}".format))
@example("\u0661\u0662")
@example("1" * 5000)
@example("+7")
@example("1_0")
@example("\u00b2")
def test_a_number_is_within_its_bounds_or_refused(text: str):
    """Decimal digits alone; every number within the bounds is taken as it is."""
    field = fill("number", text)
    typed = text.strip()
    taken = len(typed) < 10 and re.fullmatch(r"[0-9]+", typed) and LEAST <= int(typed) <= MOST
    assert bool(taken) is (not field.errors and bool(typed))
    assert field.data == (int(typed) if taken else None)
    assert all(one == f"Enter a whole number between {LEAST} and {MOST}" for one in field.errors)


entries = st.lists(texts | emails | domains, max_size=8)
breaks = st.sampled_from(["\n", "\r\n", ",", "\u2028", "\n\n, "])


@given(st.sampled_from(["names", "exact", "addresses", "places"]), entries, breaks)
@example("names", ["a\0b", "c"], "\n")
@example("names", ["a"] * 9, ",")
@example("exact", ["a, b"], "\n")
def test_a_list_has_no_double_and_is_its_own_form(name: str, lines: list[str], between: str):
    """Each entry is final, they are few, and what is shown of them is read as the same."""
    field = fill(name, between.join(lines))
    found = field.data
    if field.errors:
        assert found is None
        return
    assert isinstance(found, tuple)
    assume(all(found))  # the test below says why
    assert len(found) == len(set(found)) <= MANY
    for one in found:
        assert field.each(one) == one
        assert one == one.strip()
        assert len(one.splitlines()) <= 1
        assert not field.commas or "," not in one
    again = fill(name, field.shown(found))
    assert not again.errors
    assert again.data == found


@given(entries)
@example(["\u200b"])
def test_an_entry_of_a_list_says_something(lines: list[str]):
    """What cleaning leaves nothing of is no entry."""
    assert all(fill("names", "\n".join(lines)).data or ())


zones = st.just(UTC) | st.integers(-1439, 1439).map(lambda one: timezone(timedelta(minutes=one)))
instants = st.datetimes(timezones=zones)
within = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=zones)  # noqa: DTZ001


@given(st.integers(0, 1), within, within, st.uuids())
def test_a_place_in_a_list_comes_back_from_its_address(
    part: int, at: datetime, since: datetime, key
):
    """Round trip through the address that leads on, in whatever zone its instants are."""
    place = Place(part, at, since, key)
    with app.test_request_context("/"):
        address = paging.going_on("list", place, before=key)
    with app.test_request_context(address):
        assert paging.after() == place
        assert paging.before() == (at, key)
        assert paging.after().at.tzinfo is UTC
    assert urlsplit(address).path == "/list"


bent = texts | instants.map(datetime.isoformat) | st.datetimes().map(datetime.isoformat)
NAMES = st.sampled_from(["part", "at", "since", "after", "before"])
CHOICES = bent | st.sampled_from(["0", "1", "2", "-1"]) | st.uuids().map(str)


@given(st.dictionaries(NAMES, CHOICES))
@example({"at": "0001-01-01T00:00+01:00", "before": "0" * 32})
@example({"at": "9999-12-31T23:59-01:00", "before": "0" * 32})
@example({"at": "2027-03-01T00:00", "before": "0" * 32})
@example({"part": "\u0661", "at": "2027-03-01T00:00Z", "since": "2027-03-01T00:00Z", "after": "0"})
def test_a_bent_address_begins_anew(args: dict[str, str]):
    """A place is whole, in UTC and that of the address, or there is none."""
    with app.test_request_context("/list", query_string=args_of(args)):
        before, after = paging.before(), paging.after()
    if before is not None:
        assert before[0].tzinfo is UTC
        assert before[0] == datetime.fromisoformat(args["at"])
    if after is not None:
        assert args["part"] == str(after.part)
        assert after.at.tzinfo is after.since.tzinfo is UTC
        assert (after.at, after.since) == tuple(
            datetime.fromisoformat(args[name]) for name in ("at", "since")
        )


def args_of(args: dict[str, str]) -> dict[str, str]:
    """Return what can stand in an address: half a surrogate pair cannot."""
    return {name: text.encode(errors="replace").decode() for name, text in args.items()}


def network_of(address: str) -> str:
    """Return for whom a client at an address is taken."""
    with app.test_request_context("/", environ_base={"REMOTE_ADDR": address}):
        return client_network()


HOSTS = st.sampled_from(["{}", "[{}]", "[{}]:443", "{}:50123", "[{}", "{}%eth0", "{}]", " {}"])
addresses = st.ip_addresses().map(str) | texts


@given(HOSTS, addresses)
@example("{}", "::ffff:192.0.2.7")
@example("{}", "unix:")
@example("{}", "\u0661.2.3.4")
@example("{}", "fe80::1%\n")
def test_a_client_is_an_address_a_network_or_unknown(form: str, text: str):
    """Nothing that a proxy says of it comes further, and none has more than one name."""
    found = network_of(form.format(text))
    if found == "unknown":
        return
    network = ip_network(found)
    assert str(network).removesuffix("/32") == found
    assert network.prefixlen == (64 if network.version == 6 else 32)
    if network.version == 4:
        assert network_of(found) == found


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1), st.integers(1, 65535))
def test_all_of_a_64_is_one_client(one: IPv6Address, host: int, port: int):
    """With a port or without; two networks are two clients."""
    assume(one.ipv4_mapped is None and int(one) >> 64)
    other = IPv6Address(int(one) >> 64 << 64 | host)
    found = network_of(str(one))
    assert one in ip_network(found)
    assert network_of(str(other)) == found == network_of(f"[{other}]:{port}")
    assert network_of(str(IPv6Address(int(one) ^ 1 << 64))) != found


@given(st.ip_addresses(v=4), st.integers(1, 65535))
def test_an_ipv4_client_is_itself(one: IPv4Address, port: int):
    """Also where IPv6 carries it."""
    for said in (f"{one}", f"{one}:{port}", f"::ffff:{one}", f"[::ffff:{one}]:{port}"):
        assert ip_address(network_of(said)) == one
