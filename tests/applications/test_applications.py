"""Applications and entitlements are written with their events, or refused."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from portal.applications import changes, queries
from portal.applications.models import Application, Entitlement
from portal.audit import queries as audit
from portal.audit.rules import fold
from portal.foundation.db import db
from portal.foundation.refused import Refused
from portal.foundation.transaction import Tx
from tests import factories
from tests.factories import writing


@pytest.mark.usefixtures("database")
class TestChanges:
    """In the database."""

    def test_they_are_kept_and_their_events_give_the_rows(self):
        """Sorted by name."""
        with writing() as tx:
            wiki = changes.add_application(
                tx, slug=" wiki ", name="The\nwiki", url="https://wiki.host.example/"
            )
            changes.add_application(tx, slug="chat", name="Chat", url="https://chat.host.example/")
            changes.change_application(tx, wiki, name="Wiki", url="https://wiki2.host.example/")
            changes.change_application(tx, wiki)
            write = changes.add_entitlement(tx, wiki, slug="write", name="Write")
            changes.add_entitlement(tx, wiki, slug="read", name="Read")
        assert [one.slug for one in queries.applications(db.session)] == ["chat", "wiki"]
        held = queries.entitlements(db.session, wiki)
        assert [one.name for one in held] == ["Read", "Write"]
        assert queries.entitlements(db.session) == held
        found = queries.entitlement_by_slugs(db.session, "wiki", "write")
        assert found is not None
        assert (found.id, found.application_name) == (write, "Wiki")
        assert queries.entitlement_by_slugs(db.session, "chat", "write") is None
        folded = fold(audit.replayable(db.session))
        row = folded["application"][str(wiki)]
        assert (row["name"], row["url"]) == ("Wiki", "https://wiki2.host.example/")
        names = [one.event for one in audit.search(db.session, audit.Filter())]
        assert names.count("application.changed") == 1

    @pytest.mark.parametrize(
        ("field", "change"),
        [
            ("slug", lambda tx: changes.add_application(tx, slug="wiki", name="W", url="https://w.x")),
            ("slug", lambda tx: changes.add_application(tx, slug="W!", name="W", url="https://w.x")),
            ("name", lambda tx: changes.add_application(tx, slug="w", name="", url="https://w.x")),
            ("url", lambda tx: changes.add_application(tx, slug="w", name="W", url="w")),
            ("slug", factories.entitlement),
            ("slug", lambda tx: factories.entitlement(tx, slug="-")),
            ("url", lambda tx: changes.change_application(
                tx, tx.session.scalars(select(Application.id)).one(), name="New", url="x")),
        ],
    )  # fmt: skip
    def test_what_cannot_be_is_refused(self, field: str, change: Callable[[Tx], object]):
        """With the database unchanged."""
        with writing() as tx:
            factories.entitlement(tx)
        with pytest.raises(Refused) as refused, writing() as tx:
            change(tx)
        assert refused.value.field == field
        counts = [db.session.scalar(select(func.count()).select_from(model))
                  for model in (Application, Entitlement)]  # fmt: skip
        assert counts == [1, 1]
        assert db.session.scalars(select(Application.name)).one() == "Wiki"
