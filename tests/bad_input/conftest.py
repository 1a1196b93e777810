"""One seeded portal for all of these tests; each finds it as it was made."""

import secrets
from collections.abc import Iterator

import pytest

from portal.foundation import clock
from portal.foundation.settings import Settings
from tests.bad_input.world import PUBLIC_URL, House, opened
from tests.gallery.world import TODAY
from tests.infra.databases import Databases
from tests.infra.mailbox import Mailbox


@pytest.fixture(scope="session")
def _house(
    databases: Databases,
    redis_server: str,
    _mail_server: Mailbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[House]:
    from portal.app import create_app

    url = databases.fresh("sqlite")

    def make_settings(**changes: object) -> Settings:
        values: dict[str, object] = {
            "env": "development",
            "public_url": PUBLIC_URL,
            "secret_keys": (secrets.token_urlsafe(32),),
            "data_dir": tmp_path_factory.mktemp("bad-input"),
            "database_url": url,
            "redis_url": redis_server,
            "smtp_url": _mail_server.url,
        }
        return Settings.checked(None, **(values | changes))

    with opened(make_settings, url.removeprefix("sqlite:///"), create_app) as house:
        yield house
    clock.set_offset(0)
    databases.drop(url)


@pytest.fixture
def house(_house: House) -> House:
    """The portal on the day of the gallery, with nothing done to it yet."""
    clock.set_offset((TODAY - clock.protocol_now()).total_seconds())
    _house.back_to(_house.first)
    return _house
