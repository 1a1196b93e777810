"""The wheel carries all it needs: installed elsewhere, it starts, answers and stops."""

import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.infra.ports import free_port, wait_until
from tests.infra.processes import plain_environment, run, started

ROOT = Path(__file__).resolve().parents[2]


def _done(*command: str | Path, folder: Path) -> str:
    """Run a command that must succeed, away from the checkout; return what it printed."""
    result = subprocess.run(
        command,
        cwd=folder,
        env=plain_environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT]
    _done(*build, folder=folder)
    (built,) = folder.glob("portal-*.whl")
    return built


def test_the_wheel_carries_templates_static_files_and_migrations(wheel: Path):
    """Every file of the three folders is inside, and nothing of tests or demo."""
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    for folder in ("templates", "static", "migrations"):
        listed = _done("git", "ls-files", folder, folder=ROOT).splitlines()
        assert listed, folder
        assert {f"portal/_data/{name}" for name in listed} <= inside
    assert "portal/_data/static/vendor/tabler/LICENSE" in inside
    tops = {name.partition("/")[0] for name in inside}
    assert {"portal"} == {top for top in tops if not top.endswith(".dist-info")}


def _answer(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except (urllib.error.URLError, OSError):
        return 0, ""


def test_an_upgrade_installs_a_build_of_the_same_version(wheel: Path, tmp_path: Path):
    """With the line that the document has: pip by itself would say that it is there already."""
    environment, work = tmp_path / "environment", tmp_path / "work"
    (work / "dist").mkdir(parents=True)
    shutil.copy(wheel, work / "dist")
    _done(sys.executable, "-m", "venv", "--without-pip", environment, folder=work)
    pip = [sys.executable, "-m", "pip", "--python", environment, "--quiet", "--no-input"]
    _done(*pip, "install", "--no-index", "--no-deps", wheel, folder=work)
    (old,) = environment.glob("lib/*/site-packages/portal/cli.py")
    old.write_text("# an older build")
    text = (ROOT / "docs" / "operations.md").read_text()
    (line,) = re.findall(r"/pip (install .*portal-\*\.whl)", text)
    words = line.replace("portal-*.whl", wheel.name).split()
    _done(*pip, *words, "--no-index", folder=work)
    assert "older build" not in old.read_text()


@pytest.mark.processes
def test_installed_elsewhere_it_starts_answers_and_stops(wheel: Path, tmp_path: Path):
    """``pip install``, ``portal init``, ``portal up``, Ctrl-C: that is all, and nothing is left."""
    environment, work = tmp_path / "environment", tmp_path / "work"
    work.mkdir()
    _done(sys.executable, "-m", "venv", "--without-pip", environment, folder=work)
    program = environment / "bin" / "portal"
    pip = [sys.executable, "-m", "pip", "--python", environment, "--quiet"]
    pinned = ["--require-hashes", "--no-deps", "-r", ROOT / "requirements.lock"]
    _done(*pip, "install", *pinned, folder=work)
    _done(*pip, "install", "--no-index", "--no-deps", wheel, folder=work)
    _done(*pip, "check", folder=work)  # what the wheel asks for is what the lock file pins

    url = f"http://127.0.0.1:{free_port()}"
    variables = {"PORTAL_BIND": url.removeprefix("http://")}
    written = run("init", "--public-url", url, variables=variables, folder=work, program=program)
    assert written.returncode == 0, written.stderr
    with started("up", variables=variables, folder=work, program=program) as portal:

        def is_ready() -> bool:
            assert portal.process.poll() is None, portal.output
            return _answer(f"{url}/readyz")[0] == 200

        wait_until(is_ready, "the portal to be ready", seconds=90)
        assert _answer(f"{url}/healthz")[0] == 200
        status, page = _answer(f"{url}/sign-in")
        assert status == 200, portal.output
        assert "<form" in page
        # Web, worker, scheduler and queue are processes of their own.
        assert len(portal.family()) >= 5
        assert portal.interrupt(seconds=40) == 0, portal.output
        assert portal.family() == []
