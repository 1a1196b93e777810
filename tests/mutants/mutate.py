"""Make every mutant of a module: the same text with one thing changed."""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import libcst as cst
from libcst.metadata import MetadataWrapper, WhitespaceInclusivePositionProvider

from tests.mutants.operators import OPERATORS

# mutmut leaves these be too: what is counted or asked is told by what is done with it.
_LEFT_BE = {"len", "isinstance", "TypeVar"}


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
    """Return every mutant of a module; what parses to the same tree as another is left out."""
    wrapper = MetadataWrapper(cst.parse_module(source))
    collector = _Collector()
    wrapper.visit(collector)
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    seen = {ast.dump(ast.parse(source))}
    made = []
    for (start, end), changed in collector.changes:
        begin = starts[start.line - 1] + start.column
        until = starts[end.line - 1] + end.column
        text = source[:begin] + wrapper.module.code_for_node(changed) + source[until:]
        try:
            tree = ast.dump(ast.parse(text))
        except SyntaxError:
            continue
        if tree not in seen:
            seen.add(tree)
            made.append(_mutant(module, lines, text))
    return made


def _mutant(module: str, lines: Sequence[str], text: str) -> Mutant:
    changed = text.splitlines(keepends=True)
    blocks = [
        block
        for block in SequenceMatcher(None, lines, changed, autojunk=False).get_opcodes()
        if block[0] != "equal"
    ]
    first, last = blocks[0], blocks[-1]
    return Mutant(
        module,
        first[1] + 1,
        " ".join("".join(lines[first[1] : last[2]]).split()),
        " ".join("".join(changed[first[3] : last[4]]).split()),
        text,
    )


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
        return False


def slices(mutants: Sequence[Mutant], size: int) -> Iterator[Sequence[Mutant]]:
    """Cut a list into pieces."""
    for start in range(0, len(mutants), size):
        yield mutants[start : start + size]
