"""Applications and entitlements are written with their events, or refused."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from portal.applications import changes, queries
from portal.applications.models import Application, Entitlement
from portal.applications.rules import MOST_URL, check_name, check_slug, check_url
from portal.audit import queries as audit
from portal.audit.rules import fold
from portal.foundation.db import db
from portal.foundation.refused import Refused
from portal.foundation.transaction import Tx
from tests import factories
from tests.factories import writing


@pytest.mark.parametrize(
    "url",
    [
        "https://wiki.host.example",
        "https://wiki.host.example:8443/a?b=c#d",
        "http://wiki.internal/",
        " https://wiki.host.example/ ",
        "https://wiki.host.example/" + "a" * (MOST_URL - 26),
    ],
)
def test_an_address(url: str):
    """Also one on the host's own network: people's browsers go there, not the portal."""
    assert check_url(url) == url.strip()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "like https://wiki"),
        ("wiki", "like https://wiki"),
        ("https://", "like https://wiki"),
        ("javascript:alert(1)", "like https://wiki"),
        ("data:text/html,x", "like https://wiki"),
        ("//wiki.host.example", "like https://wiki"),
        ("https://wiki.host.example:0/", "like https://wiki"),
        ("https://wiki.host.example:x/", "like https://wiki"),
        ("https://wiki host.example/", "like https://wiki"),
        ("https://wikí.host.example/", "like https://wiki"),
        ('https://wiki.host.example/"', "like https://wiki"),
        ("https://wiki.host.example/" + "a" * (MOST_URL - 25), "like https://wiki"),
        ("https://user@wiki.host.example/", "without a user name"),
    ],
)
def test_no_address(url: str, words: str):
    """Nothing that a link must not lead to."""
    with pytest.raises(Refused) as refused:
        check_url(url)
    assert refused.value.field == "url"
    assert words in refused.value.message


@pytest.mark.parametrize("slug", ["", "-a", "A", "a b", "a" * 64, "a/b"])
def test_no_slug(slug: str):
    """It is written as APP/SLUG."""
    with pytest.raises(Refused) as refused:
        check_slug(slug)
    assert refused.value.field == "slug"


def test_a_slug():
    """The shortest and the longest."""
    assert [check_slug(" a "), check_slug("a" * 63)] == ["a", "a" * 63]


@pytest.mark.parametrize("name", ["", " \u200b", "a\0", "x" * 201])
def test_no_name(name: str):
    """Empty, unseen or too long."""
    with pytest.raises(Refused) as refused:
        check_name(name)
    assert refused.value.field == "name"


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
