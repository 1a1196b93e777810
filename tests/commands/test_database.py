"""What commands say of a database that is not as they need it; on both databases."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import create_engine, make_url, text

from portal.commands.database import newest_revision, upgrade_database
from portal.trust.changes import policies
from tests.commands.conftest import Shell
from tests.infra.databases import KINDS, Databases
from tests.infra.processes import run
from tests.infra.users import nobody

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


def test_an_empty_database_says_what_to_do(url: str):
    """Not a traceback."""
    if url.startswith("sqlite"):
        Path(str(make_url(url).database)).touch()
    assert Shell().refused("org", "list") == "The database is not up to date: portal db upgrade"


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_looking_makes_no_database(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A folder that is misspelt stays as it is, and nobody backs up what is nothing."""
    (tmp_path / "data").mkdir()
    for folder in ("data", "is/missing"):
        monkeypatch.setenv("PORTAL_DATABASE_URL", f"sqlite:///{tmp_path / folder}/portal.sqlite3")
        shell = Shell()
        assert "database: it is empty; run `portal db upgrade`" in shell.run("check").stderr
        for command in (["org", "list"], ["db", "restored"], ["db", "backup", "copy"]):
            assert shell.refused(*command).startswith("There is no database ")
        assert "portal db upgrade" in shell.refused("web")
    assert [path.name for path in tmp_path.rglob("*")] == ["data"]


def test_a_database_that_a_newer_version_has_upgraded(url: str):
    """Told as what it is by whatever would start or upgrade: no upgrade helps."""
    upgrade_database(url)
    execute(url, "UPDATE alembic_version SET version_num = '9999'")
    shell = Shell()
    for command in (["db", "upgrade"], ["web"], ["worker"], ["up"]):
        said = shell.refused(*command)
        assert "at 9999, which this version does not know: install the one that" in said
        assert "portal db upgrade" not in said
    said = shell.run("check").stderr
    assert "database: it is at 9999, which this version does not know" in said
    execute(url, f"UPDATE alembic_version SET version_num = '{newest_revision()}'")
    assert shell("db", "upgrade").startswith("The database is up to date")


@pytest.mark.processes
@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_two_machines_upgrade_a_fresh_database_at_once(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path
):
    """Both say that it is done; the defaults are there once."""
    looks = policies.policy_row
    others = []

    def overtaken(*args):
        found = looks(*args)
        if not others:
            others.append(run("db", "upgrade", variables=dict(os.environ), folder=tmp_path))
        return found

    monkeypatch.setattr(policies, "policy_row", overtaken)
    assert Shell()("db", "upgrade").startswith("The database is up to date")
    assert others[0].returncode == 0
    engine = create_engine(url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM policy")) == 1
    engine.dispose()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_database_that_takes_no_writes(url: str):
    """As a standby after a failover: `portal check` says so, and a command has a line, no trace."""
    upgrade_database(url)
    name = make_url(url).database
    execute(url, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    shell = Shell()
    assert "read-only transaction; see PORTAL_DATABASE_URL" in shell.run("check").stderr
    said = shell.refused("staff", "add", "sam@host.example", "--name", "Sam", "--role", "admin")
    assert said.startswith("The database cannot be used (cannot execute ")


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_database_of_another_name(url: str, monkeypatch: pytest.MonkeyPatch):
    """Said as it is: no upgrade makes one."""
    monkeypatch.setenv("PORTAL_DATABASE_URL", url.replace("/portal_", "/no_such_"))
    said = Shell().refused("staff", "list")
    assert "does not exist): see PORTAL_DATABASE_URL" in said


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_file_that_is_spoiled(url: str):
    """One line of each command, too."""
    Path(str(make_url(url).database)).write_bytes(b"spoiled" * 1000)
    shell = Shell()
    for command in (["staff", "list"], ["db", "upgrade"], ["web"]):
        assert "(file is not a database): see PORTAL_DATABASE_URL" in shell.refused(*command)
    assert "file is not a database; see" in shell.run("check").stderr


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_file_that_may_not_be_written(url: str, monkeypatch: pytest.MonkeyPatch):
    """`portal check` tries: reading works, and so would every page until somebody decides."""
    monkeypatch.setenv("PORTAL_DATABASE_URL", "")
    shell = Shell()
    with TemporaryDirectory() as name:
        folder = Path(name)
        monkeypatch.setenv("PORTAL_DATA_DIR", name)
        shell("db", "upgrade")
        folder.chmod(0o777)
        (folder / "portal.sqlite3").chmod(0o444)
        monkeypatch.chdir("/")
        with nobody():
            said = shell.run("check").stderr
    assert "database: attempt to write a readonly database; see PORTAL_DATA_DIR, its disk" in said
