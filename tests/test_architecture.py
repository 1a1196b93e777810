"""The house keeps its rules, and each rule is seen red on a snippet that breaks it."""

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

import portal
from tests.infra import house_rules

HOUSE = Path(portal.__file__).parent
SOURCES = {
    file.relative_to(HOUSE).as_posix(): file.read_text(encoding="utf-8")
    for file in sorted(HOUSE.rglob("*.py"))
    if "_data" not in file.parts
}

# A GET changes nothing, but for these: a sign-in leaves the site and comes back by GET, and a
# refusal is audited. Any page may note that its session was seen.
WRITING_GETS = {
    "pages.admin.identity_providers.try_out",
    "pages.sign_in.callback",
    "pages.sign_in.choose",
    "pages.sign_in.start",
    "pages.staff_sign_in.callback",
    "pages.staff_sign_in.look",
    "pages.staff_sign_in.start",
}
TOUCH = "sign_in.session._load"

RULES = [
    house_rules.commits,
    house_rules.clocks,
    house_rules.state_writes,
    house_rules.audit_rewrites,
    house_rules.guards,
    house_rules.length,
]


# The house's own idiom: a table under a name of its own, the verbs of its transaction, helpers.
WRITES_PEOPLE = [
    "_GUEST = table_of(Guest)\nupdate(_GUEST).values(state='removed')",
    "_GUEST = table_of(Guest)\nDOOR = update(_GUEST).where(_GUEST.c.id == bindparam('id'))",
    "_LOG, _GRANT = table_of(AuditEvent), table_of(Grant)\ninsert(_GRANT)",
    "(_A, (_B, _C)) = table_of(Guest), PAIR\ndef f(tx): tx.execute(delete(_A))",
    "def f(tx):\n again = table = table_of(Guest)\n other = again\n tx.execute(update(other))",
    "def f(tx):\n for one in (Outbox, Grant): tx.execute(delete(one))",
    "def f(tx):\n if (table := table_of(Guest)) is not None: tx.execute(update(table))",
    "def f(tx): return [tx.execute(delete(one)) for one in (table_of(Outbox), table_of(Guest))]",
    "TABLES = {'guest': table_of(Guest)}\nupdate(TABLES['guest'])",
    "_GUEST = aliased(Guest)\nupdate(_GUEST)",
    "tx.insert_at_end(table_of(Guest), [row])",
    "tx.insert_at_end(table=table_of(Guest), rows=[row])",
    "tx.insert(table_of(Sponsorship), row)",
    "tx.execute(insert_into(table_of(Grant)), rows)",
    "insert_all(connection, {Into(table_of(Guest)): rows})",
    "tx.session.bulk_update_mappings(Guest, rows)",
    "add(tx, Guest, values)",
    "rows.add_unique(tx, Sponsorship, values, taken)",
    "from portal.guests.models import Guest as G\nupdate(G).values(x=1)",
    "from portal.guests.models import Guest as G\n_G = table_of(G)\ndelete(_G)",
    "from portal.guests.models import Guest as G\nsession.add(G(email=''))",
    "from portal.guests import models\nupdate(models.Guest)",
    "from portal.guests import models\nsession.add(models.Guest())",
    "from portal.access.queries.facts import _GUEST\nupdate(_GUEST)",
    "from portal.access.queries.facts import _GUEST as people\nupdate(people)",
    "from sqlalchemy import update as change\nchange(Guest)",
    "edit(tx, row, {'state': 'removed'})",
    "edit(tx, row, dict(state='removed'))",
    "edit(tx, row, {**values, 'state': 'removed'})",
    "def f(tx, row):\n values = {}\n values['state'] = 'removed'\n edit(tx, row, values)",
    "def f(tx, row):\n values = {}\n values |= {'state': 'removed'}\n edit(tx, row, values)",
    "def f(tx, row):\n values = {}\n values.update(state='x')\n edit(tx, row, values)",
    "def f(tx, row):\n new = {'state': 'x'}\n edit(tx, row, values={**new})",
    "from portal.foundation.rows import edit as put\nput(tx, row, {'state': 'removed'})",
    "guest_changes.write(tx, 'guest.reckoned', row, {'state': 'removed'})",
    "writing.change_grants(tx, 'grant.ended', [(row, {'state': 'ended'})])",
    "def f(tx, table): tx.execute(update(table).values(state='removed'))",
    "def f(tx, statement): tx.execute(statement, {'state': 'removed'})",
    "row.state, row.state_reason = 'ended', 'x'",
]
SETS_A_GUEST = [
    "edit(tx, guest, {'state': 'active'})",
    "guest_changes.write_unmoved(tx, 'guest.reckoned', row, {'state': 'active'})",
    "Move(row, State.REMOVED, reason, tx.now, {'state': 'active'})",
    "guest.state, x = 'active', 1",
]
REWRITES_THE_LOG = [
    "_LOG = table_of(AuditEvent)\ndelete(_LOG)",
    "_LOG, _SEEN = table_of(AuditEvent), table_of(AuditPersonal)\nupdate(_LOG)",
    "from portal.audit.models import AuditEvent as Event\ndelete(Event)",
    "from portal.audit.queries import _AUDIT_EVENT\ndelete(_AUDIT_EVENT)",
    "from sqlalchemy import delete as forget\nforget(AuditEvent)",
    "tx.session.bulk_update_mappings(AuditEvent, rows)",
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(rule: Callable[[str, str], list[str]]):
    """No module of the portal breaks it."""
    assert [complaint for path, source in SOURCES.items() for complaint in rule(path, source)] == []


def test_every_room_is_held_by_the_order_of_roles():
    """A new room with role files is named in the contract, but for the protocol's own steps."""
    declared = tomllib.loads((HOUSE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = declared["tool"]["importlinter"]["contracts"]
    held = {
        room
        for contract in contracts
        if contract["name"].startswith("Inside a room")
        for room in contract["containers"]
    }
    roles = {"jobs", "changes", "queries", "models", "rules"}
    rooms = {
        f"portal.{room}"
        for room, _, file in (path.partition("/") for path in SOURCES)
        if file.partition("/")[0].removesuffix(".py") in roles
    }
    assert rooms - held == {"portal.sign_in"}


def test_no_file_of_tests_is_too_long():
    """What is tested in one place is one subject, as in the portal."""
    tests = Path(__file__).parent
    files = [file for file in sorted(tests.rglob("*.py")) if "vendor" not in file.parts]
    assert len(files) > len(SOURCES)
    assert [
        complaint
        for file in files
        for complaint in house_rules.length(file.name, file.read_text(encoding="utf-8"))
    ] == []


def test_a_get_changes_nothing():
    """Only the named GET views open a writing transaction, and all of them still do."""
    assert house_rules.opens_transaction(SOURCES, TOUCH)
    assert house_rules.writing_gets(SOURCES, TOUCH) == WRITING_GETS


def test_the_sources_are_there():
    """The rules read the portal and not an empty folder."""
    assert {"foundation/transaction.py", "guests/changes.py"} <= SOURCES.keys()


@pytest.mark.parametrize(
    ("rule", "path", "source"),
    [
        (house_rules.commits, "guests/changes.py", "tx.session.commit()"),
        (house_rules.commits, "pages/guest.py", "db.session().commit()"),
        (house_rules.commits, "pages/guest.py", "with db.session.begin(): pass"),
        (house_rules.clocks, "access/queries.py", "now = datetime.now(UTC)"),
        (house_rules.clocks, "access/queries.py", "now = datetime.datetime.utcnow()"),
        (house_rules.clocks, "trust/rules.py", "today = date.today()"),
        (house_rules.clocks, "pages/me.py", "from datetime import datetime as dt\ndt.now()"),
        (house_rules.clocks, "guests/models.py", "Column(server_default=sa.func.now())"),
        (house_rules.clocks, "sign_in/rules/token.py", "late = claims['exp'] < time.time()"),
        (house_rules.state_writes, "pages/sponsor.py", "guest.state = State.ACTIVE"),
        (house_rules.state_writes, "guests/changes.py", "text(\"UPDATE guest SET state = 'x'\")"),
        (house_rules.state_writes, "lifecycle/jobs.py", "text('delete from sponsorship')"),
        (house_rules.state_writes, "guests/changes.py", "setattr(row, 'state', State.REMOVED)"),
        (house_rules.state_writes, "sponsorship/changes/x.py", "guest.state = 'active'"),
        (house_rules.state_writes, "lifecycle/changes.py", "row.state = 'ended'"),
        (house_rules.state_writes, "lifecycle/changes.py", "update(Guest).values(state='removed')"),
        (house_rules.state_writes, "lifecycle/changes.py", "sa.update(Guest).values(x=1)"),
        (house_rules.state_writes, "admission/changes.py", "session.add(Guest(state='active'))"),
        (house_rules.state_writes, "admission/changes.py", "Guest.__table__.insert()"),
        (
            house_rules.state_writes,
            "lifecycle/changes.py",
            "def f(tx):\n table = Guest.__table__\n tx.session.execute(update(table))",
        ),
        (
            house_rules.state_writes,
            "guests/changes.py",
            "update(Sponsorship).values(state='ended')",
        ),
        (house_rules.state_writes, "guests/changes_more.py", "update(Guest)"),
        *((house_rules.state_writes, "lifecycle/changes.py", source) for source in WRITES_PEOPLE),
        *((house_rules.state_writes, "sponsorship/changes/x.py", one) for one in SETS_A_GUEST),
        *((house_rules.audit_rewrites, "audit/changes.py", one) for one in REWRITES_THE_LOG),
        (house_rules.audit_rewrites, "audit/changes.py", "session.execute(delete(AuditEvent))"),
        (house_rules.audit_rewrites, "audit/changes.py", "AuditEvent.__table__.update()"),
        (house_rules.audit_rewrites, "lifecycle/jobs.py", "text('DELETE FROM audit_event')"),
        (house_rules.audit_rewrites, "lifecycle/jobs.py", "text('update \"audit_event\" set a=1')"),
        (house_rules.guards, "pages/a.py", "@bp.get('/x')\ndef x(): ..."),
        (house_rules.guards, "pages/a.py", "@bp.get('/x')\n@for_guest\n@for_admin\ndef x(): ..."),
        (house_rules.guards, "pages/a.py", "@for_admin\n@bp.get('/x')\ndef x(): ..."),
        (house_rules.guards, "pages/a.py", "@bp.route(RULE, methods=['POST'])\ndef x(): ..."),
        (house_rules.guards, "app.py", "app.add_url_rule('/x', view_func=x)"),
        (house_rules.length, "pages/a.py", "x = 1\n" * 401),
    ],
)
def test_a_broken_rule_is_seen(rule: Callable[[str, str], list[str]], path: str, source: str):
    """Each rule goes red."""
    assert len(rule(path, source)) == 1


@pytest.mark.parametrize(
    ("rule", "path", "source"),
    [
        (house_rules.commits, "foundation/transaction.py", "session.commit()"),
        (house_rules.commits, "pages/sign_in.py", "journey.begin_at(attempt)"),
        (house_rules.clocks, "foundation/clock.py", "datetime.now(UTC)"),
        (house_rules.clocks, "access/rules.py", "clock.policy_now(), tx.now"),
        (house_rules.clocks, "foundation/db.py", "time.time_ns() // 1_000_000"),
        (house_rules.clocks, "foundation/queues.py", "time.monotonic() + 10"),
        (house_rules.state_writes, "foundation/rows.py", "setattr(row, name, value)"),
        (house_rules.state_writes, "guests/changes.py", "update(Guest).values(state='active')"),
        (house_rules.state_writes, "guests/changes/moves.py", "guest.state = 'active'"),
        (house_rules.state_writes, "sponsorship/changes.py", "row.state = 'ended'\ninsert(Grant)"),
        (house_rules.state_writes, "delivery/changes.py", "update(Outbox).values(state='sent')"),
        (house_rules.state_writes, "trust/changes.py", "provider.state = 'enabled'"),
        (house_rules.state_writes, "trust/changes.py", "edit(tx, row, {'state': 'enabled'})"),
        (house_rules.state_writes, "guests/changes.py", "tx.insert_at_end(table_of(Guest), [row])"),
        (house_rules.state_writes, "guests/changes.py", "_G = table_of(Guest)\nupdate(_G)"),
        (house_rules.state_writes, "lifecycle/changes.py", "tx.insert(table_of(SweepRun), row)"),
        (house_rules.state_writes, "access/queries.py", "values['state'] = State(values['state'])"),
        (house_rules.state_writes, "pages/x.py", "out.write(json.dumps({'state': one.state}))"),
        (
            house_rules.state_writes,
            "lifecycle/changes.py",
            "_GUEST = table_of(Guest)\nids = list(tx.execute(select(_GUEST.c.id)))\ndelete(ids)",
        ),
        (
            house_rules.state_writes,
            "lifecycle/changes.py",
            "def f():\n table = table_of(Guest)\ndef g(table): update(table)",
        ),
        (
            house_rules.audit_rewrites,
            "audit/changes.py",
            "insert(AuditEvent)\n_SEEN = table_of(AuditPersonal)\ndelete(_SEEN)",
        ),
        (house_rules.audit_rewrites, "audit/models.py", "'BEFORE UPDATE ON audit_event'"),
        (
            house_rules.guards,
            "pages/a.py",
            "@bp.get('/x')\n@bp.get('/y')\n@for_admin\ndef x(): ...",
        ),
        (house_rules.guards, "commands/a.py", "@group.command('x')\ndef x(): ..."),
        (house_rules.length, "pages/a.py", "x = 1\n" * 400),
    ],
)
def test_a_kept_rule_is_let_be(rule: Callable[[str, str], list[str]], path: str, source: str):
    """No rule cries wolf."""
    assert rule(path, source) == []


def test_a_writing_get_is_seen_through_calls():
    """A transaction is found in the view, in its helper, and behind an import."""
    view = "@bp.get('/{0}')\n@for_anyone\ndef {0}(): {1}\n"
    sources = {
        "pages/a.py": (
            "from portal.web import helpers\nfrom portal.lifecycle.jobs import sweep as run\n"
            + view.format("direct", "\n with transaction(actor=me()) as tx: pass")
            + view.format("helper", "_write()")
            + view.format("module", "helpers.write()")
            + view.format("imported", "run()")
            + view.format("reading", "helpers.read()")
            + view.format("both", "_write()").replace("bp.get('/both')", "bp.route('/both')")
            + "from portal.foundation.transaction import transaction as begin\n"
            + view.format("renamed", "\n with begin() as tx: pass")
            + "@bp.post('/p')\n@for_anyone\ndef posting(): _write()\n"
            + "def _write():\n with transaction() as tx: pass\n"
        ),
        "web/helpers.py": "def write():\n with transaction(): pass\ndef read(): return 1\n",
        "lifecycle/jobs.py": "def sweep(): batch()\ndef batch():\n with transaction(): pass\n",
    }
    expected = {"direct", "helper", "module", "imported", "both", "renamed"}
    assert house_rules.writing_gets(sources) == {f"pages.a.{name}" for name in expected}
    helped = house_rules.writing_gets(sources, "pages.a._write")
    assert helped == {f"pages.a.{name}" for name in expected - {"helper", "both"}}
