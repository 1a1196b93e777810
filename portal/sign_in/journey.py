"""Out to the provider and back, as a page needs it: one call each way.

No database connection is held while the provider is spoken with: a slow one must not empty the
pool.
"""

from flask import current_app, redirect, request
from werkzeug.wrappers import Response

from portal.admission.identity import VerifiedIdentity
from portal.foundation import clock
from portal.foundation.current import settings_of
from portal.foundation.db import let_go
from portal.foundation.transaction import single_write
from portal.sign_in import changes, oidc, session
from portal.sign_in.attempt import Errand, NewAttempt, OpenAttempt
from portal.sign_in.connection import Connection
from portal.sign_in.metadata import providers
from portal.sign_in.queries import KeptAttempt, check_attempt
from portal.sign_in.rules import Failure, SignInFailure, read_answer
from portal.trust.queries import ProviderRow


def new_attempt(errand: Errand) -> NewAttempt:
    """Return an attempt of this browser, to be written before it leaves."""
    return NewAttempt(errand, clock.protocol_now(), session.new_browser_secret())


def begin_at(organisation: str, provider: str, attempt: NewAttempt) -> ProviderRow | None:
    """Write an attempt at an organisation's provider; return it, or nothing if none is enabled."""
    with single_write() as tx:
        return changes.begin_attempt_at(tx, organisation, provider, attempt)


def leave(connection: Connection, attempt: NewAttempt) -> Response:
    """Send the browser to the provider with an attempt that is written; for a GET (CSP).

    Raises:
        SignInFailure: the provider cannot be spoken with.
    """
    public_url = settings_of(current_app).public_url
    url = oidc.authorization_url(providers(), connection, attempt, public_url=public_url)
    response = redirect(url, 303)
    session.keep_browser_secret(response, attempt.browser_secret)
    return response


def depart(connection: Connection, errand: Errand) -> Response:
    """Write an attempt and leave.

    Raises:
        SignInFailure: the provider cannot be spoken with.
    """
    attempt = new_attempt(errand)
    with single_write() as tx:
        changes.begin_attempt(tx, attempt, connection.id)
    return leave(connection, attempt)


def brought_state() -> str:
    """Return the state that this callback brought; nothing has one that is empty."""
    return request.args.get("state", "")


def come_back(
    connection: Connection, kept: KeptAttempt | None
) -> tuple[OpenAttempt, VerifiedIdentity]:
    """Return the attempt that this callback ends, and whom the provider vouches for.

    Args:
        connection: whose callback was called.
        kept: the attempt of ``brought_state``, if there is one.

    The caller uses the attempt up (``changes.use_up``) in the transaction of what comes of it, and
    gives it up (``changes.give_up``) in that of a refusal.

    Raises:
        SignInFailure: with its reason.
    """
    purpose = kept.purpose if kept else None
    answer = read_answer(request.args.to_dict(flat=False))
    if isinstance(answer, Failure):
        raise SignInFailure(answer, purpose)
    attempt = check_attempt(
        kept,
        browser_secret=session.browser_secret(),
        identity_provider_id=connection.id,
        at=clock.protocol_now(),
    )
    let_go()
    if isinstance(attempt, Failure):
        raise SignInFailure(attempt, purpose)
    identity = oidc.finish(
        providers(),
        connection,
        attempt,
        answer,
        public_url=settings_of(current_app).public_url,
    )
    return attempt, identity
