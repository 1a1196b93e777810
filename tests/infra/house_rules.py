"""House rules that imports cannot show, read from the syntax tree.

Each rule is a function over source text and returns complaints, so that a bad snippet can prove
that it goes red. Paths are relative to ``portal/``, with slashes.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

GUARDS: Final = {"for_anyone", "for_signed_in", "for_guest", "for_sponsor", "for_admin"}
MOST_LINES: Final = 400
OWNERS: Final = {
    "Guest": "guests/changes",
    "Sponsorship": "sponsorship/changes",
    "Grant": "sponsorship/changes",
}
# Rooms that know guests: what they call "state" may be a guest's, so they may not assign one.
ABOVE_GUESTS: Final = ("sponsorship", "access", "admission", "sign_in", "lifecycle")
_WRITES: Final = {"update", "insert", "delete"}
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

Function = ast.FunctionDef | ast.AsyncFunctionDef


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
            or (call.func.attr == "begin" and _last_name(call.func.value) in _CONNECTED)
        )
    ]


def clocks(path: str, source: str) -> list[str]:
    """Only ``foundation/clock.py`` reads the clock."""
    if path == "foundation/clock.py":
        return []
    tree = _parsed(source)
    classes = {"datetime", "date"}
    for node in _nodes(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "datetime":
            classes |= {one.asname for one in node.names if one.asname and one.name in classes}
    return [
        f"{path}:{node.lineno}: reads the clock; take the time from foundation.clock"
        for node in _nodes(tree)
        if isinstance(node, ast.Attribute)
        and (
            (node.attr in _CLOCKS and _last_name(node.value) in classes)
            or (path != _IDS and node.attr in _OTHER_CLOCKS.get(_last_name(node.value) or "", ()))
        )
    ]


def state_writes(path: str, source: str) -> list[str]:
    """One writer for a guest, one for a sponsorship and its grants."""
    tree = _parsed(source)
    found = []
    for node in _nodes(tree):
        if isinstance(node, ast.Call):
            found += [
                f"{path}:{node.lineno}: writes {table}; call {OWNERS[table]}"
                for table in _written(tree, node)
                if not _within(path, OWNERS[table])
            ]
            if _sets_state(node):
                found.append(f"{path}:{node.lineno}: assigns a state; call the room's changes")
        elif isinstance(node, ast.Constant) and _STATE_SQL.search(str(node.value)):
            found.append(f"{path}:{node.lineno}: writes people by SQL text")
        elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found += [
                f"{path}:{node.lineno}: assigns a state; call the room's changes"
                for target in targets
                if _is_state(target) and not _may_assign_state(path, target)
            ]
    return found


def audit_rewrites(path: str, source: str) -> list[str]:
    """No audit event is ever updated or deleted."""
    tree = _parsed(source)
    found = []
    for node in _nodes(tree):
        if isinstance(node, ast.Call) and (verb := _verb(node)) in {"update", "delete"}:
            if "AuditEvent" in _names_in(tree, node):
                found.append(f"{path}:{node.lineno}: {verb}s audit events")
        elif isinstance(node, ast.Constant) and _AUDIT_SQL.search(str(node.value)):
            found.append(f"{path}:{node.lineno}: rewrites audit_event by SQL text")
    return found


def guards(path: str, source: str) -> list[str]:
    """Every route has exactly one guard, below the route, where it guards what is routed."""
    tree = _parsed(source)
    found = []
    for function in _functions(tree):
        plain = [one.func if isinstance(one, ast.Call) else one for one in function.decorator_list]
        routed = [at for at, one in enumerate(function.decorator_list) if _route(one)]
        guarded = [at for at, name in enumerate(map(_last_name, plain)) if name in GUARDS]
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
        tree = _parsed(source)
        self.path = path
        self.functions = {function.name: function for function in _functions(tree)}
        self.imports: dict[str, str] = {}
        for node in _nodes(tree):
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
        name = _last_name(call.func)
        if name in {"transaction", "single_write"}:
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
        verb = _last_name(one.func)
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
    if isinstance(call.func, ast.Name) and call.func.id in OWNERS:
        return {call.func.id}  # a new object
    return _names_in(tree, call) & OWNERS.keys() if _verb(call) in _WRITES else set()


def _verb(call: ast.Call) -> str | None:
    """Return the verb of ``update(T)``, ``sa.update(T)`` or ``T.__table__.update()``."""
    name = _last_name(call.func)
    return name if name in _WRITES else None


def _names_in(tree: ast.Module, call: ast.Call) -> set[str]:
    """Return the table names in the arguments, or the receiver, of a writing call.

    A name that was assigned (``table = Guest.__table__``) counts as what it was assigned from.
    """
    whole: list[ast.expr] = [*call.args[:1]]
    if isinstance(call.func, ast.Attribute):
        whole.append(call.func.value)
    names = {node.id for part in whole for node in ast.walk(part) if isinstance(node, ast.Name)}
    function = next(
        (one for one in _functions(tree) if one.lineno <= call.lineno <= (one.end_lineno or 0)),
        tree,
    )
    for node in (*tree.body, *ast.walk(function)):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id in names for target in targets):
                names |= {
                    inner.value.id
                    for inner in ast.walk(node.value)
                    if isinstance(inner, ast.Attribute)
                    and inner.attr == "__table__"
                    and isinstance(inner.value, ast.Name)
                }
    return names


def _is_state(target: ast.expr) -> bool:
    return isinstance(target, ast.Attribute) and target.attr == "state"


def _sets_state(call: ast.Call) -> bool:
    """Whether a call is ``setattr(row, "state", ...)``."""
    if _last_name(call.func) != "setattr" or len(call.args) < 2:
        return False
    name = call.args[1]
    return isinstance(name, ast.Constant) and name.value == "state"


def _may_assign_state(path: str, target: ast.expr) -> bool:
    """Whether this file may assign this ``.state``: its own room's changes, and no guest's."""
    assert isinstance(target, ast.Attribute)
    if _within(path, "guests/changes"):
        return True
    if "guest" in ast.unparse(target.value).lower():
        return False
    if _within(path, "sponsorship/changes"):
        return True
    room, _, file = path.partition("/")
    return file.startswith("changes") and room not in ABOVE_GUESTS


def _within(path: str, module: str) -> bool:
    """Whether a path is a module, or lies in the package of that name."""
    return path == f"{module}.py" or path.startswith(f"{module}/")


@cache
def _parsed(source: str) -> ast.Module:
    return ast.parse(source)


@cache
def _nodes(tree: ast.Module) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree))


def _last_name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else None


def _functions(tree: ast.Module) -> list[Function]:
    return [node for node in _nodes(tree) if isinstance(node, Function)]


def _calls(source: str) -> Iterator[ast.Call]:
    return (node for node in _nodes(_parsed(source)) if isinstance(node, ast.Call))
