"""Identity providers by oidc-provider-mock: several in one process, people chosen by a click.

They have no passwords; whoever opens the page picks who to be. Roles and groups are claims.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from typing import Final, Literal, Self

import authlib.deprecate  # sets a filter of its own when it is imported: before ours
import flask

with warnings.catch_warnings():
    # It imports modules that Authlib will drop one day.
    warnings.simplefilter("ignore", authlib.deprecate.AuthlibDeprecationWarning)
    import oidc_provider_mock
    from oidc_provider_mock._storage import Client

from demo.serving import Served, serve

ClientAuth = Literal["client_secret_basic", "client_secret_post"]

_REMOTE_STYLE: Final = "https://cdn.jsdelivr.net/npm/@picocss/pico@2/css/pico.min.css"
_STYLE: Final = """
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem; background: #f6f8fb; color: #182433; }
main { background: #fff; border: 1px solid #dce1e7; border-radius: .5rem; padding: 1.5rem 2rem;
  margin: auto; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; }
button, input { font: inherit; padding: .5rem .9rem; border-radius: .4rem;
  border: 1px solid #667382; }
button { background: #066fd1; border-color: #066fd1; color: #fff; cursor: pointer; }
button.outline { background: #fff; color: #054f96; display: block; margin: .4rem 0;
  min-width: 18rem; text-align: left; }
button.contrast { background: #fff; color: #b02a2a; border-color: #b02a2a; }
"""


@dataclass(frozen=True, slots=True)
class MockUser:
    """A person of a provider: the subject, how the button on its page reads, and the claims."""

    subject: str
    label: str
    claims: Mapping[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class RunningProvider:
    """A provider that answers; `stop` ends it."""

    issuer: str
    app: flask.Flask
    served: Served

    def put_user(self, subject: str, claims: Mapping[str, object]) -> None:
        """Add a person, or replace what the provider says about one."""
        answer = self.app.test_client().put(f"/users/{subject}", json=dict(claims))
        if answer.status_code != HTTPStatus.NO_CONTENT:
            raise ValueError(answer.get_data(as_text=True))

    def stop(self) -> None:
        """Stop listening. Safe to call twice."""
        self.served.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start_provider(
    port: int,
    users: Sequence[MockUser],
    client_id: str,
    client_secret: str,
    redirect_uris: Sequence[str],
    *,
    host: str = "127.0.0.1",
    name: str = "Identity provider",
    client_auth: ClientAuth = "client_secret_basic",
) -> RunningProvider:
    """Start one provider with these people and one client; it answers when this returns.

    Args:
        port: 0 takes a free one; the issuer is ``http://HOST:PORT``.
        users: whom its page offers.
        client_id: of the portal at this provider.
        client_secret: the same.
        redirect_uris: exactly as the portal shows them.
        host: a loopback address.
        name: whose sign-in page it is.
        client_auth: ``client_secret_basic`` or ``client_secret_post``.
    """
    app = oidc_provider_mock.app(
        require_client_registration=True,
        require_nonce=True,
        issue_refresh_token=False,
        user_claims=[
            oidc_provider_mock.User(sub=user.subject, claims=dict(user.claims)) for user in users
        ],
    )
    # It comes with Werkzeug's debugger, which runs code for whoever can open it.
    app.debug = False
    app.wsgi_app = app.wsgi_app.app
    app.config["SESSION_COOKIE_NAME"] = f"provider_{port}"
    _register(app, client_id, client_secret, redirect_uris, client_auth)
    _dress(app, name, {user.subject: user.label for user in users})
    served = serve(app, host, port)
    return RunningProvider(served.url, app, served)


def _register(
    app: flask.Flask,
    client_id: str,
    client_secret: str,
    redirect_uris: Sequence[str],
    client_auth: ClientAuth,
) -> None:
    """Register a client whose id and secret we choose; its own registration makes up both."""
    with app.test_request_context("/"):
        app.preprocess_request()
        flask.g.oidc_provider_mock_storage.store_client(
            Client(
                id=client_id,
                secret=client_secret,
                redirect_uris=list(redirect_uris),
                allowed_scopes=Client.SCOPES_SUPPORTED,
                token_endpoint_auth_method=client_auth,
            )
        )


def _dress(app: flask.Flask, name: str, labels: Mapping[str, str]) -> None:
    """Give its pages a name, the people's names, and a style that needs no other host."""

    def dress(response: flask.Response) -> flask.Response:
        if response.mimetype != "text/html" or response.direct_passthrough:
            return response
        page = response.get_data(as_text=True)
        page = page.replace(_REMOTE_STYLE, "/style.css")
        page = page.replace("<h1>Authorize Client</h1>", f"<h1>Sign in at {escape(name)}</h1>")
        page = page.replace("Authenticate predefined users", "Choose who you are")
        page = page.replace('<html lang="en">', f'<html lang="en"><title>{escape(name)}</title>')
        for subject, label in labels.items():
            page = page.replace(f">{escape(subject)}</button>", f">{escape(label)}</button>")
        response.set_data(page)
        return response

    def style() -> flask.Response:
        return flask.Response(_STYLE, mimetype="text/css")

    app.after_request(dress)
    app.add_url_rule("/style.css", view_func=style)
