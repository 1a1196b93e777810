"""Employees at the host's sign-in and by their links: events, or a refusal that changes nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from portal.foundation.crypto import hash_token
from portal.foundation.db import db
from portal.foundation.refused import Refused
from portal.foundation.transaction import Tx
from portal.staff import changes, queries
from portal.staff.models import Staff, StaffLink
from portal.staff.rules import Outcome, Reason, RoleSource, StaffClaims
from tests import factories
from tests.factories import NOW, PUBLIC_URL, writing
from tests.staff.staffing import (
    BY_CLAIM,
    BY_HAND,
    CLAIMS,
    LATER,
    add,
    events,
    mails,
    said,
    snapshot,
    staff_row,
)

pytestmark = pytest.mark.usefixtures("database")


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

    def test_a_missing_name_is_the_address(self):
        """Guests read something."""
        with writing() as tx:
            decision = changes.arrive(tx, replace(said("sponsors"), name=None), BY_CLAIM, at=NOW)
        assert decision.staff_id is not None
        assert staff_row(decision.staff_id).name == "sam@host.example"

    def test_n01_a_missing_name_is_as_much_of_the_address_as_a_name_may_have(self):
        """An address may be longer than a name."""
        email = f"{'a' * 60}@{'.'.join(['b' * 60] * 3)}.example"
        claims = replace(said("sponsors"), name=None, email=email)
        with writing() as tx:
            decision = changes.arrive(tx, claims, BY_CLAIM, at=NOW)
        assert decision.staff_id is not None
        row = staff_row(decision.staff_id)
        assert (row.name, row.email) == (email[:200], email)

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
        # In earnest the mail was sent by then; an unsent one is good for nothing any more.
        assert events()[2:5] == ["staff.bound", "mail.withdrawn", "staff.signed_in"]

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
            assert changes.arrive(tx, new, BY_HAND, at=NOW).address_moved
            assert tx.session.get_one(Staff, sam).email == "samuel@host.example"
            taken = replace(CLAIMS, email="dee@host.example", name=None)
            assert not changes.arrive(tx, taken, BY_HAND, at=NOW).address_moved
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
