"""The OpenID Connect conversation: Authlib speaks, ``rules`` believes nothing until it is checked.

``authorization_url`` is where to send the browser. ``finish`` redeems the code, checks everything,
and gives the verified identity. Neither writes to the database; no secret, token or code leaves
this module in an exception or a log.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from urllib.parse import quote_plus

from authlib.oauth2 import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from portal.admission.identity import VerifiedIdentity
from portal.foundation import clock
from portal.foundation.egress_sockets import OutboundError
from portal.foundation.outbound_http import Answer as Received
from portal.sign_in.attempt import Errand, NewAttempt, OpenAttempt, Purpose
from portal.sign_in.connection import Connection
from portal.sign_in.metadata import Providers, outbound_failure, owner_of
from portal.sign_in.rules import (
    Answer,
    Expected,
    Failure,
    Metadata,
    SignInFailure,
    SignInReason,
    check_answer,
    check_claims,
    check_hash,
    check_token_type,
    check_userinfo,
    identity_of,
    is_directory_guest,
    missing_claims,
    read_answer,
    split,
    strength_request,
    token_error,
)
from portal.trust.rules import strong_enough

T = TypeVar("T")
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_OK: Final = 200
_SERVER_ERROR: Final = 500


def authorization_url(
    providers: Providers, connection: Connection, attempt: NewAttempt, *, public_url: str
) -> str:
    """Return where to send the browser: authorization code flow, PKCE S256, state, nonce.

    No session of Authlib's is made for it: nothing is sent.

    Args:
        providers: of the running application.
        connection: to whom.
        attempt: written before the browser leaves.
        public_url: the portal's configured address; the redirect URI is built from it alone.

    Raises:
        SignInFailure: the provider cannot be spoken with.
    """
    with providers.conversation(connection) as metadata:
        url: str = prepare_grant_uri(
            metadata.authorization_endpoint,
            connection.client_id,
            "code",
            redirect_uri=connection.redirect_uri(public_url),
            scope=" ".join(connection.scopes),
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.code_verifier),  # type: ignore[no-untyped-call]
            code_challenge_method="S256",
            **_wishes(connection, metadata, attempt.errand),
        )
    return url


def finish(
    providers: Providers,
    connection: Connection,
    attempt: OpenAttempt,
    answer: Answer | Mapping[str, Sequence[str]],
    *,
    public_url: str,
    now: Callable[[], datetime] = clock.protocol_now,
) -> VerifiedIdentity:
    """Turn the provider's answer into a verified identity.

    Args:
        providers: of the running application.
        connection: through which the attempt was begun.
        attempt: found by state, browser and provider (``queries.check_attempt``).
        answer: the callback's parameters, read (``rules.read_answer``) or as lists of values.
        public_url: as for ``authorization_url``.
        now: the protocol clock; read when the token is there, not before the provider was asked.

    Raises:
        SignInFailure: with its reason, and the attempt to give up, if any.
    """
    try:
        if not isinstance(answer, Answer):
            answer = _or_raise(read_answer(answer))
        with providers.conversation(connection) as metadata:
            _require(
                check_answer(answer, issuer=connection.issuer, iss_promised=metadata.iss_promised)
            )
            return _identity(providers, connection, attempt, answer, metadata, public_url, now)
    except SignInFailure as failure:
        failure.attempt_id = None if failure.may_be_retried else attempt.id
        failure.purpose = attempt.purpose.value
        raise


def _identity(
    providers: Providers,
    connection: Connection,
    attempt: OpenAttempt,
    answer: Answer,
    metadata: Metadata,
    public_url: str,
    now: Callable[[], datetime],
) -> VerifiedIdentity:
    tokens = _redeem(providers, connection, attempt, answer, metadata, public_url)
    id_token = tokens.get("id_token")
    header, claims = _or_raise(split(id_token))
    _require(check_token_type(tokens))
    _require(providers.check_signature(connection, str(id_token), header))
    _require(
        check_claims(
            claims,
            Expected(
                issuer=connection.issuer,
                client_id=connection.client_id,
                nonce=attempt.nonce,
                now=now(),
                required_claims=connection.required_claims,
                max_age=attempt.max_age,
            ),
        )
    )
    algorithm = str(header["alg"])
    _require(check_hash(claims, algorithm, "at_hash", tokens.get("access_token")))
    _require(check_hash(claims, algorithm, "c_hash", answer.code))
    userinfo: Mapping[str, object] = {}
    if metadata.userinfo_endpoint and missing_claims(connection, claims):
        userinfo = _userinfo(providers, connection, metadata.userinfo_endpoint, tokens)
        _require(check_userinfo(userinfo, claims["sub"]))
    if connection.is_host and is_directory_guest(claims, connection.issuer):
        raise SignInFailure(
            Failure(SignInReason.TENANT, "the account is a guest of the host's own directory")
        )
    identity = _or_raise(identity_of(connection, claims, userinfo))
    # A trial shows the claims and the admission decision, which names this reason itself.
    if attempt.purpose is not Purpose.TRIAL and not strong_enough(
        identity.acr, identity.amr, connection.accepted_acr, connection.accepted_amr
    ):
        raise SignInFailure(
            Failure(SignInReason.ASSURANCE, "no accepted acr or amr is in the ID token")
        )
    return identity


def _redeem(
    providers: Providers,
    connection: Connection,
    attempt: OpenAttempt,
    answer: Answer,
    metadata: Metadata,
    public_url: str,
) -> Mapping[str, Any]:
    """Exchange the code for tokens; the answer is a JSON object or a failure."""
    body: str = prepare_token_request(
        "authorization_code",
        redirect_uri=connection.redirect_uri(public_url),
        code=answer.code,
        code_verifier=attempt.code_verifier,
    )
    method = _basic if connection.client_auth == "client_secret_basic" else connection.client_auth
    auth: Any = ClientAuth(connection.client_id, connection.client_secret, method)
    url, headers, body = auth.prepare("POST", metadata.token_endpoint, dict(_FORM), body)
    try:
        tokens = providers.egress.post(url, owner_of(connection), headers, body)
    except OutboundError as fault:
        raise outbound_failure(fault) from None
    return _tokens(tokens)


def _tokens(answer: Received) -> Mapping[str, Any]:
    """Return what a token endpoint answered with (RFC 6749, 5.1 and 5.2).

    Raises:
        SignInFailure: ``net.limit`` for a server error or something that is no JSON object;
            ``oidc.token_endpoint`` for a plain 401 or 403, or as the provider says.
    """
    found = answer.object()
    if answer.status >= _SERVER_ERROR or found is None:
        if answer.status in {401, 403}:
            raise SignInFailure(token_error("invalid_client"))
        raise _no_answer("the token endpoint", answer.status)
    if "error" in found:
        raise SignInFailure(token_error(found["error"]))
    if answer.status != _OK:
        raise _no_answer("the token endpoint", answer.status)
    return found


def _userinfo(
    providers: Providers, connection: Connection, endpoint: str, tokens: Mapping[str, Any]
) -> dict[str, object]:
    """Ask UserInfo with the access token that came with the ID token."""
    access_token = tokens.get("access_token")
    if not isinstance(access_token, str) or not _is_header_text(access_token):
        raise SignInFailure(
            Failure(SignInReason.USERINFO, "there is no access token to ask UserInfo with")
        )
    found: dict[str, object] = providers.fetch_json(
        connection, endpoint, {"Authorization": f"Bearer {access_token}"}
    )
    return found


def _wishes(connection: Connection, metadata: Metadata, errand: Errand) -> dict[str, str]:
    """Return the further parameters of the authorization request."""
    wishes = dict(
        strength_request(connection.accepted_acr, claims_parameter=metadata.claims_parameter)
    )
    if errand.select_account:
        wishes["prompt"] = "select_account"
    if errand.login_hint:
        wishes["login_hint"] = errand.login_hint
    if errand.max_age is not None:
        wishes["max_age"] = str(errand.max_age)
    return wishes


def _basic(
    client: Any,
    method: str,  # noqa: ARG001 - Authlib's signature
    uri: str,
    headers: Any,
    body: Any,
) -> tuple[str, Any, Any]:
    """Send id and secret form-encoded, as RFC 6749, 2.3.1 says and Authlib does not."""
    pair = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}"
    headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    return uri, headers, body


def _is_header_text(value: str) -> bool:
    return bool(value) and value.isascii() and value.isprintable() and " " not in value


def _no_answer(who: str, status: int | None = None) -> SignInFailure:
    said = f" (status {status})" if status else ""
    return SignInFailure(Failure(SignInReason.NET_LIMIT, f"{who} gave no usable answer{said}"))


def _or_raise(value: T | Failure) -> T:
    if isinstance(value, Failure):
        raise SignInFailure(value)
    return value


def _require(failure: Failure | None) -> None:
    if failure is not None:
        raise SignInFailure(failure)
