"""What a setting must be like: each function returns the sentence against a value, or None."""

import os
import re
import ssl
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import IO, Final
from urllib.parse import SplitResult, unquote, urlsplit

from dotenv.parser import parse_stream
from limits import parse_many
from redis import ConnectionPool
from redis.exceptions import RedisError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

LEAST_SECRET: Final = 32  # characters; 128 bits even when they are hexadecimal digits
LEAST_VARIETY: Final = 10  # different characters
_DATABASE_HELP = (
    "write postgresql://user:PASSWORD@host/name, with %2F and the like for signs of URLs, or "
    "sqlite:////path/of/a/file"
)
LEAST_CONTRAST: Final = 4.5  # WCAG 2.2, 1.4.3
_WEAK_WORDS = ("changeme", "change-me", "secret", "password", "example", "default", "0123456789")
_USUAL_PORTS = {("https", 443), ("http", 80)}
_LOGO_TYPES = {".png", ".jpg", ".jpeg", ".webp", ".svg"}
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_HOST_PORT = re.compile(r"(\[[0-9a-f:]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")


def secret_fault(secret: str) -> str | None:
    """A secret must be long and look random."""
    if len(secret) < LEAST_SECRET:
        return f"use {LEAST_SECRET} random characters or more in each; `portal init` makes one"
    if len(set(secret)) < LEAST_VARIETY or any(word in secret.lower() for word in _WEAK_WORDS):
        return "use random characters, not words; `portal init` makes a good one"
    return None


def public_url_fault(url: str, *, development: bool) -> str | None:
    """The public URL is an origin; https, but for development."""
    parts = _split(url)
    if parts is None or parts.path or parts.query or parts.fragment or "@" in parts.netloc:
        return "write scheme and host alone, as in https://guests.example.org"
    if parts.netloc != parts.netloc.lower() or not parts.netloc.isascii():
        return "write the host in small ASCII letters (xn-- for others)"
    if parts.netloc.endswith(":") or (parts.scheme, parts.port) in _USUAL_PORTS:
        return "leave out the usual port: no browser says it"
    return https_fault(url, development=development)


def https_fault(url: str, *, development: bool) -> str | None:
    """An https URL; http only in development."""
    parts = _split(url)
    if parts is None:
        return "write a whole address, as in https://login.example.org"
    if parts.scheme == "http" and not development:
        return "use https (http is for PORTAL_ENV=development only)"
    return None if parts.scheme in {"https", "http"} else "use https"


def redis_fault(url: str, *, development: bool) -> str | None:
    """A Redis URL; outside development with a password, and TLS on the way to another machine.

    Whoever writes there starts jobs.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme not in {"redis", "rediss", "unix"}:
            return "begin with redis://, rediss:// or unix://"
        pool = ConnectionPool.from_url(url)
        pool.make_connection()  # which connects nowhere yet
    except (ValueError, TypeError, RedisError):
        return "write rediss://:PASSWORD@host:6379/0, with %2F and the like for signs of URLs"
    if not parts.password and not development:
        return (
            "put a password into it, as in redis://:PASSWORD@host:6379/0 "
            "(without one only in PORTAL_ENV=development)"
        )
    if parts.scheme == "redis" and not development and not _is_this_machine(parts.hostname or ""):
        return "use rediss:// for another machine: the password must not cross a network in clear"
    said = pool.connection_kwargs
    checks = said.get("ssl_cert_reqs", "required"), said.get("ssl_check_hostname", True)
    if checks != ("required", True) and not development:
        return "let its certificate be checked: ssl_ca_certs=FILE names an authority of your own"
    return None


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def database_fault(url: str) -> str | None:
    """SQLite or PostgreSQL."""
    scheme = url.partition("://")[0]
    if scheme not in {"sqlite", "postgresql", "postgres", "postgresql+psycopg"}:
        return "begin with postgresql:// or sqlite:///"
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):
        return _DATABASE_HELP
    in_a_file = not parts.host and parts.database not in {None, "", ":memory:"}
    return _DATABASE_HELP if scheme == "sqlite" and not in_a_file else None


def smtp_fault(url: str) -> str | None:
    """A mail server."""
    parts = _split(url)
    if parts is None or parts.scheme not in {"smtp", "smtps"}:
        return "write smtp://host:port or smtps://host:port"
    if not unquote(f"{parts.username}{parts.password}").isascii():  # all that smtplib can say
        return "choose a user and a password of ASCII characters"
    return None


def proxy_fault(url: str) -> str | None:
    """A CONNECT proxy."""
    parts = _split(url)
    if parts is None or parts.scheme != "http":
        return "write http://host:port"
    return None


def bind_fault(value: str) -> str | None:
    """An address with a port, or a socket."""
    if value.startswith("unix:/"):
        # Its folder may be made by whoever starts the web server, and not be there for the others.
        return "name the socket's file, as in unix:/run/portal/web" if value.endswith("/") else None
    host, _, port = value.rpartition(":")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        return "write an IPv6 address in brackets, as in [::1]:8000"
    if host and port.isdigit() and int(port) < 2**16:
        return None
    return "write address and port, as in 127.0.0.1:8000, or unix:/path"


def contact_fault(value: str) -> str | None:
    """Anything a person can use; no control characters."""
    return None if value.isprintable() and len(value) <= 120 else "write one line of 120 characters"  # noqa: PLR2004


def logo_fault(path: str) -> str | None:
    """An image file that is there."""
    if Path(path).suffix.lower() not in _LOGO_TYPES:
        return "name a PNG, JPEG, WebP or SVG file"
    return file_fault(path)


def file_fault(path: str) -> str | None:
    """A file that is there, and may be read."""
    try:
        there = Path(path).is_file()
    except PermissionError:
        return f"the user that runs the portal may not read {path}"
    if not there:
        return f"there is no file {path}"
    readable = os.access(path, os.R_OK)
    return None if readable else f"the user that runs the portal may not read {path}"


def ca_fault(path: str) -> str | None:
    """A file of certificates in PEM form."""
    if fault := file_fault(path):
        return fault
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        return f"there is no certificate in {path}, or not in PEM form"
    return None


def name_fault(name: str) -> str | None:
    """A name to be shown beside others."""
    return None if name.strip() and name.isprintable() else "write one line that can be read"


def colour_fault(colour: str) -> str | None:
    """An accent that white text can be read on."""
    if not _COLOUR.fullmatch(colour):
        return "write it as #rrggbb"
    if contrast(colour, "#ffffff") < LEAST_CONTRAST:
        return f"choose a darker one: white text on it needs a contrast of {LEAST_CONTRAST} : 1"
    return None


def limit_fault(limit: str) -> str | None:
    """A rate, as the library ``limits`` writes it; none at all would keep everybody out."""
    try:
        found = parse_many(limit)
    except ValueError:
        found = []
    fine = found and all(one.amount for one in found)
    return None if fine else "write it as in: 60 per minute; 600 per hour"


def host_list_fault(hosts: tuple[str, ...]) -> tuple[str, ...]:
    """Return hosts in small letters; raises for one that is no ``name`` or ``name:port``."""
    hosts = tuple(host.lower() for host in hosts)
    for host in hosts:
        if not _HOST_PORT.fullmatch(host):
            raise ValueError(f"{host!r} is no host name or name:port")
    return hosts


def passed_over(file: IO[str]) -> Iterator[str]:
    """Yield a sentence for each line of a settings file that would count for nothing."""
    first: dict[str, int] = {}
    for one in parse_stream(file):
        text = one.original.string
        number = one.original.line + text[: len(text) - len(text.lstrip())].count("\n")
        if one.error or (one.key is not None and one.value is None):
            yield f"line {number}: write NAME=value, every quote closed"
        elif one.key is not None and one.value:
            before = first.setdefault(one.key.upper(), number)
            if before != number:
                yield f"line {number}: {one.key} has a value in line {before} already: keep one"


def unknown_name_line(field: str, known: Collection[str], prefix: str) -> str:
    """Return the line for a name that is no setting."""
    name = field.lower().removeprefix(prefix.lower())
    close = get_close_matches(name, known, n=1)
    hint = f"; did you mean {prefix}{close[0].upper()}?" if close else ""
    return f"{prefix}{name.upper()}: there is no such setting{hint}"


def contrast(one: str, other: str) -> float:
    """Return the contrast of two ``#rrggbb`` colours, 1 to 21 (WCAG 2.2)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]  # noqa: PLR2004
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _split(url: str) -> SplitResult | None:
    """Return the parts of a URL that has a host and, if any, a port that is a number."""
    try:
        parts = urlsplit(url)
        _ = parts.port
        if parts.hostname and parts.hostname.replace(".", "").isdigit():
            ip_address(parts.hostname)
    except ValueError:
        return None
    if not parts.hostname or not url.isprintable() or " " in url or "\\" in url:
        return None
    return parts
