"""Fixtures of the pages."""

import pytest
from flask import Flask

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
