"""Trust is written with its events, or refused with the database unchanged."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import func, select

from portal.audit import queries as audit
from portal.audit.models import AuditEvent
from portal.audit.rules import fold
from portal.foundation.db import db
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
from tests import factories
from tests.factories import HOUSE, NOW, writing
from tests.trust.log import events, last_event, rows

pytestmark = pytest.mark.usefixtures("database")

UNKNOWN_SPONSOR = (
    "No employee with the address new@host.example is known here. Put them in under "
    "Staff first, or let them sign in once. At the shell: portal staff add new@host.example "
    "--name NAME --role sponsor"
)


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
        ("sponsor", "no sponsor yet. Put them in under Staff", sponsors("ada@host.example")),
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


def test_the_first_terms_break_no_line_within_a_paragraph():
    """An admin edits them in a field that wraps by itself."""
    paragraphs = changes.offers.first_terms().strip().split("\n\n")
    assert len(paragraphs) > 5
    assert all("\n" not in one for one in paragraphs)
