"""The whole portal with a provider that obeys the tests: walk to it and back as a browser does."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import requests
from flask import Flask
from werkzeug.test import TestResponse

from portal.access.queries import GuestView, guest_view
from portal.audit.queries import Entry, Filter, search
from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.transaction import Actor, transaction
from portal.guests.queries import by_identity
from portal.sponsorship.changes import deciding
from portal.trust.queries import organisation_by_slug
from tests import factories
from tests.hostile.provider import CLIENT_ID, CLIENT_SECRET, HostileProvider
from tests.infra.client import PortalClient

START = "/sign-in/acme/id"
REFERENCE = re.compile(r"Reference <code>([0-9A-Z-]+)</code>")


def path_of(location: str) -> str:
    """Return the path and query of an address."""
    parts = urlsplit(location)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


@dataclass
class Story:
    """A portal that trusts Acme, whose provider the test commands."""

    app: Flask
    provider: HostileProvider
    sponsor_id: UUID
    admin_id: UUID

    def browser(self) -> PortalClient:
        """Return a fresh browser."""
        client = self.app.test_client()
        assert isinstance(client, PortalClient)
        return client

    def depart(self, client: PortalClient, start: str = START) -> str:
        """Leave for the provider; return the callback address it sends the browser to."""
        answer = client.get(start)
        assert answer.status_code == 303, answer.text
        back = requests.get(answer.location, allow_redirects=False, timeout=10)
        assert back.status_code == 302, back.text
        return path_of(back.headers["Location"])

    def knock(self, client: PortalClient, start: str = START) -> TestResponse:
        """Go to the provider and come back; return the portal's answer to the callback."""
        return client.get(self.depart(client, start))

    def arrive(self, client: PortalClient, **said: Any) -> TestResponse:
        """Go all the way through the arrival page; return the answer to accepting."""
        answer = self.knock(client)
        assert answer.location == "/arrival", answer.text
        return client.submit("/arrival", {"terms": "y", **said})

    def guest(self, subject: str | None = None) -> GuestView | None:
        """Return the guest of a subject at Acme, or nobody."""
        with self.app.app_context():
            acme = organisation_by_slug(db.session(), "acme")
            assert acme is not None
            wanted = subject or str(self.provider.person["sub"])
            row = by_identity(db.session(), acme.id, self.provider.issuer, wanted)
            view = guest_view(db.session(), row.id, clock.policy_now()) if row else None
            db.session.remove()
        return view

    def events(self, **wanted: Any) -> list[Entry]:
        """Return audit events, newest first."""
        with self.app.app_context():
            found = search(db.session(), Filter(**wanted), limit=None)
            db.session.remove()
        return found


def trusting(app: Flask, provider: HostileProvider, **partner: Any) -> Story:
    """Let a portal trust Acme through a provider."""
    with app.app_context():
        with factories.writing(clock.policy_now()) as tx:
            admin_id = factories.admin(tx)
            acme = factories.partner(
                tx,
                "acme",
                issuer=provider.issuer,
                **{
                    "client_id": CLIENT_ID,
                    "client_secret": CLIENT_SECRET,
                    "addresses": "verified",
                    **partner,
                },
            )
        db.session.remove()
    return Story(app, provider, acme.sponsor_id, admin_id)


def act(story, change):
    """Run a change as the shell would."""
    with story.app.app_context():
        with transaction(actor=Actor.shell("tests"), now=clock.policy_now()) as tx:
            result = change(tx)
        db.session.remove()
    return result


def approve(story, days=100):
    """Let the sponsor approve whoever waits."""
    guest = story.guest()
    last = (clock.policy_now() + timedelta(days=days)).date()
    one = guest.sponsorships[0]
    return act(story, lambda tx: deciding.approve(tx, one.id, story.sponsor_id, last, ()))


def refused(story, answer, code):
    """Check that an answer is a refusal whose reference finds the audit event; return it."""
    assert answer.status_code in (403, 502, 503), answer.status_code
    found = REFERENCE.search(answer.text)
    assert found, answer.text
    events = story.events(reference=found[1], event="sign_in.refused")
    assert len(events) == 1
    assert events[0].reason == code or code in events[0].data["reasons"]
    return events[0]
