"""What the browser brings back from the provider, before anything is sent anywhere."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from portal.sign_in.rules.reasons import Failure, SignInReason

MOST_CHARACTERS = 8192  # of one parameter; Entra's codes have about 2,000
_ERROR = re.compile(r"[a-z_]{1,64}")
_SAID_NO = frozenset({"access_denied", "consent_required"})
_TOO_WEAK = frozenset({"unmet_authentication_requirements"})
_IN_TROUBLE = frozenset({"server_error", "temporarily_unavailable"})
_READ = ("state", "code", "iss", "error")
# A description is read by nobody: Entra puts line breaks into it, which RFC 6749, 4.1.2.1 has not.
_ONCE = (*_READ, "error_description")


@dataclass(frozen=True, slots=True)
class Answer:
    """The parameters of a callback that count; others (``session_state``) are ignored.

    Attributes:
        state: finds the attempt.
        code: to be redeemed; ``None`` when the provider answered with an error.
        issuer: RFC 9207 ``iss``, if sent.
        error: the provider's error code, if any.
    """

    state: str = field(repr=False)
    code: str | None = field(repr=False)
    issuer: str | None
    error: str | None


def read_answer(args: Mapping[str, Sequence[str]]) -> Answer | Failure:
    """Read a callback's parameters, each as a list of all its values.

    A parameter that is there twice is refused (RFC 6749, 3.1): two readers would read two answers.
    """
    for name in _ONCE:
        values = args.get(name, ())
        if len(values) > 1:
            return Failure(SignInReason.STATE, f"the answer has {name} twice")
        if name in _READ and values and not _harmless(values[0]):
            return Failure(SignInReason.STATE, f"the answer has a {name} that is not plain text")
    one = {name: args[name][0] for name in _READ if args.get(name)}
    if not one.get("state"):
        return Failure(SignInReason.STATE, "the answer has no state")
    if not one.get("code") and not one.get("error"):
        return Failure(SignInReason.STATE, "the answer has neither a code nor an error")
    return Answer(
        state=one["state"],
        code=None if one.get("error") else one["code"],
        issuer=one.get("iss"),
        error=one.get("error"),
    )


def check_answer(answer: Answer, *, issuer: str, iss_promised: bool) -> Failure | None:
    """Hold an answer against the provider it should come from (RFC 9207, 2.4), errors too.

    Args:
        answer: as read.
        issuer: the connection's.
        iss_promised: whether the provider's metadata says that it always sends ``iss``.
    """
    if answer.issuer is not None and answer.issuer != issuer:
        return Failure(SignInReason.MIX_UP, "the answer says that another issuer gave it")
    if answer.issuer is None and iss_promised:
        return Failure(SignInReason.MIX_UP, "the provider promises iss in its answers: none came")
    return None if answer.error is None else provider_error(answer.error)


def provider_error(error: str) -> Failure:
    """Return what an error code of the provider means for the person.

    Its description is not kept: it is free text of somebody else, and may name persons.
    """
    if error in _SAID_NO:
        return Failure(SignInReason.DENIED, f"the provider answered {error}")
    if error in _TOO_WEAK:
        return Failure(SignInReason.ASSURANCE, f"the provider answered {error}")
    shown = error if _ERROR.fullmatch(error) else "an error code that is none"
    return Failure(SignInReason.PROVIDER_ERROR, f"the provider answered {shown}")


def token_error(error: object) -> Failure:
    """Return what an error of the token endpoint means (RFC 6749, 5.2)."""
    if error == "invalid_grant":
        # The code is used, expired or not for this verifier: a doubled or stale callback (O16).
        return Failure(SignInReason.STATE, "the provider says that the code is used or expired")
    if isinstance(error, str) and error in _IN_TROUBLE:
        return provider_error(error)
    known = isinstance(error, str) and _ERROR.fullmatch(error)
    shown = str(error) if known else "an error code that is none"
    return Failure(SignInReason.TOKEN_ENDPOINT, f"the token endpoint answered {shown}")


def _harmless(value: str) -> bool:
    """Return whether a parameter is short, printable text."""
    return len(value) <= MOST_CHARACTERS and value.isprintable()
