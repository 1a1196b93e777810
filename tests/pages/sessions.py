"""Sign somebody in as a page would, without the way to a provider."""

from urllib.parse import urlsplit
from uuid import UUID

from flask import Flask

from portal.foundation import clock
from portal.foundation.transaction import Actor, transaction
from portal.sign_in import changes
from portal.sign_in.changes import NewSession
from tests.infra.client import PortalClient


def start_session(app: Flask, new: NewSession) -> str:
    """Begin a session; return its token."""
    writing = transaction(actor=Actor.system("tests"), now=clock.policy_now())
    with app.app_context(), writing as tx:
        return changes.start_session(tx, new, clock.protocol_now()).token


def sign_in(app: Flask, client: PortalClient, new: NewSession) -> str:
    """Give the client a session; return its token."""
    token = start_session(app, new)
    https = app.extensions["portal"]["settings"].https
    name = f"{'__Host-' if https else ''}portal-session"
    host = urlsplit(client.public_url).hostname or ""
    client.set_cookie(name, token, domain=host, secure=https)
    return token


def as_staff(app: Flask, client: PortalClient, staff_id: UUID) -> str:
    """Sign an employee in."""
    return sign_in(app, client, NewSession(staff_id=staff_id))


def as_guest(
    app: Flask, client: PortalClient, guest_id: UUID, provider_id: UUID, epoch: int = 1
) -> str:
    """Sign a guest in."""
    new = NewSession(guest_id=guest_id, identity_provider_id=provider_id, guest_epoch=epoch)
    return sign_in(app, client, new)
