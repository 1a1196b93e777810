"""Trust is written with its events, or refused with the database unchanged."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, inspect, select

from portal.audit import queries as audit
from portal.audit.models import AuditEvent
from portal.audit.rules import fold, plain
from portal.foundation.db import Base, db
from portal.foundation.refused import Refused
from portal.foundation.transaction import Tx
from portal.trust import changes, queries
from portal.trust.models import (
    Contract,
    Domain,
    IdentityProvider,
    Offer,
    Organisation,
    OrganisationSponsor,
    Policy,
    Terms,
)
from portal.trust.rules import FIRST_DEFAULTS
from tests import factories
from tests.factories import HOUSE, NOW, writing

pytestmark = pytest.mark.usefixtures("database")

UNKNOWN_SPONSOR = (
    "No employee with the address new@host.example is known here. Add them first: "
    "portal staff add new@host.example --name NAME"
)


def events() -> list[str]:
    return [one.event for one in audit.search(db.session, audit.Filter(), oldest_first=True)]


def last_event() -> audit.Entry:
    return audit.search(db.session, audit.Filter(), limit=1)[0]


def rows(model: type[Base], *left_out: str) -> dict[str, dict[str, Any]]:
    """Return a table as folding the events gives it."""
    names = [one.key for one in inspect(model).columns if one.key not in left_out]
    found = db.session.scalars(select(model)).all()
    return {
        str(row.id): {name: plain(getattr(row, name)) for name in names}  # type: ignore[attr-defined]
        for row in found
    }


def test_folding_the_events_gives_the_rows():
    """Every column that a change sets is in its event."""
    with writing() as tx:
        partner = factories.partner(
            tx, deputy="dee@host.example", policy={"approval": "at-once", "most_guests": 5}
        )
        offer_id = factories.offer(tx, partner.id, when=("department", "Finance"))
    with writing(NOW + timedelta(days=1)) as tx:
        changes.set_policy(tx, partner.id, {"most_guests": None, "accepted_acr": ["gold"]})
        changes.set_contract(tx, partner.contract_id, last_day=date(2030, 1, 31))
        changes.change_organisation(tx, partner.id, name="Acme Corp", unlisted=True)
        changes.suspend(tx, partner.id, "They were sold")
        changes.withdraw_offer(tx, offer_id)
        changes.note_trial(tx, partner.provider_id, outcome="arrive", reasons=[])
        changes.publish_terms(tx, "Be kind.", published_by="Ada")
        changes.name_sponsors(tx, partner.id, sponsors=[partner.deputy_id or partner.sponsor_id])
    folded = fold(audit.replayable(db.session))
    for model in (Organisation, Domain, Contract, Policy, Offer, Terms):
        assert rows(model) == folded[model.__tablename__], model
    assert rows(IdentityProvider, "client_secret") == folded["identity_provider"]
    named = {
        one: row for one, row in folded["organisation_sponsor"].items() if row["organisation_id"]
    }
    assert rows(OrganisationSponsor) == named


def test_the_secret_is_stored_encrypted_and_is_in_no_event():
    """Neither the database nor the log holds it in clear."""
    secret = select(IdentityProvider.client_secret)
    with writing() as tx:
        partner = factories.partner(tx, client_secret="swordfish-1")
        assert "swordfish" not in tx.session.scalars(secret).one()
        changes.replace_secret(tx, partner.provider_id, "swordfish-2\n")
    stored = db.session.scalars(secret).one()
    assert "swordfish" not in stored
    found = queries.provider_by_id(db.session, partner.provider_id)
    assert found is not None
    assert found.client_secret == "swordfish-2"
    assert "swordfish" not in repr(found)
    assert stored not in repr(found)
    said = repr(db.session.scalars(select(AuditEvent.data)).all())
    assert "swordfish" not in said
    assert "'client_secret'" not in said


def test_replacing_the_secret_disables_nothing():
    """People go on signing in."""
    with writing() as tx:
        partner = factories.partner(tx)
        changes.replace_secret(tx, partner.provider_id, "another")
    assert db.session.get_one(IdentityProvider, partner.provider_id).state == "enabled"
    assert last_event().reason == "identity_provider.secret_replaced"


def add_contract(**values: Any) -> Callable[[Tx, factories.Partner], object]:
    whole: dict[str, Any] = {
        "reference": "C-2",
        "first_day": date(2026, 1, 1),
        "last_day": date(2026, 12, 31),
        "time_zone": "Europe/Berlin",
    }
    return lambda tx, partner: changes.add_contract(tx, partner.id, **(whole | values))


def add_provider(slug: str = "two", **values: Any) -> Callable[[Tx, factories.Partner], object]:
    return lambda tx, partner: factories.provider(
        tx, partner.id, **({"slug": slug, "issuer": "https://two.example"} | values)
    )


def change_provider(people: int = 0, **values: Any) -> Callable[[Tx, factories.Partner], object]:
    return lambda tx, partner: changes.change_identity_provider(
        tx, partner.provider_id, values, house=HOUSE, people=people
    )


def domain(name: str) -> Callable[[Tx, factories.Partner], object]:
    return lambda tx, partner: changes.add_domain(
        tx, partner.id, name, vouched_by="Ada", house=HOUSE
    )


def policy(organisation: bool = True, **values: Any) -> Callable[[Tx, factories.Partner], object]:
    return lambda tx, partner: changes.set_policy(tx, partner.id if organisation else None, values)


def sponsors(
    *emails: str, deputy: str | None = None, lead: str | None = None
) -> Callable[[Tx, factories.Partner], object]:
    def do(tx: Tx, partner: factories.Partner) -> None:
        def find(email: str) -> UUID:
            return changes.sponsor_by_email(tx, "sponsor", email)

        changes.name_sponsors(
            tx,
            partner.id,
            sponsors=[find(one) for one in emails],
            deputy=find(deputy) if deputy else None,
            lead=find(lead) if lead else None,
        )

    return do


@pytest.mark.parametrize(
    ("field", "words", "change"),
    [
        ("slug", "already", lambda tx, p: changes.add_organisation(tx, slug="acme", name="X")),
        ("slug", "lower-case", lambda tx, p: changes.add_organisation(tx, slug="A!", name="X")),
        ("name", "Enter", lambda tx, p: changes.add_organisation(tx, slug="x", name=" ")),
        ("domain", "already held by Acme", domain("ACME.example.")),
        ("domain", "already held by Beta", domain("beta.example")),
        ("domain", "host's own", domain("Host.Example")),
        ("domain", "Anybody can register", domain("co.uk")),
        ("domain", "like example.com", domain("acme")),
        ("domain", "at least one", lambda tx, p: changes.set_domains(
            tx, p.id, [], vouched_by="Ada", house=HOUSE)),
        ("domain", "already held by Beta", lambda tx, p: changes.set_domains(
            tx, p.id, ["new.example", "beta.example"], vouched_by="Ada", house=HOUSE)),
        ("last_day", "before it starts", add_contract(last_day=date(2025, 12, 31))),
        ("last_day", "open-ended", add_contract(last_day=None)),
        ("last_day", "Leave out", add_contract(open_ended=True)),
        ("time_zone", "Did you mean Europe/Berlin?", add_contract(time_zone="Europe/Berln")),
        ("reference", "already", add_contract(reference="C-1")),
        ("reference", "Enter", add_contract(reference="")),
        ("last_day", "before it starts", lambda tx, p: changes.set_contract(
            tx, p.contract_id, last_day=date(2020, 1, 1))),
        ("approval", "Choose", policy(approval="never")),
        ("most_guests", "from 0 to", policy(most_guests=-1)),
        ("review_days", "Enter a value", policy(organisation=False, review_days=None)),
        ("reason", "Enter", lambda tx, p: changes.suspend(tx, p.id, "")),
        ("organisation", "not suspended", lambda tx, p: changes.resume(tx, p.id)),
        ("slug", "already", add_provider(slug="id")),
        ("issuer", "https://", add_provider(issuer="http://two.example")),
        ("client_secret", "Enter", add_provider(client_secret=" ")),
        ("required_claims", "Another identity provider", add_provider(
            issuer="https://id.acme.example")),
        ("subject_claim", "stranger", add_provider(
            issuer="https://id.beta.example/", subject_claim="pid", required_claims={"t": "2"})),
        ("subject_claim", "planned move", change_provider(people=1, subject_claim="pid")),
        ("issuer", "planned move", change_provider(people=2, issuer="https://new.example")),
        ("issuer", "changed meanwhile", lambda tx, p: changes.note_connection_test(
            tx, p.provider_id, issuer="https://old.example", passed=True, findings=None)),
        ("sponsor", UNKNOWN_SPONSOR, sponsors("new@host.example")),
        ("sponsor", "like name@example.com", sponsors("new")),
        ("sponsor", "at least one", sponsors()),
        ("sponsor", "no sponsor yet", sponsors("ada@host.example")),
        ("sponsor", "has left", lambda tx, p: changes.name_sponsors(
            tx, p.id, sponsors=[gone(tx)])),
        ("sponsor", "cannot decide", sponsors("in@acme.example")),
        ("deputy", "not one of", sponsors("sam@host.example", deputy="sam@host.example")),
        ("lead", "among", sponsors("sam@host.example", lead="dee@host.example")),
        ("body", "counts already", lambda tx, p: changes.publish_terms(
            tx, changes.offers.first_terms() + "\n", published_by="Ada")),
        ("body", "Enter", lambda tx, p: changes.publish_terms(tx, " \n", published_by="Ada")),
        ("entitlement", "already", lambda tx, p: changes.offer(tx, p.id, offered(tx))),
        ("when", "Choose one", lambda tx, p: changes.offer(
            tx, p.id, offered(tx), default=True, when=("a", "b"))),
    ],
)  # fmt: skip
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_cannot_be_is_refused(
    field: str, words: str, change: Callable[[Tx, factories.Partner], object]
):
    """The refusal names the field and what to do; the database stays as it was."""
    with writing() as tx:
        partner = factories.partner(tx)
        factories.partner(tx, "beta")
        factories.provider(
            tx,
            partner.id,
            slug="beta",
            issuer="https://id.beta.example/",
            state="disabled",
            required_claims={"t": "1"},
        )
        factories.admin(tx)
        factories.staff(tx, "dee@host.example")
        factories.staff(tx, "in@acme.example")
        factories.offer(tx, partner.id)
    before = snapshot()
    with pytest.raises(Refused) as refused, writing() as tx:
        change(tx, partner)
    assert refused.value.field == field
    assert words in refused.value.message
    assert snapshot() == before


def gone(tx: Tx) -> UUID:
    from portal.staff import changes as staff_changes

    staff_id = factories.staff(tx, "gone@host.example")
    staff_changes.remove(tx, staff_id)
    return staff_id


def offered(tx: Tx) -> UUID:
    return tx.session.scalars(select(Offer.entitlement_id)).one()


def snapshot() -> object:
    models = (Organisation, Domain, Contract, Policy, IdentityProvider, OrganisationSponsor, Offer)
    count = db.session.scalar(select(func.count()).select_from(AuditEvent))
    return [rows(model) for model in models], rows(Terms), count


def test_the_transaction_goes_on_after_a_refusal():
    """What a unique constraint refuses takes nothing else of the transaction with it."""
    with writing() as tx:
        organisation_id = factories.organisation(tx)
        with pytest.raises(Refused):
            changes.add_organisation(tx, slug="acme", name="Another")
        changes.change_organisation(tx, organisation_id, name="Acme Corp")
    found = queries.organisation_by_slug(db.session, "acme")
    assert found is not None
    assert found.name == "Acme Corp"


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
        with pytest.raises(LookupError, match="portal db upgrade"):
            queries.policies_for(db.session, [])

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
        found = queries.policies_for(db.session, [acme, beta])
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


class TestDomains:
    """Held by one organisation, exactly."""

    def test_the_door_finds_listed_organisations_only(self):
        """An unlisted one is reached by its own link."""
        with writing() as tx:
            acme = factories.organisation(tx, domains=["acme.example", "bücher.example"])
            factories.organisation(tx, "beta", unlisted=True)
        found = queries.organisation_for_domain(db.session, "xn--bcher-kva.example")
        assert found is not None
        assert found.id == acme
        assert queries.organisation_for_domain(db.session, "beta.example") is None
        assert queries.organisation_for_domain(db.session, "sub.acme.example") is None
        holder = queries.holder_of(db.session, "beta.example")
        assert holder is not None
        assert holder.slug == "beta"

    def test_setting_them_keeps_adds_and_takes_away(self):
        """Who vouched for a kept one stays."""
        with writing() as tx:
            acme = factories.organisation(tx, domains=["acme.example", "old.example"])
        with writing() as tx:
            changes.set_domains(
                tx, acme, ["new.example", "Acme.Example"], vouched_by="Bob", house=HOUSE
            )
        vouched = {row.name: row.vouched_by for row in queries.domain_rows(db.session, acme)}
        assert vouched == {"acme.example": "Ada", "new.example": "Bob"}
        assert events()[-2:] == ["domain.removed", "domain.added"]
        assert queries.domains(db.session, acme) == {"acme.example", "new.example"}


class TestSponsors:
    """Who may decide."""

    def test_naming_moves_roles_without_breaking_a_constraint(self):
        """Deputy and lead change places in one go."""
        with writing() as tx:
            acme = factories.organisation(tx)
            sam, dee, max_ = (factories.staff(tx, f"{one}@host.example") for one in
                              ("sam", "dee", "max"))  # fmt: skip
            changes.name_sponsors(tx, acme, sponsors=[sam, max_], deputy=dee, lead=sam)
            changes.name_sponsors(tx, acme, sponsors=[dee, max_], deputy=sam, lead=max_)
            changes.name_sponsors(tx, acme, sponsors=[dee, max_], deputy=sam, lead=dee)
        named = [(row.email, row.role, row.lead) for row in queries.sponsors(db.session, acme)]
        assert named == [
            ("dee@host.example", "sponsor", True),
            ("max@host.example", "sponsor", False),
            ("sam@host.example", "deputy", False),
        ]

    def test_only_able_ones_may_decide(self):
        """Not one who left, lost the role, whose roles are unknown, or of the partner's domain."""
        from portal.staff.models import Staff

        with writing() as tx:
            acme = factories.organisation(tx)
            names = ("sam", "left", "lost", "unknown")
            ids = {one: factories.staff(tx, f"{one}@host.example") for one in names}
            ids["theirs"] = factories.staff(tx, "theirs@new.example")
            changes.name_sponsors(tx, acme, sponsors=list(ids.values()))
            tx.session.get_one(Staff, ids["left"]).state = "left"
            tx.session.get_one(Staff, ids["lost"]).is_sponsor = False
            tx.session.get_one(Staff, ids["unknown"]).roles_unknown = True
            changes.add_domain(tx, acme, "new.example", vouched_by="Ada", house=HOUSE)
        able = queries.eligible_sponsors(db.session, acme)
        assert [one.email for one in able] == ["sam@host.example"]
        organisations = queries.organisations_of_sponsor(db.session, ids["sam"])
        assert [one.slug for one in organisations] == ["acme"]


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
            retest = changes.change_identity_provider(
                tx, partner.provider_id, values, house=HOUSE, people=0
            )
        found = queries.provider_by_id(db.session, partner.provider_id)
        assert found is not None
        assert (found.state, found.tested_at is None) == (state, state == "draft")
        assert retest == (state == "draft")
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
        standing = queries.standing_offers(db.session, partner.id)
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


def test_terms_have_versions():
    """The newest counts, older ones can be read."""
    with writing() as tx:
        changes.ensure_defaults(tx)
        assert changes.publish_terms(tx, "Be kind.\r\n\r\nAlways.", published_by="Ada") == 2
    assert queries.current_terms(db.session).body == "Be kind.\n\nAlways."
    assert [one.version for one in queries.terms_history(db.session)] == [2, 1]


def test_the_name_of_who_vouches_is_a_personal_field(database: Flask):
    """It stands in the side table, so that a person can be erased from the log."""
    with writing() as tx:
        factories.organisation(tx)
    entry = audit.search(db.session, audit.Filter(event="domain.added"))[0]
    assert "Ada" not in repr(entry.data)
    assert "Ada" in repr(entry.personal)
