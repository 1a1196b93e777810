"""Which modules are mutated, and which tests must tell: the pure ones, which take milliseconds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[2]
_ALL: Final = "tests/test_rules.py"  # what holds for every module of rules


def _modules() -> dict[str, tuple[str, ...]]:
    found = [*_ROOT.glob("portal/*/rules.py"), *_ROOT.glob("portal/*/rules/*.py")]
    return {
        file.relative_to(_ROOT).as_posix(): _tests(file.relative_to(_ROOT).parts[1], file.stem)
        for file in sorted(found)
    }


def _tests(room: str, stem: str) -> tuple[str, ...]:
    """Return a room's tests, those first that bear the module's name."""
    own = sorted(
        _ROOT.glob(f"tests/{room}/test_*rules*.py"),
        key=lambda file: (stem.removesuffix("s") not in file.stem, file.name),
    )
    return (*(file.relative_to(_ROOT).as_posix() for file in own), _ALL)


MODULES: Final[Mapping[str, tuple[str, ...]]] = _modules()
