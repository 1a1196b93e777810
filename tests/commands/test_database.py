"""What commands say of a database that is not as they need it; on both databases."""

import pytest
from sqlalchemy import create_engine, text

from portal.commands.database import newest_revision, upgrade_database
from tests.commands.conftest import Shell
from tests.infra.databases import KINDS, Databases

SECRET = "fzQ7x2Lk9mVb4Rt1Yp8Wc3Nd6Hs5Jg0A"


@pytest.fixture(params=KINDS)
def url(request, databases: Databases, monkeypatch: pytest.MonkeyPatch, tmp_path):
    """The URL of an empty database, which the settings name."""
    url = databases.empty(request.param)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORTAL_ENV", "development")
    monkeypatch.setenv("PORTAL_PUBLIC_URL", "http://127.0.0.1:8000")
    monkeypatch.setenv("PORTAL_SECRET_KEYS", SECRET)
    monkeypatch.setenv("PORTAL_DATABASE_URL", url)
    yield url
    databases.drop(url)


def execute(url: str, statement: str) -> None:
    """Run a statement as the owner of the database."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_a_database_that_a_newer_version_has_upgraded(url: str):
    """Told as what it is by whatever would start or upgrade: no upgrade helps."""
    upgrade_database(url)
    execute(url, "UPDATE alembic_version SET version_num = '9999'")
    shell = Shell()
    for command in (["db", "upgrade"], ["web"], ["up"]):
        said = shell.refused(*command)
        assert "at 9999, which this version does not know: install the one that" in said
        assert "portal db upgrade" not in said
    said = shell.run("check").stderr
    assert "database: it is at 9999, which this version does not know" in said
    execute(url, f"UPDATE alembic_version SET version_num = '{newest_revision()}'")
    assert shell("db", "upgrade").startswith("The database is up to date")
