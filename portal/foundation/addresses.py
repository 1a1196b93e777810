"""Where the portal may connect to: pure decisions about URLs and addresses.

What a partner tells us to fetch may only stand on the public internet. Exceptions are the
operator's: hosts named in the settings, the host's own identity provider, loopback in development.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

URL_LIMIT: Final = 2048
USUAL_PORTS: Final = frozenset({443, 8443, 9443})  # where identity providers really stand
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
_INTERNET: Final = IPv6Network("2000::/3")  # all that IANA has given out of IPv6 for it
# Set aside by IANA, which not every Python knows: protocols, relays of 6to4, documentation.
_SET_ASIDE: Final = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20")))
# Where clouds tell a machine its secrets, beside the link-local one: Alibaba, Azure (it looks
# public), Oracle; Amazon, Google, Scaleway.
_METADATA: Final = frozenset(
    map(
        ip_address,
        (
            *("100.100.100.200", "168.63.129.16", "192.0.0.192"),
            *("fd00:ec2::254", "fd20:ce::254", "fd00:42::42"),
        ),
    )
)
# Names of no public network (RFC 6761, 6762, 8375; ICANN keeps the last ones out of the root): a
# proxy that resolves them itself would look inside.
_INSIDE: Final = (
    *(".localhost", ".local", ".internal", ".home.arpa"),
    *(".lan", ".home", ".corp", ".intranet", ".private"),
)
# Browsers and proxies take a name that ends in a number for an address: 127.1, 0x7f.1.
_NAME: Final = re.compile(r"(?:[a-z0-9_-]{1,63}\.)+(?![0-9]+$|0x[0-9a-f]*$)[a-z0-9-]{1,63}")

Address = IPv4Address | IPv6Address


class Owner(Enum):
    """Who said that something should be fetched."""

    PARTNER = "partner"
    HOST = "host"


class Blocked(Exception):
    """Nothing is fetched from there."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that passed; its addresses are looked at when it is connected to."""

    scheme: str
    host: str
    port: int

    @property
    def origin(self) -> str:
        """Scheme, host and port, always with the port."""
        return f"{self.scheme}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the settings allow.

    Attributes:
        private_hosts: ``name`` or ``name:port`` that may be private or on an unusual port.
        development: whether http and loopback are allowed.
    """

    private_hosts: frozenset[str]
    development: bool

    def is_private_host(self, host: str, port: int) -> bool:
        """Say whether the operator named this host, or this host with this port."""
        name = f"[{host}]" if ":" in host else host
        return f"{name}:{port}" in self.private_hosts or (
            name in self.private_hosts and port in USUAL_PORTS
        )

    def target(self, url: str, owner: Owner) -> Target:
        """Return where *url* leads, without asking the network.

        Raises:
            Blocked: with the reason in a sentence.
        """
        parts = _parts(url)
        host = (parts.hostname or "").rstrip(".").lower()
        port = parts.port or (80 if parts.scheme == "http" else 443)
        target = Target(parts.scheme, host, port)
        literal = _literal(host)
        loopback = self.development and (
            host == "localhost"
            or host.endswith(".localhost")
            or (literal is not None and literal.is_loopback)
        )
        named = self.is_private_host(host, port)
        if parts.scheme == "http" and not loopback:
            raise Blocked("use https")
        if loopback or named:
            return target
        if owner is Owner.PARTNER:
            if port not in USUAL_PORTS:
                raise Blocked(f"port {port} is not one on which identity providers stand")
            if literal is None and ("." not in host or host.endswith(_INSIDE)):
                raise Blocked(f"{host} is a name of an internal network")
            if literal is None and not _NAME.fullmatch(host):
                raise Blocked(f"{host} is no name of a host")
        if literal is not None:
            self.require(target, [literal], owner)
        return target

    def require(self, target: Target, addresses: Iterable[Address], owner: Owner) -> None:
        """Refuse a target of which any address lies where it must not.

        Raises:
            Blocked: with the reason in a sentence.
        """
        named = self.is_private_host(target.host, target.port)
        for address in map(_unwrapped, addresses):
            if self.development and address.is_loopback:
                continue
            if target.scheme == "http":
                raise Blocked("use https")
            private = named or owner is Owner.HOST
            if _nowhere(address) or not (_is_public(address) or private):
                raise Blocked(f"{target.host} has the address {address}, which is not public")


def _parts(url: str) -> SplitResult:
    if len(url) > URL_LIMIT or not url.isascii() or not url.isprintable():
        raise Blocked("write a plain https address (xn-- for other letters)")
    if " " in url or "\\" in url:
        raise Blocked("write a plain https address")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as fault:
        raise Blocked("write a plain https address") from fault
    if parts.scheme not in {"https", "http"}:
        raise Blocked("use https")
    if not parts.hostname or "@" in parts.netloc:
        raise Blocked("write the host alone, without a user name")
    return parts


def _literal(host: str) -> Address | None:
    try:
        return _unwrapped(ip_address(host))
    except ValueError:
        return None


def _unwrapped(address: Address) -> Address:
    """Return the IPv4 address inside an IPv6 one, where routers would take it out."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _nowhere(address: Address) -> bool:
    """Addresses that nobody may name: cloud metadata, link-local, multicast, unspecified."""
    reserved = address.is_link_local or address.is_multicast or address.is_unspecified
    return reserved or address in _METADATA


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and (
        address not in _INTERNET or address.sixtofour or address.teredo
    ):
        return False
    set_aside = any(address in network for network in _SET_ASIDE)
    return address.is_global and not address.is_reserved and not set_aside
