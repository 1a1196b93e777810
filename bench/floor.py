"""The floor: the least Flask, Authlib and SQLAlchemy app that signs people in.

State, PKCE, nonce, RS256 with cached keys, a pooled back channel, one transaction with user,
identity, audit and session row, and one page. No policy, no sponsor, no terms, no error pages: what
a portal does beyond this is what the ratios show.
"""

import hashlib
import os
import secrets
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import requests
from authlib.integrations.requests_client import OAuth2Session
from flask import Flask, g, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from joserfc import jwt
from joserfc.jwk import KeySet
from requests.adapters import HTTPAdapter
from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    ForeignKey,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    bindparam,
    create_engine,
    insert,
    select,
    update,
)

metadata = MetaData()
user = Table(
    "floor_user",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("email", String(254), index=True),
    Column("name", String(200)),
    Column("seen_at", DateTime(timezone=True)),
)
identity = Table(
    "floor_identity",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("user_id", Uuid, ForeignKey("floor_user.id")),
    Column("issuer", String(255)),
    Column("subject", String(255)),
    UniqueConstraint("issuer", "subject"),
)
audit = Table(
    "floor_audit",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", DateTime(timezone=True)),
    Column("event", String(60)),
    Column("user_id", Uuid),
    Column("data", JSON),
)
login = Table(
    "floor_session",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("user_id", Uuid, ForeignKey("floor_user.id")),
    Column("ends_at", DateTime(timezone=True)),
)

_KNOWN = (
    select(user.c.id)
    .join(identity, identity.c.user_id == user.c.id)
    .where(
        identity.c.issuer == bindparam("issuer", type_=String),
        identity.c.subject == bindparam("subject", type_=String),
    )
)
_SEEN = update(user).where(user.c.id == bindparam("who")).values(seen_at=bindparam("now"))
_ASKS = (
    select(user.c.name, user.c.email, user.c.seen_at)
    .join(login, login.c.user_id == user.c.id)
    .where(
        login.c.token_hash == bindparam("token_hash", type_=String),
        login.c.ends_at > bindparam("now", type_=DateTime(timezone=True)),
    )
)

# The same bytes in the same shape as the guest's page: who, until when, what may be used.
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ name }}</title>
<link rel="stylesheet" href="/static/tabler.css"><script src="/static/app.js" defer></script></head>
<body><a class="skip" href="#main">Skip to content</a>
<header><nav>{% for path, title in menu %}<a href="{{ path }}">{{ title }}</a>{% endfor %}</nav>
<form method="post" action="/out"><input type="hidden" name="t" value="{{ token }}">
<button>Sign out</button></form></header>
<main id="main"><h1>Hello {{ name }}</h1>
<dl>{% for term, value in facts %}<dt>{{ term }}</dt><dd>{{ value }}</dd>{% endfor %}</dl>
<ul>{% for one in things %}<li><a href="{{ one.url }}">{{ one.name }}</a></li>{% endfor %}</ul>
</main><footer>{{ host }}</footer></body></html>
"""


def create_app() -> Flask:
    """Return the floor, wired by ``FLOOR_*`` in the environment."""
    app = Flask("floor")
    app.secret_key = "the floor signs its cookie too"
    engine = create_engine(os.environ["FLOOR_DATABASE"], pool_size=5)
    issuer, client_id = os.environ["FLOOR_ISSUER"], os.environ["FLOOR_CLIENT_ID"]
    callback_url = os.environ["FLOOR_URL"] + "/callback"
    document = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=5).json()
    keys = KeySet.import_key_set(requests.get(document["jwks_uri"], timeout=5).json())
    claims_of = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": issuer}, aud={"essential": True, "value": client_id}
    )
    pool = HTTPAdapter()
    template = app.jinja_env.from_string(PAGE)  # compiled once, as a file would be

    def client() -> OAuth2Session:
        made = OAuth2Session(
            client_id,
            os.environ["FLOOR_CLIENT_SECRET"],
            scope="openid email profile",
            redirect_uri=callback_url,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_post",
        )
        made.trust_env = False
        made.mount("http://", pool)
        return made

    @app.get("/start")
    def start() -> ResponseReturnValue:
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        session["attempt"] = [state, nonce, verifier]
        url, _ = client().create_authorization_url(
            document["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
        )
        return redirect(url, 303)

    @app.get("/callback")
    def callback() -> ResponseReturnValue:
        state, nonce, verifier = session.pop("attempt")
        if not secrets.compare_digest(state, request.args["state"]):
            return "no", 403
        tokens = client().fetch_token(
            document["token_endpoint"],
            grant_type="authorization_code",
            code=request.args["code"],
            code_verifier=verifier,
        )
        claims = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims
        claims_of.validate(claims)
        if claims["nonce"] != nonce:
            return "no", 403
        now, token = datetime.now(UTC), secrets.token_urlsafe(32)
        with engine.begin() as connection:
            who = connection.scalar(_KNOWN, {"issuer": issuer, "subject": claims["sub"]})
            event = "seen"
            if who is None:
                who, event = uuid4(), "created"
                values = {"id": who, "email": claims["email"], "name": claims["name"]}
                connection.execute(insert(user), {**values, "seen_at": now})
                values = {"id": uuid4(), "user_id": who, "issuer": issuer}
                connection.execute(insert(identity), {**values, "subject": claims["sub"]})
            else:
                connection.execute(_SEEN, {"who": who, "now": now})
            values = {"id": uuid4(), "at": now, "event": event, "user_id": who}
            connection.execute(insert(audit), {**values, "data": {"issuer": issuer}})
            ends_at = now + timedelta(hours=12)
            values = {"token_hash": _hash(token), "user_id": who, "ends_at": ends_at}
            connection.execute(insert(login), values)
        response = redirect("/page", 303)
        response.set_cookie("floor", token, httponly=True, samesite="Lax")
        return response

    @app.get("/page")
    def page() -> ResponseReturnValue:
        values = {"token_hash": _hash(request.cookies["floor"]), "now": datetime.now(UTC)}
        with engine.connect() as connection:
            row = connection.execute(_ASKS, values).one()
        g.who = row.name
        return render_template(
            template,
            name=row.name,
            token=secrets.token_urlsafe(24),
            menu=[("/page", "Where you stand"), ("/data", "Your data"), ("/terms", "Terms")],
            facts=[("Address", row.email), ("Last sign-in", f"{row.seen_at:%d %B %Y}")],
            things=[{"name": "Wiki", "url": "https://wiki.host.example/"}],
            host="Host Ltd",
        )

    return app


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
