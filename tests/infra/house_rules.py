"""House rules that imports cannot show, read from the syntax tree.

Each rule is a function over source text and returns complaints, so that a bad snippet can prove
that it goes red. Paths are relative to ``portal/``, with slashes.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Final, TypeGuard

from tests.infra.house_names import (
    Function,
    carries,
    functions,
    last_name,
    nodes,
    original,
    parsed,
    tables_in,
)

GUARDS: Final = {"for_anyone", "for_signed_in", "for_guest", "for_sponsor", "for_admin"}
MOST_LINES: Final = 400
OWNERS: Final = {
    "Guest": "guests/changes",
    "Sponsorship": "sponsorship/changes",
    "Grant": "sponsorship/changes",
}
# Rooms that know guests: what they call "state" may be a guest's, so they may not assign one.
ABOVE_GUESTS: Final = ("sponsorship", "access", "admission", "sign_in", "lifecycle")
# What writes to a table, and where it stands among the arguments.
_WRITES: Final = {
    "update": 0,
    "insert": 0,
    "delete": 0,
    "insert_at_end": 0,
    "insert_into": 0,
    "Into": 0,
    "bulk_insert_mappings": 0,
    "bulk_update_mappings": 0,
    "add": 1,  # of foundation/rows
    "add_unique": 1,
}
# What sets the columns that it is given by their names; the first are about guests alone.
_SETS_GUESTS: Final = {"write", "write_unmoved", "Move"}
_SETS: Final = {"edit", "values", "execute", "add_grants", "change_grants", *_SETS_GUESTS, *_WRITES}
_REWRITES: Final = {"update", "delete", "bulk_update_mappings"}
_METHODS: Final = {"get", "post", "put", "patch", "delete", "route"}
_CLOCKS: Final = {"now", "utcnow", "today"}
# The database's clock, and the operating system's: neither is the policy clock nor injected.
_OTHER_CLOCKS: Final = {
    "func": {"now", "current_timestamp", "current_date", "localtimestamp"},
    "time": {"time", "time_ns"},
}
_IDS: Final = "foundation/db.py"  # an id of version 7 begins with a time; nothing is decided by it
_CONNECTED: Final = {"session", "engine", "connection", "sessionmaker"}
_STATE_SQL: Final = re.compile(
    r"\b(update|insert\s+into|delete\s+from)\s+\W?(guest|sponsorship|grant)\b", re.IGNORECASE
)
_AUDIT_SQL: Final = re.compile(
    r"\b(update|delete\s+from|truncate(\s+table)?)\s+\W?audit_event\b", re.IGNORECASE
)


def commits(path: str, source: str) -> list[str]:
    """Only ``foundation/transaction.py`` commits."""
    if path == "foundation/transaction.py":
        return []
    return [
        f"{path}:{call.lineno}: commits; open a transaction() instead"
        for call in _calls(source)
        if isinstance(call.func, ast.Attribute)
        and (
            call.func.attr == "commit"
            # `with session.begin():` commits as well.
            or (call.func.attr == "begin" and last_name(call.func.value) in _CONNECTED)
        )
    ]


def clocks(path: str, source: str) -> list[str]:
    """Only ``foundation/clock.py`` reads the clock."""
    if path == "foundation/clock.py":
        return []
    tree = parsed(source)
    classes = {"datetime", "date"}
    for node in nodes(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "datetime":
            classes |= {one.asname for one in node.names if one.asname and one.name in classes}
    return [
        f"{path}:{node.lineno}: reads the clock; take the time from foundation.clock"
        for node in nodes(tree)
        if isinstance(node, ast.Attribute)
        and (
            (node.attr in _CLOCKS and last_name(node.value) in classes)
            or (path != _IDS and node.attr in _OTHER_CLOCKS.get(last_name(node.value) or "", ()))
        )
    ]


def state_writes(path: str, source: str) -> list[str]:
    """One writer for a guest, one for a sponsorship and its grants."""
    tree = parsed(source)
    found = {}
    for node in nodes(tree):
        for complaint in _state_written(path, tree, node):
            assert isinstance(node, ast.stmt | ast.expr)
            found.setdefault(node.lineno, f"{path}:{node.lineno}: {complaint}")
    return list(found.values())


def _state_written(path: str, tree: ast.Module, node: ast.AST) -> Iterator[str]:
    assigns = "assigns a state; call the room's changes"
    if isinstance(node, ast.Call):
        for table in sorted(_written(tree, node)):
            if not _within(path, OWNERS[table]):
                yield f"writes {table}; call {OWNERS[table]}"
        if _sets_state(node) or _hands_over_state(path, tree, node):
            yield assigns
    elif isinstance(node, ast.Constant) and _STATE_SQL.search(str(node.value)):
        yield "writes people by SQL text"
    elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in (one for part in targets for one in _elements(part)):
            if _is_state(target) and not _may_assign_state(path, target.value):
                yield assigns


def audit_rewrites(path: str, source: str) -> list[str]:
    """No audit event is ever updated or deleted."""
    tree = parsed(source)
    found = []
    for node in nodes(tree):
        if isinstance(node, ast.Call) and (verb := _verb(tree, node)) in _REWRITES:
            if "AuditEvent" in _tables(tree, node):
                found.append(f"{path}:{node.lineno}: rewrites audit events ({verb})")
        elif isinstance(node, ast.Constant) and _AUDIT_SQL.search(str(node.value)):
            found.append(f"{path}:{node.lineno}: rewrites audit_event by SQL text")
    return found


def guards(path: str, source: str) -> list[str]:
    """Every route has exactly one guard, below the route, where it guards what is routed."""
    tree = parsed(source)
    found = []
    for function in functions(tree):
        plain = [one.func if isinstance(one, ast.Call) else one for one in function.decorator_list]
        routed = [at for at, one in enumerate(function.decorator_list) if _route(one)]
        guarded = [at for at, name in enumerate(map(last_name, plain)) if name in GUARDS]
        where = f"{path}:{function.lineno}: {function.name}"
        if routed and len(guarded) != 1:
            found.append(f"{where} has {len(guarded)} guards")
        elif routed and guarded[0] < routed[-1]:
            found.append(f"{where}: the guard stands above the route and guards nothing")
    found += [
        f"{path}:{call.lineno}: add_url_rule hides the guard; use a decorator"
        for call in _calls(source)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "add_url_rule"
    ]
    return found


def length(path: str, source: str) -> list[str]:
    """A module of more than 400 lines is probably two."""
    lines = len(source.splitlines())
    return [f"{path}: {lines} lines"] if lines > MOST_LINES else []


def writing_gets(sources: Mapping[str, str], touch: str = "") -> set[str]:
    """Return ``module.view`` of each GET view that opens a writing transaction.

    Calls are followed by name through all of *sources* (path to text): own functions, functions
    imported from the portal, and attributes of imported modules. The function *touch*, named as
    ``module.function``, may write wherever it is called.
    """
    modules = {path: _Module(path, source) for path, source in sources.items()}
    return {
        f"{path.removesuffix('.py').replace('/', '.')}.{view.name}"
        for path, module in modules.items()
        for view in module.functions.values()
        if _answers_get(view) and _opens(modules, module, view, {_split(touch)})
    }


def opens_transaction(sources: Mapping[str, str], dotted: str) -> bool:
    """Say whether ``module.function`` opens a writing transaction, itself or by a call."""
    modules = {path: _Module(path, source) for path, source in sources.items()}
    path, name = _split(dotted)
    return _opens(modules, modules[path], modules[path].functions[name], set())


def _split(dotted: str) -> tuple[str, str]:
    home, _, name = dotted.rpartition(".")
    return f"{home.replace('.', '/')}.py", name


class _Module:
    """A module's functions, and what its names mean."""

    def __init__(self, path: str, source: str) -> None:
        tree = parsed(source)
        self.path = path
        self.functions = {function.name: function for function in functions(tree)}
        self.imports: dict[str, str] = {}
        for node in nodes(tree):
            if (
                isinstance(node, ast.ImportFrom)
                and node.module
                and node.module.startswith("portal")
            ):
                for one in node.names:
                    self.imports[one.asname or one.name] = f"{node.module}.{one.name}"


def _opens(
    modules: Mapping[str, _Module], module: _Module, function: Function, seen: set[tuple[str, str]]
) -> bool:
    if (module.path, function.name) in seen:
        return False
    seen.add((module.path, function.name))
    for call in (node for node in ast.walk(function) if isinstance(node, ast.Call)):
        name = last_name(call.func) or ""
        if module.imports.get(name, name).rpartition(".")[2] in {"transaction", "single_write"}:
            return True
        target = _target(modules, module, call.func)
        if target is not None and _opens(modules, *target, seen):
            return True
    return False


def _target(
    modules: Mapping[str, _Module], module: _Module, func: ast.expr
) -> tuple[_Module, Function] | None:
    """Return the function of ours that a call means, if it can be told."""
    if isinstance(func, ast.Name):
        if func.id in module.functions:
            return module, module.functions[func.id]
        dotted = module.imports.get(func.id)
    elif isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name):
        base = module.imports.get(func.value.id)
        dotted = f"{base}.{func.attr}" if base else None
    else:
        return None
    return _find(modules, dotted) if dotted else None


def _find(modules: Mapping[str, _Module], dotted: str) -> tuple[_Module, Function] | None:
    home, _, name = dotted.removeprefix("portal.").rpartition(".")
    path = home.replace(".", "/")
    for candidate in (f"{path}.py", f"{path}/__init__.py"):
        module = modules.get(candidate)
        if module is None:
            continue
        if name in module.functions:
            return module, module.functions[name]
        further = module.imports.get(name)
        if further and further != dotted:
            return _find(modules, further)
    return None


def _answers_get(function: Function) -> bool:
    for one in function.decorator_list:
        if not _route(one):
            continue
        assert isinstance(one, ast.Call)
        verb = last_name(one.func)
        if verb == "get":
            return True
        if verb == "route":
            methods = [word.value for word in one.keywords if word.arg == "methods"]
            return not methods or "GET" in ast.unparse(methods[0])
    return False


def _route(decorator: ast.expr) -> bool:
    """Whether a decorator is ``something.get("/path")`` or one of its sisters."""
    if not (isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute)):
        return False
    if decorator.func.attr not in _METHODS or not decorator.args:
        return False
    rule = decorator.args[0]
    return not isinstance(rule, ast.Constant) or str(rule.value).startswith("/")


def _written(tree: ast.Module, call: ast.Call) -> set[str]:
    """Return which of the owned tables a call writes."""
    made = original(tree, call.func)
    if made in OWNERS:
        return {made}  # a new object
    return _tables(tree, call) & OWNERS.keys() if _verb(tree, call) in _WRITES else set()


def _verb(tree: ast.Module, call: ast.Call) -> str | None:
    """Return the verb of ``update(T)``, ``sa.update(T)``, ``T.__table__.update()`` and others."""
    return original(tree, call.func)


def _tables(tree: ast.Module, call: ast.Call) -> set[str]:
    """Return the models whose tables a writing call names, or is called on."""
    at = _WRITES[_verb(tree, call) or ""]
    parts = [*call.args[at : at + 1]]
    parts += [word.value for word in call.keywords if word.arg in {"table", "model", "mapper"}]
    if isinstance(call.func, ast.Attribute):
        parts.append(call.func.value)
    return {name for part in parts for name in tables_in(tree, part, call.lineno)}


def _elements(target: ast.expr) -> list[ast.expr]:
    whole = isinstance(target, ast.Tuple | ast.List)
    return [one for part in target.elts for one in _elements(part)] if whole else [target]


def _is_state(target: ast.expr) -> TypeGuard[ast.Attribute]:
    return isinstance(target, ast.Attribute) and target.attr == "state"


def _hands_over_state(path: str, tree: ast.Module, call: ast.Call) -> bool:
    """Whether a call gives a helper a state to set which this file may not assign."""
    verb = _verb(tree, call)
    by_word = verb == "values" and any(word.arg == "state" for word in call.keywords)
    if verb not in _SETS or not (by_word or carries(tree, call, "state")):
        return False
    if verb in _SETS_GUESTS:
        return not _within(path, "guests/changes")
    whose = call.args[1] if verb == "edit" and len(call.args) > 1 else ast.Name("row")
    return not _may_assign_state(path, whose)


def _sets_state(call: ast.Call) -> bool:
    """Whether a call is ``setattr(row, "state", ...)``."""
    if last_name(call.func) != "setattr" or len(call.args) < 2:
        return False
    name = call.args[1]
    return isinstance(name, ast.Constant) and name.value == "state"


def _may_assign_state(path: str, whose: ast.expr) -> bool:
    """Whether this file may assign the state of this: its own room's changes, and no guest's."""
    if _within(path, "guests/changes"):
        return True
    if "guest" in ast.unparse(whose).lower():
        return False
    if _within(path, "sponsorship/changes"):
        return True
    room, _, file = path.partition("/")
    return file.startswith("changes") and room not in ABOVE_GUESTS


def _within(path: str, module: str) -> bool:
    """Whether a path is a module, or lies in the package of that name."""
    return path == f"{module}.py" or path.startswith(f"{module}/")


def _calls(source: str) -> Iterator[ast.Call]:
    return (node for node in nodes(parsed(source)) if isinstance(node, ast.Call))
