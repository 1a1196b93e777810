"""Employees are written with their events, or refused with the database unchanged."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, inspect, select

from portal.audit import queries as audit
from portal.audit.models import AuditEvent
from portal.audit.rules import fold, plain
from portal.delivery.models import Outbox
from portal.foundation.crypto import hash_token
from portal.foundation.db import db
from portal.foundation.refused import Refused
from portal.foundation.transaction import Tx
from portal.staff import changes, queries
from portal.staff.models import Staff, StaffLink
from portal.staff.rules import Outcome, Reason, RoleSource, StaffClaims
from tests import factories
from tests.factories import HOST_ISSUER, NOW, PUBLIC_URL, writing

pytestmark = pytest.mark.usefixtures("database")

BY_HAND = RoleSource(by_claim=False)
BY_CLAIM = RoleSource(by_claim=True, sponsor_value="sponsors", admin_value="admins")
CLAIMS = StaffClaims(
    issuer=HOST_ISSUER,
    subject="s1",
    email="sam@host.example",
    name="Sam",
    roles=None,
    directory_guest=False,
    strong=True,
)
LATER = NOW + timedelta(hours=1)


def said(*values: str) -> StaffClaims:
    return replace(CLAIMS, roles=frozenset(values))


def add(tx: Tx, **values: Any) -> changes.Added:
    whole: dict[str, Any] = {
        "email": "sam@host.example",
        "name": "Sam",
        "role": "sponsor",
        "host_issuer": HOST_ISSUER,
        "public_url": PUBLIC_URL,
        "at": NOW,
    }
    return changes.add_staff(tx, **(whole | values))


def events() -> list[str]:
    return [one.event for one in audit.search(db.session, audit.Filter(), oldest_first=True)]


def mails(kind: str) -> list[Outbox]:
    return list(db.session.scalars(select(Outbox).where(Outbox.kind == kind).order_by(Outbox.to)))


def staff_row(staff_id: UUID) -> queries.StaffRow:
    found = queries.staff_by_id(db.session, staff_id)
    assert found is not None
    return found


def snapshot() -> tuple[object, ...]:
    names = [one.key for one in inspect(Staff).columns]
    rows = sorted(
        [plain(getattr(row, name)) for name in names] for row in db.session.scalars(select(Staff))
    )
    links = db.session.scalar(select(func.count()).select_from(StaffLink))
    return rows, links, db.session.scalar(select(func.count()).select_from(AuditEvent))


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

    def test_where_the_host_has_no_provider_there_is_nothing_to_bind_to(self):
        """Break-glass links are the only way in."""
        with writing() as tx:
            assert not add(tx, host_issuer="").link_mailed
        assert db.session.scalars(select(StaffLink)).all() == []

    def test_names_and_addresses_stand_in_the_side_table(self):
        """Under the employee's own id, so that they can be erased."""
        with writing() as tx:
            added = add(tx, subject="s1")
        (entry,) = audit.search(db.session, audit.Filter(event="staff.added"))
        assert "Sam" not in repr(entry.data)
        assert "sam@" not in repr(entry.data)
        assert entry.personal[f"staff:{added.staff_id}"] == {
            "email": "sam@host.example",
            "name": "Sam",
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

    def test_a_sponsor_leaves_with_their_links(self):
        """What was mailed to them opens nothing any more."""
        with writing() as tx:
            added = add(tx)
            changes.make_sign_in_link(tx, added.staff_id, at=NOW)
            changes.remove(tx, added.staff_id)
        assert all(one.used_at for one in db.session.scalars(select(StaffLink)))
        assert events()[-1] == "staff.removed"


class TestArriving:
    """Back from the host's own provider."""

    def test_the_role_claim_makes_employees(self):
        """Bound by issuer and subject."""
        with writing() as tx:
            decision = changes.arrive(tx, said("sponsors", "admins"), BY_CLAIM, at=NOW)
        assert decision.outcome is Outcome.CREATED
        assert decision.staff_id is not None
        row = staff_row(decision.staff_id)
        assert (row.subject, row.roles, row.roles_from_claim) == ("s1", ("sponsor", "admin"), True)
        assert row.last_sign_in_at == NOW
        assert events() == ["staff.added", "staff.signed_in"]
        found = queries.staff_by_subject(db.session, HOST_ISSUER, "s1")
        assert found == row

    def test_a_missing_name_is_the_address(self):
        """Guests read something."""
        with writing() as tx:
            decision = changes.arrive(tx, replace(said("sponsors"), name=None), BY_CLAIM, at=NOW)
        assert decision.staff_id is not None
        assert staff_row(decision.staff_id).name == "sam@host.example"

    @pytest.mark.parametrize(
        ("claims", "source", "reason"),
        [
            (CLAIMS, BY_HAND, Reason.UNKNOWN),
            (CLAIMS, BY_CLAIM, Reason.ROLE_UNKNOWN),
            (said("other"), BY_CLAIM, Reason.NO_ROLE),
            (replace(said("admins"), directory_guest=True), BY_CLAIM, Reason.GUEST_ACCOUNT),
            (replace(said("admins"), strong=False), BY_CLAIM, Reason.ASSURANCE),
            (replace(said("admins"), email=None), BY_CLAIM, Reason.NO_ADDRESS),
            (replace(said("admins"), email="dee@host.example"), BY_CLAIM, Reason.NOT_BOUND),
            (replace(said("admins"), subject="gone"), BY_CLAIM, Reason.LEFT),
        ],
    )
    def test_a_refusal_changes_nothing(
        self, claims: StaffClaims, source: RoleSource, reason: Reason
    ):
        """An address that somebody has is no way in."""
        with writing() as tx:
            add(tx, email="dee@host.example", host_issuer="")
            changes.remove(tx, add(tx, email="gone@host.example", subject="gone").staff_id)
        before = snapshot()
        with writing() as tx:
            decision = changes.arrive(tx, claims, source, at=NOW)
        assert (decision.outcome, decision.reason) == (Outcome.REFUSED, reason)
        assert snapshot() == before

    def test_the_mailed_link_binds_once(self):
        """The row put in beforehand becomes this subject's, and the link is used up."""
        with writing() as tx:
            added = add(tx)
            link = db.session.scalars(select(StaffLink)).one()
            claims = replace(CLAIMS, email="s.ponsor@host.example", name="Sam Sponsor")
            decision = changes.arrive(tx, claims, BY_HAND, at=NOW, link_id=link.id)
            assert (decision.outcome, decision.bind) == (Outcome.SIGNED_IN, True)
            other = replace(CLAIMS, subject="s2")
            spent = changes.arrive(tx, other, BY_HAND, at=NOW, link_id=link.id)
            assert spent.reason is Reason.LINK
            again = changes.arrive(tx, CLAIMS, BY_HAND, at=NOW, link_id=link.id)
            assert again.outcome is Outcome.SIGNED_IN
        row = staff_row(added.staff_id)
        assert (row.subject, row.email, row.name) == ("s1", "sam@host.example", "Sam")
        assert events()[2:4] == ["staff.bound", "staff.signed_in"]

    def test_a_link_that_expired_binds_nobody(self):
        """By the protocol clock."""
        with writing() as tx:
            added = add(tx)
            link = db.session.scalars(select(StaffLink)).one()
            late = NOW + timedelta(days=7)
            decision = changes.arrive(tx, CLAIMS, BY_HAND, at=late, link_id=link.id)
        assert decision.reason is Reason.LINK
        assert not staff_row(added.staff_id).bound

    def test_a_sign_in_link_binds_nobody(self):
        """Break-glass is another purpose."""
        with writing() as tx:
            added = add(tx, host_issuer="")
            link = changes.make_sign_in_link(tx, added.staff_id, at=NOW)
            decision = changes.arrive(tx, CLAIMS, BY_HAND, at=NOW, link_id=link.id)
        assert decision.reason is Reason.NOT_BOUND

    def test_name_and_address_follow_the_host(self):
        """But an address that a colleague has stays theirs."""
        with writing() as tx:
            add(tx, email="dee@host.example", host_issuer="")
            sam = add(tx, subject="s1").staff_id
            new = replace(CLAIMS, email="samuel@host.example", name="Samuel")
            changes.arrive(tx, new, BY_HAND, at=NOW)
            assert tx.session.get_one(Staff, sam).email == "samuel@host.example"
            taken = replace(CLAIMS, email="dee@host.example", name=None)
            changes.arrive(tx, taken, BY_HAND, at=NOW)
        row = staff_row(sam)
        assert (row.email, row.name) == ("samuel@host.example", "Samuel")

    def test_a_claim_that_says_nothing_loses_nobody_their_role(self):
        """Deciding waits, admins are told once, and the claim's word ends it."""
        with writing() as tx:
            factories.admin(tx)
            sam = changes.arrive(tx, said("sponsors"), BY_CLAIM, at=NOW).staff_id
            assert sam is not None
            for _ in range(2):
                changes.arrive(tx, CLAIMS, BY_CLAIM, at=NOW)
            row = tx.session.get_one(Staff, sam)
            assert (row.is_sponsor, row.roles_unknown) == (True, True)
        assert [one.to for one in mails("admin.role_unknown")] == ["ada@host.example"]
        assert events().count("staff.role_unknown") == 1
        with writing(LATER) as tx:
            changes.arrive(tx, said("sponsors"), BY_CLAIM, at=LATER)
        row_now = staff_row(sam)
        assert (row_now.roles, row_now.roles_unknown) == (("sponsor",), False)
        with writing(LATER) as tx:
            lost = changes.arrive(tx, said("other"), BY_CLAIM, at=LATER)
        assert (lost.outcome, lost.reason, lost.staff_id) == (
            Outcome.REFUSED,
            Reason.NO_ROLE,
            sam,
        )
        assert staff_row(sam).roles == ()
        assert staff_row(sam).name == "Sam"

    def test_the_claim_rules_those_put_in_by_hand_too(self):
        """Both ways, when one is configured."""
        with writing() as tx:
            sam = add(tx, subject="s1").staff_id
            decision = changes.arrive(tx, said("admins"), BY_CLAIM, at=NOW)
        assert decision.outcome is Outcome.ROLES_CHANGED
        assert (staff_row(sam).roles, staff_row(sam).roles_from_claim) == (("admin",), True)


class TestLinks:
    """Single-use, short, stored as a hash."""

    def test_break_glass_signs_in_once_and_tells_all_admins(self):
        """15 minutes, by the protocol clock."""
        with writing() as tx:
            ada = factories.admin(tx)
            factories.admin(tx, "bob@host.example")
            link = changes.make_sign_in_link(tx, ada, at=NOW)
        assert link.expires_at == NOW + timedelta(minutes=15)
        assert link.url("https://p.example/") == f"https://p.example/staff/link/{link.token}"
        told = [one.to for one in mails("admin.break_glass")]
        assert told == ["ada@host.example", "bob@host.example"]
        found = queries.link_by_hash(db.session, hash_token(link.token))
        assert found is not None
        assert (found.staff_id, found.purpose, found.used_at) == (ada, "sign_in", None)
        assert queries.link_by_hash(db.session, link.token) is None
        with writing() as tx:
            assert changes.use_link(tx, link.token, "sign_in", at=NOW) == ada
        assert staff_row(ada).last_sign_in_at == NOW
        assert events()[-2:] == ["staff.link_made", "staff.signed_in"]
        with pytest.raises(Refused, match="used already"), writing() as tx:
            changes.use_link(tx, link.token, "sign_in", at=NOW)

    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (lambda tx, link: changes.use_link(tx, "x", "sign_in", at=NOW), "not known"),
            (lambda tx, link: changes.use_link(tx, link.token, "bind", at=NOW), "not known"),
            (
                lambda tx, link: changes.use_link(
                    tx, link.token, "sign_in", at=NOW + timedelta(minutes=15)
                ),
                "expired",
            ),
        ],
    )
    def test_what_does_not_open(self, make: Callable[[Tx, changes.Link], UUID], words: str):
        """Unknown, of another purpose, too late."""
        with writing() as tx:
            link = changes.make_sign_in_link(tx, factories.admin(tx), at=NOW)
        with pytest.raises(Refused, match=words), writing() as tx:
            make(tx, link)

    def test_a_newer_link_closes_the_older(self):
        """Of the same purpose only."""
        with writing() as tx:
            ada = factories.admin(tx)
            changes.mail_bind_link(tx, ada, public_url=PUBLIC_URL, at=NOW)
            old = changes.make_sign_in_link(tx, ada, at=NOW)
            new = changes.make_sign_in_link(tx, ada, at=NOW)
            with pytest.raises(Refused, match="used already"):
                changes.use_link(tx, old.token, "sign_in", at=NOW)
            changes.use_link(tx, new.token, "sign_in", at=NOW)
        links = db.session.scalars(select(StaffLink).where(StaffLink.used_at.is_(None))).all()
        assert [one.purpose for one in links] == ["bind"]

    def test_a_bind_link_signs_nobody_in(self):
        """It only leads to the host's sign-in."""
        with writing() as tx:
            added = add(tx)
            link = changes.make_link(tx, added.staff_id, "bind", at=NOW, life=timedelta(days=1))
            assert changes.use_link(tx, link.token, "bind", at=NOW) == added.staff_id
        assert staff_row(added.staff_id).last_sign_in_at is None

    def test_nobody_without_a_role_is_let_in(self):
        """Who left, or has lost every role."""
        with writing() as tx:
            factories.admin(tx)
            sam = factories.staff(tx)
            link = changes.make_sign_in_link(tx, sam, at=NOW)
            row = tx.session.get_one(Staff, sam)
            row.state = "left"
            tx.session.flush()
            with pytest.raises(Refused, match="has left"):
                changes.use_link(tx, link.token, "sign_in", at=NOW)
            with pytest.raises(Refused, match="no role here"):
                changes.make_sign_in_link(tx, sam, at=NOW)
            row.state, row.is_sponsor = "active", False
            tx.session.flush()
            with pytest.raises(Refused, match="no role here"):
                changes.make_sign_in_link(tx, sam, at=NOW)


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
    assert queries.staff_emails(db.session) == {"ada@host.example", "n@x.example"}
