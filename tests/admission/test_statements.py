"""What the door and a request cost the database is pinned, on both of them."""

from portal.access import queries as access_queries
from portal.admission import changes as admission
from portal.admission.changes.arriving import Acceptance
from portal.trust.queries import current_terms
from tests.scene import HOST_DOMAINS, Scene, statements


def test_an_access_check_is_one_statement(scene: Scene):
    """However many people and sponsorships."""
    acme = scene.partner()
    people = [scene.active(acme, f"p{number}") for number in range(3)]
    session = scene.session
    with statements() as sent:
        assert access_queries.of(session, people[0]) is not None
    assert len(sent) == 1
    with statements() as sent:
        assert len(access_queries.gather(session, people)) == 3
    assert len(sent) == 1


def test_a_first_sign_in(scene: Scene):
    """At the door, then when the terms are accepted; offers, claims and mails included."""
    acme = scene.partner()
    scene.offer(acme, default=True)
    scene.offer(acme, when=("department", "Finance"))
    identity = scene.identity(acme, claims={"department": "Finance"})
    provider = scene.provider_row(acme, identity)
    with statements() as sent, scene.tx() as tx:
        arrived = admission.knock(tx, identity, provider, HOST_DOMAINS)
    assert isinstance(arrived, admission.Arrived)
    assert len(sent) == 2, "\n".join(sent)
    said = Acceptance(current_terms(scene.session), None, None)
    with statements() as sent, scene.tx() as tx:
        arrival = admission.take_up(tx, arrived.token)
        assert arrival is not None
        admission.accept(tx, arrival, HOST_DOMAINS, said)
    inserts = 1 if tx.connection.dialect.name == "postgresql" else 8  # one, or one a table
    assert len(sent) == 4 + inserts, "\n".join(sent)


def test_a_returning_sign_in(scene: Scene):
    acme = scene.partner()
    offer = scene.offer(acme, default=True)
    jane = scene.guest(acme)
    scene.approve(jane, acme.sponsor, offers=[offer])
    identity = scene.identity(acme)
    provider = scene.provider_row(acme, identity)
    with statements() as sent, scene.tx() as tx:
        admission.knock(tx, identity, provider, HOST_DOMAINS)
    assert len(sent) == 3, "\n".join(sent)
