"""The ``portal`` command: mounts what the rooms offer at the shell."""

import os
import sys

import click

import portal
from portal import worker as workers
from portal.check import check as probes
from portal.commands import (
    application,
    audit,
    backup,
    contract,
    demo,
    guest,
    idp,
    lifecycle,
    org,
    outbox,
    run,
    secrets,
    session,
    staff,
    terms,
)
from portal.commands._shared import PortalGroup, refuse
from portal.foundation.settings import unknown_variables


@click.group(cls=PortalGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(portal.__version__, prog_name="portal")
def main() -> None:
    """Guest portal: people of other companies, through their own company's sign-in."""


@main.command()
def worker() -> None:
    """Start a worker alone."""
    settings = run.settings_or_refuse()
    run.require_upgraded(settings, awaited=True)  # jobs that fail meanwhile are found again
    workers.work(settings)


@main.command()
def scheduler() -> None:
    """Start the scheduler alone. Two of them do no harm."""
    workers.schedule(run.settings_or_refuse())


@main.command()
def check() -> None:
    """Say whether settings, database, stored secrets, queue and mail server are fine."""
    settings = run.settings_or_refuse()
    click.echo(f"settings: fine ({settings.env}, {settings.public_url})")
    for line in unknown_variables(os.environ):
        click.echo(f"settings: {line}")
    failed = 0
    for found in probes(settings):
        click.echo(found.line, err=not found.fine)
        failed += not found.fine
    if failed:
        refuse(f"{failed} of these want you")


MOUNTED = (
    run.init,
    run.up,
    run.web,
    run.database,
    org.org,
    contract.contract,
    idp.idp,
    staff.staff,
    application.app,
    application.entitlement,
    guest.guest,
    terms.terms,
    lifecycle.lifecycle,
    outbox.outbox,
    secrets.secrets,
    session.session,
    audit.audit,
    demo.demo,
)
for command in MOUNTED:
    main.add_command(command)
run.database.add_command(backup.backup)
run.database.add_command(backup.restored)

if __name__ == "__main__":
    sys.exit(main())
