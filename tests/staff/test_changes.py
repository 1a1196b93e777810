"""Employees are written with their events, or refused with the database unchanged."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import inspect, select

from portal.audit import queries as audit
from portal.audit.rules import fold, plain
from portal.foundation.db import db
from portal.foundation.refused import Refused
from portal.staff import changes, queries
from portal.staff.models import Staff, StaffLink
from portal.staff.rules import Outcome, Reason
from tests import factories
from tests.factories import HOST_ISSUER, NOW, PUBLIC_URL, writing
from tests.staff.staffing import (
    BY_CLAIM,
    BY_HAND,
    CLAIMS,
    add,
    events,
    mails,
    said,
    snapshot,
    staff_row,
)

pytestmark = pytest.mark.usefixtures("database")


class TestAdding:
    """Put in beforehand."""

    def test_with_a_subject_they_are_bound(self):
        """No link is mailed."""
        with writing() as tx:
            added = add(tx, subject=" s1 ")
        row = staff_row(added.staff_id)
        assert (row.issuer, row.subject, row.bound) == (HOST_ISSUER, "s1", True)
        assert row.roles == ("sponsor",)
        assert not added.link_mailed
        assert events() == ["staff.added"]
        assert mails("staff.bind_link") == []

    def test_without_one_a_link_is_mailed_that_binds_once(self):
        """Of its token the database knows the hash, and the outbox an encrypted address."""
        with writing() as tx:
            added = add(tx, email="Sam@HOST.example", role="admin")
        assert added.link_mailed
        assert staff_row(added.staff_id).email == "sam@host.example"
        (mail,) = mails("staff.bind_link")
        assert mail.to == "sam@host.example"
        assert PUBLIC_URL not in str(mail.payload)
        link = db.session.scalars(select(StaffLink)).one()
        assert (link.purpose, link.expires_at) == ("bind", NOW + timedelta(days=7))
        assert events() == ["staff.added", "staff.link_made"]

    def test_whose_link_is_gone_is_mailed_another(self):
        """Put in once more: it expired, was lost, or was withdrawn with a restored back-up."""
        with writing() as tx:
            first = add(tx)
            old = db.session.scalars(select(StaffLink)).one()
            with pytest.raises(Refused, match="is a sponsor here already"):
                add(tx, at=NOW + timedelta(seconds=59))  # a doubled click
            again = add(tx, name="Samuel", at=NOW + timedelta(minutes=1))
        assert (again.staff_id, again.link_mailed) == (first.staff_id, True)
        assert old.used_at is not None
        assert len(mails("staff.bind_link")) == 1  # the first was not sent, and opens nothing
        assert events() == ["staff.added", "staff.link_made", "mail.withdrawn", "staff.link_made"]
        row = staff_row(first.staff_id)
        assert (row.roles, row.name, row.bound) == (("sponsor",), "Sam", False)
        with writing() as tx:
            new = db.session.scalars(select(StaffLink).where(StaffLink.used_at.is_(None))).one()
            assert changes.arrive(tx, CLAIMS, BY_HAND, at=NOW, link_id=new.id).bind

    def test_where_the_host_has_no_provider_there_is_nothing_to_bind_to(self):
        """Break-glass links are the only way in."""
        with writing() as tx:
            assert not add(tx, host_issuer="").link_mailed
        assert db.session.scalars(select(StaffLink)).all() == []

    def test_names_addresses_and_subjects_stand_in_the_side_table(self):
        """Under the employee's own id, so that they can be erased."""
        with writing() as tx:
            added = add(tx, subject="sam-0815")
        (entry,) = audit.search(db.session, audit.Filter(event="staff.added"))
        assert "Sam" not in repr(entry.data)
        assert "sam@" not in repr(entry.data)
        assert "0815" not in repr(entry.data)
        assert entry.personal[f"staff:{added.staff_id}"] == {
            "email": "sam@host.example",
            "name": "Sam",
            "subject": "sam-0815",
        }

    def test_a_second_role_is_added_to_the_first(self):
        """And the subject, where it is known later."""
        with writing() as tx:
            first = add(tx, host_issuer="")
            second = add(tx, role="admin", subject="s1")
        assert first.staff_id == second.staff_id
        row = staff_row(first.staff_id)
        assert (row.roles, row.subject, row.name) == (("sponsor", "admin"), "s1", "Sam")
        assert events()[-1] == "staff.changed"

    def test_a_subject_given_later_closes_the_mailed_link(self):
        """One way of binding is enough."""
        with writing() as tx:
            add(tx)
            add(tx, subject="s1")
        assert db.session.scalars(select(StaffLink)).one().used_at is not None

    def test_who_left_comes_back_on_the_same_subject(self):
        """With the role that is given now, and no older one."""
        with writing() as tx:
            factories.admin(tx)
            first = add(tx, subject="s1", role="admin")
            changes.remove(tx, first.staff_id)
            again = add(tx, subject="s1", email="samuel@host.example", name="Samuel")
        assert again.staff_id == first.staff_id
        row = staff_row(first.staff_id)
        assert (row.state, row.roles, row.email) == ("active", ("sponsor",), "samuel@host.example")

    def test_who_left_and_was_put_in_anew_is_bound_by_their_subject(self):
        """The link cannot bind them, since their old row has the subject: an admin who says so."""
        with writing() as tx:
            old = add(tx, subject="s1")
            changes.remove(tx, old.staff_id)
            new = add(tx)
            link = db.session.scalars(select(StaffLink)).one()
            decision = changes.arrive(tx, CLAIMS, BY_HAND, at=NOW, link_id=link.id)
            assert decision.reason is Reason.LEFT
            again = add(tx, subject="s1")
        assert again.staff_id == new.staff_id != old.staff_id
        assert (staff_row(old.staff_id).state, staff_row(old.staff_id).bound) == ("left", False)
        assert staff_row(new.staff_id).subject == "s1"
        assert events()[-3:] == ["staff.changed", "mail.withdrawn", "staff.changed"]
        with writing() as tx:
            decision = changes.arrive(tx, CLAIMS, BY_HAND, at=NOW)
        assert (decision.outcome, decision.staff_id) == (Outcome.SIGNED_IN, new.staff_id)

    def test_an_address_of_somebody_who_left_is_free(self):
        """A new row, since an address binds nobody."""
        with writing() as tx:
            first = add(tx, host_issuer="")
            changes.remove(tx, first.staff_id)
            assert add(tx, host_issuer="").staff_id != first.staff_id
        assert len(queries.listed(db.session)) == 2

    @pytest.mark.parametrize(
        ("values", "field", "words"),
        [
            ({"email": "sam"}, "email", "'sam' is not one"),
            ({"name": " "}, "name", "Enter the name"),
            ({"name": "a\0"}, "name", "cannot be shown"),
            ({"role": "king"}, "role", "sponsor or admin"),
            ({"subject": ""}, "subject", "1 to 255"),
            ({"subject": "x" * 256}, "subject", "1 to 255"),
            ({"subject": "a\nb"}, "subject", "1 to 255"),
            ({"subject": "s", "host_issuer": ""}, "subject", "PORTAL_HOST_OIDC_ISSUER"),
            ({"email": "dee@host.example"}, "email", "is a sponsor here already"),
            (
                {"email": "dee@host.example", "role": "admin", "subject": "other"},
                "subject",
                "bound to another subject",
            ),
            ({"email": "new@host.example", "subject": "d1"}, "subject", "is dee@host.example"),
            ({"email": "max@host.example", "subject": "d1"}, "subject", "is dee@host.example"),
        ],
    )
    @pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
    def test_what_cannot_be_is_refused(self, values: dict[str, Any], field: str, words: str):
        """At the field, with the database unchanged."""
        with writing() as tx:
            add(tx, email="dee@host.example", name="Dee", subject="d1")
            add(tx, email="max@host.example", name="Max", host_issuer="")
        before = snapshot()
        with pytest.raises(Refused) as refused, writing() as tx:
            add(tx, **values)
        assert refused.value.field == field
        assert words in refused.value.message
        assert snapshot() == before


class TestRemoving:
    """Employees leave; the last admin does not."""

    def test_the_last_admin_stays(self):
        """Somebody must be able to configure trust."""
        with writing() as tx:
            ada = factories.admin(tx)
            with pytest.raises(Refused, match="last admin"):
                changes.remove(tx, ada)
            bob = factories.admin(tx, "bob@host.example")
            changes.remove(tx, ada)
            with pytest.raises(Refused, match="left already"):
                changes.remove(tx, ada)
            with pytest.raises(Refused, match="last admin"):
                changes.remove(tx, bob)
        assert [one.email for one in queries.admins(db.session)] == ["bob@host.example"]
        row = staff_row(ada)
        assert (row.state, row.roles) == ("left", ())
        assert queries.staff_by_email(db.session, "ada@host.example") is None

    def test_the_last_admin_who_can_change_anything_stays(self):
        """Another one, whose role the host's provider does not say any more, only looks."""
        with writing() as tx:
            ada = factories.admin(tx)
            eve = add(tx, email="eve@host.example", role="admin", subject="s1").staff_id
            changes.arrive(tx, replace(CLAIMS, email="eve@host.example"), BY_CLAIM, at=NOW)
            with pytest.raises(Refused, match="last admin whose role is confirmed"):
                changes.remove(tx, ada)
            bob = factories.admin(tx, "bob@host.example")
            changes.remove(tx, ada)
            changes.remove(tx, eve)
            with pytest.raises(Refused, match="is the last admin: make"):
                changes.remove(tx, bob)

    def test_of_two_whose_roles_nobody_says_one_may_leave(self):
        """Neither can change anything: only at the server's shell somebody can."""
        with writing() as tx:
            for number, name in (("s1", "ada"), ("s2", "eve")):
                email = f"{name}@host.example"
                add(tx, email=email, role="admin", subject=number)
                claims = replace(CLAIMS, subject=number, email=email)
                changes.arrive(tx, claims, BY_CLAIM, at=NOW)
            first, second = (one.id for one in queries.admins(db.session))
            changes.remove(tx, first)
            with pytest.raises(Refused, match="last admin"):
                changes.remove(tx, second)

    def test_a_sponsor_leaves_with_their_links(self):
        """What was mailed to them opens nothing any more."""
        with writing() as tx:
            added = add(tx)
            changes.make_sign_in_link(tx, added.staff_id, at=NOW)
            changes.remove(tx, added.staff_id)
        assert all(one.used_at for one in db.session.scalars(select(StaffLink)))
        assert events()[-1] == "staff.removed"


def test_folding_the_events_gives_the_rows():
    """Every column that a change sets is in its event, names in the side table."""
    with writing() as tx:
        factories.admin(tx)
        sam = add(tx, subject="s1").staff_id
        changes.arrive(tx, replace(CLAIMS, name="Samuel"), BY_CLAIM, at=NOW)
        changes.arrive(tx, said("sponsors", "admins"), BY_CLAIM, at=NOW)
        changes.arrive(tx, replace(said("sponsors"), subject="n", email="n@x.example"), BY_CLAIM,
                       at=NOW)  # fmt: skip
        changes.remove(tx, sam)
    names = [one.key for one in inspect(Staff).columns]
    rows = {
        str(row.id): {name: plain(getattr(row, name)) for name in names}
        for row in db.session.scalars(select(Staff))
    }
    assert rows == fold(audit.replayable(db.session))["staff"]
