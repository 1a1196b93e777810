"""Identity providers that others wrote."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import authlib.deprecate
import pytest

with warnings.catch_warnings():
    # The provider is written for an older Authlib, which says so; it is not ours to mend.
    warnings.simplefilter("ignore", authlib.deprecate.AuthlibDeprecationWarning)
    from oidc_provider_mock import User, run_server_in_thread

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def running_mock(*users: User) -> Iterator[str]:
    """Run oidc-provider-mock with these people; yield its issuer.

    It asks for no password: its page takes a subject, ``POST`` with ``sub=...`` signs that one in.
    """
    # The issuer is what the request's Host header says, and localhost is the name it listens on.
    with run_server_in_thread(user_claims=users) as server:
        yield f"http://localhost:{server.server_port}"


def canaille_program() -> str:
    """Return the path of the ``canaille`` command in its own environment."""
    program = Path(os.environ.get("CANAILLE_ENV", ROOT / ".venv-canaille")) / "bin" / "canaille"
    if not program.exists():
        pytest.fail("Canaille's environment is missing: make .venv-canaille/stamp", pytrace=False)
    return str(program)
