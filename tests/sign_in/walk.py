"""A sign-in without pages: begin, the browser's way to the provider and back, finish."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import requests

from portal.admission.identity import VerifiedIdentity
from portal.foundation import clock
from portal.foundation.db import uuid7
from portal.foundation.outbound_http import Egress
from portal.foundation.settings import Settings
from portal.sign_in import oidc
from portal.sign_in.attempt import Errand, NewAttempt, OpenAttempt
from portal.sign_in.connection import Connection
from portal.sign_in.metadata import Providers
from portal.sign_in.rules import SignInFailure, SignInReason
from portal.sign_in.shelved import FETCHES, PER, Shelved
from tests.hostile.provider import CLIENT_ID, CLIENT_SECRET, HostileProvider

PUBLIC_URL = "https://guests.host.example"
PROVIDER_ID = UUID("018f0000-0000-7000-8000-000000000001")
ORGANISATION_ID = UUID("018f0000-0000-7000-8000-000000000002")

Args = Mapping[str, Sequence[str]]


def partner(provider: HostileProvider, **changes: Any) -> Connection:
    """Return Acme's connection to this provider."""
    connection = Connection(
        id=PROVIDER_ID,
        organisation_id=ORGANISATION_ID,
        organisation_slug="acme",
        slug="main",
        name="Acme",
        issuer=provider.issuer,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
    )
    return replace(connection, **changes)


def host(provider: HostileProvider, **changes: Any) -> Connection:
    """Return the host's own connection to this provider."""
    own = {"id": None, "organisation_id": None, "organisation_slug": "", "slug": ""}
    return partner(provider, **{**own, "name": "Host Ltd", "addresses": "trusted", **changes})


class MemoryShelf:
    """Keeps what was fetched for one process without a database."""

    def __init__(self) -> None:
        self._kept: dict[str, Shelved] = {}
        self._fetches: dict[str, list[datetime]] = {}
        self._lock = Lock()

    def read(self, name: str) -> Shelved | None:
        """Return what is kept of a provider."""
        return self._kept.get(name)

    def may_fetch(self, name: str, at: datetime) -> bool:
        """Note a fetch, unless there were enough in the last minute."""
        with self._lock:
            recent = [one for one in self._fetches.get(name, []) if at - one < PER]
            if len(recent) >= FETCHES:
                return False
            self._fetches[name] = [*recent, at]
            return True

    def write(self, name: str, shelved: Shelved) -> None:
        """Keep what was fetched."""
        self._kept[name] = shelved


def new_providers(**changes: Any) -> Providers:
    """Return what a fresh process knows of providers: nothing."""
    settings = Settings.checked(
        None,
        **{
            "env": "development",
            "public_url": PUBLIC_URL,
            "secret_keys": (secrets.token_urlsafe(32),),
            **changes,
        },
    )
    return Providers(Egress(settings), MemoryShelf(), development=settings.development)


def opened(new: NewAttempt, connection: Connection) -> OpenAttempt:
    """Return an attempt as it would be found again."""
    return OpenAttempt(
        id=uuid7(),
        identity_provider_id=connection.id,
        purpose=new.errand.purpose,
        nonce=new.nonce,
        code_verifier=new.code_verifier,
        max_age=new.errand.max_age,
        next_url=new.errand.next_url,
        staff_id=new.errand.staff_id,
        staff_link_id=new.errand.staff_link_id,
        created_at=new.created_at,
    )


def browse(url: str) -> Args:
    """Go to the provider as a browser does; return the parameters of the callback."""
    answer = requests.get(url, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    return parse_qs(urlsplit(answer.headers["Location"]).query, keep_blank_values=True)


@dataclass(frozen=True)
class Begun:
    """Where the browser is sent, and the attempt with which it went."""

    url: str
    attempt: NewAttempt


@dataclass
class Walk:
    """Sign-ins at one provider through one connection."""

    providers: Providers
    connection: Connection

    def begin(self, errand: Errand | None = None) -> Begun:
        """Begin."""
        attempt = NewAttempt(errand or Errand(), clock.protocol_now(), "browser")
        url = oidc.authorization_url(
            self.providers, self.connection, attempt, public_url=PUBLIC_URL
        )
        return Begun(url, attempt)

    def finish(self, begun: Begun, args: Args) -> VerifiedIdentity:
        """Finish."""
        return oidc.finish(
            self.providers,
            self.connection,
            opened(begun.attempt, self.connection),
            args,
            public_url=PUBLIC_URL,
        )

    def sign_in(self, errand: Errand | None = None) -> VerifiedIdentity:
        """Go all the way."""
        begun = self.begin(errand)
        return self.finish(begun, browse(begun.url))

    def refused(self, errand: Errand | None = None) -> SignInReason:
        """Go all the way and be refused; return the reason."""
        try:
            identity = self.sign_in(errand)
        except SignInFailure as failure:
            return failure.reason
        raise AssertionError(f"let in: {identity.subject}")
