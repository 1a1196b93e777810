"""The floor: the least Flask, Authlib and Flask-SQLAlchemy app that signs people in.

State, PKCE, nonce, RS256 with cached keys, a pooled back channel, one transaction with user,
identity, audit and session row, and one page. No policy, no sponsor, no terms, no error pages: what
a portal does beyond this is what the ratios show.

Its rows are mapped objects, as these libraries' own documents write such an app: 4 statements for
somebody known, 5 for somebody new, one commit. Statements of Core would take a quarter off it.
"""

import hashlib
import os
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import requests
from authlib.integrations.requests_client import OAuth2Session
from flask import Flask, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from flask_sqlalchemy import SQLAlchemy
from joserfc import jwt
from joserfc.jwk import KeySet
from requests.adapters import HTTPAdapter
from sqlalchemy import JSON, DateTime, ForeignKey, String, UniqueConstraint, Uuid, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry, relationship


class Base(DeclarativeBase):
    """Every table of the floor."""

    registry = registry(
        type_annotation_map={
            datetime: DateTime(timezone=True),
            UUID: Uuid(),
            dict[str, Any]: JSON(),
        }
    )


db = SQLAlchemy(model_class=Base)


class User(Base):
    """Somebody."""

    __tablename__ = "floor_user"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    email: Mapped[str] = mapped_column(String(254), index=True)
    name: Mapped[str] = mapped_column(String(200))
    seen_at: Mapped[datetime]


class Identity(Base):
    """By whom somebody is known, and as whom."""

    __tablename__ = "floor_identity"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("floor_user.id"))
    issuer: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(255))
    user: Mapped[User] = relationship()


class Audit(Base):
    """What happened."""

    __tablename__ = "floor_audit"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    at: Mapped[datetime]
    event: Mapped[str] = mapped_column(String(60))
    user_id: Mapped[UUID]
    data: Mapped[dict[str, Any]]


class Login(Base):
    """A session."""

    __tablename__ = "floor_session"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("floor_user.id"))
    ends_at: Mapped[datetime]
    user: Mapped[User] = relationship()


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
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["FLOOR_DATABASE"]
    db.init_app(app)
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
        now, token, event = datetime.now(UTC), secrets.token_urlsafe(32), "seen"
        user = db.session.scalar(
            select(User)
            .join(Identity, Identity.user_id == User.id)
            .where(Identity.issuer == issuer, Identity.subject == claims["sub"])
        )
        if user is None:
            event = "created"
            user = User(id=uuid4(), email=claims["email"], name=claims["name"])
            db.session.add(Identity(user=user, issuer=issuer, subject=claims["sub"]))
        user.seen_at = now
        db.session.add(Audit(at=now, event=event, user_id=user.id, data={"issuer": issuer}))
        db.session.add(Login(token_hash=_hash(token), user=user, ends_at=now + timedelta(hours=12)))
        db.session.commit()
        response = redirect("/page", 303)
        response.set_cookie("floor", token, httponly=True, samesite="Lax")
        return response

    @app.get("/page")
    def page() -> ResponseReturnValue:
        user = db.session.scalars(
            select(User)
            .join(Login, Login.user_id == User.id)
            .where(
                Login.token_hash == _hash(request.cookies["floor"]),
                Login.ends_at > datetime.now(UTC),
            )
        ).one()
        return render_template(
            template,
            name=user.name,
            token=secrets.token_urlsafe(24),
            menu=[("/page", "Where you stand"), ("/data", "Your data"), ("/terms", "Terms")],
            facts=[("Address", user.email), ("Last sign-in", f"{user.seen_at:%d %B %Y}")],
            things=[{"name": "Wiki", "url": "https://wiki.host.example/"}],
            host="Host Ltd",
        )

    return app


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
