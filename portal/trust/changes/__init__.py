"""Write trust: every function changes rows and records the event in the open transaction.

What a change does to people (sessions, guests, grants) stands in ``lifecycle.changes``, which
wraps `set_contract`, `suspend`, `resume`, `disable` and `withdraw_offer`.
"""

from portal.trust.changes.contracts import add_contract, set_contract
from portal.trust.changes.offers import (
    ensure_defaults,
    offer,
    publish_terms,
    withdraw_offer,
)
from portal.trust.changes.organisations import (
    add_domain,
    add_organisation,
    change_organisation,
    remove_domain,
    resume,
    set_domains,
    suspend,
)
from portal.trust.changes.policies import lock_policy, set_policy
from portal.trust.changes.providers import (
    add_identity_provider,
    attest_strength,
    change_identity_provider,
    disable,
    enable,
    encrypt_again,
    lock_siblings,
    note_connection_test,
    note_trial,
    replace_secret,
)
from portal.trust.changes.sponsors import name_sponsors, named_by_email, sponsor_by_email, unname

__all__ = [
    "add_contract",
    "add_domain",
    "add_identity_provider",
    "add_organisation",
    "attest_strength",
    "change_identity_provider",
    "change_organisation",
    "disable",
    "enable",
    "encrypt_again",
    "ensure_defaults",
    "lock_policy",
    "lock_siblings",
    "name_sponsors",
    "named_by_email",
    "note_connection_test",
    "note_trial",
    "offer",
    "publish_terms",
    "remove_domain",
    "replace_secret",
    "resume",
    "set_contract",
    "set_domains",
    "set_policy",
    "sponsor_by_email",
    "suspend",
    "unname",
    "withdraw_offer",
]
