"""What is changed in a rule to see whether a test notices.

The operators of mutmut (numbers, strings, comparisons, and/or, arguments, ...) and a few that it
lacks. Its own runner is not used: it changes only what stands inside undecorated functions, while
half of a rule stands at the level of the module (limits, tables, vocabularies) and in properties.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import libcst as cst
from mutmut.mutation.mutators import mutation_operators, operator_string

Operator = tuple[type[cst.CSTNode], Callable[[Any], Iterable[cst.CSTNode]]]

_NEGATED = {
    cst.LessThan: cst.GreaterThanEqual,
    cst.LessThanEqual: cst.GreaterThan,
    cst.GreaterThan: cst.LessThanEqual,
    cst.GreaterThanEqual: cst.LessThan,
}
_SWAPPED = {"min": "max", "max": "min", "any": "all", "all": "any"}


def _less(node: cst.Integer) -> Iterator[cst.Integer]:
    """``n`` becomes ``n - 1``; mutmut has ``n + 1``."""
    if node.evaluated_value > 0:
        yield node.with_changes(value=str(node.evaluated_value - 1))


def _negated(node: cst.ComparisonTarget) -> Iterator[cst.ComparisonTarget]:
    """``a < b`` becomes ``a >= b``; mutmut has ``a <= b``."""
    if turned := _NEGATED.get(type(node.operator)):
        yield node.with_changes(operator=turned())


def _one_side(node: cst.BooleanOperation) -> Iterator[cst.BaseExpression]:
    """``a and b`` becomes ``a``, and ``b``: each condition counts."""
    yield _in_brackets(node.left)
    yield _in_brackets(node.right)


def _turned_if(node: cst.If) -> Iterator[cst.If]:
    """``if a`` becomes ``if not a``."""
    yield node.with_changes(test=_negation(node.test))


def _turned_comp(node: cst.CompIf) -> Iterator[cst.CompIf]:
    """``... if a`` in a comprehension becomes ``... if not a``."""
    yield node.with_changes(test=_negation(node.test))


def _nothing_returned(node: cst.Return) -> Iterator[cst.Return]:
    """``return a`` becomes ``return None``."""
    if node.value is not None and not _is_name(node.value, "None"):
        yield node.with_changes(value=cst.Name("None"))


def _something_returned(node: cst.Return) -> Iterator[cst.Return]:
    """``return None`` becomes ``return ""``."""
    if node.value is not None and _is_name(node.value, "None"):
        yield node.with_changes(value=cst.SimpleString('""'))


def _not_raised(node: cst.Raise) -> Iterator[cst.Pass]:
    """``raise a`` becomes ``pass``."""
    yield cst.Pass()


def _not_done(node: cst.Expr) -> Iterator[cst.Pass]:
    """A call whose value nobody takes is left out."""
    if isinstance(node.value, cst.Call):
        yield cst.Pass()


def _other_function(node: cst.Call) -> Iterator[cst.Call]:
    """``min`` becomes ``max``, ``any`` becomes ``all``, and back."""
    if isinstance(node.func, cst.Name) and node.func.value in _SWAPPED:
        yield node.with_changes(func=cst.Name(_SWAPPED[node.func.value]))


def _other_words(node: cst.FormattedString) -> Iterator[cst.FormattedString]:
    """An f-string says something else; mutmut changes plain strings only."""
    yield node.with_changes(parts=(cst.FormattedStringText("XX"), *node.parts))


def _negation(test: cst.BaseExpression) -> cst.UnaryOperation:
    return cst.UnaryOperation(cst.Not(), _in_brackets(test))


def _in_brackets(node: cst.BaseExpression) -> cst.BaseExpression:
    """Return an expression that binds as one, wherever it is put."""
    return node.with_changes(
        lpar=[cst.LeftParen(), *node.lpar], rpar=[*node.rpar, cst.RightParen()]
    )


def _is_name(node: cst.BaseExpression, name: str) -> bool:
    return isinstance(node, cst.Name) and node.value == name


def _once(operator: Callable[[Any], Iterable[cst.CSTNode]]) -> Callable[[Any], Iterable[Any]]:
    """The first change that an operator makes of a node: its kin die with it."""
    return lambda node: islice(operator(node), 1)


OPERATORS: tuple[Operator, ...] = (
    # Of a string mutmut also makes a lower-case and an upper-case one.
    *((kind, _once(one) if one is operator_string else one) for kind, one in mutation_operators),
    (cst.Integer, _less),
    (cst.ComparisonTarget, _negated),
    (cst.BooleanOperation, _one_side),
    (cst.If, _turned_if),
    (cst.CompIf, _turned_comp),
    (cst.Return, _nothing_returned),
    (cst.Return, _something_returned),
    (cst.Raise, _not_raised),
    (cst.Expr, _not_done),
    (cst.Call, _other_function),
    (cst.FormattedString, _other_words),
)
