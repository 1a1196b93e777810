"""Fixtures of the pages."""

import pytest
from flask import Flask

from portal.foundation.db import db
from portal.trust.queries import organisation_by_slug
from tests import factories
from tests.infra.client import PortalClient
from tests.pages.inside import Inside
from tests.pages.sessions import as_staff
from tests.pages.stage import Stage


@pytest.fixture
def stage(app: Flask, client: PortalClient) -> Stage:
    scene = Inside(app)
    ben = scene.staff("Ben")
    acme = scene.partner("acme", deputy=ben)
    wiki = scene.offer(acme, default=True)
    scene.offer(acme)
    jane = scene.guest(acme)
    as_staff(app, client, acme.sponsor)
    return Stage(app, client, scene, acme, ben, wiki, jane)


@pytest.fixture
def admin(app: Flask, client: PortalClient) -> PortalClient:
    """An admin's browser, on a portal that trusts Acme."""
    with app.app_context():
        with factories.writing() as tx:
            staff_id = factories.admin(tx)
            factories.partner(tx, "acme")
            factories.offer(tx, organisation_by_slug(tx.session, "acme").id)
        db.session.remove()
    as_staff(app, client, staff_id)
    return client
