"""The demo: partners, people and a mail sink beside a portal, all on loopback."""

import os
import sys

import click

from portal.commands._shared import refuse
from portal.foundation import files


@click.command()
def demo() -> None:
    """Show the portal with partners and people, on this machine alone."""
    root = files.folder("templates").parent
    if not (root / "demo" / "__main__.py").is_file():
        refuse("The demo comes with the source tree, not with the wheel: run make demo there")
    os.chdir(root)
    os.execv(sys.executable, [sys.executable, "-m", "demo"])  # noqa: S606 - becomes the demo
