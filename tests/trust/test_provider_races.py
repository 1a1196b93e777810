"""Two admins change two identity providers of one issuer at the same moment."""

from typing import Any

import pytest

from portal.foundation.transaction import Tx
from portal.trust import changes
from portal.trust.changes import providers
from tests import factories
from tests.factories import HOUSE, writing
from tests.infra.ports import wait_until
from tests.racing import beside, somebody_waits

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
SHARED = "https://id.shared.example"


def enable(tx: Tx, provider_id: Any) -> None:
    changes.enable(tx, provider_id)


def rename(tx: Tx, provider_id: Any) -> None:
    changes.change_identity_provider(tx, provider_id, {"name": "New"}, house=HOUSE, people=0)


def move(tx: Tx, provider_id: Any) -> None:
    values = {"issuer": SHARED}
    changes.change_identity_provider(tx, provider_id, values, house=HOUSE, people=0)


@pytest.mark.parametrize("change", [enable, rename, move])
@pytest.mark.usefixtures("database")
def test_one_waits_for_the_other(monkeypatch, change):
    """Both lock all of the issuer's in one order, so that none is taken back."""
    own = "https://id.own.example" if change is move else SHARED
    with writing() as tx:
        acme = factories.organisation(tx)
        one, other = (
            factories.provider(tx, acme, slug=org, issuer=issuer, required_claims={"org": org})
            for org, issuer in (("one", SHARED), ("other", own))
        )

    def beside_us() -> None:
        with writing() as tx:
            enable(tx, one)

    admin, faults = beside(beside_us)
    hold = providers._require_apart

    def late(*arguments: Any, **more: Any) -> None:
        if not admin.ident:
            admin.start()
            wait_until(somebody_waits, "the other admin waits")
        hold(*arguments, **more)

    monkeypatch.setattr(providers, "_require_apart", late)
    with writing() as tx:
        change(tx, other)
    admin.join(20)
    assert faults == []
