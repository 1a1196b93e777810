"""A pytest plugin that tries mutants: one process of its own for each, forked before collection.

What costs time (pytest, the libraries, the conftest) is there once. A mutant's process loads the
mutated text instead of the file, collects, runs the tests until the first fails, and goes.
"""

import ast
import gc
import importlib
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

import pytest
from hypothesis import Phase, settings

from tests.mutants.direct import call_tests
from tests.mutants.mutate import Mutant, mutants_of

MEMORY = 4 * 2**30  # bytes a mutant may take: some never end and eat
SHORTEST = 10  # seconds of the processor any mutant may take, or four times what the tests need
PATIENCE = 600  # seconds by the clock: the machine may have others to serve
_KEPT = ("tests.mutants", "tests.infra", "tests.conftest")
_GREEN, _RED = 0, 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one mutant: ``killed``, ``survived`` or ``timeout``, which is killed too."""

    module: str
    line: int
    was: str
    now: str
    outcome: str


class _Mutated(SourceFileLoader):
    """Loads a mutated text in place of a file."""

    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.path, "exec", dont_inherit=True)


class _Finder(MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._name = module_name(mutant.module)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        file = Path(self._mutant.module).resolve()
        return spec_from_file_location(
            fullname,
            file,
            loader=_Mutated(fullname, str(file), self._mutant.source),
            submodule_search_locations=[str(file.parent)] if file.name == "__init__.py" else None,
        )


def module_name(path: str) -> str:
    """Return the dotted name of a file below the root of the checkout."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def users_of(name: str) -> set[str]:
    """Return a module of the portal and all that load it, straight or by others."""
    loads = {
        module_name(path.as_posix()): _loaded(ast.parse(path.read_text(encoding="utf-8")))
        for path in Path("portal").rglob("*.py")
    }
    users, new = set[str](), {name}
    while new:
        users |= new
        new = {user for user, used in loads.items() if used & new} - users
    return users


def _loaded(tree: ast.Module) -> set[str]:
    """Return every name that a module may load; a package is loaded with what lies in it."""
    named = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            named |= {node.module} | {f"{node.module}.{one.name}" for one in node.names}
    return {
        ".".join(parts[:length])
        for parts in (name.split(".") for name in named if name.startswith("portal."))
        for length in range(2, len(parts) + 1)
    }


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take what ``python -m tests.mutants`` hands over."""
    group = parser.getgroup("mutants")
    group.addoption("--mutate", help="file whose mutants are tried")
    group.addoption("--part", default="0:1", help="which: every second of them is 0:2")
    group.addoption("--verdicts", help="file to which a JSON line for each is written")


class _Trial:
    """The hooks of a run that tries mutants."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._is_child = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        """Fork for each mutant; only the children go on to collect."""
        module = self._config.getoption("mutate")
        first, step = map(int, self._config.getoption("part").split(":"))
        mutants = mutants_of(module, Path(module).read_text(encoding="utf-8"))
        if not mutants:
            pytest.exit("nothing to change", 0)
        self._stale = users_of(module_name(module))
        everything = self._config.args
        outcome = self._try(None, everything, PATIENCE)
        if self._is_child:
            return
        if outcome != "survived":
            pytest.exit(f"the tests of {module} are not green without a change", 3)
        gc.freeze()  # else each child's collector touches, and so copies, all of this
        limit = max(SHORTEST, 4 * int(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime))
        with Path(self._config.getoption("verdicts")).open("a", encoding="utf-8") as out:
            for mutant in mutants[first::step]:
                outcome = self._try(mutant, everything, limit)
                if self._is_child:
                    return
                verdict = Verdict(mutant.module, mutant.line, mutant.was, mutant.now, outcome)
                out.write(json.dumps(asdict(verdict)) + "\n")
                out.flush()
        pytest.exit("every mutant was tried", 0)

    def _try(self, mutant: Mutant | None, tests: list[str], limit: int) -> str:
        """Fork; in the child return at once. The first child tells what it loaded."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            self._is_child = True
            self._config.args = tests
            self._begin(mutant, writer, limit)
            return ""
        os.close(writer)
        told = b""
        deadline = time.monotonic() + PATIENCE
        while (left := deadline - time.monotonic()) > 0:
            if select.select([reader], [], [], left)[0]:
                if not (piece := os.read(reader, 65536)):
                    break
                told += piece
        else:
            os.kill(child, signal.SIGKILL)
        os.close(reader)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        for name in told.decode().split():
            _load(name)
        if status in {-signal.SIGKILL, -signal.SIGXCPU}:
            return "timeout"
        return "survived" if status == _GREEN else "killed"

    def _begin(self, mutant: Mutant | None, writer: int, limit: int) -> None:
        self._writer = writer
        self._tell = mutant is None
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (1, 2):
            if mutant is not None:
                os.dup2(null, stream)
        # A conftest may have loaded rules already: what the tests see is loaded anew.
        for name in [name for name in sys.modules if self._goes_stale(name)]:
            del sys.modules[name]
        if mutant is not None:
            sys.meta_path.insert(0, _Finder(mutant))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        try:
            whole = call_tests([module_name(test) for test in self._config.args])
        except BaseException as told:
            if mutant is None:
                raise SystemExit("the tests cannot be called straight") from told
            os._exit(_RED)
        if whole and mutant is not None:
            os._exit(_GREEN)

    def _goes_stale(self, name: str) -> bool:
        if name.startswith("tests."):
            return not name.startswith(_KEPT)
        return name in self._stale

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        """End a mutant at the first test that tells it: what it says of it costs more than it."""
        told = call.excinfo is not None and not isinstance(
            call.excinfo.value, pytest.skip.Exception
        )
        if told and self._is_child and not self._tell:
            os._exit(_RED)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """The same for one with which the tests cannot even be read."""
        if report.failed and self._is_child and not self._tell:
            os._exit(_RED)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """End a child with its outcome, before anything the parent still needs is torn down."""
        if not self._is_child:
            return
        if self._tell:
            # What of it stays the same for every mutant, the parent may load once for all.
            lasting = [one for one in sys.modules if one != "tests" and not self._goes_stale(one)]
            os.write(self._writer, "\n".join(lasting).encode())
            sys.stdout.flush()
        os._exit(_GREEN if exitstatus == pytest.ExitCode.OK else _RED)


def _load(name: str) -> None:
    """Load what the tests will need; a name that is no module of its own is let be."""
    if name not in sys.modules:
        try:
            importlib.import_module(name)
        except Exception:  # noqa: BLE001 - a mere warming up
            return


def pytest_configure(config: pytest.Config) -> None:
    """Hook in where mutants are to be tried; Hypothesis need not make a failure small."""
    if config.getoption("mutate"):
        settings.register_profile(
            "mutants", settings(), phases=(Phase.explicit, Phase.generate), database=None
        )
        settings.load_profile("mutants")
        config.pluginmanager.register(_Trial(config), "mutants-trial")
