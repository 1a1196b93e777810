"""Sponsorships where one of several ends, or somebody or something is not there."""

from dataclasses import replace
from uuid import UUID

import pytest

from portal.guests.rules import REMOVED_AFTER, Reason, State
from portal.lifecycle.changes import conclude_contract
from portal.sponsorship.changes import deciding
from portal.sponsorship.changes.bounds import NotYours
from portal.sponsorship.changes.requesting import Request, request, vouch
from portal.sponsorship.changes.telling import Word, tell_approved, tell_suspended
from portal.sponsorship.rules import Standing
from portal.trust.queries import contract_facts, policy_for
from tests.scene import Scene


def test_one_sponsor_says_no_while_another_vouches(scene: Scene):
    """The guest stays in under the other one, and is told nothing."""
    ann, bob = scene.staff("Ann"), scene.staff("Bob")
    acme = scene.partner(sponsors=(ann, bob))
    jane = scene.active(acme)
    with scene.tx() as tx:
        asked = Request(
            guest_id=jane,
            guest_name="Jane",
            guest_email="jane@acme.example",
            organisation_id=acme.id,
            organisation_name="Acme",
            contract=contract_facts(tx.session, acme.contract_id),
            policy=policy_for(tx.session, acme.id),
            sponsor_id=bob,
            sponsor_email="bob@host.example",
            proposals=(),
            at_once=False,
            why=None,
            works_with=None,
        )
        first_id = request(tx, asked).id
    first = next(row for row in scene.sponsorships(jane) if row.id == first_id)
    before = len(scene.mails())
    with scene.as_staff(first.sponsor_id) as tx:
        assert deciding.reject(tx, first.id, first.sponsor_id, "I do not know her") is None
    states = {row.id: row.state for row in scene.sponsorships(jane)}
    assert states[first.id] == Standing.REJECTED
    assert [*states.values()].count(Standing.ACTIVE) == 1
    guest = scene.row(jane)
    assert guest.state == State.ACTIVE
    standing = next(row for row in scene.sponsorships(jane) if row.id != first_id)
    assert guest.expires_at == standing.expires_at
    assert scene.access(jane).allowed
    assert len(scene.mails()) == before


def test_nobody_vouches_for_somebody_who_is_not_there(scene: Scene):
    """An id that is no guest's is as good as somebody else's."""
    acme = scene.partner()
    with scene.as_staff(acme.sponsor) as tx, pytest.raises(NotYours):
        vouch(tx, UUID(int=1), acme.sponsor, scene.day(20), [])


def test_a_guest_without_an_address_is_told_nothing(scene: Scene):
    """They see on their page who vouches for them."""
    acme = scene.partner()
    jane = scene.active(acme)
    before = len(scene.mails())
    row, guest = scene.sponsorship(jane), replace(scene.row(jane), email=None)
    with scene.tx() as tx:
        contract = contract_facts(tx.session, acme.contract_id)
        word = Word(row.id, acme.sponsor, contract, row.last_day, row.expires_at)
        tell_approved(tx, guest, word)
        tell_suspended(tx, guest, Reason.EXPIRED, tx.now, tx.now + REMOVED_AFTER)
    assert len(scene.mails()) == before


def test_a_contract_is_not_concluded_before_its_people_are_settled(scene: Scene):
    """The book is closed once, after the last of them."""
    acme = scene.partner(last_day=Scene().now.date())
    scene.active(acme)
    ends_at = scene.ends_at(acme.contract_id)
    assert ends_at is not None
    with scene.tx() as tx:
        assert conclude_contract(tx, acme.contract_id) is None
    scene.now = ends_at
    with scene.tx() as tx:
        assert conclude_contract(tx, acme.contract_id) is None
    scene.sweep()
    assert scene.event_names().count("contract.ended") == 1
    with scene.tx() as tx:
        assert conclude_contract(tx, acme.contract_id) is None
