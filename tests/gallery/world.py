"""A year of a host with four partners: somebody in every state that a page can show.

Nothing in it exists. The policy clock stands at ``TODAY``, so that pictures of it keep their dates.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from flask import Flask
from sqlalchemy import update

from portal.admission.changes import Arrived, SignedIn
from portal.applications import changes as applications
from portal.applications.queries import application_by_slug
from portal.audit.changes import record
from portal.audit.rules import Event
from portal.delivery.models import Outbox
from portal.foundation import clock
from portal.foundation.transaction import Tx
from portal.sponsorship.changes import deciding, people
from portal.staff import changes as staff
from portal.trust import changes as trust
from portal.trust.rules import ProviderSettings
from tests.factories import HOUSE
from tests.hostile.provider import CLIENT_ID, CLIENT_SECRET, HostileProvider
from tests.scene import Partner, Scene

TODAY: Final = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
SATURDAY: Final = 5
_APPLICATIONS: Final = (
    ("orders", "Orders", "read", "Read"),
    ("orders", "Orders", "place", "Place orders"),
    ("drawings", "Drawings", "read", "Read"),
    ("tickets", "Service tickets", "write", "Open and answer"),
)


@dataclass
class World:
    """What the visits need to find their way: ids by name, and the scene to change things."""

    app: Flask
    scene: Scene
    provider: HostileProvider
    ids: dict[str, UUID] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    partners: dict[str, Partner] = field(default_factory=dict)

    def run(self, change: Callable[[Tx], Any], *, by: str = "") -> Any:
        """Change something, as an employee or as the shell."""
        with self.app.app_context():
            self.scene.now = clock.policy_now()
            opened = self.scene.as_staff(self.ids[by]) if by else self.scene.tx()
            with opened as tx:
                return change(tx)


def employees(world: World) -> None:
    """Put in an admin, two sponsors, and one who has not bound a sign-in yet."""
    scene = world.scene
    world.ids["petra"] = scene.staff("Petra Vogel", "admin", "petra.vogel@northwind.example")
    world.ids["jonas"] = scene.staff("Jonas Brandt", email="jonas.brandt@northwind.example")
    world.ids["irene"] = scene.staff("Irene Okafor", email="irene.okafor@northwind.example")
    with scene.tx() as tx:
        trust.ensure_defaults(tx)


def history(world: World) -> None:
    """Let the year pass; afterwards it is today."""
    scene = world.scene
    scene.now = TODAY - timedelta(days=200)
    _partners(world)
    offers = _offers(world)
    _people(world, offers)
    _edges(world)
    _sign_ins(world)
    scene.now = TODAY
    scene.sweep()
    _today(world)


def _partners(world: World) -> None:
    ids, scene, issuer = world.ids, world.scene, world.provider.issuer
    ours: Mapping[str, Any] = {
        "issuer": issuer,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    acme = scene.partner(
        "acme",
        last_day=date(2027, 3, 1),
        sponsors=[ids["jonas"]],
        deputy=ids["irene"],
        provider={**ours, "name": "Acme login"},
    )
    world.partners["acme"] = replace(acme, issuer=issuer)
    world.partners["globex"] = scene.partner(
        "globex", sponsors=[ids["jonas"], ids["irene"]], approval="at-once", approval_days=7
    )
    world.partners["initech"] = scene.partner(
        "initech", last_day=date(2026, 12, 1), sponsors=[ids["irene"]], accepted_amr=("mfa",)
    )
    scene.provider(
        world.partners["globex"],
        "partners",
        issuer="https://partners.globex.example",
        name="Globex partners",
    )
    scene.contract(acme, "ACM-2027-002", first_day=date(2027, 3, 2), open_ended=True)
    with scene.tx() as tx:
        umbra = trust.add_organisation(tx, slug="umbra", name="Umbra", unlisted=True)
        world.ids["umbra"] = umbra
    world.ids |= {f"{slug}_contract": one.contract_id for slug, one in world.partners.items()}


def _offers(world: World) -> dict[str, UUID]:
    offers = {}
    with world.scene.tx() as tx:
        for slug, name, thing, words in _APPLICATIONS:
            known = application_by_slug(tx.session, slug)
            application = (
                known.id
                if known
                else applications.add_application(
                    tx, slug=slug, name=name, url=f"https://{slug}.northwind.example/"
                )
            )
            entitlement = applications.add_entitlement(tx, application, slug=thing, name=words)
            for partner in world.partners.values():
                when = ("department", "Procurement") if slug == "drawings" else None
                default = thing == "read" and not when
                key = f"{partner.slug}/{slug}/{thing}"
                offers[key] = trust.offer(tx, partner.id, entitlement, default=default, when=when)
    world.ids["offer"] = offers["acme/orders/place"]
    return offers


def _come(world: World, slug: str, name: str, **said: Any) -> UUID:
    """Bring somebody to the door of today's scene; remember them by their first name."""
    partner = world.partners[slug]
    subject = name.lower().replace(" ", ".")
    profile = {"department": said.pop("department", "Logistics"), "phone": "+49 30 5550 101"}
    identity = world.scene.identity(partner, subject, name=name, profile=profile, **said)
    result = world.scene.knock(partner, identity)
    if isinstance(result, Arrived):
        words = {
            "why": "Reviewing the first quarter's order forecasts with your planning team.",
            "works_with": "planning@northwind.example",
        }
        result = world.scene.accept(partner, result, **words)
    assert isinstance(result, SignedIn), result
    world.ids[name.split(maxsplit=1)[0].lower()] = result.guest_id
    return result.guest_id


def _approve(world: World, guest: UUID, offers: list[UUID], days: int | None = None) -> None:
    assert world.scene.approve(guest, world.ids["jonas"], days=days, offers=offers) is None


def _people(world: World, offers: Mapping[str, UUID]) -> None:
    scene = world.scene
    both = [offers["acme/orders/read"], offers["acme/drawings/read"]]
    late = _come(world, "acme", "Viktor Sommer")
    _approve(world, late, both[:1], days=40)  # suspended, then removed by time
    scene.later(days=91)
    scene.sweep()
    scene.later(days=30)
    jakob = _come(world, "acme", "Jakob Reiter")
    scene.later(hours=3)
    _approve(world, jakob, both[:1], days=150)  # asked about: the review is due
    scene.later(days=25)
    scene.sweep()
    anna = _come(world, "acme", "Anna Weber", department="Procurement")
    nora = _come(world, "acme", "Nora Fischer")
    milan = _come(world, "acme", "Milan Novak")
    lena = _come(world, "acme", "Lena Hartmann")
    scene.later(hours=2)
    _approve(world, anna, both, days=(date(2027, 3, 1) - scene.day(0)).days)
    _approve(world, lena, both, days=30)  # over before today: suspended by time
    for guest in (nora, milan):
        _approve(world, guest, both[:1])
    for name in ("Jakob Reiter", "Anna Weber"):
        _come(world, "acme", name, department="Procurement")
    scene.later(days=45)
    scene.sweep()


def _edges(world: World) -> None:
    """Held, removed, turned down, handed over."""
    scene, ids = world.scene, world.ids
    with scene.as_staff(ids["jonas"]) as tx:
        people.suspend(tx, ids["nora"], "Lost laptop: her company's IT is looking into it")
    with scene.as_staff(ids["petra"]) as tx:
        people.remove(tx, ids["milan"], "Left the project")
    felix = _come(world, "acme", "Felix Baumann")
    with scene.as_staff(ids["jonas"]) as tx:
        deciding.reject(tx, scene.sponsorship(felix).id, ids["jonas"], "Not known to planning")
    scene.later(days=5)
    partner = world.partners["acme"]
    for name in ("Milan Novak", "Felix Baumann"):
        subject = name.lower().replace(" ", ".")
        scene.knock(partner, scene.identity(partner, subject, name=name))


def _sign_ins(world: World) -> None:
    """Acme's people come in on the working days of a month."""
    data = {"identity_provider": "id", "strength": "pwd"}
    let_in = Event("sign_in.succeeded", organisation_id=world.partners["acme"].id, data=data)
    days = [TODAY - timedelta(days=one) for one in range(28, 0, -1)]
    for world.scene.now in days:
        with world.scene.tx() as tx:
            record(tx, [let_in] * (tx.now.day % 4 if tx.now.weekday() < SATURDAY else 0))


def _today(world: World) -> None:
    scene, ids = world.scene, world.ids
    scene.now = TODAY - timedelta(minutes=40)
    _come(world, "acme", "Theo Lang", department="Procurement")
    _come(world, "acme", "Greta Wolf")
    _come(world, "globex", "Priya Raman", department="Finance")
    ines = _come(world, "globex", "Ines Duarte", department="Procurement")
    with scene.as_staff(ids["irene"]) as tx:
        deciding.approve(tx, scene.sponsorship(ines).id, ids["irene"], scene.day(60), [])
    scene.now = TODAY
    for name in ("theo", "greta", "priya", "ines", "anna", "jakob", "felix", "lena"):
        ids[f"{name}_asks"] = scene.sponsorship(ids[name]).id
    with scene.tx() as tx:
        gone = Outbox.created_at < TODAY - timedelta(hours=1)
        tx.session.execute(
            update(Outbox).where(gone).values(state="sent", settled_at=Outbox.created_at)
        )
        dead = scene.mails()[0]
        ids["letter"] = dead.id
        tx.session.execute(
            update(Outbox)
            .where(Outbox.id == dead.id)
            .values(state="dead", tries=12, last_error="550 mailbox unavailable")
        )
        known = staff.add_staff(
            tx,
            email="maria.lindqvist@northwind.example",
            name="Maria Lindqvist",
            role="sponsor",
            host_issuer="",
            public_url="http://127.0.0.1",
            at=clock.protocol_now(),
        )
        ids["maria"] = known.staff_id
        link = staff.make_sign_in_link(tx, ids["petra"], at=clock.protocol_now())
        world.links["sign_in"] = link.token
        world.links["bind"] = staff.mail_bind_link(
            tx, known.staff_id, public_url="http://127.0.0.1", at=clock.protocol_now()
        ).token
    scene.sweep()
    _draft(world)


def _draft(world: World) -> None:
    """A connection of Umbra that is being set up."""
    with world.scene.tx() as tx:
        world.ids["umbra_idp"] = trust.add_identity_provider(
            tx,
            world.ids["umbra"],
            slug="main",
            settings=ProviderSettings(
                issuer="https://login.umbra.example",
                name="Umbra login",
                client_id="7f3a",
                addresses="verified",
            ),
            client_secret=CLIENT_SECRET,
            house=HOUSE,
        )
