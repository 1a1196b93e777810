"""What admins, commands and addresses bring: issuers, hosts, slugs, zones, days, next-links."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from urllib.parse import urljoin, urlsplit
from zoneinfo import ZoneInfo, available_timezones

import click
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from portal.applications.rules import MOST_URL, check_url
from portal.commands._shared import DAY
from portal.commands.lifecycle import FIRST_YEAR, LAST_YEAR, Instant
from portal.delivery.words import day, instant
from portal.foundation.addresses import Blocked, Owner, Rules
from portal.foundation.refused import Refused
from portal.foundation.setting_rules import host_list_fault, public_url_fault, redis_fault
from portal.foundation.text import check_name
from portal.trust.rules import (
    check_days,
    check_domain,
    check_issuer,
    check_pairs,
    check_slug,
    check_zone,
    contract_begin,
    contract_end,
)
from portal.trust.rules.issuer import House
from portal.trust.rules.provider import check_secret
from portal.web.display import ends, last_day
from portal.web.security import safe_next
from tests.properties.texts import domains, texts

pytestmark = pytest.mark.properties

PRODUCTION = House(host_domains=frozenset({"host.example"}))
days = st.dates(date(1990, 1, 1), date(2999, 12, 30))
zones = st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"}))
urls = (
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["https://", "http://", "HTTPS://", "https:", "//", "ftp://", ""]),
        st.sampled_from(
            ["", "a@", "a:b@", "[", "127.0.0.1", "10.", "id.acme.example", "localhost"]
        ),
        domains | texts,
        st.sampled_from(["", "/", ":443", ":0", ":99999", "/?x", "/#", "/common/v2.0", "\\x"]),
    )
    | texts
)


def attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    """What a function makes of something; only a refusal in words is allowed instead."""
    try:
        return function(*arguments)
    except Refused as fault:
        refused = fault
    assert refused.message
    return None


@given(urls)
@example("https://127.1/")
@example("https://[::ffff:10.0.0.1]/")
def test_an_issuer_is_plain_https_of_a_public_host(text: str):
    """Kept to the letter, ASCII, no user, no query; asking again says the same."""
    issuer = attempt(check_issuer, text, PRODUCTION)
    if issuer is None:
        return
    assert issuer == text.strip() == check_issuer(issuer, PRODUCTION)
    parts = urlsplit(issuer)
    assert parts.scheme == "https"
    assert parts.hostname
    assert parts.username is None
    assert issuer.isascii()
    assert issuer.isprintable()
    assert not set(issuer) & set(" ?#\\")


links = st.from_regex(
    r"https?://([a-z]@)?[a-z0-9.-]{1,9}(:[0-9]{0,6})?([/?#][!-~]{0,9})?", fullmatch=True
)


@given(urls | links)
@example("HTTPS://wiki.example.com:443/x?y#z")
@example("https://wiki.example.com\\@evil.example/")
@example("https:///wiki.example.com")
@example("https://wiki.example.com@evil.example/")
@example("https://wiki.example.com:0/")
@example('https://wiki.example.com/"onfocus="x')
@example("https://wiki.example.com/a b")
def test_a_link_leads_to_the_host_it_names(text: str):
    """To the letter what was typed; a plain web address of its own, without a user."""
    url = attempt(check_url, text)
    if url is None:
        return
    assert url == text.strip() == check_url(url)
    assert len(url) <= MOST_URL
    assert url.isascii()
    assert url.isprintable()
    assert not set(url) & set(' "<>\\^`{|}')
    parts = urlsplit(url)
    assert re.match(r"https?://[^/?#@]", url, re.IGNORECASE)
    assert parts.hostname
    assert parts.username is parts.password is None
    assert parts.port is None or 0 < parts.port < 2**16
    there = urlsplit(urljoin("https://guests.host.example/me", url))
    assert (there.scheme, there.netloc) == (parts.scheme, parts.netloc)


@given(
    st.sampled_from(["http", "https", "HTTPS"]),
    st.from_regex(r"[a-z0-9]{1,9}(\.[a-z0-9]{1,9}){0,2}", fullmatch=True)
    | st.just("[2001:db8::1]"),
    st.integers(0, 65535).map(lambda one: f":{one}" if one else ""),
    st.from_regex(r"([/?#][a-zA-Z0-9._~%&=+;,@:!*'()-]{0,20}){0,3}", fullmatch=True),
)
def test_every_plain_link_is_taken(scheme: str, host: str, port: str, rest: str):
    """With a host, perhaps a port, and whatever an address may hold behind it."""
    url = f"{scheme}://{host}{port}{rest}"
    assert check_url(f" {url}\n") == url


ENDS = st.text(st.sampled_from("\r\n "), max_size=3)
SECRETS = texts | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


@given(ENDS, SECRETS, ENDS)
@example("", "a" * 4096, "\n")
@example("", "a" * 4097, "")
@example("", "a\nb", "")
def test_a_secret_is_one_line_to_the_letter(before: str, text: str, after: str):
    """But for the line breaks and spaces around it; every printable one is taken."""
    secret = attempt(check_secret, before + text + after)
    if secret is None:
        inner = text.strip("\r\n ")
        assert not 0 < len(inner) <= 4096 or not inner.isprintable()
        return
    assert secret == text.strip("\r\n ")
    assert check_secret(secret) == secret
    assert 0 < len(secret) <= 4096
    assert secret.isprintable()
    secret.encode()


@given(urls, st.sampled_from(Owner))
def test_a_target_is_one_that_may_be_fetched(text: str, owner: Owner):
    """Blocked, or https on a usual port without a user name; never another error."""
    try:
        target = Rules(frozenset(), development=False).target(text, owner)
    except Blocked:
        return
    assert target.scheme == "https"
    assert target.host == target.host.lower().rstrip(".")
    assert 0 < target.port < 2**16
    assert owner is Owner.HOST or target.port in {443, 8443, 9443}
    assert "@" not in urlsplit(text).netloc


@given(urls)
def test_settings_say_what_is_wrong(text: str):
    """A sentence or nothing, for any address."""
    for fault in (public_url_fault, redis_fault):
        try:
            said = fault(text, development=False)
        except ValueError:
            continue  # pydantic tells it as a fault of that setting
        assert said is None or said
    try:
        (host,) = host_list_fault((text,))
    except ValueError:
        return
    assert host == host.lower()


@given(texts | st.from_regex(r"[a-z0-9-]{0,70}", fullmatch=True))
def test_a_slug_fits_into_an_address(text: str):
    """Lower case, digits, hyphens; itself again."""
    slug = attempt(check_slug, text)
    if slug is not None:
        assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", slug, re.ASCII)
        assert check_slug(slug) == slug
        assert urlsplit(f"/x/{slug}").path == f"/x/{slug}"


@given(texts, st.lists(texts, max_size=3))
def test_names_domains_and_pairs(text: str, lines: list[str]):
    """Refused in words or taken, and then its own form."""
    if (name := attempt(check_name, "name", text)) is not None:
        assert check_name("name", name) == name
    if (domain := attempt(check_domain, text, ())) is not None:
        assert check_domain(domain, ()) == domain
    pairs = attempt(check_pairs, "claim_map", lines)
    assert pairs is None or all(key and key == key.strip() for key in pairs)


@given(texts | zones)
@example("../../etc/passwd")
@example("Europe/Berlin\0")
def test_a_zone_is_one_or_is_refused(text: str):
    """No path, no NUL, no name of the zone database's own files."""
    zone = attempt(check_zone, text)
    assert zone is None or zone.key == text.strip()


@given(days, zones)
def test_a_contract_lasts_to_the_end_of_its_last_day(one: date, name: str):
    """Round trip: the instant before the end is on the last day there; ends follow one another."""
    zone = ZoneInfo(name)
    end = contract_end(one, zone)
    assert end.tzinfo is UTC
    assert contract_begin(one, zone) < end
    assert end == contract_begin(one + timedelta(days=1), zone)
    assert contract_end(one - timedelta(days=1), zone) < end
    assert (end - timedelta(microseconds=1)).astimezone(zone).date() <= one
    assert end.astimezone(zone).date() > one


@given(days, st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"]))
def test_an_end_is_shown_as_the_day_it_was_meant_as(one: date, name: str):
    """What was entered is what is read, also where the clocks change that night."""
    assert ends(contract_end(one, ZoneInfo(name)), name) == last_day(one, name)


@given(st.none() | st.dates(), st.none() | st.dates(), st.booleans())
def test_days_are_in_order_or_refused(first: date | None, last: date | None, open_ended: bool):
    """Never a contract without end that is not said to be open-ended."""
    assume(first is not None)
    try:
        check_days(first, last, open_ended=open_ended)
    except Refused:
        return
    assert (last is None) is open_ended
    assert last is None or first <= last


@given(texts | st.dates().map(str) | st.dates().map("{:%Y-%m-%d} ".format))
@example("20270301")
@example("2027-W09-1")
@example("\u0662\u0660\u0662\u0667-03-01")
def test_a_day_of_the_command_line(text: str):
    """A date in the one form that is told, or wrong use; nothing else."""
    try:
        found = DAY.convert(text, None, None)
    except click.BadParameter as fault:
        wrong = fault
    else:
        assert found.isoformat() == text
        assert DAY.convert(found, None, None) == found
        return
    assert "2027-03-01" in wrong.message


ZONES = st.integers(-1439, 1439).map(lambda one: timezone(timedelta(minutes=one)))
NEAR = st.datetimes(datetime(1989, 1, 1), datetime(3000, 12, 31))  # noqa: DTZ001
moments = (
    st.datetimes(timezones=st.none() | ZONES)
    | NEAR
    | st.builds(lambda at, zone: at.replace(tzinfo=zone), NEAR, ZONES)
)


@given(texts | moments.map(datetime.isoformat))
@example("0001-01-01T00:00+01:00")
@example("9999-12-31T23:59-01:00")
@example("2027-03-01")
@example("2027-W09-1T00Z")
@example("2027-03-01T00:00:00+00:00\0")
def test_an_instant_of_the_command_line(text: str):
    """In UTC and the one that was written, or wrong use; what the refusal proposes is taken."""
    instant = Instant()
    try:
        found = instant.convert(text, None, None)
    except click.BadParameter as fault:
        wrong = fault
    else:
        assert found.tzinfo is UTC
        assert found == datetime.fromisoformat(text)
        assert FIRST_YEAR <= found.year <= LAST_YEAR
        assert instant.convert(found, None, None) == found
        return
    proposed = re.search(r"write it like (\S+)$", wrong.message)
    if not proposed:
        assert "year" in wrong.message
    elif FIRST_YEAR < int(proposed[1][:4]) < LAST_YEAR:
        assert instant.convert(proposed[1], None, None)


@given(NEAR, ZONES)
def test_every_near_instant_of_the_command_line_is_taken(at: datetime, zone: timezone):
    """Round trip."""
    written = at.replace(tzinfo=zone)
    assume(FIRST_YEAR < written.year < LAST_YEAR)
    assert Instant().convert(written.isoformat(), None, None) == written


@given(texts | st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat))
def test_days_and_instants_in_mails(text: str):
    """Shown, or a ValueError that the drain writes down."""
    for show in (day, instant):
        try:
            shown = show(text)
        except ValueError:
            continue
        assert shown.isprintable()


NEXT = st.text(st.sampled_from("/\\:.@?#%&;=09 \t\n\r\0aeE\u2044\uff0f"), max_size=24)


@given(NEXT | NEXT.map("/".__add__) | NEXT.map("/me?next=".__add__) | urls)
def test_no_next_link_leaves_the_host(text: str):
    """As browsers read it: backslashes are slashes, tabs and line breaks are nothing."""
    wanted = safe_next(text, "/first")
    read = re.sub(r"[\t\n\r]", "", wanted).replace("\\", "/").strip(" \0")
    there = urlsplit(urljoin("https://guests.host.example/sign-in", read))
    assert (there.scheme, there.netloc) == ("https", "guests.host.example")
    assert wanted in (text, "/first")
    assert safe_next(wanted) == wanted
    assert wanted.isprintable()
