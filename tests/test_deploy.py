"""What lies in ``deploy/`` fits the product: units, settings, proxy, queue."""

import re
import shlex
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from portal.cli import main
from portal.foundation.settings import PREFIX, Settings
from tests.infra.command_lines import fault_of

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SECRET = "fzQ7x2Lk9mVb4Rt1Yp8Wc3Nd6Hs5Jg0A"

# What keeps a service of which somebody has taken hold in its own folder.
HARDENED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "CapabilityBoundingSet": "",
    "MemoryDenyWriteExecute": "yes",
    "RestrictNamespaces": "yes",
    "SystemCallArchitectures": "native",
    "UMask": "0077",
    "User": "portal",
}


def sections(unit: Path) -> ConfigParser:
    """Read a unit; a name that stands several times keeps its last value."""
    parser = ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment]
    parser.read_string(unit.read_text())
    return parser


def test_there_is_a_unit_for_each_way_to_start():
    """All of it, or each part alone."""
    commands = {sections(unit)["Service"]["ExecStart"].split()[1] for unit in UNITS}
    assert commands == {"up", "web", "worker", "scheduler"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_a_command_that_exists_and_may_do_little_else(unit: Path):
    """Its command line is one of the portal's, and its sandbox is whole."""
    service = sections(unit)["Service"]
    program, *words = shlex.split(service["ExecStart"])
    assert program == "/opt/portal/bin/portal"
    assert fault_of(main, words, complete=True) is None
    assert {name: service.get(name) for name in HARDENED} == HARDENED
    name, _, file = service["Environment"].partition("=")
    assert (name, file) == ("PORTAL_SETTINGS_FILE", "/etc/portal/portal.env")


@pytest.mark.parametrize("name", ["portal", "portal-web"])
def test_a_unit_can_bind_a_socket_that_the_proxy_reaches(name: str):
    """Gunicorn gives a socket of its own to itself, by a call that is a privileged one."""
    lines = (DEPLOY / "systemd" / f"{name}.service").read_text().splitlines()
    filters = [line.partition("=")[2] for line in lines if line.startswith("SystemCallFilter=")]
    assert filters == ["@system-service", "~@privileged", "@chown"]
    assert "RuntimeDirectory=portal" in lines


def test_systemd_takes_the_units(tmp_path: Path):
    """Nothing in them is unknown to systemd, and it finds little left to take away."""
    if shutil.which("systemd-analyze") is None:
        return  # a container without systemd: the other tests hold the units
    for unit in UNITS:
        text = unit.read_text().replace("/opt/portal/bin/portal", "/bin/true")
        (tmp_path / unit.name).write_text(text)
    files = [str(tmp_path / unit.name) for unit in UNITS]
    for words in (["verify", "--man=no"], ["security", "--offline=true", "--threshold=20"]):
        found = subprocess.run(
            ["systemd-analyze", *words, *files], capture_output=True, text=True, check=False
        )
        assert found.returncode == 0, found.stderr or found.stdout
        assert "Unknown" not in found.stderr


def test_the_settings_are_valid_once_somebody_has_filled_them_in(monkeypatch):
    """Every name is one of ours; without a secret of its own it does not start."""
    lines = (DEPLOY / "portal.env.example").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    names = {name.removeprefix(PREFIX).lower(): value for name, value in values.items()}
    assert set(names) <= set(Settings.model_fields)
    assert names.pop("secret_keys") == ""
    found = Settings.checked(None, secret_keys=SECRET, **names)
    assert (found.env, found.trusted_hops) == ("production", 1)
    assert found.redis_url.startswith("rediss://")


def test_the_proxy_says_who_asks_and_hides_what_it_should():
    """The one hop of the settings, no header of the client's own, nothing secret in its log."""
    text = (DEPLOY / "nginx.conf").read_text()
    sent = dict(re.findall(r"proxy_set_header (\S+) (\S+);", text))
    assert sent["X-Forwarded-For"] == "$remote_addr"
    assert sent["X-Forwarded-Host"] == sent["Forwarded"] == '""'
    log_format = re.search(r"log_format portal '(.+)';", text)
    assert log_format
    assert "$portal_path" in log_format[1]
    assert re.search(r"map \$uri \$portal_path {\s+default \$uri;\s+~\^/staff/link/ \S+-;", text)
    assert not {"$request", "$request_uri", "$uri", "$args", "$query_string"} & set(
        re.findall(r"\$\w+", log_format[1])
    )
    assert re.search(r"ssl_protocols TLSv1\.2 TLSv1\.3;", text)


def test_the_queue_wants_a_password_and_tls():
    """Whoever can write to it wakes jobs."""
    lines = (DEPLOY / "redis.conf").read_text().splitlines()
    values = dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))
    assert values["port"] == "0"
    assert values["tls-port"] == "6379"
    assert values["requirepass"]
    assert (values["save"], values["appendonly"]) == ('""', "no")
