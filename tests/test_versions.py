"""Below these versions there are known holes: neither declared, nor pinned, nor installed."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
FLOORS = {
    "authlib": Version("1.9.0"),  # CVE-2026-114615, -114616, -114617
    "joserfc": Version("1.7.4"),  # CVE-2026-75509, -102946
    "flask": Version("3.1.1"),  # CVE-2025-47278: fallback keys signed first
}


def declared() -> dict[str, Version]:
    """Return the lowest version that ``pyproject.toml`` lets in, by the name of the library."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = (Requirement(line) for line in project["dependencies"])
    return {
        one.name: min(Version(part.version) for part in one.specifier if part.operator == ">=")
        for one in wanted
    }


def pinned(lock: str) -> dict[str, Version]:
    """Return what a lock file installs."""
    found = re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE)
    return {name: Version(number) for name, number in found}


@pytest.mark.parametrize("name", FLOORS)
def test_no_version_with_a_known_hole(name: str):
    """Whoever installs the wheel without our lock file gets none of them either."""
    floor = FLOORS[name]
    assert declared()[name] >= floor
    assert pinned("requirements.lock")[name] >= floor
    assert pinned("requirements-dev.lock")[name] >= floor
    assert Version(version(name)) >= floor
