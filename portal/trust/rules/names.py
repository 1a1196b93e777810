"""Slugs, names, domains and pairs as admins type them."""

import re
from collections.abc import Iterable
from typing import Final

from portal.foundation.refused import Refused
from portal.foundation.text import BadText, canonical_domain, clean_lines

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
NOT_FREE: Final = frozenset({"new", "nowhere-to-go"})  # pages beside those of what has a slug
MOST_TERMS: Final = 100_000
# Suffixes under which anybody can register: no organisation holds one. The common ones of two
# labels; a suffix of one label is no domain anyhow.
PUBLIC_SUFFIXES: Final = frozenset(
    f"{second}.{country}"
    for country, seconds in {
        "uk": "co org ac gov ltd plc me net sch nhs",
        "au": "com net org edu gov id",
        "nz": "co net org ac govt school",
        "za": "co org net ac gov",
        "jp": "co ne or ac go ad ed gr lg",
        "kr": "co or ne re go ac",
        "br": "com net org gov edu",
        "mx": "com org net gob edu",
        "ar": "com org net gob edu",
        "in": "co net org gen firm ind ac edu gov",
        "cn": "com net org edu gov ac",
        "tw": "com net org edu gov idv",
        "hk": "com net org edu gov idv",
        "sg": "com net org edu gov per",
        "tr": "com net org edu gov bel",
        "pl": "com net org edu gov",
        "il": "co org net ac gov muni",
        "at": "co or ac gv",
        "th": "co or in ac go",
        "id": "co or web ac go",
    }.items()
    for second in seconds.split()
)


# Where anybody gets an address: whoever held such a domain here would vouch for everybody there.
MAIL_FOR_ANYBODY: Final = frozenset(
    domain
    for line in (
        "aol.com att.net bigpond.com bluewin.ch btinternet.com comcast.net cox.net fastmail.com",
        "free.fr freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com hey.com",
        "hotmail.co.uk hotmail.com hotmail.de hotmail.fr hotmail.it hushmail.com icloud.com",
        "laposte.net libero.it live.com live.de live.nl mac.com mail.com mail.ru mailbox.org",
        "me.com msn.com naver.com o2.pl onet.pl orange.fr outlook.com outlook.de outlook.fr pm.me",
        "posteo.de proton.me protonmail.com qq.com rediffmail.com rocketmail.com seznam.cz sfr.fr",
        "sky.com t-online.de tuta.com tutanota.com verizon.net virgilio.it wanadoo.fr web.de",
        "wp.pl xs4all.nl yahoo.co.in yahoo.co.jp yahoo.co.uk yahoo.com yahoo.com.br yahoo.de",
        "yahoo.es yahoo.fr yahoo.it yandex.com yandex.ru ymail.com zoho.com 126.com 163.com",
    )
    for domain in line.split()
)


def check_slug(text: str) -> str:
    """Return a slug: it stands in addresses, so it is short, lower case and never changes.

    Raises:
        Refused: anything else than lower-case ASCII letters, digits and hyphens, or where a page
            of ours stands already.
    """
    slug = text.strip()
    if not _SLUG.fullmatch(slug):
        raise Refused(
            "slug",
            "Use 1 to 63 lower-case letters, digits and hyphens, like acme; begin with a letter "
            "or digit",
        )
    if slug in NOT_FREE:
        raise Refused("slug", f"{slug} is an address of a page here: choose another short name")
    return slug


def check_domain(text: str, host_domains: Iterable[str]) -> str:
    """Return an e-mail domain in its one form.

    Raises:
        Refused: no domain, the host's own, or one under which anybody can register.
    """
    try:
        domain = canonical_domain(text)
    except BadText as bad:
        raise Refused("domain", f"{bad.message}; {text.strip()[:80]!r} is not one") from None
    if domain in host_domains:
        raise Refused("domain", f"{domain} is the host's own domain: a partner cannot hold it")
    if domain in PUBLIC_SUFFIXES:
        raise Refused("domain", f"Anybody can register under {domain}: enter the whole domain")
    if domain in MAIL_FOR_ANYBODY:
        raise Refused("domain", f"Anybody can have an address at {domain}: it is no company's own")
    return domain


def check_pairs(field: str, texts: Iterable[str]) -> dict[str, str]:
    """Return ``NAME=VALUE`` lines as a mapping.

    Raises:
        Refused: a line without ``=``, or a name given twice with different values.
    """
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name, value = name.strip(), value.strip()
        if not equals or not name:
            raise Refused(field, f"Write NAME=VALUE: {text.strip()[:80]!r} is not one")
        if pairs.setdefault(name, value) != value:
            raise Refused(field, f"{name[:80]} is given twice with different values")
    return pairs


def check_terms(text: str) -> str:
    """Return terms of use, cleaned, their line breaks kept.

    Raises:
        Refused: empty or too long.
    """
    try:
        body = clean_lines(text, MOST_TERMS)
    except BadText as bad:
        raise Refused("body", bad.message) from None
    if not body:
        raise Refused("body", "Enter the terms of use: the text is empty")
    return body
