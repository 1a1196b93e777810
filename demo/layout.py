"""Where everything of the demo is: its folder, ports, secrets and settings, kept between starts."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from demo.waiting import free_port, is_free

ROOT: Final = Path(__file__).resolve().parent.parent
HOST: Final = "127.0.0.1"
# Raised when the data set changes: an older folder is then made anew.
DATA_VERSION: Final = 1
_PORTS: Final[Mapping[str, int]] = {
    "portal": 8000,
    "mail": 8025,
    "smtp": 8026,
    "northwind": 8101,
    "acme": 8102,
    "globex": 8103,
    "initech": 8104,
}


class CannotStart(Exception):
    """The demo cannot start; the message says what to do."""


@dataclass(slots=True)
class Layout:
    """One demo, as ``state.json`` in its folder keeps it."""

    directory: Path
    ports: dict[str, int]
    secrets: dict[str, str]
    version: int = DATA_VERSION
    complete: bool = False
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def portal_url(self) -> str:
        """Where people open the portal."""
        return self.url("portal")

    def url(self, name: str) -> str:
        """Return the address of one part."""
        return f"http://{HOST}:{self.ports[name]}"

    def callback(self, organisation: str) -> str:
        """Return the redirect URI that the portal shows for an organisation's provider."""
        return f"{self.portal_url}/sign-in/{organisation}/main/callback"

    @property
    def staff_callback(self) -> str:
        """Return the redirect URI of the employees' entrance."""
        return f"{self.portal_url}/staff/sign-in/callback"

    @property
    def settings_file(self) -> Path:
        """Return the file that ``PORTAL_SETTINGS_FILE`` names."""
        return self.directory / "portal.env"

    def save(self) -> None:
        """Keep it for the next start."""
        self.directory.mkdir(parents=True, exist_ok=True)
        kept = {key: value for key, value in asdict(self).items() if key != "directory"}
        path = self.directory / "state.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(kept, indent=2))

    def write_settings(self) -> None:
        """Write the portal's settings file."""
        lines = {
            "ENV": "development",
            "BIND": f"{HOST}:{self.ports['portal']}",
            "PUBLIC_URL": self.portal_url,
            "SECRET_KEYS": self.secrets["portal"],
            "DATA_DIR": str(self.directory / "data"),
            "SMTP_URL": f"smtp://{HOST}:{self.ports['smtp']}",
            "MAIL_FROM": "guests@northwind.example",
            "HOST_NAME": "Northwind",
            "HOST_DOMAINS": "northwind.example",
            "SUPPORT_CONTACT": "service-desk@northwind.example",
            "HOST_OIDC_ISSUER": self.url("northwind"),
            "HOST_OIDC_CLIENT_ID": "guest-portal",
            "HOST_OIDC_CLIENT_SECRET": self.secrets["northwind"],
            "HOST_OIDC_ROLE_CLAIM": "roles",
            "HOST_OIDC_SPONSOR_VALUE": "portal-sponsor",
            "HOST_OIDC_ADMIN_VALUE": "portal-admin",
        }
        text = "".join(f"PORTAL_{name}={value}\n" for name, value in lines.items())
        self.settings_file.touch(mode=0o600)
        self.settings_file.write_text(text)

    def environment(self) -> dict[str, str]:
        """Return the environment of the portal's processes: ours, without settings of another."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PORTAL_")}
        return kept | {"PORTAL_SETTINGS_FILE": str(self.settings_file), "PYTHONUNBUFFERED": "1"}


def read_layout(directory: Path) -> Layout:
    """Return what is kept in a folder, as it is."""
    return Layout(directory=directory, **json.loads((directory / "state.json").read_text()))


def load_layout(directory: Path, port: int | None) -> Layout | None:
    """Return what an earlier start left, if it can be used as it is.

    Args:
        directory: the demo's folder.
        port: of the portal, when one was asked for.

    Raises:
        CannotStart: one of its ports is taken.
    """
    try:
        layout = read_layout(directory)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    if not layout.complete or layout.version != DATA_VERSION or set(layout.ports) != set(_PORTS):
        return None
    if port is not None:
        layout.ports["portal"] = port
    for name, number in layout.ports.items():
        if not is_free(number, HOST):
            raise CannotStart(
                f"Port {number} is taken, by another demo perhaps: stop that, "
                + (
                    "or choose another with DEMO_PORT=8001 make demo"
                    if name == "portal"
                    else f"or remove {directory} to begin anew"
                )
            )
    return layout


def new_layout(directory: Path, port: int | None) -> Layout:
    """Return a fresh demo: the usual ports where they are free, others where not.

    Raises:
        CannotStart: the port that was asked for is taken.
    """
    if port is not None and not is_free(port, HOST):
        raise CannotStart(f"Port {port} is taken: choose another with DEMO_PORT=8001 make demo")
    ports = {
        name: usual if is_free(usual, HOST) else free_port(HOST) for name, usual in _PORTS.items()
    }
    if port is not None:
        ports["portal"] = port
    names = ("portal", "northwind", "acme", "globex", "initech")
    return Layout(directory, ports, {name: secrets.token_urlsafe(32) for name in names})
