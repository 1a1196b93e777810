"""What names mean in a module: an import under another name, a table under a name of its own.

``_GUEST = table_of(Guest)`` is the table of ``Guest``; so is ``G`` after ``import Guest as G``, and
``_GUEST`` where it is imported, by its spelling: the file that makes it is another one.
"""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

Function = ast.FunctionDef | ast.AsyncFunctionDef
_COMPREHENSIONS: Final = ast.GeneratorExp | ast.ListComp | ast.SetComp
_TABLE_AGAIN: Final = {"table_of", "alias", "aliased", "cast", "list", "tuple", "reversed"}


@cache
def parsed(source: str) -> ast.Module:
    """Return the syntax tree of a text."""
    return ast.parse(source)


@cache
def nodes(tree: ast.Module) -> tuple[ast.AST, ...]:
    """Return all that is in a module."""
    return tuple(ast.walk(tree))


def functions(tree: ast.Module) -> list[Function]:
    """Return the functions of a module, the outer ones first."""
    return [node for node in nodes(tree) if isinstance(node, Function)]


def last_name(node: ast.expr) -> str | None:
    """Return the ``b`` of ``a.b``, or of ``b``."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else None


def original(tree: ast.Module, node: ast.expr) -> str | None:
    """Return what a name was called where it was imported from."""
    name = last_name(node)
    return _imported(tree).get(name or "", name) if isinstance(node, ast.Name) else name


def tables_in(tree: ast.Module, part: ast.expr, line: int) -> set[str]:
    """Return the names of models that stand in an expression, whatever they are called there."""
    found: set[str] = set()
    new = {name for node in ast.walk(part) for name in _own(node)}
    assigned = _assigned(tree, line)
    while new:
        found |= new
        new = {one for name in new for one in assigned.get(name, ())} - found
    imported = _imported(tree)
    return found | {_camel(imported.get(name, name)) for name in found if name in imported}


def carries(tree: ast.Module, call: ast.Call, key: str) -> bool:
    """Say whether a call is given a mapping with this key: written there, or under a name."""
    scope = list(_scope(tree, call.lineno))
    given = [*call.args, *(word.value for word in call.keywords)]
    parts = [one for part in given for one in _outside_calls(part)]
    names = {one.id for one in parts if isinstance(one, ast.Name)}
    filled = [value for node in scope for name, value in _fillings(node) if name in names]
    return any(
        _has_key(one, key) for part in (*given, *filled) for one in _outside_calls(part)
    ) or any(_sets_key(node, names, key) for node in scope)


@cache
def _imported(tree: ast.Module) -> Mapping[str, str]:
    return {
        one.asname or one.name: one.name
        for node in nodes(tree)
        if isinstance(node, ast.ImportFrom)
        for one in node.names
    }


def _camel(name: str) -> str:
    """Return the model that a constant is named after: ``AuditEvent`` of ``_AUDIT_EVENT``."""
    if not name.isupper():
        return name
    return "".join(part.capitalize() for part in name.split("_"))


def _scope(tree: ast.Module, line: int) -> Iterator[ast.AST]:
    """Yield what stands outside functions, and in the function around a line."""
    for node in tree.body:
        if not isinstance(node, Function | ast.ClassDef):
            yield from ast.walk(node)
    for one in functions(tree):
        if one.lineno <= line <= (one.end_lineno or 0):
            yield from ast.walk(one)
            return


def _assigned(tree: ast.Module, line: int) -> Mapping[str, set[str]]:
    """Return what each name that is seen from a line was assigned from, as far as it is a table."""
    found: dict[str, set[str]] = {}
    for node in _scope(tree, line):
        for target, value in _bindings(node):
            for name, one in _pairs(target, value):
                found.setdefault(name, set()).update(_meant(one))
    return found


def _bindings(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.Assign):
        yield from ((target, node.value) for target in node.targets)
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
        yield node.target, node.value
    elif isinstance(node, ast.For | ast.comprehension):
        yield node.target, node.iter


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yield each name with what it is assigned from: its own part of a tuple, else the whole."""
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple | ast.List):
        apart = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
        for place, one in enumerate(target.elts):
            own = value.elts[place] if apart and isinstance(value, ast.Tuple | ast.List) else value
            yield from _pairs(one, own)


def _meant(value: ast.expr) -> set[str]:
    """Return the names whose tables an expression is; nothing for what merely reads them."""
    if isinstance(value, ast.Name):
        return {value.id}
    if isinstance(value, ast.Attribute):
        return _meant(value.value) if value.attr == "__table__" else {value.attr}
    if isinstance(value, _COMPREHENSIONS):
        return _meant(value.elt)
    parts: list[ast.expr] = []
    if isinstance(value, ast.Call) and last_name(value.func) in _TABLE_AGAIN:
        parts += value.args
        parts += [value.func.value] if isinstance(value.func, ast.Attribute) else []
    elif isinstance(value, ast.Tuple | ast.List | ast.Set):
        parts += value.elts
    elif isinstance(value, ast.Dict):
        parts += value.values
    elif isinstance(value, ast.IfExp):
        parts += [value.body, value.orelse]
    elif isinstance(value, ast.Subscript | ast.NamedExpr):
        parts.append(value.value)
    return {name for part in parts for name in _meant(part)}


def _own(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Name | ast.Attribute):
        return {name} if (name := last_name(node)) else set()
    return set()


def _outside_calls(part: ast.AST) -> Iterator[ast.AST]:
    """Yield what stands in an expression, but not what goes through another call (``dumps``)."""
    if isinstance(part, ast.Call) and last_name(part.func) != "dict":
        return
    yield part
    for one in ast.iter_child_nodes(part):
        yield from _outside_calls(one)


def _fillings(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield what goes into a name: by ``=``, ``|=`` or ``.update``."""
    for target, value in _bindings(node):
        yield from _pairs(target, value)
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        yield node.target.id, node.value
    elif (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "update"
        and isinstance(node.func.value, ast.Name)
    ):
        as_dict = ast.Call(ast.Name("dict"), [], node.keywords)
        yield from ((node.func.value.id, one) for one in (*node.args, as_dict))


def _has_key(node: ast.AST, key: str) -> bool:
    if isinstance(node, ast.Dict):
        return any(isinstance(one, ast.Constant) and one.value == key for one in node.keys)
    return isinstance(node, ast.keyword) and node.arg == key


def _sets_key(node: ast.AST, names: set[str], key: str) -> bool:
    """Whether it is ``name["key"] = ...``."""
    return any(
        isinstance(target, ast.Subscript)
        and isinstance(target.value, ast.Name)
        and target.value.id in names
        and isinstance(target.slice, ast.Constant)
        and target.slice.value == key
        for target in (node.targets if isinstance(node, ast.Assign) else ())
    )
