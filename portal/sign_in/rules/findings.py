"""What a connection test found, in plain words: what is good, what is wrong, who must mend it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from portal.sign_in.connection import Connection
from portal.sign_in.rules.discovery import Metadata, moved_hosts
from portal.sign_in.rules.reasons import Failure, SignInReason
from portal.sign_in.rules.token import ALGORITHMS


class Level(StrEnum):
    """How much a finding weighs: a fault keeps the provider from being enabled."""

    GOOD = "good"
    NOTE = "note"
    FAULT = "fault"


class Mender(StrEnum):
    """Who can do something about it."""

    NOBODY = "nobody"
    ADMIN = "admin"  # you, here
    PARTNER = "partner"  # whoever runs the identity provider
    OPERATOR = "operator"  # whoever runs the portal's server and network


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence of a test's outcome."""

    level: Level
    text: str
    mender: Mender = Mender.NOBODY
    field: str | None = None  # of the form, where one is to be changed


@dataclass(frozen=True, slots=True)
class Findings:
    """The outcome of a connection test.

    Attributes:
        findings: faults first.
        hosts: where the provider's addresses are; to be pinned.
        subject_types: which kinds of subject it offers; a pairwise one depends on the client id.
    """

    findings: tuple[Finding, ...]
    hosts: tuple[str, ...] = ()
    subject_types: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Return whether nothing stands in the way of enabling."""
        return all(one.level is not Level.FAULT for one in self.findings)

    @property
    def fault(self) -> Finding | None:
        """Return the first fault, the one fix to make now."""
        return next((one for one in self.findings if one.level is Level.FAULT), None)

    def as_json(self) -> dict[str, object]:
        """Return it with stable keys, as the table and ``--json`` hold it."""
        return {
            "passed": self.passed,
            "hosts": list(self.hosts),
            "subject_types": list(self.subject_types),
            "findings": [
                {
                    "level": one.level.value,
                    "text": one.text,
                    "mender": one.mender.value,
                    "field": one.field,
                }
                for one in self.findings
            ],
        }


# For each way to fail: who mends it, at which field, and what to do.
_MENDING: Final[dict[SignInReason, tuple[Mender, str | None, str]]] = {
    SignInReason.NET_BLOCKED: (
        Mender.OPERATOR,
        "issuer",
        (
            "The issuer, or an address in its document, is not on the public internet, not "
            "https or on an unusual port. The portal fetches from public https addresses "
            "only; exceptions are PORTAL_EGRESS_PRIVATE_HOSTS."
        ),
    ),
    SignInReason.NET_REDIRECT: (
        Mender.PARTNER,
        "issuer",
        (
            "The provider redirects to another address; the portal does not follow. Enter the"
            " address that it redirects to, if that is the issuer."
        ),
    ),
    SignInReason.NET_LIMIT: (
        Mender.PARTNER,
        "issuer",
        (
            "There was no usable answer: the provider must answer within 5 seconds, with "
            "status 200, with JSON and with less than 1 MB. Is this the issuer's address and "
            "not that of a web page?"
        ),
    ),
    SignInReason.NET_TLS: (
        Mender.PARTNER,
        "issuer",
        (
            "The provider's certificate is not valid for its name, expired, or of an "
            "authority that the portal does not know (PORTAL_CA_FILE adds one)."
        ),
    ),
    SignInReason.NET_UNREACHABLE: (
        Mender.PARTNER,
        "issuer",
        (
            "Nothing answers at this address. Check the spelling; if it is right, the "
            "provider is down or the portal's network does not let it through."
        ),
    ),
    SignInReason.NET_ORIGIN: (
        Mender.ADMIN,
        None,
        (
            "The provider's addresses moved to another host since the last test. If that is "
            "right, this test accepts them."
        ),
    ),
    SignInReason.METADATA: (
        Mender.ADMIN,
        "issuer",
        (
            "Enter the issuer exactly as the provider's discovery document has it, with or "
            "without a slash at the end; if that is so already, whoever runs the provider "
            "must mend the document."
        ),
    ),
}


def failed(failure: Failure) -> Findings:
    """Return the outcome of a test that could not be finished."""
    mender, field, advice = _MENDING.get(
        failure.reason, (Mender.PARTNER, None, "Whoever runs the provider must mend this.")
    )
    text = f"{failure.detail[:1].upper()}{failure.detail[1:]}. {advice}"
    return Findings((Finding(Level.FAULT, text, mender, field),))


def found(
    connection: Connection, metadata: Metadata, usable_keys: int, left_out: Sequence[str]
) -> Findings:
    """Return what a provider's document and keys mean for this connection."""
    findings = [
        Finding(Level.GOOD, "The discovery document names exactly this issuer."),
        *_hosts(connection, metadata),
        _keys(usable_keys),
        *(
            Finding(Level.NOTE, f"Its key set also holds {one}; it is not used.", Mender.PARTNER)
            for one in dict.fromkeys(left_out)
        ),
        _code_flow(metadata),
        _challenge(metadata),
        _algorithms(metadata),
        _client_auth(connection, metadata),
        *_scopes(connection, metadata),
        *_strength(connection, metadata),
        _iss(metadata),
        _userinfo(connection, metadata),
    ]
    order = (Level.FAULT, Level.NOTE, Level.GOOD)
    findings.sort(key=lambda one: order.index(one.level))
    return Findings(tuple(findings), metadata.hosts, metadata.subject_types or ())


def _hosts(connection: Connection, metadata: Metadata) -> list[Finding]:
    """Tell what this test accepts; nobody came in since they moved, and somebody may mean harm."""
    moved = moved_hosts(metadata, connection.endpoint_hosts)
    if not moved:
        return []
    return [
        Finding(
            Level.NOTE,
            f"Its addresses moved to {', '.join(moved)}; the last test that passed saw"
            f" {', '.join(connection.endpoint_hosts)}. This test accepts them: if whoever runs the"
            " provider did not mean it, disable it.",
            Mender.ADMIN,
        )
    ]


def _keys(usable: int) -> Finding:
    many = "1 key" if usable == 1 else f"{usable} keys"
    return Finding(Level.GOOD, f"It publishes {many} that can check its ID tokens.")


def _code_flow(metadata: Metadata) -> Finding:
    types, grants = metadata.response_types, metadata.grant_types
    if (types is not None and "code" not in types) or (
        grants is not None and "authorization_code" not in grants
    ):
        return Finding(
            Level.FAULT,
            "The provider does not offer the authorization code flow, the only one the portal uses."
            " Whoever runs it must allow response type code.",
            Mender.PARTNER,
        )
    return Finding(Level.GOOD, "It offers the authorization code flow.")


def _challenge(metadata: Metadata) -> Finding:
    methods = metadata.challenge_methods
    if methods is None:
        return Finding(
            Level.NOTE,
            "It does not say whether it checks PKCE. The portal sends it all the same; most"
            " providers that say nothing accept it.",
            Mender.PARTNER,
        )
    if "S256" not in methods:
        return Finding(
            Level.FAULT,
            "It offers PKCE, but not with S256, and the portal uses nothing weaker. Whoever runs"
            " the provider must allow S256.",
            Mender.PARTNER,
        )
    return Finding(Level.GOOD, "It offers PKCE with S256.")


def _algorithms(metadata: Metadata) -> Finding:
    offered = metadata.algorithms
    if offered is None:
        return Finding(Level.NOTE, "It does not say how it signs ID tokens.", Mender.PARTNER)
    ours = [name for name in offered if name in ALGORITHMS]
    if not ours:
        return Finding(
            Level.FAULT,
            "It signs ID tokens by none of the algorithms that the portal accepts"
            f" ({', '.join(ALGORITHMS)}). Whoever runs the provider must choose one, as RS256.",
            Mender.PARTNER,
        )
    return Finding(Level.GOOD, f"It signs ID tokens with {', '.join(ours)}.")


def _client_auth(connection: Connection, metadata: Metadata) -> Finding:
    offered = metadata.client_auths
    if offered is None:
        offered = ("client_secret_basic",)  # the default of Discovery 3
    if connection.client_auth in offered:
        return Finding(Level.GOOD, f"It accepts {connection.client_auth}.")
    other = [name for name in ("client_secret_basic", "client_secret_post") if name in offered]
    if other:
        return Finding(
            Level.FAULT,
            f"It does not accept {connection.client_auth}. Choose {other[0]}.",
            Mender.ADMIN,
            "client_auth",
        )
    return Finding(
        Level.FAULT,
        "It accepts neither client_secret_basic nor client_secret_post, the two ways in which the"
        " portal can prove itself. Whoever runs the provider must allow one.",
        Mender.PARTNER,
    )


def _scopes(connection: Connection, metadata: Metadata) -> list[Finding]:
    missing = [name for name in connection.scopes if name not in (metadata.scopes or (name,))]
    if not missing:
        return []
    return [
        Finding(
            Level.NOTE,
            f"It does not list the scope {', '.join(missing)}: what that brings may be missing.",
            Mender.ADMIN,
            "scopes",
        )
    ]


def _strength(connection: Connection, metadata: Metadata) -> list[Finding]:
    accepted, offered = connection.accepted_acr, metadata.acr_values
    if not accepted or offered is None or set(accepted) & set(offered):
        return []
    return [
        Finding(
            Level.NOTE,
            "It lists none of the accepted sign-in strengths; people may be refused as not"
            f" strongly enough signed in. It lists: {', '.join(offered[:10]) or 'none'}.",
            Mender.ADMIN,
            "accepted_acr",
        )
    ]


def _iss(metadata: Metadata) -> Finding:
    if metadata.iss_promised:
        return Finding(Level.GOOD, "It names itself in every answer (RFC 9207); that is checked.")
    return Finding(
        Level.NOTE,
        "It does not promise to name itself in its answers (RFC 9207). That is fine: its answers"
        " come to an address of their own.",
    )


def _userinfo(connection: Connection, metadata: Metadata) -> Finding:
    if metadata.userinfo_endpoint:
        return Finding(Level.GOOD, "It offers UserInfo for what its ID token leaves out.")
    names = ", ".join(sorted(set(connection.claim_map.values())))
    return Finding(
        Level.NOTE, f"It has no UserInfo: its ID token itself must bring {names}.", Mender.PARTNER
    )
