"""What docs/operations.md has to be typed is typed, in a folder that stands for the machine."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
NGINX = ROOT / "deploy" / "nginx.conf"
FOLDERS = ("etc/systemd/system", "etc/nginx/conf.d", "etc/ssl", "opt", "var/lib", "var/backups")

# Each looks for the files that the real one would want, and complains on stderr; what it would
# leave behind is left behind. MACHINE is the folder, and every call stands in its file `calls`.
STUBS = {
    "make": 'mkdir -p dist && : > "dist/portal-0-py3-none-any.whl"',
    "python3": 'mkdir -p "$3/bin" && cp "$STUBS/pip" "$STUBS/portal" "$3/bin/"',
    "pip": 'shift; for it; do case $it in -*) ;; *) test -f "$it" || wrong "$it" ;; esac; done',
    "portal": """
        case "$1 $2" in
            "init --file") : > "$3" ;;
            "db backup") : > "$3" ;;
            init*) : > portal.env ;;
            *) test -f "$PORTAL_SETTINGS_FILE" || wrong "$PORTAL_SETTINGS_FILE" ;;
        esac""",
    "install": 'for it; do :; done; mkdir -p "$it"',
    "chown": 'shift; for it; do test -e "$it" || wrong "$it"; done',
    "systemctl": """
        unit="$MACHINE/etc/systemd/system/portal.service"
        case "$1" in
            enable) test -f "$unit" || wrong "$unit"; mkdir -p "$MACHINE/var/lib/portal" ;;
        esac""",
    "nginx": 'test -f "$MACHINE/etc/nginx/conf.d/portal.conf" || wrong "portal.conf"',
    "sudo": 'test "$1 $2" = "-u portal" || wrong "$*"; shift 2; exec env "$@"',
    "useradd": ":",
}


def section(title: str) -> str:
    """Return what stands under a heading."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", OPERATIONS, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def blocks(title: str) -> list[str]:
    """Return what is to be typed there, block by block."""
    return re.findall(r"^```\n(.*?)^```", section(title), re.MULTILINE | re.DOTALL)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """An unpacked source tree: nothing is built in it yet."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for one in ROOT.iterdir():
        if one.is_file():
            shutil.copy(one, tree)
    shutil.copytree(ROOT / "deploy", tree / "deploy")
    return tree


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The folders that a machine with systemd and nginx has."""
    for folder in FOLDERS:
        (tmp_path / "machine" / folder).mkdir(parents=True)
    return tmp_path / "machine"


def typed(block: str, tree: Path, machine: Path) -> str:
    """Paste a block into a shell at the top of the tree; return what it complains about."""
    stubs = machine.parent / "stubs"
    stubs.mkdir(exist_ok=True)
    for name, body in STUBS.items():
        head = f'echo {name} "$@" >> "$MACHINE/calls"\nwrong() {{ echo "{name}: $1" >&2; }}'
        (stubs / name).write_text(f"#!/bin/sh\n{head}\n{body}\n")
        (stubs / name).chmod(0o755)
    there = re.sub(r"(?<![\w./:])/(?=(?:etc|opt|var)/)", f"{machine}/", block)
    env = {"PATH": f"{stubs}:{os.environ['PATH']}", "STUBS": str(stubs), "MACHINE": str(machine)}
    return subprocess.run(
        ["bash"], input=there, cwd=tree, env=env, capture_output=True, text=True, check=False
    ).stderr


def test_one_machine_is_installed_by_what_is_to_be_typed(tree: Path, machine: Path):
    """From the top of the source tree, every file is there and comes to where it is looked for."""
    install, start = blocks("One machine")
    assert typed(install, tree, machine) == ""
    unit = machine / "etc/systemd/system/portal.service"
    assert unit.read_text() == (tree / "deploy/systemd/portal.service").read_text()
    assert (machine / "etc/nginx/conf.d/portal.conf").read_text() == NGINX.read_text()
    settings = machine / "etc/portal/portal.env"
    assert settings.stat().st_mode & 0o777 == 0o640
    assert typed(start, tree, machine) == ""
    calls = (machine / "calls").read_text().splitlines()
    order = ["make wheel", "nginx -t", "systemctl reload nginx", "systemctl enable --now portal"]
    assert [call for call in calls if call in order] == order
    program = machine / "opt/portal/bin/portal"
    assert re.findall(r"ExecStart=(\S+)", unit.read_text()) == [f"/{program.relative_to(machine)}"]


def test_what_is_not_there_is_seen(tree: Path, machine: Path):
    """The test above is not blind: a path from another folder, one that nobody made."""
    for line in (
        "cd /etc && cp deploy/nginx.conf /etc/nginx/conf.d/portal.conf",
        "cp deploy/nginx.cfg /etc/nginx/conf.d/portal.conf",
        "chown root:portal /etc/portal/portal.env",
        "/opt/portal/bin/pip install -r requirements.lock",
        "pip install dist/portal-*.whl",
        "cd /var/lib/portal",
        "systemctl enable --now portal",
        "nginx -t && systemctl reload nginx",
        "sudo -u portal PORTAL_SETTINGS_FILE=/etc/portal/portal.env portal check",
    ):
        assert typed(line + "\n", tree, machine) != "", line


def test_whatever_is_an_example_in_the_proxys_file_is_said_to_be_edited():
    """Names and certificates: left as they are, nginx answers nobody, or does not start."""
    lines = [line.strip() for line in NGINX.read_text().splitlines()]
    examples = {line.split()[0] for line in lines if "example.org" in line or "/etc/ssl" in line}
    assert {"server_name", "return", "ssl_certificate", "ssl_certificate_key"} == examples
    assert {*examples, "guests.example.org"} <= set(
        re.findall(r"`([^`\n]+)`", section("One machine"))
    )


def test_a_copy_is_made_where_there_is_a_folder_for_it(tree: Path, machine: Path):
    """As it stands, on SQLite."""
    assert typed(blocks("Back up")[0], tree, machine) == ""
    (copy,) = (machine / "var/backups/portal").iterdir()
    assert copy.suffix == ".sqlite3"
