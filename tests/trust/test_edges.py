"""Trust where an edit changes nothing, or asks for what stands already."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from portal.audit import queries as audit
from portal.audit.models import AuditEvent
from portal.foundation.db import db
from portal.foundation.refused import Refused
from portal.trust import changes
from portal.trust.models import IdentityProvider, Organisation
from portal.trust.queries import sponsors
from tests import factories
from tests.factories import HOUSE, NOW, writing
from tests.replay import folded, kept

pytestmark = pytest.mark.usefixtures("database")


def count() -> int:
    return db.session.scalar(select(func.count()).select_from(AuditEvent)) or 0


def test_an_edit_that_changes_nothing_leaves_no_trace():
    """No event says that something changed which did not."""
    with writing() as tx:
        partner = factories.partner(tx)
    before = count()
    name = db.session.scalar(select(Organisation.name))
    with writing() as tx:
        changes.change_organisation(tx, partner.id)
        changes.change_organisation(tx, partner.id, name=name, unlisted=False)
        retest = changes.change_identity_provider(
            tx, partner.provider_id, {}, house=HOUSE, people=0
        )
        changes.attest_strength(tx, partner.provider_id, attested=False)
    assert retest is False
    assert count() == before


def test_only_the_listing_of_an_organisation_is_changed():
    """The name stays."""
    with writing() as tx:
        partner = factories.partner(tx)
    with writing() as tx:
        changes.change_organisation(tx, partner.id, unlisted=True)
    event = audit.search(db.session, audit.Filter(), limit=1)[0]
    assert event.event == "organisation.changed"
    assert event.data["sets"] == {f"organisation:{partner.id}": {"unlisted": True}}


def test_what_is_suspended_already():
    """Nobody is told twice; the first reason stays."""
    with writing() as tx:
        partner = factories.partner(tx)
        changes.suspend(tx, partner.id, "They were sold")
    before = count()
    with writing() as tx, pytest.raises(Refused) as refused:
        changes.suspend(tx, partner.id, "Again")
    assert (refused.value.field, refused.value.message.endswith("is suspended already")) == (
        "organisation",
        True,
    )
    assert count() == before
    assert db.session.scalar(select(Organisation.state_reason)) == "They were sold"


def test_what_is_not_suspended():
    """There is nothing to lift."""
    with writing() as tx:
        partner = factories.partner(tx)
    with writing() as tx, pytest.raises(Refused, match="is not suspended"):
        changes.resume(tx, partner.id)


def test_an_admins_word_on_strength_stands_with_its_date():
    """Given, given again, taken back: each that changes something is an event."""
    with writing() as tx:
        partner = factories.partner(tx)
    attested = select(IdentityProvider.strength_attested_at)
    before = count()
    with writing() as tx:
        changes.attest_strength(tx, partner.provider_id, attested=True)
    assert db.session.scalar(attested) == NOW
    with writing(NOW + timedelta(days=1)) as tx:
        changes.attest_strength(tx, partner.provider_id, attested=False)
    assert db.session.scalar(attested) is None
    assert count() == before + 2


@pytest.mark.parametrize(
    ("default", "when", "words"),
    [
        (True, ("department", "Finance"), "Choose one: as default, or when a claim has a value"),
        (False, ("department", " "), "Enter a value too, like department=Finance"),
        (False, ("a b", "x"), "Enter the name of a claim, without spaces, like department"),
    ],
)
def test_no_offer(default: bool, when: tuple[str, str], words: str):
    """For everybody, or for those whose claim has a value."""
    with writing() as tx:
        partner = factories.partner(tx)
        entitlement_id = factories.entitlement(tx)
    with writing() as tx, pytest.raises(Refused) as refused:
        changes.offer(tx, partner.id, entitlement_id, default=default, when=when)
    assert (refused.value.field, refused.value.message) == ("when", words)


def test_a_secret_under_the_first_key_is_left_alone():
    """Rotating twice writes once."""
    with writing() as tx:
        partner = factories.partner(tx)
    before = count()
    with writing() as tx:
        assert changes.encrypt_again(tx, partner.provider_id) is False
    assert count() == before


def arrangements(*people: UUID) -> Iterator[dict[str, Any]]:
    """Every way to name some of these people, one of them perhaps as deputy or as lead."""
    for number in range(1, len(people) + 1):
        for chosen in combinations(people, number):
            for deputy in (None, *sorted({*people} - {*chosen})):
                for lead in (None, *chosen):
                    yield {"sponsors": chosen, "deputy": deputy, "lead": lead}


def test_sponsors_may_change_places_in_any_way():
    """From every arrangement of two people to every other: there is one deputy, one lead."""
    with writing() as tx:
        ada, ben = (factories.staff(tx, f"{name}@host.example") for name in ("ada", "ben"))
        acme = factories.organisation(tx)
    ways = list(arrangements(ada, ben))
    assert len(ways) == 11
    for before in ways:
        for after in ways:
            for wanted in (before, after):
                with writing() as tx:
                    changes.name_sponsors(tx, acme, **wanted)
            named = sponsors(db.session(), acme)
            assert {one.staff_id for one in named} == {*after["sponsors"], after["deputy"]} - {None}
            assert [one.staff_id for one in named if one.role == "deputy"] == [
                one for one in (after["deputy"],) if one
            ]
            assert [one.staff_id for one in named if one.lead] == [
                one for one in (after["lead"],) if one
            ]
    assert folded(db.session()) == kept(db.session())
