"""Make every mutant of a module: the same text with one thing changed."""

import marshal
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import MetadataWrapper, WhitespaceInclusivePositionProvider

from tests.mutants.operators import OPERATORS

# mutmut leaves these be too: what is counted or asked is told by what is done with it.
_LEFT_BE = {"len", "isinstance"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one change.

    Attributes:
        module: path of the file, from the root of the checkout.
        line: where the change begins, from 1.
        was: the lines that changed, as they stand, white space made one blank.
        now: what stands there in the mutant.
        source: the whole mutated text.
    """

    module: str
    line: int
    was: str
    now: str
    source: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}\n  - {self.was}\n  + {self.now}"


def mutants_of(module: str, source: str) -> list[Mutant]:
    """Return every mutant of a module; what means the same as another is left out."""
    wrapper = MetadataWrapper(cst.parse_module(source))
    collector = _Collector()
    wrapper.visit(collector)
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    seen = {_code(source)}
    made = []
    for (start, end), changed in collector.changes:
        begin = starts[start.line - 1] + start.column
        until = starts[end.line - 1] + end.column
        text = source[:begin] + wrapper.module.code_for_node(changed) + source[until:]
        try:
            code = _code(text)
        except SyntaxError:
            continue
        if code not in seen:
            seen.add(code)
            made.append(_mutant(module, lines, text))
    return made


def _code(text: str) -> bytes:
    """Return what a text means to the interpreter."""
    with warnings.catch_warnings(action="ignore"):  # such as `is` beside a literal
        return marshal.dumps(compile(text, "", "exec", dont_inherit=True))


def _mutant(module: str, lines: Sequence[str], text: str) -> Mutant:
    changed = text.splitlines(keepends=True)
    first = _alike(lines, changed)
    last = _alike(lines[first:][::-1], changed[first:][::-1])
    return Mutant(
        module,
        first + 1,
        " ".join("".join(lines[first : len(lines) - last]).split()),
        " ".join("".join(changed[first : len(changed) - last]).split()),
        text,
    )


def _alike(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many lines two texts have in common, from the first."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


class _Collector(cst.CSTVisitor):
    """Walks a module and asks each operator for what it would make of each node."""

    METADATA_DEPENDENCIES = (WhitespaceInclusivePositionProvider,)

    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[tuple[cst.CodePosition, cst.CodePosition], cst.CSTNode]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if self._left_be(node):
            return False
        place = self.get_metadata(WhitespaceInclusivePositionProvider, node, None)
        if place is not None:
            for kind, operator in OPERATORS:
                if isinstance(node, kind):
                    self.changes += [
                        ((place.start, place.end), changed) for changed in operator(node)
                    ]
        return True

    @staticmethod
    def _left_be(node: cst.CSTNode) -> bool:
        """Whether a node says nothing at run time, or nothing about a rule."""
        match node:
            case cst.Annotation() | cst.Import() | cst.ImportFrom():
                return True
            case cst.Call(func=cst.Name(value=name)):
                return name in _LEFT_BE
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Name(value="__all__"))]):
                return True
            case cst.Assign(value=cst.Call(func=cst.Name(value="TypeVar"))):
                return True
        return False
