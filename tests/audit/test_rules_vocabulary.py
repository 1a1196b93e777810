"""The vocabulary to the letter: scripts and old events are read by these names and keys."""

from pathlib import Path

import pytest

import portal
from portal.audit.rules import VOCABULARY, Shape

HOUSE = Path(portal.__file__).parent
REVISION = "organisation domain contract policy organisation_sponsor"
# Each event: the tables that it may set, and the further facts that it must carry.
DECLARED = {
    "organisation.added": (REVISION, ""),
    "organisation.changed": (REVISION, ""),
    "organisation.suspended": ("organisation", ""),
    "organisation.resumed": ("organisation", ""),
    "domain.added": ("domain", ""),
    "domain.removed": ("domain", ""),
    "contract.added": ("contract", ""),
    "contract.changed": ("contract", "was"),
    "contract.ended": ("contract", "guests"),
    "policy.changed": ("policy", "was"),
    "sponsor.named": ("organisation_sponsor", ""),
    "sponsor.unnamed": ("organisation_sponsor", ""),
    "identity_provider.added": ("identity_provider", ""),
    "identity_provider.changed": ("identity_provider", "was"),
    "identity_provider.tested": ("identity_provider", "findings"),
    "identity_provider.trial": ("identity_provider", "outcome reasons"),
    "identity_provider.strength_attested": ("identity_provider", ""),
    "identity_provider.enabled": ("identity_provider", ""),
    "identity_provider.disabled": ("identity_provider", ""),
    "terms.published": ("terms", ""),
    "terms.accepted": ("terms_acceptance guest", ""),
    "application.added": ("application", ""),
    "application.changed": ("application", ""),
    "entitlement.added": ("entitlement", ""),
    "offer.made": ("offer", ""),
    "offer.withdrawn": ("offer", ""),
    "staff.added": ("staff", ""),
    "staff.bound": ("staff", ""),
    "staff.changed": ("staff", ""),
    "staff.removed": ("staff", ""),
    "staff.role_unknown": ("staff", ""),
    "staff.link_made": ("", "staff purpose"),
    "staff.signed_in": ("staff", "staff strength"),
    "guest.created": ("guest federated_identity", ""),
    "guest.returned": ("guest", ""),
    "guest.activated": ("guest", ""),
    "guest.suspended": ("guest", ""),
    "guest.resumed": ("guest", ""),
    "guest.removed": ("guest", ""),
    "guest.tombstone_lifted": ("guest", ""),
    "guest.refreshed": ("guest federated_identity", ""),
    "guest.knocked": ("guest", ""),
    "guest.reckoned": ("guest", ""),
    "sponsorship.requested": ("sponsorship", ""),
    "sponsorship.approved": ("sponsorship", ""),
    "sponsorship.extended": ("sponsorship", ""),
    "sponsorship.reviewed": ("sponsorship", ""),
    "sponsorship.review_asked": ("sponsorship", ""),
    "sponsorship.rejected": ("sponsorship", ""),
    "sponsorship.handed_over": ("sponsorship", ""),
    "sponsorship.ended": ("sponsorship", ""),
    "sponsorship.decision_lost": ("", "tried decided"),
    "grant.proposed": ("grant", ""),
    "grant.given": ("grant", ""),
    "grant.ended": ("grant", ""),
    "arrival.abandoned": ("", "count"),
    "sign_in.succeeded": ("", "identity_provider strength"),
    "sign_in.refused": ("", "reasons identity_provider"),
    "sign_in.attribute_ignored": ("", "claims"),
    "access.refused": ("", "path"),
    "refusals.left_out": ("", "count"),
    "session.ended": ("", "why staff"),
    "address.kept_aside": ("guest", ""),
    "mail.dead": ("", "kind"),
    "mail.withdrawn": ("", "kind"),
    "mail.sent_again": ("", "kind"),
    "mail.encrypted_again": ("", "kind"),
    "database.restored": ("", "last_event_at providers sessions"),
    "lifecycle.settled_row_failed": ("contract", "kind error"),
}


def test_there_are_exactly_these_events():
    """An event that comes or goes is decided here too."""
    assert set(VOCABULARY) == set(DECLARED)


def test_every_event_has_a_writer():
    """What nothing writes, somebody would wait for in vain; beside the vocabulary it is named."""
    rooms = [file for file in HOUSE.rglob("*.py") if file != HOUSE / "audit" / "rules.py"]
    source = "".join(file.read_text(encoding="utf-8") for file in rooms)
    assert [name for name in VOCABULARY if f'"{name}"' not in source] == []


@pytest.mark.parametrize(("name", "declared"), DECLARED.items(), ids=DECLARED)
def test_an_event_carries_exactly_this(name: str, declared: tuple[str, str]):
    """A table or a key more, or less, and events of before are read wrongly."""
    sets, keys = (frozenset(words.split()) for words in declared)
    assert VOCABULARY[name] == Shape(sets, keys)
