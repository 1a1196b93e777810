"""Canaille as an identity provider: real log-in pages, passwords, its own database.

Canaille lives in an environment of its own (``.venv-canaille``, requirements-canaille.lock), since
it needs older releases of libraries than ours. It runs as a process that ends with its parent.
"""

import json
import os
import secrets
import subprocess
import sys
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from demo.waiting import is_free, wait_for_http

ROOT: Final = Path(__file__).resolve().parent.parent
SERVER: Final = Path(__file__).with_name("canaille_server.py")
SCOPES: Final = ("openid", "profile", "email", "phone", "groups")
_NAMESPACE: Final = uuid.UUID("8c2f4b0e-6a53-4f0c-9d5a-3f2b8f1f7a11")


@dataclass(frozen=True, slots=True)
class CanailleUser:
    """A person who can sign in at this provider."""

    username: str
    password: str
    email: str
    given_name: str
    family_name: str
    groups: tuple[str, ...] = ()
    phone: str | None = None


@dataclass(slots=True)
class RunningCanaille:
    """A Canaille that answers; `stop` ends it."""

    issuer: str
    process: subprocess.Popen[bytes]
    log: IO[bytes]

    def stop(self) -> None:
        """End the process and wait for its end. Safe to call twice."""
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.process.stdin.close()
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def canaille_python() -> Path:
    """Return the Python that has Canaille; ``CANAILLE_ENV`` names another environment.

    Raises:
        FileNotFoundError: there is none; the message says what to run.
    """
    python = Path(os.environ.get("CANAILLE_ENV", ROOT / ".venv-canaille")) / "bin" / "python"
    if not python.exists():
        raise FileNotFoundError(f"There is no Canaille at {python}: make .venv-canaille/stamp")
    return python


def subject_of(issuer: str, username: str) -> str:
    """Return the subject (``sub``) of a user: opaque, and the same after every start."""
    return str(uuid.uuid5(_NAMESPACE, f"{issuer} {username}"))


def start_canaille(
    directory: Path,
    port: int,
    users: Sequence[CanailleUser],
    client_id: str,
    client_secret: str,
    redirect_uris: Sequence[str],
    *,
    host: str = "127.0.0.1",
    name: str = "Canaille",
    client_auth: str = "client_secret_basic",
    consent: bool = False,
    timeout: float = 90,
) -> RunningCanaille:
    """Start Canaille with these users and one client; return when its log-in page can be reached.

    The database is made afresh at every start, so what is there is what the arguments say; the
    signing key stays, and so do the subjects.

    Args:
        directory: its own; database, key, configuration and log go there.
        port: a free one.
        users: who can sign in, with their passwords.
        client_id: of the portal at this provider.
        client_secret: the same.
        redirect_uris: exactly as the portal shows them.
        host: a loopback address; the issuer is ``http://HOST:PORT``.
        name: shown on the log-in page.
        client_auth: ``client_secret_basic`` or ``client_secret_post``.
        consent: ask the person before claims are given.
        timeout: seconds until it must answer.

    Raises:
        RuntimeError: the port is taken, or it ended or did not answer in time; the message has
            the end of its log.
    """
    issuer = f"http://{host}:{port}"
    if not is_free(port, host):
        raise RuntimeError(f"Canaille did not start: something else listens at {issuer}")
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("canaille.sqlite*"):
        old.unlink()
    config = directory / "canaille.toml"
    config.write_text(_config(directory, name, host, port))
    seed = {
        "user": [_user(issuer, user) for user in users],
        "group": _groups(issuer, users),
        "client": [_client(client_id, client_secret, redirect_uris, client_auth, consent=consent)],
    }
    (directory / "seed.json").write_text(json.dumps(seed))
    (directory / "seed.json").chmod(0o600)
    log = (directory / "canaille.log").open("wb")
    process = subprocess.Popen(
        [canaille_python(), "-P", SERVER, directory, host, str(port)],
        cwd=directory,
        env={
            "CANAILLE_CONFIG": str(config),
            "PATH": os.environ.get("PATH", ""),
            "LC_ALL": "C.UTF-8",
        },
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        # Ctrl-C at the terminal reaches the parent, which stops its children in order.
        start_new_session=True,
    )
    running = RunningCanaille(issuer, process, log)
    try:
        wait_for_http(f"{issuer}/.well-known/openid-configuration", process, timeout)
    except RuntimeError as fault:
        running.stop()
        tail = (directory / "canaille.log").read_text(errors="replace")[-2000:]
        raise RuntimeError(f"Canaille did not start: {fault}\n{tail}") from fault
    return running


def _config(directory: Path, name: str, host: str, port: int) -> str:
    text = json.dumps  # a JSON string is a TOML string
    return f"""\
SECRET_KEY = {text(secrets.token_urlsafe(32))}
SERVER_NAME = {text(f"{host}:{port}")}
PREFERRED_URL_SCHEME = "http"
# Cookies ignore ports: without a name of its own it would sign people out elsewhere.
SESSION_COOKIE_NAME = {text(f"canaille_{port}")}

[CANAILLE]
NAME = {text(name)}
DATABASE = "sql"
LANGUAGE = "en"
CAPTCHA_ENABLED = false

[CANAILLE.LOGGING]
version = 1
disable_existing_loggers = false
formatters.default.format = "%(asctime)s %(levelname)s %(name)s %(message)s"
handlers.stderr = {{class = "logging.StreamHandler", formatter = "default"}}
root = {{level = "INFO", handlers = ["stderr"]}}

[CANAILLE_SQL]
DATABASE_URI = {text(f"sqlite:///{directory.resolve()}/canaille.sqlite")}
AUTO_MIGRATE = true

[CANAILLE_OIDC]
ACTIVE_JWKS = [{text(_signing_key(directory / "key.pem"))}]

[CANAILLE_OIDC.USERINFO_MAPPING]
# Its default is the login name, which may be given to somebody else one day.
SUB = "{{{{ user.id }}}}"
PREFERRED_USERNAME = "{{{{ user.user_name }}}}"
"""


def _signing_key(path: Path) -> str:
    if not path.exists():
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path.touch(mode=0o600)
        path.write_bytes(pem)
    return path.read_text()


def _user(issuer: str, user: CanailleUser) -> dict[str, object]:
    return {
        "id": subject_of(issuer, user.username),
        "user_name": user.username,
        "password": user.password,
        "password_last_update": _now(),
        "emails": [user.email],
        "given_name": user.given_name,
        "family_name": user.family_name,
        "formatted_name": f"{user.given_name} {user.family_name}",
        "phone_numbers": [user.phone] if user.phone else [],
    }


def _groups(issuer: str, users: Sequence[CanailleUser]) -> list[dict[str, object]]:
    names = dict.fromkeys(group for user in users for group in user.groups)
    return [
        {
            "id": subject_of(issuer, f"group {name}"),
            "display_name": name,
            "members": [subject_of(issuer, u.username) for u in users if name in u.groups],
        }
        for name in names
    ]


def _client(
    client_id: str,
    client_secret: str,
    redirect_uris: Sequence[str],
    client_auth: str,
    *,
    consent: bool,
) -> dict[str, object]:
    identifier = str(uuid.uuid5(_NAMESPACE, client_id))
    return {
        "id": identifier,
        "audience": [identifier],
        "client_id": client_id,
        "client_secret": client_secret,
        "client_id_issued_at": _now(),
        "client_name": "Guest portal",
        # An address on a trusted domain, and 127.0.0.1 is one, spares people the consent page.
        "client_uri": "https://portal.invalid" if consent else "http://127.0.0.1",
        "redirect_uris": list(redirect_uris),
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "scope": list(SCOPES),
        "token_endpoint_auth_method": client_auth,
    }


def _now() -> str:
    # The demo is no part of the portal: it may ask what time it is.
    return datetime.now(UTC).replace(microsecond=0).isoformat()


if __name__ == "__main__":
    sys.exit("Run `python -m demo`, or `start_canaille` from a test.")
