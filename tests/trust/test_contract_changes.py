"""Contracts, policies and their defaults are written with their events, or refused."""

from datetime import UTC, date, datetime, timedelta

import pytest

from portal.foundation.db import db
from portal.trust import changes, queries
from portal.trust.models import (
    Contract,
)
from portal.trust.rules import FIRST_DEFAULTS
from tests import factories
from tests.factories import NOW, writing
from tests.trust.log import events, last_event

pytestmark = pytest.mark.usefixtures("database")


class TestDefaults:
    """The portal-wide defaults and the first terms."""

    def test_are_inserted_once(self):
        """A second start changes nothing."""
        for _ in range(2):
            with writing() as tx:
                changes.ensure_defaults(tx)
        policy = queries.default_policy(db.session)
        assert policy.approval == "first"
        assert (policy.approval_days, policy.address_days) == (7, 14)
        assert (policy.review_days, policy.grace_days, policy.inactivity_days) == (90, 14, 60)
        assert (policy.longest_days, policy.most_guests, policy.most_new_per_hour) == (365, 100, 20)
        assert (policy.accepted_acr, policy.accepted_amr) == ((), ())
        assert queries.current_terms(db.session).version == 1
        assert "guest" in queries.current_terms(db.session).body
        assert events() == ["policy.changed", "terms.published"]

    def test_without_them_the_error_says_what_to_do(self):
        """A database that nobody upgraded."""
        with pytest.raises(LookupError, match="portal db upgrade"):
            queries.default_policy(db.session)
        with pytest.raises(LookupError, match="portal db upgrade"):
            queries.current_terms(db.session)
        with writing() as tx:
            acme = changes.add_organisation(tx, slug="acme", name="Acme", unlisted=False)
        with pytest.raises(LookupError, match="portal db upgrade"):
            queries.policy_for(db.session, acme)

    def test_are_every_field(self):
        """The shipped defaults are whole."""
        assert set(FIRST_DEFAULTS) == set(queries.policies.POLICY_FIELDS)


class TestPolicy:
    """Every edit is a new version."""

    def test_an_edit_keeps_the_history(self):
        """What counted before can be read later; what changed is in the event."""
        with writing() as tx:
            organisation_id = factories.organisation(tx, policy={"most_guests": 5})
        later = NOW + timedelta(days=3)
        with writing(later) as tx:
            assert changes.set_policy(tx, organisation_id, {"most_guests": 6, "review_days": 30})
        newest, oldest = queries.policy_history(db.session, organisation_id)
        assert (newest.version, newest.since, newest.values["most_guests"]) == (2, later, 6)
        assert (oldest.version, oldest.since, oldest.values["most_guests"]) == (1, NOW, 5)
        assert last_event().data["was"] == {"most_guests": 5, "review_days": None}

    def test_no_change_is_no_version(self):
        """The same values again."""
        with writing() as tx:
            organisation_id = factories.organisation(tx, policy={"most_guests": 5})
            assert not changes.set_policy(tx, organisation_id, {"most_guests": 5})
        assert len(queries.policy_history(db.session, organisation_id)) == 1

    def test_own_values_go_before_the_defaults_and_can_be_given_back(self):
        """Each organisation has its own; a changed default reaches the others."""
        with writing() as tx:
            acme = factories.organisation(tx, policy={"most_guests": 5, "accepted_amr": []})
            beta = factories.organisation(tx, "beta")
            changes.set_policy(tx, None, {"most_guests": 7, "accepted_amr": ["mfa"]})
        found = {one: queries.policy_for(db.session, one) for one in (acme, beta)}
        assert (found[acme].most_guests, found[acme].accepted_amr) == (5, ())
        assert (found[beta].most_guests, found[beta].accepted_amr) == (7, ("mfa",))
        assert queries.policy_own(db.session, acme) == ("most_guests", "accepted_amr")
        with writing() as tx:
            changes.set_policy(tx, acme, {"most_guests": None})
        assert queries.policy_for(db.session, acme).most_guests == 7
        assert queries.policy_own(db.session, acme) == ("accepted_amr",)
        assert queries.policy_own(db.session, beta) == ()


class TestContracts:
    """The window of a contract, and which one counts."""

    def test_an_end_moves_and_has_to_be_carried_out_again(self):
        """A settled end that moves to the future is open again; in the past it stays settled."""
        with writing() as tx:
            organisation_id = factories.organisation(tx)
            contract_id = factories.contract(tx, organisation_id, last_day=date(2026, 5, 31))
            row = tx.session.get_one(Contract, contract_id)
            row.settled_at = NOW
            tx.session.flush()
            assert changes.set_contract(tx, contract_id, last_day=date(2026, 5, 30))
            assert row.settled_at == NOW
            assert changes.set_contract(tx, contract_id, last_day=date(2026, 6, 1))
            assert row.settled_at is None
            assert row.ends_at == datetime(2026, 6, 1, 22, tzinfo=UTC)
            assert not changes.set_contract(tx, contract_id, last_day=date(2026, 6, 1))
            row.settled_at = NOW
            tx.session.flush()
            assert changes.set_contract(tx, contract_id, open_ended=True)
        found = queries.contract_by_id(db.session, contract_id)
        assert found is not None
        assert (found.last_day, found.ends_at, found.open_ended) == (None, None, True)
        assert found.settled_at is None
        assert set(last_event().data["was"]) == {"last_day", "open_ended", "ends_at", "settled_at"}

    def test_it_can_end_in_the_course_of_a_day(self):
        """An organisation that is ended now does not work until midnight."""
        with writing() as tx:
            organisation_id = factories.organisation(tx)
            contract_id = factories.contract(tx, organisation_id)
            changes.set_contract(tx, contract_id, last_day=NOW.date(), ends_at=NOW)
        assert queries.running_contract(db.session, organisation_id, NOW) is None
        before = NOW - timedelta(microseconds=1)
        assert queries.running_contract(db.session, organisation_id, before) is not None

    @pytest.mark.parametrize(
        ("lasts", "expected"),
        [
            ([("A", date(2026, 6, 30)), ("B", date(2026, 7, 31))], "B"),
            ([("A", None), ("B", date(2099, 7, 31))], "A"),
            ([("A", date(2026, 5, 31)), ("B", date(2026, 6, 1))], "B"),
            ([("A", date(2026, 5, 31))], None),
        ],
    )
    def test_of_those_running_the_last_to_end_counts(
        self, lasts: list[tuple[str, date | None]], expected: str | None
    ):
        """Open-ended ends last of all; one that has not begun or is over does not count."""
        with writing() as tx:
            organisation_id = factories.organisation(tx)
            for reference, last in lasts:
                factories.contract(
                    tx,
                    organisation_id,
                    reference=reference,
                    last_day=last,
                    open_ended=last is None,
                )
            factories.contract(
                tx,
                organisation_id,
                reference="later",
                first_day=date(2026, 6, 2),
                open_ended=True,
                last_day=None,
            )
        found = queries.running_contract(db.session, organisation_id, NOW)
        assert (found and found.reference) == expected
