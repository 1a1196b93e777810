"""`portal secrets`: what is stored encrypted, and under which of the secret keys."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Final

import click

from portal.commands._shared import in_portal, json_option, refuse, say_row, write
from portal.delivery.changes import encrypt_again as encrypt_mail_again
from portal.delivery.queries import unsent_secrets
from portal.foundation import clock
from portal.foundation.crypto import Undecryptable, vault
from portal.foundation.db import db
from portal.foundation.transaction import Tx
from portal.trust.changes import encrypt_again as encrypt_provider_again
from portal.trust.queries import providers

# Open sign-ins (15 minutes) and arrivals (30 minutes) are encrypted too, and are never touched
# again: they have passed by then.
SHORT_LIVED: Final = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Stored:
    """A secret that stays in the database.

    Attributes:
        name: whose it is, as people know it.
        texts: as they are stored; empty where that cannot be read.
        anew: the command that enters another one in its place.
        encrypt_again: writes them under the first key; says whether it had to.
    """

    name: str
    texts: tuple[str, ...] = field(repr=False)
    anew: str
    encrypt_again: Callable[[Tx], bool]

    @property
    def under_first(self) -> bool:
        """Whether the first key opens all of it."""
        return all(map(vault().under_first, self.texts))

    @property
    def readable(self) -> bool:
        """Whether any key opens it."""
        try:
            for text in self.texts:
                vault().decrypt(text)
        except Undecryptable:
            return False
        return True


def stored() -> Iterator[Stored]:
    """Yield every secret that is stored for longer than a sign-in takes."""
    session = db.session()
    for row in providers(session):
        yield Stored(
            f"client secret of {row.organisation_slug} {row.slug}",
            (row.secret,),
            f"portal idp set {row.organisation_slug} {row.slug} --client-secret-file FILE",
            partial(encrypt_provider_again, provider_id=row.id),
        )
    for message_id, to, texts in unsent_secrets(session):
        yield Stored(
            f"link in the unsent mail to {to}",
            texts,
            f"portal staff add {to} --name NAME --role ROLE (a new link is mailed)",
            partial(encrypt_mail_again, message_id=message_id),
        )


@click.group("secrets")
def secrets() -> None:
    """Stored secrets, which PORTAL_SECRET_KEYS open."""


@secrets.command()
@json_option
@in_portal()
def rotate(as_json: bool) -> None:
    """Encrypt every stored secret with the first of PORTAL_SECRET_KEYS.

    A short transaction each: safe to repeat, or to stop and go on. What no key opens is named, all
    the others are done, and the exit code is 1.
    """
    done, current = 0, 0
    unreadable: list[Stored] = []
    for one in list(stored()):
        if one.under_first:
            current += 1
            continue
        try:
            changed = write(one.encrypt_again)
        except Undecryptable:
            unreadable.append(one)
            continue
        done += changed
        current += not changed
    drop_after = clock.protocol_now() + SHORT_LIVED
    row = {
        "encrypted_again": done,
        "under_first_key": current,
        "unreadable": [one.name for one in unreadable],
        "drop_old_keys_after": None if unreadable else drop_after,
    }
    said = f"{done} secrets are encrypted again; {current} were under the first key already."
    if not unreadable:
        said += f" Other keys may be dropped after {drop_after:%H:%M} UTC."
    say_row(row, as_json, said)
    if unreadable:
        for one in unreadable:
            click.echo(f"No key opens the {one.name}. To replace it: {one.anew}", err=True)
        refuse(
            f"{len(unreadable)} could not be opened: put the key that wrote them back at the end "
            "of PORTAL_SECRET_KEYS, or replace them as said above"
        )
