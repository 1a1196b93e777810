"""A contract that is made to end earlier: whoever has something taken off them is told."""

from portal.lifecycle import changes
from portal.lifecycle.queries import guests_cut_short
from tests.scene import Scene


def test_each_sponsor_is_told_once(scene: Scene):
    """With how many of theirs it cuts short; who did it, or loses nothing, hears nothing."""
    ada, ben = scene.staff("ada"), scene.staff("ben")
    petra = scene.staff("petra", role="admin")
    acme = scene.partner(sponsors=(ada, ben), lead=ada)
    for name, days in (("jane", 60), ("john", 60), ("joan", 20)):
        scene.approve(scene.guest(acme, name), ada, days=days)
    scene.approve(scene.guest(acme, "jack"), ben, days=20)
    scene.guest(acme, "waits")
    contract = acme.contract_id
    for end, told in ((90, 0), (30, 1), (40, 1), (35, 2)):
        with scene.as_staff(petra) as tx:
            changes.change_contract(tx, contract, last_day=scene.day(end), open_ended=False)
        scene.later(seconds=1)
        assert len(scene.mails("sponsor.contract_shortened")) == told, end
    (mail, _) = scene.mails("sponsor.contract_shortened")
    assert mail.to == "ada@host.example"
    assert mail.payload["count"] == 2
    assert mail.payload["last_day"] in {scene.day(30).isoformat(), scene.day(35).isoformat()}
    assert mail.payload["by"] == "petra"


def test_who_does_it_knows(scene: Scene):
    """An admin who vouches as well; one at the server has no name."""
    ada = scene.staff("ada")
    acme = scene.partner(sponsors=(ada,))
    scene.approve(scene.guest(acme, "jane"), ada, days=60)
    with scene.as_staff(ada) as tx:
        changes.change_contract(tx, acme.contract_id, last_day=scene.day(50), open_ended=False)
    assert scene.mails("sponsor.contract_shortened") == []
    with scene.tx() as tx:
        changes.change_contract(tx, acme.contract_id, last_day=scene.day(40), open_ended=False)
    (mail,) = scene.mails("sponsor.contract_shortened")
    assert (mail.to, mail.payload["by"]) == ("ada@host.example", "")


def test_an_organisation_that_ends_later_cuts_short_too(scene: Scene):
    """Its contracts are shortened one by one."""
    ada = scene.staff("ada")
    acme = scene.partner(sponsors=(ada,))
    scene.approve(scene.guest(acme, "jane"), ada, days=60)
    with scene.tx() as tx:
        changes.end_organisation(tx, acme.id, scene.day(30))
    assert len(scene.mails("sponsor.contract_shortened")) == 1
    with scene.tx() as tx:
        changes.end_organisation(tx, acme.id, None)
    assert len(scene.mails("sponsor.contract_shortened")) == 1
    assert len(scene.mails("sponsor.contract_ended")) == 1


def test_what_nobody_has_approved_is_not_cut_short(scene: Scene):
    """Given at once, or only asked for: there is no word yet that the contract could end."""
    ada = scene.staff("ada")
    acme = scene.partner(sponsors=(ada,), approval="at-once")
    scene.guest(acme, "jane")
    with scene.tx() as tx:
        changes.change_contract(tx, acme.contract_id, last_day=scene.day(40), open_ended=False)
    assert scene.mails("sponsor.contract_shortened") == []
    assert guests_cut_short(scene.session, acme.contract_id) == 0
