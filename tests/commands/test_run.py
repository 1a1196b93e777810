"""``portal init``, ``check``, ``db upgrade`` and ``up``, as somebody at a shell meets them."""

import os
import signal
import stat
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.cli import main
from portal.commands.run import first_settings
from portal.foundation.queues import EmbeddedQueue
from portal.foundation.settings import Settings, load_settings
from tests.infra.mailbox import Mailbox
from tests.infra.ports import free_port, wait_until
from tests.infra.processes import run, started
from tests.infra.users import nobody
from tests.properties.texts import SIGNS

SECRET = "fzQ7x2Lk9mVb4Rt1Yp8Wc3Nd6Hs5Jg0A"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """An empty folder to stand in, and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("PORTAL_"):
            monkeypatch.delenv(name)
    return tmp_path


def portal(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.stdout, result.stderr


def test_init_writes_a_file_to_start_with(folder: Path):
    """Readable by its owner alone, with a secret of its own; on loopback it is for development."""
    code, out, err = portal("init", "--host-name", "Northwind")
    assert (code, err) == (0, "")
    assert "portal up" in out
    assert stat.S_IMODE((folder / "portal.env").stat().st_mode) == 0o600
    found = load_settings()
    assert (found.env, found.public_url) == ("development", "http://127.0.0.1:8000")
    assert (found.host_name, found.data_dir) == ("Northwind", folder / "var")
    assert len(found.secret_keys[0]) >= 48


AWKWARD = {
    "a comment": "A # B",
    "begins like a comment": "#1 Builders",
    "spaces at the ends": "  Acme  ",
    "single quotes": "'Acme'",
    "double quotes": '"Acme" & Sons',
    "an apostrophe": "O'Neill's #1",
    "one quote": "'",
    "backslashes": "A\\n \\' \\",
    "a backslash in quotes": "'\\'",
    "a dollar": "Cash$ $HOME",
    "a variable": "A ${HOME} ${} ${:-x} $${HOME}",
    "a variable with a default": "'${NO_SUCH_NAME:-B}' #",
    "an equals sign": "A=B",
    "a word of shells": "export A",
    "letters of elsewhere": "Bücher \u65e5\u672c # \u00ab\u00bb",
}


@pytest.mark.parametrize("name", AWKWARD.values(), ids=AWKWARD)
def test_init_writes_what_is_read_again(folder: Path, name: str):
    """Whatever the host and its folder are called, the file says it to the letter."""
    home = folder / name.replace("/", "")
    home.mkdir()
    file = home / "portal.env"
    code, _, err = portal("init", "--host-name", name, "--file", str(file))
    assert (code, err) == (0, "")
    found = Settings.checked(file)
    assert (found.host_name, found.data_dir) == (name, home / "var")


ANY_SIGNS = st.sampled_from(SIGNS + "{}ax") | st.characters(categories=("L", "N", "S"))


@given(secret=st.text(ANY_SIGNS, min_size=1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_first_file_says_any_secret(folder: Path, secret: str):
    """What others chose has any signs, and a file that says another is found out late."""
    file = folder / "portal.env"
    values = {"env": "development", "public_url": "http://localhost", "secret_keys": SECRET}
    values |= {"host_oidc_issuer": "https://id.host.example", "host_oidc_client_id": "portal"}
    told = first_settings({**values, "host_oidc_client_secret": secret})
    file.write_text(told, encoding="utf-8")
    assert Settings.checked(file).host_oidc_client_secret == secret


def test_init_for_production(folder: Path):
    """An https address says that it is meant."""
    assert portal("init", "--public-url", "https://guests.example.org")[0] == 0
    assert load_settings().env == "production"


def test_init_never_overwrites(folder: Path):
    """Its secrets open what is in the database."""
    portal("init")
    before = (folder / "portal.env").read_text()
    code, _, err = portal("init")
    assert code == 1
    assert err.startswith("portal.env is there already")
    assert (folder / "portal.env").read_text() == before


def test_init_refuses_a_wrong_address(folder: Path):
    """And writes nothing."""
    code, _, err = portal("init", "--public-url", "https://guests.example.org/portal")
    assert code == 1
    assert err.startswith("PORTAL_PUBLIC_URL: write scheme and host alone")
    assert list(folder.iterdir()) == []


def test_every_setting_stands_in_the_first_file(folder: Path):
    """Explained, and not set but for the few."""
    text = first_settings({"public_url": "https://x.example"})
    for name in Settings.model_fields:
        assert f"PORTAL_{name.upper()}=" in text
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines == ["PORTAL_PUBLIC_URL=https://x.example"]


@pytest.mark.parametrize("command", [["up"], ["web"], ["worker"], ["scheduler"], ["check"],
                                     ["db", "upgrade"]])  # fmt: skip
def test_nothing_starts_without_settings(folder: Path, command: list[str]):
    """Every fault, one line each, exit 1."""
    code, out, err = portal(*command)
    assert (code, out) == (1, "")
    assert [line.partition(":")[0] for line in err.splitlines()] == [
        "PORTAL_PUBLIC_URL",
        "PORTAL_SECRET_KEYS",
    ]


@pytest.fixture
def ready(folder: Path, monkeypatch) -> Path:
    """Settings that would do, with a database nobody has made yet."""
    values = {
        "ENV": "development",
        "PUBLIC_URL": "http://127.0.0.1:8000",
        "SECRET_KEYS": SECRET,
        "DATA_DIR": str(folder / "var"),
        "SMTP_URL": "smtp://127.0.0.1:1",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"PORTAL_{name}", value)
    return folder


def test_check_says_what_wants_somebody(ready: Path):
    """One line each, with the setting to look at."""
    code, out, err = portal("check")
    assert code == 1
    assert out == "settings: fine (development, http://127.0.0.1:8000)\n"
    lines = err.splitlines()
    assert lines[0] == "database: it is empty; run `portal db upgrade`"
    assert lines[1].startswith("queue: there is no queue: set PORTAL_REDIS_URL")
    assert lines[2].startswith("mail: the server could not be reached")
    assert lines[2].endswith("see PORTAL_SMTP_URL")
    assert lines[3] == "3 of these want you"


def test_a_variable_that_is_no_setting_is_told(ready: Path, monkeypatch):
    """With the one that was meant; its value is nobody's business, and nothing fails for it."""
    monkeypatch.setenv("PORTAL_SETTINGS_FILE", "")
    before, _, failed = portal("check")
    monkeypatch.setenv("PORTAL_SMTP_ULR", "smtp://u:hush@127.0.0.1")
    monkeypatch.setenv("portal_zzz", "1")
    code, out, err = portal("check")
    assert (code, err) == (before, failed)
    assert out.splitlines()[1:] == [
        "settings: PORTAL_SMTP_ULR: there is no such setting; did you mean PORTAL_SMTP_URL?",
        "settings: PORTAL_ZZZ: there is no such setting",
    ]


def test_check_when_all_is_well(ready: Path, monkeypatch, mailbox: Mailbox):
    """Exit 0."""
    monkeypatch.setenv("PORTAL_SMTP_URL", mailbox.url)
    assert portal("db", "upgrade")[0] == 0
    queue = EmbeddedQueue(load_settings())
    queue.start()
    try:
        code, out, err = portal("check")
    finally:
        queue.stop()
    assert (code, err) == (0, "")
    assert [line.partition(":")[0] for line in out.splitlines()] == [
        "settings",
        "database",
        "secrets",
        "queue",
        "mail",
    ]


def test_check_tells_of_secrets_under_an_old_key(ready: Path, monkeypatch):
    """What an old key opens is to be rotated; what none opens wants somebody."""
    assert portal("db", "upgrade")[0] == 0
    for name, value in {"ISSUER": "https://id.host.example", "CLIENT_ID": "p"}.items():
        monkeypatch.setenv(f"PORTAL_HOST_OIDC_{name}", value)
    monkeypatch.setenv("PORTAL_HOST_OIDC_CLIENT_SECRET", "hush")
    portal("staff", "add", "sam@host.example", "--name", "Sam")  # mails a link, encrypted
    assert "secrets: all under the first key" in portal("check")[1]
    other = "Pq3Zt8Lm2Xc7Vb5Nk9Wd4Rf6Ys1Hj0Gu"
    monkeypatch.setenv("PORTAL_SECRET_KEYS", f"{other},{SECRET}")
    assert "secrets: 1 under an old key; run `portal secrets rotate`" in portal("check")[1]
    monkeypatch.setenv("PORTAL_SECRET_KEYS", other)
    err = portal("check")[2]
    assert "secrets: no key opens the link in the unsent mail to sam@host.example" in err


def test_a_database_that_is_away(ready: Path, monkeypatch):
    """Refused at start, in one line, without the password."""
    monkeypatch.setenv("PORTAL_DATABASE_URL", "postgresql://u:hush@127.0.0.1:1/portal")
    for command in (["db", "upgrade"], ["up"], ["web"]):
        code, _, err = portal(*command)
        assert code == 1
        assert len(err.splitlines()) == 1
        assert "The database cannot be used" in err
        assert "PORTAL_DATABASE_URL" in err
        assert "hush" not in err


@pytest.mark.parametrize("command", [["up"], ["web"], ["db", "upgrade"], ["check"]])
def test_a_data_folder_of_somebody_else(ready: Path, monkeypatch, command: list[str]):
    """A line that says which, and no trace."""
    monkeypatch.chdir("/")
    ready.chmod(0o500)
    with nobody():
        code, _, err = portal(*command)
    assert code == 1
    assert "Traceback" not in err
    assert "PORTAL_DATA_DIR" in err or "PORTAL_DATABASE_URL" in err


@pytest.mark.parametrize("command", ["web", "worker"])
def test_what_works_on_a_database_wants_it_upgraded(ready: Path, command: str):
    """An old schema is no schema."""
    code, _, err = portal(command)
    assert (code, err) == (1, "The database is not up to date: portal db upgrade\n")


def test_upgrading_twice_is_upgrading_once(ready: Path):
    """It says where the database is."""
    first, second = portal("db", "upgrade"), portal("db", "upgrade")
    assert first == second
    assert first[0] == 0
    assert first[1].startswith("The database is up to date (")


def _status(url: str, **headers: str) -> int:
    try:
        asked = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


@pytest.mark.processes
def test_up_runs_all_of_it_and_leaves_nothing(tmp_path: Path):
    """Ready, a second one refused, a killed part started again, and a power cut survived."""
    port = free_port()
    variables = {
        "PORTAL_ENV": "development",
        "PORTAL_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "PORTAL_BIND": f"127.0.0.1:{port}",
        "PORTAL_SECRET_KEYS": SECRET,
        "PORTAL_DATA_DIR": str(tmp_path / "var"),
        "PORTAL_SWEEP_SECS": "5",
    }
    ready = f"http://127.0.0.1:{port}/readyz"
    with started("up", variables=variables, folder=tmp_path) as portal:
        wait_until(lambda: _status(ready) == 200, "the portal to be ready", seconds=90)
        second = run("up", variables=variables, folder=tmp_path)
        assert second.returncode == 1
        assert "runs already" in second.stderr
        children = {_part(one): one for one in psutil.Process(portal.process.pid).children()}
        assert children.keys() == {"queue", "web", "worker", "scheduler"}
        meant = "did you mean PORTAL_SWEEP_SECONDS?"
        wait_until(lambda: portal.output.count(meant) == 3, "a word of each that reads settings")
        children["scheduler"].kill()
        wait_until(
            lambda: "scheduler has ended (exit -9)" in portal.output, "a word about it", seconds=40
        )
        children["queue"].kill()
        wait_until(lambda: "queue has ended" in portal.output, "a word about it", seconds=40)
        wait_until(lambda: _status(ready) == 200, "the queue to be back", seconds=40)
        # The supervisor itself is killed: nobody is there to stop the others. The queue is asked
        # for apart, since a Redis server writes its title over its environment.
        family = [*portal.family(), *psutil.Process(portal.process.pid).children(recursive=True)]
        portal.process.send_signal(signal.SIGKILL)
        portal.process.wait()
        _, alive = psutil.wait_procs(family, timeout=20)
        assert alive == []


@pytest.mark.processes
def test_w10_a_header_is_no_part_of_the_address(ready: Path, monkeypatch, tmp_path: Path):
    """Some proxies hand on what a client calls ``SCRIPT_NAME``: it is nobody's word to us."""
    assert portal("db", "upgrade")[0] == 0
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    variables = {name: value for name, value in os.environ.items() if name.startswith("PORTAL_")}
    variables |= {"PORTAL_PUBLIC_URL": address, "PORTAL_BIND": f"127.0.0.1:{port}"}
    with started("web", variables=variables, folder=tmp_path):
        wait_until(lambda: _status(f"{address}/healthz") == 200, "the web server")
        for prefix in ("/evil", "/healthz"):
            assert _status(f"{address}/healthz", SCRIPT_NAME=prefix) == 200


def _part(process: psutil.Process) -> str:
    words = " ".join(process.cmdline())
    names = {"redis": "queue", "valkey": "queue", "gunicorn": "web"}
    names |= {name: name for name in ("worker", "scheduler")}
    return next(part for word, part in names.items() if word in words)
