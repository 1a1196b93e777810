"""A programmable OpenID provider on loopback: a real HTTP server, real keys, and one switch a lie.

Honest unless told otherwise. ``lies`` holds the switches; ``lying(...)`` turns some for a while::

    with provider.lying(claims={"aud": "somebody-else"}):
        ...
"""

import base64
import gzip
import hashlib
import json
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from joserfc.jwk import Key

from tests.hostile.keys import b64, hmac_signed, key, pem, public, signed, signing_input

GONE = object()
"""A switch's value that removes the member altogether."""

CLIENT_ID = "guest-portal"
CLIENT_SECRET = "s3cret: with+special/characters & 100%"
PERSON: Mapping[str, Any] = {
    "sub": "a8f5f167",
    "email": "ada@acme.example",
    "email_verified": True,
    "name": "Ada Lovelace",
    "given_name": "Ada",
    "family_name": "Lovelace",
}


@dataclass(frozen=True)
class Lies:
    """The switches. Mappings replace members, ``GONE`` removes them.

    Attributes:
        document: of the discovery document.
        keys: the published key set as a whole, instead of the true one.
        broken: by endpoint (``discovery``, ``jwks``, ``token``, ``userinfo``): ``html``,
            ``status 503``, ``redirect URL``, ``huge``, ``bomb``, ``slow``, ``drip``, ``list``,
            ``nan``, ``close``, ``charset NAME`` (an honest answer that says it is in another).
        header: of the ID token.
        claims: of the ID token.
        signature: ``honest``, ``none``, ``hmac-pem``, ``hmac-secret``, ``hmac-empty``,
            ``other-key``, ``stripped``, ``flipped``, ``jwk-in-header``.
        tokens: of the token response.
        token_error: error code of the token endpoint.
        userinfo: of UserInfo.
        only_userinfo: claims that the ID token leaves to UserInfo.
        callback: of the answer that the browser brings back; a list gives a parameter twice.
        error: error code instead of a code.
        codes_last: whether a code may be redeemed again and again.
    """

    document: Mapping[str, Any] = field(default_factory=dict)
    keys: Any = None
    broken: Mapping[str, str] = field(default_factory=dict)
    header: Mapping[str, Any] = field(default_factory=dict)
    claims: Mapping[str, Any] = field(default_factory=dict)
    signature: str = "honest"
    tokens: Mapping[str, Any] = field(default_factory=dict)
    token_error: str | None = None
    userinfo: Mapping[str, Any] = field(default_factory=dict)
    only_userinfo: frozenset[str] = frozenset()
    callback: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    codes_last: bool = False


@dataclass(frozen=True)
class _Code:
    """What a code was given for."""

    request: Mapping[str, str]
    person: Mapping[str, Any]


class HostileProvider:
    """One issuer. ``person`` is who signs in; everything else is for the tests to turn.

    Attributes:
        issuer: address of this provider.
        lies: the switches.
        person: claims of whoever signs in next.
        requests: how often each endpoint was asked.
        received: the last parameters of each endpoint, for assertions.
        key: what it signs with; ``roll`` makes it another.
    """

    def __init__(self, *, host: str = "127.0.0.1", path: str = "") -> None:
        self.lies = Lies()
        self.person: Mapping[str, Any] = dict(PERSON)
        self.requests: Counter[str] = Counter()
        self.received: dict[str, dict[str, str]] = {}
        self.key: Key = key("first")
        self.algorithm = "RS256"
        self.accepts_client_auth = ("client_secret_basic", "client_secret_post")
        self._path = path
        self._codes: dict[str, _Code] = {}
        self._tokens: dict[str, Mapping[str, Any]] = {}
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._server = ThreadingHTTPServer((host, 0), _handler(self))
        self._server.daemon_threads = True
        self.origin = f"http://{host}:{self._server.server_address[1]}"
        self.issuer = f"{self.origin}{path}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop answering; connections to it are refused from now on."""
        self._server.shutdown()
        self._server.server_close()
        with self._lock:
            for connection in self._connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    @contextmanager
    def lying(self, **lies: Any) -> Iterator[None]:
        """Turn some switches for a while."""
        before = self.lies
        self.lies = replace(before, **lies)
        try:
            yield
        finally:
            self.lies = before

    def roll(self, name: str, kind: str = "RSA", algorithm: str | None = None) -> None:
        """Sign with another key from now on, and publish only that one."""
        self.key = key(name, kind)
        self.algorithm = algorithm or self.algorithm

    # What each endpoint says.

    def document(self) -> dict[str, Any]:
        """Return the discovery document."""
        return _with(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
                "jwks_uri": f"{self.issuer}/jwks",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256", "ES256"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": list(self.accepts_client_auth),
                "scopes_supported": ["openid", "email", "profile"],
            },
            self.lies.document,
        )

    def key_set(self) -> Any:
        """Return the key set."""
        return {"keys": [public(self.key)]} if self.lies.keys is None else self.lies.keys

    def authorize(self, request: Mapping[str, str]) -> str:
        """Sign the person in without a page; return where the browser goes."""
        answer: dict[str, Any] = {"state": request["state"]}
        if self.lies.error:
            answer |= {"error": self.lies.error, "error_description": "<b>no</b> {{7*7}}"}
        else:
            code = secrets.token_urlsafe(16)
            with self._lock:
                self._codes[code] = _Code(dict(request), dict(self.person))
            answer["code"] = code
        return (
            f"{request['redirect_uri']}?{urlencode(_with(answer, self.lies.callback), doseq=True)}"
        )

    def token(
        self, form: Mapping[str, str], authorization: str | None
    ) -> tuple[int, Mapping[str, Any]]:
        """Redeem a code, strictly: client, redirect URI, PKCE, single use."""
        if self.lies.token_error:
            return 400, {"error": self.lies.token_error, "error_description": "no"}
        if not self._is_client(form, authorization):
            return 401, {"error": "invalid_client"}
        with self._lock:
            take = self._codes.get if self.lies.codes_last else self._codes.pop
            code = take(form.get("code", ""), None)
        if code is None or code.request["redirect_uri"] != form.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        verifier = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if b64(verifier) != code.request.get("code_challenge"):
            return 400, {"error": "invalid_grant"}
        access_token = secrets.token_urlsafe(16)
        self._tokens[access_token] = code.person
        answer = {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": self.id_token(code, access_token),
        }
        return 200, _with(answer, self.lies.tokens)

    def id_token(self, code: "_Code", access_token: str) -> str:
        """Return the ID token, with every lie that is switched on."""
        now = int(time.time())
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        claims = {
            "iss": self.issuer,
            "aud": code.request["client_id"],
            "iat": now,
            "exp": now + 300,
            "nonce": code.request.get("nonce"),
            "at_hash": b64(half) if self.algorithm.endswith("256") else GONE,
            **{n: v for n, v in code.person.items() if n not in self.lies.only_userinfo},
        }
        claims = _with(_with({}, claims), self.lies.claims)
        header = _with({"alg": self.algorithm, "kid": self.key.kid, "typ": "JWT"}, self.lies.header)
        return self._sign(header, claims)

    def userinfo(self, authorization: str | None) -> Mapping[str, Any] | None:
        """Return UserInfo of an access token."""
        person = self._tokens.get((authorization or "").removeprefix("Bearer "))
        return None if person is None else _with(dict(person), self.lies.userinfo)

    def _sign(self, header: dict[str, Any], claims: Mapping[str, Any]) -> str:
        lie = self.lies.signature
        if lie == "none":
            return signing_input({"alg": "none"} | self.lies.header, claims) + "."
        if lie.startswith("hmac-"):
            secret = {"pem": pem(self.key), "secret": CLIENT_SECRET.encode(), "empty": b""}
            return hmac_signed(header | {"alg": "HS256"}, claims, secret[lie.removeprefix("hmac-")])
        if lie == "jwk-in-header":
            thief = key("thief")
            return signed(header | {"jwk": public(thief), "kid": thief.kid}, claims, thief)
        token = signed(header, claims, key("thief") if lie == "other-key" else self.key)
        body, _, signature = token.rpartition(".")
        if lie == "stripped":
            return f"{body}."
        if lie == "flipped":
            return f"{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
        return token

    def _is_client(self, form: Mapping[str, str], authorization: str | None) -> bool:
        if authorization and "client_secret_basic" in self.accepts_client_auth:
            raw = base64.b64decode(authorization.removeprefix("Basic ")).decode()
            client_id, _, secret = raw.partition(":")
            return (unquote_plus(client_id), unquote_plus(secret)) == (CLIENT_ID, CLIENT_SECRET)
        posted = (form.get("client_id"), form.get("client_secret"))
        return "client_secret_post" in self.accepts_client_auth and posted == (
            CLIENT_ID,
            CLIENT_SECRET,
        )


def _with(members: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    changed = {**members, **changes}
    return {name: value for name, value in changed.items() if value is not GONE}


def _handler(provider: HostileProvider) -> type[BaseHTTPRequestHandler]:  # noqa: C901
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            with provider._lock:
                provider._connections.add(self.connection)

        def finish(self) -> None:
            with provider._lock:
                provider._connections.discard(self.connection)
            with suppress(OSError):
                super().finish()

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            path = parts.path.removeprefix(provider._path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            said = self.headers.get("Authorization")
            routes: dict[str, tuple[str, Callable[[], Any]]] = {
                "/.well-known/openid-configuration": ("discovery", provider.document),
                "/jwks": ("jwks", provider.key_set),
                "/userinfo": ("userinfo", lambda: provider.userinfo(said)),
            }
            if path == "/authorize":
                self._note("authorize", query)
                self._redirect(provider.authorize(query))
                return
            name, speak = routes.get(path, ("nowhere", lambda: None))
            self._note(name, query)
            answer = speak()
            self._speak(name, answer, 404 if answer is None else 200)

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            form = {name: values[0] for name, values in parse_qs(raw.decode()).items()}
            self._note("token", form)
            if not provider.lies.broken.get("token", "charset").startswith("charset"):
                self._speak("token", {}, 200)
                return
            status, answer = provider.token(form, self.headers.get("Authorization"))
            self._speak("token", answer, status)

        def _note(self, name: str, parameters: dict[str, str]) -> None:
            with provider._lock:
                provider.requests[name] += 1
                provider.received[name] = parameters

        def _speak(self, name: str, answer: Any, status: int) -> None:
            lie, _, detail = provider.lies.broken.get(name, "honest").partition(" ")
            body = json.dumps(answer).encode()
            kind = f"application/json; charset={detail}" if lie == "charset" else "application/json"
            headers: dict[str, str] = {}
            if lie == "html":
                body, kind = b"<!doctype html><h1>Sign in</h1>", "text/html"
            elif lie == "status":
                status, body, kind = int(detail), b"<h1>trouble</h1>", "text/html"
            elif lie == "redirect":
                self._redirect(detail)
                return
            elif lie == "huge":
                body = b'{"a": "' + b"x" * 10_000_000 + b'"}'
            elif lie == "bomb":
                body = gzip.compress(b'{"a": "' + b"x" * 50_000_000 + b'"}')
                headers["Content-Encoding"] = "gzip"
            elif lie == "list":
                body = b'["keys"]'
            elif lie == "nan":
                body = body[:-1] + b', "more": NaN}'
            elif lie == "slow":
                time.sleep(float(detail or 30))
            elif lie == "close":
                self.close_connection = True
                return
            self._send(status, kind, body, headers, drip=lie == "drip")

        def _send(
            self, status: int, kind: str, body: bytes, headers: dict[str, str], *, drip: bool
        ) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                for header, value in headers.items():
                    self.send_header(header, value)
                self.end_headers()
                if drip:
                    for byte in body:
                        self.wfile.write(bytes([byte]))
                        self.wfile.flush()
                        time.sleep(0.5)
                else:
                    self.wfile.write(body)
            except OSError:
                self.close_connection = True  # the portal had enough of it, and left

        def _redirect(self, address: str) -> None:
            self.send_response(302)
            self.send_header("Location", address)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
