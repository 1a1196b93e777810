"""Identity providers are written with their events, or refused."""

from typing import Any

import pytest

from portal.foundation.db import db
from portal.foundation.refused import Refused
from portal.trust import changes, queries
from tests import factories
from tests.factories import HOUSE, writing
from tests.trust.log import events, last_event

pytestmark = pytest.mark.usefixtures("database")


class TestProviders:
    """Tested, enabled, changed, disabled."""

    def test_enabling_needs_a_test_that_passed(self):
        """A failed one keeps what it found and allows nothing."""
        with writing() as tx:
            acme = factories.organisation(tx)
            provider_id = factories.provider(tx, acme, state="draft")
            changes.note_connection_test(
                tx,
                provider_id,
                issuer="https://id.acme.example",
                passed=False,
                findings={"fault": "no keys"},
            )
            with pytest.raises(Refused, match="Test the connection first"):
                changes.enable(tx, provider_id)
        found = queries.provider_by_id(db.session, provider_id)
        assert found is not None
        assert (found.state, found.findings) == ("draft", {"fault": "no keys"})
        assert found.endpoint_hosts == ()

    def test_a_test_that_fails_loosens_nothing(self):
        """The hosts that a passed test saw stay pinned while the provider is down."""
        with writing() as tx:
            partner = factories.partner(tx)
            for passed, hosts in ((True, ["id.acme.example"]), (False, [])):
                changes.note_connection_test(
                    tx,
                    partner.provider_id,
                    issuer=partner.issuer,
                    passed=passed,
                    findings={"passed": passed, "hosts": hosts},
                )
        found = queries.provider_by_id(db.session, partner.provider_id)
        assert found is not None
        assert found.endpoint_hosts == ("id.acme.example",)
        assert (found.state, found.findings["passed"]) == ("enabled", False)

    @pytest.mark.parametrize(
        ("values", "state"),
        [
            ({"name": "New"}, "enabled"),
            ({"scopes": ["openid", "groups"]}, "enabled"),
            ({"addresses": "verified"}, "enabled"),
            ({"client_auth": "client_secret_post"}, "enabled"),
            ({"claim_map": {"email": "mail"}}, "enabled"),
            ({"required_claims": {"org": "acme"}}, "enabled"),
            ({"client_id": "other"}, "draft"),
            ({"issuer": "https://new.example"}, "draft"),
            ({"subject_claim": "pid"}, "draft"),
        ],
    )
    def test_another_connection_must_be_tested_again(self, values: dict[str, Any], state: str):
        """What does not touch the connection goes on."""
        with writing() as tx:
            partner = factories.partner(tx)
            anew = changes.change_identity_provider(
                tx, partner.provider_id, values, house=HOUSE, people=0
            )
        found = queries.provider_by_id(db.session, partner.provider_id)
        assert found is not None
        assert (found.state, found.tested_at is None) == (state, state == "draft")
        asks_more = not {"required_claims", "addresses", "claim_map"}.isdisjoint(values)
        assert anew == (state == "draft" or asks_more)
        assert set(last_event().data["was"]) == set(values)

    def test_a_disabled_one_stays_disabled_when_it_changes(self):
        """An edit enables nothing and makes nothing a draft that somebody had disabled."""
        with writing() as tx:
            partner = factories.partner(tx, state="disabled")
            changes.change_identity_provider(
                tx, partner.provider_id, {"client_id": "new"}, house=HOUSE, people=0
            )
        found = queries.provider_by_id(db.session, partner.provider_id)
        assert found is not None
        assert (found.state, found.tested_at) == ("disabled", None)

    def test_a_pairwise_subject_pins_the_client_id_once_people_are_known(self):
        """The test saw what the provider offers; a public subject leaves the client id free."""
        with writing() as tx:
            partner = factories.partner(tx)
            change = {"client_id": "other"}
            edit = (partner.provider_id, change)
            changes.note_connection_test(
                tx,
                partner.provider_id,
                issuer=partner.issuer,
                passed=True,
                findings={"subject_types": ["pairwise"]},
            )
            with pytest.raises(Refused, match="client id") as refused:
                changes.change_identity_provider(tx, *edit, house=HOUSE, people=1)
            assert refused.value.field == "client_id"
            changes.note_connection_test(
                tx, partner.provider_id, issuer=partner.issuer, passed=True, findings=["public"]
            )
            assert changes.change_identity_provider(tx, *edit, house=HOUSE, people=1)

    def test_a_disabled_one_is_held_against_others_when_enabled_again(self):
        """Meanwhile another organisation may have taken its issuer (architecture 2.7)."""
        with writing() as tx:
            first = factories.partner(tx, issuer="https://shared.example", state="disabled")
            second = factories.partner(tx, "beta", issuer="https://shared.example")
            with pytest.raises(Refused) as refused:
                changes.enable(tx, first.provider_id)
            assert refused.value.field == "required_claims"
            for one, value in ((first, "a"), (second, "b")):
                changes.change_identity_provider(
                    tx,
                    one.provider_id,
                    {"required_claims": {"org": value}},
                    house=HOUSE,
                    people=0,
                )
            changes.enable(tx, first.provider_id)
            changes.enable(tx, first.provider_id)
        enabled = queries.enabled_providers(db.session, first.id)
        assert [one.id for one in enabled] == [first.provider_id]
        assert events().count("identity_provider.enabled") == 3

    def test_the_row_carries_what_the_conversation_needs(self):
        """Strength of the policy and the claims that offers decide by."""
        with writing() as tx:
            partner = factories.partner(tx, policy={"accepted_acr": ["gold"]})
            factories.offer(tx, partner.id, when=("department", "Finance"))
            second = factories.entitlement(tx, slug="write")
            gone = factories.offer(tx, partner.id, second, when=("gone", "1"))
            changes.withdraw_offer(tx, gone)
            with pytest.raises(Refused, match="withdrawn already"):
                changes.withdraw_offer(tx, gone)
        found = queries.connection_for(db.session, "acme", "id")
        assert found is not None
        assert found.accepted_acr == ("gold",)
        assert found.wanted_claims == ("department",)
        assert found.callback_path == "/sign-in/acme/id/callback"
        assert found.sign_in_path == "/sign-in/acme/id"
        assert queries.connection_for(db.session, "acme", "other") is None
        assert [one.slug for one in queries.providers(db.session)] == ["id"]
        assert queries.providers(db.session, partner.id) == queries.providers(db.session)
        standing = queries.offers(db.session, partner.id)
        assert [(one.application_name, one.entitlement_name) for one in standing] == [
            ("Wiki", "Read")
        ]

    def test_disabling_twice_is_once(self):
        """Nothing happens the second time, so nothing is said."""
        with writing() as tx:
            partner = factories.partner(tx)
            changes.disable(tx, partner.provider_id)
            changes.disable(tx, partner.provider_id)
        assert events().count("identity_provider.disabled") == 1
        assert queries.enabled_providers(db.session, partner.id) == []
