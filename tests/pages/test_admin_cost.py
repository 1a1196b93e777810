"""What an admin's page asks of the database does not grow with how many are connected."""

from datetime import timedelta

from click.testing import CliRunner
from flask import Flask

from portal.cli import main
from portal.foundation import clock
from portal.foundation.db import db
from tests import factories
from tests.flows.test_statement_counts import counted
from tests.infra.client import PortalClient

FEW, MANY = 3, 30
PAGES = (
    "/admin",
    "/admin/organisations",
    "/admin/guests",
    "/admin/applications",
    "/admin/staff",
    "/admin/audit",
)
COMMANDS = (["org", "list"], ["idp", "list"], ["app", "list"], ["staff", "list"])


def _connect(app: Flask, numbers: range) -> None:
    """Connect organisations that want the admin: nobody vouches, and the contract ends soon."""
    now = clock.policy_now()
    with app.app_context():
        for number in numbers:
            with factories.writing(now) as tx:
                one = factories.organisation(tx, f"partner-{number:02}")
                factories.contract(tx, one, last_day=now.date() + timedelta(days=12))
                factories.provider(tx, one, issuer=f"https://id.partner-{number}.example")
                factories.offer(tx, one, factories.entitlement(tx, f"application-{number}"))
                factories.staff(tx, f"sponsor-{number}@host.example")
        db.session.remove()


def _asked(app: Flask, admin: PortalClient) -> dict[str, int]:
    """Return how many statements each page and command makes."""
    found = {}
    for page in PAGES:
        admin.get(page)  # what is read once a process, and the session's touch
        with counted(app) as seen:
            assert admin.get(page).status_code == 200
        found[page] = len(seen["statements"])
    for words in COMMANDS:
        with counted(app) as seen, app.app_context():
            assert CliRunner().invoke(main, words).exit_code == 0
        found[" ".join(words)] = len(seen["statements"])
    return found


def test_pages_ask_as_much_of_many_as_of_few(app: Flask, admin: PortalClient):
    """Each is a constant number of set-based statements, and shows all of them."""
    _connect(app, range(FEW))
    few = _asked(app, admin)
    _connect(app, range(FEW, MANY))
    assert _asked(app, admin) == few
    overview = admin.get("/admin").text
    for number in range(MANY):
        assert f"<bdi>Partner-{number:02}</bdi>: nobody can vouch" in overview
        assert f"<bdi>Partner-{number:02}</bdi>: contract <bdi>C-1</bdi> ends in 1" in overview
