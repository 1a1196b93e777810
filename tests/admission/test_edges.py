"""The door where something is missing: a sponsor to tell, an organisation, a sponsorship."""

from dataclasses import replace

from portal.admission import changes as admission
from portal.admission.changes import SignedIn, TurnedAway
from portal.admission.rules import Refusal
from portal.guests.rules import State
from portal.sponsorship.changes import deciding, people
from portal.sponsorship.changes.requesting import vouch
from portal.staff.changes import remove as let_go
from tests.scene import HOST_DOMAINS, Partner, Scene


def let_every_sponsor_go(scene: Scene, partner: Partner) -> None:
    with scene.tx() as tx:
        let_go(tx, partner.sponsor)


def test_who_is_nobodys_is_turned_away(scene: Scene, acme: Partner):
    """The host's own people are no guests, whatever connection they are said to come through."""
    jane = scene.active(acme)
    identity = replace(scene.identity(acme), organisation_id=None)
    provider = scene.provider_row(acme, identity)
    result = scene.knock(acme, identity)
    assert isinstance(result, TurnedAway)
    assert Refusal.IDP_DISABLED in result.decision.reasons
    assert result.guest is None
    with scene.tx() as tx:
        decision, _ = admission.trial(tx, identity, provider, HOST_DOMAINS)
    assert decision == result.decision
    assert scene.row(jane).state == State.ACTIVE


def test_a_tombstone_knocks_where_nobody_vouches_any_more(scene: Scene, acme: Partner):
    """The knock is noted; there is nobody to tell."""
    jane = scene.active(acme)
    with scene.as_staff(acme.sponsor) as tx:
        people.remove(tx, jane, "She has left")
    let_every_sponsor_go(scene, acme)
    before = len(scene.mails())
    result = scene.knock(acme, scene.identity(acme))
    assert isinstance(result, TurnedAway)
    assert Refusal.TOMBSTONE in result.decision.reasons
    assert scene.row(jane).knocked_at == scene.now
    assert len(scene.mails()) == before


def test_an_address_in_conflict_where_nobody_vouches_any_more(scene: Scene, acme: Partner):
    """The refusal is noted; there is nobody to tell."""
    scene.active(acme)
    let_every_sponsor_go(scene, acme)
    before = len(scene.mails())
    result = scene.knock(acme, scene.identity(acme, "eve", email="jane@acme.example"))
    assert isinstance(result, TurnedAway)
    assert Refusal.EMAIL_CONFLICT in result.decision.reasons
    assert len(scene.mails()) == before


def test_what_a_claim_chose_is_put_before_the_first_sponsor_alone(scene: Scene):
    """The second sponsorship keeps what it has, also where the claim is cut short."""
    ann, bob = scene.staff("Ann"), scene.staff("Bob")
    acme = scene.partner(sponsors=(ann, bob))
    finance = scene.offer(acme, when=("groups", "Finance"))
    said = {"sub": "jane", "groups": ["Finance"]}
    jane = scene.guest(acme, claims=said)
    row = scene.sponsorship(jane)
    with scene.as_staff(row.sponsor_id) as tx:
        deciding.approve(tx, row.id, row.sponsor_id, scene.day(30), [finance])
    other = bob if row.sponsor_id == ann else ann
    with scene.as_staff(other) as tx:
        vouch(tx, jane, other, scene.day(20), [])
    held = {(one.sponsorship_id, one.offer_id, one.state) for one in scene.grants(jane)}
    assert held == {(row.id, finance, "active")}
    cut_short = {"sub": "jane", "_claim_names": {"groups": "src1"}}
    for claims in (said, cut_short, said):
        result = scene.sign_in(acme, scene.identity(acme, claims=claims))
        assert isinstance(result, SignedIn)
    after = [(one.sponsorship_id, one.offer_id, one.state) for one in scene.grants(jane)]
    assert (row.id, finance, "active") in after
    assert len([one for one in after if one[2] == "active"]) == 1


def test_claims_that_say_nothing_propose_nothing(scene: Scene, acme: Partner):
    """An offer waits for a claim that this person does not have."""
    scene.offer(acme, when=("department", "Finance"))
    jane = scene.active(acme)
    identity = scene.identity(acme, claims={"sub": "jane", "department": "IT"})
    assert isinstance(scene.knock(acme, identity), SignedIn)
    assert scene.grants(jane) == []
