"""Decide over everything a provider says: pure, each failure with its reason.

``callback`` reads what the browser brings, ``token`` checks ID token and UserInfo, ``tenant``
knows shared issuers, ``strength`` the demand for it, ``person`` makes the verified identity.
"""

from portal.sign_in.rules.callback import (
    Answer,
    check_answer,
    provider_error,
    read_answer,
    token_error,
)
from portal.sign_in.rules.discovery import (
    Metadata,
    check_hosts,
    discovery_address,
    read_metadata,
)
from portal.sign_in.rules.findings import Finding, Findings, Level, Mender, failed, found
from portal.sign_in.rules.person import identity_of, missing_claims, subject_warning
from portal.sign_in.rules.reasons import (
    Failure,
    Side,
    SignInFailure,
    SignInReason,
    anybody_can_cause,
    side_of,
    wants_mending,
)
from portal.sign_in.rules.strength import strength_request
from portal.sign_in.rules.tenant import (
    check_tenant,
    is_directory_guest,
    tenant_of,
)
from portal.sign_in.rules.token import (
    ALGORITHMS,
    Expected,
    check_claims,
    check_hash,
    check_header,
    check_token_type,
    check_userinfo,
    is_subject,
    split,
)

__all__ = [
    "ALGORITHMS",
    "Answer",
    "Expected",
    "Failure",
    "Finding",
    "Findings",
    "Level",
    "Mender",
    "Metadata",
    "Side",
    "SignInFailure",
    "SignInReason",
    "anybody_can_cause",
    "check_answer",
    "check_claims",
    "check_hash",
    "check_header",
    "check_hosts",
    "check_tenant",
    "check_token_type",
    "check_userinfo",
    "discovery_address",
    "failed",
    "found",
    "identity_of",
    "is_directory_guest",
    "is_subject",
    "missing_claims",
    "provider_error",
    "read_answer",
    "read_metadata",
    "side_of",
    "split",
    "strength_request",
    "subject_warning",
    "tenant_of",
    "token_error",
    "wants_mending",
]
