"""What is wrong when a partner's person comes back, and what must not be said of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import pytest
from sqlalchemy import update

from portal.admission import changes as admission
from portal.foundation import clock
from portal.lifecycle import changes as lifecycle
from portal.sponsorship.changes import people
from portal.trust import changes as trust
from portal.trust.models import IdentityProvider, Organisation
from tests.flows.story import Story, act, approve
from tests.hostile.provider import CLIENT_SECRET, HostileProvider

ADDRESS: Final = "203.0.113.77"
Meanwhile = Callable[[Story, pytest.MonkeyPatch], object]


@dataclass(frozen=True)
class Lie:
    """What the provider says, how Acme is trusted, and the code that must come of it.

    Attributes:
        lies: a value may be a function of the provider.
        meanwhile: what happens while the browser is away.
        leaving: whether the browser is refused before it leaves.
    """

    code: str
    lies: Mapping[str, Any] = field(default_factory=dict)
    person: Mapping[str, Any] = field(default_factory=dict)
    partner: Mapping[str, Any] = field(default_factory=dict)
    meanwhile: Meanwhile = lambda *_: None
    leaving: bool = False

    def told(self, provider: HostileProvider) -> dict[str, Any]:
        """Return the switches of the provider."""
        return {name: one(provider) if callable(one) else one for name, one in self.lies.items()}


def secrets_in(text: str, provider: HostileProvider) -> list[str]:
    """Return what nobody may read that stands in a text."""
    form = provider.received.get("token", {})
    secrets = {form.get("code"), form.get("code_verifier"), CLIENT_SECRET, *provider._tokens}
    secrets.add(provider.received.get("authorize", {}).get("nonce"))
    return [one for one in secrets if one and one in text]


def another_arrives(story: Story, _patch: object, **who: str) -> None:
    """Somebody comes in from Acme, with the same address where nothing else is said."""
    person = story.provider.person
    story.provider.person = {**person, "sub": "another", **who}
    assert story.arrive(story.browser()).location == "/me"
    story.provider.person = person


def with_another(story: Story, patch: object) -> None:
    another_arrives(story, patch, email="another@acme.example")


def is_in(story: Story) -> None:
    story.arrive(story.browser())
    approve(story)


def suspended(story: Story, _patch: object) -> None:
    is_in(story)
    guest = story.guest()
    act(story, lambda tx: people.suspend(tx, guest.id, "lost badge"))


def removed(story: Story, _patch: object) -> None:
    is_in(story)
    guest = story.guest()
    act(story, lambda tx: people.remove(tx, guest.id, "left"))


def silent(story: Story, _patch: object) -> None:
    is_in(story)
    clock.set_offset(timedelta(days=61).total_seconds())


def partner_suspended(story: Story, _patch: object) -> None:
    def change(tx):
        acme = tx.session.query(Organisation.id).scalar()
        lifecycle.suspend_organisation(tx, acme, "audit")

    act(story, change)


def disabled(story: Story, _patch: object) -> None:
    act(story, lambda tx: trust.disable(tx, tx.session.query(IdentityProvider.id).scalar()))


def pinned_elsewhere(story: Story, _patch: object) -> None:
    there = update(IdentityProvider).values(findings={"hosts": ["id.elsewhere.example"]})
    act(story, lambda tx: tx.session.execute(there))


def overtaken(_story: object, patch: pytest.MonkeyPatch) -> None:
    def lose(*_arguments: object, **_more: object) -> None:
        raise admission.LostRace

    patch.setattr(admission, "knock", lose)


def jwks_at(address: str) -> dict[str, Any]:
    return {"document": {"jwks_uri": address}}


def jwks_by_tls(provider: HostileProvider) -> dict[str, str]:
    """Where something answers that speaks no TLS."""
    return {"jwks_uri": f"{provider.origin.replace('http:', 'https:')}/jwks"}
