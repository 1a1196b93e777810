"""Why a sign-in fails at the protocol, and on whose side the mending is."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from portal.admission.rules import Refusal


class SignInReason(StrEnum):
    """Reason codes ``family.detail``; the audit keeps them, people read kinder words."""

    ISSUER = "oidc.iss"
    METADATA = "oidc.metadata"
    AUDIENCE = "oidc.aud"
    ALGORITHM = "oidc.alg"
    SIGNATURE = "oidc.sig"
    NONCE = "oidc.nonce"
    STATE = "oidc.state"
    MIX_UP = "oidc.mixup"
    TIME = "oidc.time"
    SUBJECT = "oidc.sub"
    USERINFO = "oidc.userinfo"
    NO_ID_TOKEN = "oidc.no_id_token"  # noqa: S105 - a reason, not a password
    TYPE = "oidc.typ"
    TENANT = "oidc.tenant"
    ASSURANCE = "oidc.assurance"
    DENIED = "oidc.denied"  # the person, or their company's sign-in, said no
    PROVIDER_ERROR = "oidc.error"  # the provider answered with an error of its own
    TOKEN_ENDPOINT = "oidc.token_endpoint"  # noqa: S105 - it does not know the portal, or its secret
    INPUT_CHAR = "input.char"  # a claim with characters that cannot be stored
    INPUT_LENGTH = "input.length"
    NET_BLOCKED = "net.blocked"
    NET_REDIRECT = "net.redirect"
    NET_ORIGIN = "net.origin"
    NET_LIMIT = "net.limit"  # too slow, too large, or no usable answer (5xx, HTML)
    NET_TLS = "net.tls"
    NET_UNREACHABLE = "net.unreachable"
    OVERTAKEN = "adm.overtaken"  # others were faster every time; nothing was changed


class Side(StrEnum):
    """Whose side it is on: the page says so first."""

    PERSON = "person"  # begin again, or use another account
    PARTNER = "partner"  # the company's IT: their provider sends something wrong, or is down
    ADMIN = "admin"  # the portal's admin: what is configured here does not fit the provider


_SIDES: Mapping[SignInReason, Side] = MappingProxyType(
    {
        SignInReason.STATE: Side.PERSON,
        SignInReason.DENIED: Side.PERSON,
        SignInReason.ASSURANCE: Side.PERSON,
        SignInReason.METADATA: Side.ADMIN,
        SignInReason.TENANT: Side.PERSON,
        SignInReason.OVERTAKEN: Side.PERSON,
        SignInReason.TOKEN_ENDPOINT: Side.ADMIN,
        SignInReason.NET_BLOCKED: Side.ADMIN,
        SignInReason.NET_ORIGIN: Side.ADMIN,
    }
)


def side_of(reason: SignInReason) -> Side:
    """Return who can mend it; what is not ours nor the person's is the partner's."""
    return _SIDES.get(reason, Side.PARTNER)


_MADE_UP: frozenset[SignInReason] = frozenset(
    {
        SignInReason.STATE,
        SignInReason.MIX_UP,
        SignInReason.DENIED,
        SignInReason.PROVIDER_ERROR,
        SignInReason.ASSURANCE,
        SignInReason.TOKEN_ENDPOINT,
    }
)


def anybody_can_cause(reason: SignInReason) -> bool:
    """Say whether an answer that a browser makes up may fail so: it takes no word of a provider."""
    return reason in _MADE_UP


# At the door: what was decided here about a person or a provider, or what time did to somebody.
_AS_MEANT: frozenset[str] = frozenset(
    {Refusal.IDP_DISABLED, Refusal.SUSPENDED, Refusal.INACTIVE, Refusal.TOMBSTONE}
)


def wants_mending(code: str, *, suspended: bool) -> bool:
    """Say whether something at the federation or the policy wants mending, so that admins are told.

    Not where the door did what it should, nor where the person alone can do something about it.

    Args:
        code: of a ``Refusal`` or ``SignInReason``; one that an older version wrote wants a look.
        suspended: whether the organisation is, which explains ``adm.partner_state``.
    """
    if code == Refusal.PARTNER_STATE:
        return not suspended
    if code in set(Refusal):
        return code not in _AS_MEANT
    return code not in set(SignInReason) or side_of(SignInReason(code)) is not Side.PERSON


@dataclass(frozen=True, slots=True)
class Failure:
    """A check that failed.

    Attributes:
        reason: the code.
        detail: one line for admins and the audit; never a secret, token, code or personal value.
    """

    reason: SignInReason
    detail: str


class SignInFailure(Exception):
    """A sign-in that ends here. Carries no secret, token, code or personal value.

    Attributes:
        failure: reason and detail.
        attempt_id: the attempt to use up with the refusal, if any (``changes.give_up``). None when
            the same callback may be on its way twice, or may be tried again.
        purpose: what the attempt was for, once known.
    """

    def __init__(self, failure: Failure, purpose: str | None = None) -> None:
        super().__init__(f"{failure.reason}: {failure.detail}")
        self.failure = failure
        self.attempt_id: UUID | None = None
        self.purpose = purpose

    @property
    def may_be_retried(self) -> bool:
        """Return whether reloading the callback may still lead to a sign-in.

        A doubled callback that finds its code redeemed must not spoil the one that redeemed it,
        by whatever name its provider calls that.
        """
        spent = (SignInReason.STATE, SignInReason.TOKEN_ENDPOINT)
        return self.reason in spent or self.reason.startswith("net.")

    @property
    def reason(self) -> SignInReason:
        """Return the code."""
        return self.failure.reason

    @property
    def detail(self) -> str:
        """Return the line for admins and the audit."""
        return self.failure.detail

    @property
    def side(self) -> Side:
        """Return on whose side the mending is."""
        return side_of(self.failure.reason)
