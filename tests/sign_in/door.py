"""The smallest door: a page each for leaving and coming back, as the portal's own use this room."""

from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

import requests
from flask import Flask, Response, redirect
from flask.testing import FlaskClient
from flask.typing import ResponseReturnValue

from portal.foundation import clock
from portal.foundation.db import db
from portal.foundation.transaction import ANONYMOUS, Tx, transaction
from portal.guests.changes import NewGuest, create, take_place
from portal.guests.rules import Reason, State
from portal.sign_in import changes, session
from portal.sign_in.attempt import Errand
from portal.sign_in.changes import NewSession
from portal.sign_in.connection import Connection
from portal.sign_in.journey import brought_state, come_back, depart
from portal.sign_in.queries import attempt_of
from portal.sign_in.rules import SignInFailure
from portal.trust.queries import current_terms
from tests import factories
from tests.hostile.provider import CLIENT_ID, CLIENT_SECRET, HostileProvider

PUBLIC_URL = "https://guests.host.example"


def connection(provider: HostileProvider, partner: factories.Partner, slug: str) -> Connection:
    """Return the connection of a partner made by ``partner_at``."""
    return Connection(
        id=partner.provider_id,
        organisation_id=partner.id,
        organisation_slug=partner.slug,
        slug=slug,
        name=partner.slug.title(),
        issuer=provider.issuer,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
    )


def guest(tx: Tx, partner: factories.Partner) -> UUID:
    """Add a guest who waits for a sponsor; which state it is in is not the door's business."""
    terms, end = current_terms(tx.session), tx.now + timedelta(days=14)
    new = NewGuest(
        organisation_id=partner.id,
        identity_provider_id=partner.provider_id,
        issuer=partner.issuer,
        subject="a8f5f167",
        email="ada@acme.example",
        name="Ada Lovelace",
        profile={},
        terms_id=terms.id,
        terms_version=terms.version,
    )
    take_place(tx, new.organisation_id, State.PENDING)
    return create(
        tx,
        new,
        state=State.PENDING,
        reason=Reason.AWAITING_DECISION,
        expires_at=end,
        lapses_at=end,
        inactive_at=None,
    )


class Door:
    """A portal with nothing but a door, on this test's database."""

    def __init__(self, app: Flask, connections: list[Connection], guest_id: UUID) -> None:
        self.app = app
        self.guest_id = guest_id
        self.life = timedelta(hours=12)
        app.secret_key = "for the test"
        self.connections = {one.slug: one for one in connections}
        app.add_url_rule("/go/<slug>", "go", self.go)
        app.add_url_rule("/sign-in/acme/<slug>/callback", "callback", self.callback)
        app.add_url_rule("/who", "who", self.who)
        app.add_url_rule("/out", "out", self.out, methods=["POST"])

    def go(self, slug: str) -> ResponseReturnValue:
        """Leave."""
        return depart(self.connections[slug], Errand(next_url="/who"))

    def callback(self, slug: str) -> ResponseReturnValue:
        """Come back."""
        at = clock.protocol_now()
        try:
            attempt, identity = come_back(
                self.connections[slug], attempt_of(db.session(), brought_state())
            )
            with transaction(actor=ANONYMOUS, now=clock.policy_now()) as tx:
                changes.use_up(tx, attempt.id, at)
                new = NewSession(
                    guest_id=self.guest_id,
                    identity_provider_id=self.connections[slug].id,
                    guest_epoch=1,
                    life=self.life,
                    sid=identity.sid,
                )
                started = changes.start_session(tx, new, at, replacing=session.session_token())
        except SignInFailure as failure:
            with transaction(actor=ANONYMOUS, now=clock.policy_now()) as tx:
                changes.give_up(tx, failure.attempt_id, at)
            return failure.reason, 403
        response = redirect(attempt.next_url or "/", 303)
        session.sign_in(response, started)
        return response

    def who(self) -> ResponseReturnValue:
        """Say whose session it is."""
        live = session.current_session()
        return (str(live.id), 200) if live else ("nobody", 401)

    def out(self) -> ResponseReturnValue:
        """Sign out."""
        with transaction(actor=ANONYMOUS, now=clock.policy_now()) as tx:
            changes.end_session(tx, session.session_token() or "", clock.protocol_now())
        response = Response("out")
        session.sign_out(response)
        return response

    def browser(self) -> FlaskClient:
        """Return a new browser."""
        return self.app.test_client()


def leave(browser: FlaskClient, slug: str = "main") -> str:
    """Go to the provider and be sent back; return the path of the callback, not called yet."""
    sent = browser.get(f"/go/{slug}", base_url=PUBLIC_URL)
    assert sent.status_code == 303, sent.text
    back = requests.get(sent.headers["Location"], allow_redirects=False, timeout=10)
    parts = urlsplit(back.headers["Location"])
    return f"{parts.path}?{parts.query}"
