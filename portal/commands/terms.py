"""`portal terms`: publish and show the terms of use."""

from typing import IO

import click

from portal.commands._shared import in_portal, json_option, read_text, say_row, shell_actor, write
from portal.foundation.db import db
from portal.trust import changes, queries


@click.group()
def terms() -> None:
    """Terms of use: every guest accepts the newest version."""


@terms.command()
@click.argument("file", type=click.File("r", encoding="utf-8", lazy=True))
@json_option
@in_portal()
def publish(file: IO[str], as_json: bool) -> None:
    """Publish FILE (plain text, - for standard input) as the next version.

    Guests are asked for it at their next request.
    """
    body = read_text(file, "the terms")
    version = write(lambda tx: changes.publish_terms(tx, body, published_by=shell_actor().text))
    say_row(
        {"version": version},
        as_json,
        f"Version {version} is published. Guests are asked for it at their next request.",
    )


@terms.command()
@json_option
@in_portal()
def show(as_json: bool) -> None:
    """Show the terms that count now."""
    current = queries.current_terms(db.session())
    row = {
        "version": current.version,
        "published_at": current.published_at,
        "published_by": current.published_by,
        "body": current.body,
    }
    say_row(row, as_json, f"Version {current.version}\n\n{current.body}")
