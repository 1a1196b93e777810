"""The migrations against the models, catalogue against catalogue, on both databases.

Alembic's own comparison misses triggers, CHECKs and the WHERE of partial indexes.
"""

import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.exc import DatabaseError

from portal.commands import database
from portal.foundation.db import Base, db, listen
from portal.sponsorship.changes import people
from tests.infra.databases import KINDS, Databases, Kind
from tests.infra.schema import import_every_table
from tests.replay import folded, kept
from tests.scene import Scene

ROOT = Path(__file__).parent.parent
OURS = "nspname = 'public'"
POSTGRESQL_CATALOGUE = {
    "columns": f"""
        SELECT relname, attnum, attname, format_type(atttypid, atttypmod), attnotnull,
               pg_get_expr(adbin, adrelid), attcollation::regcollation
        FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
             JOIN pg_namespace n ON n.oid = relnamespace
             LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE {OURS} AND relkind IN ('r', 'S', 'v') AND attnum > 0 AND NOT attisdropped""",
    "constraints": f"""
        SELECT relname, conname, pg_get_constraintdef(o.oid)
        FROM pg_constraint o JOIN pg_class c ON c.oid = conrelid
             JOIN pg_namespace n ON n.oid = relnamespace WHERE {OURS}""",
    "indexes": f"""
        SELECT relname, pg_get_indexdef(c.oid) FROM pg_class c
             JOIN pg_namespace n ON n.oid = relnamespace WHERE {OURS} AND relkind = 'i'""",
    "triggers": f"""
        SELECT relname, tgname, pg_get_triggerdef(t.oid)
        FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
             JOIN pg_namespace n ON n.oid = relnamespace WHERE {OURS} AND NOT tgisinternal""",
    "functions": f"""
        SELECT proname, pg_get_functiondef(p.oid)
        FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE {OURS}""",
}
SQLITE_CATALOGUE = {
    "everything": "SELECT type, name, tbl_name, sql FROM sqlite_master",
}


def catalogue(engine: Engine) -> set[tuple[str, ...]]:
    """Return all that the database says of its schema, but for Alembic's own table."""
    queries = SQLITE_CATALOGUE if engine.dialect.name == "sqlite" else POSTGRESQL_CATALOGUE
    found = set()
    with engine.connect() as connection:
        for kind, query in queries.items():
            for row in connection.execute(text(query)):
                words = tuple(re.sub(r"\s+", " ", str(value)) for value in row)
                if not any("alembic_version" in word for word in words):
                    found.add((kind, *words))
    return found


@pytest.fixture(params=KINDS)
def kind(request) -> Kind:
    """The kind of database."""
    return request.param


@pytest.fixture
def empty(databases: Databases, kind: Kind) -> Iterator[Callable[[], Engine]]:
    """Make empty databases of one kind."""
    engines = []

    def make() -> Engine:
        engine = create_engine(databases.empty(kind), poolclass=NullPool)
        listen(engine)
        engines.append(engine)
        return engine

    yield make
    for engine in engines:
        engine.dispose()
        databases.drop(address(engine))


def address(engine: Engine) -> str:
    """Return the engine's URL, password and all."""
    return engine.url.render_as_string(hide_password=False)


def test_upgrade_builds_exactly_the_models(empty):
    """From empty to the newest revision: columns, checks, partial indexes, triggers, functions."""
    import_every_table()
    by_models, by_migrations = empty(), empty()
    Base.metadata.create_all(by_models)
    database.upgrade_database(address(by_migrations))
    expected, found = catalogue(by_models), catalogue(by_migrations)
    assert found - expected == set()
    assert expected - found == set()
    assert len(expected) > len(Base.metadata.tables)


def test_the_catalogue_sees_what_alembic_does_not(empty, kind):
    """The comparison itself: it notices a trigger, a check and a WHERE that differ."""
    engine = empty()
    import_every_table()
    Base.metadata.create_all(engine)
    seen = " ".join(" ".join(entry) for entry in catalogue(engine)).lower()
    assert "append-only" in seen
    assert "ck_guest_hold_is_suspended" in seen
    assert re.search(r"ix_outbox_due[^;]*? where [( ]*(\(state\)::text|state) = 'waiting'", seen)
    whole = catalogue(engine)
    trigger = {"sqlite": "audit_event_no_delete", "postgresql": "audit_event_no_truncate"}[kind]
    on = "" if kind == "sqlite" else " ON audit_event"
    with engine.begin() as connection:
        connection.execute(text(f"DROP TRIGGER {trigger}{on}"))
    assert len(whole - catalogue(engine)) == 1


def test_downgrade_leaves_nothing(empty):
    """Back to the beginning: no table, no function, no trigger; and up again."""
    engine = empty()
    nothing = catalogue(engine)
    database.upgrade_database(address(engine))
    whole = catalogue(engine)
    database.downgrade_database(address(engine))
    assert catalogue(engine) == nothing
    assert database.database_revision(address(engine)) is None
    database.upgrade_database(address(engine))
    assert catalogue(engine) == whole


def test_upgrade_again_changes_nothing(empty):
    """Every start upgrades: the second one finds nothing to do."""
    engine = empty()
    database.upgrade_database(address(engine))
    once = catalogue(engine)
    database.upgrade_database(address(engine))
    assert catalogue(engine) == once
    assert database.database_revision(address(engine)) == database.newest_revision()


def test_two_machines_may_upgrade_at_once(empty):
    """Both start together: one builds, the other waits and finds nothing to do."""
    engine = empty()
    program = (
        "import sys; from portal.commands.database import upgrade_database;"
        "upgrade_database(sys.argv[1])"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program, address(engine)], cwd=ROOT)
        for _ in range(2)
    ]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert database.database_revision(address(engine)) == database.newest_revision()


def test_an_embedded_database_gets_its_folder(tmp_path):
    """The first start on a new machine: the folder is made, and closed to others."""
    database.upgrade_database(f"sqlite:///{tmp_path}/var/lib/portal.sqlite3")
    assert (tmp_path / "var" / "lib" / "portal.sqlite3").is_file()
    assert (tmp_path / "var" / "lib").stat().st_mode & 0o077 == 0


def test_an_embedded_database_is_its_owners_alone(tmp_path):
    """Also in a folder that somebody made before, which others may look into."""
    tmp_path.chmod(0o755)
    file = tmp_path / "portal.sqlite3"
    database.upgrade_database(f"sqlite:///{file}")
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("DELETE FROM outbox")
        beside = [one for one in tmp_path.iterdir() if one.name.startswith("portal.sqlite3")]
        assert len(beside) == 3
        assert [one.name for one in beside if one.stat().st_mode & 0o077] == []
    connection.close()


def test_audit_events_are_append_only(empty, kind):
    """The migrated database refuses to change history, and to forget it."""
    engine = empty()
    database.upgrade_database(address(engine))
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO audit_event (id, at, event, actor, reference, rules_version, data) "
                "VALUES ('0190b5a0-0000-7000-8000-000000000001', '2026-01-01', 'x.y', 'a', 'r', 1,"
                " '{}')"
            )
        )
    attacks = ["UPDATE audit_event SET actor = 'nobody'", "DELETE FROM audit_event"]
    if kind == "postgresql":
        attacks.append("TRUNCATE audit_event CASCADE")
    for attack in attacks:
        with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
            connection.execute(text(attack))


BROKEN = '''
"""9999: breaks half-way."""
from alembic import op
import sqlalchemy as sa
revision, down_revision, branch_labels, depends_on = "9999", "{before}", None, None

def upgrade():
    op.create_table("half", sa.Column("id", sa.Integer(), primary_key=True))
    {step}

def downgrade():
    op.drop_table("half")
'''
NO_PARENT = (
    'op.execute("INSERT INTO domain (id, organisation_id, name, vouched_by, created_at) VALUES '
    "('1', '2', 'acme.example', 'Ada', '2026-01-01')\")"
)

STAFF_WITH_A_LINK_IN_USE = """
    INSERT INTO staff (id, email, name, state, is_sponsor, is_admin, roles_unknown,
        roles_from_claim, created_at)
    VALUES ('1', 'ada@host.example', 'Ada', 'active', 1, 1, 0, 0, '2026-01-01');
    INSERT INTO staff_link (id, staff_id, purpose, token_hash, expires_at)
    VALUES ('3', '1', 'bind', 'h', '2026-01-02');
    -- Goes by cascade with the link:
    INSERT INTO sign_in_attempt (id, state_hash, browser_hash, purpose, nonce, code_verifier,
        staff_link_id, created_at, expires_at)
    VALUES ('2', 's', 'b', 'staff', 'n', 'v', '3', '2026-01-01', '2026-01-02')
"""


@pytest.fixture
def with_migration(tmp_path, monkeypatch) -> Callable[[str], None]:
    """Add one more migration, in a copy of the folder."""

    def add(step: str) -> None:
        before = database.newest_revision()
        folder = tmp_path / "migrations"
        shutil.copytree(database.migrations_folder(), folder)
        (folder / "versions" / "9999_broken.py").write_text(BROKEN.format(before=before, step=step))
        monkeypatch.setattr(database, "migrations_folder", lambda: folder)

    return add


def test_a_failing_migration_leaves_the_database_as_it_was(empty, with_migration):
    """A migration is one transaction on both databases."""
    engine = empty()
    database.upgrade_database(address(engine))
    before, revision = catalogue(engine), database.newest_revision()
    with_migration("raise ZeroDivisionError")
    with pytest.raises(ZeroDivisionError):
        database.upgrade_database(address(engine))
    assert catalogue(engine) == before
    assert database.database_revision(address(engine)) == revision


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_sqlite_keeps_children_while_a_parent_is_rebuilt(empty, with_migration):
    """A batch migration drops and makes the parent again; no cascade may reach its children."""
    engine = empty()
    database.upgrade_database(address(engine))
    with engine.begin() as connection:
        for row in STAFF_WITH_A_LINK_IN_USE.split(";"):
            connection.exec_driver_sql(row)
    with_migration("with op.batch_alter_table('staff_link', recreate='always'): pass")
    database.upgrade_database(address(engine))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM sign_in_attempt")).scalar() == 1
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_sqlite_refuses_a_migration_that_leaves_orphans(empty, with_migration):
    """Foreign keys are off while it runs, so they are checked before it is kept."""
    engine = empty()
    database.upgrade_database(address(engine))
    revision = database.newest_revision()
    with_migration(NO_PARENT)
    with pytest.raises(SystemExit, match="1 rows without parents"):
        database.upgrade_database(address(engine))
    assert database.database_revision(address(engine)) == revision


@pytest.mark.usefixtures("database")
def test_a_house_full_of_people_moves_through_every_revision(database_url):
    """From the first one on with people in it: no row changes, and the log still tells of all."""
    scene = Scene()
    acme = scene.partner(last_day=scene.day(40))
    wiki = scene.offer(acme, default=True)
    for subject in ("jane", "john"):
        scene.approve(scene.guest(acme, subject, name="Zoë Ångström"), acme.sponsor, offers=[wiki])
    scene.guest(acme, "waits")
    with scene.tx() as tx:
        people.remove(tx, scene.find(acme, "john").id, "Left us")
    scene.later(days=20)
    scene.sweep()
    before, mails = kept(scene.session), scene.mail_kinds()
    db.session.remove()
    db.engine.dispose()
    database.downgrade_database(database_url, "0001")
    assert database.database_revision(database_url) == "0001"
    database.upgrade_database(database_url)
    assert kept(scene.session) == folded(scene.session) == before
    assert scene.mail_kinds() == mails
    with pytest.raises(DatabaseError, match="append-only"):
        scene.session.execute(text("DELETE FROM audit_event"))
