"""Settings: every fault at once, one clear line each."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from portal.foundation.settings import BadSettings, Settings, load_settings
from tests.infra.users import nobody

SECRET = "fzQ7x2Lk9mVb4Rt1Yp8Wc3Nd6Hs5Jg0A"
GOOD = {"public_url": "https://guests.example.org", "secret_keys": SECRET}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for name in ("PORTAL_SETTINGS_FILE", "PORTAL_PUBLIC_URL", "PORTAL_SECRET_KEYS", "PORTAL_ENV"):
        monkeypatch.delenv(name, raising=False)


def lines(**values: object) -> list[str]:
    with pytest.raises(BadSettings) as caught:
        Settings.checked(None, **(GOOD | values))
    return caught.value.lines


@pytest.mark.parametrize(
    ("values", "begins"),
    [
        ({"public_url": "http://guests.example.org"}, "PORTAL_PUBLIC_URL: use https"),
        ({"public_url": "https://guests.example.org/x"}, "PORTAL_PUBLIC_URL: write scheme and"),
        ({"public_url": "https://u@guests.example.org"}, "PORTAL_PUBLIC_URL: write scheme and"),
        ({"public_url": "guests.example.org"}, "PORTAL_PUBLIC_URL: write scheme and"),
        ({"public_url": "https://Guests.example.org"}, "PORTAL_PUBLIC_URL: write the host in"),
        ({"public_url": "https://guests.example.org:443"}, "PORTAL_PUBLIC_URL: leave out the"),
        ({"public_url": "https://guests.example.org:"}, "PORTAL_PUBLIC_URL: leave out the"),
        ({"secret_keys": "short"}, "PORTAL_SECRET_KEYS: use 32 random"),
        ({"secret_keys": "a" * 40}, "PORTAL_SECRET_KEYS: use random characters"),
        ({"secret_keys": "changeme-" + SECRET}, "PORTAL_SECRET_KEYS: use random characters"),
        ({"secret_keys": f"{SECRET},short"}, "PORTAL_SECRET_KEYS: use 32 random"),
        ({"secret_keys": " , "}, "PORTAL_SECRET_KEYS: set at least one"),
        ({"redis_url": "redis://queue:6379/0"}, "PORTAL_REDIS_URL: put a password"),
        ({"redis_url": "http://queue"}, "PORTAL_REDIS_URL: begin with redis://"),
        ({"redis_url": "rediss://:hush@queue:x/0"}, "PORTAL_REDIS_URL: write rediss://"),
        ({"redis_url": "rediss://:hush@queue/0?db=x"}, "PORTAL_REDIS_URL: write rediss://"),
        ({"redis_url": "rediss://:hush@queue/0?no=1"}, "PORTAL_REDIS_URL: write rediss://"),
        ({"redis_url": "rediss://:hush@[::1"}, "PORTAL_REDIS_URL: write rediss://"),
        ({"database_url": "mysql://x"}, "PORTAL_DATABASE_URL: begin with postgresql://"),
        ({"database_url": "postgresql://u:p@h:x/d"}, "PORTAL_DATABASE_URL: write postgresql://"),
        ({"database_url": "sqlite://var/d"}, "PORTAL_DATABASE_URL: write postgresql://"),
        ({"database_url": "sqlite://"}, "PORTAL_DATABASE_URL: write postgresql://"),
        ({"database_url": "sqlite:///:memory:"}, "PORTAL_DATABASE_URL: write postgresql://"),
        ({"host_name": "A\nB"}, "PORTAL_HOST_NAME: write one line"),
        ({"host_name": "  "}, "PORTAL_HOST_NAME: write one line"),
        ({"clock_offset": 60}, "PORTAL_CLOCK_OFFSET: the clock can only be moved"),
        ({"env": "prod"}, "PORTAL_ENV: input should be 'production' or"),
        ({"colour": "green"}, "PORTAL_COLOUR: write it as #rrggbb"),
        ({"colour": "#eeee00"}, "PORTAL_COLOUR: choose a darker one"),
        ({"logo": "/nowhere/logo.png"}, "PORTAL_LOGO: there is no file"),
        ({"logo": "/etc/passwd"}, "PORTAL_LOGO: name a PNG"),
        ({"ca_file": "/nowhere/ca.pem"}, "PORTAL_CA_FILE: there is no file"),
        ({"ca_file": "/etc/passwd"}, "PORTAL_CA_FILE: there is no certificate in /etc/passwd"),
        ({"ca_file": "a\0b"}, "PORTAL_CA_FILE: there is no file"),
        ({"trusted_hops": 11}, "PORTAL_TRUSTED_HOPS: input should be less"),
        ({"limit_per_address": "lots"}, "PORTAL_LIMIT_PER_ADDRESS: write it as in"),
        ({"limit_per_account": "0 per minute"}, "PORTAL_LIMIT_PER_ACCOUNT: write it as in"),
        ({"mail_from": "Portal <a@b.example>"}, "PORTAL_MAIL_FROM: enter one bare address"),
        ({"host_domains": "example.org,nothing"}, "PORTAL_HOST_DOMAINS: 'nothing' is no domain"),
        ({"smtp_url": "mail.example.org"}, "PORTAL_SMTP_URL: write smtp://"),
        ({"smtp_url": "smtp://u:hush%C3%A4@h"}, "PORTAL_SMTP_URL: choose a user and a password"),
        ({"smtp_url": "smtp://u:hush\u00e4@h"}, "PORTAL_SMTP_URL: choose a user and a password"),
        ({"bind": "8000"}, "PORTAL_BIND: write address and port"),
        ({"bind": "unix:/"}, "PORTAL_BIND: name the socket's file"),
        ({"bind": "unix:/run/portal/"}, "PORTAL_BIND: name the socket's file"),
        ({"bind": "::1:8000"}, "PORTAL_BIND: write an IPv6 address in brackets"),
        ({"egress_private_hosts": "https://idp"}, "PORTAL_EGRESS_PRIVATE_HOSTS: 'https://idp' is"),
        ({"host_oidc_issuer": "http://idp.example.org"}, "PORTAL_HOST_OIDC_ISSUER: use https"),
        ({"host_oidc_client_id": "p"}, "PORTAL_HOST_OIDC_CLIENT_ID: is of no use without"),
        ({"host_oidc_client_secret": "hush"}, "PORTAL_HOST_OIDC_CLIENT_SECRET: is of no use"),
        ({"host_oidc_role_claim": "groups"}, "PORTAL_HOST_OIDC_ROLE_CLAIM and at least one"),
    ],
)
def test_a_fault_has_its_line(values, begins):
    """Each says which variable it is and what to do; none shows a secret."""
    found = lines(**values)
    assert [line for line in found if begins in line], found
    assert SECRET not in "".join(found)
    assert "hush" not in "".join(found)


def test_w15_every_fault_is_told_at_once():
    """A start that is refused is refused once, not fault by fault."""
    found = lines(
        public_url="http://x.example", secret_keys="secret", redis_url="redis://q", clock_offset=1,
        host_oidc_issuer="https://idp.example.org",
    )  # fmt: skip
    names = [line.partition(":")[0].removeprefix("PORTAL_") for line in found]
    assert names == [
        "PUBLIC_URL",
        "SECRET_KEYS",
        "REDIS_URL",
        "HOST_OIDC_CLIENT_ID",
        "HOST_OIDC_CLIENT_SECRET",
        "CLOCK_OFFSET",
    ]


@pytest.mark.parametrize(
    "secret",
    [
        "short",
        "changeme-changeme-changeme-changeme",
        "my-default-key-7x2Lk9mVb4Rt1Yp8Wc3Nd",
        "a" * 64,
        "0123456789abcdef0123456789abcdef",
        f"{SECRET},secret",
    ],
)
def test_w15_a_secret_that_can_be_guessed_starts_nothing(secret):
    """Too short, a word, a row: whoever guesses it signs sessions and opens what is encrypted."""
    (line,) = lines(secret_keys=secret)
    assert line.startswith("PORTAL_SECRET_KEYS: ")
    assert secret not in line


def test_w15_without_a_secret_nothing_starts(monkeypatch):
    """Nothing is set: nothing is assumed."""
    with pytest.raises(BadSettings) as caught:
        load_settings()
    assert [line.partition(":")[0] for line in caught.value.lines] == [
        "PORTAL_PUBLIC_URL",
        "PORTAL_SECRET_KEYS",
    ]


def test_w15_debugging_is_refused_in_production(monkeypatch):
    """It would show the inside to everybody."""
    monkeypatch.setenv("PORTAL_PUBLIC_URL", "https://guests.example.org")
    monkeypatch.setenv("PORTAL_SECRET_KEYS", SECRET)
    monkeypatch.setenv("FLASK_DEBUG", "1")
    with pytest.raises(BadSettings, match="FLASK_DEBUG: unset it"):
        load_settings()
    monkeypatch.setenv("FLASK_DEBUG", "0")
    assert load_settings().env == "production"


def test_j01_redis_without_password_is_for_development_only():
    """Who can write to Redis starts jobs."""
    assert "password" in lines(redis_url="redis://queue:6379/0")[0]
    assert Settings.checked(None, **GOOD, env="development", redis_url="redis://queue").redis_url
    assert Settings.checked(None, **GOOD, redis_url="rediss://:hush@queue:6379/0").redis_url


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("redis://:hush@queue:6379/0", False),
        ("redis://:hush@10.0.0.7:6379/0", False),
        ("redis://127.0.0.1.evil.example:6379/0", False),
        ("rediss://:hush@queue:6379/0", True),
        ("redis://:hush@127.0.0.1:6379/0", True),
        ("redis://:hush@[::1]:6379/0", True),
        ("redis://:hush@localhost/0", True),
        ("unix://:hush@/run/redis.sock", True),
        ("unix:///run/redis.sock", False),
        ("rediss://queue:6380/0", False),
        ("rediss://:hush@queue:6379/0?ssl_cert_reqs=none", False),
        ("rediss://:hush@queue:6379/0?ssl_cert_reqs=optional", False),
        ("rediss://:hush@queue:6379/0?ssl_check_hostname=false", False),
        ("rediss://:hush@queue:6379/0?ssl_cert_reqs=required&ssl_check_hostname=true", True),
    ],
)
def test_j01_a_queue_elsewhere_is_reached_by_password_and_tls(url, taken):
    """Production does not start with a queue that somebody on the way could write to."""
    if taken:
        assert Settings.checked(None, **GOOD, redis_url=url).redis_url == url
    else:
        assert lines(redis_url=url)[0].startswith("PORTAL_REDIS_URL: ")


def test_development_allows_what_loopback_needs():
    """http, a moved clock."""
    values = GOOD | {"public_url": "http://127.0.0.1:8000"}
    found = Settings.checked(None, **values, env="development", clock_offset=86_400)
    assert (found.https, found.public_host) == (False, "127.0.0.1:8000")


def test_what_is_not_set_has_a_sense(tmp_path):
    """SQLite in the data folder, a sender of the public host."""
    found = Settings.checked(None, **GOOD, data_dir=tmp_path)
    assert found.database == f"sqlite:///{tmp_path}/portal.sqlite3"
    assert found.mail_from == "no-reply@guests.example.org"
    assert found.env == "production"


def test_an_odd_data_folder_holds_the_database(tmp_path):
    """Whatever signs of URLs it has in its name."""
    found = Settings.checked(None, **GOOD, data_dir=tmp_path / "a b#c?d%41")
    assert make_url(found.database).database == f"{tmp_path}/a b#c?d%41/portal.sqlite3"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_reached_through_psycopg(scheme):
    """However it is spelled."""
    found = Settings.checked(None, **GOOD, database_url=f"{scheme}://u:p@h/d")
    assert found.database == "postgresql+psycopg://u:p@h/d"


def test_lists_are_separated_by_commas():
    """And cleaned."""
    found = Settings.checked(None, **GOOD, host_domains="Example.org, b\u00fccher.example ,")
    assert found.host_domains == ("example.org", "xn--bcher-kva.example")


def test_a_file_is_read_and_the_environment_wins(monkeypatch, tmp_path: Path):
    """Secrets may come from the environment, the rest from the file."""
    file = tmp_path / "my.env"
    file.write_text(
        "PORTAL_PUBLIC_URL=https://from-file.example\nPORTAL_HOST_NAME=File Ltd\nPORTAL_LOGO=\n"
    )
    monkeypatch.setenv("PORTAL_SETTINGS_FILE", str(file))
    monkeypatch.setenv("PORTAL_SECRET_KEYS", SECRET)
    monkeypatch.setenv("PORTAL_PUBLIC_URL", "https://from-env.example")
    found = load_settings()
    assert (found.public_url, found.host_name) == ("https://from-env.example", "File Ltd")


def test_a_misspelled_name_in_the_file_is_told(monkeypatch, tmp_path: Path):
    """With the one that was meant."""
    (tmp_path / "portal.env").write_text(
        f"PORTAL_PUBLIC_URI=https://x.example\nPORTAL_SECRET_KEYS={SECRET}\n"
    )
    with pytest.raises(BadSettings) as caught:
        load_settings()
    assert any(
        line == "PORTAL_PUBLIC_URI: there is no such setting; did you mean PORTAL_PUBLIC_URL?"
        for line in caught.value.lines
    )


def test_a_settings_file_that_is_not_there(monkeypatch):
    """A named file must exist; the usual one may be missing."""
    monkeypatch.setenv("PORTAL_SETTINGS_FILE", "/nowhere/portal.env")
    with pytest.raises(BadSettings, match="there is no file /nowhere"):
        load_settings()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PORTAL_HOST_DOMAINS='example.org\n", "line 2: write NAME=value, every quote closed"),
        (b"PORTAL HOST_NAME=Host\n", "line 2: write NAME=value, every quote closed"),
        (b"\n# Ours\n\nPORTAL_HOST_NAME\n", "line 5: write NAME=value, every quote closed"),
        (
            b"\nexport portal_public_url = 'https://y.example'\n",
            "line 3: portal_public_url has a value in line 1 already: keep one",
        ),
        (b"PORTAL_HOST_NAME=H\xf6st\n", "write it in UTF-8"),
    ],
)
def test_a_line_that_cannot_be_read_is_not_passed_over(tmp_path: Path, content, said):
    """What it would have set might be what keeps somebody out."""
    (tmp_path / "portal.env").write_bytes(b"PORTAL_PUBLIC_URL=https://x.example\n" + content)
    with pytest.raises(BadSettings) as caught:
        load_settings()
    assert caught.value.lines == [f"portal.env: {said}"]


def test_an_empty_line_beside_the_one_that_counts(tmp_path: Path):
    """Empty means not set, as in the example file: nothing is passed over."""
    lines = f"PORTAL_SECRET_KEYS=\nPORTAL_PUBLIC_URL=https://x.example\nPORTAL_SECRET_KEYS={SECRET}"
    (tmp_path / "portal.env").write_text(lines)
    assert load_settings().secret_keys == (SECRET,)


@pytest.mark.parametrize("hidden", ["file", "folder"])
def test_a_settings_file_of_somebody_else(monkeypatch, tmp_path: Path, hidden: str):
    """Whoever may not read it is told so, and by which name."""
    folder = tmp_path / "etc"
    folder.mkdir()
    file = folder / "portal.env"
    file.write_text(f"PORTAL_SECRET_KEYS={SECRET}\n")
    (file if hidden == "file" else folder).chmod(0)
    monkeypatch.setenv("PORTAL_SETTINGS_FILE", str(file))
    with nobody(), pytest.raises(BadSettings) as caught:
        load_settings()
    assert caught.value.lines == [
        f"PORTAL_SETTINGS_FILE: you may not read {file}; be the user that runs the portal"
    ]


def test_secrets_are_not_in_the_text_of_the_settings():
    """A log line or a traceback that shows them shows no secret."""
    found = Settings.checked(
        None, **GOOD, redis_url="rediss://:hush@q", host_oidc_issuer="https://i.example",
        host_oidc_client_id="x", host_oidc_client_secret="hush",
    )  # fmt: skip
    assert SECRET not in repr(found)
    assert "hush" not in repr(found)


def test_every_setting_is_documented():
    """The text under the field is all the documentation there is."""
    assert [n for n, field in Settings.model_fields.items() if not field.description] == []
