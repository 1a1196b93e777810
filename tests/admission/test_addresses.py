"""An address at the door: whose it is, whose it was, and whether it is good enough (A02-A10)."""

from datetime import timedelta

import pytest

from portal.admission.changes import Arrived, SignedIn
from portal.admission.rules import Refusal
from portal.guests.rules import State
from portal.sponsorship.changes import people
from portal.trust import changes as trust
from tests.admission.outcomes import refusal
from tests.factories import HOUSE
from tests.replay import folded, kept
from tests.scene import Partner, Scene

DAY = timedelta(days=1)


def test_a02_an_address_never_links(scene: Scene, acme: Partner):
    """Another subject with a guest's address is refused; nothing links; the sponsor is told."""
    jane = scene.active(acme)
    before = kept(scene.session)
    for _ in range(2):
        thief = scene.identity(acme, "thief", email="jane@acme.example")
        assert refusal(scene, scene.knock(acme, thief)) == (Refusal.EMAIL_CONFLICT,)
    assert kept(scene.session) == before
    assert scene.find(acme, "thief") is None
    (mail,) = scene.mails("sponsor.email_conflict")
    assert mail.payload == {"organisation": "Acme", "email": "jane@acme.example"}
    seen = scene.events("sign_in.refused")[-1]
    assert seen.guest_id is None
    assert seen.personal["seen"]["subject"] == "thief"
    with scene.tx() as tx:
        people.remove(tx, jane, "Left")
    thief = scene.identity(acme, "thief", email="jane@acme.example")
    assert refusal(scene, scene.knock(acme, thief)) == (Refusal.EMAIL_CONFLICT,)


def test_a02_an_address_is_free_when_time_has_removed_its_holder(scene: Scene, acme: Partner):
    """Whether or not a sweep has come by."""
    jane = scene.guest(acme, "jane", email="desk@acme.example")
    scene.later(days=14)
    john = scene.guest(acme, "john", email="desk@acme.example")
    assert john != jane
    assert scene.row(jane).state == State.REMOVED
    assert scene.seats(acme) == (0, 1)
    assert folded(scene.session) == kept(scene.session)


def test_a02_two_long_addresses(scene: Scene, acme: Partner):
    """The key of a message keeps within its column, however long the address."""
    label = "a" * 60
    domain = ".".join([label] * 3)
    with scene.tx() as tx:
        trust.add_domain(tx, acme.id, f"{domain}.example", vouched_by="Grace", house=HOUSE)
    long = f"{'j' * 60}@{domain}.example"
    jane = scene.guest(acme, email=long)
    thief = scene.identity(acme, "thief", email=long)
    assert refusal(scene, scene.knock(acme, thief)) == (Refusal.EMAIL_CONFLICT,)
    foreign = scene.identity(acme, email=f"jane@{domain}.test")
    assert isinstance(scene.knock(acme, foreign), SignedIn)
    assert scene.row(jane).email_aside == f"jane@{domain}.test"
    assert {"sponsor.email_conflict", "sponsor.address_changed"} <= set(scene.mail_kinds())


@pytest.mark.parametrize("addresses", ["verified", "trusted"])
def test_a03_a_rebrand_locks_nobody_out(scene: Scene, addresses: str):
    """The new address is kept aside for the policy's days, told once, then refused."""
    scene.staff("root", role="admin")
    acme = scene.partner(provider={"addresses": addresses}, address_days=10)
    verified = addresses == "verified"
    jane, john = (scene.active(acme, one) for one in ("jane", "john"))
    scene.later(days=1)
    since = scene.now

    def knock(subject: str):
        address = f"{subject}@acme-new.example"
        return scene.knock(acme, scene.identity(acme, subject, email=address, verified=verified))

    assert isinstance(knock("jane"), SignedIn)
    assert isinstance(knock("john"), SignedIn)
    guest = scene.row(jane)
    assert guest.email == "jane@acme.example"
    assert (guest.email_aside, guest.aside_until) == ("jane@acme-new.example", since + 10 * DAY)
    assert scene.access(jane).allowed
    told = [(mail.to, mail.payload["new"]) for mail in scene.mails("sponsor.address_changed")]
    assert sorted(to for to, _ in told) == ["root@host.example", "sam-acme@host.example"]
    scene.later(days=5)
    assert isinstance(knock("jane"), SignedIn)
    assert scene.row(jane).aside_until == since + 10 * DAY  # signing in again lengthens nothing
    assert len(scene.mails("sponsor.address_changed")) == 2
    noted = [(event.guest_id, event.at) for event in scene.events("address.kept_aside")]
    assert noted == [(jane, since), (john, since)]  # in the log, each once

    scene.now = since + 10 * DAY
    assert not scene.access(jane).allowed
    reasons = refusal(scene, knock("jane"))
    assert Refusal.DOMAIN in reasons
    assert (Refusal.EMAIL_UNVERIFIED in reasons) is not verified
    with scene.tx() as tx:
        trust.add_domain(tx, acme.id, "acme-new.example", vouched_by="Grace", house=HOUSE)
    assert isinstance(knock("jane"), SignedIn)
    guest = scene.row(jane)
    assert (guest.email, guest.email_aside, guest.aside_until) == (
        "jane@acme-new.example",
        None,
        None,
    )
    assert scene.access(jane).allowed
    assert scene.row(john).email_aside is not None
    assert folded(scene.session) == kept(scene.session)


def test_a03_no_grace_at_all(scene: Scene):
    """With 0 days a foreign address is refused at once and nothing is kept."""
    acme = scene.partner(address_days=0)
    jane = scene.active(acme)
    before = kept(scene.session)
    foreign = scene.identity(acme, email="jane@other.example")
    assert refusal(scene, scene.knock(acme, foreign)) == (Refusal.DOMAIN,)
    assert kept(scene.session) == before
    assert scene.access(jane).allowed


def test_a03_going_home_clears_what_was_kept_aside(scene: Scene, acme: Partner):
    jane = scene.active(acme)
    scene.knock(acme, scene.identity(acme, email="jane@other.example"))
    scene.later(days=3)
    scene.knock(acme, scene.identity(acme, email="jane.roe@acme.example"))
    guest = scene.row(jane)
    assert (guest.email, guest.email_aside, guest.aside_until) == (
        "jane.roe@acme.example",
        None,
        None,
    )


def test_a05_nobody_comes_in_as_the_host(scene: Scene, acme: Partner):
    """An address of the host's domain, or an employee's elsewhere: refused, admins told once."""
    scene.staff("kim", email="kim@acme.example")
    for subject, email in (("boss", "boss@host.example"), ("kim", "kim@acme.example")):
        identity = scene.identity(acme, subject, email=email)
        assert Refusal.HOST_DOMAIN in refusal(scene, scene.knock(acme, identity))
        assert scene.find(acme, subject) is None
    (mail,) = scene.mails("admin.host_domain")
    assert (mail.to, mail.payload["email"]) == ("root@host.example", "boss@host.example")
    scene.later(days=1)
    scene.knock(acme, scene.identity(acme, "boss", email="boss@host.example"))
    assert len(scene.mails("admin.host_domain")) == 2


def test_a08_an_address_must_be_good_enough(scene: Scene, acme: Partner):
    """Not verified, or not there: refused; trusted within the domains where an admin said so."""
    for identity in (
        scene.identity(acme, verified=False),
        scene.identity(acme, email=None),
    ):
        assert refusal(scene, scene.knock(acme, identity)) == (Refusal.EMAIL_UNVERIFIED,)
    zeta = scene.partner("zeta", provider={"addresses": "trusted"})
    assert isinstance(scene.knock(zeta, scene.identity(zeta, verified=False)), Arrived)
    foreign = scene.identity(zeta, email="jane@acme.example", verified=False)
    assert refusal(scene, scene.knock(zeta, foreign)) == (
        Refusal.DOMAIN,
        Refusal.EMAIL_UNVERIFIED,
    )


@pytest.mark.parametrize(
    "email",
    [
        "a@acme.example.evil.org",
        "a@evilacme.example",
        "a@acme.exampl",
        "acme.example@evil.org",
        "a@sub.acme.example",
    ],
)
def test_a10_domains_are_compared_exactly(scene: Scene, acme: Partner, email: str):
    result = scene.knock(acme, scene.identity(acme, email=email))
    assert refusal(scene, result) == (Refusal.DOMAIN,)
