"""Fixtures: each is a real thing, a database, queue, mail server, browser, that a test asks for.

A test that asks for ``database_url``, and so for ``app`` or ``database``, runs on SQLite and on
PostgreSQL. One that needs only one of them says so with
``@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)``.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import settings as examples
from playwright.sync_api import Browser, BrowserContext, Page, expect

from portal.foundation import clock
from portal.foundation.current import house
from portal.foundation.db import db, init_database
from portal.foundation.settings import Settings
from tests.infra.browser import Complaints, running_browser
from tests.infra.client import PortalClient
from tests.infra.databases import KINDS, Databases, Kind
from tests.infra.folders import fast_folder, sweep
from tests.infra.mailbox import Mailbox, running_mailbox
from tests.infra.postgres import Postgres, running_postgres
from tests.infra.providers import User, canaille_program, running_mock
from tests.infra.queue import running_redis
from tests.infra.tls import Authority

# What Hypothesis does unless a test says otherwise; PORTAL_EXAMPLES=long tries ten thousand.
examples.register_profile("quick", max_examples=100, derandomize=True, deadline=None)
examples.register_profile("long", max_examples=10_000, deadline=None)
examples.load_profile(os.environ.get("PORTAL_EXAMPLES", "quick"))

PUBLIC_URL = "https://guests.host.example"

MakeSettings = Callable[..., Settings]


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run have in common."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base


@pytest.fixture(scope="session")
def postgres(shared_folder: Path) -> Iterator[Postgres]:
    """The PostgreSQL server of this run."""
    with running_postgres(shared_folder) as server:
        yield server


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest, shared_folder: Path) -> Iterator[Databases]:
    """Gives out databases: for tests that need several, or one for many examples."""
    sweep()
    own = fast_folder("sqlite")
    yield Databases(shared_folder, own, lambda: request.getfixturevalue("postgres"))
    shutil.rmtree(own)


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, databases: Databases) -> Iterator[str]:
    """A fresh database with the schema of the last migration: SQLite, then PostgreSQL."""
    kind: Kind = request.param
    url = databases.fresh(kind)
    yield url
    databases.drop(url)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The URL of a Redis-protocol server."""
    with running_redis() as url:
        yield url


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The URL of a Redis-protocol server in which nothing is."""
    import redis

    with redis.Redis.from_url(redis_server) as client:
        client.flushall()
    return redis_server


@pytest.fixture(scope="session")
def _mail_server() -> Iterator[Mailbox]:
    with running_mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def mailbox(_mail_server: Mailbox) -> Mailbox:
    """A mail server in which nothing is; its ``url`` is where the portal's mail goes."""
    _mail_server.clear()
    return _mail_server


@pytest.fixture
def make_settings(
    database_url: str, redis_url: str, mailbox: Mailbox, tmp_path: Path
) -> MakeSettings:
    """Make settings for a portal on this test's database, queue and mail server.

    Keyword arguments replace single settings: ``make_settings(trusted_hops=1)``.
    """

    def make(**changes: object) -> Settings:
        values: dict[str, object] = {
            "env": "development",
            "public_url": PUBLIC_URL,
            "secret_keys": (secrets.token_urlsafe(32),),
            "data_dir": tmp_path,
            "database_url": database_url,
            "redis_url": redis_url,
            "smtp_url": mailbox.url,
            "host_name": "Host Ltd",
            "host_domains": ("host.example",),
            "support_contact": "help@host.example",
        }
        return Settings.checked(None, **(values | changes))

    return make


@pytest.fixture
def settings(make_settings: MakeSettings) -> Settings:
    """Settings of this test's portal."""
    return make_settings()


@pytest.fixture
def database(settings: Settings) -> Iterator[Flask]:
    """The database alone, inside an application context: enough for queries and changes."""
    app = Flask("portal")
    house(app)["settings"] = settings
    init_database(app, settings.database)
    with app.app_context():
        yield app
        _let_go()


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    """The whole portal, as the factory makes it."""
    from portal.app import create_app

    app = create_app(settings)
    app.testing = True  # an error inside a view reaches the test
    app.test_client_class = type("Client", (PortalClient,), {"public_url": settings.public_url})
    yield app
    with app.app_context():
        _let_go()


@pytest.fixture
def client(app: Flask) -> PortalClient:
    """A browser without scripts, at the portal's public URL."""
    client = app.test_client()
    assert isinstance(client, PortalClient)
    return client


class PolicyClock:
    """The clock of lifecycle, contracts and access, moved by the test."""

    def forward(self, *, days: float = 0, hours: float = 0, seconds: float = 0) -> datetime:
        """Let time pass; return the new policy time."""
        past = timedelta(days=days, hours=hours, seconds=seconds)
        return self.at(clock.policy_now() + past)

    def at(self, instant: datetime) -> datetime:
        """Go to an instant; the clock runs on from there."""
        clock.set_offset((instant - datetime.now(UTC)).total_seconds())
        return instant


@pytest.fixture
def policy_clock() -> PolicyClock:
    """Moves the policy clock; after the test it is right again."""
    return PolicyClock()


@pytest.fixture(autouse=True)
def _clock_is_right() -> Iterator[None]:
    yield
    clock.set_offset(0)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority; its ``file`` is for ``PORTAL_CA_FILE``."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A real Chromium."""
    expect.set_options(timeout=40_000)  # milliseconds, as below: a busy machine takes its time
    with running_browser() as browser:
        yield browser


@pytest.fixture
def new_context(chromium: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Open browser contexts, one for each person; no page of them may break its own CSP."""
    complaints = Complaints()
    with ExitStack() as stack:

        def make(**options: object) -> BrowserContext:
            context = chromium.new_context(
                **{"ignore_https_errors": True, "locale": "en-GB", **options}
            )
            context.set_default_timeout(40_000)
            complaints.listen(context)
            stack.callback(context.close)
            return context

        yield make
    assert complaints.found == []


@pytest.fixture
def page(new_context: Callable[..., BrowserContext]) -> Page:
    """A page of a real browser."""
    return new_context().new_page()


@pytest.fixture
def mock_provider() -> Iterator[Callable[..., str]]:
    """Starts oidc-provider-mock with the people it is given; returns its issuer."""
    with ExitStack() as stack:

        def start(*users: User) -> str:
            return stack.enter_context(running_mock(*users))

        yield start


@pytest.fixture(scope="session")
def canaille() -> str:
    """The path of the ``canaille`` command."""
    return canaille_program()


def _let_go() -> None:
    """Give every connection back, so that the database can be dropped."""
    db.session.remove()
    for engine in db.engines.values():
        engine.dispose()
