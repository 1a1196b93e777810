"""A name that is written from right to left reorders nothing that stands beside it.

Where the name of somebody, of their organisation, its contract or its provider, or of something
that can be used stands in a sentence it stands in <bdi>; a cell of its own is enough, too.
"""

from html.parser import HTMLParser

import pytest
from sqlalchemy import select, update

from portal.applications.models import Application, Entitlement
from portal.foundation.db import db
from portal.foundation.transaction import Actor, transaction
from portal.guests.models import Guest
from portal.staff.models import Staff
from portal.trust.models import Contract, IdentityProvider, Organisation
from tests.gallery.tour import Tour, touring
from tests.infra.client import PortalClient
from tests.pages.test_cost import SHOWN, _client, _no_browser

EMPLOYEE, GUEST, COMPANY = "דנה כהן (לוגיסטיקה)", "ליילא חסן", "אקמה (חיפה)"
APPLICATION, ENTITLEMENT = "ויקי (הנדסה)", "קריאה"
CONTRACT, PROVIDER = "חוזה/", "כניסה (ראשית)"  # a contract is numbered, too
NAMES = (EMPLOYEE, GUEST, COMPANY, APPLICATION, ENTITLEMENT, CONTRACT, PROVIDER)
APART = {"bdi", "title", "pre", "option", "textarea"}
CELLS = {"td", "dd"}
VOID = {"meta", "link", "input", "br", "img", "hr"}


class Reader(HTMLParser):
    """Collects the names that stand in a page's sentences and are not kept apart."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.named = 0
        self.loose: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Note which element begins."""
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close it, with those in it whose own end may be left out."""
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Look at a text."""
        text = data.strip()
        if not any(name in text for name in NAMES):
            return
        self.named += 1
        alone = text.rstrip("0123456789") in NAMES and self.open[-1] in CELLS
        # A button lays its parts out in a row, without the spaces between them.
        glued = "button" in self.open and "span" not in self.open
        if glued or not (alone or APART & set(self.open)):
            self.loose.append(f"<{self.open[-1]}> {text}")


def read(page: str) -> Reader:
    """Return what a page says of people."""
    reader = Reader()
    reader.feed(page)
    return reader


def _rename_everything(tour: Tour) -> None:
    with tour.app.app_context():
        with transaction(actor=Actor.system("tests"), now=tour.world.scene.now) as tx:
            tx.session.execute(update(Staff).values(name=EMPLOYEE))
            tx.session.execute(update(Guest).values(name=GUEST))
            tx.session.execute(update(Organisation).values(name=COMPANY))
            tx.session.execute(update(Application).values(name=APPLICATION))
            tx.session.execute(update(Entitlement).values(name=ENTITLEMENT))
            for number, contract in enumerate(tx.session.scalars(select(Contract.id)).all()):
                named = update(Contract).where(Contract.id == contract)
                tx.session.execute(named.values(reference=f"{CONTRACT}{number}"))
            tx.session.execute(update(IdentityProvider).values(name=PROVIDER))
        db.session.remove()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_name_reorders_nothing(make_settings):
    """Each page that somebody sees who is signed in, and what is said after a form."""
    with touring(make_settings, _no_browser) as tour:
        _rename_everything(tour)
        people = {visit.who for visit in SHOWN} | {"nobody"}
        clients = {who: _client(tour, who) for who in people}
        petra, nobody = clients["petra"], clients["nobody"]
        pages = {}
        for visit in SHOWN:
            if visit.who != "nobody":
                tour.rendered.clear()
                pages[visit.name] = clients[visit.who].get(tour.path(visit)).text
                assert tour.rendered == [(visit.template, visit.endpoint)], visit.name
        pages |= _said_to_sponsors(clients["jonas"], tour)
        for link in ("/staff/link/{bind}", "/staff/link/{sign_in}"):
            pages[link] = nobody.get(link.format(**tour.world.links)).text
        for door in ("/sign-in/globex", "/sign-in/umbra", "/sign-in/umbra/main"):
            pages[door] = nobody.get(door).text
        pages |= _said_after(petra, tour)
    found = {name: read(page) for name, page in pages.items()}
    assert {name: page.loose for name, page in found.items() if page.loose} == {}
    assert sum(page.named for page in found.values()) > 100


def _said_to_sponsors(jonas: PortalClient, tour: Tour) -> dict[str, str]:
    """Return the pages after every form of a sponsor, those that were refused too."""
    ids = tour.world.ids
    guest, asks = "/sponsor/guests/{%s}", "/sponsor/decisions/{%s}"
    theo, greta, priya = (asks % f"{who}_asks" for who in ("theo", "greta", "priya"))
    anna, jakob, lena, milan, nora = (
        guest % who for who in ("anna", "jakob", "lena", "milan", "nora")
    )
    irene = str(ids["irene"])
    return _after(
        jonas,
        tour,
        (theo, {"approve-last_day": "2027-01-31"}, "/approve"),
        (greta, {"reject-reason": "Not known"}, "/reject"),
        (priya, {"hand-to": str(ids["jonas"])}, "/hand-over"),
        (jakob, {}, "/keep"),
        (anna, {"extend-last_day": "2027-01-31"}, "/last-day"),
        (anna, {"choose-may_use": [str(ids["offer"])]}, "/may-use"),
        (anna, {"suspend-reason": "Lost badge"}, "/suspend"),
        (anna, {}, "/resume"),
        (jakob, {"end-reason": "Left"}, "/end"),
        (lena, {"vouch-last_day": "2027-01-31"}, "/vouch"),
        (milan, {}, "/let-back"),
        (nora, {}, "/resume"),
        (nora, {"hand-to": irene}, "/hand-over"),
    )


def _after(
    client: PortalClient, tour: Tour, *forms: tuple[str, dict[str, object], str]
) -> dict[str, str]:
    found = {}
    for page, fields, to in forms:
        at = page.format(**tour.world.ids)
        answer = client.submit(at, fields, to=to)
        assert answer.status_code == 303, (page, to, answer.text)
        after = client.get(answer.location).text
        assert 'role="status"' in after, to
        found[f"after {page}{to}"] = after
        found[f"then {page}"] = client.get(at).text
    return found


def _said_after(petra: PortalClient, tour: Tour) -> dict[str, str]:
    """Return the pages after forms about people."""
    anna = "/admin/guests/{anna}".format(**tour.world.ids)
    jonas = "/admin/staff/{jonas}".format(**tour.world.ids)
    new = {"email": "new@northwind.example", "name": EMPLOYEE, "role": "sponsor"}
    acme = "/admin/organisations/acme"
    contract = f"{acme}/contracts/{{acme_contract}}".format(**tour.world.ids)
    later = {"reference": f"{CONTRACT}9", "first_day": "2027-03-05", "last_day": "2028-03-04"}
    later["time_zone"] = "Europe/Berlin"
    named = {"name": APPLICATION, "slug": "new"}
    found = {}
    for page, fields, to in (
        (contract, {"last_day": "2027-02-26"}, None),
        (f"{acme}/contracts/new", later, None),
        ("/admin/applications", {**named, "url": "https://new.example/"}, None),
        ("/admin/applications/new", named, None),
        (acme, {"reason": "Under review"}, f"{acme}/suspend"),
        (acme, {}, f"{acme}/resume"),
        (f"{acme}/providers/id", {}, f"{acme}/providers/id/disable"),
        (acme, {"last_day": "2026-12-31"}, f"{acme}/end"),
        (anna, {"suspend-reason": "Lost badge"}, f"{anna}/suspend"),
        (anna, {}, f"{anna}/resume"),
        (anna, {"remove-reason": "Left"}, f"{anna}/remove"),
        (jonas, {}, f"{jonas}/remove"),
        ("/admin/staff", new, None),
    ):
        answer = petra.submit(page, fields, to=to)
        assert answer.status_code == 303, to
        after = petra.get(answer.location).text
        assert 'role="status"' in after, to
        found[f"after {to or page}"] = after
    return found


@pytest.mark.parametrize(
    ("page", "loose"),
    [
        (f"<p><bdi>{GUEST}</bdi> is in</p>", 0),
        (f"<td> {GUEST} </td>", 0),
        (f'<a title="{GUEST}">x</a>', 0),
        (f"<button><span>Let <bdi>{GUEST}</bdi> go</span></button>", 0),
        (f"<button>Let <bdi>{GUEST}</bdi> go</button>", 1),
        (f"<p>{GUEST} is in</p>", 1),
        (f"<td><a>{GUEST}</a>, guest</td>", 1),
        (f"<td>{GUEST}, guest</td>", 1),
        (f"<p>x<br><bdi>y</bdi> {GUEST}</p>", 1),
    ],
)
def test_a_loose_name_would_be_seen(page: str, loose: int):
    """The reader knows what is apart."""
    assert len(read(page).loose) == loose
